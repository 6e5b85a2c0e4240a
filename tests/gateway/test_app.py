"""What every answer has, what the platform answers by itself, and what it tells about each request."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from typing import Any

import pytest
from tests.gateway.support import (
    PROBLEM,
    SECRET,
    Received,
    RunningGateway,
    eventually,
    gateway,
    parse_answers,
    read_all,
    upstream,
)
from uvicorn.protocols.http.h11_impl import H11Protocol

from howdah.gateway.errors import ServiceDown
from howdah.gateway.page import unavailable_page, what_is_wrong, where_it_is
from howdah.services.registry import Endpoint

TRACEBACK = (
    "Serving on 5000",
    "Traceback (most recent call last):",
    '  File "app.py", line 3, in <module>',
    "    import flsk",
    "\x1b[31mModuleNotFoundError: No module named '<script>alert(1)</script>'\x1b[0m",
    "exited with 1",
)


def test_live_asks_nothing_of_anybody(server: RunningGateway) -> None:
    """On every host, whoever calls."""
    for host in ("localhost", "app.localhost", "nobody.example.org"):
        answer = server.get("/-/live", "X-Hasura-Admin-Secret: wrong", host=host)
        assert (answer.status, answer.json(), answer.header("cache-control")) == (200, {"live": True}, "no-store")


def test_ready_says_what_is_not(server: RunningGateway) -> None:
    """200 when requests can be answered, 503 with the reason when not."""
    assert (server.get("/-/ready").status, server.get("/-/ready").json()) == (200, {"ready": True, "database": True})
    server.ready["ready"] = False
    try:
        answer = server.get("/-/ready")
        assert (answer.status, answer.json()) == (503, {"ready": False, "database": False})
        assert server.get("/-/live").status == 200
    finally:
        server.ready["ready"] = True


def test_the_platforms_own_paths_answer_reading_alone(server: RunningGateway) -> None:
    """405 for other methods, 404 for other paths; HEAD has no body."""
    answer = server.request("POST", "/-/live")
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")
    assert server.get("/-/metrics").status == 404
    assert server.request("HEAD", "/-/live").body == b""


@pytest.mark.parametrize("path", ["/data/x", "/x", "/-/live"])
@pytest.mark.parametrize("given", ["checkout-17", "A" * 64, "0.1_2-3"])
def test_a_sane_request_id_is_kept_all_the_way(server: RunningGateway, path: str, given: str) -> None:
    """The client's id comes back, reaches the part or service, and names the event."""
    answer = server.get(path, f"X-Request-Id: {given}")
    assert answer.header("x-request-id") == given
    if path == "/x":
        assert answer.fields()["x-request-id"] == [given]
    if path == "/data/x":
        assert answer.json()["request_id"] == given
    eventually(lambda: server.named("RequestServed")[-1].request_id == given)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("X-Request-Id: a b",),
        ("X-Request-Id: " + "A" * 65,),
        ("X-Request-Id:",),
        ("X-Request-Id: <script>",),
        ("X-Request-Id: a", "X-Request-Id: b"),
        ("X-Request-Id: a", "X-Request-Id: b", "X-Request-Id: c"),
    ],
)
def test_any_other_request_id_is_replaced(server: RunningGateway, fields: tuple[str, ...]) -> None:
    """R75: the twin: nothing of a client's stands in a log unless it is fit to, and ids are unique."""
    first, second = server.get("/x", *fields), server.get("/x", *fields)
    ids = [first.header("x-request-id"), second.header("x-request-id")]
    assert ids[0] != ids[1]
    for answer, request_id in zip((first, second), ids, strict=True):
        assert re.fullmatch(r"[0-9a-f]+-[0-9a-f]+", request_id)
        assert answer.fields()["x-request-id"] == [request_id]


def test_one_event_tells_about_each_request(server: RunningGateway) -> None:
    """R75: who asked for what, how it ended and how long it took; never the query, which may hold a secret."""
    before = len(server.named("RequestServed"))
    answer = server.get("/x?token=hunter2", f"X-Hasura-Admin-Secret: {SECRET}", "X-Hasura-Role: user")
    eventually(lambda: len(server.named("RequestServed")) == before + 1)
    event = server.named("RequestServed")[-1]
    assert (event.method, event.path, event.status, event.target, event.role) == ("GET", "/x", 200, "web", "user")
    assert event.request_id == answer.header("x-request-id") and event.bytes == len(answer.body)
    assert 0 < event.seconds < 5
    assert "hunter2" not in repr(server.events) and SECRET not in repr(server.events)


