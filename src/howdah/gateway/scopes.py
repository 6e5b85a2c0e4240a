"""What a service token may be used for, besides what its roles may do: parts and services, to read or in every way.

A scope is ``data``, ``auth``, ``service:<name>`` or ``service:*``; with ``:read`` behind it, by GET and HEAD alone. In
the Data API every query is a POST: what may be read and written there, the permissions of the token's roles say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from howdah.gateway.errors import ScopeMissing, ServicesOnly

if TYPE_CHECKING:
    from howdah.gateway.match import Target
    from howdah.session import Caller

READING: Final = frozenset({"GET", "HEAD"})


def scopes_of(caller: Caller) -> tuple[str, ...] | None:
    """What the caller's credential is meant for; None is everything its roles may do."""
    return None if caller.identity is None else caller.identity.scopes


def check_scope(target: Target, method: str, caller: Caller) -> None:
    """Refuse a caller whose credential is not meant for this. Raises ServicesOnly and ScopeMissing."""
    if target.internal and caller.credential != "internal":
        raise ServicesOnly
    scopes = scopes_of(caller)
    if scopes is None:
        return
    names = {target.name} if target.kind == "part" else {f"service:{target.name}", "service:*"}
    allowed = names | {f"{name}:read" for name in names} if method in READING else names
    if allowed.isdisjoint(scopes):
        raise ScopeMissing
