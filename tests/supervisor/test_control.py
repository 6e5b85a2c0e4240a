"""The control socket: what it answers, to whom, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from tests.supervisor.conftest import World
from tests.support import eventually, run

from howdah.supervisor import ask
from howdah.supervisor.control import ControlClient, ControlServer
from howdah.supervisor.errors import ControlRefused, NotRunning, UnknownProcess
from howdah.supervisor.logs import LogBook
from howdah.supervisor.supervisor import Supervisor

TALK = """
import json, time
print("plain", flush=True)
print(json.dumps({"event": "RequestServed", "request_id": "r1"}), flush=True)
time.sleep(600)
"""


@asynccontextmanager
async def controlled(world: World) -> AsyncIterator[tuple[Supervisor, ControlClient]]:
    """A supervisor with two processes, and a client of its control socket."""
    world.folder.chmod(0o700)
    path = world.folder / "control.sock"
    book = LogBook()
    async with (
        Supervisor(key=world.mark, book=book) as supervisor,
        ControlServer(supervisor, path, run_folder=world.folder / "run", url="http://localhost:8080"),
    ):
        supervisor.add(world.process("app", TALK, port=True), world.process("worker", TALK))
        await supervisor.ready()
        await eventually(lambda: all(len(book.last(name, 9)) == 2 for name in ("app", "worker")))
        yield supervisor, ControlClient(path)


def test_status_tells_how_everything_fares(world: World) -> None:
    """Pid, URL and each process with state, address, pid and memory."""

    async def scenario() -> None:
        async with controlled(world) as (supervisor, client):
            status = await client.status()
            assert (status["pid"], status["url"]) == (os.getpid(), "http://localhost:8080")
            app, worker = status["processes"]
            assert (app["name"], app["state"], app["pid"]) == ("app", "ready", supervisor.status("app").pid)
            assert app["address"] == f"127.0.0.1:{app['port']}"
            assert worker["address"] is None
            assert app["memory"] > 1_000_000

    run(scenario())


def test_logs_are_chosen_by_service_request_time_and_number(world: World) -> None:
    """Each filter narrows what is remembered."""

    async def scenario() -> None:
        async with controlled(world) as (_, client):

            async def logs(*names: str, **chosen: Any) -> list[dict[str, Any]]:
                return [record async for record in client.logs(names or None, **chosen)]

            assert len(await logs()) == 4
            assert [record["service"] for record in await logs("worker")] == ["worker", "worker"]
            assert {record.get("request_id") for record in await logs(request_id="r1")} == {"r1"}
            assert len(await logs(last=3)) == 3
            assert await logs(last=0) == []
            assert await logs(since="2999-01-01T00:00:00.000Z") == []
            with pytest.raises(UnknownProcess):
                await logs("wroker")

    run(scenario())


def test_logs_can_be_followed(world: World) -> None:
    """What was said comes first, then what is said from now on, until the follower leaves."""

    async def scenario() -> None:
        async with controlled(world) as (supervisor, client), aclosing(client.logs(("app",), follow=True)) as records:
            assert (await anext(records))["message"] == "plain"
            assert (await anext(records))["event"] == "RequestServed"
            supervisor.book.add("worker", b"not for us")
            supervisor.book.add("app", b"new")
            assert (await anext(records))["message"] == "new"

    run(scenario())


def test_changes_can_be_watched(world: World) -> None:
    """The watcher is told each process's state, then every change with the new address; at the end the stream ends."""

    async def scenario() -> None:
        async with controlled(world) as (supervisor, client), aclosing(client.watch()) as changes:
            first = {status["name"]: status for status in [await anext(changes), await anext(changes)]}
            assert {status["state"] for status in first.values()} == {"ready"}
            await client.restart("app")
            states = [await anext(changes)]
            while states[-1]["state"] != "ready":
                states.append(await anext(changes))
            assert {status["name"] for status in states} == {"app"}
            assert [status["state"] for status in states] == ["restarting", "starting", "ready"]
            assert states[-1]["port"] != first["app"]["port"]
            await supervisor.stop()
            rest = [status["state"] async for status in changes]
            assert rest == ["stopped", "stopped"]

    run(scenario())


