"""What is asked of an issuer: its configuration, its keys, a token for a code, who somebody is."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlencode

from howdah.auth.external_tokens import ExternalIssuer, verify_external
from howdah.auth.fetch import fetch_json
from howdah.auth.key_sets import RemoteKeys
from howdah.auth.oauth.issuers import ForeignAccount, Issuer, check_url, read_account, with_address
from howdah.auth.proof_errors import ForeignAccountRefused, InvalidAccessToken, IssuerDown, UnknownTokenKey
from howdah.errors import HowdahError
from howdah.services.errors import ServiceUnreachable
from howdah.services.http import HttpRequest, send
from howdah.session import IdentityUnavailable

KEPT_SECONDS: Final = 3600.0
"""How long an issuer's configuration is believed without asking again."""
FAILED_SECONDS: Final = 5.0
"""How long an issuer that could not be asked is not asked again."""
_MOST: Final = 256 * 1024
_UNTAKEN: Final = "The issuer does not take what was sent."


@dataclass(frozen=True, slots=True)
class _Endpoints:
    authorize: str
    token: str
    userinfo: str | None
    keys: RemoteKeys | None
    at: float


class Exchange:
    """One issuer, asked over the network. Its configuration is kept for a while, its keys as `RemoteKeys` does."""

    def __init__(self, issuer: Issuer, timeout: float) -> None:
        self.issuer = issuer
        self._timeout = timeout
        self._known: _Endpoints | None = None
        self._keys: RemoteKeys | None = None
        self._failed: tuple[float, IssuerDown] | None = None
        self._asking = asyncio.Lock()

    async def authorize_endpoint(self) -> str:
        """Where browsers are sent. Raises IssuerDown."""
        return (await self._endpoints()).authorize

    async def account_of_code(
        self, code: str, *, redirect_uri: str, verifier: str | None = None, nonce: str | None = None
    ) -> ForeignAccount:
        """Whose code it is. Raises ForeignAccountRefused and IssuerDown."""
        endpoints = await self._endpoints()
        secret = self.issuer.client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.issuer.client_id,
            **({} if secret is None else {"client_secret": secret.reveal()}),
            **({} if verifier is None else {"code_verifier": verifier}),
        }
        told = await self._ask("POST", endpoints.token, form=form)
        id_token, access_token = told.get("id_token"), told.get("access_token")
        if self.issuer.issuer is not None:
            if not isinstance(id_token, str):
                raise ForeignAccountRefused("The issuer gave no ID token.")
            return await self.account_of_id_token(id_token, nonce=nonce)
        if not isinstance(access_token, str):
            raise ForeignAccountRefused("The issuer gave no token for the code.")
        return await self._account_of_access_token(access_token)

    async def account_of_id_token(self, id_token: str, *, nonce: str | None = None) -> ForeignAccount:
        """Who an ID token is about that the issuer has signed for us. Raises ForeignAccountRefused and IssuerDown."""
        assert self.issuer.issuer is not None
        expected = ExternalIssuer(self.issuer.issuer, self.issuer.audiences, types=("jwt",))
        keys = (await self._endpoints()).keys
        assert keys is not None
        try:
            try:
                claims = verify_external(id_token, expected, await keys.keys(), now=datetime.now(UTC))
            except UnknownTokenKey:
                claims = verify_external(id_token, expected, await keys.keys_anew(), now=datetime.now(UTC))
        except InvalidAccessToken as error:
            raise ForeignAccountRefused(error.message) from error
        except IdentityUnavailable as error:
            raise IssuerDown(f"The keys of {self.issuer.name} cannot be had.") from error
        if nonce is not None and claims.get("nonce") != nonce:
            raise ForeignAccountRefused("The ID token belongs to another sign-in.")
        return read_account(claims, self.issuer.fields)

    async def account_of_foreign_token(self, access_token: str) -> ForeignAccount:
        """Who an access token is about that a client hands in, and that was made for us.

        Raises ForeignAccountRefused: it was made for another app, or this issuer has no way to tell.
        """
        match self.issuer.check:
            case "google":
                assert self.issuer.check_url is not None
                told = await self._ask("GET", f"{self.issuer.check_url}?{urlencode({'access_token': access_token})}")
                if told.get("aud") not in self.issuer.audiences:
                    raise ForeignAccountRefused("The token was made for another app.")
                return read_account(told, self.issuer.fields)
            case "facebook":
                await self._check_facebook(access_token)
                return await self._account_of_access_token(access_token)
            case _:
                raise ForeignAccountRefused("This issuer cannot tell for whom an access token was made: send a code.")

    async def _check_facebook(self, access_token: str) -> None:
        secret = self.issuer.client_secret
        assert self.issuer.check_url is not None
        ours = f"{self.issuer.client_id}|{'' if secret is None else secret.reveal()}"
        query = urlencode({"input_token": access_token, "access_token": ours})
        data = (await self._ask("GET", f"{self.issuer.check_url}?{query}")).get("data")
        if not isinstance(data, dict) or data.get("is_valid") is not True:
            raise ForeignAccountRefused("The token is not valid.")
        if str(data.get("app_id")) not in self.issuer.audiences:
            raise ForeignAccountRefused("The token was made for another app.")

    async def _account_of_access_token(self, access_token: str) -> ForeignAccount:
        userinfo = (await self._endpoints()).userinfo
        if userinfo is None:
            raise ForeignAccountRefused("This issuer does not say who somebody is.")
        headers = {"Authorization": f"Bearer {access_token}"}
        account = read_account(await self._ask("GET", userinfo, headers=headers), self.issuer.fields)
        if self.issuer.emails_url is None:
            return account
        return with_address(account, await self._ask_for_any("GET", self.issuer.emails_url, headers=headers))

    # -- what is known of the issuer -----------------------------------------------------------------------------------

    async def _endpoints(self) -> _Endpoints:
        async with self._asking:
            known, now = self._known, time.monotonic()
            if known is not None and now - known.at < KEPT_SECONDS:
                return known
            if self._failed is not None and now - self._failed[0] < FAILED_SECONDS:
                raise IssuerDown(self._failed[1].message)  # who waited behind us need not wait for it again
            try:
                known = self._known = await self._look()
            except IssuerDown as error:
                self._failed = (time.monotonic(), error)
                raise
            self._failed = None
            return known

    async def _look(self) -> _Endpoints:
        issuer, now = self.issuer, time.monotonic()
        if issuer.issuer is None:
            assert issuer.authorize_url is not None
            assert issuer.token_url is not None
            return _Endpoints(issuer.authorize_url, issuer.token_url, issuer.userinfo_url, None, now)
        document = await self._ask("GET", f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer.issuer:
            raise IssuerDown(f"{issuer.name} says that it is somebody else.")
        found = {
            name: self._endpoint(document, name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        }
        return _Endpoints(
            issuer.authorize_url or found["authorization_endpoint"],
            issuer.token_url or found["token_endpoint"],
            issuer.userinfo_url,
            self._keys_at(found["jwks_uri"]),
            now,
        )

    def _keys_at(self, url: str) -> RemoteKeys:
        """The keys there; those that are known already, unless the issuer has moved them."""
        if self._keys is None or self._keys.url != url:
            self._keys = RemoteKeys(url, fetch_json)
        return self._keys

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str:
        url = document.get(name)
        if not isinstance(url, str):
            raise IssuerDown(f"{self.issuer.name} does not say where its {name} is.")
        check_url(url, f"auth.oauth.{self.issuer.name}")
        return url

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        told = await self._ask_for_any(method, url, form=form, headers=headers)
        if not isinstance(told, dict) or "error" in told:
            raise ForeignAccountRefused(_UNTAKEN)
        return told

    async def _ask_for_any(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        sent = {"Accept": "application/json", "User-Agent": "howdah", **(headers or {})}
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        body = None if form is None else urlencode(form, quote_via=quote).encode()
        try:
            async with asyncio.timeout(self._timeout):
                answer = await send(HttpRequest(method, url, sent, body), self._timeout, most=_MOST)
        except (ServiceUnreachable, TimeoutError) as error:
            reason = error.message if isinstance(error, HowdahError) else "it took too long"
            raise IssuerDown(f"{self.issuer.name} cannot be asked: {reason}") from error
        if answer.status >= 500 or answer.status == 429:
            raise IssuerDown(f"{self.issuer.name} is not well ({answer.status}).")
        try:
            told = json.loads(answer.body)
        except ValueError:
            told = None
        if answer.status >= 300:
            raise ForeignAccountRefused(_UNTAKEN)
        return told


def signature(secret: str, body: bytes) -> str:
    """What shows a hook that a request is ours: HMAC-SHA-256 of the body, in hexadecimal digits."""
    return hmac.new(secret.encode(), body, sha256).hexdigest()
