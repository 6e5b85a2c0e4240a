"""Nothing outlives the supervisor, in whatever way it dies: SIGKILL of supervisor, guard, child and both."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.supervisor.conftest import World
from tests.support import eventually, run

from howdah.supervisor import ask, guard, lock
from howdah.supervisor.errors import AlreadyRunning, NotRunning

VICTIM = Path(__file__).with_name("victim.py")

PLAIN = "import time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
FAMILY = f"""
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {PLAIN!r}])
subprocess.Popen([sys.executable, "-c", {DEAF!r}], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
time.sleep(600)
"""
TALKER = "while True: print('x' * 1000, flush=True)"


@contextmanager
def victim(world: World, **programs: str) -> Iterator[subprocess.Popen[str]]:
    """A supervisor in a process of its own; whatever happens it is not left running."""
    described = [{"name": name, "program": program, "patience": "0.5"} for name, program in programs.items()]
    command = [sys.executable, str(VICTIM), str(world.folder), world.mark, json.dumps(described)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **world.environment}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def guard_of(process: subprocess.Popen[str]) -> int:
    """The guard's pid, once the victim is ready."""
    assert process.stdout is not None
    word, pid = process.stdout.readline().split()
    assert word == "ready"
    return int(pid)


def none_left(world: World, *others: int, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while (left := world.living()) or any(map(guard.is_alive, others)):
        assert time.monotonic() < deadline, f"still alive: {left} {[pid for pid in others if guard.is_alive(pid)]}"
        time.sleep(0.02)


def new_guard(world: World, old: int) -> int:
    """The pid of the guard that replaced the old one: a child of the victim that runs guard.py."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if "guard.py" in command and world.mark in command and int(folder.name) != old:
                return int(folder.name)
        time.sleep(0.02)
    raise AssertionError("no new guard")


@pytest.mark.parametrize("programs", [{"app": PLAIN}, {"app": DEAF}, {"one": FAMILY, "two": PLAIN}, {"app": TALKER}])
def test_a_killed_supervisor_leaves_nothing(world: World, programs: dict[str, str]) -> None:
    """SIGKILL: children, grandchildren, the deaf, daemons and those blocked on its pipe end; then the guard goes."""
    with victim(world, **programs) as process:
        guarding = guard_of(process)
        process.kill()
        none_left(world, guarding)


def test_a_supervisor_killed_while_starting_leaves_nothing(world: World) -> None:
    """There is no moment at which a child is unknown to the guard: killed after any delay, nothing is left."""
    for delay in (0.15, 0.2, 0.25, 0.3, 0.35):
        with victim(world, **{f"app{number}": PLAIN for number in range(8)}) as process:
            time.sleep(delay)
            process.kill()
        none_left(world)


def test_a_killed_guard_is_replaced_and_knows_everything_again(world: World) -> None:
    """After SIGKILL of the guard the processes run on; then SIGKILL of the supervisor still leaves nothing."""
    with victim(world, app=DEAF, other=PLAIN) as process:
        first = guard_of(process)
        before = set(world.living())
        os.kill(first, signal.SIGKILL)
        second = new_guard(world, first)
        assert set(world.living()) == before
        # The new guard must have been told; it is told before anything else can be asked of the supervisor.
        ask.ask(ask.socket_of(world.folder / "run"), "status")
        process.kill()
        none_left(world, first, second)


def test_what_outlives_supervisor_and_guard_is_ended_by_the_next_run(world: World) -> None:
    """Both killed at once: the processes are found by their mark when the same project starts again."""
    with victim(world, app=PLAIN) as process:
        guarding = guard_of(process)
        (app,) = [pid for pid in world.living() if pid != process.pid]
        os.kill(guarding, signal.SIGKILL)
        process.kill()
        process.wait()
    assert guard.is_alive(app)
    with victim(world, app=PLAIN) as process:
        guard_of(process)
        assert not guard.is_alive(app)
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(world: World, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end the processes, the guard and the supervisor, with exit code 0."""
    with victim(world, app=PLAIN) as process:
        guarding = guard_of(process)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert not guard.is_alive(guarding)
        assert world.living() == {}


def test_the_guard_is_deaf_to_what_a_terminal_sends(world: World) -> None:
    """Signals that end others do not end the guard."""
    with victim(world, app=PLAIN) as process:
        guarding = guard_of(process)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            os.kill(guarding, number)
        time.sleep(0.1)
        assert guard.is_alive(guarding)
        assert os.getsid(guarding) == guarding
        process.kill()
        none_left(world, guarding)


def test_a_second_run_in_the_same_folder_is_refused(world: World) -> None:
    """The second is told pid and URL of the first, and the first is not disturbed."""
    with victim(world, app=PLAIN) as process:
        guard_of(process)
        with pytest.raises(AlreadyRunning) as refused:
            lock.acquire(world.folder / "run" / "lock")
        assert refused.value.code == "E112"
        assert str(process.pid) in refused.value.message
        assert "http://localhost:1" in refused.value.message
        assert process.poll() is None


def test_a_start_right_after_a_kill_waits_for_the_guard(world: World) -> None:
    """The guard holds the lock until all is ended, so two runs never overlap."""
    with victim(world, app=DEAF) as process:
        guarding = guard_of(process)
        process.kill()
        process.wait()
        with lock.acquire(world.folder / "run" / "lock"):
            assert [pid for pid in world.living() if pid != process.pid] == []
        none_left(world, guarding)


def test_a_lock_without_patience_says_that_an_earlier_run_is_ending(world: World) -> None:
    """While the guard of a killed run is still working, an impatient start is refused with a reason."""
    with victim(world, app=DEAF) as process:
        guard_of(process)
        process.kill()
        process.wait()
        with pytest.raises(AlreadyRunning, match="still ending"):
            lock.acquire(world.folder / "run" / "lock", patience=0)
        none_left(world)


def test_two_projects_do_not_disturb_each_other(world: World) -> None:
    """Killing one project's supervisor ends its processes and none of another's."""
    other = World(world.folder / "other", world.mark + "x")
    other.folder.mkdir()
    with victim(world, app=PLAIN) as first, victim(other, app=PLAIN) as second:
        guard_of(first)
        guard_of(second)
        first.kill()
        deadline = time.monotonic() + 10
        while len(world.living()) > 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert world.living() == {}
        assert len(other.living()) == 2
        second.send_signal(signal.SIGTERM)
        assert second.wait(10) == 0


def test_stop_over_the_control_socket(world: World) -> None:
    """`stop` returns when everything has ended, and the socket and its pointer are gone."""
    with victim(world, app=PLAIN) as process:
        guarding = guard_of(process)
        path = ask.socket_of(world.folder / "run")
        ask.stop(path)
        assert process.wait(5) == 0
        assert not guard.is_alive(guarding)
        assert world.living() == {}
        with pytest.raises(NotRunning):
            ask.socket_of(world.folder / "run")
        assert not path.exists()


def test_a_socket_left_by_a_killed_run_is_replaced(world: World) -> None:
    """After SIGKILL the socket's file is stale: asking says so, and the next run takes its place."""
    with victim(world, app=PLAIN) as process:
        guard_of(process)
        process.kill()
        none_left(world)
    with pytest.raises(NotRunning) as refused:
        ask.ask(ask.socket_of(world.folder / "run"), "status")
    assert refused.value.code == "E120"
    with victim(world, app=PLAIN) as process:
        guard_of(process)
        assert ask.ask(ask.socket_of(world.folder / "run"), "status")["pid"] == process.pid


def test_gunicorn_and_its_workers_end(world: World) -> None:
    """A server with worker processes is ended with all of them when the supervisor is killed."""
    program = """
import os, socket, sys
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0)); port = probe.getsockname()[1]
open("wsgi.py", "w").write("def app(environ, start): start('200 OK', []); return [b'']")
os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "wsgi:app"])
"""
    with victim(world, app=program) as process:
        guarding = guard_of(process)
        run(eventually(lambda: len(world.living()) >= 4))  # the victim, the master and two workers
        process.kill()
        none_left(world, guarding)


def test_the_guard_starts_quickly_and_alone() -> None:
    """It needs the standard library only, so it starts without site packages, and its start is not felt."""

    async def scenario() -> float:
        before = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", guard.__file__, "nobody/0/"), stdin=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0
        return time.monotonic() - before

    assert run(scenario()) < 2
