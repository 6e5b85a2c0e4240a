"""WebSockets by hand: a client and services that do what a test says, frame by frame."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from tests.gateway.support import Answer, Received, RunningGateway, parse_answers

from howdah.gateway.handshake import accept_of

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


def frame(payload: bytes, kind: int = TEXT, *, masked: bool, final: bool = True) -> bytes:
    size = len(payload)
    bit = 0x80 if masked else 0
    if size < 126:
        length = bytes([bit | size])
    elif size < 65536:
        length = bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([bit | 127]) + size.to_bytes(8, "big")
    head = bytes([(0x80 if final else 0) | kind]) + length
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def read_frame(receive: Callable[[int], bytes]) -> tuple[int, bytes]:
    """The kind of the next frame and its payload, unmasked; ``receive`` gives exactly so many bytes."""
    first, second = receive(2)
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(receive(2), "big")
    elif size == 127:
        size = int.from_bytes(receive(8), "big")
    mask = receive(4) if second & 0x80 else b"\0\0\0\0"
    payload = receive(size)
    return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


@dataclass
class Client:
    connection: socket.socket
    answer: Answer
    pending: bytes = b""

    def send(self, payload: bytes, kind: int = TEXT) -> None:
        self.connection.sendall(frame(payload, kind, masked=True))

    def receive(self, size: int) -> bytes:
        while len(self.pending) < size:
            data = self.connection.recv(65536)
            if not data:
                raise EOFError
            self.pending += data
        taken, self.pending = self.pending[:size], self.pending[size:]
        return taken

    def read(self) -> tuple[int, bytes]:
        return read_frame(self.receive)

    def closed_with(self) -> int | None:
        """The code of the close frame that comes, behind whatever else does; None when there is none before the end."""
        try:
            while True:
                kind, payload = self.read()
                if kind == CLOSE:
                    return int.from_bytes(payload[:2], "big")
        except (EOFError, ConnectionError):
            return None

    def at_end(self) -> bool:
        try:
            return self.pending == b"" and self.connection.recv(1) == b""
        except ConnectionError:
            return True


def handshake(target: str = "/ws", *fields: str, host: str = "localhost", key: bytes = KEY) -> bytes:
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: keep-alive, Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key.decode()}", *fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@contextlib.contextmanager
def websocket(running: RunningGateway, target: str = "/ws", *fields: str, host: str = "localhost") -> Iterator[Client]:
    """An open WebSocket; fails when it does not open."""
    key = base64.b64encode(os.urandom(16))
    with running.connect() as connection:
        connection.sendall(handshake(target, *fields, host=host, key=key))
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            assert piece, f"closed after {data!r}"
            data += piece
        head, _, behind = data.partition(b"\r\n\r\n")
        (answer,) = parse_answers(head + b"\r\n\r\n")
        assert answer.status == 101, data
        assert answer.header("sec-websocket-accept") == accept_of(key).decode()
        assert (answer.header("upgrade"), answer.header("connection")) == ("websocket", "upgrade")
        yield Client(connection, answer, behind)


# Services

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Talk = Callable[[Received, Reader, Writer], Awaitable[None]]


def accepting(talk: Talk, *fields: str) -> Callable[[Received, Reader, Writer], Awaitable[bool]]:
    """A service that opens every WebSocket, and then talks."""

    async def behaviour(request: Received, reader: Reader, writer: Writer) -> bool:
        (key,) = request.values("sec-websocket-key")
        accept = accept_of(key.encode()).decode()
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Accept: {accept}", *fields]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        await talk(request, reader, writer)
        return False

    return behaviour


async def read_async(reader: Reader) -> tuple[int, bytes]:
    """The kind of the next frame and its payload, as a service reads it."""
    first, second = await reader.readexactly(2)
    assert second & 0x80, "a client's frame is masked"
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


async def echo(request: Received, reader: Reader, writer: Writer) -> None:
    """Send back what comes until the client closes."""
    while True:
        kind, payload = await read_async(reader)
        writer.write(frame(payload, kind, masked=False))
        await writer.drain()
        if kind == CLOSE:
            return
