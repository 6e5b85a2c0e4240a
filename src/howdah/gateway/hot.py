"""The shortest way for the busiest request: a POST of a query is answered without an ASGI scope, cycle or task.

Everything that is out of the ordinary goes the long way instead: another method or path, a body that is large or
without a length, a session that is refused, a second request on the same connection while the first is being answered.
Both ways give the same answer; this one only leaves out what nobody looks at.

Clients send the same header again and again. One that was read before, byte for byte, is not read again.
"""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from howdah.errors import HowdahError
from howdah.gateway import answer
from howdah.gateway.access import check_access
from howdah.gateway.client import client_of
from howdah.gateway.cors import unasked_fields
from howdah.gateway.csrf import Evidence, comes_from_here
from howdah.gateway.errors import InternalError
from howdah.gateway.events import RequestFailed, RequestServed
from howdah.gateway.match import RequestHead, RouteTable, strip_prefix
from howdah.gateway.site import Site
from howdah.kit import context
from howdah.project.sections import Cors

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.gateway.cors import Fields
    from howdah.gateway.session import Presented, Resolver
    from howdah.project.sections import Policy
    from howdah.session import Caller, Session


class Answer(Protocol):
    """What to answer: an HTTP status, and JSON."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def body(self) -> bytes:
        """JSON."""
        ...


class QueryEngine(Protocol):
    """What answers queries."""

    def submit(self, body: bytes, session: Session) -> asyncio.Future[bytes] | None:
        """A future of the answer (status 200) if it takes no more than one read, else None. Raises nothing of ours."""
        ...

    def explain(self, error: BaseException | None, body: bytes, session: Session) -> Answer | None:
        """What to answer when the future failed with the error; None when `answer` is to be asked instead."""
        ...

    async def answer(self, body: bytes, session: Session) -> Answer:
        """The answer, whatever it takes."""
        ...


@dataclass(frozen=True, slots=True)
class Recognised:
    """The head of a request on the short way: what its bytes say, who presents themselves, how long the body is."""

    path: str
    presented: Presented
    length: int
    request_id: str | None
    policy: Policy | None
    """Who may pass, where not everybody may."""
    from_here: bool
    """Whether the browser says that it comes from a page of ours, or from none."""
    fields: bytes
    """What the answer says to pages, and about TLS."""
    private_fields: bytes
    """The same, where a credential was shown."""


_JSON_TYPES: Final = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=UTF-8")
_NO_CORS: Final = Cors()
_SITE: Final = Site()

REMEMBERED_HEADS: Final = 4096  # every caller with a credential has one of their own
LONGEST_HEAD: Final = 4096


@dataclass(frozen=True, slots=True)
class HotRoute:
    """Which requests take the short way: those of ``part`` at ``path``, with at most ``max_body`` bytes."""

    part: str
    path: str
    max_body: int
    engine: QueryEngine
    routes: RouteTable
    resolver: Resolver
    emit: Callable[[object], None]
    site: Site = _SITE
    known: dict[bytes, Recognised] = field(default_factory=dict, repr=False)  # it holds secrets that clients sent
    """Heads that were read and found in order. All that is decided from one is decided by its bytes alone."""

    def recognise(self, path: str, headers: list[tuple[bytes, bytes]]) -> Recognised | None:
        """What a head says that takes the short way. ``headers`` are lower-case and checked by the edge."""
        if not path.endswith(self.path):
            return None
        host, length = b"", -1
        request_ids: list[bytes] = []
        sites: tuple[bytes, ...] = ()
        origin: str | None = None
        has_cookie = is_json = False
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"content-length":
                length = int(value)
            elif name == b"x-request-id":
                request_ids.append(value)
            elif name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"sec-fetch-site":
                sites += (value,)
            elif name == b"cookie":
                has_cookie = True
            elif name == b"content-type":
                is_json = value in _JSON_TYPES
            elif name == b"transfer-encoding":
                return None
        if not is_json and (has_cookie or sites or origin is not None):
            return None  # a browser has to say that it is JSON, and in more ways than these
        # Beyond the high-water mark uvicorn stops reading until an application has taken what there is.
        if not 0 < length <= min(self.max_body, HIGH_WATER_LIMIT):
            return None
        head = RequestHead("POST", host.decode("latin-1"), path, tuple(headers))
        try:
            target = self.routes.match(head)
            presented = self.resolver.present(head)
        except HowdahError:
            return None  # the long way explains why
        if target.kind != "part" or target.name != self.part or strip_prefix(path, target.prefix) != self.path:
            return None
        cors = target.policy.cors or _NO_CORS
        if origin is not None and (cors.own or origin in cors.origins):
            return None  # what a page of it is told depends on more than the head
        fields = (*unasked_fields(cors), *self._over_tls(headers))
        said = b"".join([b"%s: %s\r\n" % each for each in fields])
        policy = target.policy
        return Recognised(
            path,
            presented,
            length,
            answer.accepted_request_id(request_ids[0]) if len(request_ids) == 1 else None,
            None if policy.allow_anonymous and not policy.restrict_to_roles else policy,
            comes_from_here(Evidence(sites)),
            said,
            said + _PRIVATE,
        )

    def _over_tls(self, headers: list[tuple[bytes, bytes]]) -> Fields:
        """Fields of an answer that leaves over TLS, or to somebody who claims so: without TLS they mean nothing."""
        site = self.site
        if not site.over_tls:
            return ()
        claimed = client_of("", site.public_scheme or "http", headers, 1 if site.trusted_proxies else 0).scheme
        return site.over_tls if claimed == "https" else ()

    def begin(self, recognised: Recognised, connection: Connection, *, keep_alive: bool) -> HotRequest | None:
        """The request of the head; None when its caller is refused or not known yet, which is for the long way."""
        try:
            caller = self.resolver.recall(recognised.presented)
        except HowdahError:
            return None
        if caller is None or caller.stale_cookie or (caller.credential == "cookie" and not recognised.from_here):
            return None
        if caller.identity is not None and caller.identity.scopes is not None:
            return None
        if recognised.policy is not None:
            try:
                check_access(recognised.policy, caller)
            except HowdahError:
                return None
        return HotRequest(self, connection, caller, recognised, keep_alive=keep_alive)

    def remember(self, raw: bytes, recognised: Recognised) -> None:
        """Requests whose head has these bytes need not be read by a parser again."""
        if len(raw) > LONGEST_HEAD or recognised.request_id is not None:  # an id of its own comes only once
            return
        if len(self.known) >= REMEMBERED_HEADS:
            self.known.clear()
        self.known[raw] = recognised


class Connection(Protocol):
    """What a request asks of the connection it came in on."""

    @property
    def default_fields(self) -> list[tuple[bytes, bytes]]:
        """Header fields of every answer, such as Date. A list that is never changed, only replaced."""
        ...

    def write(self, pieces: tuple[bytes, ...]) -> None:
        """Send the pieces, one behind the other."""
        ...

    def keep(self, task: asyncio.Task[None]) -> None:
        """A task works for this connection; a server that stops waits for it."""
        ...

    def answered(self, *, keep_alive: bool) -> None:
        """The answer is complete; the next request may follow, or the connection is closed."""
        ...


CLIENT_GONE: Final = 499
_OK: Final = 200
_UNAVAILABLE: Final = 503
_FIELDS: Final = b"".join(b"%s: %s\r\n" % each for each in answer.SECURITY_HEADERS)
_JSON: Final = b"%s: %s\r\n" % answer.JSON_TYPE
_PROBLEM: Final = b"%s: %s\r\n" % answer.PROBLEM_TYPE
_PRIVATE: Final = b"%s: %s\r\n" % answer.PRIVATE


class _Heads:
    """What answers begin with, as bytes: made anew when the server has new default fields, which is every second."""

    __slots__ = ("_fields", "_known")

    def __init__(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []
        self._known: dict[tuple[int, bytes, bool], bytes] = {}

    def of(self, fields: list[tuple[bytes, bytes]], status: int, kind: bytes, *, keep_alive: bool) -> bytes:
        """The head of an answer, but for the fields that are its own."""
        if fields is not self._fields:
            self._fields = fields
            self._known.clear()
        head = self._known.get((status, kind, keep_alive))
        if head is None:
            lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
            lines += [b"%s: %s" % each for each in fields]
            if status == _UNAVAILABLE:
                lines.append(b"retry-after: 1")
            if not keep_alive:
                lines.append(b"connection: close")
            head = self._known[status, kind, keep_alive] = b"\r\n".join([*lines, kind + _FIELDS])
        return head


_heads: Final = _Heads()


class HotRequest:
    """One request on the short way. Has the fields of uvicorn's cycle that its protocol looks at or sets."""

    __slots__ = (
        "_began",
        "_connection",
        "_fields",
        "_path",
        "_pending",
        "_request_id",
        "_route",
        "_session",
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "response_complete",
        "response_started",
    )

    def __init__(
        self,
        route: HotRoute,
        connection: Connection,
        caller: Caller,
        recognised: Recognised,
        *,
        keep_alive: bool,
    ) -> None:
        self._route = route
        self._connection = connection
        self._session = caller.session
        self._path = recognised.path
        self._request_id = recognised.request_id or answer.new_request_id()
        self._fields = recognised.fields if caller.credential == "none" else recognised.private_fields
        self._began = perf_counter()
        self._pending: asyncio.Future[bytes] | None = None
        self.body: bytes | bytearray = bytearray()
        self.more_body = True
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    @property
    def message_event(self) -> HotRequest:
        """Stands for the event with which uvicorn wakes whoever reads the body piece by piece, or waits for the end."""
        return self

    def set(self) -> None:
        """Something happened to the connection: what nobody waits for any more need not be asked."""
        if self.disconnected and self._pending is not None:
            self._pending.cancel()

    def complete(self) -> None:
        """The body is whole: answer it."""
        try:
            self._pending = pending = self._route.engine.submit(bytes(self.body), self._session)
        except Exception as error:  # noqa: BLE001 - the last resort: a bug must not leave the caller unanswered
            self._fail(error)
            return
        if pending is None:
            self._connection.keep(asyncio.ensure_future(self._answer()))
        else:
            pending.add_done_callback(self._done)

    def _done(self, pending: asyncio.Future[bytes]) -> None:
        if self.disconnected:
            self._send(CLIENT_GONE, b"")
            return
        error: BaseException
        try:
            body = pending.result()
        except (Exception, asyncio.CancelledError) as failure:  # noqa: BLE001 - what it failed with is explained
            error = failure
        else:
            self._send(_OK, body)
            return
        explained = self._route.engine.explain(error, bytes(self.body), self._session)
        if explained is not None:
            self._send(explained.status, explained.body)
        else:
            # A lost connection, or a catalog that changed meanwhile: the read is asked again, the long way.
            self._connection.keep(asyncio.ensure_future(self._answer()))

    async def _answer(self) -> None:
        try:
            context.request_id.set(self._request_id)  # for what is caused by it later (R72)
            found = await self._route.engine.answer(bytes(self.body), self._session)
        except Exception as error:  # noqa: BLE001 - the last resort, as above
            self._fail(error)
        else:
            self._send(found.status, found.body)

    def _fail(self, error: Exception) -> None:
        trace = "".join(traceback.format_exception(error))
        self._route.emit(RequestFailed(self._request_id, "POST", self._path, type(error).__name__, trace))
        internal = InternalError()
        self._send(internal.status, answer.error_body(internal, self._request_id), _PROBLEM)

    def _send(self, status: int, body: bytes, kind: bytes = _JSON) -> None:
        """Send the whole answer."""
        connection, disconnected, length = self._connection, self.disconnected, len(body)
        if not disconnected:
            self.response_started = self.response_complete = True
            head = _heads.of(connection.default_fields, status, kind, keep_alive=self.keep_alive)
            own = f"content-length: {length}\r\nx-request-id: {self._request_id}\r\n\r\n".encode("ascii")
            connection.write((head, self._fields, own, body))
        self._route.emit(
            RequestServed(
                self._request_id,
                "POST",
                self._path,
                CLIENT_GONE if disconnected else status,
                perf_counter() - self._began,
                self._route.part,
                self._session.role,
                0 if disconnected else length,
            )
        )
        if not disconnected:
            connection.answered(keep_alive=self.keep_alive)
