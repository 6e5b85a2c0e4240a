"""Processes are started in order, asked until ready, restarted, and ended in reverse order: with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.supervisor.conftest import World
from tests.support import eventually, run

from howdah.supervisor.errors import UnknownProcess
from howdah.supervisor.guard import is_alive
from howdah.supervisor.listen import bind
from howdah.supervisor.logs import LogBook
from howdah.supervisor.process import (
    ExecReady,
    HttpReady,
    ProbeReady,
    Ready,
    Restart,
    State,
    Status,
    StopStep,
    TcpReady,
)
from howdah.supervisor.supervisor import Supervisor

SLEEP = "import time; print('up'); time.sleep(600)"
HTTP = """
import http.server, os, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Page).serve_forever()
"""
DEAF = "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.write(1, b'deaf\\n'); time.sleep(600)"
FAST = Restart(first=0.05, longest=0.2)
PATIENT = Restart(first=60.0, longest=60.0)


@asynccontextmanager
async def supervising(world: World, **options: Any) -> AsyncIterator[Supervisor]:
    book = LogBook(world.folder / "logs", **options)
    async with Supervisor(key=world.mark, book=book) as supervisor:
        yield supervisor
    book.close()


def play(work: Coroutine[Any, Any, None]) -> None:
    run(work, seconds=30)


async def becomes(supervisor: Supervisor, name: str, *states: State) -> Status:
    await eventually(lambda: supervisor.status(name).state in states)
    return supervisor.status(name)


async def said(supervisor: Supervisor, name: str, text: str) -> None:
    await eventually(lambda: any(text in record.plain for record in supervisor.book.last(name, 100)))


def messages(supervisor: Supervisor, name: str) -> list[str]:
    return [record.plain for record in supervisor.book.last(name, 1000)]


# -- readiness ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["200", "404"])
def test_http_readiness(world: World, status: str) -> None:
    """A service is ready when it answers HTTP at its port, also when it has no such page."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(world.process("app", HTTP, status, port=True, ready=HttpReady("/health")))
            (ready,) = await supervisor.ready()
            assert ready.state is State.READY
            assert ready.address == f"127.0.0.1:{ready.port}"

    play(scenario())


def test_tcp_readiness_at_a_fixed_port(world: World) -> None:
    """A process that listens elsewhere is asked there."""

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as elsewhere:
            async with supervising(world) as supervisor:
                port = elsewhere.getsockname()[1]
                supervisor.add(world.process("app", SLEEP, ready=TcpReady(port=port)))
                assert (await supervisor.ready("app"))[0].state is State.READY

    play(scenario())


def test_exec_and_probe_readiness(world: World) -> None:
    """A command that exits with 0, or a function that says yes, makes a process ready; before that it is starting."""
    flag = world.folder / "flag"

    async def probe() -> bool:
        return flag.exists()

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(
                world.process("exec", SLEEP, ready=ExecReady(("test", "-e", str(flag)))),
                world.process("probe", SLEEP, ready=ProbeReady(probe)),
            )
            await said(supervisor, "exec", "up")
            await said(supervisor, "probe", "up")
            assert {status.state for status in supervisor.statuses()} == {State.STARTING}
            flag.touch()
            assert {status.state for status in await supervisor.ready()} == {State.READY}

    play(scenario())


@pytest.mark.parametrize(
    ("program", "ready", "reason"),
    [
        (HTTP, HttpReady("/", timeout=0.6), "not ready within 0.6 s: GET /: status 503"),
        (SLEEP, HttpReady("/x", timeout=0.3), "not ready within 0.3 s: GET /x: Connect call failed"),
        (SLEEP, TcpReady(timeout=0.3), "not ready within 0.3 s: a connection: Connect call failed"),
        (SLEEP, ExecReady(("false",), timeout=0.3), "not ready within 0.3 s: false: exit code 1"),
        (SLEEP, ExecReady(("no-such-program",), timeout=0.3), "not ready within 0.3 s: no-such-program: No such file"),
    ],
)
def test_a_process_that_never_becomes_ready_has_failed(world: World, program: str, ready: Ready, reason: str) -> None:
    """After its time it is failed, with what it was asked and what it answered; it is left running."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(world.process("app", program, "503", port=True, ready=ready))
            (failed,) = await supervisor.ready()
            assert failed.state is State.FAILED
            assert (failed.reason or "").startswith(reason)
            assert failed.pid is not None
            assert is_alive(failed.pid)

    play(scenario())


def test_a_late_process_becomes_ready_after_all(world: World) -> None:
    """Failed for taking too long, it is asked on, and its lateness is forgiven."""
    flag = world.folder / "flag"

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            ready = ExecReady(("test", "-e", str(flag)), timeout=0.2)
            supervisor.add(world.process("app", SLEEP, ready=ready))
            assert (await supervisor.ready())[0].state is State.FAILED
            flag.touch()
            assert (await becomes(supervisor, "app", State.READY)).reason is None

    play(scenario())


# -- order -------------------------------------------------------------------------------------------------------------


def test_start_and_stop_follow_the_dependencies(world: World) -> None:
    """Each starts when those before it are ready, and ends before them."""
    journal = world.folder / "journal"
    program = f"""
