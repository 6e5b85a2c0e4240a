"""The edge: the strict protocol, and the short ways of requests that were seen before.

What a short way cannot do goes the long one, through uvicorn's cycle and the application.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from howdah.gateway.auth_check import PATH
from howdah.gateway.checked import QUESTION
from howdah.gateway.direct_request import DirectRequest
from howdah.gateway.hot import HotRequest
from howdah.gateway.request import Request
from howdah.gateway.strict import StrictProtocol

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from howdah.gateway.checked import CheckRequest, CheckRoute
    from howdah.gateway.direct import DirectRoute
    from howdah.gateway.errors import GatewayError
    from howdah.gateway.hot import HotRoute

_COPIED: Final = 16 * 1024  # bytes: what is smaller is copied for less than what leaving it in pieces costs


class EdgeProtocol(StrictProtocol):
    """One client connection, which answers by the shortest way there is."""

    hot: ClassVar[HotRoute | None] = None
    direct: ClassVar[DirectRoute | None] = None
    check: ClassVar[CheckRoute | None] = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._short: HotRequest | DirectRequest | CheckRequest | None = (
            None  # the running one, while its body arrives on a short way
        )

    # Which way

    def _take_known(self, data: bytes) -> bool:
        """Whether the bytes are a whole request whose head was read before, which then is being answered.

        The parser is between two requests, where it keeps nothing of the one before, so it need not see this one.
        """
        if self._last or self.limit_concurrency is not None or self._answering:
            return False
        hot, direct = self.hot, self.direct
        end = data.find(b"\r\n\r\n") + 4
        head = data[:end]
        request: HotRequest | DirectRequest | CheckRequest | None = None
        if self.check is not None and data.startswith(QUESTION):
            if len(data) == end:
                request = self.check.find(head, self)
        elif hot is not None and (recognised := hot.known.get(head)) is not None:
            if len(data) == end + recognised.length:
                request = hot.begin(recognised, self, keep_alive=True)
        elif direct is not None:
            passage = direct.known.get(head)
            if passage is None and 4 < end <= self.limits.max_header:
                passage = direct.recognise_line(head)
            if passage is not None and len(data) == end + (passage.length or 0):
                request = direct.begin(passage, self, keep_alive=True)
        if request is None:
            return False
        self.cycle = self._running = cast("RequestResponseCycle", request)
        request.body = data[end:]
        request.more_body = False
        request.complete()
        return True

    def _begin_short(self, version: str) -> bool:
        """Whether the request takes a short way, on which it then is."""
        if version != "1.1" or self.expect_100_continue or self._handshake:
            return False
        scope = cast("dict[str, Any]", self.scope)
        keep_alive = self.parser.should_keep_alive()
        request: HotRequest | DirectRequest | CheckRequest | None = None
        hot, direct = self.hot, self.direct
        recognised = None
        if hot is not None and scope["method"] == "POST":
            recognised = hot.recognise(scope["path"], self.headers)
        if hot is not None and recognised is not None:
            request = hot.begin(recognised, self, keep_alive=keep_alive)
            if request is not None and keep_alive and (raw := self._raw_head("POST")):
                hot.remember(raw, recognised)
        elif scope["path"] == PATH:
            request = self._begin_check(scope, keep_alive=keep_alive)
        elif direct is not None:
            hosts = self._decisive.get(b"host")
            passage = direct.recognise(scope, hosts[0] if hosts else b"")
            raw = self._raw_head(scope["method"])
            # A body that has not come as a whole is streamed, which is the long way's business.
            if passage is not None and (not passage.length or (raw and self._has_come(len(raw) + passage.length))):
                request = direct.begin(passage, self, keep_alive=keep_alive)
                if request is not None and raw and keep_alive:
                    direct.remember(raw, passage)
        if request is None:
            return False
        self._short = request
        self.cycle = self._running = cast("RequestResponseCycle", request)  # as far as anybody here looks at it
        return True

    def _begin_check(self, scope: dict[str, Any], *, keep_alive: bool) -> CheckRequest | None:
        hosts = self._decisive.get(b"host")
        question = None if self.check is None else self.check.recognise(scope, hosts[0] if hosts else b"")
        if self.check is None or question is None:
            return None
        path, request_id = question.original.head.path, Request(scope).request_id
        request = self.check.begin(question, path, self, request_id, keep_alive=keep_alive)
        if request is not None and keep_alive and (raw := self._raw_head("GET")):
            self.check.remember(raw, question)
        return request

    def _raw_head(self, method: str) -> bytes:
        """The bytes of the head that was just read, where all of them are at hand and nothing came before them."""
        if self._segment is None or not self._segment.startswith(method.encode("ascii") + b" "):
            return b""
        return self._segment[: self._segment.find(b"\r\n\r\n") + 4]

    def _has_come(self, size: int) -> bool:
        """Whether so many bytes have come of the request whose head was just read."""
        return self._segment is not None and len(self._segment) >= size

    def take_long_way(self, request: DirectRequest, error: GatewayError | None) -> None:
        """The request begins again the long way, which answers with the error if there is one."""
        passage = request.passage
        headers = list(passage.head.headers)
        if not passage.own_id:
            headers.append((b"x-request-id", request.request_id.encode("ascii")))
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": headers,
            "state": self.app_state.copy(),
            "method": passage.head.method,
            "path": passage.head.path,
            "raw_path": passage.raw_path,
            "query_string": passage.query,
            "howdah.edge": self,
        }
        if error is not None:
            scope["howdah.failed"] = error
        cycle = RequestResponseCycle(
            scope=cast("HTTPScope", scope),
            transport=cast("asyncio.Transport", self._writer),
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=request.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.body = bytearray(request.body)
        cycle.more_body = False
        cycle.message_event.set()
        if self.cycle is cast("RequestResponseCycle", request):
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)

    def on_message_complete(self) -> None:
        """The body is whole, and a request on a short way can go on."""
        super().on_message_complete()
        short, self._short = self._short, None
        if short is not None and not short.disconnected:
            short.complete()

    # What happens to the connection meanwhile

    def shutdown(self) -> None:
        """The server stops: what is being answered is still answered, and nothing else."""
        super().shutdown()
        if (direct := self._direct_request) is not None:
            self.keep(asyncio.ensure_future(direct.outlast()))

    def pause_writing(self) -> None:
        """Stop writing, and reading what would be written."""
        super().pause_writing()
        if (direct := self._direct_request) is not None:
            direct.hold()

    def resume_writing(self) -> None:
        """Go on with both."""
        super().resume_writing()
        if (direct := self._direct_request) is not None:
            direct.go_on()

    @property
    def _direct_request(self) -> DirectRequest | None:
        """The request that is being answered, if that happens on the short way of services."""
        running = cast("object", self._running)
        return running if isinstance(running, DirectRequest) and not running.response_complete else None

    # What requests on short ways ask of their connection

    @property
    def secure(self) -> bool:
        """Whether TLS ends here."""
        return self.scheme == "https"

    @property
    def writing_paused(self) -> bool:
        """Whether the client takes nothing at the moment."""
        return self.flow.write_paused

    @property
    def default_fields(self) -> list[tuple[bytes, bytes]]:
        """Header fields of every answer, such as Date."""
        return self.server_state.default_headers

    def write(self, pieces: tuple[bytes, ...]) -> None:
        """Send the pieces, behind what is gathered already, in one system call."""
        self._writer.flush()
        if self.transport.is_closing():
            return
        if len(pieces[-1]) < _COPIED:
            self.transport.write(b"".join(pieces))
        else:
            self.transport.writelines(pieces)

    def keep(self, task: asyncio.Task[None]) -> None:
        """A task works for this connection; a server that stops waits for it."""
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def answered(self, *, keep_alive: bool) -> None:
        """The answer is complete; the next request may follow, or the connection is closed."""
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()
