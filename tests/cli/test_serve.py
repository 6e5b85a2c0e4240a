"""`howdah serve`: the platform alone, on a real database, as one process and as several."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.cli.commands import CLEAN

SECRET = "Zk3-9vT1xQ8rLwYb2mNc"


@pytest.fixture
def url(database: str) -> str:
    """The test's database as a URL."""
    parts = conninfo_to_dict(database)
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[int, subprocess.Popen[str], list[str]]]:
    """A running `serve` on a free port: the port, the process, and the lines it has said so far."""
    process = subprocess.Popen(
        [sys.executable, "-m", "howdah", "serve", "--port", "0", *words],
        cwd=folder,
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    port = 0
    for line in process.stdout:
        said.append(line)
        if '"ServerReady"' in line:
            port = int(json.loads(line)["address"].rsplit(":", 1)[1])
            break
    assert port, said
    rest = Thread(target=lambda: said.extend(process.stdout or ()))
    rest.start()
    try:
        yield port, process, said
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)
        rest.join(10)
        process.stdout.close()


def ask(port: int, path: str, query: object = None, **headers: str) -> tuple[int, bytes]:
    """Status and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        body = None if query is None else json.dumps(query)
        connection.request("GET" if query is None else "POST", path, body, names)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_platform_is_served_without_a_project(workers: int, url: str, tmp_path: Path) -> None:
    """Live, ready, and the admin of the secret file is admin; SIGTERM ends it with 0; no secret is said or shown."""
    (tmp_path / "secret").write_text(SECRET + "\n")
    words = ("--database-url", url, "--admin-secret-file", "secret", "--workers", str(workers))
    with serving(tmp_path, *words, "--set", "data.max_nesting=3") as (port, process, said):
        assert ask(port, "/-/live")[0] == 200
        assert ask(port, "/-/ready")[0] == 200
        export = {"type": "export_metadata", "args": {}}
        assert ask(port, "/data/v1/query", export, X_Hasura_Admin_Secret=SECRET)[0] == 200
        assert ask(port, "/data/v1/query", export)[0] == 400
        assert ask(port, "/data/v1/query", export, X_Hasura_Admin_Secret="wrong" * 5)[0] == 401
        shown = [
            (entry / "cmdline").read_bytes()
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _parent(entry) == str(process.pid)
        ]
        assert not [words for words in shown if url.encode() in words]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert SECRET not in "".join(said)


def _parent(entry: Path) -> str:
    try:
        return (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
    except OSError:  # it has ended meanwhile
        return ""


def test_a_projects_settings_apply_where_there_is_one(url: str, tmp_path: Path) -> None:
    """In a project's folder its howdah.toml is read; without a secret nobody is admin, and that is said."""
    (tmp_path / "howdah.toml").write_text('[services.app]\nurl = "http://127.0.0.1:1"\nroutes = ["/"]\n')
    with serving(tmp_path, "--database-url", url) as (port, _, said):
        assert ask(port, "/")[0] == 502
        assert "nobody is admin" in "".join(said)