import signal, sys, time
def note(what):
    with open({str(journal)!r}, "a") as file: file.write(sys.argv[1] + " " + what + "\\n")
def end(*_):
    time.sleep(0.1); note("ends"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
time.sleep(0.1)
note("starts")
time.sleep(600)
"""

    async def scenario() -> None:
        async with supervising(world) as supervisor:

            def process(name: str, *after: str) -> Any:
                check = ExecReady(("grep", "-q", f"{name} starts", str(journal)))
                return world.process(name, program, name, depends_on=after, ready=check)

            supervisor.add(process("postgres"))
            supervisor.add(process("platform", "postgres"), process("app", "postgres", "platform"))
            await supervisor.ready()

    play(scenario())
    assert journal.read_text().split("\n")[:-1] == [
        *("postgres starts", "platform starts", "app starts"),
        *("app ends", "platform ends", "postgres ends"),
    ]


def test_what_waits_for_a_failed_process_is_not_started(world: World) -> None:
    """A dependency that fails holds back what needs it, which says so; both can be stopped."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(
                world.process("postgres", "raise SystemExit(1)", restart=FAST),
                world.process("app", SLEEP, depends_on=("postgres",)),
            )
            await becomes(supervisor, "postgres", State.FAILED)
            waiting = supervisor.status("app")
            assert (waiting.state, waiting.pid, waiting.reason) == (State.STARTING, None, "waits for postgres")
            supervisor.restart("app")  # does not jump the queue
            await becomes(supervisor, "postgres", State.FAILED)
            assert supervisor.status("app").pid is None

    play(scenario())


def test_an_unknown_dependency_is_refused(world: World) -> None:
    """A name that was not added is an error that lists the known ones."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            with pytest.raises(UnknownProcess) as refused:
                supervisor.add(world.process("app", SLEEP, depends_on=("postgers",)))
            assert refused.value.code == "E121"
            assert refused.value.hint == "There is: none."

    play(scenario())


# -- restarts ----------------------------------------------------------------------------------------------------------


def test_a_process_that_is_killed_comes_back(world: World) -> None:
    """SIGKILL from outside is followed by a new process, with a new port."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(world.process("app", HTTP, port=True, ready=HttpReady(), restart=FAST))
            (first,) = await supervisor.ready()
            assert first.pid is not None
            os.kill(first.pid, signal.SIGKILL)
            await eventually(lambda: supervisor.status("app").pid not in (None, first.pid))
            (second,) = await supervisor.ready()
            assert second.state is State.READY
            assert second.restarts == 1
            assert second.port != first.port

    play(scenario())


def test_a_process_that_ends_at_once_fails_and_is_tried_with_growing_pauses(world: World) -> None:
    """Back-off doubles; the status stays failed while it is tried in the background, with its last lines."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            started = world.folder / "started"
            program = f"open({str(started)!r}, 'a').write('x'); raise KeyError('nothing here')"
            seen: list[State] = []
            with supervisor.listening() as changes:
                supervisor.add(world.process("app", program, restart=Restart(first=0.05, longest=0.4)))
                failed = await becomes(supervisor, "app", State.FAILED)
                before = time.monotonic()
                await eventually(lambda: started.exists() and len(started.read_text()) >= 5)
                assert time.monotonic() - before > 0.1 + 0.2 + 0.4 - 0.1
                while not changes.empty():
                    change = changes.get_nowait()
                    assert change is not None
                    seen.append(change.state)
            assert failed.reason == "exit code 1"
            assert failed.detail[0].startswith("Traceback")
            assert failed.detail[-1] == "KeyError: 'nothing here'"
            assert sum("Traceback" in line for line in failed.detail) == 1  # of the last attempt alone
            after_failing = seen[seen.index(State.FAILED) :]
            assert set(after_failing) == {State.FAILED}

    play(scenario())


def test_a_missing_program_and_a_missing_folder_are_told(world: World) -> None:
    """What cannot be started at all fails with a reason."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(
                world.process("program", "", command=("no-such-program",), restart=FAST),
                world.process("folder", SLEEP, folder=world.folder / "gone", restart=FAST),
            )
            program = await becomes(supervisor, "program", State.FAILED)
            folder = await becomes(supervisor, "folder", State.FAILED)
            assert program.reason == "exit code 127"
            assert any("no-such-program" in line for line in program.detail)
            assert "No such file or directory" in (folder.reason or "")

    play(scenario())


