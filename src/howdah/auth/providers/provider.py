"""What every way to sign in has: making an account, and showing that one is yours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from howdah.auth.errors import InvalidBody, ProviderOff
from howdah.auth.part import Auth
from howdah.auth.sessions import Origin
from howdah.auth.sign_in import Proof
from howdah.postgres.connection import Connection

Data = TypeVar("Data")


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a sign-up: the proof to sign in with at once, or None where something has to be verified first.

    Then ``answer`` is what to say: the same for a stranger and for somebody who has an account already (R8).
    """

    proof: Proof | None
    answer: Mapping[str, Any] | None = None
    cookies: tuple[str, ...] = ()


Write = Callable[[Connection], Awaitable[Registered]]
"""Writes a new account into the transaction of a connection."""


class Provider(Protocol):
    """One way to sign in."""

    @property
    def data(self) -> type[Any] | None:
        """What it is sent; None where a service of the project's own reads it."""
        ...

    async def sign_up(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Write:
        """Everything about a new account but the writing of it: what takes long is done before a transaction begins.

        Raises what is wrong with the data; what is returned raises UserAlreadyExists.
        """
        ...

    async def log_in(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Proof:
        """Whose account it is. Raises InvalidUser and what is wrong with the data."""
        ...


def check_on(auth: Auth, name: str) -> None:
    """People may sign in this way here. Raises ProviderOff."""
    if name not in auth.section.providers:
        raise ProviderOff(hint=f"Here it is: {', '.join(auth.section.providers)}.")


def read_data(data: Mapping[str, Any], struct: type[Data]) -> Data:
    """The provider's arguments; what is not in ``struct`` is refused (R68). Raises InvalidBody."""
    try:
        return msgspec.convert(data, struct)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        raise InvalidBody(f"{message}.", path=f"$.data{place.rstrip('`').removeprefix('$')}") from None
