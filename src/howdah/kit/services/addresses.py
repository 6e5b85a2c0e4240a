"""Where a call goes: a service's base URL and a path → one URL below that base, and nowhere else. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from howdah.kit.services.errors import BadPath, BadServices

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f\\]")
_ENCODINGS: Final = 3
"""How often a path is decoded in search of what it hides; what is still encoded then is refused."""


def base_of(url: str, *, name: str) -> str:
    """The URL, as calls are put behind it: without its last slash. Raises BadServices.

    >>> base_of("https://api.example.com/v2/", name="bills")
    'https://api.example.com/v2'
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    hint = "It must look like https://api.example.com/v2."
    if parts.scheme not in ("http", "https") or not parts.hostname or (port is not None and not port):
        raise BadServices(f"The base_url of {name!r} is no URL of HTTP.", path=f"{name}.base_url", hint=hint)
    if parts.query or parts.fragment or "@" in parts.netloc or _UNFIT.search(url):
        raise BadServices(
            f"The base_url of {name!r} holds more than a scheme, host, port and path.",
            path=f"{name}.base_url",
            hint='Credentials go into auth = ["user", "${PASSWORD}"] or headers.',
        )
    return url.rstrip("/")


def address_of(base: str, path: str) -> str:
    """The URL of a path below the base.

    The path may have a query. Raises BadPath for whatever some reader could take for another place: another URL, dot
    segments in any encoding, backslashes, spaces and control characters, a fragment.

    >>> address_of("http://bills/v2", "/due?page=2"), address_of("http://bills/v2", "due")
    ('http://bills/v2/due?page=2', 'http://bills/v2/due')
    """
    if _ABSOLUTE.match(path):
        raise BadPath("A service is called by a path, not by a URL.", hint='services.get("name").get("/path")')
    if _UNFIT.search(path) or "#" in path:
        raise BadPath(
            "The path has characters that no path has.", hint="urllib.parse.quote(value, safe='') makes them."
        )
    plain, mark, query = path.partition("?")
    _check_segments(plain)
    return f"{base}/{plain.removeprefix('/')}{mark}{query}"


def _check_segments(path: str) -> None:
    for _ in range(_ENCODINGS):
        if any(segment in (".", "..") for segment in re.split(r"[/\\]", path)):
            raise BadPath("The path leads out of the service.")
        decoded = unquote(path)
        if decoded == path:
            return
        if "\\" in decoded or "\x00" in decoded:
            raise BadPath("The path leads out of the service.")
        path = decoded
    raise BadPath("The path is encoded several times over.")


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs have scheme, host and port in common."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
