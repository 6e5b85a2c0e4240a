"""Signing in with an issuer's account in a browser: there and back again."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, Final

import msgspec

from howdah.auth import audit
from howdah.auth.attempts import address_of
from howdah.auth.challenges import begin_challenge, take_challenge
from howdah.auth.codes import new_token
from howdah.auth.cookies import Cookie, cookie_of
from howdah.auth.errors import AuthError, ProviderOff
from howdah.auth.freshness import require_fresh
from howdah.auth.http import Answer, Asked, Call, NoBody
from howdah.auth.messages import page
from howdah.auth.oauth.exchange import Exchange
from howdah.auth.oauth.issuers import authorize_url
from howdah.auth.part import Auth
from howdah.auth.proof_errors import ForeignAccountRefused
from howdah.auth.providers.foreign import IssuerProvider, kind_of
from howdah.auth.providers.foreign import connect as add_way_in
from howdah.auth.redirects import check_redirect, parse_redirect_targets
from howdah.auth.sign_in import FactorOwed, sign_in, signed_in_answer
from howdah.auth.throttling import count_attempt, issuer_attempt

PURPOSE: Final = "oauth"
SECONDS: Final = 600.0


class Start(msgspec.Struct, forbid_unknown_fields=True):
    """Where the browser is to be in the end; the start page of the project where nothing is said."""

    redirect_url: str = "/"


class Return(msgspec.Struct):
    """What the issuer sends the browser back with. Others of its parameters mean nothing here."""

    state: str = ""
    code: str | None = None
    error: str | None = None


async def start(auth: Auth, asked: Asked[Start]) -> Answer:
    """The browser goes to the issuer; what comes back is believed from this browser alone, and once."""
    try:
        location, cookie = await _begin(auth, asked)
    except AuthError as error:
        return _refuse(auth, asked, error)
    return _redirect(location, (cookie,))


async def connect(auth: Auth, asked: Asked[Start]) -> Answer:
    """Where the user's browser goes to make an account of the issuer's a way into their own.

    It is one for good, so it takes a fresh proof; and a POST, which no page but ours can make in their name.
    """
    await require_fresh(auth, asked)
    location, cookie = await _begin(auth, asked, user_id=asked.user_id, session_id=asked.session_id)
    return Answer({"location": location}, cookies=(cookie,))


async def _begin(
    auth: Auth, asked: Asked[Start], *, user_id: int | None = None, session_id: str | None = None
) -> tuple[str, str]:
    """Where the browser goes, and the line of the cookie that it is known by when it comes back."""
    exchange = _exchange(auth, asked.path["name"])
    targets = parse_redirect_targets(auth.section.redirect_urls, home=auth.site.url)
    redirect_url = check_redirect(asked.body.redirect_url, targets)
    await count_attempt(auth.store.pool, issuer_attempt(address_of(asked.origin)))
    state, browser, nonce, verifier = (new_token() for _ in range(4))
    data = {"issuer": exchange.issuer.name, "nonce": nonce, "verifier": verifier, "redirect_url": redirect_url}
    endpoint = await exchange.authorize_endpoint()
    await begin_challenge(
        auth.store.pool,
        state,
        PURPOSE,
        lifetime=SECONDS,
        user_id=user_id,
        session_id=session_id,
        data={**data, "browser": _digest(browser)},
    )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    location = authorize_url(
        exchange.issuer,
        endpoint,
        state=state,
        nonce=nonce,
        code_challenge=challenge,
        redirect_uri=redirect_uri(auth, exchange.issuer.name),
    )
    return location, _cookie(auth).put(browser, seconds=SECONDS)


async def finish(auth: Auth, asked: Asked[Return]) -> Answer:
    """The browser is back: whoever it is has a session, and goes where they wanted to be."""
    try:
        return await _enter(auth, asked)
    except AuthError as error:
        return _refuse(auth, asked, error)


def _refuse(auth: Auth, asked: Asked[Any], error: AuthError) -> Answer:
    """Somebody who is on the way is told on a page, where there are pages; everybody else by the error."""
    if not (asked.wants_page and auth.section.ui):
        raise error
    return _redirect(f"{page(auth, 'login')}?refused={error.code}", (_cookie(auth).remove(),))


async def _enter(auth: Auth, asked: Asked[Return]) -> Answer:
    name, sent = asked.path["name"], asked.body
    exchange = _exchange(auth, name)
    challenge = await take_challenge(auth.store.pool, sent.state, PURPOSE)
    browser = asked.cookies.get(_cookie(auth).name, "")
    data = {} if challenge is None else challenge.data
    if data.get("issuer") != name or not hmac.compare_digest(str(data["browser"]), _digest(browser)):
        raise ForeignAccountRefused("This sign-in was not begun in this browser, or too long ago.")
    if sent.code is None:
        raise ForeignAccountRefused("The issuer says that it was not allowed.")
    account = await exchange.account_of_code(
        sent.code, redirect_uri=redirect_uri(auth, name), verifier=data["verifier"], nonce=data["nonce"]
    )
    assert challenge is not None
    over = _cookie(auth).remove()
    provider = IssuerProvider(exchange)
    if challenge.user_id is None:
        auth = await provider.ask_before(auth, account, logging_in=True)
    async with auth.store.transaction() as connection:
        if challenge.user_id is not None:
            if await add_way_in(connection, challenge.user_id, kind_of(name), account):
                await audit.note(
                    connection, "identity-connected", asked.origin, user_id=challenge.user_id, provider=name
                )
            return _redirect(data["redirect_url"], (over,))
        proof = await provider.enter(auth, connection, account, asked.origin)
        signed_in = await sign_in(auth, connection, proof, asked.origin, caller=asked.caller, carry="cookie")
    if isinstance(signed_in, FactorOwed):
        location = page(auth, "second-factor", signed_in.token, redirect_url=data["redirect_url"])
        return _redirect(location, (over,))
    await auth.settled()
    return _redirect(data["redirect_url"], (*signed_in_answer(auth, signed_in, "cookie").cookies, over))


async def list_ways(auth: Auth, asked: Asked[NoBody]) -> Answer:  # noqa: ARG001 - what all calls take
    """The ways to sign in here, for whoever draws a page of them."""
    return Answer({"providers": list(auth.section.providers), "oauth": list(auth.oauth), "custom": list(auth.custom)})


def redirect_uri(auth: Auth, name: str) -> str:
    """Where the issuer sends browsers back to: what its settings there have to say."""
    return f"{auth.site.url}/auth/v1/oauth/{name}/callback"


def _exchange(auth: Auth, name: str) -> Exchange:
    exchange = auth.oauth.get(name)
    if exchange is None:
        raise ProviderOff(f"People cannot sign in with {name[:64]!r} here.")
    return exchange


def _cookie(auth: Auth) -> Cookie:
    name, domain = f"{auth.section.cookie_name}-oauth", auth.section.cookie_domain
    return cookie_of(name, secure=auth.site.is_secure, domain=domain)


def _digest(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()


def _redirect(location: str, cookies: tuple[str, ...]) -> Answer:
    return Answer(None, 302, cookies, (("location", location), ("referrer-policy", "no-referrer")))


CALLS: Final = (
    Call("GET", "/v1/providers", list_ways, NoBody),
    Call("GET", "/v1/oauth/{name}/start", start, Start),
    Call("POST", "/v1/oauth/{name}/connect", connect, Start, "user"),
    Call("GET", "/v1/oauth/{name}/callback", finish, Return),
)