@pytest.mark.parametrize(
    ("policy", "code", "state"),
    [("never", 1, State.FAILED), ("never", 0, State.STOPPED), ("on-failure", 0, State.STOPPED)],
)
def test_policies_that_leave_a_process_ended(world: World, policy: Any, code: int, state: State) -> None:
    """What shall not run again stays ended until it is asked to."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            restart = Restart(policy=policy, first=0.01)
            supervisor.add(world.process("job", f"print('ran'); raise SystemExit({code})", restart=restart))
            await becomes(supervisor, "job", state)
            await asyncio.sleep(0.1)
            assert messages(supervisor, "job") == ["ran"]
            supervisor.restart("job")
            await eventually(lambda: messages(supervisor, "job") == ["ran", "ran"])
            await becomes(supervisor, "job", state)

    play(scenario())


def test_a_hook_runs_before_every_start(world: World) -> None:
    """``before_start`` prepares the ground at the first start and at each restart."""
    calls: list[int] = []

    async def hook() -> None:
        calls.append(1)

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(world.process("app", SLEEP, before_start=hook))
            await said(supervisor, "app", "up")
            supervisor.restart("app")
            await eventually(lambda: messages(supervisor, "app") == ["up", "up"])
            assert len(calls) == 2

    play(scenario())


# -- watching ----------------------------------------------------------------------------------------------------------


def test_a_saved_file_restarts_the_process_that_watches_it_and_no_other(world: World) -> None:
    """Only the service whose file changed is restarted; caches and what editors leave do not count."""

    async def scenario() -> None:
        folders = {name: world.folder / name for name in ("one", "two")}
        for folder in folders.values():
            (folder / ".venv").mkdir(parents=True)
            (folder / "__pycache__").mkdir()
        async with supervising(world) as supervisor:
            supervisor.add(*(world.process(name, SLEEP, watch=(folder,)) for name, folder in folders.items()))
            before = {status.name: status.pid for status in await supervisor.ready()}
            await asyncio.sleep(0.3)  # changes of the folders' making have passed
            for ignored in (".venv/x.py", "__pycache__/app.pyc", "app.py~", ".app.py.swp", "4913", "x.log"):
                (folders["one"] / ignored).write_text("x")
            await asyncio.sleep(0.4)
            assert {status.name: status.pid for status in supervisor.statuses()} == before
            (folders["one"] / "app.py").write_text("x = 1\n")
            await eventually(lambda: supervisor.status("one").pid not in (None, before["one"]))
            assert (await supervisor.ready("one"))[0].state is State.READY
            assert supervisor.status("two").pid == before["two"]

    play(scenario())


def test_a_save_mends_a_failed_process_without_waiting(world: World) -> None:
    """A broken program fails, its pause is long; saving the repaired file starts it at once."""

    async def scenario() -> None:
        program = world.folder / "src" / "app.py"
        program.parent.mkdir()
        program.write_text("def broken(:\n")
        async with supervising(world) as supervisor:
            supervisor.add(
                world.process(
                    "app",
                    "",
                    command=(sys.executable, str(program)),
                    watch=(program.parent,),
                    restart=Restart(first=0.3, longest=60.0),
                )
            )
            failed = await becomes(supervisor, "app", State.FAILED)
            assert "SyntaxError: invalid syntax" in failed.detail[-1]
            program.write_text("import time\nprint('mended', flush=True)\ntime.sleep(600)\n")
            await said(supervisor, "app", "mended")
            assert (await becomes(supervisor, "app", State.READY)).detail == ()

    play(scenario())


# -- the end -----------------------------------------------------------------------------------------------------------


def test_a_process_that_does_not_listen_is_killed_after_its_time(world: World) -> None:
    """SIGTERM, the time it was given, SIGKILL."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(world.process("app", DEAF, stop=(StopStep(timeout=0.3),)))
            await said(supervisor, "app", "deaf")
            before = time.monotonic()
            await supervisor.stop()
            assert 0.3 <= time.monotonic() - before < 3
            assert supervisor.status("app").state is State.STOPPED

    play(scenario())


