"""The commands that look at a project: its logs while nothing runs, its health, and everything while it runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.commands import CLEAN, Outcome, howdah, project

from howdah.cli.running import since_time

SERVICE = """
import http.server, os, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked for", self.path, flush=True)
        self.send_response(200); self.end_headers(); self.wfile.write(b"hello")
    def log_message(self, *_): pass
print("service begins", flush=True)
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Page).serve_forever()
"""


def write_logs(folder: Path, **services: list[tuple[str, str, str | None]]) -> None:
    """Log files as the supervisor leaves them: time, message, request id."""
    logs = folder / ".howdah" / "logs"
    logs.mkdir(parents=True)
    for service, lines in services.items():
        with (logs / f"{service}.jsonl").open("w") as file:
            for moment, message, request_id in lines:
                record = {"time": moment, "level": "info", "service": service, "message": message}
                file.write(json.dumps({**record, **({"request_id": request_id} if request_id else {})}) + "\n")


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """A project that ran once."""
    folder = project(tmp_path, "")
    write_logs(
        folder,
        app=[("2026-11-21T10:00:00.000Z", "one", "r1"), ("2026-11-21T10:00:02.000Z", "three \x1b[31m", None)],
        platform=[("2026-11-21T10:00:01.000Z", "two", "r1")],
    )
    return folder


def test_logs_of_a_stopped_project_are_read_from_its_files(logged: Path) -> None:
    """All services in the order of time, or one; what a line holds cannot drive the terminal."""
    told = howdah("logs", folder=logged)
    assert told.code == 0
    assert [line.split()[3] for line in told.out.splitlines()] == ["one", "two", "three"]
    assert "\x1b" not in told.out
    assert [line.split()[0] for line in howdah("logs", "platform", folder=logged).out.splitlines()] == ["platform"]


def test_logs_as_json_are_lines_of_json(logged: Path) -> None:
    """Each line is the record as it was written."""
    lines = [json.loads(line) for line in howdah("logs", "--json", folder=logged).out.splitlines()]
    assert [line["message"] for line in lines] == ["one", "two", "three \x1b[31m"]


def test_logs_of_one_request_cross_the_services(logged: Path) -> None:
    """--request finds every service's lines of it; of an unknown one there is nothing."""
    lines = howdah("logs", "--request", "r1", "--json", folder=logged).out.splitlines()
    assert [json.loads(line)["service"] for line in lines] == ["app", "platform"]
    assert howdah("logs", "--request", "r2", folder=logged).out == ""


def test_logs_can_begin_at_a_moment_and_end_at_a_number(logged: Path) -> None:
    """--since and -n limit what is shown."""
    assert len(howdah("logs", "--since", "2026-11-21T10:00:01Z", folder=logged).out.splitlines()) == 2
    assert howdah("logs", "-n", "1", "--json", folder=logged).out.count("three") == 1
    assert howdah("logs", "-n", "0", folder=logged).out == ""


def test_a_moment_or_a_service_that_is_none_is_refused(logged: Path) -> None:
    """What is meant by --since, and whose logs there are."""
    told = howdah("logs", "--since", "yesterday", folder=logged)
    assert told.code == 2
    assert "10m" in told.err
    told = howdah("logs", "ap", folder=logged)
    assert told.code == 4
    assert "error[E121]" in told.err
    assert "Did you mean app?" in told.err


NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10m", "2026-11-21T09:50:00.000Z"),
        ("2h", "2026-11-21T08:00:00.000Z"),
        ("1d", "2026-11-20T10:00:00.000Z"),
        ("2026-11-21T12:00:00+02:00", "2026-11-21T10:00:00.000Z"),
        ("999999999d", "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_is_understood(text: str, expected: str) -> None:
    """Ago or at, always told in UTC as log lines are."""
    assert since_time(text, NOW).rjust(24, "0") == expected


@given(st.text())
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    """Nothing a person types is anything but a time or a ValueError."""
    try:
        assert since_time(text, NOW).endswith("Z")
    except (ValueError, OverflowError):
        return


def test_doctor_finds_nothing_wrong_with_a_sound_project(tmp_path: Path) -> None:
    """Every check is ok or a warning, exit code 0; looking changes nothing."""
    folder = project(tmp_path, "server.port = 0")
    told = howdah("doctor", "--json", folder=folder)
    assert told.code == 0, told.out
    assert told.json["ok"] is True
    states = {check["name"]: check["state"] for check in told.json["checks"]}
    assert {"python", "packages", "git", "disk", "settings", "secrets", "postgres", "port", "leftovers"} <= set(states)
    assert [path.name for path in folder.iterdir()] == ["howdah.toml"]


def failed(told: Outcome) -> dict[str, Any]:
    """The checks that failed, by name."""
    assert told.code == 3, told.out + told.err
    return {check["name"]: check for check in told.json["checks"] if check["state"] == "failed"}


def test_doctor_names_what_is_wrong_and_a_remedy(tmp_path: Path) -> None:
    """A busy port, a program that is not there, a database that does not answer: each with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        toml = f'server.port = {port}\n[services.app]\ncommand = "no-such-program x"\nfolder = "."\n'
        told = howdah(
            "doctor",
            "--json",
            folder=project(tmp_path, toml),
            environment={"DATABASE_URL": "postgresql://me:hiddenpassword@127.0.0.1:1/x"},
        )
    wrong = failed(told)
    assert set(wrong) == {"port", "service app", "postgres"}
    assert str(port) in wrong["port"]["found"]
    assert all(check["remedy"] for check in wrong.values())
    assert "hiddenpassword" not in told.out


def test_doctor_finds_exposed_secrets(tmp_path: Path) -> None:
    """A secrets file that others can read: the exact command that mends it."""
    folder = project(tmp_path)
    howdah("quickstart", "x", "--skip-database", folder=folder)
    (folder / "x" / ".howdah" / "secrets.toml").chmod(0o644)
    wrong = failed(howdah("doctor", "--json", folder=folder / "x"))
    assert "chmod 600" in wrong["settings"]["remedy"]
    refused = howdah("dev", folder=folder / "x")
    assert refused.code == 5
    assert "error[E320]" in refused.err


def test_doctor_works_without_a_project(tmp_path: Path) -> None:
    """Then only the machine is checked."""
    told = howdah("doctor", folder=tmp_path)
    assert told.code == 0, told.out
    assert "No project here" in told.err


# -- while it runs -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with one small service, started in the background, stopped afterwards."""
    base = tmp_path_factory.mktemp("running")
    base.chmod(0o711)  # for root's Postgres, see conftest.py
    folder = project(
        base / "my shop",
        'server.port = 0\n[services.app]\ncommand = ["python", "-u", "service.py"]\nready.path = "/"\nroutes = ["/"]\n',
    )
    (folder / "services" / "app").mkdir(parents=True)
    (folder / "services" / "app" / "service.py").write_text(SERVICE)
    told = howdah("dev", "-d", "--json", folder=folder, seconds=120)
    assert told.code == 0, told.out + told.err
    yield folder
    stopped = howdah("stop", folder=folder)
    assert stopped.code == 0, stopped.err
    assert howdah("status", folder=folder).code == 4


def test_status_tells_every_process(running: Path) -> None:
    """State, URL, memory; as a plain table for pipes and as one object for programs."""
    told = howdah("status", folder=running)
    assert told.code == 0
    header, *rows = told.out.splitlines()
    assert header.split() == ["NAME", "STATE", "SINCE", "URL", "MEMORY", "RESTARTS"]
    assert {row.split()[0] for row in rows} == {"postgres", "platform", "app"}
    status = howdah("status", "--json", folder=running).json
    assert (status["running"], status["degraded"]) == (True, False)
    app = next(process for process in status["processes"] if process["name"] == "app")
    assert app["url"].startswith("http://app.localhost:")


def test_open_prints_where_things_are(running: Path) -> None:
    """The project, or a service at its own subdomain; an unknown one is refused with the nearest."""
    base = howdah("open", "--json", folder=running).json["url"]
    assert base.startswith("http://localhost:")
    assert howdah("open", "app", folder=running).out.strip() == base.replace("//", "//app.")
    told = howdah("open", "ap", folder=running)
    assert told.code == 4
    assert "Did you mean app?" in told.err


def test_a_second_dev_says_who_runs(running: Path) -> None:
    """E112, in the foreground and in the background; what runs is not disturbed."""
    pid = howdah("status", "--json", folder=running).json["pid"]
    for words in (["dev"], ["dev", "-d"]):
        told = howdah(*words, folder=running)
        assert told.code == 1
        assert "E112" in told.err
        assert str(pid) in told.err
    assert howdah("status", folder=running).code == 0


def test_logs_come_from_what_runs(running: Path) -> None:
    """What the service has said, without a line twice; an unknown service is refused."""
    told = howdah("logs", "app", "--json", folder=running)
    said = [json.loads(line).get("message") for line in told.out.splitlines()]
    assert said.count("service begins") == 1
    assert howdah("logs", "nobody", folder=running).code == 4


def test_logs_can_be_followed(running: Path) -> None:
    """-f shows what is said later, once; Ctrl-C ends it with 130."""
    url = howdah("open", "--json", folder=running).json["url"]
    port = int(url.rsplit(":", 1)[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "howdah", "logs", "app", "-f"],
        cwd=running,
        env=CLEAN,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert "service begins" in first
        marker = f"/now-{time.monotonic_ns()}"
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"GET {marker} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            while connection.recv(4096):
                pass
        while marker not in (line := process.stdout.readline()):
            assert line
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(20) == 130


def test_doctor_knows_that_the_port_is_ours(running: Path) -> None:
    """A running project is not a busy port."""
    told = howdah("doctor", "--json", folder=running)
    assert told.code == 0, told.out
    assert "own" in next(check["found"] for check in told.json["checks"] if check["name"] == "port")


def test_dev_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A busy port in the foreground and in the background: E110 with who holds it and a free one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        folder = project(tmp_path, f"server.port = {taken.getsockname()[1]}")
        told = howdah("dev", folder=folder)
        assert told.code == 1
        assert "error[E110]" in told.err
        assert str(os.getpid()) in told.err
        behind = howdah("dev", "-d", folder=folder)
        assert behind.code == 1
        assert "error[E125]" in behind.err
        assert "E110" in behind.err
