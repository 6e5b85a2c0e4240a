"""``make bench`` runs and prints its table; what the figures say is for people to judge, not for a test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHORT = ["--only=grid", "--rounds=1", "--seconds=1", "--connections=4", "--workers=1"]
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed (as root: make test-deps)")
def test_the_bench_compares_each_query_with_pgbench() -> None:
    """One short round of every query: requests were answered, none failed, and pgbench ran the same statement."""
    told = subprocess.run(
        [sys.executable, "-m", "bench.run", *SHORT],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("HOWDAH_", "DATABASE_URL"))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    rows = re.findall(r"^([abcd]) .*?(\d+) +(\d+) +(\d+\.\d\d)", told.stdout, re.MULTILINE)
    assert [row[0] for row in rows] == ["a", "b", "c", "d"], told.stdout
    assert all(int(requests) > 0 and int(transactions) > 0 for _, requests, transactions, _ in rows)
