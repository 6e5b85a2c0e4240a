"""A session carried by tokens: a short-lived access token, and a refresh token that is good for the next pair.

The refresh tokens of a session are a family in which one is live. Who shows one that was used before has it, or had
it, from somebody else: both are out (R38; RFC 9700, section 4.14.2). But two tabs that ask at once are one client, so
for some seconds the answer is the same successor again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from howdah.auth import audit, sessions
from howdah.auth.access_tokens import AccessClaims, sign_access_token
from howdah.auth.codes import is_token, new_token, token_digest
from howdah.auth.errors import SessionExpired
from howdah.auth.proof_errors import InvalidRefreshToken
from howdah.auth.sealing import open_sealed, seal
from howdah.auth.sessions import FoundSession, Origin
from howdah.auth.store import ask
from howdah.postgres import queries

if TYPE_CHECKING:
    from howdah.auth.part import Auth
    from howdah.postgres.connection import Connection

_QUERIES: Final = queries.load(Path(__file__).with_name("tokens.sql"))

REFRESH_PREFIX: Final = "hwr_"
_SEALED_FOR: Final = "refresh token"


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client holds of its session. Lives are in seconds."""

    access: str = field(repr=False)
    access_life: int
    refresh: str = field(repr=False)
    refresh_life: int

    def to_json(self) -> dict[str, Any]:
        """As the API answers it (RFC 6749, section 5.1)."""
        return {
            "access_token": self.access,
            "token_type": "Bearer",
            "expires_in": self.access_life,
            "refresh_token": self.refresh,
            "refresh_expires_in": self.refresh_life,
        }


async def begin_family(auth: Auth, connection: Connection, session_id: str) -> TokenPair:
    """The first tokens of a session that was begun without an opaque one."""
    token = new_token(REFRESH_PREFIX)
    await ask(connection, _QUERIES["begin"], token_digest(token), session_id)
    found = await sessions.find_session(connection, session_id=session_id, idle=auth.section.session_idle)
    assert found is not None, "the session was begun in this transaction"
    return await _pair(auth, connection, found, token)


async def renew_family(
    auth: Auth, connection: Connection, session_id: str, *, methods: Sequence[str], level: int, proved: bool
) -> TokenPair:
    """The session has this level, another id and other tokens; how long it lasts at most stays (R39)."""
    renewed = await ask(connection, _QUERIES["renew"], session_id, list(methods), level, proved)
    if renewed is None:
        raise SessionExpired
    return await begin_family(auth, connection, str(renewed))


async def refresh(auth: Auth, token: str, origin: Origin) -> TokenPair:
    """The next tokens of the session. Raises InvalidRefreshToken, and then the session may be over (R38)."""
    if not is_token(token) or not token.startswith(REFRESH_PREFIX):
        raise InvalidRefreshToken
    hashed = token_digest(token)
    async with auth.store.transaction() as connection:
        session_id = await ask(connection, _QUERIES["hold"], hashed)
        if session_id is None:
            raise InvalidRefreshToken
        row = await ask(connection, _QUERIES["find"], hashed, auth.section.refresh_grace)
        found = await sessions.find_session(connection, session_id=session_id, idle=auth.section.session_idle)
        if row is None or found is None:
            raise InvalidRefreshToken
        if not row["is_used"]:
            successor = new_token(REFRESH_PREFIX)
            sealed = seal(auth.keyring, _SEALED_FOR, successor.encode("ascii"), (hashed.hex(),))
            await ask(connection, _QUERIES["use"], hashed, sealed, token_digest(successor))
            return await _pair(auth, connection, found, successor)
        if row["in_grace"]:
            sealed = bytes.fromhex(row["successor"])
            successor = open_sealed(auth.keyring, _SEALED_FOR, sealed, (hashed.hex(),)).decode("ascii")
            return await _pair(auth, connection, found, successor)
        await sessions.end_session(connection, session_id)
        await audit.note(
            connection,
            "refresh-token-reused",
            origin,
            user_id=found.user_id,
            actor="stranger",
            session_id=session_id,
        )
    await auth.settled()
    raise InvalidRefreshToken


async def revoke(auth: Auth, token: str, origin: Origin) -> bool:
    """The session of a refresh token is over, whichever token of the family it is; whether there was one."""
    if not is_token(token):
        return False
    async with auth.store.transaction() as connection:
        session_id = await ask(connection, _QUERIES["hold"], token_digest(token))
        if session_id is None:
            return False
        found = await sessions.find_session(connection, session_id=session_id, idle=auth.section.session_idle)
        await sessions.end_session(connection, session_id)
        user_id = None if found is None else found.user_id
        await audit.note(connection, "logout", origin, user_id=user_id, session_id=session_id)
    return True


async def _pair(auth: Auth, connection: Connection, found: FoundSession, refresh_token: str) -> TokenPair:
    key = await auth.signing.signing(connection)
    now = int(time.time())
    left = int(found.expires_at) - now
    life = max(min(int(auth.section.access_token_lifetime), left), 0)
    claims = AccessClaims(
        issuer=auth.issuer,
        audience=auth.site.url,
        subject=str(found.user_id),
        session=found.id,
        token_id=secrets.token_urlsafe(16),
        role=found.roles[0],
        allowed_roles=found.roles,
        issued_at=now,
        expires_at=now + life,
    )
    return TokenPair(sign_access_token(key, claims), life, refresh_token, max(left, 0))
