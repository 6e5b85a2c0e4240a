"""A Postgres that is further away: a process that passes bytes on, those of the client a millisecond later.

python -m bench.distance FOLDER_OF_SOCKETS OTHER_FOLDER SECONDS
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET = ".s.PGSQL.5432"


class _Side(asyncio.Protocol):
    """One end of a connection that is passed on: what it reads is written to the other ``delay`` seconds later."""

    def __init__(self, delay: float) -> None:
        self.other: _Side | None = None
        self.delay = delay
        self.early: list[bytes] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is None or self.other.transport is None:
            self.early.append(data)
        elif self.delay:
            asyncio.get_running_loop().call_later(self.delay, self.other.transport.write, data)
        else:
            self.other.transport.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


async def pass_on(sockets: Path, folder: Path, delay: float) -> None:
    """Connections to the socket in ``folder`` reach the one in ``sockets``, for ever."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def accepted() -> _Side:
        near = _Side(delay)

        async def reach() -> None:
            _, far = await loop.create_unix_connection(lambda: _Side(0.0), str(sockets / SOCKET))
            near.other, far.other = far, near
            early, near.early = near.early, []
            for data in early:
                near.data_received(data)

        task = asyncio.ensure_future(reach())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return near

    server = await loop.create_unix_server(accepted, str(folder / SOCKET))
    await server.serve_forever()


@contextmanager
def further_away(dsn: str, folder: Path, delay: float) -> Iterator[str]:
    """The URL under which the database at ``dsn``, on a Unix socket, is ``delay`` seconds away and back."""
    folder.mkdir(mode=0o755)
    sockets = dsn.rpartition("?host=")[2]
    process = subprocess.Popen([sys.executable, "-m", "bench.distance", sockets, str(folder), str(delay)])
    try:
        deadline = time.monotonic() + 10
        while not (folder / SOCKET).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the process between howdah and Postgres did not start")
            time.sleep(0.02)
        yield f"{dsn.rpartition('?host=')[0]}?host={folder}"
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    asyncio.run(pass_on(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))
