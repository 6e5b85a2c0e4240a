"""The short way of ``/-/auth-check``: a proxy that asks again and again is answered without an ASGI scope or a task.

It is for questions that are answered with yes. Whatever is not, or cannot be told from the head and a caller who is
known, goes the long way, which begins anew and says what is wrong. Both ways decide by the same functions
(`auth_check.py`). A head that was read before is not read again, byte for byte but for what differs each time: the
request's id and its address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from howdah.errors import HowdahError
from howdah.gateway import answer
from howdah.gateway.auth_check import (
    PATH,
    Original,
    check_peer,
    check_service,
    may_pass,
    pages_of,
    read_original,
    told_fields,
)
from howdah.gateway.client import client_of
from howdah.gateway.events import RequestServed
from howdah.gateway.request import Request
from howdah.gateway.target import parse_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.gateway.direct_request import Connection
    from howdah.gateway.match import RouteTable, Target
    from howdah.gateway.session import Presented, Resolver
    from howdah.gateway.site import Site
    from howdah.session import Caller

    Scope = dict[str, Any]

QUESTION: Final = b"GET " + PATH.encode("ascii") + b" HTTP/1.1\r\n"
"""How the head of a question begins."""
REMEMBERED_HEADS: Final = 1024
LONGEST_HEAD: Final = 8192
# How long what was made for a caller is used: the words of the gateway in it may be good for a short time only.
_PREPARED_SECONDS: Final = 5.0
_ID: Final = b"\r\nX-Request-Id: "
_ADDRESS: Final = b"\r\nX-Original-URI: "
_URI: Final = re.compile(rb"/[!-~]*")
_SAID: Final = b"".join(b"%s: %s\r\n" % each for each in (answer.NO_STORE, *answer.SECURITY_HEADERS))


@dataclass(slots=True)
class Question:
    """The head of a question: who presents themselves in it, how, and what was answered last.

    Of ``original`` the path and what follows from it are those of the first request that was asked about.
    """

    original: Original
    request: Request
    headers: tuple[tuple[bytes, bytes], ...]
    presented: Presented
    caller: Caller | None = None
    target: Target | None = None
    address: str = ""
    until: float = 0.0
    fields: bytes = b""


@dataclass(frozen=True, slots=True)
class CheckRoute:
    """Which questions take the short way: what decides that, and what they need."""

    routes: RouteTable
    resolver: Resolver
    site: Site
    emit: Callable[[object], None]
    known: dict[bytes, Question] = field(default_factory=dict, repr=False)  # it holds secrets that clients sent
    """Heads that were read and found in order, without their request's id. All else is decided by these bytes alone."""

    def recognise(self, scope: Scope, host: bytes) -> Question | None:
        """What a head asks that takes the short way. The scope is the edge's, which has checked it."""
        if scope["path"] != PATH or scope["method"] != "GET" or scope["query_string"]:
            return None
        asking = Request(scope)
        if asking.content_length or asking.transfer_encoding:
            return None
        headers = tuple(scope["headers"])
        try:
            original = read_original(headers, host)
            presented = self.resolver.present(original.head)
        except HowdahError:
            return None  # the long way explains why
        request = Request({"method": original.head.method, "headers": original.head.headers})
        if original.upgrade or request.is_preflight(original.head.method):
            return None
        return Question(original, request, headers, presented)

    def remember(self, raw: bytes, question: Question) -> None:
        """Questions whose head has these bytes, but for what differs each time, need not be read by a parser again."""
        key, request_id, uri = without_varying(raw)
        names = [name for name, _ in question.headers]
        if len(raw) > LONGEST_HEAD or uri is None or names.count(b"x-request-id") != (request_id is not None):
            return  # spelled in another way, they would be taken for something that stays
        if len(self.known) >= REMEMBERED_HEADS:
            self.known.clear()
        self.known[key] = question

    def find(self, raw: bytes, connection: Connection) -> CheckRequest | None:
        """The question of a head that was read before; None where it was not, or the answer is not simply yes."""
        key, sent, uri = without_varying(raw)
        question = self.known.get(key)
        if question is None or uri is None or _URI.fullmatch(uri) is None:
            return None
        request_id = None if sent is None else answer.accepted_request_id(sent)
        if sent is not None and request_id is None:
            return None  # bytes that nobody has looked at
        try:
            path = parse_target(uri, question.original.host).path
        except HowdahError:
            return None
        return self.begin(question, path, connection, request_id, keep_alive=True)

    def begin(
        self, question: Question, path: str, connection: Connection, request_id: str | None, *, keep_alive: bool
    ) -> CheckRequest | None:
        """The question about a path; None when the caller may not pass or is not known yet: for the long way."""
        began = perf_counter()
        try:
            caller = self.resolver.recall(question.presented)
            if caller is None or caller.stale_cookie:
                return None
            target, address = self.routes.match(replace(question.original.head, path=path)), connection.address
            if (
                caller is not question.caller
                or target is not question.target
                or address != question.address
                or began > question.until
            ):
                self._prepare(question, target, caller, address, "https" if connection.secure else "http")
                question.until = began + _PREPARED_SECONDS
        except HowdahError:
            return None
        own = request_id or answer.new_request_id()
        return CheckRequest(self, question, connection, own, caller.session.role, began, keep_alive=keep_alive)

    def _prepare(self, question: Question, target: Target, caller: Caller, address: str, scheme: str) -> None:
        """What is answered for this caller and target. Raises whatever keeps the request from passing."""
        site, original = self.site, question.original
        question.caller = None  # until all is done
        check_peer(address, site.trusted_proxies)
        check_service(original, target)
        asked_over = client_of(address, site.public_scheme or scheme, question.headers, site.trusted_proxies).scheme
        pages = pages_of(original, target, asked_over, self.routes)
        may_pass(original, question.request, caller, target, pages, site)
        told = told_fields(original, caller, target, self.routes, site)
        over_tls = site.over_tls if asked_over == "https" else ()
        question.fields = b"".join([b"%s: %s\r\n" % each for each in (*told, *over_tls)])
        question.target, question.address, question.caller = target, address, caller


