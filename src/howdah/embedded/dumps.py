"""A file → what kind of dump it is, of which Postgres, and which roles it speaks of; or why it is none."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from howdah.embedded import clients
from howdah.embedded.errors import ClientFailed
from howdah.embedded.postgres import Postgres

Kind = Literal["archive", "plain"]

_ROLE = rb'("(?:[^"]|"")+"|[\w$]+)'
# How pg_dump writes who owns and who may: each on a line of its own.
_SPEAKS_OF_ROLES = re.compile(
    rb"(?:ALTER .* OWNER TO|GRANT .* TO|REVOKE .* FROM|CREATE POLICY .*? TO|ALTER DEFAULT PRIVILEGES FOR ROLE) "
    + _ROLE
    + rb"((?:, "
    + _ROLE
    + rb")*)"
)
_GRANTED_BY_DEFAULT = re.compile(rb"ALTER DEFAULT PRIVILEGES .* (?:TO|FROM) " + _ROLE + rb";")
_LEAVES = re.compile(rb"\\c(?:onnect)?\b|CREATE DATABASE\b", re.IGNORECASE)
_VERSION = re.compile(r"Dumped from database version:? (\d+)")
_HEAD = 8192
_NO_ROLES = {"PUBLIC", "CURRENT_USER", "SESSION_USER", "CURRENT_ROLE"}


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump of one database. ``major`` is its server's version, where it says; ``problem`` why it is of no use."""

    file: Path
    kind: Kind
    major: int | None = None
    roles: frozenset[str] = frozenset()
    problem: str | None = None
    remedy: str | None = None


async def read_dump(postgres: Postgres, file: Path, environment: Mapping[str, str]) -> Dump:
    """What the file is; the dump itself is not read into memory. Raises ClientMissing, ClientFailed, OSError."""
    return await asyncio.to_thread(_read_dump, postgres, file, environment)


def _read_dump(postgres: Postgres, file: Path, environment: Mapping[str, str]) -> Dump:
    head = b"" if file.is_dir() else _head(file)
    if head.startswith(b"\x1f\x8b"):
        return Dump(file, "plain", problem="it is compressed.", remedy="gunzip it first.")
    if (file / "toc.dat").is_file() or head.startswith(b"PGDMP") or head[257:262] == b"ustar":
        return _read_archive(clients.find("pg_restore", postgres, environment), file)
    if not head or b"\0" in head:
        return Dump(
            file, "plain", problem="it is no dump of a database.", remedy="Make one with `howdah db dump FILE`."
        )
    return _read_plain(file, head)


def _read_archive(program: str, file: Path) -> Dump:
    listed = subprocess.run((program, "--list", file), capture_output=True, text=True, check=False)
    if "unsupported version" in listed.stderr:
        remedy = "Install the client programs of the Postgres it was made with, or newer."
        return Dump(file, "archive", problem="it was made by a newer pg_dump than this pg_restore.", remedy=remedy)
    if listed.returncode != 0:
        raise ClientFailed("\n  ".join(["pg_restore cannot read it:", *listed.stderr.splitlines()[-8:]]))
    command = (program, "--section=pre-data", "--section=post-data", "--file=-", file)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None, "it was asked for"
        roles = roles_in(process.stdout)
    return Dump(file, "archive", _major(listed.stdout), roles)


def _read_plain(file: Path, head: bytes) -> Dump:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if _LEAVES.match(line):
                problem = f"line {number} makes or enters another database."
                return Dump(file, "plain", problem=problem, remedy="Make it with pg_dump, without --create.")
    with file.open("rb") as lines:
        return Dump(file, "plain", _major(head.decode(errors="replace")), roles_in(lines))


def roles_in(lines: Iterable[bytes]) -> frozenset[str]:
    r"""The roles that own or may do something, by the lines of a script of pg_dump's.

    >>> sorted(roles_in([b"ALTER TABLE public.t OWNER TO ann;\n", b'GRANT SELECT ON TABLE public.t TO "B ob";\n']))
    ['B ob', 'ann']
    """
    found: set[str] = set()
    for line in lines:
        if (matched := _SPEAKS_OF_ROLES.match(line)) is not None:
            found.update(_unquoted(name) for name in re.findall(_ROLE, matched[1] + matched[2]))
            if (granted := _GRANTED_BY_DEFAULT.match(line)) is not None:
                found.add(_unquoted(granted[1]))
    return frozenset(found - _NO_ROLES)


def _unquoted(name: bytes) -> str:
    text = name.decode(errors="replace")
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _major(text: str) -> int | None:
    found = _VERSION.search(text)
    return None if found is None else int(found[1])


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_HEAD)
