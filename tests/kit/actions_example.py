"""A module of an API that takes only POST."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any

from actions_bearer import BEARER
from shapes import Foss, FossModel

from howdah.kit.actions import Actions, Module, route, schema


@schema(Foss)
def foo(name: str, stars: int, tags: list[str] | None = None) -> dict[str, Any]:
    """By marshmallow."""
    return {"name": name, "stars": stars, "tags": tags}


@schema(FossModel)
async def later(name: str, stars: int, tags: list[str]) -> dict[str, Any]:
    """By pydantic, and asynchronous."""
    return {"name": name, "stars": stars, "tags": tags}


def plain(n: int, by: int = 1) -> int:
    """By nothing but its arguments."""
    return n * by


def values() -> dict[str, Any]:
    """What JSON does not know."""
    summer = dt.timezone(dt.timedelta(hours=2))
    return {
        "there": dt.datetime(2026, 7, 1, 12, 30, tzinfo=summer),
        "utc": dt.datetime(2026, 7, 1, 12, 30, 0, 250_000, tzinfo=dt.UTC),
        "nowhere": dt.datetime(2026, 7, 1, 12, 30),  # noqa: DTZ001 - without a zone on purpose
        "day": dt.date(2026, 7, 1),
        "id": uuid.UUID(int=7),
        "price": decimal.Decimal("9.90"),
    }


example = Module(
    "modules.example",
    [{"route": "foo", "action": foo}, route("later", later), route("deep/plain", plain), route("values", values)],
)
guarded = Module("guarded", [route("plain", plain)], roles=["editor"])

table = Actions([example, guarded], bearer=BEARER)
