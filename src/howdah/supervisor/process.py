"""The values of supervision: what a process is, when it counts as ready, how it is ended, and how it fares."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class HttpReady:
    """Ready when a GET is answered with a status below 500 (a service without a page for ``/`` is still up)."""

    path: str = "/"
    port: int | None = None  # None: the port the process was given
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class TcpReady:
    """Ready when the port takes a connection."""

    port: int | None = None  # None: the port the process was given
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class ExecReady:
    """Ready when the command, run in the process's folder and environment, exits with 0."""

    command: tuple[str, ...]
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class ProbeReady:
    """Ready when the function says so; for what the supervisor cannot know, such as a database's protocol."""

    probe: Callable[[], Awaitable[bool]]
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class NoReady:
    """Ready as soon as it runs and does not end at once."""


Ready = HttpReady | TcpReady | ExecReady | ProbeReady | NoReady


@dataclass(frozen=True, slots=True)
class StopStep:
    """A signal to the process, and the seconds it may take to end before the next step; SIGKILL follows the last."""

    signal: signal.Signals = signal.SIGTERM
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Restart:
    """When a process that ended by itself is started again: after ``first`` seconds, then twice as long each time."""

    policy: Literal["always", "on-failure", "never"] = "always"
    first: float = 0.2
    longest: float = 30.0
    healthy_after: float = 10.0  # seconds of being ready that forgive earlier failures

    def delay(self, failures: int) -> float:
        """The seconds to wait after the given number of failures in a row (1 is the first).

        >>> [Restart().delay(failures) for failures in (1, 2, 3, 4, 20)]
        [0.2, 0.4, 0.8, 1.6, 30.0]
        """
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """How to run one process. ``$PORT`` and ``$HOST`` in the command are replaced when ``port`` is true.

    The environment is the whole of it; PORT, HOST and the guard's marker are added.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    ready: Ready = NoReady()
    stop: tuple[StopStep, ...] = (StopStep(),)
    restart: Restart = Restart()
    watch: tuple[Path, ...] = ()  # files and folders whose change restarts this process
    port: bool = False  # give it a free loopback port, a new one at each start
    sockets: tuple[int, ...] = ()  # file descriptors it inherits under the same number
    user: int | None = None
    group: int | None = None
    extra_groups: tuple[int, ...] = ()
    before_start: Callable[[], Awaitable[None]] | None = None  # runs before every start, restarts included
    output: Literal["capture", "inherit"] = "capture"


class State(StrEnum):
    """Where a process is in its life."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"  # it ended or never became ready; a change of its files or the next back-off tries again
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Status:
    """How a process fares at one moment."""

    name: str
    state: State
    since: float  # seconds since 1970
    pid: int | None = None
    port: int | None = None
    restarts: int = 0
    reason: str | None = None  # why it is in this state
    detail: tuple[str, ...] = ()  # its last lines, when it failed

    @property
    def address(self) -> str | None:
        """Where it listens, as host:port, if it was given a port."""
        return None if self.port is None else f"{HOST}:{self.port}"

    def to_json(self) -> dict[str, Any]:
        """The status as the control socket tells it."""
        return {
            "name": self.name,
            "state": self.state.value,
            "since": self.since,
            "pid": self.pid,
            "port": self.port,
            "address": self.address,
            "restarts": self.restarts,
            "reason": self.reason,
            "detail": list(self.detail),
        }
