"""Real servers for the kit's tests: one that answers as it is told, and apps under werkzeug and gunicorn."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Told:
    """A TCP server on loopback; what it was sent, and where it is."""

    url: str
    received: list[bytes] = field(default_factory=list)


@contextmanager
def telling(answer: Callable[[socket.socket], None]) -> Iterator[Told]:
    """A server that reads one request per connection and leaves the rest to ``answer``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told = Told(f"http://127.0.0.1:{listener.getsockname()[1]}/data")
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                connection, _ = listener.accept()
                with connection:
                    if done.is_set():
                        return
                    told.received.append(read_request(connection))
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield told
        finally:
            done.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join(10)


def read_request(connection: socket.socket) -> bytes:
    """Head and body of one request."""
    connection.settimeout(10)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        assert piece, "the client went away"
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def response(body: bytes, status: str = "200 OK", *, length: int | None = None) -> bytes:
    """An HTTP response; ``length`` may lie."""
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode() + body


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Running:
    """A service process and the port it listens on."""

    port: int
    process: subprocess.Popen[str]
    log: Path

    def get(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def lines(self, until: Callable[[str], bool], *, seconds: float = 10) -> str:
        """What the service has printed, as soon as ``until`` is content with it."""
        deadline = time.monotonic() + seconds
        while not until(text := self.log.read_text()):
            assert time.monotonic() < deadline, text
            time.sleep(0.01)
        return text


@contextmanager
def service(
    command: list[str],
    folder: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    port: int | None = None,
) -> Iterator[Running]:
    """A service, started on a free port (or this one) and listening; ended afterwards."""
    port = free_port() if port is None else port
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HOWDAH_", "FLASK_"))}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *(word.replace("$PORT", str(port)) for word in command)],
            cwd=folder,
            env={**inherited, **(environment or {}), "PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    running = Running(port, process, log)
    try:
        _wait(running)
        yield running
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(15)


def _wait(running: Running) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", running.port), timeout=1).close()
        except OSError:
            assert running.process.poll() is None, running.log.read_text()
            assert time.monotonic() < deadline, running.log.read_text()
            time.sleep(0.02)
        else:
            return
