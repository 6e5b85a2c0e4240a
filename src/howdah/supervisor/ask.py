"""Talks to a running howdah from a short-lived command: plain sockets and JSON, nothing slow to import.

The protocol, over a unix socket: one JSON object per line. The request is ``{"command": ..., arguments...}``; answer
lines are ``{"status": {...}}`` and ``{"record": {...}}``, and the last one is ``{"ok": true, ...}`` or
``{"ok": false, "error": {"code", "message", "hint"}}``.

    status                                        ok with pid, facts (url...), processes: [status]
    logs    services since request_id last follow records, oldest first; with follow without end
    watch                                         the status of every process, then each change, without end
    restart name                                  ok
    stand-in name port                            nothing while another process has the service's place
    stop                                          ok once every process has ended
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from howdah.supervisor.errors import ControlRefused, NotRunning, UnknownProcess

POINTER = "control"  # the file in the run folder that names the socket
_CONNECT_TIMEOUT = 5.0


def socket_of(run_folder: Path) -> Path:
    """The control socket of the howdah that runs for the project with this ``.howdah/run``. Raises NotRunning."""
    try:
        text = (run_folder / POINTER).read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise NotRunning from problem
    return run_folder / text  # an absolute path stays what it is


def stream(path: Path, command: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Every answer line to the command, until it is complete or howdah ends.

    Raises NotRunning when nobody listens, ControlRefused when the command was not accepted.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_CONNECT_TIMEOUT)
        try:
            connection.connect(str(path))
            connection.settimeout(None)
            connection.sendall(encode({"command": command, **arguments}))
        except OSError as problem:
            raise NotRunning from problem
        with connection.makefile("rb") as lines:
            for line in lines:
                answer = decode(line)
                if "ok" in answer:
                    yield answer
                    return
                yield answer


def ask(path: Path, command: str, **arguments: Any) -> dict[str, Any]:
    """The one answer to a command. Raises NotRunning (also when howdah ends before it answers), ControlRefused."""
    for answer in stream(path, command, **arguments):
        if "ok" in answer:
            return answer
    raise NotRunning


def stop(path: Path) -> None:
    """Howdah has ended, with all its processes. Raises NotRunning when there is none."""
    for _ in stream(path, "stop"):
        continue  # the connection closes when everything has ended


def encode(value: dict[str, Any]) -> bytes:
    """The value as one line."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The answer of one line. Raises ControlRefused when it is an error."""
    try:
        answer = json.loads(line)
    except ValueError:
        raise ControlRefused("the answer of the control socket cannot be read") from None
    if not isinstance(answer, dict):
        raise ControlRefused("the answer of the control socket is no object")
    if answer.get("ok") is False:
        error = answer.get("error") or {}
        refusal = UnknownProcess if error.get("code") == UnknownProcess.code else ControlRefused
        raise refusal(error.get("message"), hint=error.get("hint"))
    return answer
