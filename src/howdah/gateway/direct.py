"""The short way for requests to services: bytes in, bytes out, without an ASGI scope, cycle or task.

It is for the ordinary: a caller who is known, a body that came with its head or none, a service that is well and to
which a connection is open. Whatever is not, or turns out not to be before a byte of the answer has come, goes the long
way, which does all of this again from the beginning and says what is wrong. Both ways decide by the same functions: who
may pass (`access.py`, `csrf.py`), what passes in both directions (`headers.py`), what pages are told (`cors.py`), what
is an answer (`upstream.py`).

Clients send the same head again and again, or the same fields behind another request line. What was read before, byte
for byte, is not read again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from howdah.errors import HowdahError
from howdah.gateway.access import check_access
from howdah.gateway.client import client_of
from howdah.gateway.cors import answer_fields, unasked_fields
from howdah.gateway.csrf import SAFE_METHODS, check_page
from howdah.gateway.direct_request import REQUEST_ID, DirectRequest
from howdah.gateway.headers import declared_length, upstream_headers
from howdah.gateway.match import RequestHead, is_own_path, strip_prefix
from howdah.gateway.origins import Pages
from howdah.gateway.request import Request
from howdah.gateway.scopes import check_scope, scopes_of
from howdah.gateway.target import parse_target
from howdah.project.sections import Cors

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.gateway.breaker import Breakers
    from howdah.gateway.direct_request import Connection, KnownAnswer
    from howdah.gateway.match import RouteTable, Target
    from howdah.gateway.pool import Pool
    from howdah.gateway.session import Presented, Resolver
    from howdah.gateway.site import Site
    from howdah.services.registry import Registry
    from howdah.session import Caller

    Scope = dict[str, Any]

REMEMBERED_HEADS: Final = 512
LONGEST_HEAD: Final = 4096
# How long what was made for a caller is used: the words of the gateway in it may be good for a short time only.
_PREPARED_SECONDS: Final = 5.0
_NO_CORS: Final = Cors()
_METHODS: Final = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
# RFC 9110 section 9.2.2: what may be sent on a connection that is about to be closed, because it may be sent again.
_IDEMPOTENT: Final = frozenset(("GET", "OPTIONS", "PUT", "DELETE"))
_LINE: Final = re.compile(rb"(GET|POST|PUT|PATCH|DELETE|OPTIONS) (/[!-~]*) HTTP/1\.1\r\n")


@dataclass(slots=True)
class Fields:
    """The fields of a request's head: what they say, and what was made of them last, for whom and for which target."""

    headers: tuple[tuple[bytes, bytes], ...]
    host: bytes
    request: Request
    presented: Presented
    own_id: bool
    target: Target | None = None
    caller: Caller | None = None
    address: str = ""
    method: str = ""
    until: float = 0.0
    up: bytes = b""
    """The fields for the service, but for the length and the request's id."""
    down: bytes = b""
    """What is added to the fields of the answer."""
    private: bool = False


@dataclass(slots=True)
class Passage:
    """A request's head that takes the short way: a request line and fields, and what was made of them last."""

    head: RequestHead
    fields: Fields
    target: Target
    raw_path: bytes
    query: bytes
    start: bytes
    """The request line, as the service is sent it."""
    length: int | None
    replayable: bool
    caller: Caller | None = None
    address: str = ""
    until: float = 0.0
    up: bytes = b""
    """The head for the service, up to the value of its last field, the request's id."""
    down: bytes = b""
    private: bool = False

    @property
    def own_id(self) -> bool:
        """Whether the client has given the request an id."""
        return self.fields.own_id


