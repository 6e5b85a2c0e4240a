"""``/-/auth-check``: another proxy asks whether a request may pass, and for whom.

nginx asks with ``auth_request``, Traefik and Caddy with ``forward-auth``. They send the original request's header, and
say in ``X-Original-URI``, ``-Method`` and ``-Host`` (or ``X-Forwarded-Uri``, ``-Method``, ``-Host``) what it was for.
Caller, route and policy are found as for a request of our own; the answer is 200 with the identity headers for the
service, 401 or 403. Whoever asks passes the request on by itself, so it is told to refuse what it could not undo: a
header that claims an identity and that it will not overwrite (R41).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from howdah.errors import HowdahError
from howdah.gateway import answer
from howdah.gateway.access import check_access, redirect_target
from howdah.gateway.csrf import SAFE_METHODS, check_page
from howdah.gateway.errors import (
    AccessRestricted,
    AmbiguousRequest,
    CannotPass,
    IdentityClaimed,
    MalformedTarget,
    NotAProxy,
    OtherService,
)
from howdah.gateway.handshake import check_origin
from howdah.gateway.head import METHODS
from howdah.gateway.headers import claims_identity, identity_headers
from howdah.gateway.match import RequestHead
from howdah.gateway.origins import Pages
from howdah.gateway.request import Request
from howdah.gateway.scopes import check_scope, scopes_of
from howdah.gateway.target import parse_target
from howdah.project.sections import Cors
from howdah.session import ANONYMOUS, Caller

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.gateway.client import Network
    from howdah.gateway.match import RouteTable, Target
    from howdah.gateway.reply import Reply
    from howdah.gateway.session import Resolver
    from howdah.gateway.site import Site

    Scope = dict[str, Any]

PATH: Final = "/-/auth-check"
# What a site must set or clear itself, whatever the client sent. Anything else that claims an identity is refused.
OVERWRITTEN: Final = (
    "authorization",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-hasura-admin-secret",
    "x-hasura-allowed-roles",
    "x-hasura-base-domain",
    "x-hasura-role",
    "x-hasura-user-id",
    "x-real-ip",
    "x-request-id",
)
_TOLD: Final = frozenset(
    b"x-original-uri x-original-method x-original-host x-original-upgrade x-forwarded-uri x-forwarded-method "
    b"x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-server x-forwarded-for x-auth-service".split()
)
_NO_CORS: Final = Cors()
_NOBODY: Final = Caller(ANONYMOUS)


@dataclass(frozen=True, slots=True)
class Original:
    """The request that is asked about. ``forwarded`` tells that the answer's status reaches the client as it is."""

    head: RequestHead
    raw_path: bytes
    query: bytes
    host: bytes
    scheme: str
    upgrade: bytes
    service: str
    forwarded: bool


class AuthCheck:
    """Answers other proxies."""

    def __init__(self, routes: RouteTable, resolver: Resolver, site: Site, expired_cookie: bytes) -> None:
        self._routes = routes
        self._resolver = resolver
        self._site = site
        self._expired_cookie = expired_cookie

    async def answer(self, scope: Scope, asking: Request, reply: Reply) -> None:
        """Say whether the original request may pass. Raises what keeps it from passing, as 401, 403 or 503."""
        peer = scope.get("howdah.peer", scope.get("client"))
        check_peer(peer[0] if peer else "", self._site.trusted_proxies)
        asking.target = "auth-check"
        try:
            original = read_original(scope["headers"], asking.host)
            await self._decide(original, scope, asking, reply)
        except HowdahError as error:
            if error.status in (401, 403) or error.status >= 500:
                raise
            raise CannotPass(error.message, hint=error.hint) from error  # they understand 2xx, 401 and 403 alone

    async def _decide(self, original: Original, scope: Scope, asking: Request, reply: Reply) -> None:
        head = original.head
        request = Request({"method": head.method, "headers": head.headers})
        target = self._routes.match(head)
        check_service(original, target)
        pages = pages_of(original, target, scope["scheme"], self._routes)
        caller = _NOBODY
        if request.origin is not None and request.is_preflight(head.method):
            _check_claims(head.headers)
        else:
            caller = self._resolver.known(head) or await self._resolver.resolve(head)
            asking.role = caller.session.role
            if caller.stale_cookie:
                reply.expire_cookie(self._expired_cookie)
            try:
                may_pass(original, request, caller, target, pages, self._site)
            except AccessRestricted as error:
                await self._send_elsewhere(original, request, pages.scheme, error, reply)
                return
        reply.keep_private()
        told = told_fields(original, caller, target, self._routes, self._site)
        await reply.whole(200, b"", (*told, answer.NO_STORE))

    async def _send_elsewhere(
        self, original: Original, request: Request, scheme: str, error: AccessRestricted, reply: Reply
    ) -> None:
        """Refuse, and tell where a browser is to be sent: in a field for nginx, or by the answer itself."""
        if error.redirect_url is None or not request.wants_page:
            raise error
        head = original.head
        where = redirect_target(error.redirect_url, scheme, head.host, original.raw_path, original.query)
        if original.forwarded:
            await reply.whole(302, b"", ((b"location", where.encode("ascii")), answer.NO_STORE))
        else:
            fields = ((b"x-auth-redirect", where.encode("ascii")), answer.NO_STORE, *error.headers)
            await reply.whole(error.status, b"", fields)


