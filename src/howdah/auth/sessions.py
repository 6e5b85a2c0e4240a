"""Sessions as rows: begun, found, renewed, listed, ended. What the client holds is stored as its hash alone (R31)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from howdah.auth.codes import token_digest
from howdah.auth.store import Submitter, ask
from howdah.postgres import queries

_QUERIES: Final = queries.load(Path(__file__).with_name("sessions.sql"))

TOKEN_BYTES: Final = 24
"""192 random bits, which clients read as 48 hexadecimal digits."""
_OPAQUE: Final = frozenset("0123456789abcdef")
_LONGEST_USER_AGENT: Final = 256


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as far as anybody can know. ``device`` is what a browser was given to be known by."""

    request_id: str = ""
    ip: str | None = None
    user_agent: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session that is not over, with what its user may do. Times in seconds since 1970."""

    id: str
    user_id: int
    roles: tuple[str, ...]
    variables: dict[str, str]
    level: int
    methods: tuple[str, ...]
    proved_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class BegunSession:
    """A new session; ``token`` is what its owner shows, and stands nowhere else."""

    id: str
    token: str


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_hex(TOKEN_BYTES)


def is_opaque(value: str | None) -> TypeGuard[str]:
    """Whether a value has the form of a token of `new_token`, so that it is worth looking up."""
    return value is not None and len(value) == 2 * TOKEN_BYTES and _OPAQUE.issuperset(value)


async def begin_session(
    where: Submitter, user_id: int, *, methods: Sequence[str], lifetime: float, origin: Origin, level: int = 1
) -> BegunSession:
    """A new session of the user's, shown by an opaque token."""
    token = new_token()
    agent = None if origin.user_agent is None else origin.user_agent[:_LONGEST_USER_AGENT]
    values = (user_id, token_digest(token), level, list(methods), lifetime, agent, origin.ip)
    return BegunSession(await ask(where, _QUERIES["begin"], *values), token)


async def begin_tokenless_session(
    where: Submitter, user_id: int, *, methods: Sequence[str], lifetime: float, origin: Origin, level: int = 1
) -> str:
    """A new session that is not shown by an opaque token, but by access tokens with its id in them; the id."""
    agent = None if origin.user_agent is None else origin.user_agent[:_LONGEST_USER_AGENT]
    values = (user_id, None, level, list(methods), lifetime, agent, origin.ip)
    return str(await ask(where, _QUERIES["begin"], *values))


async def find_session(
    where: Submitter, *, token: str | None = None, session_id: str | None = None, idle: float
) -> FoundSession | None:
    """The session of this token or id, unless it is over or its user is not active. It counts as seen."""
    hashed = None if token is None else token_digest(token)
    row = await ask(where, _QUERIES["find"], hashed, session_id, idle)
    if row is None:
        return None
    return FoundSession(**{**row, "roles": tuple(row["roles"]), "methods": tuple(row["methods"])})


async def renew_session(
    where: Submitter, session_id: str, *, methods: Sequence[str], level: int, proved: bool = True
) -> str | None:
    """The session has this level, and another token (R31): the one before shows nothing any more.

    ``proved``: its owner has just shown a factor of that level. None for a session that is shown by access tokens: it
    has no other.
    """
    token = new_token()
    is_opaque = await ask(where, _QUERIES["renew"], session_id, token_digest(token), level, list(methods), proved)
    return token if is_opaque else None


async def list_sessions(where: Submitter, user_id: int, *, idle: float) -> list[dict[str, Any]]:
    """The user's sessions that are not over, the last seen first."""
    rows: list[dict[str, Any]] = await ask(where, _QUERIES["list"], user_id, idle)
    return rows


async def end_session(where: Submitter, session_id: str, *, user_id: int | None = None) -> bool:
    """The session is over (if it is the user's, where one is given); whether there was one."""
    return bool(await ask(where, _QUERIES["end"], session_id, user_id))


async def end_sessions(where: Submitter, user_id: int, *, but: str | None = None) -> int:
    """All of the user's sessions are over, but for one where it is named; how many there were."""
    return int(await ask(where, _QUERIES["end_all"], user_id, but))


async def end_weak_sessions(where: Submitter, user_id: int, *, but: str) -> int:
    """The user's sessions in which no second factor was shown are over, but for one; how many there were."""
    return int(await ask(where, _QUERIES["end_weak"], user_id, but))


async def remove_expired_sessions(where: Submitter, *, idle: float) -> int:
    """The rows of sessions that are over are gone; how many."""
    return int(await ask(where, _QUERIES["remove_expired"], idle))