@dataclass(frozen=True, slots=True)
class DirectRoute:
    """Which requests take the short way: what decides that, and what they need."""

    routes: RouteTable
    resolver: Resolver
    registry: Registry
    pool: Pool
    breakers: Breakers
    site: Site
    emit: Callable[[object], None]
    max_body: int
    server_timing: bool = False
    known: dict[bytes, Passage] = field(default_factory=dict, repr=False)  # it holds secrets that clients sent
    """Heads that were read and found in order. All that is decided from one is decided by its bytes alone."""
    fields: dict[bytes, Fields] = field(default_factory=dict, repr=False)  # so do these
    """Their fields alone: a client that asks for one thing after the other says the same about itself."""
    answers: tuple[dict[bytes, KnownAnswer], dict[bytes, KnownAnswer]] = field(
        default_factory=lambda: ({}, {}), repr=False
    )
    """Heads of answers that were read and found in order: of services that do not speak about CORS, and that do."""

    def recognise(self, scope: Scope, host: bytes) -> Passage | None:
        """What a head says that takes the short way. The scope is the edge's, which has checked it."""
        method = scope["method"]
        if method not in _METHODS:
            return None
        headers = tuple(scope["headers"])
        head = RequestHead(method, host.decode("latin-1"), scope["path"], headers)
        try:
            presented = self.resolver.present(head)
        except HowdahError:
            return None  # the long way explains why
        request = Request(scope)
        if request.transfer_encoding:
            return None
        own_id = any(name == b"x-request-id" for name, _ in headers)
        fields = Fields(headers, host, request, presented, own_id)
        return self._passage(head, fields, scope["raw_path"], scope["query_string"])

    def recognise_line(self, raw: bytes) -> Passage | None:
        """The same of a head whose fields were read before, byte for byte, and whose first line is plain."""
        end = raw.find(b"\r\n") + 2
        fields = self.fields.get(raw[end:])
        if fields is None:
            return None
        line = _LINE.fullmatch(raw, 0, end)
        if line is None:
            return None
        try:
            target = parse_target(line[2], fields.host)
        except HowdahError:
            return None
        head = RequestHead(line[1].decode("ascii"), fields.host.decode("latin-1"), target.path, fields.headers)
        return self._passage(head, fields, target.raw_path, target.query)

    def _passage(self, head: RequestHead, fields: Fields, raw_path: bytes, query: bytes) -> Passage | None:
        length = fields.request.content_length
        if is_own_path(head.path) or fields.request.is_preflight(head.method):
            return None
        try:
            target = self.routes.match(head)
        except HowdahError:
            return None
        if target.kind != "service":
            return None
        # Beyond the high-water mark uvicorn stops reading until an application has taken what there is.
        if length is not None and length > min(target.policy.max_body or self.max_body, HIGH_WATER_LIMIT):
            return None
        seen = strip_prefix(raw_path.decode("ascii"), target.prefix).encode("ascii") if target.prefix else raw_path
        what = seen + b"?" + query if query else seen
        start = b"%s %s HTTP/1.1\r\n" % (head.method.encode("ascii"), what)
        return Passage(head, fields, target, raw_path, query, start, length, head.method in _IDEMPOTENT)

    def remember(self, raw: bytes, passage: Passage) -> None:
        """Requests whose head has these bytes need not be read by a parser again."""
        if len(raw) > LONGEST_HEAD or passage.own_id:  # an id of its own comes only once
            return
        if len(self.known) >= REMEMBERED_HEADS:
            self.known.clear()
        self.known[raw] = passage
        if len(self.fields) >= REMEMBERED_HEADS:
            self.fields.clear()
        self.fields[raw[raw.find(b"\r\n") + 2 :]] = passage.fields

    def begin(self, passage: Passage, connection: Connection, *, keep_alive: bool) -> DirectRequest | None:
        """The request of the head; None when its caller may not pass or is not known yet, or the service is not well.

        All of that is for the long way to explain.
        """
        try:
            caller = self.resolver.recall(passage.fields.presented)
            if caller is None or caller.stale_cookie:
                return None
            endpoint = self.registry.get(passage.target.name)
            if endpoint.state != "ready" or not self.breakers.is_quiet(endpoint.name):
                return None
            began = perf_counter()
            address = connection.address
            if caller is not passage.caller or address != passage.address or began > passage.until:
                scheme = "https" if connection.secure else "http"
                self._prepare(passage, caller, address, scheme, began)
        except HowdahError:
            return None
        return DirectRequest(self, passage, connection, endpoint, began, keep_alive=keep_alive)

    def _prepare(self, passage: Passage, caller: Caller, address: str, scheme: str, now: float) -> None:
        """What the head leads to for this caller. Raises whatever keeps the caller from passing."""
        fields, method = passage.fields, passage.head.method
        if not (
            fields.caller is caller
            and fields.target is passage.target
            and fields.address == address
            and fields.method == method
            and now <= fields.until
        ):
            self._prepare_fields(fields, passage.head, passage.target, caller, address, scheme)
            fields.until = now + _PREPARED_SECONDS
        length = declared_length(method, passage.length)
        framing = b"" if length is None else b"content-length: %d\r\n" % length
        passage.up = b"".join((passage.start, fields.up, framing, REQUEST_ID))
        passage.down, passage.private = fields.down, fields.private
        passage.caller, passage.address, passage.until = caller, address, fields.until

    def _prepare_fields(
        self, fields: Fields, head: RequestHead, target: Target, caller: Caller, address: str, scheme: str
    ) -> None:
        """All of that which depends on no more of the request line than its method and the target it leads to."""
        request, site = fields.request, self.site
        fields.caller = None  # until all is done
        client = client_of(address, site.public_scheme or scheme, head.headers, site.trusted_proxies)
        pages = Pages(target.policy.cors or _NO_CORS, client.scheme, head.host, self.routes.serves)
        check_access(target.policy, caller)
        check_scope(target, head.method, caller)
        if head.method not in SAFE_METHODS:
            check_page(request.evidence, caller, pages, site.tokens)
        passed = upstream_headers(
            head.headers,
            caller.session,
            host=request.host or target.name.encode("ascii", "replace"),
            client=client.address,
            scheme=client.scheme,
            request_id="",
            roles=caller.roles,
            scopes=scopes_of(caller),
            domain=self.routes.domain_of(head.host),
            session_cookie=site.session_cookie,
            internal=site.internal,
            service=target.name,
            prefix=target.prefix,
        )
        fields.up = b"".join([b"%s: %s\r\n" % each for each in passed if each[0] != b"x-request-id"])
        origin = request.origin
        told = unasked_fields(pages.cors) if origin is None else answer_fields(pages, origin)
        added = (*told, *(site.over_tls if client.scheme == "https" else ()))
        fields.down = b"".join([b"%s: %s\r\n" % each for each in added])
        fields.private = caller.credential != "none"
        fields.target, fields.address, fields.method = target, address, head.method
        fields.caller = caller
