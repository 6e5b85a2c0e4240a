"""What a browser makes of our pages: the sample's own, and the one that stands in for a broken service."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.product import Dev, eventually

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--dump-dom",
)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (as root: make test-deps)"),
]


def shown(url: str, profile: Path) -> tuple[str, list[str]]:
    """The page as the browser has it after its scripts ran, and what its console complains of."""
    assert CHROMIUM is not None
    told = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", url], capture_output=True, text=True, timeout=60, check=True
    )
    return told.stdout, [line for line in told.stderr.splitlines() if "CONSOLE" in line]


def test_pages_render_without_a_complaint(dev: Dev, tmp_path: Path) -> None:
    """The greeting, then the page of a half-edited file: nothing is blocked by its own policy, nothing is missing."""
    url = f"http://localhost:{dev.port}/"
    page, complaints = shown(url, tmp_path)
    assert "Hello from howdah" in page
    assert [line for line in complaints if "favicon" not in line] == []
    server = dev.folder / "services" / "app" / "src" / "app" / "server.py"
    original = server.read_text()
    server.write_text(original + "\ndef half(:\n")
    try:
        eventually(lambda: dev.get("/", Accept="text/html").status == 502, what="the page")
        page, complaints = shown(url, tmp_path)
    finally:
        server.write_text(original)
    assert "SyntaxError" in page
    assert "server.py" in page
    # The page itself is a 502, which the console notes; a blocked script or style would be another line.
    assert [line for line in complaints if "502" not in line and "favicon" not in line] == []
    eventually(lambda: dev.get("/").status == 200, what="the service to recover")
