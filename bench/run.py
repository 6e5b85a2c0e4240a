"""howdah serve beside pgbench: the same statements, the same rounds, the same two cores.

    make bench                              everything but the million requests; some ten minutes
    make bench BENCH=--quick                a minute's worth: 32 and 64 connections, one worker, one round
    make bench BENCH=--gate                 as well, and fail where a floor is not reached
    make bench BENCH="--only grid --queries b --connections 64 --workers 1"
    make bench BENCH="--only memory --requests 1000000"
    make bench BENCH="--only gateway"       requests to services, beside nginx
    make bench BENCH="--only kit"           a service with the kit, beside the same one without
    make bench BENCH="--only tasks"         sending, waiting, doing

Absolute numbers move with the neighbours of a virtual machine. The ratio to pgbench in the same rounds, and CPU time
per request, move much less: quote those.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from bench import gateway, kit, measure, report, tasks
from bench.compare import Case, compare, load, track
from bench.distance import further_away
from bench.postgres import Server, running_postgres
from bench.serving import Served, serving
from bench.tables import measure_tables


@dataclass(frozen=True, slots=True)
class Bench:
    """What every part works with."""

    arguments: argparse.Namespace
    postgres: Server
    folder: Path


def main() -> int:
    arguments = _arguments()
    if shutil.which("wrk") is None:
        print("wrk is not installed: as root, make test-deps", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="howdah-bench-") as name, running_postgres(Path(name)) as postgres:
        Path(name).chmod(0o755)
        bench = Bench(arguments, postgres, Path(name))
        with serving(postgres.dsn, bench.folder / "first") as server:
            track(server)
        reached = [PARTS[part](bench) for part in arguments.only]
    return 0 if all(reached) or not arguments.gate else 1


def _grid(bench: Bench) -> bool:
    """The queries at some numbers of connections and of workers; whether every floor is reached."""
    arguments = bench.arguments
    cases = [Case(query, connections) for connections in arguments.connections for query in arguments.queries]
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving(bench.postgres.dsn, bench.folder / f"workers-{workers}", workers=workers))
            for workers in arguments.workers
        ]
        rows = compare(cases, servers, bench.postgres, bench.folder, rounds=arguments.rounds, seconds=arguments.seconds)
        print(report.table("Beside pgbench", rows))
        for server in servers:
            memory = measure.resident_mib(server.pid)
            print(f"{server.workers} worker(s): {memory:.0f} MiB, ready after {server.seconds_to_ready:.2f} s")
    found = report.targets(rows)
    print(report.summary(found), flush=True)
    return all(target.verdict != "BELOW" for target in found)


def _mixed(bench: Bench) -> bool:
    """Fast reads alone, and beside two clients that ask nothing but a slow one: one that works, one that only waits.

    What waits takes no core from anybody, so it shows what a fast read waits for in howdah itself.
    """
    seconds = bench.arguments.seconds
    fast, works, waits = Case("b", 24), Case("slow", 2), Case("nap", 2)
    with serving(bench.postgres.dsn, bench.folder / "mixed") as server:
        for case in (fast, works, waits):
            load(case, server, bench.postgres, seconds=1)
        measured = {"alone": load(fast, server, bench.postgres, seconds=seconds)}
        for slow in (works, waits):
            beside, slowly = measure.at_once(
                partial(load, fast, server, bench.postgres, seconds=seconds),
                partial(load, slow, server, bench.postgres, seconds=seconds + 1),
            )
            measured[f"{slow.query}, {slowly.p50:.0f} ms each"] = beside
    print("\nFast reads (b, 24 connections) beside slow ones (2 connections)")
    for name, one in measured.items():
        print(f"{name:32} {one.per_second:8.0f} req/s   p50 {one.p50:6.2f} ms   p99 {one.p99:6.2f} ms")
    sys.stdout.flush()
    return True


def _far(bench: Bench) -> bool:
    """Beside pgbench, with a Postgres that is a millisecond away."""
    arguments = bench.arguments
    with further_away(bench.postgres.dsn, bench.folder / "far", 0.001) as dsn, _server(bench, "away", dsn) as server:
        with psycopg.connect(dsn, autocommit=True) as connection:
            began = time.perf_counter()
            for _ in range(50):
                connection.execute("select 1")
            away = (time.perf_counter() - began) / 50 * 1000
        rows = compare(
            [Case(query, 32) for query in arguments.queries],
            [server],
            bench.postgres,
            bench.folder,
            rounds=1,
            seconds=arguments.seconds,
            dsn=dsn,
        )
    print(report.table(f"Postgres {away:.1f} ms away, for pgbench too", rows), flush=True)
    return True


def _large(bench: Bench) -> bool:
    """A megabyte of rows in one answer."""
    with _server(bench, "large") as server:
        rows = compare(
            [Case("large", 8)],
            [server],
            bench.postgres,
            bench.folder,
            rounds=bench.arguments.rounds,
            seconds=bench.arguments.seconds,
        )
        print(report.table("Large answers", rows))
        print(f"{measure.resident_mib(server.pid):.0f} MiB of memory afterwards", flush=True)
    return True


def _memory(bench: Bench) -> bool:
    """The server's memory before and after many requests of every kind."""
    wanted = bench.arguments.requests
    with _server(bench, "memory") as server:
        cases = [Case(query, 32) for query in "abcd"]
        for case in cases:
            load(case, server, bench.postgres, seconds=1)
        before, asked, round_ = measure.resident_mib(server.pid), 0, 0
        while asked < wanted:
            asked += load(cases[round_ % 4], server, bench.postgres, seconds=5).requests
            round_ += 1
        after = measure.resident_mib(server.pid)
    print(f"\nMemory of the server: {before:.1f} MiB, after {asked} more requests {after:.1f} MiB", flush=True)
    return True