def test_stop_steps_are_taken_in_turn(world: World) -> None:
    """What ignores the first signal gets the second."""
    program = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: print("not yet"))
signal.signal(signal.SIGQUIT, lambda *_: (print("now"), sys.exit(0)))
print("up")
while True: time.sleep(1)
"""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            steps = (StopStep(signal.SIGINT, 0.3), StopStep(signal.SIGQUIT, 5.0))
            supervisor.add(world.process("app", program, stop=steps))
            await said(supervisor, "app", "up")
            await supervisor.stop()
            assert messages(supervisor, "app") == ["up", "not yet", "now"]

    play(scenario())


def test_a_second_request_to_stop_hurries(world: World) -> None:
    """The second Ctrl-C cuts the patience short."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(world.process("app", DEAF, stop=(StopStep(timeout=60.0),)))
            await said(supervisor, "app", "deaf")
            running = asyncio.create_task(supervisor.run())
            await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGINT)
            await eventually(supervisor.stop_requested.is_set)
            await asyncio.sleep(0.1)
            assert not running.done()
            os.kill(os.getpid(), signal.SIGINT)
            before = time.monotonic()
            await running
            assert time.monotonic() - before < 5

    play(scenario())


def test_a_stop_cancels_a_start_under_way(world: World) -> None:
    """Ctrl-C while something is still being waited for ends what was started."""
    steps: list[str] = []

    async def start(supervisor: Supervisor) -> None:
        supervisor.add(world.process("app", SLEEP, ready=ExecReady(("false",))))
        await said(supervisor, "app", "up")
        os.kill(os.getpid(), signal.SIGTERM)
        await supervisor.ready("app")
        steps.append("not reached")

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            await supervisor.run(start(supervisor))
            assert supervisor.status("app").state is State.STOPPED

    play(scenario())
    assert steps == []


def test_a_start_that_fails_ends_everything_and_is_told(world: World) -> None:
    """An error of the start is raised once all processes have ended."""

    async def start(supervisor: Supervisor) -> None:
        supervisor.add(world.process("app", SLEEP))
        await said(supervisor, "app", "up")
        raise UnknownProcess("told")

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            with pytest.raises(UnknownProcess, match="told"):
                await supervisor.run(start(supervisor))
            assert world.living() == {}

    play(scenario())


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_nothing_a_process_started_outlives_it(world: World, how: str) -> None:
    """Children, deaf ones, and those that left its session end with it, whether it is killed or stopped."""
    program = f"""
import subprocess, sys, time
deaf = [sys.executable, "-c", {DEAF!r}]
subprocess.Popen(deaf)
subprocess.Popen(deaf, start_new_session=True)
subprocess.Popen([sys.executable, "-c", {DEAF!r}], stdout=subprocess.DEVNULL)
print("started")
time.sleep(600)
"""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(world.process("app", program, restart=PATIENT))
            await eventually(lambda: messages(supervisor, "app").count("deaf") == 2)
            await eventually(lambda: len(world.living()) == 4)
            pid = supervisor.status("app").pid
            assert pid is not None
            if how == "killed":
                os.kill(pid, signal.SIGKILL)
                await becomes(supervisor, "app", State.RESTARTING)
            else:
                await supervisor.stop()
            assert world.living() == {}

    play(scenario())


def test_each_process_leads_a_session_of_its_own(world: World) -> None:
    """Ctrl-C on the terminal reaches the supervisor alone."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(world.process("app", SLEEP))
            await said(supervisor, "app", "up")
            pid = supervisor.status("app").pid
            assert pid is not None
            assert os.getsid(pid) == pid
            assert os.getpgid(pid) == pid

    play(scenario())


# -- surroundings ------------------------------------------------------------------------------------------------------


def test_an_inherited_socket_queues_connections_over_a_restart(world: World) -> None:
    """Connections made while the process restarts wait for it instead of being refused."""
    program = """
import os, socket, sys
listening = socket.socket(fileno=int(os.environ["LISTEN_FD"]))
print("up")
while True:
    connection, _ = listening.accept()
    connection.sendall(b"%d" % os.getpid())
    connection.close()
