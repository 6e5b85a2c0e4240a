"""Accounts as one thing: their connections, their settings, and whatever a flow needs that is neither.

What other parts need is here: `Auth.find_by_cookie` and `Auth.find_by_token` for the gateway, `Auth.watch` for whoever
remembers what they return.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from howdah.auth.access_tokens import AccessClaims, verify_access_token
from howdah.auth.changes import Change, Changes
from howdah.auth.cleanup import keep_clean
from howdah.auth.cookies import Cookie, cookie_of
from howdah.auth.external_tokens import unverified_issuer
from howdah.auth.issuers import Issuer, build_issuers, find_external
from howdah.auth.keys import VerifyingKey
from howdah.auth.oauth.exchange import Exchange
from howdah.auth.oauth.issuers import check_url, read_issuer
from howdah.auth.passwords import Hasher
from howdah.auth.proof_errors import InvalidAccessToken, UnknownTokenKey
from howdah.auth.redirects import parse_redirect_targets
from howdah.auth.sealing import Keyring
from howdah.auth.service_tokens import SERVICE_PREFIX, find_service_token
from howdah.auth.sessions import FoundSession, find_session, is_opaque
from howdah.auth.setting_errors import UnusableIssuer
from howdah.auth.signing_keys import SigningKeys
from howdah.auth.store import Store
from howdah.auth.throttling import Limits, limits_of
from howdah.observe.secret import Secret
from howdah.postgres.connection import Connection
from howdah.project.sections import PROVIDERS, AuthSection, DatabaseSection, HooksSection
from howdah.project.sections.setting import DAY
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
class PublicSite:
    """How people know this place: its name, and the URL that links lead to."""

    name: str
    url: str

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.url.startswith("https://")


@dataclass(eq=False, slots=True)
class Auth:
    """The accounts of one project in one process."""

    section: AuthSection
    site: PublicSite
    store: Store
    hasher: Hasher
    keyring: Keyring
    send: Send
    signing: SigningKeys
    issuers: tuple[Issuer, ...] = ()
    oauth: Mapping[str, Exchange] = field(default_factory=dict)
    """Whose accounts people may sign in with, by the provider's name."""
    custom: Mapping[str, HooksSection] = field(default_factory=dict)
    """Services of the project's own that say who somebody is, likewise."""
    _heard: list[Callable[[Change], None]] = field(default_factory=list)
    _changes: Changes | None = None
    _cleaning: asyncio.Task[None] | None = None

    @property
    def cookie(self) -> Cookie:
        """The cookie of a session."""
        return cookie_of(self.section.cookie_name, secure=self.site.is_secure, domain=self.section.cookie_domain)

    @property
    def issuer(self) -> str:
        """Who signs our tokens: the URL below which the keys are published."""
        return f"{self.site.url}/auth"

    @property
    def longest_life(self) -> timedelta:
        """How long an access token is good for at most."""
        return timedelta(seconds=self.section.access_token_lifetime)

    @property
    def device_cookie(self) -> Cookie:
        """The cookie a browser is known by (R10). It opens nothing."""
        name = f"{self.section.cookie_name}-device"
        return cookie_of(name, secure=self.site.is_secure, domain=self.section.cookie_domain)

    @property
    def limits(self) -> Limits:
        """How often something may be tried."""
        return limits_of(self.section)

    async def start(self) -> None:
        """Connected, installed, and listening for changes; there is a key to sign with.

        Raises CannotConnect and CannotInstall.
        """
        await self.store.start()
        self._changes = Changes(self.store.dial, self._tell)
        await self._changes.start()
        await self.signing.signing()
        days = self.section.unconfirmed_days
        cleaning = keep_clean(self.store, idle=self.section.session_idle, unconfirmed=days * DAY if days else None)
        self._cleaning = asyncio.create_task(cleaning)

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
        if change.keys:
            self.signing.forget()
        for heard in self._heard:
            heard(change)

    # -- to whom credentials belong ------------------------------------------------------------------------------------

    async def find_by_cookie(self, value: str) -> Identity | None:
        """To whom a session's cookie belongs; None where it is over. Raises PostgresError."""
        return await self._find_opaque(value, "cookie")

    async def find_by_token(self, token: str) -> Identity | None:
        """To whom a bearer token of any kind belongs; None where it is not valid.

        Raises PostgresError, and IdentityUnavailable where the keys of its issuer cannot be had.
        """
        if token.startswith(SERVICE_PREFIX):
            return await find_service_token(self.store.pool, token)
        if "." in token:
            return await self._find_signed(token)
        return await self._find_opaque(token, "token")

    async def _find_signed(self, token: str) -> Identity | None:
        try:
            issuer = unverified_issuer(token)
        except InvalidAccessToken:
            return None
        if issuer == self.issuer:
            return await self._find_by_access_token(token)
        return None if issuer is None else await find_external(token, issuer, self.issuers)

    async def _find_by_access_token(self, token: str) -> Identity | None:
        """A token of ours says which session; what its user may do is asked of the session (R37)."""
        try:
            claims = await self._verify(token)
        except InvalidAccessToken:
            return None
        found = await find_session(self.store.pool, session_id=claims.session, idle=self.section.session_idle)
        if found is None or str(found.user_id) != claims.subject:
            return None
        identity = identity_of(found, "token")
        return replace(identity, expires_at=min(found.expires_at, float(claims.expires_at)))

    async def _verify(self, token: str) -> AccessClaims:
        keys = await self.signing.verifying()
        try:
            return self._check(token, keys)
        except UnknownTokenKey:  # another process may have made it a moment ago
            return self._check(token, await self.signing.verifying_anew())

    def _check(self, token: str, keys: Iterable[VerifyingKey]) -> AccessClaims:
        now = datetime.now(UTC)
        return verify_access_token(token, keys, issuer=self.issuer, audience=self.site.url, now=now)

    async def _find_opaque(self, token: str, credential: Credential) -> Identity | None:
        if not is_opaque(token):
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
    section: AuthSection,
    site: PublicSite,
    dsn: str,
    *,
    database: DatabaseSection,
    keyring: Keyring,
    send: Send,
    root: Path | None = None,
) -> Auth:
    """The accounts of a project, whose files lie in ``root``. Nothing is started and nothing connected yet.

    Raises UnusableKey, UnusableClaimsMapping and Unfetched for an issuer of tokens that cannot be used, UnusableIssuer
    for one of accounts, and UnusableRedirectTarget.
    """
    parse_redirect_targets(section.redirect_urls, home=site.url)
    store = Store(dsn, database=database, size=section.pool_size)
    signing = SigningKeys(
        store,
        keyring,
        algorithm=section.token_algorithm,
        longest_life=timedelta(seconds=section.access_token_lifetime),
    )
    return Auth(
        section,
        site,
        store,
        Hasher(),
        keyring,
        send,
        signing,
        issuers=build_issuers(section.issuers, root),
        oauth=_read_oauth(section),
        custom={each.name: each for each in section.custom},
    )


