"""The shortest way for the busiest request: a POST of a query is answered without an ASGI scope, cycle or task.

Everything that is out of the ordinary goes the long way instead: another method or path, a body that is large or
without a length, a session that is refused, a second request on the same connection while the first is being answered.
Both ways give the same answer; this one only leaves out what nobody looks at.
"""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from howdah.errors import HowdahError
from howdah.gateway import answer
from howdah.gateway.errors import InternalError
from howdah.gateway.events import RequestFailed, RequestServed
from howdah.gateway.match import RequestHead, RouteTable, strip_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.gateway.session import Resolver
    from howdah.session import Session


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
class HotRoute:
    """Which requests take the short way: those of ``part`` at ``path``, with at most ``max_body`` bytes."""

    part: str
    path: str
    max_body: int
    engine: QueryEngine
    routes: RouteTable
    resolver: Resolver
    emit: Callable[[object], None]

    def begin(
        self, path: str, headers: list[tuple[bytes, bytes]], connection: Connection, *, keep_alive: bool
    ) -> HotRequest | None:
        """The request, if it takes the short way. ``headers`` are lower-case and checked by the edge."""
        if not path.endswith(self.path):
            return None
        host, length = b"", -1
        request_ids: list[bytes] = []
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"content-length":
                length = int(value)
            elif name == b"x-request-id":
                request_ids.append(value)
            elif name == b"transfer-encoding":
                return None
        # Beyond the high-water mark uvicorn stops reading until an application has taken what there is.
        if not 0 < length <= min(self.max_body, HIGH_WATER_LIMIT):
            return None
        head = RequestHead("POST", host.decode("latin-1"), path, tuple(headers))
        try:
            target = self.routes.match(head)
            if target.kind != "part" or target.name != self.part or strip_prefix(path, target.prefix) != self.path:
                return None
            session = self.resolver.resolve(head)
        except HowdahError:
            return None  # the long way explains why
        given = answer.accepted_request_id(request_ids[0]) if len(request_ids) == 1 else None
        return HotRequest(self, connection, session, path, given or answer.new_request_id(), keep_alive=keep_alive)


class Connection(Protocol):
    """What a request asks of the connection it came in on."""

    @property
    def default_fields(self) -> list[tuple[bytes, bytes]]:
        """Header fields of every answer, such as Date."""
        ...

    def write(self, data: bytes) -> None:
        """Send the bytes."""
        ...

    def keep(self, task: asyncio.Task[None]) -> None:
        """A task works for this connection; a server that stops waits for it."""
        ...

    def answered(self, *, keep_alive: bool) -> None:
        """The answer is complete; the next request may follow, or the connection is closed."""
        ...


_FIELDS: Final = b"".join(b"%s: %s\r\n" % field for field in (answer.JSON_TYPE, *answer.SECURITY_HEADERS))
_PHRASES: Final = {int(status): status.phrase.encode() for status in HTTPStatus}
CLIENT_GONE: Final = 499


class _Deaf:
    """Stands for the event with which uvicorn wakes a cycle that reads its body piece by piece; ours reads none."""

    def set(self) -> None:
        """Nothing waits."""


_DEAF: Final = _Deaf()


class HotRequest:
    """One request on the short way. Has the fields of uvicorn's cycle that its protocol looks at or sets."""

    __slots__ = (
        "_began",
        "_connection",
        "_path",
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

    message_event: Final = _DEAF

    def __init__(
        self,
        route: HotRoute,
        connection: Connection,
        session: Session,
        path: str,
        request_id: str,
        *,
        keep_alive: bool,
    ) -> None:
        self._route = route
        self._connection = connection
        self._session = session
        self._path = path
        self._request_id = request_id
        self._began = perf_counter()
        self.body = bytearray()
        self.more_body = True
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    def complete(self) -> None:
        """The body is whole: answer it."""
        try:
            pending = self._route.engine.submit(bytes(self.body), self._session)
        except Exception as error:  # noqa: BLE001 - the last resort: a bug must not leave the caller unanswered
            self._fail(error)
            return
        if pending is None:
            self._connection.keep(asyncio.ensure_future(self._answer()))
        else:
            pending.add_done_callback(self._done)

    def _done(self, pending: asyncio.Future[bytes]) -> None:
        error = None if pending.cancelled() else pending.exception()
        if error is None and not pending.cancelled():
            self._send(200, pending.result())
            return
        explained = self._route.engine.explain(error, bytes(self.body), self._session)
        if explained is not None:
            self._send(explained.status, explained.body)
        else:
            # A lost connection, or a catalog that changed meanwhile: the read is asked again, the long way.
            self._connection.keep(asyncio.ensure_future(self._answer()))

    async def _answer(self) -> None:
        try:
            found = await self._route.engine.answer(bytes(self.body), self._session)
        except Exception as error:  # noqa: BLE001 - the last resort, as above
            self._fail(error)
        else:
            self._send(found.status, found.body)

    def _fail(self, error: Exception) -> None:
        trace = "".join(traceback.format_exception(error))
        self._route.emit(RequestFailed(self._request_id, "POST", self._path, type(error).__name__, trace))
        internal = InternalError()
        self._send(internal.status, answer.error_body(internal, self._request_id))

    def _send(self, status: int, body: bytes) -> None:
        """Send the whole answer, in one write."""
        if not self.disconnected:
            fields = [b"%s: %s\r\n" % field for field in self._connection.default_fields]
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                fields.append(b"retry-after: 1\r\n")
            if not self.keep_alive:
                fields.append(b"connection: close\r\n")
            self.response_started = self.response_complete = True
            self._connection.write(
                b"HTTP/1.1 %d %s\r\n%s%scontent-length: %d\r\nx-request-id: %s\r\n\r\n%s"
                % (
                    status,
                    _PHRASES[status],
                    b"".join(fields),
                    _FIELDS,
                    len(body),
                    self._request_id.encode("ascii"),
                    body,
                )
            )
        self._route.emit(
            RequestServed(
                self._request_id,
                "POST",
                self._path,
                CLIENT_GONE if self.disconnected else status,
                perf_counter() - self._began,
                self._route.part,
                self._session.role,
                0 if self.disconnected else len(body),
            )
        )
        if not self.disconnected:
            self._connection.answered(keep_alive=self.keep_alive)
