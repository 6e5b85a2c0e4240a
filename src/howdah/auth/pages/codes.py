"""The page of codes: one is sent to an address or a number, and whoever has it signs in, or up, without a password."""

from __future__ import annotations

from typing import Any, Literal

from starlette.responses import Response

from howdah.auth import users
from howdah.auth.errors import InvalidBody
from howdah.auth.identifiers import Identifier, parse_email, parse_mobile
from howdah.auth.pages.entering import signed_in, ways_in
from howdah.auth.pages.problems import span
from howdah.auth.pages.visit import Visit
from howdah.auth.proof_errors import InvalidCode, InvalidUser
from howdah.auth.routes import account, codes


async def show_code(visit: Visit) -> Response:
    """The form for an address or a number; once something was sent there, the form for the code."""
    name = visit.form.get("to")
    if name is not None:
        return _ask_for_code(visit, name)
    return visit.show("send-code", "Log in with a code", ways=ways_in(visit.auth))


def _ask_for_code(visit: Visit, to: str, cookies: tuple[str, ...] = ()) -> Response:
    good_for = span(int(visit.auth.section.code_lifetime))
    return visit.show("type-code", "Enter the code", cookies=cookies, to=to, good_for=good_for)


async def send_or_use(visit: Visit) -> Response:
    """A code is on its way, to whomever (R8); or it is shown, and they are signed in."""
    if "sign_in_code" in visit.form:
        return await _use(visit)
    identifier = _read(visit, visit.text("name"))
    if identifier.kind == "mobile":
        answer = await codes.send_otp(visit.auth, visit.asked(codes.ToMobile(mobile=identifier.canonical)))
    else:
        by: Literal["code", "link"] = "link" if "link" in visit.form else "code"
        body = codes.CodeToEmail(email=visit.text("name"), by=by, redirect_url=visit.wanted)
        answer = await codes.send_email_code(visit.auth, visit.asked(body))
        if by == "link":
            return visit.show("link-sent", "Look into your mailbox", cookies=answer.cookies, name=visit.text("name"))
    return _ask_for_code(visit, visit.text("name"), answer.cookies)


async def _use(visit: Visit) -> Response:
    """Signed in; who has no account yet, and may make one, has one now."""
    identifier = _read(visit, visit.text("to"))
    code = visit.text("sign_in_code").replace(" ", "")
    kind, data = _credentials(identifier, visit.text("to"), code)
    asked = visit.asked(account.Credentials(kind, data, "cookie"))
    known = await users.find_user_by(visit.auth.store.pool, identifier.kind, identifier.canonical)
    try:
        enter = account.log_in if known is not None or not visit.auth.section.signup else account.sign_up
        return await signed_in(visit, await enter(visit.auth, asked))
    except InvalidCode:
        raise InvalidUser from None  # whoever types a wrong code learns nothing of who has an account


def _read(visit: Visit, name: str) -> Identifier:
    """What somebody wrote. Raises ExpectedEmail, ExpectedMobile."""
    ways = ways_in(visit.auth)["by_code"]
    if not ways:
        raise InvalidBody("Nobody logs in with a code here.")
    if "mobile" in ways and ("email" not in ways or "@" not in name):
        return parse_mobile(name, None)
    return parse_email(name)


def _credentials(identifier: Identifier, name: str, code: str) -> tuple[str, dict[str, Any]]:
    if identifier.kind == "mobile":
        return "mobile", {"mobile": identifier.canonical, "otp": code}
    return "email-code", {"email": name, "code": code}
