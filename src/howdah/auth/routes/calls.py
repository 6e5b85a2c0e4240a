"""All calls of accounts, and the application they make."""

from __future__ import annotations

from typing import Any, Final

from starlette.applications import Starlette

from howdah.auth.http import Call, application
from howdah.auth.part import Auth
from howdah.auth.routes import (
    account,
    addresses,
    admin,
    codes,
    factors,
    oauth,
    passkeys,
    second_factor,
    service_tokens,
    tokens,
)
from howdah.auth.routes.pages import page_routes

CALLS: Final[tuple[Call[Any], ...]] = (
    *account.CALLS,
    *addresses.CALLS,
    *codes.CALLS,
    *second_factor.CALLS,
    *factors.CALLS,
    *passkeys.CALLS,
    *oauth.CALLS,
    *admin.CALLS,
    *service_tokens.CALLS,
    *tokens.CALLS,
)


def auth_routes(auth: Auth) -> Starlette:
    """The part as an ASGI application. Who asks is in ``scope["howdah.caller"]``."""
    return application(auth, CALLS, page_routes(auth))
