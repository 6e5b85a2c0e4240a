"""Runs the command line as its user does: a process, its two streams, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("HOWDAH_", "PG", "GIT_", "DATABASE_URL")) and name not in {"NO_COLOR", "SHELL"}
}


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read as one JSON value."""
        return json.loads(self.out)


def howdah(*words: str, folder: Path, environment: Mapping[str, str] = {}, seconds: float = 60) -> Outcome:
    """The command, run to its end in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-m", "howdah", *words],
        cwd=folder,
        env={**CLEAN, "HOME": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def project(folder: Path, toml: str = "") -> Path:
    """A project of this howdah.toml, made by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "howdah.toml").write_text(toml)
    return folder
