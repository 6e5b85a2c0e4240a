"""Watches a process's files: yields the names of what a person saved, and nothing that tools write by themselves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from watchfiles import Change

from howdah.observe.events import emit

_DEBOUNCE = 400  # milliseconds at most that saves are gathered
_STEP = 50  # milliseconds of quiet that end the gathering
_LOOK_AGAIN = 2.0  # seconds between looks for a folder that does not exist

_IGNORED_FOLDERS = frozenset({
    ".git", ".hg", ".svn", ".howdah", ".venv", "venv", "__pycache__", "node_modules", ".tox", ".nox", ".idea",
    ".vscode", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", "__pypackages__",
})  # fmt: skip
_IGNORED_NAMES = re.compile(
    r"""
      \.py[cod]$                 # bytecode
    | ~$ | ^\#.*\#$ | ^\.\#      # emacs, and backups of many
    | \.sw[a-z]$ | ^4913$        # vim
    | \.tmp$ | \.part$ | \.bak$
    | ___jb_\w+___$              # JetBrains
    | ^\.DS_Store$ | ^flycheck_ | ^\.goutputstream- | ^\.fuse_hidden | ^\.coverage
    | \.log$ | \.sqlite3?(-journal|-wal|-shm)?$ | \.db-(journal|wal|shm)$
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class WatchUnavailable:
    """The system refused to watch files (often its limit of watches); they are looked at in intervals instead."""

    level: ClassVar[str] = "warning"

    process: str
    problem: str


def is_source(path: Path, roots: tuple[Path, ...]) -> bool:
    """Whether a change of this file should restart the process that watches the roots.

    What lies above a root is the user's choice and not judged: a project may live in a folder called ``venv``.

    >>> roots = (Path("/home/me/venv/shop"),)
    >>> [is_source(Path("/home/me/venv/shop") / name, roots) for name in ("app.py", "app.py~", ".venv/x.py", "4913")]
    [True, False, False, False]
    """
    root = next((root for root in roots if path.is_relative_to(root)), None)
    if root is None or _IGNORED_NAMES.search(path.name):
        return False
    return _IGNORED_FOLDERS.isdisjoint(path.relative_to(root).parts)


async def changes(name: str, paths: tuple[Path, ...]) -> AsyncGenerator[tuple[Path, ...]]:
    """The files that were saved, each time some were; folders that do not exist yet are watched once they do."""
    from watchfiles import awatch  # an extra, and slow to import: only where files are watched

    roots = tuple(path.resolve() for path in paths)

    def wanted(_change: Change, path: str) -> bool:
        return is_source(Path(path), roots)

    polling: bool | None = None
    while True:
        present = tuple(root for root in roots if root.exists())
        if not present:
            await asyncio.sleep(_LOOK_AGAIN)
            continue
        complete = len(present) == len(roots)
        try:
            watching = awatch(
                *present,
                watch_filter=wanted,
                debounce=_DEBOUNCE,
                step=_STEP,
                force_polling=polling,
                rust_timeout=None if complete else int(_LOOK_AGAIN * 1000),
                yield_on_timeout=not complete,
                ignore_permission_denied=True,
            )
            async with aclosing(watching):
                async for saved in watching:
                    if saved:
                        yield tuple(sorted({Path(path) for _, path in saved}))
                    elif any(root.exists() for root in roots if root not in present):
                        break
        except (OSError, RuntimeError) as problem:  # RuntimeError is how watchfiles reports inotify's limits
            emit(WatchUnavailable(name, str(problem)))
            if polling:
                await asyncio.sleep(_LOOK_AGAIN)
            polling = True
