"""A username and a password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from howdah.auth import audit, users
from howdah.auth.credentials import check_password, hash_new_password
from howdah.auth.identifiers import parse_username
from howdah.auth.part import Auth
from howdah.auth.providers.provider import Registered, Write, read_data
from howdah.auth.sessions import Origin
from howdah.auth.sign_in import Proof
from howdah.observe.secret import Secret
from howdah.postgres.connection import Connection

KIND = "username"


class UsernameData(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent."""

    username: str
    password: str


class UsernameProvider:
    """Sign-up tells whether a name is taken, as it must where people choose names; sign-in does not tell."""

    data = UsernameData

    async def sign_up(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Write:
        """A new account. Raises ExpectedUsername, UnacceptablePassword; writing it raises UserAlreadyExists."""
        sent = read_data(data, UsernameData)
        username = parse_username(sent.username)
        hashed = await hash_new_password(auth, sent.password, context=(username.canonical,))

        async def write(connection: Connection) -> Registered:
            user_id = await users.create_user(connection, roles=auth.section.default_roles, password_hash=hashed)
            await users.add_identity(connection, user_id, KIND, username.canonical, username.display, verified=True)
            await audit.note(connection, "signup", origin, user_id=user_id, provider=KIND)
            return Registered(Proof(user_id, ("password",), Secret(hashed)))

        return write

    async def log_in(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Proof:
        """Whose account it is. Raises InvalidUser."""
        sent = read_data(data, UsernameData)
        return await check_password(auth, parse_username(sent.username), sent.password, origin)
