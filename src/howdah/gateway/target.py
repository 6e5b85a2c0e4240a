"""Request target → path and query, in the one reading everybody behind the gateway shares (R44).

Nothing is rewritten: a path that two readers could take for different ones (an encoded slash, a dot segment, an escape
inside an escape) is refused. What is left means the same to the route table, to a later authorization policy and to
the upstream, encoded or decoded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from howdah.gateway.errors import MalformedTarget


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """The path decoded, the path as it was sent, and the query as it was sent (without the question mark)."""

    path: str
    raw_path: bytes
    query: bytes


# Segments of unreserved characters and sub-delimiters that do not begin with a dot: nothing in them can be decoded, so
# nothing in them can be decoded differently. Nearly every path is of this kind.
_PLAIN_PATH: Final = re.compile(rb"(?:/(?:[\w~!$&'()*+,;=:@-][\w.~!$&'()*+,;=:@-]*)?)+", re.ASCII)
_VISIBLE: Final = re.compile(rb'[!-"$-~]*')  # visible ASCII without "#", which only a client may see
_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_ABSOLUTE: Final = re.compile(rb"(?i:https?)://([^/?#]*)(.*)")


_REMEMBERED: Final = 512
_LONGEST_REMEMBERED: Final = 200  # bytes; what programs ask for over and over is short


def parse_target(raw: bytes, host: bytes) -> RequestTarget:
    """What the request line asks for; ``host`` is the Host field's value, which an absolute target must repeat.

    Raises MalformedTarget.

    >>> parse_target(b"/shop/caf%C3%A9?page=2", b"localhost")
    RequestTarget(path='/shop/café', raw_path=b'/shop/caf%C3%A9', query=b'page=2')
    >>> parse_target(b"/shop/..%2fadmin", b"localhost")
    Traceback (most recent call last):
        ...
    howdah.gateway.errors.MalformedTarget: The path holds an encoded slash or backslash.
    """
    return _parse_remembered(raw, host) if len(raw) + len(host) <= _LONGEST_REMEMBERED else _parse(raw, host)


def _parse(raw: bytes, host: bytes) -> RequestTarget:
    if not raw.startswith(b"/"):
        raw = _origin_form(raw, host)
    raw_path, _, query = raw.partition(b"?")
    if not _VISIBLE.fullmatch(query):
        raise MalformedTarget("The query holds characters that must be percent-encoded.")
    if _PLAIN_PATH.fullmatch(raw_path):
        return RequestTarget(raw_path.decode("ascii"), raw_path, query)
    return RequestTarget(_decode(raw_path), raw_path, query)


_parse_remembered: Final = lru_cache(_REMEMBERED)(_parse)


def _origin_form(raw: bytes, host: bytes) -> bytes:
    """The path and query of an absolute target (RFC 9112 section 3.2.2), if it is meant for the same host."""
    absolute = _ABSOLUTE.fullmatch(raw)
    if absolute is None:
        raise MalformedTarget("The request target must be a path that begins with a slash.")
    authority, rest = absolute.groups()
    if authority.lower() != host.lower():
        raise MalformedTarget("The request target names another host than the Host header.")
    return rest if rest.startswith(b"/") else b"/" + rest


def _decode(raw_path: bytes) -> str:
    if not _VISIBLE.fullmatch(raw_path):
        raise MalformedTarget("The path holds characters that must be percent-encoded.")
    if b"\\" in raw_path:
        raise MalformedTarget("The path holds a backslash.")
    if _BROKEN_ESCAPE.search(raw_path):
        raise MalformedTarget("The path holds a percent sign that begins no escape.")
    lowered = raw_path.lower()
    if b"%2f" in lowered or b"%5c" in lowered:
        raise MalformedTarget("The path holds an encoded slash or backslash.")
    decoded = unquote_to_bytes(raw_path)
    if _CONTROL.search(decoded):
        raise MalformedTarget("The path holds an encoded control character.")
    if b"%25" in raw_path and _ESCAPE.search(decoded):
        raise MalformedTarget("The path is percent-encoded twice.")
    for segment in decoded.split(b"/"):
        # Some servers cut ";parameters" off a segment before they resolve dots, so "..;x" counts as "..".
        if segment.split(b";", 1)[0] in (b".", b".."):
            raise MalformedTarget("The path holds a dot segment.")
    try:
        return decoded.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedTarget("The path is not UTF-8.") from None
