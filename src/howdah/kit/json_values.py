"""How values that JSON does not know are written in answers: the same in both frameworks. Pure.

Times are RFC 3339 with the zone they have; one without a zone is written without, because whatever stood there would be
made up. UUID and Decimal are text: a Decimal as a number would lose digits in most readers.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import json
import pathlib
import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any


def dumps(value: Any) -> str:
    """The value as JSON. Raises TypeError for what cannot be written, ValueError for NaN and infinity.

    >>> dumps({"price": decimal.Decimal("9.90"), "id": uuid.UUID(int=7), "day": dt.date(2026, 11, 21)})
    '{"price":"9.90","id":"00000000-0000-0000-0000-000000000007","day":"2026-11-21"}'
    """
    return json.dumps(value, default=default, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def default(value: Any) -> Any:
    """What JSON writes instead of a value that it does not know. Raises TypeError: it is nothing we know, either."""
    match value:
        case dt.datetime():
            return moment(value)
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case enum.Enum():
            return value.value
        case decimal.Decimal() | uuid.UUID() | pathlib.PurePath():
            return str(value)
        case ipaddress.IPv4Address() | ipaddress.IPv6Address() | ipaddress.IPv4Network() | ipaddress.IPv6Network():
            return str(value)
        case AbstractSet():
            return list(value)
        case Mapping():
            return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if callable(dump := getattr(value, "model_dump", None)):  # pydantic
        return dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def moment(value: dt.datetime) -> str:
    """A date and time as RFC 3339, with its own zone: ``Z`` where that is UTC.

    >>> moment(dt.datetime(2026, 11, 21, 10, 15, tzinfo=dt.timezone(dt.timedelta(hours=2))))
    '2026-11-21T10:15:00+02:00'
    >>> moment(dt.datetime(2026, 11, 21, 10, 15, tzinfo=dt.timezone.utc))
    '2026-11-21T10:15:00Z'
    """
    offset = value.utcoffset()
    if offset is None:
        return value.isoformat()
    if not offset:
        return value.replace(tzinfo=None).isoformat() + "Z"
    return value.isoformat()
