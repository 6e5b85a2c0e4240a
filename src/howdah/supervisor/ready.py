"""Asks a process whether it is ready: one attempt, one yes or no."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import assert_never

from howdah.supervisor.process import HOST, ExecReady, HttpReady, NoReady, ProbeReady, Process, Ready, TcpReady

ATTEMPT_TIMEOUT = 5.0
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])")


async def is_ready(process: Process, port: int | None, environment: Mapping[str, str]) -> tuple[bool, str]:
    """Whether the process is ready now; if not, what it answered."""
    try:
        async with asyncio.timeout(ATTEMPT_TIMEOUT):
            return await _attempt(process, port, environment)
    except TimeoutError:
        return False, f"no answer within {ATTEMPT_TIMEOUT:g} s"
    except OSError as problem:
        return False, problem.strerror or str(problem)


def describe(ready: Ready) -> str:
    """What is being waited for, in words.

    >>> describe(HttpReady("/health"))
    'GET /health'
    """
    match ready:
        case HttpReady(path=path):
            return f"GET {path}"
        case TcpReady():
            return "a connection"
        case ExecReady(command=command):
            return " ".join(command)
        case ProbeReady():
            return "its readiness check"
        case NoReady():
            return "nothing"
        case _:
            assert_never(ready)


async def _attempt(process: Process, port: int | None, environment: Mapping[str, str]) -> tuple[bool, str]:
    match process.ready:
        case NoReady():
            return True, ""
        case TcpReady(port=fixed):
            _, writer = await asyncio.open_connection(HOST, _known(fixed, port))
            writer.close()
            return True, ""
        case HttpReady(path=path, port=fixed):
            return await _get(_known(fixed, port), path)
        case ExecReady(command=command):
            return await _run(command, process, environment)
        case ProbeReady(probe=probe):
            return await probe(), "not yet"
        case _:
            assert_never(process.ready)


def _known(fixed: int | None, given: int | None) -> int:
    port = given if fixed is None else fixed
    if port is None:
        raise OSError(None, "the process has no port to ask")
    return port


async def _get(port: int, path: str) -> tuple[bool, str]:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
        head = await reader.readline()
    except ValueError:  # a first line beyond the reader's limit is no HTTP
        head = b""
    finally:
        writer.close()
    answer = _STATUS_LINE.match(head)
    if answer is None:
        return False, "the answer was not HTTP"
    return int(answer[1]) < 500, f"status {int(answer[1])}"


async def _run(command: tuple[str, ...], process: Process, environment: Mapping[str, str]) -> tuple[bool, str]:
    checking = await asyncio.create_subprocess_exec(
        *command,
        cwd=process.folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        user=process.user,
        group=process.group,
        extra_groups=process.extra_groups if process.user is not None else None,
        start_new_session=True,
    )
    try:
        code = await checking.wait()
    finally:
        if checking.returncode is None:
            checking.kill()
            await checking.wait()
    return code == 0, f"exit code {code}"
