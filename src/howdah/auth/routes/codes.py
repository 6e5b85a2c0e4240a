"""What is sent to addresses and numbers, and what is done with it: confirm, resend, forgot, reset, codes to sign in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from howdah.auth import users
from howdah.auth.attempts import attempt_code, count_message
from howdah.auth.confirmation import ask_to_confirm, confirm
from howdah.auth.errors import InvalidBody
from howdah.auth.http import Answer, Asked, Call
from howdah.auth.identifiers import Identifier
from howdah.auth.messages import page
from howdah.auth.one_time import Flow, Purpose, Tried, Use, allowed_redirect, begin_flow, find_flow
from howdah.auth.part import Auth
from howdah.auth.password_reset import ask_for_reset, reset_password
from howdah.auth.providers.addresses import Email, FlowText, Mobile
from howdah.auth.providers.code import send_code
from howdah.auth.providers.provider import check_on
from howdah.auth.sessions import Origin

DONE: Final = {"message": "success"}


class ToEmail(Email, kw_only=True, forbid_unknown_fields=True):
    """An address; ``flow`` for clients that keep no cookies, ``redirect_url`` for where a link leads in the end."""

    flow: FlowText | None = None
    redirect_url: str | None = None


class ToMobile(Mobile, kw_only=True, forbid_unknown_fields=True):
    """A number; ``flow`` for clients that keep no cookies."""

    flow: FlowText | None = None

    @property
    def redirect_url(self) -> None:
        """There are no links in text messages."""
        return None


class CodeToEmail(ToEmail, kw_only=True, forbid_unknown_fields=True):
    """An address, and whether a code to type in is to go there, or a link to open."""

    by: Literal["code", "link"] = "code"


class ByLink(msgspec.Struct, forbid_unknown_fields=True):
    """What a link has in it."""

    token: str


class Confirmation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a link has in it, or an address and the code that was sent there."""

    token: str | None = None
    email: str | None = None
    code: str | None = None
    flow: FlowText | None = None


class MobileConfirmation(ToMobile, kw_only=True, forbid_unknown_fields=True):
    """A number and the code that was sent there."""

    otp: str


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    """What a link has in it, and the new password."""

    token: str
    password: str


class NewMobilePassword(MobileConfirmation, kw_only=True, forbid_unknown_fields=True):
    """A number, the code that was sent there, and the new password."""

    password: str


# -- by mail -----------------------------------------------------------------------------------------------------------


async def confirm_by_link(auth: Auth, asked: Asked[ByLink]) -> Answer:
    """The address is confirmed, for programs; whoever follows a link is sent to a page that asks first.

    What reads mails beforehand opens every link in them, so opening one changes nothing (RFC 9110, section 9.2.1). A
    program asks for ``application/json``, or is the script of a page. Our mails lead to that page at once, with the
    token behind the ``#``, where no server is told it (R18).
    """
    if not asked.by_script:
        place = page(auth, "verify-email", quote(asked.body.token, safe=""))
        return Answer(None, HTTPStatus.SEE_OTHER, headers=(("location", place), ("referrer-policy", "no-referrer")))
    return await _confirm(auth, asked.body.token, asked.origin)


async def confirm_email(auth: Auth, asked: Asked[Confirmation]) -> Answer:
    """The same by a code, or by what a link has in it."""
    sent = asked.body
    shown: Tried | str
    if sent.token is not None and sent.email is None and sent.code is None:
        shown = sent.token
    elif sent.token is None and sent.email is not None and sent.code is not None:
        shown = await _try(auth, "verify", Email(email=sent.email).read(auth), sent.code, sent.flow, asked.origin)
    else:
        raise InvalidBody("Send the token of a link, or email and code.")
    return await _confirm(auth, shown, asked.origin)


async def resend_email(auth: Auth, asked: Asked[ToEmail]) -> Answer:
    """The mail that confirms a new account is sent once more, with another link: the one before is dead."""
    return await _resend(auth, "email", asked)


async def forgot_by_email(auth: Auth, asked: Asked[ToEmail]) -> Answer:
    """A link to a new password is on its way, where there is such an account."""
    check_on(auth, "email")
    flow = Flow(b"", redirect_url=allowed_redirect(auth, asked.body.redirect_url))
    await ask_for_reset(auth, asked.body.read(auth), flow, asked.origin)
    return Answer(DONE)


async def reset_by_link(auth: Auth, asked: Asked[NewPassword]) -> Answer:
    """The account has the new password, and no session any more. Nobody is signed in (R17)."""
    await reset_password(auth, asked.body.token, asked.body.password, asked.origin)
    return Answer(DONE)


