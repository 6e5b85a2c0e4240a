"""Log files: turned over by size, read back in order, and a full disk that disturbs nobody."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from howdah.supervisor.files import RotatingFile, history


def line(number: int, service: str = "app", **fields: object) -> str:
    time = f"2026-01-01T00:00:00.{number:03d}Z"
    return json.dumps({"time": time, "level": "info", "service": service, "message": f"line {number}", **fields})


def written(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_a_full_file_is_turned_over(tmp_path: Path) -> None:
    """Files stay near their size, whole lines only; the oldest beyond the number kept are gone, nothing else is."""
    path = tmp_path / "app.jsonl"
    file = RotatingFile(path, size=1000, kept=3)
    for number in range(60):
        file.add(line(number))
        if number % 7 == 0:
            file.flush()
    file.close()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["app.jsonl", "app.jsonl.1", "app.jsonl.2"]
    kept = [record.text for record in history(tmp_path)]
    assert kept == [line(number) for number in range(60 - len(kept), 60)]
    assert len(kept) > 15
    assert all(entry.stat().st_size < 1200 for entry in tmp_path.iterdir())


def test_a_second_run_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    """A file that ends in the middle of a line, as after a crash, is continued on a new one."""
    path = tmp_path / "app.jsonl"
    path.write_text(line(1) + "\n" + line(2)[:20])
    file = RotatingFile(path, size=10_000, kept=3)
    file.add(line(3))
    file.close()
    assert [record.text for record in history(tmp_path)] == [line(1), line(3)]


def test_a_removed_file_comes_back(tmp_path: Path) -> None:
    """Somebody who clears the log folder does not end the log."""
    path = tmp_path / "logs" / "app.jsonl"
    file = RotatingFile(path, size=10_000, kept=3)
    file.add("1")
    file.flush()
    path.unlink()
    path.parent.rmdir()
    file.add("2")
    file.close()
    assert written(path) == ["2"]


def test_history_merges_services_by_time_and_filters(tmp_path: Path) -> None:
    """Records of several services come in the order of their time, from a moment on, or of one request."""
    for service, numbers in {"app": (1, 3, 5), "platform": (2, 4)}.items():
        file = RotatingFile(tmp_path / f"{service}.jsonl", size=10_000, kept=2)
        for number in numbers:
            file.add(line(number, service, request_id=f"r{number // 3}"))
        file.close()

    def messages(**chosen: object) -> list[str]:
        return [json.loads(record.text)["message"][5:] for record in history(tmp_path, **chosen)]  # type: ignore[arg-type]

    assert messages() == ["1", "2", "3", "4", "5"]
    assert messages(services=["platform"]) == ["2", "4"]
    assert messages(services=["nobody"]) == []
    assert messages(since="2026-01-01T00:00:00.004Z") == ["4", "5"]
    assert messages(request_id="r1") == ["3", "4", "5"]


def test_a_full_disk_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """ENOSPC is said once; lines wait, and are written in order when there is room again."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = tmp_path / "app.jsonl"
    path.symlink_to("/dev/full")
    file = RotatingFile(path, size=10_000, kept=3)
    for number in range(5):
        file.add(line(number))
        file.flush()
    said = capsys.readouterr().err
    assert said.count("No space left on device") == 1
    assert said.count("\n") == 1
    path.unlink()
    file.add(line(5))
    file.close()
    assert written(path) == [line(number) for number in range(6)]
    assert "is written again" in capsys.readouterr().err


def test_memory_stays_bounded_while_the_disk_is_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beyond a limit the oldest waiting lines are given up, and their number is said at the end."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = tmp_path / "app.jsonl"
    path.symlink_to("/dev/full")
    file = RotatingFile(path, size=10**9, kept=3)
    for _ in range(30):
        assert file.add("x" * 99_999) < 1_300_000
        file.flush()
    path.unlink()
    file.close()
    assert 9 <= len(written(path)) <= 11
    assert "lines were lost" in capsys.readouterr().err


def test_a_limit_on_file_size_is_no_reason_to_die(tmp_path: Path) -> None:
    """RLIMIT_FSIZE cuts a write short in the middle of a line; the process lives on and says so."""
    program = f"""
from pathlib import Path
from howdah.supervisor.files import RotatingFile
file = RotatingFile(Path({str(tmp_path)!r}) / "app.jsonl", size=10**9, kept=3)
for _ in range(100):
    file.add("x" * 999)
    file.flush()
print("alive")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_500, resource.RLIM_INFINITY)),
    )
    assert done.stdout == "alive\n", done.stderr
    assert done.stderr.count("File too large") == 1
