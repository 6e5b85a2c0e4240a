"""Which pages may call: origins, compared exactly with those that were listed and with our own. Pure.

An origin is what a browser says of the page a request comes from (RFC 6454). Nothing is ever matched by a pattern, and
``null``, which any page can have, is never allowed (R55).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from howdah.project.addresses import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.project.sections import Cors

_LONGEST_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages that may call an address with what identifies their user: its own, and those its policy lists.

    ``scheme`` and ``host`` are what the request was sent to, and ``serves`` tells whether a host name is one of ours.
    """

    cors: Cors
    scheme: str
    host: str
    serves: Callable[[str], bool]

    def are_own(self, origin: str) -> bool:
        """Whether a page of the origin came from the very host that it calls now.

        Over TLS it always did: whoever ends TLS in front of us need not have told us, and nobody else can have it.
        """
        sent = origin_of(origin)
        return sent is not None and sent in (origin_asked(self.scheme, self.host), origin_asked("https", self.host))

    def include(self, origin: str) -> bool:
        """Whether they include a page of the origin. Our own came the same way: by this scheme, through this port."""
        if self.cors.mode != "origins":
            return False
        if origin in self.cors.origins:
            return True
        asked = origin_asked(self.scheme, self.host)
        if not self.cors.own or asked is None or origin_of(origin) != origin:
            return False
        scheme, name, port = _parts(origin)
        asked_scheme, _, asked_port = _parts(asked)
        return scheme == asked_scheme and port == asked_port and self.serves(name)


@lru_cache(maxsize=1024)
def origin_asked(scheme: str, host: str) -> str | None:
    """The origin of whatever is served at the Host header field; None when there is no such origin.

    >>> origin_asked("http", "Localhost:8080"), origin_asked("https", "example.com:443")
    ('http://localhost:8080', 'https://example.com')
    """
    return origin_of(f"{scheme}://{host}")


def _parts(origin: str) -> tuple[str, str, str]:
    scheme, _, authority = origin.partition("://")
    name, colon, port = authority.rpartition(":")
    return (scheme, name, port) if colon and not authority.endswith("]") else (scheme, authority, "")


def shown(origin: str) -> str:
    """The origin as an error names it."""
    return origin if len(origin) <= _LONGEST_SHOWN and origin.isprintable() else "another origin"
