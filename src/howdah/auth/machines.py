"""Service tokens, as administrators make and revoke them: for the API and for the command line alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from howdah.auth import audit
from howdah.auth.administration import Administrator, check_roles
from howdah.auth.errors import InvalidBody, UnknownServiceToken
from howdah.auth.part import Auth
from howdah.auth.service_tokens import (
    SCOPE,
    MadeToken,
    ServiceToken,
    create_service_token,
    revoke_service_token,
)
from howdah.session import ADMIN_SECRET_HEADER, ALLOWED_ROLES_HEADER, ROLE_HEADER

_DECIDED: Final = (ROLE_HEADER, ALLOWED_ROLES_HEADER, ADMIN_SECRET_HEADER)
_VARIABLE: Final = re.compile(r"x-hasura-[a-z0-9]+(?:-[a-z0-9]+)*")


def check_service_token(
    name: str,
    roles: Sequence[str],
    given: Mapping[str, str],
    scopes: Sequence[str] | None,
    lifetime: float | None,
) -> ServiceToken:
    """The token that is asked for. Raises InvalidBody."""
    for number, scope in enumerate(scopes or ()):
        if not SCOPE.fullmatch(scope):
            raise InvalidBody(
                "There is no such scope.",
                path=f"$.scopes[{number}]",
                hint="Scopes are data, auth, service:<name> and service:*, each also with :read behind it.",
            )
    variables: dict[str, str] = {}
    for variable, value in given.items():
        lowered = variable.lower()
        if not _VARIABLE.fullmatch(lowered) or lowered in _DECIDED or lowered in variables:
            raise InvalidBody(
                "This cannot be the name of a variable; x-hasura-org-id is one.", path=f"$.variables.{variable}"
            )
        if not value.isprintable():
            raise InvalidBody("A variable is one line of text.", path=f"$.variables.{variable}")
        variables[lowered] = value
    return ServiceToken(name, check_roles(roles), variables, None if scopes is None else tuple(scopes), lifetime)


async def make_service_token(
    auth: Auth, wanted: ServiceToken, by: Administrator, *, created_by: int | None = None
) -> MadeToken:
    """The token is there, and shown this once. Raises ServiceTokenExists."""
    async with auth.store.transaction() as connection:
        made = await create_service_token(connection, wanted, created_by=created_by)
        await audit.note(
            connection,
            "service-token-created",
            by.origin,
            user_id=created_by,
            actor=by.actor,
            token_id=made.id,
            name=wanted.name,
            roles=list(wanted.roles),
        )
    return made


async def end_service_token(auth: Auth, token_id: str, by: Administrator, *, user_id: int | None = None) -> str:
    """The token is worth nothing from now on, anywhere (R37); what it was called. Raises UnknownServiceToken."""
    async with auth.store.transaction() as connection:
        name = await revoke_service_token(connection, token_id)
        if name is None:
            raise UnknownServiceToken
        await audit.note(
            connection,
            "service-token-revoked",
            by.origin,
            user_id=user_id,
            actor=by.actor,
            token_id=token_id,
            name=name,
        )
    return name