async def send_email_code(auth: Auth, asked: Asked[CodeToEmail]) -> Answer:
    """A code, or a link, to sign in or up with is on its way."""
    return await _send(auth, "email-code", asked, by_link=asked.body.by == "link")


# -- by text message ---------------------------------------------------------------------------------------------------


async def send_otp(auth: Auth, asked: Asked[ToMobile]) -> Answer:
    """A code to sign in or up with is on its way."""
    return await _send(auth, "mobile", asked)


async def confirm_mobile(auth: Auth, asked: Asked[MobileConfirmation]) -> Answer:
    """The number is confirmed."""
    sent = asked.body
    tried = await _try(auth, "verify", sent.read(auth), sent.otp, sent.flow, asked.origin)
    return await _confirm(auth, tried, asked.origin)


async def resend_otp(auth: Auth, asked: Asked[ToMobile]) -> Answer:
    """Another code that confirms a new account; the one before is dead, and tries go on being counted."""
    return await _resend(auth, "mobile-password", asked)


async def forgot_by_mobile(auth: Auth, asked: Asked[ToMobile]) -> Answer:
    """A code for a new password is on its way, where there is such an account."""
    check_on(auth, "mobile-password")
    flow = begin_flow(auth, asked.origin, asked.body.flow)
    await ask_for_reset(auth, asked.body.read(auth), flow, asked.origin)
    return Answer(DONE, cookies=flow.cookies)


async def reset_by_code(auth: Auth, asked: Asked[NewMobilePassword]) -> Answer:
    """The account has the new password, and no session any more. Nobody is signed in (R17)."""
    sent = asked.body
    tried = await _try(auth, "reset", sent.read(auth), sent.otp, sent.flow, asked.origin)
    await reset_password(auth, tried, sent.password, asked.origin)
    return Answer(DONE)


# -- both --------------------------------------------------------------------------------------------------------------


async def _send(
    auth: Auth, provider: str, asked: Asked[CodeToEmail] | Asked[ToMobile], *, by_link: bool = False
) -> Answer:
    check_on(auth, provider)
    flow = begin_flow(auth, asked.origin, asked.body.flow, asked.body.redirect_url)
    await send_code(auth, asked.body.read(auth), flow, asked.origin, by_link=by_link)
    return Answer(DONE, cookies=flow.cookies)


async def _resend(auth: Auth, provider: str, asked: Asked[ToEmail] | Asked[ToMobile]) -> Answer:
    check_on(auth, provider)
    identifier = asked.body.read(auth)
    flow = begin_flow(auth, asked.origin, asked.body.flow, asked.body.redirect_url)
    await count_message(auth, "verify", identifier, asked.origin)
    async with auth.store.transaction() as connection:
        user = await users.find_user_by(connection, identifier.kind, identifier.canonical)
        await ask_to_confirm(auth, connection, identifier, flow, user=user)
    return Answer(DONE, cookies=flow.cookies)


async def _confirm(auth: Auth, shown: Tried | str, origin: Origin) -> Answer:
    async with auth.store.transaction() as connection:
        await confirm(auth, connection, shown, origin)
    return Answer(DONE)


async def _try(
    auth: Auth, purpose: Purpose, identifier: Identifier, code: str, given: str | None, origin: Origin
) -> Tried:
    return await attempt_code(auth, Use(purpose, identifier, find_flow(auth, origin, given)), code, origin)


CALLS: Final = (
    Call("GET", "/v1/providers/email/verify-email", confirm_by_link, ByLink),
    Call("POST", "/v1/providers/email/verify-email", confirm_email, Confirmation),
    Call("POST", "/v1/providers/email/resend", resend_email, ToEmail),
    Call("POST", "/v1/providers/email/forgot-password", forgot_by_email, ToEmail),
    Call("POST", "/v1/providers/email/reset-password", reset_by_link, NewPassword),
    Call("POST", "/v1/providers/email-code/send", send_email_code, CodeToEmail),
    Call("POST", "/v1/providers/email-code/resend", send_email_code, CodeToEmail),
    Call("POST", "/v1/providers/mobile/send-otp", send_otp, ToMobile),
    Call("POST", "/v1/providers/mobile/resend-otp", send_otp, ToMobile),
    Call("POST", "/v1/providers/mobile-password/verify-otp", confirm_mobile, MobileConfirmation),
    Call("POST", "/v1/providers/mobile-password/resend-otp", resend_otp, ToMobile),
    Call("POST", "/v1/providers/mobile-password/forgot-password", forgot_by_mobile, ToMobile),
    Call("POST", "/v1/providers/mobile-password/reset-password", reset_by_code, NewMobilePassword),
)