"""

    async def scenario() -> None:
        with bind("127.0.0.1", 0) as public:
            port = public.getsockname()[1]
            environment = {**world.environment, "LISTEN_FD": str(public.fileno())}

            async def ask() -> int:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                answer = await reader.read()
                writer.close()
                return int(answer)

            async with supervising(world) as supervisor:
                supervisor.add(
                    world.process(
                        "platform", program, environment=environment, sockets=(public.fileno(),), restart=FAST
                    )
                )
                first = await ask()
                os.kill(first, signal.SIGKILL)
                answers = await asyncio.gather(*(ask() for _ in range(20)), return_exceptions=True)
                served = [answer for answer in answers if isinstance(answer, int)]
                assert len(served) >= 19  # the one it had accepted when it died may be lost
                assert first not in served

    play(scenario())


def test_port_and_host_reach_command_and_environment(world: World) -> None:
    """$PORT and $HOST in the command are filled in, and PORT and HOST are set."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            program = "import os, sys; print(sys.argv[1], os.environ['HOST'], os.environ['PORT'])"
            supervisor.add(world.process("app", program, "--bind=$HOST:${PORT}", port=True, restart=PATIENT))
            await eventually(lambda: messages(supervisor, "app"))
            (text,) = messages(supervisor, "app")
            bind_to, host, port = text.split()
            assert bind_to == f"--bind={host}:{port}"
            assert host == "127.0.0.1"

    play(scenario())


def test_output_can_be_left_to_the_process(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Workers of a server write where the supervisor writes, past the log book."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            supervisor.add(world.process("app", "print('straight')", output="inherit", restart=PATIENT))
            await becomes(supervisor, "app", State.RESTARTING)
            assert messages(supervisor, "app") == []

    play(scenario())
    assert capfd.readouterr().out == "straight\n"


def test_folders_with_spaces_and_long_names(world: World) -> None:
    """Neither spaces nor quotes nor length nor letters of a path disturb a start."""
    folder = world.folder / 'it\'s a "quoted" $HOME größe 漢字' / ("long" * 40)
    folder.mkdir(parents=True)

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            program = "import os, sys; print(os.getcwd() == sys.argv[1])"
            supervisor.add(world.process("app", program, str(folder), folder=folder, restart=PATIENT))
            await said(supervisor, "app", "True")

    play(scenario())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start processes as another user")
def test_a_process_runs_as_the_given_user(world: World) -> None:
    """User and group are those of the Process, and no group of root's is kept."""

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            command = ("/bin/sh", "-c", "id -u; id -g; id -G")
            supervisor.add(
                world.process("app", "", command=command, folder=Path("/"), user=65534, group=65533, restart=PATIENT)
            )
            await eventually(lambda: messages(supervisor, "app") == ["65534", "65533", "65533"])

    play(scenario())


def test_a_full_disk_for_logs_disturbs_nobody(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """With the log's disk full the processes run on and the memory has their lines; one warning is given."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    logs = world.folder / "logs"
    logs.mkdir()
    (logs / "app.jsonl").symlink_to("/dev/full")

    async def scenario() -> None:
        async with supervising(world) as supervisor:
            program = "import time\nfor n in range(20): print('line', n, flush=True); time.sleep(0.03)\ntime.sleep(600)"
            supervisor.add(world.process("app", program))
            await said(supervisor, "app", "line 19")
            assert len(messages(supervisor, "app")) == 20
            (logs / "app.jsonl").unlink()

    play(scenario())
    assert len((logs / "app.jsonl").read_text().splitlines()) == 20
    assert capsys.readouterr().err.count("No space left") == 1


def test_a_flood_of_output_is_taken_without_loss(world: World) -> None:
    """A chatty process is read as fast as it writes; the memory keeps the last lines, the files all."""

    async def scenario() -> None:
        async with supervising(world, remembered=100, file_size=100 * 1024 * 1024) as supervisor:
            program = "import time\nfor n in range(20000): print('line', n)\nprint('done'); time.sleep(600)"
            environment = {**world.environment, "PYTHONUNBUFFERED": ""}
            program = program.replace("print('done')", "print('done', flush=True)")
            supervisor.add(world.process("app", program, environment=environment))
            await said(supervisor, "app", "done")
            assert len(messages(supervisor, "app")) == 100

    play(scenario())
    assert len((world.folder / "logs" / "app.jsonl").read_text().splitlines()) == 20001
