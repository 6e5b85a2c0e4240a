"""The gateway beside nginx: what a request to a service costs on its way through either.

The ways: none (the service itself), howdah (the session checked, identity set), nginx as a proxy that checks nothing,
and nginx that asks howdah about every request (auth_request). CPU is that of everything between wrk and the service.
"""

from __future__ import annotations

import shutil
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
from bench.serving import HERE, USER, serving
from howdah.gateway.match import Route
from howdah.gateway.nginx import Site, render_site
from howdah.supervisor.ports import free_port

CONNECTIONS = 32
FLASK = """
from flask import Flask
app = Flask(__name__)

@app.get("/")
def index():
    return "Hello, world!"
"""


@dataclass(frozen=True, slots=True)
class Way:
    """How requests get to the service: a port, and the heads of the process trees in between."""

    name: str
    port: int
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """What was measured on one way: medians of the rounds. Milliseconds, and microseconds of CPU for each request."""

    service: str
    way: str
    per_second: float
    p50: float
    p99: float
    cpu: float


def measure_gateway(dsn: str, folder: Path, *, rounds: int, seconds: int) -> list[Passage]:
    """Every way to a trivial service and to one of Flask."""
    folder.mkdir(mode=0o755, exist_ok=True)
    found: list[Passage] = []
    for service, running in (("trivial", _trivial), ("flask", _flask)):
        with ExitStack() as stack:
            port = stack.enter_context(running(folder))
            place = folder / service
            place.mkdir(mode=0o755)
            (place / "howdah.toml").write_text(f'[services.app]\nurl = "http://127.0.0.1:{port}"\nroutes = ["/"]\n')
            howdah = stack.enter_context(serving(dsn, place))
            ways = [Way("none", port, ()), Way("howdah", howdah.port, (howdah.pid,))]
            if shutil.which("nginx") is not None:
                nginx = stack.enter_context(_nginx(place / "nginx", _proxy_only(port)))
                ways.append(Way("nginx, proxy only", *nginx))
                site = render_site(
                    Site(
                        f"127.0.0.1:{howdah.port}", ("127.0.0.1",), {"app": f"127.0.0.1:{port}"}, "", "127.0.0.1:PORT"
                    ),
                    (Route(None, "/", "service", "app"),),
                )
                asking, pids = stack.enter_context(_nginx(place / "asking", site))
                ways.append(Way("nginx, auth_request", asking, (*pids, howdah.pid)))
            loads = ["fixed", "varied"] if service == "trivial" else ["fixed"]
            for load in loads:
                name = service if load == "fixed" else f"{service}, heads vary"
                found += _compare(name, load, ways, rounds=rounds, seconds=seconds)
    return found


def table(rows: list[Passage]) -> str:
    """The rows as a table."""
    head = f"{'service':22} {'way':24} {'req/s':>8} {'p50 ms':>7} {'p99 ms':>7} {'CPU us':>7}"
    lines = [
        f"{row.service:22} {row.way:24} {row.per_second:8.0f} {row.p50:7.2f} {row.p99:7.2f} {row.cpu:7.1f}"
        for row in rows
    ]
    return "\n".join(["", f"Gateways, {CONNECTIONS} connections", head, *lines])


def is_no_dearer(rows: list[Passage]) -> bool:
    """Whether howdah costs no more CPU than nginx where both were measured."""
    cpu = {(row.service, row.way): row.cpu for row in rows}
    return all(
        cost <= cpu.get((service, "nginx, proxy only"), cost) for (service, way), cost in cpu.items() if way == "howdah"
    )


def _compare(service: str, load: str, ways: list[Way], *, rounds: int, seconds: int) -> list[Passage]:
    """Each way in every round, so that a slow moment of the machine is everybody's."""
    found: dict[Way, list[tuple[measure.Load, float]]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way in ways:
            measured = _load(way, load, seconds=seconds if number else 1)
            if number:  # the first is only to warm up
                found[way].append(measured)
    return [
        Passage(
            service,
            way.name,
            statistics.median(each.per_second for each, _ in loads),
            statistics.median(each.p50 for each, _ in loads),
            statistics.median(each.p99 for each, _ in loads),
            statistics.median(cpu / each.requests * 1e6 for each, cpu in loads),
        )
        for way, loads in found.items()
    ]


def _load(way: Way, load: str, *, seconds: int) -> tuple[measure.Load, float]:
    """Wrk on the way, and the CPU time in between. Raises RuntimeError when a request fails."""
    before = sum(measure.cpu_seconds(pid) for pid in way.pids)
    measured = measure.wrk(
        f"http://127.0.0.1:{way.port}/",
        load,
        USER,
        connections=CONNECTIONS,
        seconds=seconds,
        script=HERE / "load_get.lua",
    )
    cpu = sum(measure.cpu_seconds(pid) for pid in way.pids) - before
    if measured.failed:
        raise RuntimeError(f"{measured.failed} of {measured.requests} requests failed: {way.name}")
    return measured, cpu


@contextmanager
def _trivial(folder: Path) -> Iterator[int]:
    """The port of the trivial service."""
    del folder
    port = free_port()
    with _process([sys.executable, "-m", "bench.upstream", str(port)], HERE.parent, port):
        yield port


@contextmanager
def _flask(folder: Path) -> Iterator[int]:
    """The port of a Flask service under gunicorn."""
    port = free_port()
    (folder / "service.py").write_text(FLASK)
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-k", "gthread", "--threads", "8"]
    with _process([*command, "--keep-alive", "10", "--no-control-socket", "service:app"], folder, port):
        yield port


@contextmanager
def _nginx(folder: Path, site: str) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The port and pids of an nginx with the site, in which ``PORT`` is where it listens."""
    folder.mkdir(mode=0o755)
    port = free_port()
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, site=site.replace("PORT", str(port))))
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with _process(command, folder, port) as pid:
        yield port, (pid,)


_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    {site}
}}
"""


def _proxy_only(port: int) -> str:
    return f"""
    upstream service {{ server 127.0.0.1:{port}; keepalive 64; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:PORT;
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
    }}
    """


@contextmanager
def _process(command: list[str], folder: Path, port: int) -> Iterator[int]:
    """The pid of the command, once it listens."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)
