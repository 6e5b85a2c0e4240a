"""Pages of other origins that may call a service: those on a list, and no other. Pure.

Behind the gateway this is the gateway's (``cors`` of a route); it is for services that browsers reach directly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from howdah.kit.answers import Headers
from howdah.kit.errors import NotConfigured

_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_NAMES: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\s*,\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cors:
    """Which pages may call: their origins as browsers write them, ``https://shop.example``, or ``"*"`` alone.

    ``headers`` are those that pages may send beside the harmless ones: one that a service asks for and that is not on
    the list can never come from a browser. Raises NotConfigured: an origin is none, or ``*`` with credentials.
    """

    origins: Sequence[str]
    credentials: bool = False
    methods: tuple[str, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    headers: tuple[str, ...] = ("Authorization", "Content-Type", "X-Request-Id", "X-CSRF-Token")
    exposed: tuple[str, ...] = ("X-Request-Id",)
    max_age: int = 600

    def __post_init__(self) -> None:
        """Raises NotConfigured."""
        given: object = self.origins
        if isinstance(given, str):
            raise NotConfigured("The origins of CORS are a list.", hint=f'Cors(["{given}"])')
        object.__setattr__(self, "origins", tuple(self.origins))
        if "*" in self.origins and (self.credentials or len(self.origins) > 1):
            raise NotConfigured("Every origin, with credentials, would be everybody acting for everybody's users.")
        for origin in self.origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise NotConfigured(f'"{origin}" is no origin.', hint="https://shop.example, without a path.")


def is_preflight(method: str, wanted: str | None) -> bool:
    """Whether a browser asks what it may do, before it does."""
    return method == "OPTIONS" and wanted is not None


def answered(cors: Cors, origin: str | None) -> Headers:
    """What is said of CORS with an answer to a page of this origin; to pages that may not, nothing.

    >>> answered(Cors(("https://a.example",)), "https://a.example")[0]
    ('Access-Control-Allow-Origin', 'https://a.example')
    >>> answered(Cors(("https://a.example",)), "https://b.example")
    (('Vary', 'Origin'),)
    """
    if "*" in cors.origins:
        return (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", ", ".join(cors.exposed)))
    if origin is None or origin not in cors.origins:
        return (("Vary", "Origin"),)
    allowed = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
    if cors.credentials:
        allowed.append(("Access-Control-Allow-Credentials", "true"))
    if cors.exposed:
        allowed.append(("Access-Control-Expose-Headers", ", ".join(cors.exposed)))
    return tuple(allowed)


def preflight(cors: Cors, origin: str | None, method: str | None, headers: str | None) -> Headers:
    """What is said when a browser asks first: what may be done by whom, and nothing to everybody else."""
    said = answered(cors, origin)
    wanted = _names(headers)
    if len(said) < 2 or method not in cors.methods or wanted is None:
        return (("Vary", "Origin"),)
    known = {name.lower() for name in cors.headers}
    if not wanted <= known:
        return (("Vary", "Origin"),)
    return (
        *said,
        ("Access-Control-Allow-Methods", ", ".join(cors.methods)),
        ("Access-Control-Allow-Headers", ", ".join(cors.headers)),
        ("Access-Control-Max-Age", str(cors.max_age)),
    )


def _names(headers: str | None) -> frozenset[str] | None:
    """The names of headers in lower case; None when they are not names."""
    if not headers:
        return frozenset()
    return frozenset(name.strip().lower() for name in headers.split(",")) if _NAMES.fullmatch(headers.strip()) else None


def merged(headers: Iterable[tuple[str, str]], more: Headers) -> Headers:
    """Headers of an answer with those of CORS, which count alone; ``Vary`` is added to what is there."""
    vary = [value for name, value in headers if name.lower() == "vary"]
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() != "vary" and not name.lower().startswith("access-control-")
    ]
    vary += [value for name, value in more if name == "Vary" and value not in vary]
    return (
        *kept,
        *((name, value) for name, value in more if name != "Vary"),
        *([("Vary", ", ".join(vary))] if vary else []),
    )
