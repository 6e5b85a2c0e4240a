"""Databases in real services: gunicorn that forks after it connected, uvicorn; killed connections, leaks, ends."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from tests.kit.servers import Running, service

HERE = Path(__file__).parent
SERVERS = {
    "gunicorn": ["-m", "gunicorn", "--preload", "--workers", "3", "--threads", "4", "--bind", "127.0.0.1:$PORT"],
    "uvicorn": ["-m", "uvicorn", "--host", "127.0.0.1", "--port", "$PORT", "fastapi_app:app"],
}
SERVERS["gunicorn"].append("flask_app:app")


@pytest.fixture(params=list(SERVERS))
def running(request: pytest.FixtureRequest, dsn: str, tmp_path: Path) -> Iterator[Running]:
    environment = {
        "DATABASE_URL": dsn,
        "DATABASE_POOL_SIZE": "4",
        "DATABASE_POOL_TIMEOUT": "6",
        "DATABASE_APPLICATION_NAME": "shop",
    }
    with service(SERVERS[request.param], HERE, tmp_path / "log", environment) as one:
        yield one


OURS = "FROM pg_stat_activity WHERE application_name LIKE 'shop%' AND datname = current_database()"


def backends(dsn: str) -> set[int]:
    with psycopg.connect(dsn) as other:
        return {row[0] for row in other.execute(f"SELECT pid {OURS}")}


def test_each_process_has_connections_of_its_own(running: Running, dsn: str) -> None:
    """E6, E8: sixty requests at once, over three processes that were forked from one that had connected.

    No backend is two processes', and there are no more than the pools allow.
    """
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: running.get("/who"), range(60)))
    assert [status for status, _, _ in answers] == [200] * 60, running.log.read_text()
    processes = defaultdict(set)
    for _, _, body in answers:
        told = json.loads(body)
        processes[told["backend"]].add(told["process"])
    assert all(len(one) == 1 for one in processes.values())
    assert len(backends(dsn)) <= 4 * 3 + 1
    with psycopg.connect(dsn) as other:
        assert other.execute("SELECT count(*) FROM users").fetchone() == (60,)


def test_it_survives_the_end_of_its_connections(running: Running, dsn: str) -> None:
    """Every backend is ended, ten times, while requests run: some fail, with 503; afterwards all succeed."""
    statuses: list[int] = []
    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(running.get, "/who") for _ in range(60)]
        with psycopg.connect(dsn, autocommit=True) as other:
            for _ in range(10):
                time.sleep(0.03)
                other.execute(f"SELECT pg_terminate_backend(pid) {OURS}")
        statuses = [one.result()[0] for one in asked]
    assert set(statuses) <= {200, 503}, running.log.read_text()
    with psycopg.connect(dsn) as other:
        (stored,) = other.execute("SELECT count(*) FROM users").fetchone() or (0,)
    assert statuses.count(200) <= stored  # a commit whose answer was lost is stored, and told as lost
    assert [running.get("/who")[0] for _ in range(8)] == [200] * 8


def test_a_leak_is_seen(running: Running) -> None:
    """Whoever forgets to give back is named in the log; who asks gets 503, and nothing of it."""
    failed = None
    for _ in range(40):
        failed = running.get("/leak")
        if failed[0] != 200:
            break
    assert failed is not None and failed[0] == 503
    assert json.loads(failed[2])["code"] == "db-pool-exhausted"
    assert "leak" not in json.loads(failed[2])["message"]
    assert "_app.leak, line " in running.lines(lambda text: "_app.leak, line " in text)


def test_a_duplicate_is_409_and_health_asks_the_database(running: Running, dsn: str) -> None:
    status, _, body = running.get("/duplicate", "POST", {"Content-Type": "application/json"}, b"{}")
    assert (status, json.loads(body)["code"], json.loads(body)["path"]) == (409, "db-duplicate", "email")
    assert running.get("/-/health")[0] == 200
    assert "secret@" not in body.decode() + running.log.read_text()


def test_at_its_end_it_says_goodbye(running: Running, dsn: str) -> None:
    """SIGTERM: every connection is closed by the service itself, soon; Postgres need not notice a lost one."""
    for _ in range(6):
        running.get("/who")
    assert backends(dsn)
    os.kill(running.process.pid, signal.SIGTERM)
    running.process.wait(15)
    deadline = time.monotonic() + 5
    while backends(dsn) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert backends(dsn) == set()
    assert "ResourceWarning" not in running.log.read_text()