def test_the_platforms_answers_are_data_and_a_services_are_its_own(server: RunningGateway) -> None:
    """R56: nosniff and a policy that allows nothing on ours; a service's page may run what it likes."""
    for path in ("/data/x", "/-/live", "/-/nothing"):
        answer = server.get(path)
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"
        assert not answer.values("server")
    answer = server.get("/x")
    assert not answer.values("x-content-type-options") and not answer.values("content-security-policy")
    assert len(answer.values("date")) == 1 and not answer.values("server")


def test_a_bug_is_a_500_with_an_id_and_nothing_else(server: RunningGateway) -> None:
    """R76: the caller learns where to look, the log has the traceback, and the connection goes on."""
    with server.connect() as connection:
        connection.sendall(b"GET /data/bug HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.sendall(b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        bug, after = parse_answers(read_all(connection))
    assert (bug.status, after.status) == (500, 200)
    assert set(bug.json()) == {*PROBLEM, "code", "message", "request_id"} and bug.json()["code"] == "internal"
    assert b"Zero" not in bug.body
    (event,) = (event for event in server.named("RequestFailed") if event.request_id == bug.header("x-request-id"))
    assert event.error == "ZeroDivisionError" and "echo_part" in event.traceback


def test_a_bug_after_the_answer_began_breaks_it_off() -> None:
    """The twin: half an answer is never finished as if it were whole."""

    async def part(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ZeroDivisionError

    with gateway(part=part) as running:
        answer = running.get("/data/x")
        assert (answer.status, answer.complete) == (200, False)
        assert [event.error for event in running.named("RequestFailed")] == ["ZeroDivisionError"]


def test_a_down_service_is_json_outside_development() -> None:
    """Code, message, hint and request id, whatever the client would like; no log line ever (R76)."""
    with gateway(service=Endpoint("web", "127.0.0.1", 1, "failed", TRACEBACK)) as running:
        for fields in ((), ("Accept: text/html",)):
            answer = running.get("/", *fields)
            assert answer.status == 502 and answer.header("content-type").startswith("application/problem+json")
            assert set(answer.json()) == {*PROBLEM, "code", "message", "hint", "request_id"}
            assert answer.header("x-content-type-options") == "nosniff"
            assert b"flsk" not in answer.body and b"Traceback" not in answer.body


def test_a_down_service_is_a_page_in_development() -> None:
    """A browser is shown what is wrong, escaped; anything else gets JSON."""
    endpoint = Endpoint("web", "127.0.0.1", 1, "failed", TRACEBACK)
    with gateway(service=endpoint, development=True) as running:
        answer = running.get("/", "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
        page = answer.body.decode()
        assert answer.status == 502 and answer.header("content-type") == "text/html; charset=utf-8"
        assert answer.header("x-howdah-unavailable") == "1" and answer.header("cache-control") == "no-store"
        cause = page.split('role="alert">')[1].split("<")[0]
        assert cause == "ModuleNotFoundError: No module named &#x27;&lt;script&gt;alert(1)&lt;/script&gt;&#x27;"
        assert "<script>alert" not in page and "\x1b" not in page
        assert answer.header("x-request-id") in page and "howdah logs web" in page
        assert not re.search(r"https?://", page)  # nothing is loaded from anywhere
        assert (
            running.get("/", "Accept: application/json").header("content-type").startswith("application/problem+json")
        )

        with upstream() as up:
            running.update(Endpoint("web", "127.0.0.1", up.port, "ready"))
            back = running.request("HEAD", "/", "Accept: text/html")
            assert back.status == 200 and not back.values("x-howdah-unavailable")


def test_a_service_cannot_pretend_to_be_the_page() -> None:
    """R49: the mark the page looks for is the gateway's alone, or the page would wait for ever."""

    async def lying(request: Received, reader: Any, writer: Any) -> bool:
        writer.write(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\nX-Howdah-Unavailable: 1\r\n\r\n")
        return True

    with upstream(lying=lying) as up, gateway(service=up.port) as running:
        assert not running.get("/lying").values("x-howdah-unavailable")


def test_the_page_allows_only_its_own_script_and_style() -> None:
    """R56: the policy names both by their hash, so nothing that slips into the page runs."""
    shown = unavailable_page("web", ServiceDown(), (), "r1")
    page, policy = shown.body.decode(), dict(shown.fields)[b"content-security-policy"].decode()
    for tag in ("style", "script"):
        text = page.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (("Traceback (most recent call last):", "  x", "KeyError: 'DATABASE_URL'"), "KeyError: 'DATABASE_URL'"),
        (("  File 'a.py'", "    def f(", "         ^", "SyntaxError: not closed"), "SyntaxError: not closed"),
        (("sqlalchemy.exc.OperationalError: (psycopg) no", "bye"), "sqlalchemy.exc.OperationalError: (psycopg) no"),
        (("ValueError: a", "KeyError: b", "retrying"), "KeyError: b"),
        (("KeyboardInterrupt",), "KeyboardInterrupt"),
        (("hello", "no error here"), None),
        ((), None),
    ],
)
def test_the_cause_is_the_last_exception(lines: tuple[str, ...], cause: str | None) -> None:
    """A traceback's last line comes first on the page."""
    assert what_is_wrong(lines) == cause


def test_the_page_names_the_place() -> None:
    """A syntax error is shown with its file, line and code, above the log; without a traceback there is no place."""
    lines = (
        '  File "gunicorn.py", line 47, in load',
        "    return app()",
        '  File "/home/me/shop/server.py", line 19',
        "    def half(:",
        "             ^",
        "SyntaxError: invalid syntax",
        "[7] [INFO] Worker exiting",
    )
    place = ('File "/home/me/shop/server.py", line 19', "  def half(:", "           ^")
    assert where_it_is(lines, "SyntaxError: invalid syntax") == place
    page = unavailable_page("web", ServiceDown(), lines, "r1").body.decode()
    assert '<pre class="place">File &quot;/home/me/shop/server.py&quot;, line 19\n  def half(:' in page
    assert where_it_is(lines, "KeyError: other") == ()


def test_the_gateway_is_plain_asgi() -> None:
    """Under another server's protocol the same rules hold: paths (R44), forged names (R41), sessions, proxying."""
    with upstream() as up, gateway(service=up.port, http=H11Protocol) as running:
        assert running.get("/data/v1/query").json()["path"] == "/v1/query"
        assert running.get("/a%20b?x=1").json()["target"] == "/a%20b?x=1"
        assert running.request("POST", "/x", body=b"abc").json()["body"] == 3
        assert (
            running.raw(
                b"POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nabc\r\n0\r\n\r\n"
            )[0].json()["body"]
            == 3
        )
        assert running.get("/shop/..%2fadmin").status == 400
        assert running.get("/%2e%2e/data").status == 400
        for name in ("X_Hasura_Role", "x-hasura_role", "X-Hasura-Role"):
            assert running.get("/data/x", f"{name}: admin").json()["role"] == "anonymous"
            fields = running.get("/x", f"{name}: admin").fields()
            assert fields["x-hasura-role"] == ["anonymous"] and name.lower() not in set(fields) - {"x-hasura-role"}
        assert running.get("/x", f"X-Hasura-Admin-Secret: {SECRET}").fields()["x-hasura-role"] == ["admin"]


def test_a_client_that_leaves_is_noticed_under_any_server() -> None:
    """Without our own edge the leaving is read from ``receive``; the service's connection is closed all the same."""

    async def silent(request: Received, reader: Any, writer: Any) -> bool:
        assert await reader.read(1) == b""
        return False

    with upstream(silent=silent) as up, gateway(service=up.port, http=H11Protocol) as running:
        connection = running.connect()
        connection.sendall(b"GET /silent HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: up.connections == 1)
        time.sleep(0.05)
        connection.close()
        eventually(lambda: up.closed == 1)
        eventually(lambda: [event.status for event in running.named("RequestServed")] == [499])


def test_an_answer_that_breaks_off_is_broken_off_under_any_server() -> None:
    """Without our own edge the error itself makes the server drop the connection."""

    async def cut(request: Received, reader: Any, writer: Any) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        return False

    with upstream(cut=cut) as up, gateway(service=up.port, http=H11Protocol) as running:
        answer = running.get("/cut")
        assert (answer.status, answer.complete) == (200, False)


def test_the_server_goes_through_its_life_with_us() -> None:
    """Startup before the first request, shutdown after the last."""
    with gateway() as running:
        assert running.get("/-/live").status == 200 and "shutdown" not in running.events
    assert running.events[-1] == "shutdown"


def test_a_request_that_outlasts_the_stop_is_told_so() -> None:
    """When the server has waited long enough it says 503 and goes; no traceback is printed."""

    async def silent(request: Received, reader: Any, writer: Any) -> bool:
        await reader.read(1)
        return False

    with upstream(silent=silent) as up, gateway(service=up.port) as running, running.connect() as connection:
        connection.sendall(b"GET /silent HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: up.connections == 1)
        running.server.should_exit = True
        (answer,) = parse_answers(read_all(connection))
        assert (answer.status, answer.json()["code"]) == (503, "stopping")
    assert not running.named("RequestFailed")
