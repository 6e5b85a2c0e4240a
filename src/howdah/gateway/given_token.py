"""The token that proves to a service who calls, given to another service, which calls it without the gateway (gRPC).

It says what the gateway would have said in a request that the other service sent through it: the caller is whoever that
one's word is for, and nobody else gets one. Pure but for the clock of `InternalTokens`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import msgspec

from howdah.gateway.headers import identity_headers
from howdah.gateway.match import Target
from howdah.gateway.scopes import check_scope, scopes_of
from howdah.kit.internal_token import SHORTEST_LIFE
from howdah.services.errors import UnknownService

if TYPE_CHECKING:
    from howdah.gateway.internal import InternalTokens
    from howdah.session import Caller

TOKEN_PATH: Final = "/-/internal-token"  # noqa: S105 - a path


def given_token(query: bytes, caller: Caller, internal: InternalTokens | None, domain: str) -> bytes:
    """The answer, for the service that ``?service=`` names. Raises ServicesOnly, ScopeMissing and UnknownService."""
    names = parse_qs(query.decode("latin-1")).get("service", [])
    name = names[0] if len(names) == 1 else ""
    check_scope(Target("service", name, "", internal=True), "POST", caller)
    identity = identity_headers(caller.session, caller.roles, domain)
    fields = () if internal is None else internal.fields(name, identity, scopes_of(caller))
    if not fields:
        raise UnknownService(f"There is no service {name!r}.")
    return msgspec.json.encode({"token": fields[0][1].decode("ascii"), "expires_in": SHORTEST_LIFE})
