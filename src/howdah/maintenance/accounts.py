"""The accounts of a project from outside of its platform: what `howdah user` does, with or without one that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from howdah.auth import users
from howdah.auth.administration import Administrator
from howdah.auth.identifiers import Identifier, parse_email, parse_mobile, parse_username
from howdah.auth.part import Auth
from howdah.auth.sessions import Origin
from howdah.auth.users import User
from howdah.maintenance.errors import NoAccounts, UnknownUser
from howdah.observe.secret import Secret
from howdah.project.sections import Project
from howdah.server import accounts, messages, secret_keys

COMMAND: Final = Administrator("cli", Origin(request_id="cli"))
"""Who it was, as the audit names them: whoever can read the project's secrets."""


@asynccontextmanager
async def accounts_of(project: Project, dsn: Secret) -> AsyncIterator[Auth]:
    """The accounts in the database at ``dsn``, for as long as the block lasts. Raises NoAccounts, CannotConnect."""
    project = replace(project, database=replace(project.database, url=dsn))
    keyring = secret_keys(project)
    if keyring is None:
        raise NoAccounts(hint="Set auth.enabled, and HOWDAH_SECRET_KEY; `howdah dev` makes a key.")
    auth = accounts(project, keyring, messages(project, keyring, development=False))
    await auth.connect()
    try:
        yield auth
    finally:
        await auth.stop()


def read_identifier(text: str) -> Identifier:
    """What somebody writes for an account: an address with ``@``, a number with ``+``, else a username.

    Raises ExpectedEmail, ExpectedMobile, ExpectedUsername.
    """
    if "@" in text:
        return parse_email(text)
    if text.startswith("+"):
        return parse_mobile(text)
    return parse_username(text)


async def find_user(auth: Auth, text: str) -> User:
    """The user of this number, username, address or telephone number. Raises UnknownUser."""
    found = await users.find_user(auth.store.pool, int(text)) if text.isascii() and text.isdigit() else None
    if found is None:
        identifier = read_identifier(text)
        found = await users.find_user_by(auth.store.pool, identifier.kind, identifier.canonical)
    if found is None:
        raise UnknownUser(f"There is no user {text!r}.")
    return found
