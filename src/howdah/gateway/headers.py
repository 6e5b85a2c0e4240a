"""Header fields across the gateway: what of the client's an upstream sees, and what of the upstream's a client sees.

The order is the rule: first everything that is not to pass is dropped, then our own fields are set, exactly once. A
client can therefore neither add to them nor name them away in ``Connection`` (R41, R42, CVE-2025-48865 class).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from howdah.gateway.cors import SPOKEN_FOR
from howdah.gateway.errors import InternalError
from howdah.session import ALLOWED_ROLES_HEADER, BASE_DOMAIN_HEADER, Session, is_identity_header, to_headers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.gateway.internal import InternalTokens

Headers = list[tuple[bytes, bytes]]
Fields = tuple[tuple[bytes, bytes], ...]

# RFC 9110 section 7.6.1: fields that speak about one connection. HTTP2-Settings belongs to an h2c upgrade.
_HOP_BY_HOP: Final = frozenset(
    b"connection http2-settings keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
# What upstreams are used to believe about the caller, spelled with dashes.
_RESERVED: Final = frozenset(
    b"client-ip forwarded remote-addr remote-email remote-groups remote-host remote-name remote-user true-client-ip "
    b"x-client-ip x-cluster-client-ip x-original-url x-original-uri x-original-host x-original-method x-real-ip "
    b"x-request-id x-rewrite-url".split()
)
_RESERVED_PREFIXES: Final = (b"x-forwarded-", b"x-howdah-", b"x-remote-", b"x-auth-request-")
# The gateway has used these up: the credential named the session, the rest is said again in our own words.
_CONSUMED: Final = frozenset(b"authorization content-length expect host".split())
# Fields that make a framework take one method for another, behind every decision made on the real one (R48).
METHOD_OVERRIDES: Final = frozenset(b"x-http-method x-http-method-override x-method-override".split())
# The server in front says its own; an upstream's version is nobody's business (R56).
_SERVER_FIELDS: Final = frozenset(b"date server x-powered-by x-request-id".split())

_COOKIE_LENGTH: Final = len(b"cookie")
_CONNECTION_LENGTH: Final = len(b"connection")
_REMEMBERED_IDENTITIES: Final = 4096

_SENDABLE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_SIGN: Final = re.compile(rb"[^a-z0-9]")
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^`|~0-9a-z-]+")


class SessionNotSendable(InternalError):
    """A session variable cannot be written as a header field."""

    code = "session-not-sendable"


@functools.lru_cache(maxsize=1024)
def _passes_up(name: bytes) -> bool:
    lowered = name.lower()
    # WSGI folds "_" into "-": such a name could become any of the others behind us (CVE-2025-64484 class).
    if b"_" in lowered or claims_identity(name):
        return False
    return not (lowered in _HOP_BY_HOP or lowered in _CONSUMED or lowered in METHOD_OVERRIDES)


@functools.lru_cache(maxsize=1024)
def _passes_down(name: bytes) -> bool:
    lowered = name.lower()
    if is_identity_header(lowered.decode("latin-1")) or lowered.startswith(b"x-howdah-"):
        return False
    return lowered not in _HOP_BY_HOP and lowered not in _SERVER_FIELDS


def without_identity(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The fields a part sees: all but those that claim an identity, in any spelling (R41)."""
    return [field for field in headers if not claims_identity(field[0])]


@functools.lru_cache(maxsize=1024)
def claims_identity(name: bytes) -> bool:
    """Whether some server would read a field of this name as the word of a proxy, in whatever spelling (R41)."""
    dashed = _SIGN.sub(b"-", name.lower())
    return (
        is_identity_header(dashed.decode("ascii"))
        or dashed.startswith(_RESERVED_PREFIXES)
        or dashed in _RESERVED
        or dashed == b"authorization"
    )


