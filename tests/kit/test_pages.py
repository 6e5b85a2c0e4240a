"""What the kit does for browsers, proxies and whoever watches a service: the same in both frameworks."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.kit.servers import Running, service

HERE = Path(__file__).parent
SHOP, OTHER = "https://shop.example", "https://other.example"
COMMANDS = {
    "flask": ["-m", "gunicorn", "-c", "python:howdah.kit.gunicorn", "pages_app:flask_app"],
    "fastapi": ["-m", "uvicorn", "--host", "127.0.0.1", "--port", "$PORT", "pages_app:fastapi_app"],
}


@contextmanager
def started(framework: str, folder: Path, **environment: str) -> Iterator[Running]:
    """The app, with these variables."""
    given = {"HOWDAH_SERVICE": "pages", "PYTHONPATH": str(HERE), "TEST_FRAMEWORK": framework}
    with service(COMMANDS[framework], folder, folder / "log", given | environment) as running:
        yield running


@pytest.fixture(scope="module", params=sorted(COMMANDS))
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def running(framework: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(framework, tmp_path_factory.mktemp(framework)) as one:
        yield one


def test_a_page_on_the_list_may_call(running: Running) -> None:
    """It is told so, with its own origin; pages that are not on it are told nothing."""
    for origin, allowed in ((SHOP, SHOP), (OTHER, None), (f"{SHOP}.evil.example", None), ("null", None)):
        headers = running.get("/long", headers={"Origin": origin})[1]
        assert headers.get("access-control-allow-origin") == allowed
        assert headers.get("access-control-allow-credentials") == ("true" if allowed else None)
        assert {part.strip() for part in headers["vary"].split(",")} >= {"Cookie", "Origin"}


def test_a_page_asks_before_it_sends_what_is_not_harmless(running: Running) -> None:
    """204 in any case; what may be sent is said only to pages on the list, and for headers on the list."""
    ask = {
        "Origin": SHOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-secure-key, content-type",
    }
    status, headers, _ = running.get("/change/1", "OPTIONS", ask)
    assert (status, headers["access-control-allow-origin"]) == (204, SHOP)
    assert "X-Secure-Key" in headers["access-control-allow-headers"]
    for wrong in (
        {"Origin": OTHER},
        {"Access-Control-Request-Headers": "x-other"},
        {"Access-Control-Request-Method": "CONNECT"},
        {"Access-Control-Request-Headers": "a b"},
    ):
        status, headers, _ = running.get("/change/1", "OPTIONS", ask | wrong)
        assert status == 204
        assert not [name for name in headers if name.startswith("access-control-")]


def test_a_page_of_somebody_else_can_do_nothing_with_a_cookie(running: Running) -> None:
    """The token must come in the cookie and in the header; a planted one is not ours."""
    given = running.get("/short")[1]["set-cookie"]
    token = given.partition(";")[0].partition("=")[2]
    assert "HttpOnly" not in given

    def change(cookie: str | None, header: str | None, **more: str) -> tuple[int, Any]:
        headers = {
            "Cookie": cookie,
            "X-CSRF-Token": header,
            **{name.replace("_", "-"): text for name, text in more.items()},
        }
        sent = {name: text for name, text in headers.items() if text is not None}
        status, _, body = running.get("/change/1", "POST", sent)
        return status, json.loads(body)

    mine = f"session=1; csrf={token}"
    assert change(mine, token) == (200, {"changed": 1})
    assert change(None, None) == (200, {"changed": 1})  # without a cookie it acts for nobody
    planted = "planted.0000"
    for cookie, header in (
        (mine, None),
        (mine, "x"),
        ("session=1", token),
        (f"csrf={planted}", planted),
        (f"csrf={planted}; csrf={token}", token),
    ):
        status, error = change(cookie, header)
        assert (status, error["code"]) == (403, "csrf-failed")
    assert change(mine, token, Sec_Fetch_Site="cross-site")[0] == 403
    assert "set-cookie" not in running.get("/short", headers={"Cookie": mine})[1]


def test_long_answers_are_compressed_for_those_who_take_it(running: Running) -> None:
    """Short ones are not, nor those that say they are to be left alone (because of BREACH)."""
    status, headers, body = running.get("/long", headers={"Accept-Encoding": "gzip"})
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == b"howdah " * 1000
    assert "Accept-Encoding" in headers["vary"]
    for path, accepted in (("/long", "identity"), ("/short", "gzip"), ("/plain", "gzip")):
        headers = running.get(path, headers={"Accept-Encoding": accepted})[1]
        assert headers.get("content-encoding", "identity") == "identity"


def test_events_come_when_they_happen(running: Running) -> None:
    """An event stream is not compressed: its first event is there before its second is made."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    began = time.monotonic()
    connection.request("GET", "/events", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    assert answer.getheader("content-encoding") is None
    first = answer.read1(500)
    assert first.startswith(b"data: x")
    assert time.monotonic() - began < 1
    assert answer.read().endswith(b"data: last\n\n")
    connection.close()


def samples(text: str) -> dict[str, float]:
    """The samples of the kit's metric, by labels."""
    found = re.findall(r"^howdah_service_request_seconds_count\{(.*)\} (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def short(text: bytes) -> list[float]:
    """How often the short answer was given."""
    return [value for labels, value in samples(text.decode()).items() if 'route="/short"' in labels]


def until(true: Callable[[], bool]) -> None:
    """A request is counted when its last byte has left, which its client may know before."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_requests_are_counted_by_route(running: Running) -> None:
    """Not by path, of which there are as many as anybody likes; and not those that ask for the metrics."""
    before = samples(running.get("/-/metrics")[2].decode())
    for path, method in (("/change/7", "POST"), ("/change/8", "POST"), ("/nothing/9", "GET"), ("/short", "GET")):
        running.get(path, method)

    def grew() -> dict[str, float]:
        now = samples(running.get("/-/metrics")[2].decode())
        return {labels: value - before.get(labels, 0) for labels, value in now.items() if value != before.get(labels)}

    until(lambda: sorted(grew().values()) == [1, 1, 2])
    grown = grew()
    change = next(labels for labels, value in grown.items() if value == 2)
    assert re.search(r'route="/change/[{<](int:)?number[}>]"', change)
    assert 'method="POST"' in change
    assert any('route="unmatched",status="404"' in labels for labels in grown)
    assert "/nothing/9" not in running.get("/-/metrics")[2].decode()


def test_what_a_thread_did_not_catch_is_logged(running: Running) -> None:
    """As a line of JSON, with its traceback."""
    running.get("/thread")
    text = running.lines(lambda text: "unlucky" in text)
    record = next(json.loads(line) for line in text.splitlines() if "unlucky" in line)
    assert (record["level"], "ZeroDivisionError" in record["exception"]) == ("error", True)


def test_all_that_is_printed_is_json(running: Running) -> None:
    """Also what the server says of itself."""
    running.get("/short")
    lines = running.lines(lambda text: '"/short"' in text).splitlines()
    assert [line for line in lines if not line.startswith("{")] == []


def test_links_lead_below_the_path_that_a_proxy_took_away(framework: str, tmp_path: Path) -> None:
    """As a setting, or as the proxy says it; one that is no path is nothing."""
    with started(framework, tmp_path) as running:
        for prefix, url in (("/shop/api", "/shop/api/long"), ("//evil.example", "/long"), ("javascript:", "/long")):
            assert json.loads(running.get("/url", headers={"X-Forwarded-Prefix": prefix})[2])["url"] == url
    with started(framework, tmp_path, TEST_ROOT_PATH="/fixed") as running:
        body = json.loads(running.get("/url", headers={"X-Forwarded-Prefix": "/other"})[2])
        assert body["url"] == "/fixed/long"


def test_a_service_is_not_ready_before_it_stops(framework: str, tmp_path: Path) -> None:
    """SIGTERM: not ready at once, still answering for a while; what has begun is finished."""
    with started(framework, tmp_path, HOWDAH_DRAIN_SECONDS="2") as running:
        assert running.get("/-/ready")[0] == 200
        running.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 1.5
        while running.get("/-/ready")[0] != 503:
            assert time.monotonic() < deadline
        assert json.loads(running.get("/-/ready")[2]) == {"status": "stopping"}
        assert running.get("/-/live")[0] == 200
        assert running.get("/slow")[::2] == (200, b"slow")
        running.process.wait(20)


def told(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_lines_go_where_the_environment_says(framework: str, tmp_path: Path) -> None:
    """Into a file that is changed when it is full; all of them, in whichever file."""
    log = tmp_path / "logs" / "pages.jsonl"
    with started(
        framework, tmp_path, HOWDAH_LOG=f"file://{log}?max_bytes=2000&keep=100", HOWDAH_LOG_LEVEL="info"
    ) as running:
        for number in range(30):
            running.get("/short", headers={"X-Request-Id": f"line-{number}"})
        deadline = time.monotonic() + 10
        while True:
            files = sorted(log.parent.glob("pages.jsonl*"))
            ids = {record.get("request_id") for file in files for record in told(file.read_text())}
            if {f"line-{number}" for number in range(30)} <= ids:
                break
            assert time.monotonic() < deadline, ids
            time.sleep(0.05)
    assert len(files) > 2
    assert all(file.stat().st_size <= 2000 for file in files)


def test_a_request_is_a_span_below_its_callers(framework: str, tmp_path: Path) -> None:
    """W3C Trace Context comes in; spans go out over OTLP with route, status and the request's id."""
    from tests.kit.servers import telling

    def accept(connection: Any) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )

    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    with telling(accept) as collector:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url.removesuffix("/data"),
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        }
        with started(framework, tmp_path, **environment) as running:
            running.get("/change/5", "POST", {"traceparent": parent, "X-Request-Id": "traced-1"})
            deadline = time.monotonic() + 15
            while not any(b"traced-1" in one for one in collector.received):
                assert time.monotonic() < deadline, running.log.read_text()
                time.sleep(0.05)
        sent = next(one for one in collector.received if b"traced-1" in one)
    assert sent.startswith(b"POST /v1/traces")
    for part in (bytes.fromhex("a" * 32), bytes.fromhex("b" * 16), b"http.route", b"pages", b"POST /change/"):
        assert part in sent


def test_metrics_of_all_processes_are_counted_together(tmp_path: Path) -> None:
    """Whichever of gunicorn's workers is asked; on a port of their own where one is named."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with started("flask", tmp_path, WEB_CONCURRENCY="3", HOWDAH_THREADS="1") as running:
        for _ in range(30):
            running.get("/short")
        for _ in range(5):
            until(lambda: short(running.get("/-/metrics")[2]) == [30])
    environment: Mapping[str, str] = {"WEB_CONCURRENCY": "2", "HOWDAH_METRICS_PORT": port}
    with started("flask", tmp_path, **environment) as running:
        running.get("/short")
        assert running.get("/-/metrics")[0] == 404
        there = Running(int(port), running.process, running.log)
        until(lambda: short(there.get("/metrics")[2]) == [1])
