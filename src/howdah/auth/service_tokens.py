"""Tokens of machines and scripts: made by an administrator, shown once, stored as a hash, limited, revocable."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from howdah.auth.codes import is_token, new_token, token_digest
from howdah.auth.errors import ServiceTokenExists
from howdah.auth.store import Submitter, ask
from howdah.postgres import queries
from howdah.postgres.errors import DatabaseError
from howdah.session import Identity

_QUERIES: Final = queries.load(Path(__file__).with_name("service_tokens.sql"))

SERVICE_PREFIX: Final = "hwd_"
"""What people and scanners of secrets know one by."""

SCOPE: Final = re.compile(r"(?:data|auth|service:(?:\*|[a-z][a-z0-9-]{0,39}))(?::read)?")
"""A part, or a service by its name; with ``:read`` only by GET and HEAD."""


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """What a service token may do: take these roles with these variables, where its scopes say (None: everywhere)."""

    name: str
    roles: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] | None = None
    lifetime: float | None = None


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new service token; ``token`` stands nowhere else."""

    id: str
    token: str = field(repr=False)


async def create_service_token(where: Submitter, asked: ServiceToken, *, created_by: int | None) -> MadeToken:
    """A new token. Raises ServiceTokenExists, which ends the transaction."""
    token = new_token(SERVICE_PREFIX)
    scopes = None if asked.scopes is None else list(asked.scopes)
    values = (asked.name, token_digest(token), list(asked.roles), dict(asked.variables), scopes, created_by)
    try:
        made = await ask(where, _QUERIES["create"], *values, asked.lifetime)
    except DatabaseError as error:
        if error.constraint == "service_tokens_name_key":
            raise ServiceTokenExists from None
        raise
    return MadeToken(made, token)


async def find_service_token(where: Submitter, token: str) -> Identity | None:
    """To whom a service token belongs, unless it is over or revoked. It counts as used."""
    if not is_token(token):
        return None
    row = await ask(where, _QUERIES["find"], token_digest(token))
    if row is None:
        return None
    return Identity(
        credential="service",
        roles=tuple(row["roles"]),
        variables=row["variables"],
        session_id=row["id"],
        expires_at=row["expires_at"],
        scopes=None if row["scopes"] is None else tuple(row["scopes"]),
    )


async def list_service_tokens(where: Submitter) -> Sequence[Mapping[str, Any]]:
    """Every token there is or was, the newest first, as the API shows it: not what shows it."""
    rows: Sequence[Mapping[str, Any]] = await ask(where, _QUERIES["list"])
    return rows


async def revoke_service_token(where: Submitter, token_id: str) -> str | None:
    """The token is worth nothing from now on; its name, or None where there is no such token."""
    name = await ask(where, _QUERIES["revoke"], token_id)
    return None if name is None else str(name)
