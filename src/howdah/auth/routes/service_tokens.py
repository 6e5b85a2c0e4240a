"""Service tokens: made, listed, revoked, by administrators."""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any, Final

import msgspec

from howdah.auth import audit
from howdah.auth.administration import check_roles
from howdah.auth.errors import InvalidBody, UnknownServiceToken
from howdah.auth.http import Answer, Asked, Call, NoBody
from howdah.auth.part import Auth
from howdah.auth.routes.admin import administrator
from howdah.auth.service_tokens import (
    SCOPE,
    ServiceToken,
    create_service_token,
    list_service_tokens,
    revoke_service_token,
)
from howdah.session import ADMIN_SECRET_HEADER, ALLOWED_ROLES_HEADER, ROLE_HEADER

_DECIDED: Final = (ROLE_HEADER, ALLOWED_ROLES_HEADER, ADMIN_SECRET_HEADER)
_VARIABLE: Final = re.compile(r"x-hasura-[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_LIFE: Final = 10 * 365 * 86400

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


class NewServiceToken(msgspec.Struct, forbid_unknown_fields=True):
    """What a new token may do. Without ``scopes`` that is everything its roles may."""

    name: Name
    roles: Annotated[list[str], msgspec.Meta(min_length=1, max_length=100)]
    variables: dict[str, Annotated[str, msgspec.Meta(max_length=4096)]] = {}
    scopes: Annotated[list[str], msgspec.Meta(min_length=1, max_length=100)] | None = None
    expires_in: Annotated[float, msgspec.Meta(gt=0, le=_LONGEST_LIFE)] | None = None


class ServiceTokenChoice(msgspec.Struct, forbid_unknown_fields=True):
    """One token, by its id."""

    id: uuid.UUID


async def create(auth: Auth, asked: Asked[NewServiceToken]) -> Answer:
    """A new token, shown this once."""
    wanted = _read(asked.body)
    identity = asked.caller.identity
    created_by = None if identity is None or identity.user_id is None else int(identity.user_id)
    async with auth.store.transaction() as connection:
        made = await create_service_token(connection, wanted, created_by=created_by)
        await audit.note(
            connection,
            "service-token-created",
            asked.origin,
            user_id=created_by,
            actor=administrator(asked).actor,
            token_id=made.id,
            name=wanted.name,
            roles=list(wanted.roles),
        )
    return Answer({"id": made.id, "name": wanted.name, "token": made.token})


async def list_all(auth: Auth, asked: Asked[NoBody]) -> Answer:  # noqa: ARG001 - the same for every administrator
    """Every token, without what shows it."""
    return Answer({"service_tokens": await list_service_tokens(auth.store.pool)})


async def revoke(auth: Auth, asked: Asked[ServiceTokenChoice]) -> Answer:
    """The token is worth nothing from now on, anywhere (R37)."""
    identity = asked.caller.identity
    user_id = None if identity is None or identity.user_id is None else int(identity.user_id)
    async with auth.store.transaction() as connection:
        name = await revoke_service_token(connection, str(asked.body.id))
        if name is None:
            raise UnknownServiceToken
        await audit.note(
            connection,
            "service-token-revoked",
            asked.origin,
            user_id=user_id,
            actor=administrator(asked).actor,
            token_id=str(asked.body.id),
            name=name,
        )
    return Answer({"message": "success"})


def _read(body: NewServiceToken) -> ServiceToken:
    """The token that is asked for. Raises InvalidBody."""
    for number, scope in enumerate(body.scopes or ()):
        if not SCOPE.fullmatch(scope):
            raise InvalidBody(
                "There is no such scope.",
                path=f"$.scopes[{number}]",
                hint="Scopes are data, auth, service:<name> and service:*, each also with :read behind it.",
            )
    variables: dict[str, str] = {}
    for name, value in body.variables.items():
        lowered = name.lower()
        if not _VARIABLE.fullmatch(lowered) or lowered in _DECIDED or lowered in variables:
            raise InvalidBody(
                "This cannot be the name of a variable; x-hasura-org-id is one.", path=f"$.variables.{name}"
            )
        if not value.isprintable():
            raise InvalidBody("A variable is one line of text.", path=f"$.variables.{name}")
        variables[lowered] = value
    scopes = None if body.scopes is None else tuple(body.scopes)
    return ServiceToken(body.name, check_roles(body.roles), variables, scopes, body.expires_in)


CALLS: Final[tuple[Call[Any], ...]] = (
    Call("POST", "/v1/admin/service-token/create", create, NewServiceToken, "admin"),
    Call("GET", "/v1/admin/service-token/list", list_all, NoBody, "admin"),
    Call("POST", "/v1/admin/service-token/revoke", revoke, ServiceTokenChoice, "admin"),
)
