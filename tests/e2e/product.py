"""The product as its user has it: a folder, the howdah command, a browser's requests. Nothing of ours is imported."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

HOWDAH = (sys.executable, "-m", "howdah")
START_SECONDS = 60.0
Found = TypeVar("Found")

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("HOWDAH_", "DATABASE_URL", "PG"))}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


def eventually(look: Callable[[], Found | None], *, seconds: float = 30.0, what: str) -> Found:
    """What ``look`` finds, as soon as it is something true; an error that names ``what`` after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def howdah(
    *words: str, folder: Path, environment: Mapping[str, str] = {}, timeout: float = 90.0
) -> subprocess.CompletedProcess[str]:
    """The command, run to its end in ``folder``."""
    return subprocess.run(
        [*HOWDAH, *words],
        cwd=folder,
        env={**CLEAN, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )


class Dev:
    """A running ``howdah dev`` of one project folder, on a port of its own."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str] = {}) -> None:
        self.folder = folder
        self.port = free_port()
        self.environment = {"HOWDAH_SERVER_PORT": str(self.port), **environment}
        self.output = folder.parent / f"{folder.name}.dev.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [*HOWDAH, "dev"],
                cwd=self.folder,
                env={**CLEAN, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        eventually(self._ready, seconds=START_SECONDS, what=f"howdah dev to be ready; it said:\n{self.said}")
        return self

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"howdah dev ended with {self.process.returncode}:\n{self.said}")
        status = self.howdah("--json", "status")
        return status.returncode == 0 and self.get("/").status == 200

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def howdah(self, *words: str) -> subprocess.CompletedProcess[str]:
        return howdah(*words, folder=self.folder, environment=self.environment)

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}, timeout: float = 20.0
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        try:
            return self.request("GET", path, headers=headers)
        except (OSError, http.client.HTTPException) as error:
            return Reply(0, {}, repr(error).encode())

    def query(self, query: object, headers: Mapping[str, str] = {}) -> Reply:
        return self.request("POST", "/data/v1/query", json.dumps(query).encode(), headers)

    @property
    def admin(self) -> dict[str, str]:
        """The header that makes a caller admin, with the secret that quickstart made."""
        line = next(
            line
            for line in (self.folder / ".howdah" / "secrets.toml").read_text().splitlines()
            if line.startswith("admin_secret")
        )
        return {"X-Hasura-Admin-Secret": line.split('"')[1]}

    def status(self) -> dict[str, Any]:
        return json.loads(self.howdah("--json", "status").stdout)


def processes_of(folder: Path) -> list[tuple[int, str]]:
    """Every living process whose command line, environment or working directory speaks of ``folder``."""
    mark = str(folder).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            about = command + (entry / "environ").read_bytes() + os.fsencode((entry / "cwd").readlink())
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if mark in about and state != "Z":
            found.append((int(entry.name), command.replace(b"\0", b" ").decode(errors="replace")))
    return found
