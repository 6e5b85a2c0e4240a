"""All calls of accounts, and the application they make."""

from __future__ import annotations

from typing import Any, Final

from starlette.applications import Starlette

from howdah.auth.http import Answer, Asked, Call, NoBody, application
from howdah.auth.openapi.document import Described, describe
from howdah.auth.pages.table import page_routes
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


async def publish_document(auth: Auth, asked: Asked[NoBody]) -> Answer:  # noqa: ARG001 - the same for everybody
    """What all calls take and answer, as an OpenAPI 3.1 document."""
    ways = {name: way.data for name, way in account.ways_in(auth).items()}
    project = Described(auth.site.name, auth.site.url, auth.cookie.name, ways)
    return Answer(describe(CALLS, project), headers=(("cache-control", "public, max-age=300"),))


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
    Call("GET", "/v1/openapi.json", publish_document, NoBody),
)


def auth_routes(auth: Auth) -> Starlette:
    """The part as an ASGI application. Who asks is in ``scope["howdah.caller"]``."""
    return application(auth, CALLS, page_routes(auth))
