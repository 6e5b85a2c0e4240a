"""One run per folder, by a lock of the kernel's and not by a number in a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from howdah.supervisor import lock
from howdah.supervisor.errors import AlreadyRunning


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    """The file stays, and says nothing when nobody holds it."""
    path = tmp_path / "run" / "lock"
    for _ in range(2):
        with lock.acquire(path) as held:
            held.describe(url="http://localhost:8080")
            assert lock.holder_of(path) == json.loads(path.read_text())
            assert (lock.holder_of(path) or {})["url"] == "http://localhost:8080"
        assert lock.holder_of(path) is None


def test_the_same_process_cannot_take_it_twice(tmp_path: Path) -> None:
    """Whoever holds it is named."""
    with lock.acquire(tmp_path / "lock"), pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"):
        lock.acquire(tmp_path / "lock")


@pytest.mark.parametrize("text", ["", "nonsense", "{}", '{"pid": 999999999}', '{"pid": 1, "started": "no"}', "[1]"])
def test_what_a_dead_run_wrote_is_no_obstacle(tmp_path: Path, text: str) -> None:
    """A file without a lock on it means nothing, whatever it says; a reused pid is told from its holder."""
    path = tmp_path / "lock"
    path.write_text(text)
    assert lock.holder_of(path) is None
    lock.acquire(path, patience=0).release()


def test_a_killed_holder_gives_it_back(tmp_path: Path) -> None:
    """SIGKILL frees the lock at once; programs that the holder started do not keep it."""
    path = tmp_path / "lock"
    program = f"""
import subprocess, sys, time
from pathlib import Path
from howdah.supervisor import lock
held = lock.acquire(Path({str(path)!r}))
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        holder.kill()
        holder.wait()
        try:
            lock.acquire(path, patience=0).release()
        finally:
            os.kill(child, 9)
