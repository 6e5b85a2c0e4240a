"""The control socket of a running supervisor, and its client for asyncio programs (the protocol is in `ask`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from howdah.errors import HowdahError
from howdah.supervisor import guard
from howdah.supervisor.ask import POINTER, decode, encode
from howdah.supervisor.errors import ControlRefused, NotRunning
from howdah.supervisor.process import Status
from howdah.supervisor.records import Record
from howdah.supervisor.supervisor import Supervisor

_LONGEST_REQUEST = 64 * 1024
_LONGEST_ANSWER = 16 * 1024 * 1024
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid

Request = dict[str, Any]


class ControlServer:
    """Answers commands about a supervisor on a unix socket, to the same user and to root only.

    The folder of the socket must belong to this user with mode 0700. With a ``run_folder`` the socket's path is written
    there, for `ask.socket_of`. ``facts`` are told with the status, such as ``{"url": ...}``.
    """

    def __init__(self, supervisor: Supervisor, path: Path, *, run_folder: Path | None = None, **facts: Any) -> None:
        self._supervisor = supervisor
        self._path = path
        self._pointer = None if run_folder is None else run_folder / POINTER
        self._facts = facts
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._commands: dict[str, Callable[[Request, asyncio.StreamWriter], Awaitable[dict[str, Any]]]] = {
            "status": self._status,
            "logs": self._logs,
            "watch": self._watch,
            "restart": self._restart,
            "stand-in": self._stand_in,
            "stop": self._stop,
        }

    @property
    def path(self) -> Path:
        """Where the socket is."""
        return self._path

    async def __aenter__(self) -> Self:
        _require_private(self._path.parent)
        # The caller holds the project's lock, so a socket that exists is that of a run which was killed.
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_LONGEST_REQUEST)
        self._path.chmod(0o600)
        if self._pointer is not None:
            self._pointer.parent.mkdir(parents=True, exist_ok=True)
            self._pointer.write_text(f"{self._path}\n", encoding="utf-8")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self._ended.set()  # whoever asked to stop is told so
        if self._serving:
            await asyncio.wait(self._serving, timeout=1.0)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        self._path.unlink(missing_ok=True)
        if self._pointer is not None:
            self._pointer.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            return  # the other side has gone, or the server ends
        finally:
            self._serving.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()  # read in any case: who is refused shall be able to read why
            _require_same_user(writer.get_extra_info("socket"))
            request = _parse(line)
            command = self._commands.get(str(request.get("command")))
            if command is None:
                raise ControlRefused(f"unknown command {request.get('command')!r}")
            gone = asyncio.create_task(reader.read(1))  # streams end when the client leaves
            doing = asyncio.ensure_future(command(request, writer))
            try:
                await asyncio.wait({gone, doing}, return_when=asyncio.FIRST_COMPLETED)
                if not doing.done():
                    return
                answer = {"ok": True, **doing.result()}
            finally:
                gone.cancel()
                doing.cancel()
        except HowdahError as problem:
            answer = {"ok": False, "error": problem.to_json()}
        except ValueError:  # longer than a request may be
            answer = {"ok": False, "error": ControlRefused("the request is too long").to_json()}
        await _send(writer, answer)

    async def _status(self, _request: Request, _writer: asyncio.StreamWriter) -> dict[str, Any]:
        statuses = self._supervisor.statuses()
        memory = await asyncio.to_thread(guard.memory_by_session)
        processes = [{**status.to_json(), "memory": memory.get(status.pid or 0)} for status in statuses]
        return {"pid": os.getpid(), **self._facts, "processes": processes}

    async def _logs(self, request: Request, writer: asyncio.StreamWriter) -> dict[str, Any]:
        services = _names(request)
        for name in services or ():
            if name not in self._supervisor.book.services:
                self._supervisor.status(name)  # raises UnknownProcess
        since, request_id = str(request.get("since") or ""), request.get("request_id")
        book = self._supervisor.book
        with book.following() as records:
            remembered = book.remembered(services, since=since, request_id=request_id)
            last = request.get("last")
            for record in remembered if last is None else remembered[max(0, len(remembered) - int(last)) :]:
                await _send_record(writer, record)
            while request.get("follow") and (new := await records.get()) is not None:
                if (services is None or new.service in services) and request_id in (None, new.request_id):
                    await _send_record(writer, new)
        return {}

    async def _watch(self, _request: Request, writer: asyncio.StreamWriter) -> dict[str, Any]:
        with self._supervisor.listening() as changes:
            for status in self._supervisor.statuses():
                await _send_status(writer, status)
            while (changed := await changes.get()) is not None:
                await _send_status(writer, changed)
        return {}

    async def _restart(self, request: Request, _writer: asyncio.StreamWriter) -> dict[str, Any]:
        self._supervisor.restart(str(request.get("name")))
        return {}

    async def _stand_in(self, request: Request, _writer: asyncio.StreamWriter) -> dict[str, Any]:
        port = request.get("port")
        if not isinstance(port, int) or not 0 < port < 65536:
            raise ControlRefused("a stand-in says on which port it listens")
        with self._supervisor.standing_in(str(request.get("name")), port):
            await self._ended.wait()  # or until the client leaves
        return {}

    async def _stop(self, _request: Request, _writer: asyncio.StreamWriter) -> dict[str, Any]:
        self._supervisor.request_stop()
        await self._ended.wait()
        return {}


class ControlClient:
    """Asks the control socket of a running howdah. Every method raises NotRunning when there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def status(self) -> dict[str, Any]:
        """The pid, the facts and how every process fares."""
        return await self._ask("status")

    async def restart(self, name: str) -> None:
        """The process is being restarted. Raises UnknownProcess."""
        await self._ask("restart", name=name)

    async def stand_in(self, name: str, port: int) -> None:
        """The gateway takes what listens on the port for the service, until this is cancelled or howdah ends.

        Raises UnknownProcess.
        """
        with contextlib.suppress(NotRunning):
            await self._ask("stand-in", name=name, port=port)

    async def stop(self) -> None:
        """Howdah has ended, with all its processes."""
        with contextlib.suppress(NotRunning):  # it may be gone before it says so
            await self._ask("stop")

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """The status of each process as it is now, then every change, until howdah ends."""
        async for answer in self._stream("watch"):
            if "status" in answer:
                yield answer["status"]

    async def logs(
        self,
        services: tuple[str, ...] | None = None,
        *,
        since: str = "",
        request_id: str | None = None,
        last: int | None = None,
        follow: bool = False,
    ) -> AsyncIterator[dict[str, Any]]:
        """What the processes said, oldest first; with ``follow`` also what they say from now on."""
        arguments = {"services": services, "since": since, "request_id": request_id, "last": last, "follow": follow}
        async for answer in self._stream("logs", **arguments):
            if "record" in answer:
                yield answer["record"]

    async def _ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        async for answer in self._stream(command, **arguments):
            if "ok" in answer:
                return answer
        raise NotRunning

    async def _stream(self, command: str, **arguments: Any) -> AsyncIterator[dict[str, Any]]:
        try:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=_LONGEST_ANSWER)
        except OSError as problem:
            raise NotRunning from problem
        try:
            writer.write(encode({"command": command, **arguments}))
            await writer.drain()
            while line := await reader.readline():
                yield decode(line)
        except ConnectionError as problem:
            raise NotRunning from problem
        finally:
            writer.close()


def _require_private(folder: Path) -> None:
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise ControlRefused(
            f"{folder} must be a folder that belongs to this user with mode 0700", hint="Remove it, it is made again."
        )


def _require_same_user(connection: socket.socket) -> None:
    """Beyond the folder's mode, where the system tells who is calling (Linux)."""
    if hasattr(socket, "SO_PEERCRED"):
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(raw)
        if uid not in (os.geteuid(), 0):
            raise ControlRefused("the control socket answers its own user only")


def _parse(line: bytes) -> Request:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise ControlRefused("the request is no JSON") from None
    if not isinstance(request, dict):
        raise ControlRefused("the request is no JSON object")
    return request


def _names(request: Request) -> tuple[str, ...] | None:
    services = request.get("services")
    return None if services is None else tuple(str(name) for name in services)


async def _send_record(writer: asyncio.StreamWriter, record: Record) -> None:
    # The record is JSON already.
    writer.write(b'{"record":' + record.text.encode("utf-8", "backslashreplace") + b"}\n")
    await writer.drain()


async def _send_status(writer: asyncio.StreamWriter, status: Status) -> None:
    await _send(writer, {"status": status.to_json()})


async def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(encode(answer))
    await writer.drain()
