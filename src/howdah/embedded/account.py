"""As whom Postgres runs. It refuses to run as root, so root lends it an account that can do nothing else.

Nobody's folders are opened up for that account: where it may not go, its files are put elsewhere (`place`).
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_CREATED = "howdah"
_LAST_RESORT = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine, by number."""

    name: str
    user: int
    group: int

    @property
    def is_us(self) -> bool:
        """Whether this process runs as that user already."""
        return self.user == os.geteuid()


def own() -> Account:
    """The user of this process."""
    return Account(_name(os.geteuid()), os.geteuid(), os.getegid())


def choose(data_owner: int | None = None) -> Account:
    """As whom to run Postgres: this process's user; for root the owner of the existing data, else another account.

    That is ``postgres``, else ``howdah``, which is made as a system account without shell and home, else ``nobody``.
    """
    if os.geteuid() != 0:
        return own()
    if data_owner:
        return of_user(data_owner)
    return (
        _known("postgres") or _known(_CREATED) or _create() or _known(_LAST_RESORT) or Account("nobody", 65534, 65534)
    )


def of_user(user: int) -> Account:
    """The account with this number, whose group is its own even if the system has no entry for it."""
    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        return Account(str(user), user, user)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def may(account: Account, flag: str, path: Path) -> bool:
    """Whether the account passes ``test FLAG PATH``: ``-x`` to go through a folder, ``-w`` to write there.

    The system itself is asked, as that account, because modes alone do not tell (ACLs, read-only mounts).
    """
    return run(account, ("/bin/sh", "-c", 'test "$1" "$2"', "howdah", flag, str(path))).returncode == 0


def run(
    account: Account, command: Sequence[str], *, text: str | None = None, timeout: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """The command, run to its end as the account, with its output in one piece."""
    lent = not account.is_us
    return subprocess.run(
        command,
        input=text if text is not None else "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="backslashreplace",
        env=environment(),
        cwd="/",
        user=account.user if lent else None,
        group=account.group if lent else None,
        extra_groups=() if lent else None,
        timeout=timeout,
        check=False,
    )


def environment() -> dict[str, str]:
    """What Postgres's programs see: nothing of the user's PG* variables, messages in English."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC"}


def _known(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return None if entry.pw_uid == 0 else Account(name, entry.pw_uid, entry.pw_gid)


def _create() -> Account | None:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return None
    command = (program, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent")
    made = subprocess.run(
        (*command, "--shell", "/usr/sbin/nologin", _CREATED), capture_output=True, check=False, timeout=60
    )
    return _known(_CREATED) if made.returncode in (0, 9) else None  # 9: made by somebody else just now


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
