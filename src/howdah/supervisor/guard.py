"""The guard: a small process that ends all others when the supervisor dies, in whatever way.

It runs as ``python -I -S guard.py MARKER``, on the standard library alone, in its own session, deaf to Ctrl-C. Its
standard input is a pipe that the supervisor holds open. Every child announces itself there before it becomes the
program it shall be (see `spawn`), so there is no moment in which a child is unknown:

    + PID RANK SIGNAL:SECONDS[,SIGNAL:SECONDS...]     a process is to be ended so, higher ranks first
    - PID                                             it is gone

End of file means that the supervisor is gone. Then each process gets its signals in turn, each with its time, then
SIGKILL for what is left of its group; last, whatever still carries the marker in its environment is ended.

The functions below are also the supervisor's own, so this module may import nothing of howdah's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

MARKER = "HOWDAH_SUPERVISED"  # environment variable: <key>/<run>/<process>
LEFTOVER_GRACE = 2.0  # seconds between SIGTERM and SIGKILL for the rest of a group whose leader has gone
_POLL = 0.02
_PROC = Path("/proc")


@dataclass(slots=True)
class Ward:
    """A process group in the guard's care: its leader, and the signals that end it with the time each may take."""

    pid: int
    rank: int
    steps: list[tuple[int, float]]
    started: str | None
    deadline: float = field(default=0.0)


def parse_steps(text: str) -> list[tuple[int, float]]:
    """The stop steps of an announcement.

    >>> [(int(number), seconds) for number, seconds in parse_steps("INT:20,QUIT:5.5")]
    [(2, 20.0), (3, 5.5)]
    """
    steps = []
    for step in text.split(","):
        name, _, seconds = step.partition(":")
        steps.append((int(signal.Signals[f"SIG{name}"]), float(seconds)))
    return steps


def started_at(pid: int) -> str | None:
    """When the process began, in the kernel's ticks, which tells it from a later one of its number; None if unknown."""
    fields = _stat(pid)
    return fields[19] if fields else None


def is_alive(pid: int) -> bool:
    """Whether the process exists and has not ended: one that only waits to be reaped counts as gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    fields = _stat(pid)
    return fields is None or fields[0] not in "ZX"


def group_is_alive(group: int) -> bool:
    """Whether any member of the process group still runs."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    members = [pid for pid in _pids() if (fields := _stat(pid)) and int(fields[2]) == group]
    return any(is_alive(pid) for pid in members) if _PROC.joinpath("self").exists() else True


def send(pid: int, number: int) -> None:
    """The process, if it exists, has the signal."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def send_group(group: int, number: int) -> None:
    """Every member of the process group has the signal."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def marked(prefix: str) -> tuple[int, ...]:
    """The living processes whose marker starts with the prefix, except this one and its ancestors (Linux only)."""
    wanted = f"{MARKER}={prefix}".encode()
    spared = {os.getpid(), *_ancestors(os.getpid())}
    return tuple(pid for pid in _pids() if pid not in spared and _carries(pid, wanted) and is_alive(pid))


def end_marked(prefix: str, grace: float = LEFTOVER_GRACE) -> int:
    """No process with such a marker is left; returns how many there were."""
    pids = marked(prefix)
    if pids:
        _send_all(pids, signal.SIGTERM)
        _wait(partial(_any_alive, pids), grace)
        for _ in range(3):  # again, because what ends may fork
            left = marked(prefix)
            _send_all(left, signal.SIGKILL)
            _wait(partial(_any_alive, left), grace)
    return len(pids)


def memory_by_session() -> dict[int, int]:
    """The resident bytes of each session's processes, by the session's id (Linux only; shared pages count twice)."""
    found: dict[int, int] = {}
    page = os.sysconf("SC_PAGE_SIZE")
    for pid in _pids():
        if fields := _stat(pid):
            session, pages = int(fields[3]), int(fields[21])
            found[session] = found.get(session, 0) + pages * page
    return found


def end_group(group: int, grace: float = LEFTOVER_GRACE) -> None:
    """Nothing is left of a process group whose leader has gone."""
    if group_is_alive(group):
        send_group(group, signal.SIGTERM)
        if not _wait(lambda: group_is_alive(group), grace):
            send_group(group, signal.SIGKILL)


def _send_all(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        send(pid, number)


def _any_alive(pids: Iterable[int]) -> bool:
    return any(map(is_alive, pids))


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on, or None where there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def _pids() -> Iterator[int]:
    try:
        names = os.listdir(_PROC)  # noqa: PTH208 - names are enough, and there are many
    except OSError:
        return
    yield from (int(name) for name in names if name.isdigit())


def _ancestors(pid: int) -> Iterator[int]:
    while (fields := _stat(pid)) and (pid := int(fields[1])) > 0:
        yield pid


def _carries(pid: int, wanted: bytes) -> bool:
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:  # gone, or another user's
        return False
    return environment.startswith(wanted) or b"\0" + wanted in environment


def _wait(unfinished: Callable[[], bool], seconds: float) -> bool:
    """Whether it finished in time."""
    deadline = time.monotonic() + seconds
    while unfinished():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True


def _learn(line: str, wards: dict[int, Ward]) -> None:
    match line.split():
        case ["+", pid, rank, steps]:
            number = int(pid)
            wards[number] = Ward(number, int(rank), parse_steps(steps), started_at(number))
        case ["-", pid]:
            wards.pop(int(pid), None)


def _leads(ward: Ward) -> bool:
    """Whether the ward's leader is still the process that announced itself."""
    return is_alive(ward.pid) and (ward.started is None or started_at(ward.pid) == ward.started)


def _end_together(wards: Iterable[Ward]) -> None:
    """All these wards have ended; each got its signals in turn."""
    ending = list(wards)
    while ending:
        now = time.monotonic()
        for ward in tuple(ending):
            if not _leads(ward):
                ending.remove(ward)
                if not is_alive(ward.pid):  # otherwise the number belongs to somebody else now
                    end_group(ward.pid)
            elif now >= ward.deadline and ward.steps:
                number, seconds = ward.steps.pop(0)
                ward.deadline = now + seconds
                send(ward.pid, number)
            elif now >= ward.deadline:
                ward.deadline = now + LEFTOVER_GRACE
                send_group(ward.pid, signal.SIGKILL)
        time.sleep(_POLL)


def main(marker: str) -> None:
    """Wait for the supervisor's death, then end what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    wards: dict[int, Ward] = {}
    with os.fdopen(0, "r", encoding="ascii", errors="replace") as announcements:
        for line in announcements:
            with contextlib.suppress(ValueError, KeyError):  # a line no supervisor wrote
                _learn(line, wards)
    for rank in sorted({ward.rank for ward in wards.values()}, reverse=True):
        _end_together(ward for ward in wards.values() if ward.rank == rank)
    if marker:
        end_marked(marker)


if __name__ == "__main__":
    main(sys.argv[1])
