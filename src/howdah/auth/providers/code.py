"""A code that was sent to an e-mail address or a number, or a link: who has it signs in or up, without a password.

A code by mail is no second factor, and shows no more than that somebody reads the mail (R19).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from howdah.auth import audit, users
from howdah.auth.attempts import attempt_code, count_message
from howdah.auth.confirmation import claim, is_pending, is_shown_by
from howdah.auth.errors import InvalidBody, UserAlreadyExists
from howdah.auth.identifiers import Identifier
from howdah.auth.messages import address_in, send_sign_in_code
from howdah.auth.one_time import (
    Flow,
    Redeemed,
    Tried,
    Use,
    find_flow,
    issue,
    redeem_code,
    redeem_token,
)
from howdah.auth.part import Auth
from howdah.auth.proof_errors import InvalidCode, InvalidUser
from howdah.auth.providers.addresses import Email, FlowText, Mobile
from howdah.auth.providers.provider import Registered, Write, read_data
from howdah.auth.sessions import Origin
from howdah.auth.sign_in import Proof
from howdah.postgres.connection import Connection


class EmailCode(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An address and the code that was sent there, or the token of a link."""

    email: str | None = None
    code: str | None = None
    token: str | None = None
    flow: FlowText | None = None

    def read(self, auth: Auth, /) -> Identifier | None:
        """Who the code was sent to. Raises ExpectedEmail and InvalidBody."""
        if self.token is not None and self.email is None and self.code is None:
            return None
        if self.token is not None or self.email is None or self.code is None:
            raise InvalidBody("Send email and code, or the token of a link.", path="$.data")
        return Email(email=self.email).read(auth)


class MobileCode(Mobile, kw_only=True, forbid_unknown_fields=True):
    """A number and the code that was sent there."""

    otp: str
    flow: FlowText | None = None

    @property
    def code(self) -> str:
        """What it is called elsewhere."""
        return self.otp

    @property
    def token(self) -> None:
        """There are no links in text messages."""
        return None


async def send_code(auth: Auth, identifier: Identifier, flow: Flow, origin: Origin, *, by_link: bool = False) -> None:
    """A code, or a link, is on its way: to the account's owner, or to who may sign up with it.

    Where nobody may sign up, one for an unknown address goes to nobody (R8). Raises TooManyAttempts.
    """
    await count_message(auth, "sign-in", identifier, origin)
    async with auth.store.transaction() as connection:
        user = await users.find_user_by(connection, identifier.kind, identifier.canonical)
        known = user is not None and user.is_active and is_shown_by(user, identifier.kind, identifier.canonical)
        may = known or (auth.section.signup and (user is None or is_pending(user)))
        to = None if not may else address_in(user, identifier) or identifier.display
        issued = await issue(
            connection,
            auth,
            Use("sign-in", identifier, flow.digest),
            user_id=user.id if user is not None and known else None,
            lifetime=auth.section.code_lifetime,
            by_code=not by_link,
            by_link=by_link,
            payload={},
        )
        await send_sign_in_code(
            auth,
            connection,
            identifier,
            to,
            issued,
            origin,
            known=known,
            by_link=by_link,
            redirect_url=flow.redirect_url,
        )


@dataclass(frozen=True, slots=True)
class CodeProvider:
    """Sign-up and sign-in by what was sent."""

    name: str
    method: str
    data: type[EmailCode | MobileCode]

    async def sign_up(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Write:
        """A new account whose address is confirmed already. Raises InvalidCode, UserAlreadyExists, TooManyAttempts."""
        sent = read_data(data, self.data)
        identifier = sent.read(auth)
        if identifier is None or sent.code is None:
            raise InvalidBody("A link signs in; to sign up, send email and code.", path="$.data")
        use = Use("sign-in", identifier, find_flow(auth, origin, sent.flow))
        tried = await attempt_code(auth, use, sent.code, origin)

        async def write(connection: Connection) -> Registered:
            await redeem_code(connection, tried)
            await users.lock_identity(connection, identifier.kind, identifier.canonical)
            user = await users.find_user_by(connection, identifier.kind, identifier.canonical)
            if user is not None and not is_pending(user):
                raise UserAlreadyExists  # whose it is was shown, so they may know
            if user is not None:
                await claim(connection, user, identifier.kind, identifier.canonical, origin)
                return Registered(Proof(user.id, (self.method,)))
            user_id = await users.create_user(connection, roles=auth.section.default_roles)
            names = (identifier.kind, identifier.canonical, identifier.display)
            await users.add_identity(connection, user_id, *names, verified=True)
            await audit.note(connection, "signup", origin, user_id=user_id, provider=self.name)
            return Registered(Proof(user_id, (self.method,)))

        return write

    async def log_in(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Proof:
        """Whose account it is. Raises InvalidUser, whatever is wrong, and TooManyAttempts."""
        sent = read_data(data, self.data)
        identifier = sent.read(auth)
        flow = find_flow(auth, origin, sent.flow)
        try:
            shown: Tried | str = str(sent.token)
            if identifier is not None:
                shown = await attempt_code(auth, Use("sign-in", identifier, flow), str(sent.code), origin)
            return await self._log_in_by(auth, shown, flow, origin)
        except InvalidCode:
            await audit.note(auth.store.pool, "login-failed", origin, actor="stranger", by=self.method)
            raise InvalidUser from None

    async def _log_in_by(self, auth: Auth, shown: Tried | str, flow: bytes, origin: Origin) -> Proof:
        """The proof of what was shown, which is used up. Raises InvalidCode and InvalidUser."""
        async with auth.store.transaction() as connection:
            redeemed = await self._redeem(connection, shown, flow)
            await users.lock_identity(connection, redeemed.kind, redeemed.subject)
            user = await users.find_user_by(connection, redeemed.kind, redeemed.subject)
            if user is None or not user.is_active:
                raise InvalidUser
            if not is_shown_by(user, redeemed.kind, redeemed.subject):
                raise InvalidUser
            if is_pending(user):
                await claim(connection, user, redeemed.kind, redeemed.subject, origin)
            return Proof(user.id, (self.method,))

    async def _redeem(self, connection: Connection, shown: Tried | str, flow: bytes) -> Redeemed:
        if isinstance(shown, Tried):
            return await redeem_code(connection, shown)
        return await redeem_token(connection, shown, ("sign-in",), flow=flow)
