"""Short private folders for unix sockets, whose whole path may have 104 bytes (macOS) or 108 (Linux).

A socket can only be as safe as the folder it is in: the folder belongs to the one user who may connect, mode 0700, and
is refused when it is not what it should be, because /tmp is everybody's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from howdah.embedded.account import Account
from howdah.embedded.errors import PrivateFolderTaken

LONGEST_SOCKET = 103  # bytes of a socket's path that every system takes
_LONGEST_NAME = 20  # bytes left for the socket's own name: .s.PGSQL.5432.lock
_PLAIN = re.compile(r"/[\w./-]+", re.ASCII)  # a comma would mean two folders to Postgres
_TEMPORARY = Path("/tmp")  # noqa: S108 - checked for owner and mode, see above; $TMPDIR may be long and may go away


def folder_for(key: str, account: Account, environment: Mapping[str, str]) -> Path:
    """The private folder of this key (a project's path) for the account; it exists, is the account's, and is 0700.

    Raises PrivateFolderTaken when somebody else was there first.
    """
    short = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
    base = _base(account, environment)
    require(base, account)
    folder = base / short
    require(folder, account)
    return folder


def _base(account: Account, environment: Mapping[str, str]) -> Path:
    given = environment.get("XDG_RUNTIME_DIR", "")
    longest = len(os.fsencode(given)) + len("/howdah/0123456789ab/") + _LONGEST_NAME
    fits = _PLAIN.fullmatch(given) and longest <= LONGEST_SOCKET
    if fits and account.is_us and _is_private(Path(given), account):
        return Path(given) / "howdah"
    return _TEMPORARY / f"howdah-{account.user}"


def require(folder: Path, account: Account) -> None:
    """The folder exists, belongs to the account and is closed to others. Raises PrivateFolderTaken."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if not account.is_us:
            os.chown(folder, account.user, account.group)
    if not _is_private(folder, account):
        raise PrivateFolderTaken(
            f"{folder} must be a folder of user {account.name} with mode 0700, and is not",
            hint=f"Somebody else made it. Look at it, and remove it: rm -rf {folder}",
        )


def _is_private(folder: Path, account: Account) -> bool:
    try:
        facts = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == account.user and not facts.st_mode & 0o077
