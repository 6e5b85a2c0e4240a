"""A route's CORS policy and a request's origin → the fields of the answer, also of one to a preflight (R55). Pure.

The gateway speaks for the services behind it: what they say about CORS themselves is dropped, unless the policy leaves
it to them (``upstream``). The protocol is the Fetch standard's, section 3.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from howdah.gateway.errors import OriginRefused
from howdah.gateway.origins import shown

if TYPE_CHECKING:
    from howdah.gateway.origins import Pages
    from howdah.project.sections import Cors

Fields = tuple[tuple[bytes, bytes], ...]

_VARY: Final = (b"vary", b"Origin")
_VARY_PREFLIGHT: Final = (b"vary", b"Origin, Access-Control-Request-Headers")
_ANY: Final = (b"access-control-allow-origin", b"*")
_WITH_COOKIES: Final = (b"access-control-allow-credentials", b"true")
_METHODS: Final = (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
_EXPOSED: Final = (b"access-control-expose-headers", b"X-Request-Id, ETag, Location, Retry-After, Content-Disposition")
_MAX_AGE: Final = (b"access-control-max-age", b"600")
_FIELD_NAMES: Final = re.compile(rb"[!#$%&'*+.^`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^`|~0-9A-Za-z-]+)*")
_LONGEST_FIELD_NAMES: Final = 1024

# What a service says about CORS counts for nothing, but for which of its fields pages may read.
SPOKEN_FOR: Final = frozenset(
    b"access-control-allow-origin access-control-allow-credentials access-control-allow-methods "
    b"access-control-allow-headers access-control-max-age access-control-allow-private-network".split()
)


def unasked_fields(cors: Cors) -> Fields:
    """What an answer says where no page is known to have asked: caches may give it to one."""
    if cors.mode == "allow_all":
        return (_ANY, _EXPOSED)
    return (_VARY,) if cors.mode == "origins" and (cors.origins or cors.own) else ()


def answer_fields(pages: Pages, origin: str) -> Fields:
    """What an answer says to a page of the origin."""
    if not pages.include(origin):
        return unasked_fields(pages.cors)
    return ((b"access-control-allow-origin", origin.encode("ascii")), _WITH_COOKIES, _EXPOSED, _VARY)


def preflight_fields(pages: Pages, origin: str, asked_for: bytes) -> Fields:
    """What the answer to a preflight says. ``asked_for`` are the header fields the page wants to send.

    Raises OriginRefused.
    """
    if pages.cors.mode == "allow_all":
        fields = [_ANY]
    elif pages.include(origin):
        fields = [(b"access-control-allow-origin", origin.encode("ascii")), _WITH_COOKIES]
    else:
        raise OriginRefused(
            f"Pages of {shown(origin)} may not call this address.",
            hint="Exact origins are listed in the route's cors, or in gateway.cors.",
        )
    fields += [_METHODS, _MAX_AGE, _VARY_PREFLIGHT]
    if asked_for and len(asked_for) <= _LONGEST_FIELD_NAMES and _FIELD_NAMES.fullmatch(asked_for):
        fields.append((b"access-control-allow-headers", asked_for))
    return tuple(fields)
