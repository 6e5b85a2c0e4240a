"""Planned files → files in a folder. Nothing that is there is ever overwritten without having been asked to."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from howdah.templates.errors import FolderNotEmpty, NotWritable
from howdah.templates.files import File

_MAY_BE_THERE = frozenset({".git", ".DS_Store"})


def write(files: Sequence[File], folder: Path, *, force: bool = False) -> tuple[str, ...]:
    """Write the files below ``folder``, which is made; the paths that replaced another file's text.

    A folder that already has something in it (a bare ``.git`` aside) is refused, unless ``force``; then other files
    stay as they are. A link that leads out of the folder is never followed.

    Raises FolderNotEmpty, NotWritable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not force:
            check_empty(folder, hint="Choose another name, or write into it all the same with --force.")
        return tuple(file.path for file in files if _write(file, folder))
    except OSError as error:
        raise NotWritable(
            f"{error.filename or folder} cannot be written: {error.strerror}.",
            path=str(error.filename or folder),
            hint=_remedy(error),
        ) from error


def check_empty(folder: Path, *, hint: str = "Choose another name.") -> None:
    """Raises FolderNotEmpty where the folder is there and has something in it, a bare ``.git`` aside."""
    there = sorted({path.name for path in folder.iterdir()} - _MAY_BE_THERE) if folder.is_dir() else []
    if there:
        raise FolderNotEmpty(f"{folder} is not empty: it has {_listed(there)}.", path=str(folder), hint=hint)


def _write(file: File, folder: Path) -> bool:
    """Write one file; whether it replaced another text."""
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise OSError(errno.ELOOP, "a link leads out of the project's folder", str(target))
    before = target.read_bytes() if target.is_file() and not target.is_symlink() else None
    text = file.text.encode("utf-8")
    if before == text:
        return False
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, file.mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(text)
    return before is not None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _remedy(error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "Make room on the disk."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "Choose a folder that you may write to."
        case errno.ENOTDIR | errno.EEXIST:
            return "A file is in the way: choose another name."
        case _:
            return "Choose another place."
