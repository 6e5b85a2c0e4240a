"""Log lines over the network, by the fluent forward protocol (fluentd, Fluent Bit), without anybody waiting for it.

Lines are kept in a queue that a thread of its own empties. While nobody listens there, the newest ``HELD`` lines are
kept and the others counted; a line with their number is sent first once somebody does.
https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1
"""

from __future__ import annotations

import atexit
import base64
import collections
import datetime as dt
import json
import os
import random
import secrets
import socket
import threading
import time
from typing import Any, Final

from howdah.observe import msgpack

HELD: Final = 10_000
TOGETHER: Final = 500
TIMEOUT: Final = 5.0
PATIENCE: Final = 2.0
"""How long the end of a process may wait for the last lines."""


class FluentForward:
    """A stream whose lines go to a fluentd; one that is not there costs lines and nothing else."""

    def __init__(self, host: str, port: int, *, tag: str, acknowledged: bool = False) -> None:
        """``acknowledged`` sends what nobody confirmed once more, so that a line may come twice but is not lost."""
        self._address = (host, port)
        self._tag = tag
        self._acknowledged = acknowledged
        self._lines: collections.deque[str] = collections.deque()
        self._lost = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._begin_anew)

    def write(self, text: str) -> None:
        """The lines are kept, and sent when the thread comes to it."""
        with self._changed:
            for line in text.splitlines():
                if len(self._lines) >= HELD:
                    self._lines.popleft()
                    self._lost += 1
                self._lines.append(line)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="fluent", daemon=True)
                self._thread.start()
            self._changed.notify()

    def flush(self) -> None:
        """Nothing: who logs does not wait for the network."""

    def close(self) -> None:
        """What is kept is sent, if that takes no longer than `PATIENCE`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(PATIENCE)

    def _begin_anew(self) -> None:
        """A process begins with an empty queue and no thread; after a fork the lines are the parent's to send."""
        self._changed = threading.Condition()
        self._thread = None
        self._closed = False
        self._lines.clear()

    def _run(self) -> None:
        line: socket.socket | None = None
        wait = 0.1
        while lines := self._take():
            while True:
                try:
                    if line is None:
                        line = socket.create_connection(self._address, TIMEOUT)
                    self._send(line, lines)
                except OSError:
                    if line is not None:
                        line.close()
                        line = None
                    if self._closed:
                        return
                    time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - only spreads who comes back when
                    wait = min(wait * 2, 5.0)
                else:
                    wait = 0.1
                    break
        if line is not None:
            line.close()

    def _take(self) -> list[str]:
        """The next lines to send, waiting for some; none when there will be no more."""
        with self._changed:
            while not self._lines and not self._closed:
                self._changed.wait()
            taken = [self._lines.popleft() for _ in range(min(TOGETHER, len(self._lines)))]
            if self._lost and taken:
                taken.insert(0, json.dumps({"level": "warning", "event": "LogLinesLost", "lines": self._lost}))
                self._lost = 0
            return taken

    def _send(self, line: socket.socket, lines: list[str]) -> None:
        """One message with all lines. Raises OSError: it did not get there, or nobody confirmed it."""
        chunk = base64.b64encode(secrets.token_bytes(16)).decode()
        options: dict[str, Any] = {"size": len(lines)} | ({"chunk": chunk} if self._acknowledged else {})
        entries = b"".join(b"\x92" + entry(text) for text in lines)
        line.sendall(
            b"\x93" + msgpack.pack(self._tag) + msgpack.array_head(len(lines)) + entries + msgpack.pack(options)
        )
        if not self._acknowledged:
            return
        wanted = msgpack.pack({"ack": chunk})
        got = b""
        while len(got) < len(wanted):
            piece = line.recv(len(wanted) - len(got))
            if not piece:
                break
            got += piece
        if got != wanted:
            raise ConnectionError("not confirmed")


def entry(text: str) -> bytes:
    """A log line as the protocol has it: its moment, and its fields."""
    try:
        record = json.loads(text)
    except ValueError:
        record = {"message": text}
    if not isinstance(record, dict):
        record = {"message": text}
    try:
        moment = dt.datetime.fromisoformat(record["time"]).timestamp()
    except (KeyError, TypeError, ValueError):
        moment = time.time()
    return msgpack.event_time(int(moment), int(moment % 1 * 1e9)) + msgpack.pack(record)
