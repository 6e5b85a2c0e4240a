"""The bench's howdah: `howdah serve` in front of a Postgres, and a way to ask it something."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SECRET = "bench-Qw8zK2vXn4Lr7TyP1sHd"
USER = {"X-Hasura-Admin-Secret": SECRET, "X-Hasura-Role": "user", "X-Hasura-User-Id": "7"}


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: the pid at the head of its processes, its port, and how long it took to be ready."""

    pid: int
    port: int
    workers: int
    seconds_to_ready: float

    @property
    def url(self) -> str:
        """Where queries go."""
        return f"http://127.0.0.1:{self.port}/data/v1/query"


@contextmanager
def serving(dsn: str, folder: Path, *, workers: int = 1, settings: Sequence[str] = ()) -> Iterator[Served]:
    """A running ``howdah serve`` on the database; ``folder`` is its own, ``settings`` are for ``--set``."""
    from howdah.supervisor.ports import free_port

    folder.mkdir(mode=0o755, exist_ok=True)
    secret = folder / "admin-secret"
    secret.write_text(SECRET)
    port = free_port()
    log = (folder / "serve.log").open("wb")
    command = [sys.executable, "-m", "howdah", "serve", "--port", str(port), "--database-url", dsn]
    command += ["--admin-secret-file", str(secret), "--workers", str(workers)]
    command += [word for setting in settings for word in ("--set", setting)]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HOWDAH_", "DATABASE_URL"))
    }
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment)
    try:
        while not _ready(port):
            if process.poll() is not None or time.monotonic() > began + 60:
                raise RuntimeError(f"howdah serve did not start:\n{(folder / 'serve.log').read_text()}")
            time.sleep(0.02)
        yield Served(process.pid, port, workers, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def ask(port: int, query: object, *, admin: bool = False) -> object:
    """The answer to a query. Raises RuntimeError for any but 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"X-Hasura-Admin-Secret": SECRET} if admin else USER
    connection.request("POST", "/data/v1/query", json.dumps(query), headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{query} was answered with {answer.status}: {body}")
    return body


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
