"""What is answered where there are no accounts: switched off, or without a key to keep their secrets with."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from howdah.auth.errors import NoAccountsHere
from howdah.auth.http import problem


class NoAccounts:
    """The part as an ASGI application that says why there is none."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        hint = "Set HOWDAH_SECRET_KEY to at least 43 random characters, and auth.enabled to true."
        await problem(Request(scope, receive), NoAccountsHere(hint=hint))(scope, receive, send)
