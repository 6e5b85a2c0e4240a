"""The pages by which somebody comes in and leaves: log in, second factor, sign up, log out."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.responses import Response

from howdah.auth.challenges import find_challenge
from howdah.auth.errors import InvalidBody, NotSignedIn
from howdah.auth.factors.owned import find_factors
from howdah.auth.http import Answer
from howdah.auth.pages.render import ROOT
from howdah.auth.pages.visit import Form, Visit
from howdah.auth.part import Auth
from howdah.auth.proof_errors import SignInExpired
from howdah.auth.routes import account, second_factor
from howdah.auth.sign_in import PENDING

_NAMES: Final = {"github": "GitHub", "linkedin": "LinkedIn"}
_DONE: Final = {
    "confirmed": "Your address is confirmed. Now log in.",
    "password": "Your password is set. Now log in with it.",
    "left": "You are logged out.",
}
_LABELS: Final = (("username", "username"), ("email", "e-mail address"), ("mobile-password", "mobile number"))
_DIGITS: Final = frozenset("0123456789 ()-./")


def issuer_name(name: str) -> str:
    """What people call an issuer of accounts: "Google" for ``google``."""
    return _NAMES.get(name) or name.replace("-", " ").replace("_", " ").capitalize()


def ways_in(auth: Auth) -> dict[str, Any]:
    """The ways to sign in and up that the settings have."""
    providers = auth.section.providers
    labels = [label for kind, label in _LABELS if kind in providers]
    *others, last = labels or [""]
    by_code = [kind for kind, name in (("email", "email-code"), ("mobile", "mobile")) if name in providers]
    issuers = [{"name": name, "shown": issuer_name(name)} for name in auth.oauth]
    return {
        "password": bool(labels),
        "label": " or ".join(filter(None, (", ".join(others), last))).capitalize(),
        "is_email": providers_of_names(auth) == ("email",),
        "issuers": issuers,
        "reset": [kind for kind, name in (("email", "email"), ("mobile", "mobile-password")) if name in providers],
        "by_code": by_code,
        "passkey": "passkey" in providers,
        "signup": auth.section.signup and bool(labels or by_code or issuers),
    }


def providers_of_names(auth: Auth) -> tuple[str, ...]:
    """By what people with a password are found here."""
    return tuple(kind for kind, _ in _LABELS if kind in auth.section.providers)


def credentials(auth: Auth, form: Form) -> tuple[str, dict[str, Any]]:
    """The provider and its data: what has an ``@`` in it is an address, what is a number is one where people have them.

    >>> from types import SimpleNamespace as Some
    >>> here = Some(section=Some(providers=("username", "mobile-password")))
    >>> credentials(here, {"name": "+49 151 2345678", "password": "secret"})
    ('mobile-password', {'mobile': '+49 151 2345678', 'password': 'secret'})
    """
    name, password = form.get("name", "").strip(), form.get("password", "")
    if "@" in name:
        return "email", {"email": name, "password": password}
    if "mobile-password" in auth.section.providers and _is_number(name):
        return "mobile-password", {"mobile": name, "password": password}
    if providers_of_names(auth) == ("email",):
        return "email", {"email": name, "password": password}
    return "username", {"username": name, "password": password}


def _is_number(name: str) -> bool:
    return name.startswith("+") and len(name) > 1 and _DIGITS.issuperset(name[1:])


def credential_in(text: str) -> dict[str, Any]:
    """What a browser said of a passkey, as a script put it into a form. Raises InvalidBody."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidBody("Nothing was said of a passkey. The button needs a script.")
    return value


# -- log in ------------------------------------------------------------------------------------------------------------


async def show_login(visit: Visit) -> Response:
    """The ways to sign in; whoever is signed in already is sent on."""
    if visit.caller.credential == "cookie" and visit.error is None:
        return visit.go_on("account", refused=visit.refused) if visit.refused else visit.go(visit.redirect_url)
    visit.done = visit.done or _DONE.get(visit.request.query_params.get("done", ""))
    offered = "passkey" not in visit.form  # by the browser itself: not one that was refused just now
    return visit.show("login", "Log in", ways=ways_in(visit.auth), offered=offered)