def _tables(bench: Bench) -> bool:
    """Start-up, memory and metadata calls with a thousand tracked tables."""
    folder = bench.folder / "tables"
    folder.mkdir(mode=0o755)
    count, rounds = (100, 3) if bench.arguments.quick else (1000, 20)
    print(f"\n{count:,} tracked tables")
    measure_tables(folder, count, rounds)
    return True


def _gateway(bench: Bench) -> bool:
    """Requests to services, beside nginx."""
    arguments = bench.arguments
    rows = gateway.measure_gateway(
        bench.postgres.dsn, bench.folder / "gateway", rounds=arguments.rounds, seconds=arguments.seconds
    )
    print(gateway.table(rows), flush=True)
    return gateway.is_no_dearer(rows)


def _kit(bench: Bench) -> bool:
    """What the kit costs a Flask and a FastAPI service."""
    arguments = bench.arguments
    print(
        kit.table(kit.measure_kit(bench.folder / "kit", rounds=arguments.rounds, seconds=arguments.seconds)), flush=True
    )
    return True


def _tasks(bench: Bench) -> bool:
    """What a task costs, how long it waits, how many are done."""
    count = 400 if bench.arguments.quick else 4000
    print(tasks.table(tasks.measure_tasks(bench.postgres.dsn, bench.folder / "tasks", count=count)), flush=True)
    return True


def _server(bench: Bench, name: str, dsn: str | None = None) -> AbstractContextManager[Served]:
    return serving(dsn or bench.postgres.dsn, bench.folder / name)


PARTS: dict[str, Callable[[Bench], bool]] = {
    "grid": _grid,
    "mixed": _mixed,
    "far": _far,
    "large": _large,
    "memory": _memory,
    "tables": _tables,
    "gateway": _gateway,
    "kit": _kit,
    "tasks": _tasks,
}


def _arguments() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(number) for number in text.split(",")]

    def parts(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(PARTS):
            raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}")
        return names

    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one round of two seconds, one worker")
    parser.add_argument("--gate", action="store_true", help="exit with 1 when a floor is not reached")
    parser.add_argument("--only", type=parts, default=list(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--queries", default="abcd", help="which of a, b, c and d")
    parser.add_argument("--connections", type=numbers, help="wrk's connections and pgbench's clients (1,32,64)")
    parser.add_argument("--workers", type=numbers, help="platform processes (1,2)")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, help="of each measurement")
    parser.add_argument("--requests", type=int, help="for memory (100000)")
    given = parser.parse_args()
    given.connections = given.connections or ([32, 64] if given.quick else [1, 32, 64])
    given.workers = given.workers or ([1] if given.quick else [1, 2])
    given.rounds = given.rounds or (1 if given.quick else 3)
    given.seconds = given.seconds or (2 if given.quick else 3)
    given.requests = given.requests or (20_000 if given.quick else 100_000)
    return given


if __name__ == "__main__":
    sys.exit(main())
