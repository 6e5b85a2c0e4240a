"""The page of one's own account: where one is signed in, how one is found, the password.

Whatever is done there leads back to it.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from howdah.auth import sessions, users
from howdah.auth.errors import SessionExpired
from howdah.auth.factors.owned import find_factors
from howdah.auth.pages.browsers import browser_name
from howdah.auth.pages.entering import issuer_name
from howdah.auth.pages.visit import Visit, id_in
from howdah.auth.providers.foreign import kind_of
from howdah.auth.routes import account, addresses, oauth
from howdah.auth.users import User

_DONE: Final = {
    "address": "The address is confirmed.",
    "app": "The authenticator app is set up. From now on it is asked for when you log in.",
    "confirmed": "Thank you. Now you can go on.",
    "connected": "The account is connected.",
    "ended": "That session is over.",
    "ended-others": "All other sessions are over.",
    "passkey": "The passkey is added. You can log in with it.",
    "password": "Your password is changed. All other sessions are over.",
    "removed": "It is removed. All other sessions are over.",
    "renamed": "The name is changed.",
}


async def show_account(visit: Visit) -> Response:
    """Sessions, factors, addresses, password."""
    auth, asked = visit.auth, visit.asked()
    user = await users.find_user(auth.store.pool, asked.user_id)
    if user is None:
        raise SessionExpired
    factors = await find_factors(auth.store.pool, user.id)
    section = auth.section
    listed = await sessions.list_sessions(auth.store.pool, user.id, idle=section.session_idle)
    visit.done = visit.done or _DONE.get(visit.request.query_params.get("done", ""))
    names = [identity.shown for identity in user.identities if not identity.kind.startswith("provider:")]
    return visit.show(
        "account",
        "Your account",
        name=next(iter(names), f"user {user.id}"),
        names=names,
        email=user.identity("email"),
        mobile=user.identity("mobile"),
        has_password=user.password_hash is not None,
        can_email={"email", "email-code"} & set(section.providers),
        can_mobile={"mobile", "mobile-password"} & set(section.providers),
        issuers=_issuers(visit, user),
        sessions=sorted((_session(each, asked.session_id) for each in listed), key=lambda each: not each["current"]),
        factors=factors,
        least=section.password_min_length_with_factor if factors.is_any else section.password_min_length,
    )


def _session(row: dict[str, Any], current: str) -> dict[str, Any]:
    return {**row, "browser": browser_name(row["user_agent"]), "current": row["id"] == current}


def _issuers(visit: Visit, user: User) -> list[dict[str, Any]]:
    found = ((name, user.identity(kind_of(name))) for name in visit.auth.oauth)
    return [
        {"name": name, "shown": issuer_name(name), "as": None if identity is None else identity.shown}
        for name, identity in found
    ]


async def change_password(visit: Visit) -> Response:
    """Another password."""
    body = account.PasswordChange(visit.form.get("old_password", ""), visit.form.get("new_password", ""))
    answer = await account.change_password(visit.auth, visit.asked(body))
    return visit.go_on("account", answer.cookies, done="password")


async def change_email(visit: Visit) -> Response:
    """A mail is on its way to the new address. Until it is confirmed there, the one before stays."""
    email = visit.text("email")
    body = addresses.NewEmail(email=email, password=visit.form.get("own_password"))
    answer = await addresses.change_address(visit.auth, visit.asked(body))
    return visit.show("change-sent", "Look into your mailbox", cookies=answer.cookies, name=email)


async def change_mobile(visit: Visit) -> Response:
    """A code is on its way to the new number."""
    body = addresses.NewMobile(mobile=visit.text("mobile"), password=visit.form.get("number_password"))
    answer = await addresses.change_address(visit.auth, visit.asked(body))
    return await _ask_for_mobile_code(visit, answer.cookies)


async def _ask_for_mobile_code(visit: Visit, cookies: tuple[str, ...] = ()) -> Response:
    return visit.show("change-mobile", "Confirm your number", cookies=cookies, mobile=visit.text("mobile"))


async def show_confirm_mobile(visit: Visit) -> Response:
    """The form for the code that was sent."""
    return await _ask_for_mobile_code(visit)


async def confirm_mobile(visit: Visit) -> Response:
    """The new number is the account's."""
    body = addresses.NewMobileConfirmation(mobile=visit.text("mobile"), otp=visit.text("code").replace(" ", ""))
    await addresses.confirm_address(visit.auth, visit.asked(body))
    return visit.go_on("account", done="address")


async def end_session(visit: Visit) -> Response:
    """One session is over."""
    body = account.SessionChoice(id_in(visit.form.get("session_id", "")))
    await account.end_session(visit.auth, visit.asked(body))
    return visit.go_on("account", done="ended")


async def show_end_others(visit: Visit) -> Response:
    """Whether they are sure, and what follows from it."""
    return visit.show(
        "sure",
        "End all other sessions?",
        text="Every other browser and app that is signed in to your account has to sign in again. This one stays.",
        action="account/end-others",
        button="End all other sessions",
        hidden={},
    )


async def end_others(visit: Visit) -> Response:
    """Every session but this is over."""
    await account.end_session(visit.auth, visit.asked(account.SessionChoice()))
    return visit.go_on("account", done="ended-others")


async def connect(visit: Visit) -> Response:
    """A link to the issuer: what is agreed to there becomes a way into this account."""
    name = visit.form.get("issuer", "")
    visit.request.path_params["name"] = name
    back = f"{visit.auth.site.url}/auth/ui/account?done=connected"
    answer = await oauth.connect(visit.auth, visit.asked(oauth.Start(redirect_url=back)))
    shown = issuer_name(name)
    return visit.show(
        "connect", f"Connect {shown}", cookies=answer.cookies, shown=shown, location=answer.body["location"]
    )