async def log_in(visit: Visit) -> Response:
    """Signed in, or asked for a second factor."""
    data: dict[str, Any]
    if visit.link_token:
        kind, data = "email-code", {"token": visit.link_token}
    elif "passkey" in visit.form:
        kind, data = "passkey", {"credential": credential_in(visit.form["passkey"])}
    else:
        kind, data = credentials(visit.auth, visit.form)
    answer = await account.log_in(visit.auth, visit.asked(account.Credentials(kind, data, "cookie")))
    return await signed_in(visit, answer)


async def signed_in(visit: Visit, answer: Answer) -> Response:
    """They go where they want to be, or show a second factor first."""
    owed = answer.body.get("second_factor") if isinstance(answer.body, dict) else None
    if owed is not None:
        return _ask_for_factor(visit, owed["token"], owed["factors"])
    return visit.go(visit.redirect_url, answer.cookies)


# -- the second factor -------------------------------------------------------------------------------------------------


def _ask_for_factor(visit: Visit, token: str, ways: list[str]) -> Response:
    return visit.show("second-factor", "One more step", token=token, ways=ways)


async def show_second_factor(visit: Visit) -> Response:
    """The ways to show one: those of whoever has begun to sign in; all, where only their browser knows who that is."""
    token = visit.link_token
    begun = await find_challenge(visit.auth.store.pool, token, PENDING) if token else None
    if begun is None or begun.user_id is None:
        return _ask_for_factor(visit, "", ["totp", "passkey", "recovery"])
    owned = await find_factors(visit.auth.store.pool, begun.user_id)
    return _ask_for_factor(visit, token, list(owned.ways))


async def finish(visit: Visit) -> Response:
    """Signed in, with a second factor; or back at the beginning, where that took too long."""
    body = second_factor.SecondFactor(token=visit.link_token, **shown_factor(visit))
    try:
        answer = await second_factor.finish_log_in(visit.auth, visit.asked(body))
    except SignInExpired as error:
        visit.error = error
        return await show_login(visit)
    return visit.go(visit.redirect_url, answer.cookies)


def shown_factor(visit: Visit) -> dict[str, Any]:
    """The factor that a form shows: what a script found, or what was typed."""
    if "passkey" in visit.form:
        return {"passkey": credential_in(visit.form["passkey"])}
    if "recovery_code" in visit.form:
        return {"recovery_code": visit.text("recovery_code")}
    return {"code": visit.text("code").replace(" ", "")}


# -- sign up -----------------------------------------------------------------------------------------------------------


async def show_signup(visit: Visit) -> Response:
    """The form for a new account."""
    if visit.caller.credential == "cookie" and visit.error is None:
        return visit.go(visit.redirect_url)
    if not visit.auth.section.signup:
        return visit.show("message", "Sign up", text="Nobody can sign up here at the moment.")
    ways, least = ways_in(visit.auth), visit.auth.section.password_min_length
    return visit.show("signup", "Create an account", ways=ways, least=least)


async def sign_up(visit: Visit) -> Response:
    """A new account, signed in to where nothing has to be confirmed first."""
    kind, data = credentials(visit.auth, visit.form)
    if kind == "email" and visit.wanted:
        data["redirect_url"] = visit.wanted
    answer = await account.sign_up(visit.auth, visit.asked(account.Credentials(kind, data, "cookie")))
    if answer.body.get("hasura_id") is None:
        name = answer.body.get("email") or answer.body.get("mobile")
        return visit.show("confirm-sent", "Confirm that it is you", cookies=answer.cookies, name=name, kind=kind)
    return visit.go(visit.redirect_url, answer.cookies)


# -- log out -----------------------------------------------------------------------------------------------------------


async def show_logout(visit: Visit) -> Response:
    """A button: a link alone must not log anybody out."""
    if visit.caller.credential != "cookie":
        return visit.go_on("login")
    return visit.show("logout", "Log out?", text="You will be signed in here no longer.")


async def log_out(visit: Visit) -> Response:
    """The session is over."""
    try:
        answer = await account.log_out(visit.auth, visit.asked())
    except NotSignedIn:
        return visit.go(f"{ROOT}/login")
    if visit.wanted:
        return visit.go(visit.wanted, answer.cookies)
    return visit.go(f"{ROOT}/login?done=left", answer.cookies)


async def show_restricted(visit: Visit) -> Response:
    """What somebody sees who may not go where they wanted."""
    text = "Your account may not see this page. Another account of yours might."
    return visit.show("logout", "Not for this account", status=403, text=text)