def pages_of(original: Original, target: Target, scheme: str, routes: RouteTable) -> Pages:
    """Whose pages may do what is asked about; ``scheme`` is that of the question, where it does not say another."""
    scheme = original.scheme if original.scheme in ("http", "https") else scheme
    return Pages(target.policy.cors or _NO_CORS, scheme, original.head.host, routes.serves)


def may_pass(original: Original, request: Request, caller: Caller, target: Target, pages: Pages, site: Site) -> None:
    """Return if the caller may make the request, which is no preflight. Raises whatever a request to us would."""
    check_access(target.policy, caller)
    check_scope(target, original.head.method, caller)
    if original.upgrade == b"websocket":
        if not target.policy.websockets:
            raise CannotPass("No WebSocket is spoken at this address.")
        check_origin(request.evidence.origins, pages, caller)
    elif original.upgrade:
        raise CannotPass("The connection cannot be upgraded to another protocol.")
    if original.head.method not in SAFE_METHODS:
        signing_in = target.kind == "part" and target.name in site.signing_in
        check_page(request.evidence, caller, pages, site.tokens, signing_in=signing_in)
    if caller.credential != "secret":  # whose claims are what it is
        _check_claims(original.head.headers)


def told_fields(
    original: Original, caller: Caller, target: Target, routes: RouteTable, site: Site
) -> tuple[tuple[bytes, bytes], ...]:
    """What the service is to be told of the caller: the identity headers, and the word that they are ours (R36)."""
    identity = identity_headers(caller.session, caller.roles, routes.domain_of(original.head.host))
    if site.internal is None or target.kind != "service":
        return identity
    return (*identity, *site.internal.fields(target.name, identity, scopes_of(caller)))


def check_service(original: Original, target: Target) -> None:
    """Return if the address is of the service to which the proxy would send the request. Raises OtherService."""
    if original.service and original.service != target.name:
        raise OtherService


def read_original(headers: Iterable[tuple[bytes, bytes]], host: bytes) -> Original:
    """What the original request was, by what the proxy says. Raises RequestRefused for what cannot have been one."""
    told: dict[bytes, bytes] = {}
    passed = []
    for name, value in headers:
        if name not in _TOLD:
            passed.append((name, value))
        elif name in told and name != b"x-forwarded-for":
            raise AmbiguousRequest(f"There is more than one {name.decode()} header field.")
        else:
            told[name] = value
    forwarded = b"x-original-uri" not in told
    kind = b"x-forwarded-" if forwarded else b"x-original-"
    uri = told.get(kind + b"uri")
    if uri is None:
        raise MalformedTarget("X-Original-URI (or X-Forwarded-Uri) has to say what the request is for.")
    method = told.get(kind + b"method", b"GET")
    if method not in METHODS:
        raise CannotPass(f"The method {method.decode('latin-1')!r} is not implemented.")
    host = told.get(kind + b"host", host)
    target = parse_target(uri, host)
    fields = tuple((name, host if name == b"host" else value) for name, value in passed)
    return Original(
        RequestHead(method.decode("ascii"), host.decode("latin-1"), target.path, fields),
        target.raw_path,
        target.query,
        host,
        told.get(b"x-forwarded-proto", b"").decode("latin-1").lower(),
        told.get(b"x-original-upgrade", b"").lower(),
        told.get(b"x-auth-service", b"").decode("latin-1"),
        forwarded,
    )


def check_peer(peer: str, trusted: int | tuple[Network, ...]) -> None:
    """Raise NotAProxy for whoever connects from elsewhere than this machine or a proxy of ours."""
    try:
        address = ip_address(peer)
    except ValueError:
        if not peer:
            return  # a Unix socket
        raise NotAProxy from None
    if address.is_loopback or (trusted if isinstance(trusted, int) else any(address in each for each in trusted)):
        return
    raise NotAProxy


def _check_claims(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise IdentityClaimed for a field that would reach the service as the client wrote it."""
    for name, _ in headers:
        if claims_identity(name) and name.decode("latin-1") not in OVERWRITTEN:
            raise IdentityClaimed(f"The header field {name.decode('latin-1')!r} claims an identity.")
