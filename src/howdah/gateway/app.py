"""The gateway as a plain ASGI application: request → session → target → a part in this process, or a service's proxy.

Runs under any ASGI server. Under :mod:`howdah.gateway.edge` the request line and the framing have been checked before;
under another server the same path rules are applied here.
"""

from __future__ import annotations

import asyncio
import traceback
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from howdah.errors import HowdahError
from howdah.gateway import answer
from howdah.gateway.access import check_access, redirect_target
from howdah.gateway.auth_check import PATH, AuthCheck
from howdah.gateway.client import client_of
from howdah.gateway.cors import answer_fields, preflight_fields, unasked_fields
from howdah.gateway.csrf import SAFE_METHODS, Evidence, check_page
from howdah.gateway.errors import (
    AccessRestricted,
    AmbiguousRequest,
    BodyTooLarge,
    ClientGone,
    GatewayError,
    InternalError,
    NoSession,
    PostOnly,
    ReadOnly,
    Stopping,
    UnknownPath,
    UpgradeRefused,
    UpstreamError,
)
from howdah.gateway.events import RequestFailed, RequestServed, UpstreamFailed
from howdah.gateway.form_token import is_form, read_token
from howdah.gateway.given_token import TOKEN_PATH, given_token
from howdah.gateway.handshake import check_origin
from howdah.gateway.headers import upstream_headers, without_identity
from howdah.gateway.match import RequestHead, RouteTable, Target, is_own_path, strip_prefix
from howdah.gateway.origins import Pages
from howdah.gateway.page import Page, refused_page, unavailable_page
from howdah.gateway.proxy import Proxy, ProxyRequest
from howdah.gateway.reply import Reply
from howdah.gateway.request import Request
from howdah.gateway.scopes import check_scope, scopes_of
from howdah.gateway.site import Site
from howdah.gateway.target import parse_target
from howdah.gateway.tunnel import Opened
from howdah.project.sections import Cors
from howdah.services.errors import UnknownService
from howdah.session import ANONYMOUS, Caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from howdah.gateway.session import Resolver
    from howdah.services.registry import Registry
    from howdah.session import Identity

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]
    Readiness = Callable[[], Awaitable[tuple[bool, dict[str, Any]]]]
    Hook = Callable[[], Awaitable[None]]

_EXPLAINED_TO_BROWSERS: Final = frozenset((401, 403, 404))
_NO_CORS: Final = Cors()
_SITE: Final = Site()
NOBODY: Final = Caller(ANONYMOUS)


