"""The same statements through howdah and through pgbench, in the same rounds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import measure
from bench.postgres import Server
from bench.serving import HERE, USER, Served, ask
from bench.statements import pgbench_script


@dataclass(frozen=True, slots=True)
class Case:
    """One query at one number of connections."""

    query: str
    connections: int


@dataclass(frozen=True, slots=True)
class Row:
    """A case through one server: medians of its rounds. Times in milliseconds, CPU in microseconds for each request."""

    case: Case
    workers: int
    per_second: float
    tps: float
    ratio: float
    p50: float
    p99: float
    server: float
    postgres: float


def compare(
    cases: Iterable[Case],
    servers: Sequence[Served],
    postgres: Server,
    folder: Path,
    *,
    rounds: int,
    seconds: int,
    dsn: str | None = None,
) -> list[Row]:
    """Every case through every server, beside pgbench. ``dsn`` is where both find Postgres, if not at its own."""
    cases = tuple(cases)
    scripts = {query: _script(servers[0], postgres, folder, query) for query in {case.query for case in cases}}
    found: dict[tuple[Case, Served], list[tuple[measure.Load, float]]] = {}
    for number in range(rounds + 1):
        for case in cases:
            loads = [load(case, server, postgres, seconds=seconds if number else 1) for server in servers]
            if not number:  # only to warm up: pages, prepared statements, plans
                continue
            tps = measure.pgbench(
                postgres.pgbench, dsn or postgres.dsn, scripts[case.query], clients=case.connections, seconds=seconds
            )
            for server, measured in zip(servers, loads, strict=True):
                found.setdefault((case, server), []).append((measured, tps))
    return [_row(case, server, loads) for (case, server), loads in found.items()]


def load(case: Case, server: Served, postgres: Server, *, seconds: int) -> measure.Load:
    """The case through a server for so long. Raises RuntimeError when a request fails."""
    measured = measure.wrk(
        server.url,
        HERE / "queries" / f"{case.query}.json",
        USER,
        connections=case.connections,
        seconds=seconds,
        server=server.pid,
        postgres=postgres.pid,
    )
    if measured.failed:
        raise RuntimeError(f"{measured.failed} of {measured.requests} requests of query {case.query} failed")
    return measured


def _row(case: Case, server: Served, loads: list[tuple[measure.Load, float]]) -> Row:
    def median(values: Iterable[float]) -> float:
        return statistics.median(values)

    return Row(
        case,
        server.workers,
        per_second=median(each.per_second for each, _ in loads),
        tps=median(tps for _, tps in loads),
        ratio=median(each.per_second / tps for each, tps in loads),
        p50=median(each.p50 for each, _ in loads),
        p99=median(each.p99 for each, _ in loads),
        server=median(each.server_cpu / each.requests * 1e6 for each, _ in loads),
        postgres=median(each.postgres_cpu / each.requests * 1e6 for each, _ in loads),
    )


def _script(server: Served, postgres: Server, folder: Path, query: str) -> Path:
    """Pgbench's script of the very statement that howdah runs for a query."""
    template = (HERE / "queries" / f"{query}.json").read_text()
    metadata = ask(server.port, {"type": "export_metadata", "args": {}}, admin=True)
    path = folder / f"{query}.sql"
    path.write_text(pgbench_script(postgres.dsn, metadata, template, user_id="7"))
    path.chmod(0o644)
    return path


def track(server: Served) -> None:
    """The bench's tables, relationships and permissions are known."""
    ask(server.port, {"type": "bulk", "args": json.loads((HERE / "metadata.json").read_text())}, admin=True)
