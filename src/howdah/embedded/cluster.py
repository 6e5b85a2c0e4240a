"""Makes a cluster: initdb into a folder beside the final one, our settings, and a rename when all is complete."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from pathlib import Path

from psycopg import sql

from howdah.embedded.account import Account, run
from howdah.embedded.binaries import Binaries
from howdah.embedded.errors import PostgresNotStarted
from howdah.embedded.place import Place
from howdah.observe.secret import Secret

SUPERUSER = "howdah"
_BUILDING = "new-"
_FIRST_WITH_BUILTIN_LOCALE = 17

# Durability is never traded: fsync, full_page_writes and synchronous_commit keep their safe defaults.
SETTINGS = """
# --- howdah: settings for development. Edit freely; howdah reads this file only when it makes the cluster. ---
shared_buffers = 128MB
max_connections = 100
jit = off                       # compiling costs more than it gives on short queries
random_page_cost = 1.1          # disks are solid today
log_line_prefix = ''            # howdah adds time and level
log_checkpoints = off
log_timezone = 'UTC'
timezone = 'UTC'
lc_messages = 'C'
"""


def make(place: Place, binaries: Binaries) -> None:
    """The place has a data folder and a password; a cluster that exists is left alone.

    An initdb that is interrupted leaves no half cluster: the folder gets its name only when it is complete, and what
    an earlier attempt left is removed.

    Raises PostgresNotStarted with the last lines of initdb.
    """
    for old in place.home.glob(f"{_BUILDING}*"):
        shutil.rmtree(old, ignore_errors=True)
    if place.data.exists():
        return
    _write_password(place)
    building = place.home / f"{_BUILDING}{secrets.token_hex(4)}"
    try:
        _initdb(building, place, binaries)
        with (building / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(SETTINGS)
            settings.flush()
            os.fsync(settings.fileno())
        building.rename(place.data)
        _sync(place.home)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


async def password(place: Place, binaries: Binaries) -> Secret:
    """The superuser's password; a new one, set without a server, if its file was lost.

    Raises PostgresNotStarted when Postgres cannot do that.
    """
    try:
        return Secret(place.password.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return await asyncio.to_thread(_reset_password, place, binaries)


def _initdb(building: Path, place: Place, binaries: Binaries) -> None:
    command = [
        binaries.program("initdb"),
        f"--pgdata={building}",
        f"--username={SUPERUSER}",
        f"--pwfile={place.password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
    ]
    if binaries.major >= _FIRST_WITH_BUILTIN_LOCALE:
        locales: list[tuple[str, ...]] = [("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")]
    else:
        # Sorted by code point everywhere; upper and lower of all letters where the system knows C.UTF-8.
        locales = [("--locale=C.UTF-8",), ("--locale=C",)]
    for locale in locales:
        done = run(place.account, (*command, *locale))
        if done.returncode == 0:
            return
        shutil.rmtree(building, ignore_errors=True)
        if "invalid locale" not in done.stdout:
            break
    raise PostgresNotStarted.after(done.stdout.splitlines(), what="initdb could not make the database cluster")


def _write_password(place: Place) -> None:
    """The password's file exists, readable by its account alone."""
    if place.password.exists():
        return
    building = place.home / f"{_BUILDING}password"
    building.unlink(missing_ok=True)
    descriptor = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_urlsafe(24)}\n")
        _own(building, place.account)
        file.flush()
        os.fsync(descriptor)
    building.rename(place.password)


def _reset_password(place: Place, binaries: Binaries) -> Secret:
    """Whoever may run Postgres on the data is its master: single-user mode asks for no password."""
    _write_password(place)
    new = Secret(place.password.read_text(encoding="ascii").strip())
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(SUPERUSER), sql.Literal(new.reveal()))
    command = (binaries.program("postgres"), "--single", "-D", str(place.data), "postgres")
    done = run(place.account, command, text=statement.as_string(None) + "\n")
    if done.returncode != 0 or "ERROR:" in done.stdout:
        place.password.unlink()
        raise PostgresNotStarted.after(done.stdout.splitlines(), what="the lost password could not be set anew")
    return new


def _own(path: Path, account: Account) -> None:
    if not account.is_us:
        os.chown(path, account.user, account.group)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
