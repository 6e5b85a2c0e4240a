"""One answer, where uvicorn's own way of sending it would not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


class CarefulCycle(RequestResponseCycle):
    """An answer to HTTP/1.0, or to a client that waits to be told to send its body."""

    until_close = False
    """Whether the answer ends where the connection does."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send, with the two things uvicorn leaves out.

        HTTP/1.0 has no chunks: a body of unknown length ends where the connection does. And a client that was never
        told to continue may or may not send its body, so the bytes behind this request cannot be told apart.
        """
        if message["type"] == "http.response.start":
            if self.waiting_for_100_continue:
                self.keep_alive = False
            framed = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            bodiless = self.scope["method"] == "HEAD" or message["status"] in (204, 304)
            if self.scope["http_version"] == "1.0" and not framed and not bodiless:
                self.until_close = True
                self.chunked_encoding = False
        elif self.until_close and message["type"] == "http.response.body" and not self.response_complete:
            if self.flow.write_paused and not self.disconnected:
                await self.flow.drain()
            if self.disconnected:
                return
            self.transport.write(message.get("body", b""))
            if not message.get("more_body", False):
                self.response_complete = True
                self.message_event.set()
                self.transport.close()
                self.on_response()
            return
        await super().send(message)


class HandshakeCycle(RequestResponseCycle):
    """An answer to a request that opens a WebSocket: 101 is a head alone, behind which HTTP ends."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send; 101 as what it is, anything else as uvicorn does."""
        if message["type"] != "http.response.start" or message["status"] != 101:
            await super().send(message)
        elif not self.disconnected:
            self.response_started = self.response_complete = True
            fields = (b"%s: %s\r\n" % field for field in (*self.default_headers, *message.get("headers", ())))
            self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\n%s\r\n" % b"".join(fields))
