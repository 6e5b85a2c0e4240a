"""What the kit costs: a Flask and a FastAPI service with it, beside the same services without.

Each answers a page of ten rows as JSON. Bare is the framework under its server with nothing else, and again with the
access log that its server has. With the kit a request has its id, its line of JSON, its metrics and its errors; and
again with the caller proven by the gateway's signed token, which the bare service does not look at. What counts is CPU
time for each request: it moves less than requests in a second.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import measure
from bench.serving import HERE
from howdah.kit.identity import write_keys
from howdah.kit.internal_token import INTERNAL_TOKEN_HEADER, sign_internal_token
from howdah.session import Session
from howdah.supervisor.ports import free_port

CONNECTIONS = 16
AIM = 1.10
KEY = b"k" * 32
ROWS = 'ROWS = [{"id": n, "title": f"Article {n}", "rating": n / 2, "published": True} for n in range(10)]\n'
FLASK = (
    "from flask import Flask\n" + ROWS + "app = Flask(__name__)\n"
    "@app.get('/articles')\ndef articles():\n    return {'data': ROWS}\n"
)
FASTAPI = (
    "from fastapi import FastAPI\n" + ROWS + "app = FastAPI()\n"
    "@app.get('/articles')\nasync def articles():\n    return {'data': ROWS}\n"
)
GUNICORN = ["-m", "gunicorn", "-k", "gthread", "--threads", "4", "--keep-alive", "10", "--no-control-socket", "-b"]
UVICORN = ["-m", "uvicorn", "--host", "127.0.0.1", "--port"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to run a service."""

    framework: str
    name: str
    source: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured of a kind: medians of the rounds; microseconds of CPU for each request."""

    kind: Kind
    per_second: float
    p99: float
    cpu: float
    ratio: float
    """CPU beside the bare service of the same round."""


def kinds() -> list[Kind]:
    """All that are compared."""
    flask_kit = "from howdah.kit.flask import Howdah\n" + FLASK.replace("@app", "Howdah(app)\n@app")
    fastapi_kit = "from howdah.kit.fastapi import Howdah\n" + FASTAPI.replace("@app", "Howdah(app)\n@app")
    proven = (("HOWDAH_INTERNAL_KEY", write_keys([KEY])), ("HOWDAH_SERVICE", "bench"))
    return [
        Kind("flask", "bare", FLASK, (*GUNICORN, "ADDRESS", "app:app")),
        Kind("flask", "bare, access log", FLASK, (*GUNICORN, "ADDRESS", "--access-logfile", "-", "app:app")),
        Kind("flask", "kit", flask_kit, (*GUNICORN, "ADDRESS", "app:app")),
        Kind("flask", "kit, caller proven", flask_kit, (*GUNICORN, "ADDRESS", "app:app"), proven),
        Kind("fastapi", "bare", FASTAPI, (*UVICORN, "PORT", "--no-access-log", "app:app")),
        Kind("fastapi", "bare, access log", FASTAPI, (*UVICORN, "PORT", "app:app")),
        Kind("fastapi", "kit", fastapi_kit, (*UVICORN, "PORT", "app:app")),
        Kind("fastapi", "kit, caller proven", fastapi_kit, (*UVICORN, "PORT", "app:app"), proven),
    ]


def measure_kit(folder: Path, *, rounds: int, seconds: int) -> list[Cost]:
    """Every kind in every round, so that a slow moment of the machine is everybody's."""
    folder.mkdir(mode=0o755, exist_ok=True)
    found: dict[Kind, list[tuple[measure.Load, float]]] = {kind: [] for kind in kinds()}
    with ExitStack() as stack:
        running = {kind: stack.enter_context(_service(kind, folder)) for kind in found}
        for number in range(rounds + 1):
            for kind, (port, pid) in running.items():
                measured = _load(port, pid, seconds=seconds if number else 1)
                if number:  # the first is only to warm up
                    found[kind].append(measured)
    cpu = {kind: [used / load.requests * 1e6 for load, used in loads] for kind, loads in found.items()}
    bare = {kind.framework: cpu[kind] for kind in found if kind.name == "bare"}
    return [
        Cost(
            kind,
            statistics.median(load.per_second for load, _ in loads),
            statistics.median(load.p99 for load, _ in loads),
            statistics.median(cpu[kind]),
            statistics.median(own / other for own, other in zip(cpu[kind], bare[kind.framework], strict=True)),
        )
        for kind, loads in found.items()
    ]


def table(costs: list[Cost]) -> str:
    """The costs as a table."""
    head = f"{'framework':10} {'service':20} {'req/s':>8} {'p99 ms':>7} {'CPU us':>7} {'to bare':>8}"
    lines = [
        f"{one.kind.framework:10} {one.kind.name:20} {one.per_second:8.0f} {one.p99:7.2f} {one.cpu:7.1f} "
        f"{one.ratio:8.2f}"
        for one in costs
    ]
    return "\n".join(["", f"The kit, {CONNECTIONS} connections (aim: {AIM:.2f})", head, *lines])


@contextmanager
def _service(kind: Kind, folder: Path) -> Iterator[tuple[int, int]]:
    """The port and pid of a service; what it logs goes to a file, as it would on a server."""
    home = folder / f"{kind.framework}-{kind.name.replace(' ', '-').replace(',', '')}"
    home.mkdir()
    (home / "app.py").write_text(kind.source)
    port = free_port()
    words = [word.replace("ADDRESS", f"127.0.0.1:{port}").replace("PORT", str(port)) for word in kind.command]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOWDAH_")}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=home, env={**environment, **dict(kind.environment)}, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 30
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((home / "log").read_text())
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _load(port: int, pid: int, *, seconds: int) -> tuple[measure.Load, float]:
    """Wrk on a service, and the CPU time it took. Raises RuntimeError when a request fails."""
    token = sign_internal_token(
        KEY, Session("user", {"x-hasura-user-id": "7"}), audience="bench", now=time.time(), lifetime=60
    )
    headers = {INTERNAL_TOKEN_HEADER: token, "X-Hasura-Role": "user", "X-Request-Id": "bench-1"}
    before = measure.cpu_seconds(pid)
    measured = measure.wrk(
        f"http://127.0.0.1:{port}/articles",
        "same",
        headers,
        connections=CONNECTIONS,
        seconds=seconds,
        script=HERE / "load_get.lua",
    )
    used = measure.cpu_seconds(pid) - before
    if measured.failed:
        raise RuntimeError(f"{measured.failed} of {measured.requests} requests failed")
    return measured, used


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
