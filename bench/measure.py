"""What a run costs: requests by wrk, transactions by pgbench, CPU time of whole process trees from /proc."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_FIGURES = re.compile(r"^FIGURES (\d+) (\d+) (\d+) ([0-9.]+) ([0-9.]+)", re.MULTILINE)

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Load:
    """One measured stretch of load. Times in seconds, latencies in milliseconds."""

    requests: int
    seconds: float
    failed: int
    p50: float
    p99: float
    server_cpu: float
    postgres_cpu: float

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds


def wrk(
    url: str,
    what: Path | str,
    headers: Mapping[str, str],
    *,
    connections: int,
    seconds: int,
    server: int | None = None,
    postgres: int | None = None,
    script: Path = HERE / "load.lua",
) -> Load:
    """Load ``url`` from ``connections`` kept-alive connections; ``server`` and ``postgres`` head process trees.

    ``what`` is the first argument of wrk's script: the file with the body for the usual one.
    """
    before = cpu_seconds(server), cpu_seconds(postgres)
    output = subprocess.run(
        [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--latency",
            "-s",
            str(script),
            url,
            "--",
            str(what),
            *(f"{name}={value}" for name, value in headers.items()),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    after = cpu_seconds(server), cpu_seconds(postgres)
    figures = _FIGURES.search(output)
    if figures is None:
        raise RuntimeError(f"wrk printed no figures:\n{output}")
    requests, microseconds, failed, p50, p99 = figures.groups()
    return Load(
        requests=int(requests),
        seconds=int(microseconds) / 1e6,
        failed=int(failed),
        p50=float(p50) / 1e3,
        p99=float(p99) / 1e3,
        server_cpu=after[0] - before[0],
        postgres_cpu=after[1] - before[1],
    )


def at_once(*loads: Callable[[], Load]) -> list[Load]:
    """What each of the loads measures while all of them run. CPU times are of all of them together."""
    with ThreadPoolExecutor(len(loads)) as threads:
        return [future.result() for future in [threads.submit(each) for each in loads]]


def pgbench(binary: Path, dsn: str, script: Path, *, clients: int, seconds: int) -> float:
    """Transactions per second of one script in prepared mode."""
    output = subprocess.run(
        [str(binary), "-n", "-M", "prepared", f"-c{clients}", "-j1", f"-T{seconds}", f"-f{script}", dsn],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = _TPS.search(output)
    if found is None:
        raise RuntimeError(f"pgbench printed no tps:\n{output}")
    return float(found.group(1))


def cpu_seconds(root: int | None) -> float:
    """User and system time that the process ``root`` and its living descendants have used."""
    if root is None:
        return 0.0
    return sum(_own_cpu(pid) for pid in (root, *_descendants(root)))


def resident_mib(root: int) -> float:
    """Memory of the process ``root`` and its descendants that is in RAM and theirs alone, in MiB."""
    return sum(_private_kib(pid) for pid in (root, *_descendants(root))) / 1024


def _own_cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # utime, stime and those of children already waited for: fields 14 to 17 of proc(5), here counted after the name.
    return sum(int(field) for field in fields[11:15]) / _TICK


def _private_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


def _descendants(root: int) -> Iterable[int]:
    try:
        tasks = [task.read_text() for task in Path(f"/proc/{root}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return
    for child in " ".join(tasks).split():
        yield int(child)
        yield from _descendants(int(child))
