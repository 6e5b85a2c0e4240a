"""An e-mail address or a number, and a password: good once the address is shown to be one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from howdah.auth import audit, users
from howdah.auth.attempts import count_message
from howdah.auth.confirmation import ask_to_confirm, is_pending
from howdah.auth.credentials import check_password, hash_new_password, hash_sign_up
from howdah.auth.identifiers import Identifier
from howdah.auth.messages import address_in, send_account_exists
from howdah.auth.one_time import Flow, begin_flow, remember_sign_up
from howdah.auth.part import Auth
from howdah.auth.providers.addresses import Email, FlowText, Mobile
from howdah.auth.providers.provider import Registered, Write, read_data
from howdah.auth.sessions import Origin
from howdah.auth.sign_in import Proof
from howdah.postgres.connection import Connection


class EmailPassword(Email, kw_only=True, forbid_unknown_fields=True):
    """What is sent; ``redirect_url`` is where the link of the mail leads in the end."""

    password: str
    flow: FlowText | None = None
    redirect_url: str | None = None


class MobilePassword(Mobile, kw_only=True, forbid_unknown_fields=True):
    """What is sent."""

    password: str
    flow: FlowText | None = None

    @property
    def redirect_url(self) -> None:
        """There are no links in text messages."""
        return None


@dataclass(frozen=True, slots=True)
class PasswordProvider:
    """Sign-up answers alike whether or not the address has an account; its owner is told (R8)."""

    name: str
    data: type[EmailPassword | MobilePassword]

    async def sign_up(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Write:
        """A new account that can be used once the address is confirmed.

        Raises ExpectedEmail or ExpectedMobile, UnacceptablePassword, TooManyAttempts.
        """
        sent = read_data(data, self.data)
        identifier = sent.read(auth)
        flow = begin_flow(auth, origin, sent.flow, sent.redirect_url)
        await count_message(auth, "verify", identifier, origin)
        hashed = await hash_new_password(auth, sent.password, context=(identifier.canonical,))
        remembered = await hash_sign_up(auth, identifier, sent.password, hashed)

        async def write(connection: Connection) -> Registered:
            await users.lock_identity(connection, identifier.kind, identifier.canonical)
            user = await users.find_user_by(connection, identifier.kind, identifier.canonical)
            await remember_sign_up(connection, auth, identifier, remembered)
            if user is not None and not is_pending(user):
                to = address_in(user, identifier)
                await send_account_exists(auth, connection, identifier, to, origin)
                await audit.note(connection, "signup-again", origin, user_id=user.id, actor="stranger")
            else:
                await self._write_pending(auth, connection, identifier, flow, hashed, origin)
            shown = {"auth_token": None, "hasura_id": None, "hasura_roles": list(auth.section.default_roles)}
            return Registered(None, {**shown, identifier.kind: identifier.display}, flow.cookies)

        return write

    async def _write_pending(
        self, auth: Auth, connection: Connection, identifier: Identifier, flow: Flow, hashed: str, origin: Origin
    ) -> None:
        """The account is there, and what confirms it is on its way."""
        user = await users.find_user_by(connection, identifier.kind, identifier.canonical)
        if user is None:
            user_id = await users.create_user(connection, roles=auth.section.default_roles, password_hash=hashed)
            names = (identifier.kind, identifier.canonical, identifier.display)
            await users.add_identity(connection, user_id, *names, verified=False)
            user = await users.find_user(connection, user_id)
            await audit.note(connection, "signup", origin, user_id=user_id, provider=self.name)
        else:
            await users.set_password(connection, user.id, hashed)
            await audit.note(connection, "signup", origin, user_id=user.id, provider=self.name)
        await ask_to_confirm(auth, connection, identifier, flow, user=user, password_hash=hashed)

    async def log_in(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Proof:
        """Whose account it is. Raises InvalidUser, and NotVerified where only the address is to be confirmed yet."""
        sent = read_data(data, self.data)
        return await check_password(auth, sent.read(auth), sent.password, origin)