def test_restart_of_an_unknown_process_is_refused(world: World) -> None:
    """The answer names what there is."""

    async def scenario() -> None:
        async with controlled(world) as (_, client):
            with pytest.raises(UnknownProcess) as refused:
                await client.restart("ap")
            assert refused.value.hint == "There is: app, worker."

    run(scenario())


@pytest.mark.parametrize(
    "request_line",
    [
        b"\n",
        b"nonsense\n",
        b"[]\n",
        b'{"command": "format"}\n',
        b"{}\n",
        b'{"x":"' + b"x" * 100_000 + b'"}\n',
        b"{" * 9999 + b"\n",
    ],
)
def test_a_request_that_is_none_is_refused(world: World, request_line: bytes) -> None:
    """Broken JSON, unknown commands and endless requests get an error, and the server goes on."""

    async def scenario() -> None:
        async with controlled(world) as (_, client):
            reader, writer = await asyncio.open_unix_connection(world.folder / "control.sock")
            writer.write(request_line)
            answer = json.loads(await reader.readline())
            writer.close()
            assert answer["ok"] is False
            assert answer["error"]["code"] == "E122"
            assert (await client.status())["processes"]

    run(scenario())


def test_a_client_that_leaves_disturbs_nobody(world: World) -> None:
    """Connections without a request, and streams whose reader has gone, are forgotten."""

    async def scenario() -> None:
        async with controlled(world) as (supervisor, client):
            for line in (b"", b'{"command":"watch"}\n', b'{"command":"logs","follow":true}\n'):
                _, writer = await asyncio.open_unix_connection(world.folder / "control.sock")
                writer.write(line)
                await writer.drain()
                writer.close()
            supervisor.book.add("app", b"x")
            assert (await client.status())["processes"]

    run(scenario())


def test_the_folder_must_be_private(world: World) -> None:
    """A folder others may enter is refused."""

    async def scenario() -> None:
        world.folder.chmod(0o755)
        async with Supervisor(key=world.mark, book=LogBook()) as supervisor:
            with pytest.raises(ControlRefused):
                await ControlServer(supervisor, world.folder / "control.sock").__aenter__()

    run(scenario())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as another user")
def test_another_user_is_refused(world: World) -> None:
    """Even with the folder and the socket opened up by hand, the caller's uid is checked."""
    program = f"""
import socket
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({str(world.folder / "control.sock")!r})
    connection.sendall(b'{{"command":"status"}}\\n')
    print(connection.makefile().readline())
"""

    python = _python_for_others()
    if python is None:
        pytest.skip("there is no Python that another user may run")

    async def scenario() -> None:
        async with controlled(world):
            world.folder.chmod(0o755)
            (world.folder / "control.sock").chmod(0o666)
            stranger = await asyncio.create_subprocess_exec(
                *(python, "-c", program), stdout=asyncio.subprocess.PIPE, user=65534, cwd="/"
            )
            said, _ = await stranger.communicate()
            assert b"its own user only" in said

    run(scenario())


def _python_for_others() -> str | None:
    for candidate in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run([candidate, "-c", ""], user=65534, check=False, cwd="/")
        except OSError:
            continue
        if done.returncode == 0:
            return candidate
    return None


def test_without_a_server_the_client_says_that_nothing_runs(world: World) -> None:
    """No pointer, no socket, nobody listening: NotRunning, with what to do."""

    async def scenario() -> None:
        with pytest.raises(NotRunning):
            await ControlClient(world.folder / "none.sock").status()

    run(scenario())
    with pytest.raises(NotRunning) as refused:
        ask.socket_of(world.folder)
    assert (refused.value.code, refused.value.hint) == ("E120", "Start it with `howdah dev`.")
    deserted = world.folder / "deserted.sock"
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(str(deserted))
    with pytest.raises(NotRunning):
        ask.ask(deserted, "status")
