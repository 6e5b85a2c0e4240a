"""What the tests of the supervisor share: a short private folder, and proof that no process is left."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from howdah.supervisor.guard import is_alive
from howdah.supervisor.process import Process

MARK = "HOWDAH_TEST_MARK"


@dataclass(frozen=True)
class World:
    """A folder of the test's own, and a mark that every process started in its name carries in its environment."""

    folder: Path
    mark: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process of this test."""
        return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", MARK: self.mark}

    def process(self, name: str, program: str, *arguments: str, **fields: Any) -> Process:
        """A Process that runs a piece of Python."""
        command = (sys.executable, "-c", program, *arguments)
        return Process(
            **{"name": name, "command": command, "folder": self.folder, "environment": self.environment} | fields
        )

    def living(self) -> dict[int, str]:
        """The processes with the mark that are alive, with their command lines."""
        found = {}
        wanted = f"{MARK}={self.mark}\0".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (folder / "environ").read_bytes() and is_alive(int(folder.name)):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found


@pytest.fixture
def world() -> Iterator[World]:
    """A World; at its end nothing of it may be alive."""
    folder = Path(tempfile.mkdtemp(prefix="hw-"))
    world = World(folder, secrets.token_hex(8))
    yield world
    deadline = time.monotonic() + 10  # a guard may still be at work
    while (left := world.living()) and time.monotonic() < deadline:
        time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)
    assert not left
