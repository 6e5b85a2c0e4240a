"""What a service of the project's own shows when it asks for something → to whom that belongs. Pure but for the clock.

A service acts for itself, in the role that its section of howdah.toml gives it, or on behalf of whoever calls it, in
the role of that call and no other. In neither way does it reach the accounts: they are for people.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from howdah.kit.assertion import is_assertion, verify_assertion
from howdah.kit.errors import CallerUnproven
from howdah.kit.internal_token import verify_shown_token
from howdah.session import ALLOWED_ROLES_HEADER, ANONYMOUS_ROLE, USER_ID_HEADER, Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SERVICE_VARIABLE: Final = "x-hasura-service"
"""The session variable that says which service acts for itself."""

REACHABLE: Final = ("data", "service:*")
"""The scopes of whatever a service asks for."""


@dataclass(frozen=True, slots=True)
class KnownService:
    """A service we share keys with, and the role it has for itself: unless it is given one, that of strangers."""

    keys: tuple[bytes, ...]
    role: str = ANONYMOUS_ROLE


class Assertions:
    """Tells to whom the assertions of services belong."""

    def __init__(
        self,
        services: Mapping[str, KnownService],
        proof_keys: tuple[bytes, ...],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._services = services
        self._proof_keys = proof_keys
        self._clock = clock

    def claims(self, token: str) -> bool:
        """Whether the bearer token has the form of an assertion."""
        return is_assertion(token)

    def identify(self, token: str) -> Identity | None:
        """To whom it belongs: the service's caller or the service; None when it is not valid."""
        now = self._clock()
        try:
            said = verify_assertion(token, self._keys_of, now=now)
            service = self._services[said.service]
            if said.caller is None:
                return _itself(said.service, service, said.ends)
            caller = verify_shown_token(said.caller, service.keys, self._proof_keys, audience=said.service, now=now)
        except CallerUnproven:
            return None
        variables = dict(caller.session.variables)
        others = variables.get(ALLOWED_ROLES_HEADER, "").split(",")
        role = caller.session.role
        return Identity(
            credential="internal",
            roles=(role, *(other for other in others if other and other != role)),
            variables=variables,
            user_id=variables.get(USER_ID_HEADER),
            expires_at=min(said.ends, caller.ends),
            scopes=REACHABLE if caller.scopes is None else _without_accounts(caller.scopes),
        )

    def _keys_of(self, service: str) -> tuple[bytes, ...] | None:
        known = self._services.get(service)
        return None if known is None else known.keys


def _itself(name: str, service: KnownService, ends: int) -> Identity:
    return Identity(
        credential="internal",
        roles=(service.role,),
        variables={SERVICE_VARIABLE: name, ALLOWED_ROLES_HEADER: service.role},
        expires_at=ends,
        scopes=REACHABLE,
    )


def _without_accounts(scopes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(scope for scope in scopes if not scope.startswith("auth"))
