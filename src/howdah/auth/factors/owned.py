"""Which second factors a user has: looked at, renamed, removed. Recovery codes alone are no factor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from howdah.auth.store import Submitter, ask
from howdah.postgres import queries

_QUERIES: Final = queries.load(Path(__file__).with_name("owned.sql"))

Way = Literal["totp", "passkey", "recovery"]
"""How a second factor is shown: a code of an app, a passkey, a recovery code."""

WAYS: Final = frozenset({"totp", "passkey", "recovery"})


@dataclass(frozen=True, slots=True)
class Factor:
    """An authenticator app or a passkey. Times as texts, ``used`` None where it never was."""

    id: str
    name: str
    created: str
    used: str | None


@dataclass(frozen=True, slots=True)
class Factors:
    """A user's confirmed factors, and how many recovery codes are left."""

    totp: tuple[Factor, ...]
    passkeys: tuple[Factor, ...]
    recovery_codes: int

    @property
    def is_any(self) -> bool:
        """Whether a password alone is not enough for this account."""
        return bool(self.totp or self.passkeys)

    @property
    def ways(self) -> tuple[Way, ...]:
        """How the user can show a second factor; none where there is none."""
        if not self.is_any:
            return ()
        has: dict[Way, Any] = {"totp": self.totp, "passkey": self.passkeys, "recovery": self.recovery_codes}
        return tuple(way for way, there in has.items() if there)


async def find_factors(where: Submitter, user_id: int) -> Factors:
    """The user's factors."""
    row = await ask(where, _QUERIES["find"], user_id)
    return Factors(_factors(row["totp"]), _factors(row["passkeys"]), row["recovery_codes"])


def _factors(rows: list[dict[str, Any]]) -> tuple[Factor, ...]:
    return tuple(Factor(**row) for row in rows)


async def rename_factor(where: Submitter, user_id: int, factor_id: str, name: str) -> bool:
    """The user's factor has this name; whether there is one."""
    return bool(await ask(where, _QUERIES["rename"], user_id, factor_id, name))


async def remove_factor(where: Submitter, user_id: int, factor_id: str) -> str | None:
    """The user's factor is gone; its name, None if there was none."""
    name: str | None = await ask(where, _QUERIES["remove"], user_id, factor_id)
    return name


async def remove_factors(where: Submitter, user_id: int) -> dict[str, int]:
    """All of the user's factors and recovery codes are gone; how many there were of each."""
    removed: dict[str, int] = await ask(where, _QUERIES["remove_all"], user_id)
    return removed
