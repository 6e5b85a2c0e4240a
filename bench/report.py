"""What was measured, as text: tables, and how it stands to what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare import Case, Row

QUERIES = {
    "a": "one row by key",
    "b": "20 rows, each with its author",
    "c": "20 authors, each with 10 articles",
    "d": "insert one row",
    "large": "3,700 rows, a megabyte",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A number that was measured, what it must be, and what it ought to become."""

    name: str
    measured: float
    floor: float
    aim: float
    less_is_better: bool = False

    @property
    def verdict(self) -> str:
        """Which of the two it reaches."""
        sign = -1 if self.less_is_better else 1
        if self.measured * sign >= self.aim * sign:
            return "aim"
        return "floor" if self.measured * sign >= self.floor * sign else "BELOW"


RATIOS = {"a": (0.35, 0.6), "b": (0.55, 0.8), "c": (0.85, 1.0), "d": (0.6, 0.9)}


def targets(rows: Sequence[Row]) -> list[Target]:
    """What is asked of one worker: the ratios at 32 connections, and on query b CPU time and the slowest hundredth."""
    by_case = {row.case: row for row in rows if row.workers == 1}
    found = [
        Target(f"{query}: ratio to pgbench", by_case[case].ratio, floor, aim)
        for query, (floor, aim) in RATIOS.items()
        if (case := Case(query, 32)) in by_case
    ]
    if (row := by_case.get(Case("b", 32))) is not None:
        found.append(Target("b: CPU of the server, µs", row.server, 50, 30, less_is_better=True))
    if (row := by_case.get(Case("b", 64))) is not None:
        found.append(Target("b: p99 at 64 connections, ms", row.p99, 15, 8, less_is_better=True))
    return found


def table(title: str, rows: Sequence[Row]) -> str:
    """The rows as a table."""
    head = (
        f"{'query':41} {'workers':>7} {'conns':>5} {'req/s':>7} {'pgbench':>8} {'ratio':>6} {'p50 ms':>7} "
        f"{'p99 ms':>7} {'srv us':>7} {'pg us':>7}"
    )
    lines = [
        f"{row.case.query:5} {QUERIES[row.case.query]:35} {row.workers:7} {row.case.connections:5} "
        f"{row.per_second:7.0f} {row.tps:8.0f} {row.ratio:6.2f} {row.p50:7.2f} {row.p99:7.2f} "
        f"{row.server:7.1f} {row.postgres:7.1f}"
        for row in rows
    ]
    return "\n".join(["", title, head, *lines])


def summary(found: Sequence[Target]) -> str:
    """What was asked, what was measured, and which of the two marks that reaches."""
    lines = [
        f"{target.name:32} {target.measured:9.2f} {target.floor:7g} {target.aim:7g}  {target.verdict}"
        for target in found
    ]
    return "\n".join(["", f"{'one worker, beside pgbench':32} {'measured':>9} {'floor':>7} {'aim':>7}", *lines])