class CheckRequest:
    """A question that is answered with yes. Has the fields of uvicorn's cycle that its protocol looks at or sets."""

    __slots__ = (
        "_began",
        "_connection",
        "_fields",
        "_id",
        "_role",
        "_route",
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "response_complete",
        "response_started",
    )

    def __init__(
        self,
        route: CheckRoute,
        question: Question,
        connection: Connection,
        request_id: str,
        role: str,
        began: float,
        *,
        keep_alive: bool,
    ) -> None:
        self._route = route
        self._fields = question.fields
        self._connection = connection
        self._id = request_id
        self._role = role
        self._began = began
        self.body: bytes | bytearray = bytearray()
        self.more_body = True
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    @property
    def message_event(self) -> CheckRequest:
        """Stands for the event with which uvicorn wakes whoever waits for the end: nobody does."""
        return self

    def set(self) -> None:
        """Something happened to the connection, which changes nothing: the answer is there when the question is."""

    def complete(self) -> None:
        """The question is whole: say yes."""
        connection = self._connection
        self.response_started = self.response_complete = True
        lines = [b"%s: %s\r\n" % each for each in connection.default_fields]
        closing = b"" if self.keep_alive else b"connection: close\r\n"
        own = b"content-length: 0\r\nx-request-id: %s\r\n\r\n" % self._id.encode("ascii")
        connection.write((b"HTTP/1.1 200 OK\r\n", *lines, _SAID, self._fields, closing, own))
        took = perf_counter() - self._began
        self._route.emit(RequestServed(self._id, "GET", PATH, 200, took, "auth-check", self._role, 0))
        connection.answered(keep_alive=self.keep_alive)


def without_varying(raw: bytes) -> tuple[bytes, bytes | None, bytes | None]:
    r"""The head without the fields of the request's id and address, as nginx writes them; then these two.

    >>> without_varying(b"GET / HTTP/1.1\r\nX-Original-URI: /a\r\nX-Request-Id: 7f\r\nHost: a\r\n\r\n")
    (b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', b'7f', b'/a')
    """
    without_id, request_id = _cut(raw, _ID)
    without_both, uri = _cut(without_id, _ADDRESS)
    return without_both, request_id, uri


def _cut(raw: bytes, name: bytes) -> tuple[bytes, bytes | None]:
    begin = raw.find(name)
    if begin < 0:
        return raw, None
    value = begin + len(name)
    end = raw.find(b"\r\n", value)
    return raw[:begin] + raw[end:], raw[value:end]