def _read_oauth(section: AuthSection) -> Mapping[str, Exchange]:
    """The issuers of accounts by name, once every foreign way to sign in has a name and addresses that can be."""
    found = {each.name: Exchange(read_issuer(each), section.hook_timeout) for each in section.oauth}
    names = [*PROVIDERS, *found, *(each.name for each in section.custom)]
    for name in names:
        if names.count(name) > 1:
            raise UnusableIssuer(f"There is more than one way to sign in that is called {name!r}.")
    for hooks in section.custom:
        place = f"auth.custom.{hooks.name}"
        _check_hooks(place, (hooks.signup, hooks.login), hooks.secret, f"{place}.secret")
        _check_hooks(place, (hooks.merge, hooks.create_user, hooks.delete_user), hooks.secret, f"{place}.secret")
    _check_hooks("auth", (section.pre_signup_hook, section.pre_login_hook), section.hook_secret, "auth.hook_secret")
    return found


def _check_hooks(place: str, urls: Iterable[str | None], secret: Secret | None, setting: str) -> None:
    """Nobody else can answer at the URLs, or ask there in our name. Raises UnusableIssuer."""
    for url in urls:
        if url is not None:
            check_url(url, place)
            if secret is None or not secret.reveal():
                raise UnusableIssuer(f"{setting} is needed: the requests to {url} are signed with it.")
