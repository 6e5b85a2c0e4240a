"""howdah serve beside pgbench: four queries, the same statements, the same rounds, the same two cores.

    make bench                                  the four queries, 32 connections
    make bench BENCH="--queries b --connections 64 --seconds 5 --rounds 4"

Absolute numbers move with the neighbours of a virtual machine. The ratio to pgbench in the same rounds, and CPU time
per request, move much less: quote those.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import measure
from bench.postgres import Server, running_postgres
from bench.statements import pgbench_script

HERE = Path(__file__).parent
SECRET = "bench-Qw8zK2vXn4Lr7TyP1sHd"
USER = {"X-Hasura-Admin-Secret": SECRET, "X-Hasura-Role": "user", "X-Hasura-User-Id": "7"}
QUERIES = {
    "a": "one row by key",
    "b": "20 rows, each with its author",
    "c": "20 authors, each with 10 articles",
    "d": "insert one row",
}


@dataclass(frozen=True, slots=True)
class Round:
    """One query in one round: howdah's load and pgbench's transactions per second."""

    load: measure.Load
    tps: float


def main() -> int:
    arguments = _arguments()
    if shutil.which("wrk") is None:
        print("wrk is not installed: as root, make test-deps", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="howdah-bench-") as name, running_postgres(Path(name)) as postgres:
        folder = Path(name)
        folder.chmod(0o755)
        with serving(postgres, folder, workers=arguments.workers) as (server, port):
            _call(port, {"type": "bulk", "args": json.loads((HERE / "metadata.json").read_text())}, admin=True)
            scripts = {query: _script(port, postgres, folder, query) for query in arguments.queries}
            rounds = _rounds(arguments, postgres, server, port, scripts)
            _report(arguments, rounds, measure.resident_mib(server.pid))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--queries", default="abcd", help="which of a, b, c and d")
    parser.add_argument("--connections", type=int, default=32, help="wrk's connections and pgbench's clients")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--workers", type=int, default=1, help="platform processes")
    return parser.parse_args()


@contextmanager
def serving(postgres: Server, folder: Path, *, workers: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A running ``howdah serve`` and its port."""
    secret = folder / "admin-secret"
    secret.write_text(SECRET)
    port = _free_port()
    log = (folder / "serve.log").open("wb")
    command = [sys.executable, "-m", "howdah", "serve", "--port", str(port), "--database-url", postgres.dsn]
    command += ["--admin-secret-file", str(secret), "--workers", str(workers)]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=_environment())
    try:
        deadline = time.monotonic() + 30
        while not _ready(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"howdah serve did not start:\n{(folder / 'serve.log').read_text()}")
            time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _rounds(
    arguments: argparse.Namespace,
    postgres: Server,
    server: subprocess.Popen[bytes],
    port: int,
    scripts: dict[str, Path],
) -> dict[str, list[Round]]:
    url = f"http://127.0.0.1:{port}/data/v1/query"
    found: dict[str, list[Round]] = {query: [] for query in scripts}
    for number in range(arguments.rounds + 1):
        for query, script in scripts.items():
            # The first round only warms up: pages, prepared statements, plans.
            seconds = arguments.seconds if number else 1
            body = HERE / "queries" / f"{query}.json"
            load = measure.wrk(
                url,
                body,
                USER,
                connections=arguments.connections,
                seconds=seconds,
                server=server.pid,
                postgres=postgres.pid,
            )
            tps = measure.pgbench(
                postgres.pgbench, postgres.dsn, script, clients=arguments.connections, seconds=seconds
            )
            if load.failed:
                raise RuntimeError(f"{load.failed} of {load.requests} requests of query {query} failed")
            if number:
                found[query].append(Round(load, tps))
    return found


def _report(arguments: argparse.Namespace, rounds: dict[str, list[Round]], memory: float) -> None:
    print(
        f"{arguments.connections} connections, {arguments.workers} worker(s), median of {arguments.rounds} rounds of "
        f"{arguments.seconds:g} s; {memory:.0f} MiB of memory\n"
    )
    print(
        f"{'query':38} {'req/s':>8} {'pgbench':>8} {'ratio':>6} {'p50 ms':>7} {'p99 ms':>7} {'srv us':>7} {'pg us':>7}"
    )
    for query, found in rounds.items():
        loads = [each.load for each in found]
        p50, p99 = (statistics.median(getattr(load, name) for load in loads) for name in ("p50", "p99"))
        print(
            f"{query} {QUERIES[query]:36} {statistics.median(load.per_second for load in loads):8.0f} "
            f"{statistics.median(each.tps for each in found):8.0f} "
            f"{statistics.median(each.load.per_second / each.tps for each in found):6.2f} "
            f"{p50:7.2f} {p99:7.2f} "
            f"{statistics.median(load.server_cpu / load.requests * 1e6 for load in loads):7.1f} "
            f"{statistics.median(load.postgres_cpu / load.requests * 1e6 for load in loads):7.1f}"
        )


def _script(port: int, postgres: Server, folder: Path, query: str) -> Path:
    """Pgbench's script of the very statement that howdah runs for a query."""
    template = (HERE / "queries" / f"{query}.json").read_text()
    metadata = _call(port, {"type": "export_metadata", "args": {}}, admin=True)
    path = folder / f"{query}.sql"
    path.write_text(pgbench_script(postgres.dsn, metadata, template, user_id="7"))
    path.chmod(0o644)
    return path


def _call(port: int, query: object, *, admin: bool = False) -> object:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
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


def _free_port() -> int:
    from howdah.supervisor.ports import free_port

    return free_port()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("HOWDAH_", "DATABASE_URL"))}


if __name__ == "__main__":
    sys.exit(main())