class Gateway:
    """The application in front of everything."""

    def __init__(
        self,
        *,
        parts: Mapping[str, App],
        routes: RouteTable,
        resolver: Resolver,
        registry: Registry,
        proxy: Proxy,
        readiness: Readiness,
        emit: Callable[[object], None],
        startup: Hook,
        shutdown: Hook,
        development: bool = False,
        expired_cookie: str = "",
        site: Site = _SITE,
    ) -> None:
        self._parts = parts
        self._routes = routes
        self._resolver = resolver
        self._registry = registry
        self._proxy = proxy
        self._readiness = readiness
        self._emit = emit
        self._startup = startup
        self._shutdown = shutdown
        self._development = development
        self._expired_cookie = expired_cookie.encode("ascii")
        self._site = site
        self._auth_check = AuthCheck(routes, resolver, site, self._expired_cookie)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or go through the server's life."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._startup()
        except HowdahError as error:
            await send({"type": "lifespan.startup.failed", "message": error.message})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._proxy.close()
        await self._shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whatever happens, and tell about it."""
        began = perf_counter()
        self._place_client(scope)
        path = scope["path"]
        request = Request(scope)
        reply = Reply(send, request.request_id, self._site.over_tls if scope["scheme"] == "https" else ())
        try:
            await self._dispatch(scope, request, receive, reply)
        except ClientGone as error:
            reply.status = error.status
        except HowdahError as error:
            await self._answer_error(scope, request, receive, reply, error)
        except asyncio.CancelledError:
            # Only a server that has waited long enough while stopping cancels a request. The task ends here anyway.
            await self._answer_error(scope, request, receive, reply, Stopping())
        except Exception as error:  # noqa: BLE001 - the last resort: a bug of ours must not leave the caller unanswered
            self._emit(
                RequestFailed(
                    request.request_id,
                    scope["method"],
                    path,
                    type(error).__name__,
                    "".join(traceback.format_exception(error)),
                )
            )
            await self._answer_error(scope, request, receive, reply, InternalError())
        finally:
            self._emit(
                RequestServed(
                    request.request_id,
                    scope["method"],
                    path,
                    reply.status,
                    perf_counter() - began,
                    request.target,
                    request.role,
                    reply.bytes,
                )
            )

    def _place_client(self, scope: Scope) -> None:
        """The scope's client and scheme are those on which decisions are made, for us and for every part (R11)."""
        scheme, trusted = self._site.public_scheme or scope["scheme"], self._site.trusted_proxies
        if not trusted:
            scope["scheme"] = scheme
            return
        peer = scope.get("client")
        scope["howdah.peer"] = peer  # where the connection really comes from
        client = client_of(peer[0] if peer else "", scheme, scope["headers"], trusted)
        if peer is None or client.address != peer[0]:
            scope["client"] = (client.address, 0) if client.address else None
        scope["scheme"] = client.scheme

    async def _dispatch(self, scope: Scope, request: Request, receive: Receive, reply: Reply) -> None:
        """Match, see who asks and from where, and hand over. Raises every HowdahError that is an answer."""
        path = scope["path"]
        if is_own_path(path):
            await self._answer_own(scope, request, reply)
            return
        if "howdah.edge" not in scope:
            path = _checked_path(scope, request)
        head = RequestHead(scope["method"], request.host.decode("latin-1"), path, tuple(scope["headers"]))
        target = self._routes.match(head)
        request.target = target.name
        request.to_part = target.kind == "part"
        cors = target.policy.cors or _NO_CORS
        origin = request.origin
        if origin is not None and request.is_preflight(head.method):
            if cors.mode != "upstream":
                fields = preflight_fields(self._pages(scope, head, cors), origin, request.asked_fields)
                await reply.whole(204, b"", fields)
                return
            caller = NOBODY  # a browser asks before it shows for whom
        else:
            told = unasked_fields(cors) if origin is None else answer_fields(self._pages(scope, head, cors), origin)
            reply.speak_to_page(told)
            caller = await self._identify(head, request, reply)
            try:
                check_access(target.policy, caller)
                check_scope(target, head.method, caller)
            except AccessRestricted as error:
                if error.redirect_url is None or not request.wants_page:
                    raise
                await self._send_elsewhere(scope, head, error.redirect_url, reply)
                return
            if "howdah.websocket" in scope:
                check_origin(request.evidence.origins, self._pages(scope, head, cors), caller)
            if head.method not in SAFE_METHODS:
                signing_in = request.to_part and target.name in self._site.signing_in
                pages = self._pages(scope, head, cors)
                evidence = request.evidence
                if signing_in and caller.credential == "cookie" and not evidence and is_form(head.headers):
                    tokens, receive = await read_token(receive)
                    evidence = Evidence(tokens=tokens)
                check_page(evidence, caller, pages, self._site.tokens, signing_in=signing_in)
        if request.to_part:
            await self._hand_over(scope, request, head, caller, target, receive, reply)
        else:
            await self._forward(scope, request, head, caller, target, receive, reply)

    def _pages(self, scope: Scope, head: RequestHead, cors: Cors) -> Pages:
        return Pages(cors, scope["scheme"], head.host, self._routes.serves)

    async def _identify(self, head: RequestHead, request: Request, reply: Reply) -> Caller:
        """Who calls; what is answered to whoever shows a credential is theirs alone. Raises SessionRefused."""
        caller = self._resolver.known(head) or await self._resolver.resolve(head)
        request.role = caller.session.role
        if caller.stale_cookie:
            reply.expire_cookie(self._expired_cookie)
        if caller.credential != "none":
            reply.keep_private()
        return caller

    async def _send_elsewhere(self, scope: Scope, head: RequestHead, url: str, reply: Reply) -> None:
        where = redirect_target(url, scope["scheme"], head.host, scope["raw_path"], scope["query_string"])
        await reply.whole(302, b"", ((b"location", where.encode("ascii")), answer.NO_STORE))

    async def _hand_over(
        self,
        scope: Scope,
        request: Request,
        head: RequestHead,
        caller: Caller,
        target: Target,
        receive: Receive,
        reply: Reply,
    ) -> None:
        """Let a part of this process answer."""
        if "howdah.websocket" in scope:
            raise UpgradeRefused("No WebSocket is spoken at this address.")
        scope["howdah.session"] = caller.session
        scope["howdah.caller"] = caller
        scope["howdah.request_id"] = request.request_id
        scope["howdah.csrf_tokens"] = self._site.tokens
        if target.prefix:
            scope["root_path"] = scope.get("root_path", "") + target.prefix
            scope["path"] = strip_prefix(head.path, target.prefix)
            scope["raw_path"] = _raw_path(scope, target)
        scope["headers"] = without_identity(head.headers)
        await self._parts[target.name](scope, receive, reply.send)

    async def _answer_own(self, scope: Scope, request: Request, reply: Reply) -> None:
        """The gateway's own addresses.

        ``/-/live`` asks nothing of anybody, ``/-/ready`` whether requests can be answered, ``/-/csrf-token`` for what
        shows that a request is made by whoever has the session.
        """
        path = scope["path"]
        if path == PATH:
            await self._auth_check.answer(scope, request, reply)
            return
        if path == TOKEN_PATH:
            await self._answer_internal_token(scope, request, reply)
            return
        if path not in ("/-/live", "/-/ready", "/-/csrf-token"):
            raise UnknownPath(f"Nothing is served at {path}.")
        if scope["method"] not in ("GET", "HEAD"):
            raise ReadOnly
        if path == "/-/csrf-token":
            await self._answer_token(scope, request, reply)
            return
        request.target = "health"
        if path == "/-/live":
            await reply.json(200, b'{"live":true}')
        else:
            ready, detail = await self._readiness()
            await reply.json(200 if ready else 503, msgspec.json.encode({"ready": ready, **detail}))

    async def _answer_token(self, scope: Scope, request: Request, reply: Reply) -> None:
        """The token of the session that a cookie shows. Raises NoSession without one, and SessionRefused."""
        if "howdah.edge" not in scope:
            _checked_path(scope, request)
        head = RequestHead(scope["method"], request.host.decode("latin-1"), scope["path"], tuple(scope["headers"]))
        caller = await self._identify(head, request, reply)
        tokens, identity = self._site.tokens, caller.identity
        if tokens is None or caller.credential != "cookie" or identity is None or identity.session_id is None:
            raise NoSession
        await reply.json(200, msgspec.json.encode({"csrf_token": tokens.issue(identity.session_id)}))

    async def _answer_internal_token(self, scope: Scope, request: Request, reply: Reply) -> None:
        """What a service is told of the caller, for another one that calls it without us: over gRPC."""
        if scope["method"] != "POST":
            raise PostOnly
        if "howdah.edge" not in scope:
            _checked_path(scope, request)
        head = RequestHead("POST", request.host.decode("latin-1"), scope["path"], tuple(scope["headers"]))
        caller = await self._identify(head, request, reply)
        domain = self._routes.domain_of(head.host)
        await reply.json(200, given_token(scope["query_string"], caller, self._site.internal, domain))

    async def _forward(
        self,
        scope: Scope,
        request: Request,
        head: RequestHead,
        caller: Caller,
        target: Target,
        receive: Receive,
        reply: Reply,
    ) -> None:
        """Send the request to a service and its answer back, or open the WebSocket it asks for."""
        key = scope.get("howdah.websocket")
        if key is not None and not target.policy.websockets:
            raise UpgradeRefused("No WebSocket is spoken at this address.")
        client = scope.get("client")
        query = scope["query_string"]
        raw_path = _raw_path(scope, target)
        headers = upstream_headers(
            scope["headers"],
            caller.session,
            host=request.host or target.name.encode("ascii", "replace"),
            client=client[0] if client else "",
            scheme=scope["scheme"],
            request_id=request.request_id,
            roles=caller.roles,
            scopes=scopes_of(caller),
            domain=self._routes.domain_of(request.host.decode("latin-1")),
            session_cookie=self._site.session_cookie,
            internal=self._site.internal,
            service=target.name,
            prefix=target.prefix,
        )
        upstream_request = ProxyRequest(
            scope["method"],
            raw_path + b"?" + query if query else raw_path,
            headers,
            request.content_length,
            chunked=request.content_length is None
            and (request.transfer_encoding or scope["http_version"] not in ("1.0", "1.1")),
            websocket=key,
            max_body=target.policy.max_body,
            timeout=target.policy.timeout,
        )
        cors = target.policy.cors
        leaves_cors = cors is not None and cors.mode == "upstream"
        reply.speak_for_service(session_cookie=self._site.session_cookie, leaves_cors=leaves_cors)
        failed = scope.get("howdah.failed")
        if failed is not None:
            raise failed  # on the short way, where nobody explains it
        if key is None:
            await self._proxy.forward(target.name, upstream_request, receive, reply.send, scope.get("howdah.edge"))
        else:
            opened = Opened(request.request_id, target.name, caller.identity, self._ask_again(head, caller))
            await self._proxy.open(upstream_request, opened, reply.send, scope["howdah.edge"])

    def _ask_again(self, head: RequestHead, caller: Caller) -> Callable[[], Awaitable[Identity | None]]:
        """Asks later whether the caller is still who it was when the request came."""

        async def identify() -> Identity | None:
            now = await self._resolver.resolve(head)
            return now.identity if now.session == caller.session else None

        return identify

    def _last_lines(self, service: str) -> tuple[str, ...]:
        try:
            return self._registry.get(service).detail
        except UnknownService:  # forgotten since it failed
            return ()

    async def _answer_error(
        self, scope: Scope, request: Request, receive: Receive, reply: Reply, error: HowdahError
    ) -> None:
        """Answer with the error, or break the answer off if it has begun."""
        if isinstance(error, UpstreamError | UnknownService):
            self._emit(UpstreamFailed(request.request_id, request.target, error.code, error.message))
        if reply.status:
            if reply.complete:
                return
            edge = scope.get("howdah.edge")
            if edge is None:
                raise error  # the only way another server knows to break off
            edge.abort()
            return
        reply.speak_for_platform()
        if isinstance(error, BodyTooLarge):
            await reply.refuse_body(scope, receive, error, answer.error_body(error, request.request_id))
            return
        fields = error.headers if isinstance(error, GatewayError) else ()
        page = self._page(request, error)
        if page is not None:
            await reply.whole(error.status, page.body, (*page.fields, answer.NO_STORE, *fields))
        else:
            body = answer.error_body(error, request.request_id)
            await reply.whole(error.status, body, (answer.PROBLEM_TYPE, answer.NO_STORE, *fields))

    def _page(self, request: Request, error: HowdahError) -> Page | None:
        """What a person is shown who looked for a page; None for programs, and for parts, which are for programs."""
        if not request.wants_page or request.to_part:
            return None
        if isinstance(error, UpstreamError):
            lines = self._last_lines(request.target)
            return unavailable_page(request.target, error, lines, request.request_id) if self._development else None
        return refused_page(error, request.request_id) if error.status in _EXPLAINED_TO_BROWSERS else None


def _checked_path(scope: Scope, request: Request) -> str:
    """The path, after the checks the edge makes by itself (R43, R44). Raises RequestRefused."""
    if request.host == b"\0":
        raise AmbiguousRequest("The request has more than one Host header field.")
    target = parse_target(scope.get("raw_path") or scope["path"].encode(), request.host)
    scope["path"], scope["raw_path"] = target.path, target.raw_path
    return target.path


def _raw_path(scope: Scope, target: Target) -> bytes:
    """The path as it was sent, without what the target is not to see."""
    raw_path: bytes = scope["raw_path"]
    return strip_prefix(raw_path.decode("ascii"), target.prefix).encode("ascii") if target.prefix else raw_path
