"""Service tokens: made, listed, revoked, by administrators."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

import msgspec

from howdah.auth.http import Answer, Asked, Call, NoBody
from howdah.auth.machines import check_service_token, end_service_token, make_service_token
from howdah.auth.part import Auth
from howdah.auth.routes.admin import administrator
from howdah.auth.service_tokens import list_service_tokens

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
    sent = asked.body
    wanted = check_service_token(sent.name, sent.roles, sent.variables, sent.scopes, sent.expires_in)
    made = await make_service_token(auth, wanted, administrator(asked), created_by=_user(asked))
    return Answer({"id": made.id, "name": wanted.name, "token": made.token})


async def list_all(auth: Auth, asked: Asked[NoBody]) -> Answer:  # noqa: ARG001 - the same for every administrator
    """Every token, without what shows it."""
    return Answer({"service_tokens": await list_service_tokens(auth.store.pool)})


async def revoke(auth: Auth, asked: Asked[ServiceTokenChoice]) -> Answer:
    """The token is worth nothing from now on, anywhere (R37)."""
    await end_service_token(auth, str(asked.body.id), administrator(asked), user_id=_user(asked))
    return Answer({"message": "success"})


def _user(asked: Asked[Any]) -> int | None:
    identity = asked.caller.identity
    return None if identity is None or identity.user_id is None else int(identity.user_id)


CALLS: Final[tuple[Call[Any], ...]] = (
    Call("POST", "/v1/admin/service-token/create", create, NewServiceToken, "admin"),
    Call("GET", "/v1/admin/service-token/list", list_all, NoBody, "admin"),
    Call("POST", "/v1/admin/service-token/revoke", revoke, ServiceTokenChoice, "admin"),
)
