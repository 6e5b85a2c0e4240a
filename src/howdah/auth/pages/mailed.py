"""The pages that messages lead to: whose an address is, another password, the first password.

Opening one changes nothing, as what looks through mails for dangerous links opens each. What the link has in it stands
behind ``#``; a script puts it into the form, and without one people paste it there.
"""

from __future__ import annotations

from starlette.responses import Response

from howdah.auth import links, users
from howdah.auth.errors import InvalidBody
from howdah.auth.factors.owned import find_factors
from howdah.auth.pages.entering import credentials, ways_in
from howdah.auth.pages.visit import Visit
from howdah.auth.password_reset import find_owner
from howdah.auth.proof_errors import InvalidCode, InvalidLink
from howdah.auth.routes import admin, codes
from howdah.auth.users import User

# -- an address --------------------------------------------------------------------------------------------------------


async def show_verify_email(visit: Visit) -> Response:
    """The button that confirms, for whoever comes by the link; and a form for the code of the mail."""
    return visit.show("verify-email", "Confirm your address")


async def verify_email(visit: Visit) -> Response:
    """The address is theirs, by the link or by the code of the mail."""
    token = visit.link_token
    if token:
        body = codes.Confirmation(token=token)
    else:
        body = codes.Confirmation(email=visit.text("email"), code=visit.text("code").replace(" ", ""))
    answer = await codes.confirm_email(visit.auth, visit.asked(body))
    if visit.caller.credential == "cookie":
        return visit.go_on("account", answer.cookies, done="address")
    return visit.go_on("login", answer.cookies, done="confirmed")


async def show_verify_mobile(visit: Visit) -> Response:
    """The form for the code of a text message."""
    return visit.show("verify-mobile", "Confirm your number")


async def verify_mobile(visit: Visit) -> Response:
    """The number is theirs, by the code that was sent there."""
    body = codes.MobileConfirmation(mobile=visit.text("mobile"), otp=visit.text("code").replace(" ", ""))
    answer = await codes.confirm_mobile(visit.auth, visit.asked(body))
    return visit.go_on("login", answer.cookies, done="confirmed")


async def resend(visit: Visit) -> Response:
    """Another mail is on its way, where there is something to confirm (R8)."""
    email = visit.text("email")
    body = codes.ToEmail(email=email, redirect_url=visit.wanted)
    answer = await codes.resend_email(visit.auth, visit.asked(body))
    visit.done = "If there is something to confirm, there is another mail on its way."
    name = "Confirm that it is you"
    return visit.show("confirm-sent", name, cookies=answer.cookies, name=email, kind="email")


# -- another password --------------------------------------------------------------------------------------------------


async def show_reset_password(visit: Visit) -> Response:
    """The form to ask for a link; for whoever comes by one, the way on to the form for a password."""
    if "mobile" in visit.form:
        return _ask_for_code(visit, visit.text("mobile"))
    if "password" in visit.form and not isinstance(visit.error, InvalidCode):
        token = visit.link_token
        return await _choose(visit, await find_owner(visit.auth, token), token, "reset-password")
    return visit.show("reset-password", "Forgot your password?", ways=ways_in(visit.auth))


async def reset_password(visit: Visit) -> Response:
    """A mail is on its way, whoever asks for it (R8); or a link is looked at; or the password is chosen."""
    token = visit.link_token
    if "mobile" in visit.form:
        return await _reset_by_code(visit)
    if not token:
        return await _send_reset(visit, visit.text("name"))
    if "password" not in visit.form:
        return await _choose(visit, await find_owner(visit.auth, token), token, "reset-password")
    answer = await codes.reset_by_link(visit.auth, visit.asked(codes.NewPassword(token, visit.form["password"])))
    return visit.go_on("login", answer.cookies, done="password")


async def _send_reset(visit: Visit, name: str) -> Response:
    """A link by mail, or a code by text message."""
    kind, data = credentials(visit.auth, {"name": name})
    if kind == "mobile-password":
        answer = await codes.forgot_by_mobile(visit.auth, visit.asked(codes.ToMobile(mobile=data["mobile"])))
        return _ask_for_code(visit, name, answer.cookies)
    body = codes.ToEmail(email=name, redirect_url=visit.wanted)
    answer = await codes.forgot_by_email(visit.auth, visit.asked(body))
    return visit.show("reset-sent", "Look into your mailbox", cookies=answer.cookies, name=name)


def _ask_for_code(visit: Visit, mobile: str, cookies: tuple[str, ...] = ()) -> Response:
    section = visit.auth.section  # whether there is a second factor nobody is told before they have shown the code
    least, alone = section.password_min_length_with_factor, section.password_min_length
    return visit.show("reset-by-code", "Choose a password", cookies=cookies, mobile=mobile, least=least, alone=alone)


async def _reset_by_code(visit: Visit) -> Response:
    body = codes.NewMobilePassword(
        mobile=visit.text("mobile"), otp=visit.text("code").replace(" ", ""), password=visit.form.get("password", "")
    )
    answer = await codes.reset_by_code(visit.auth, visit.asked(body))
    return visit.go_on("login", answer.cookies, done="password")


async def show_set_password(visit: Visit) -> Response:
    """The way on for whoever comes by a link that an administrator made."""
    if "password" in visit.form and not isinstance(visit.error, InvalidLink):
        token = visit.link_token
        return await _choose(visit, await _invited(visit, token), token, "set-password")
    return visit.show("set-password", "Choose a password")


async def set_password(visit: Visit) -> Response:
    """The link is looked at; or the password is chosen, and they can sign in with it."""
    token = visit.link_token
    if not token:
        raise InvalidBody("The link is incomplete. Open it again, from where you have it.")
    if "password" not in visit.form:
        return await _choose(visit, await _invited(visit, token), token, "set-password")
    await admin.choose_password(visit.auth, visit.asked(admin.ChosenPassword(token, visit.form["password"])))
    return visit.go_on("login", done="password")


async def _choose(visit: Visit, user: User, token: str, action: str) -> Response:
    """The form for a password of whoever has the link: as long as their account needs, under the name they know."""
    section = visit.auth.section
    with_factor = (await find_factors(visit.auth.store.pool, user.id)).is_any
    least = section.password_min_length_with_factor if with_factor else section.password_min_length
    name = next((each.shown for each in user.identities if ":" not in each.kind), "")
    return visit.show("choose-password", "Choose a password", token=token, action=action, least=least, name=name)


async def _invited(visit: Visit, token: str) -> User:
    user_id = await links.whose_link(visit.auth.store.pool, token)
    user = None if user_id is None else await users.find_user(visit.auth.store.pool, user_id)
    if user is None:
        raise InvalidLink
    return user
