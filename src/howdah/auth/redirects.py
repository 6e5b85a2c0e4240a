"""Where a browser may be sent after it signed in or out: an exact list, and nothing that two readers read apart (R57).

A target is compared after it was taken apart, so no spelling of it can be on the list for us and elsewhere for a
browser. What browsers read more kindly than we do (backslashes, tabs within, missing slashes) is refused, not repaired.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from howdah.auth.errors import RedirectNotAllowed
from howdah.auth.setting_errors import UnusableRedirectTarget

LONGEST: Final = 2048
ANY_PATH: Final = "/*"

_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>(?:/[^\s]*)?)",
    re.ASCII,
)
_APP_URL: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):(?P<rest>/{0,3}[A-Za-z0-9][A-Za-z0-9._~/-]*)", re.ASCII)
_REST: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*", re.ASCII)  # RFC 3986, without the fragment
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL_ESCAPE: Final = re.compile(r"%(?:[01][0-9A-F]|7F)", re.IGNORECASE)
_PATH_TRICK: Final = re.compile(r"%(?:2F|5C|25|2E)", re.IGNORECASE)  # slash, backslash, percent, dot
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LAST_PORT: Final = 65535
_NEVER: Final = frozenset({
    "about", "blob", "chrome", "data", "file", "filesystem", "ftp", "ftps", "intent", "jar", "javascript", "mailto",
    "resource", "sms", "tel", "vbscript", "view-source", "ws", "wss",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A place taken apart: ``origin`` in one spelling, ``rest`` (path and query) letter for letter."""

    origin: str
    rest: str

    def __str__(self) -> str:
        return self.origin + self.rest


@dataclass(frozen=True, slots=True)
class RedirectTargets:
    """What is allowed: exact places, and origins of which every page is."""

    home: str
    exact: frozenset[Target]
    origins: frozenset[str]


def parse_redirect_targets(allowed: Iterable[str], *, home: str) -> RedirectTargets:
    """The list that settings give. ``home`` is the platform's public URL, of whose origin every page is allowed.

    An entry is one URL with path and query, or an origin with ``/*`` behind it: every page of exactly that origin.
    Schemes of apps (``com.example.shop:/signed-in``) are allowed as exact entries.

    Raises UnusableRedirectTarget: an entry is no such URL, or one that could mean more than it says.
    """
    exact, origins = set(), set()
    for entry in allowed:
        everything = entry.endswith(ANY_PATH)
        target = _parse(entry.removesuffix(ANY_PATH) if everything else entry)
        if target is None or (everything and (target.rest != "/" or target.origin.endswith(":"))):
            raise UnusableRedirectTarget(
                f'"{entry[:200]}" is neither a URL nor an origin with /* behind it.',
                hint="Write https://app.example/welcome, or https://app.example/* for all pages there. No patterns.",
            )
        if everything:
            origins.add(target.origin)
        else:
            exact.add(target)
    ours = _parse(home)
    if ours is None:
        raise UnusableRedirectTarget(f'"{home[:200]}" is not a URL.')
    return RedirectTargets(ours.origin, frozenset(exact), frozenset({*origins, ours.origin}))


def check_redirect(wanted: Any, targets: RedirectTargets) -> str:
    """The URL to send the browser to, in the spelling that was compared; a path alone is one of our own pages.

    Raises RedirectNotAllowed.

    >>> targets = parse_redirect_targets(["https://app.example/welcome"], home="https://shop.example")
    >>> check_redirect("HTTPS://App.Example:443/welcome", targets), check_redirect("/account?tab=1", targets)
    ('https://app.example/welcome', 'https://shop.example/account?tab=1')
    >>> check_redirect("//evil.example", targets)
    Traceback (most recent call last):
        ...
    howdah.auth.errors.RedirectNotAllowed: The browser may not be sent there.
    """
    if not isinstance(wanted, str):
        raise RedirectNotAllowed
    target = _parse(targets.home + wanted if wanted.startswith("/") else wanted)
    if target is None or not (target in targets.exact or target.origin in targets.origins):
        raise RedirectNotAllowed
    return str(target)


def _parse(text: str) -> Target | None:
    """The URL taken apart; None when it is none, or one that somebody could read as another."""
    if len(text) > LONGEST:
        return None
    found = _URL.fullmatch(text)
    if found is None:
        return _parse_app_url(text)
    scheme, rest = found["scheme"].lower(), found["rest"] or "/"
    host = _host(found["host"])
    if scheme not in _DEFAULT_PORTS:
        return _parse_app_url(text)
    if host is None or not _is_plain(rest):
        return None
    port = int(found["port"]) if found["port"] else _DEFAULT_PORTS[scheme]
    if not 0 < port <= _LAST_PORT:
        return None
    shown = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    return Target(f"{scheme}://{host}{shown}", rest)


def _parse_app_url(text: str) -> Target | None:
    found = _APP_URL.fullmatch(text)
    if found is None or found["scheme"] in _NEVER or found["scheme"] in _DEFAULT_PORTS:
        return None
    return Target(found["scheme"] + ":", found["rest"])


def _host(text: str) -> str | None:
    """A name of labels, or an address written the usual way; None for numbers that browsers take for addresses."""
    if text.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(text[1:-1]).compressed}]"
        except ValueError:
            return None
    labels = text.lower().split(".")
    if re.fullmatch("[0-9]+|0x[0-9a-f]*", labels[-1]):  # the URL standard reads such a host as an IPv4 address
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            return None
    return ".".join(labels) if all(_LABEL.fullmatch(label) for label in labels) else None


def _is_plain(rest: str) -> bool:
    """Whether path and query are ASCII of URLs, and the path has no segments or escapes that are resolved somewhere."""
    if not _REST.fullmatch(rest) or _BROKEN_ESCAPE.search(rest) or _CONTROL_ESCAPE.search(rest):
        return False
    path = rest.partition("?")[0]
    segments = path.split("/")[1:]
    return not _PATH_TRICK.search(path) and not any(part in (".", "..") for part in segments) and "//" not in path