def _named_by_connection(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    named: set[bytes] = set()
    for name, value in headers:
        if len(name) == _CONNECTION_LENGTH and name.lower() == b"connection":
            named.update(option.strip().lower() for option in value.split(b","))
    return frozenset(named)


def upstream_headers(
    headers: Iterable[tuple[bytes, bytes]],
    session: Session,
    *,
    host: bytes,
    client: str,
    scheme: str,
    request_id: str,
    roles: tuple[str, ...] = (),
    scopes: tuple[str, ...] | None = None,
    domain: str = "",
    session_cookie: bytes = b"",
    internal: InternalTokens | None = None,
    service: str = "",
    prefix: str = "",
) -> Headers:
    """The fields an upstream is sent, without those that frame the body. Raises SessionNotSendable.

    ``host`` is the Host field as the client sent it: services build their own links from it. ``roles`` are all the
    caller may take, ``domain`` is the one services are subdomains of. The session's cookie stays here: a service that
    is broken into could act with it everywhere. ``internal`` proves to the ``service`` who calls (R36), and to
    us, where the service asks on its behalf, what the caller's credential is meant for (``scopes``). ``prefix`` is
    what was cut off the path, which a service needs for links to itself.
    """
    headers = tuple(headers)
    named = _named_by_connection(headers)
    passed = [field for field in headers if _passes_up(field[0]) and not (named and field[0].lower() in named)]
    if session_cookie:
        passed = _without_cookie(passed, session_cookie)
    passed.append((b"host", host))
    identity = identity_headers(session, roles, domain)
    passed.extend(identity)
    if internal is not None:
        passed.extend(internal.fields(service, identity, scopes))
    if prefix:
        passed.append((b"x-forwarded-prefix", prefix.encode("ascii")))
    passed.append((b"x-forwarded-for", client.encode("ascii", "replace")))
    passed.append((b"x-forwarded-host", host))
    passed.append((b"x-forwarded-proto", scheme.encode("ascii")))
    passed.append((b"x-request-id", request_id.encode("ascii")))
    return passed


def _without_cookie(headers: Headers, cookie: bytes) -> Headers:
    """The fields without the cookies of this name (RFC 6265, section 5.4), and the device's beside it."""
    kept: Headers = []
    ours = _ours(cookie)
    for field in headers:
        name, value = field
        if len(name) != _COOKIE_LENGTH or name.lower() != b"cookie" or cookie.lower() not in value.lower():
            kept.append(field)
            continue
        pairs = [pair.strip() for pair in value.split(b";")]
        others = [pair for pair in pairs if pair and pair.partition(b"=")[0].rstrip().lower() not in ours]
        if others:
            kept.append((name, b"; ".join(others)))
    return kept


def identity_headers(session: Session, roles: tuple[str, ...] = (), domain: str = "") -> Fields:
    """The session as header fields in bytes. Raises SessionNotSendable rather than let a value end its line.

    A resolver gives the very same Session for the same caller, so what was made of one is remembered.
    """
    if not session.variables:
        return _role_alone(session.role, roles, domain)
    known = _identities.get((id(session), domain))
    if known is not None and known[0] is session and known[1] == roles:
        return known[2]
    fields = _encode(_whole(session, roles, domain))
    if len(_identities) >= _REMEMBERED_IDENTITIES:
        _identities.clear()
    _identities[id(session), domain] = (session, roles, fields)
    return fields


_identities: Final[dict[tuple[int, str], tuple[Session, tuple[str, ...], Fields]]] = {}


@functools.lru_cache(maxsize=256)
def _role_alone(role: str, roles: tuple[str, ...], domain: str) -> Fields:
    return _encode(_whole(Session(role), roles, domain))


def _whole(session: Session, roles: tuple[str, ...], domain: str) -> Session:
    """The session with what services are told besides, which a variable cannot contradict."""
    told = {}
    if roles:
        told[ALLOWED_ROLES_HEADER] = ",".join(roles)
    if domain:
        told[BASE_DOMAIN_HEADER] = domain
    return Session(session.role, {**session.variables, **told}) if told else session


def _encode(session: Session) -> Fields:
    fields = tuple((name.encode(), value.encode()) for name, value in to_headers(session))
    names = [name for name, _ in fields]
    for name, value in fields:
        if not (_SENDABLE.fullmatch(value) and _TOKEN.fullmatch(name) and is_identity_header(name.decode())):
            raise SessionNotSendable(f"The session variable {name.decode()!r} cannot be written as a header field.")
    if len(set(names)) != len(names):
        raise SessionNotSendable("The session has a variable that is spelled like its role.")
    return fields


OURS_TO_SAY: Final = SPOKEN_FOR | {b"set-cookie"}
"""Fields of a service's answer that are looked at before they pass."""


def service_fields(headers: Headers, session_cookie: bytes, *, leaves_cors: bool) -> Headers:
    """A service's fields without those that are ours to say: the session's cookie (R49), and CORS (R55)."""
    return [
        (name, value)
        for name, value in headers
        if not (name == b"set-cookie" and session_cookie and _sets(value, session_cookie))
        and (leaves_cors or name not in SPOKEN_FOR)
    ]


def _sets(value: bytes, cookie: bytes) -> bool:
    """Whether a Set-Cookie field is about this cookie or the device's, in any spelling that browsers take for it."""
    return value.partition(b";")[0].partition(b"=")[0].strip().lower() in _ours(cookie)


def _ours(cookie: bytes) -> tuple[bytes, ...]:
    """The names of cookies that services neither see nor set: of the session, the browser, a sign-in elsewhere."""
    name = cookie.lower()
    return name, name + b"-device", name + b"-oauth"


def downstream_headers(headers: Iterable[tuple[bytes, bytes]], *, bodiless: bool) -> Headers:
    """The fields of an upstream's answer that the client is sent (R49).

    The length stays, whatever ``Connection`` names, except where there is no body by definition (204, 304).
    """
    headers = tuple(headers)
    named = _named_by_connection(headers) - {b"content-length"}
    return [
        (name, value)
        for name, value in headers
        if _passes_down(name)
        and not (named and name.lower() in named)
        and not (bodiless and name.lower() == b"content-length")
    ]


# RFC 9110 section 8.6: without a body these say so.
_EXPECTED_TO_HAVE_A_BODY: Final = frozenset(("POST", "PUT", "PATCH"))


def declared_length(method: str, length: int | None) -> int | None:
    """The Content-Length of a request whose body has so many bytes, or that has none; None where it needs no field."""
    return 0 if length is None and method in _EXPECTED_TO_HAVE_A_BODY else length


def is_event_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether an answer goes on for as long as there is something to tell."""
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers)


def server_timing(before: float, service: float) -> tuple[bytes, bytes]:
    """Where the time went: seconds until the service was asked, and until it began to answer.

    >>> server_timing(0.0001, 0.0123)
    (b'server-timing', b'gateway;dur=0.1, upstream;dur=12.3')
    """
    return b"server-timing", b"gateway;dur=%.1f, upstream;dur=%.1f" % (before * 1000, service * 1000)
