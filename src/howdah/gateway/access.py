"""A policy and a caller → nothing, or why the caller may not pass; and where a browser is sent instead. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, quote_from_bytes

from howdah.gateway.errors import NoAccess, NoSession
from howdah.session import ANONYMOUS_ROLE

if TYPE_CHECKING:
    from howdah.project.sections import Policy
    from howdah.session import Caller


def check_access(policy: Policy, caller: Caller) -> None:
    """Return for callers who may pass: with any of the roles that are asked for, whichever of theirs they act in.

    Raises NoSession for callers who are not signed in, NoAccess for those who have none of the roles.
    """
    roles = policy.restrict_to_roles
    if not caller.is_signed_in:
        if not (ANONYMOUS_ROLE in roles if roles else policy.allow_anonymous):
            raise NoSession(redirect_url=policy.no_session_redirect_url)
    elif roles and not any(role in roles for role in caller.roles):
        raise NoAccess(redirect_url=policy.no_access_redirect_url)


def redirect_target(url: str, scheme: str, host: str, raw_path: bytes, query: bytes) -> str:
    """Where a browser is sent: the URL, told in ``redirect_url`` where the browser wanted to go.

    >>> redirect_target("/login?theme=dark", "http", "localhost:8080", b"/shop", b"page=2")
    '/login?theme=dark&redirect_url=http%3A%2F%2Flocalhost%3A8080%2Fshop%3Fpage%3D2'
    """
    wanted = quote(f"{scheme}://{host}", safe="") + quote_from_bytes(
        raw_path + (b"?" + query if query else b""), safe=""
    )
    return f"{url}{'&' if '?' in url else '?'}redirect_url={wanted}"
