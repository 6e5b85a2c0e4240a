"""Accounts as one thing: their connections, their settings, and whatever a flow needs that is neither.

What other parts need is here: `Auth.find_by_cookie` and `Auth.find_by_token` for the gateway, `Auth.watch` for whoever
remembers what they return.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from howdah.auth.changes import Change, Changes
from howdah.auth.cleanup import keep_clean
from howdah.auth.cookies import Cookie, cookie_of
from howdah.auth.passwords import Hasher
from howdah.auth.sealing import Keyring
from howdah.auth.sessions import TOKEN_BYTES, FoundSession, find_session
from howdah.auth.store import Store
from howdah.postgres.connection import Connection
from howdah.project.sections import AuthSection, DatabaseSection
from howdah.session import USER_ID_HEADER, Credential, Identity

MailValue = str | int


class Send(Protocol):
    """Puts a message into the outbox, within the caller's transaction; ``to=None`` does the same work for nobody."""

    async def __call__(
        self,
        connection: Connection,
        *,
        template: str,
        to: str | None,
        values: Mapping[str, MailValue],
        locale: str | None = None,
    ) -> None:
        """The message leaves once the transaction has committed."""


@dataclass(frozen=True, slots=True)
class Site:
    """How people know this place: its name, and the URL that links lead to."""

    name: str
    url: str

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.url.startswith("https://")


_OPAQUE: Final = frozenset("0123456789abcdef")


@dataclass(eq=False, slots=True)
class Auth:
    """The accounts of one project in one process."""

    section: AuthSection
    site: Site
    store: Store
    hasher: Hasher
    keyring: Keyring
    send: Send
    _heard: list[Callable[[Change], None]] = field(default_factory=list)
    _changes: Changes | None = None
    _cleaning: asyncio.Task[None] | None = None

    @property
    def cookie(self) -> Cookie:
        """The cookie of a session."""
        return cookie_of(self.section.cookie_name, secure=self.site.is_secure, domain=self.section.cookie_domain)

    async def start(self) -> None:
        """Connected, installed, and listening for changes. Raises CannotConnect and CannotInstall."""
        await self.store.start()
        self._changes = Changes(self.store.dial, self._tell)
        await self._changes.start()
        self._cleaning = asyncio.create_task(keep_clean(self.store, idle=self.section.session_idle))

    async def connect(self) -> None:
        """Connected and installed, and nothing more: for a command. Raises CannotConnect and CannotInstall."""
        await self.store.start()

    async def stop(self) -> None:
        """Nothing of it runs any more."""
        if self._cleaning is not None:
            self._cleaning.cancel()
            await asyncio.gather(self._cleaning, return_exceptions=True)
        if self._changes is not None:
            await self._changes.stop()
        self.hasher.close()
        await self.store.stop()

    def watch(self, heard: Callable[[Change], None]) -> None:
        """From now on ``heard`` is called when a session ends, or what a user may do changes (R37)."""
        self._heard.append(heard)

    async def settled(self) -> None:
        """What this process remembers is no older than this call: who is told that a session ended can rely on it."""
        if self._changes is not None:
            await self._changes.heard_until_now()

    def _tell(self, change: Change) -> None:
        for heard in self._heard:
            heard(change)

    # -- to whom credentials belong ------------------------------------------------------------------------------------

    async def find_by_cookie(self, value: str) -> Identity | None:
        """To whom a session's cookie belongs; None where it is over. Raises PostgresError."""
        return await self._find_opaque(value, "cookie")

    async def find_by_token(self, token: str) -> Identity | None:
        """To whom a bearer token belongs: that of a session, as sign-in returns it. None where it is not valid."""
        return await self._find_opaque(token, "token")

    async def _find_opaque(self, token: str, credential: Credential) -> Identity | None:
        if len(token) != 2 * TOKEN_BYTES or not _OPAQUE.issuperset(token):
            return None  # nothing that we ever gave
        found = await find_session(self.store.pool, token=token, idle=self.section.session_idle)
        return None if found is None else identity_of(found, credential)


def identity_of(found: FoundSession, credential: Credential) -> Identity:
    """What the gateway is told of a session."""
    user_id = str(found.user_id)
    return Identity(
        credential=credential,
        roles=found.roles,
        variables={**found.variables, USER_ID_HEADER: user_id},
        user_id=user_id,
        session_id=found.id,
        level=found.level,
        expires_at=found.expires_at,
    )


def build_auth(
    section: AuthSection, site: Site, dsn: str, *, database: DatabaseSection, keyring: Keyring, send: Send
) -> Auth:
    """The accounts of a project. Nothing is started and nothing connected yet."""
    store = Store(dsn, database=database, size=section.pool_size)
    return Auth(section, site, store, Hasher(), keyring, send)
