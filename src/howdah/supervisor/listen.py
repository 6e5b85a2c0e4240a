"""Binds the public address once, so that it outlives restarts of whoever answers behind it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

from howdah.supervisor.errors import AddressUnusable, PortBusy

BACKLOG = 2048
_LISTENING = "0A"  # the state's number in /proc/net/tcp
_HIGHEST = 65535


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on the address; connections queue on it from now on, also while nobody accepts.

    Give ``socket.fileno()`` to a Process in ``sockets``. Port 0 asks the system for a free one.

    Raises PortBusy, naming who holds the port where this can be known, and AddressUnusable.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError) as problem:
        raise AddressUnusable(f"{host} is no address of this machine: {problem}") from problem
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as problem:
        listening.close()
        if problem.errno == errno.EADDRINUSE:
            raise port_busy(host, port) from problem
        hint = "Ports below 1024 need a privilege; choose a higher one." if problem.errno == errno.EACCES else None
        raise AddressUnusable(f"cannot listen on {host}:{port}: {problem.strerror}", hint=hint) from problem
    return listening


def port_busy(host: str, port: int) -> PortBusy:
    """The error for a busy port: who holds it, and a free one to use instead."""
    holder = holder_of(port)
    by = f" by pid {holder[0]} ({holder[1]})" if holder else ""
    free = next_free(host, port)
    hint = "Set server.port to a free port."
    if free:
        hint = f"Port {free} is free: set server.port = {free} (or `howdah serve --port {free}`)."
    return PortBusy(f"port {port} on {host} is in use{by}", hint=hint)


def next_free(host: str, port: int) -> int | None:
    """The first free port above this one, among the next hundred."""
    for candidate in range(port + 1, min(port + 100, _HIGHEST) + 1):
        with contextlib.suppress(OSError), socket.create_server((host, candidate)):
            return candidate
    return None


def holder_of(port: int) -> tuple[int, str] | None:
    """The pid and the command line of the process that listens on the port, if /proc shows it to this user."""
    inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listeners(Path("/proc/net") / table, port)}
    if not inodes:
        return None
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError), os.scandir(folder / "fd") as descriptors:  # another user's, or gone
            if any(_target(descriptor.path) in inodes for descriptor in descriptors):
                return int(folder.name), _command(folder)
    return None


def _target(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - a Path for each descriptor is slow
    except OSError:  # closed meanwhile
        return ""


def _listeners(table: Path, port: int) -> list[str]:
    try:
        rows = table.read_text().splitlines()[1:]
    except OSError:
        return []
    fields = [row.split() for row in rows]
    return [row[9] for row in fields if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port]


def _command(folder: Path) -> str:
    command = (folder / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    return command[:80] or (folder / "comm").read_text(errors="replace").strip()
