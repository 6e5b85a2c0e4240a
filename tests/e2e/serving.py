"""``howdah serve`` as an operator has it: a process, a port, a database of its own, a secret in a file."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tests.e2e.product import CLEAN, HOWDAH, START_SECONDS, Reply, eventually

SECRET = "Zk3-9vT1xQ8rLwYb2mNc"
ADMIN = {"X-Hasura-Admin-Secret": SECRET}


class Serve:
    """A running ``howdah serve`` on a free port, without a project folder."""

    def __init__(self, folder: Path, url: str, *words: str, workers: int = 1, secret: str | None = SECRET) -> None:
        self.folder = folder
        self.url = url
        self.words = (*words, "--workers", str(workers))
        self.workers = workers
        if secret is not None:
            (folder / "secret").write_text(f"{secret}\n")
            self.words += ("--admin-secret-file", "secret")
        self.output = folder / f"serve-{id(self)}.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Returns when every worker is ready."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*HOWDAH, "serve", "--port", "0", *self.words],
                cwd=self.folder,
                env={**CLEAN, "DATABASE_URL": self.url},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        eventually(self._ready, seconds=START_SECONDS, what="howdah serve to be ready")
        return self

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said
        ready = self.events("ServerReady")
        if len(ready) == self.workers:
            self.port = int(ready[0]["address"].rsplit(":", 1)[1])
        return self.port != 0

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """What was logged under this name, as far as the lines are whole."""
        lines = self.said.rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines if f'"event":"{name}"' in line]

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def children(self) -> dict[int, str]:
        """The living processes this one has started, and their command lines."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended meanwhile
                continue
            if int(parent) == self.pid and state != "Z":
                found[int(entry.name)] = command
        return found

    def worker_pids(self) -> set[int]:
        return {pid for pid, command in self.children().items() if "howdah.process" in command}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code, once it has ended."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
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

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def query(self, kind: str, args: Any, headers: Mapping[str, str] = {}) -> Reply:
        return self.request("POST", "/data/v1/query", json.dumps({"type": kind, "args": args}).encode(), headers)

    def done(self, kind: str, args: Any, headers: Mapping[str, str] = {}) -> Any:
        """The answer of a request that must not be refused."""
        reply = self.query(kind, args, headers)
        assert reply.status == 200, (kind, reply.text)
        return reply.json()


def as_user(number: int, role: str = "user") -> dict[str, str]:
    """The headers by which the admin is this user."""
    return {**ADMIN, "X-Hasura-Role": role, "X-Hasura-User-Id": str(number)}
