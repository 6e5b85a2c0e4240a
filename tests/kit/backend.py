"""A server that answers as it is told, well or badly, one thread for each connection, which it keeps open."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    """One request, as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[Request, socket.socket], bool | None]
"""Answers on the connection; true where that can be used again."""


@dataclass
class Backend:
    """Where it is, and what it was asked."""

    port: int
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def reply(body: bytes = b"{}", status: str = "200 OK", *fields: str) -> bytes:
    """A response that is in order."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    if not any(line.lower().startswith("content-type") for line in fields):
        head.append("Content-Type: application/json")
    return "\r\n".join([*head, "", ""]).encode() + body


def answers(*several: bytes) -> Behaviour:
    """Each of them once, the last for ever."""
    left = list(several)

    def behave(_: Request, connection: socket.socket) -> bool:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])
        return left[0].startswith(b"HTTP/1.1")

    return behave


@contextlib.contextmanager
def backend(behave: Behaviour, port: int = 0) -> Iterator[Backend]:
    """The server, until the end of the block."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(0.05)
        one, done, threads = Backend(listener.getsockname()[1]), threading.Event(), []

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                while not done.is_set():
                    request = _read(connection)
                    if request is None:
                        return
                    one.requests.append(request)
                    if not behave(request, connection):
                        return

        def accept() -> None:
            while not done.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                one.connections += 1
                connections.append(connection)
                thread = threading.Thread(target=serve, args=(connection,), daemon=True)
                threads.append(thread)
                thread.start()

        connections: list[socket.socket] = []
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield one
        finally:
            done.set()
            accepting.join(10)
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(10)


def _read(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    return Request(method, target, headers, body)


@dataclass
class Waiting:
    """A client for coroutines, whose methods wait, so that one test is for both kinds."""

    client: Any
    loop: asyncio.Runner

    def __getattr__(self, name: str) -> Any:
        there = getattr(self.client, name)
        if not callable(there):
            return there
        if name.startswith("as_") or name == "with_timeout":
            return lambda *args: Waiting(there(*args), self.loop)
        return lambda *args, **named: self.loop.run(there(*args, **named), context=contextvars.copy_context())

    def __repr__(self) -> str:
        return repr(self.client)
