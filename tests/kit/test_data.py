"""The Data API's client against servers that answer well, badly, late and not at all."""

from __future__ import annotations

import asyncio
import contextvars
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.kit.servers import free_port, read_request, response, telling

from howdah.errors import HowdahError
from howdah.kit import context
from howdah.kit.context import request_id
from howdah.kit.data import AsyncData, Data, asynchronous
from howdah.kit.errors import (
    BadAnswer,
    CallerOver,
    CallerUnproven,
    DataBusy,
    DataConflict,
    DataForbidden,
    DataRefused,
    DataTimeout,
    DataUnreachable,
    KitError,
    NotConfigured,
    OutsideRequest,
)
from howdah.kit.identity import write_keys
from howdah.kit.internal_token import sign_internal_token
from howdah.kit.relay import relayed_of
from howdah.session import Session


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    """The event loop of coroutines, whose connections are closed in the end."""
    with asyncio.Runner() as runner:
        yield runner
        runner.run(asynchronous._SENDER.close())


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, loop: asyncio.Runner) -> Callable[..., Any]:
    """Makes a client; both kinds do the same."""
    if request.param == "sync":
        return Data
    return lambda *args, **named: Waiting(AsyncData(*args, **named), loop)


@dataclass
class Waiting:
    """A client for coroutines, whose methods wait."""

    client: Any
    loop: asyncio.Runner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("as_") or name == "with_timeout":
            return lambda *args: Waiting(getattr(self.client, name)(*args), self.loop)
        return lambda *args, **named: self.loop.run(
            getattr(self.client, name)(*args, **named), context=contextvars.copy_context()
        )

    def __repr__(self) -> str:
        return repr(self.client)


SELECT = {"type": "select", "args": {"table": "article", "columns": ["id"], "where": {"title": "naïve"}}}


def saying(data: bytes) -> Callable[[socket.socket], None]:
    """An answer of exactly these bytes."""
    return lambda connection: connection.sendall(data)


def test_a_query_goes_out_and_its_rows_come_back(client: Callable[..., Any]) -> None:
    """A POST of the query as JSON to /v1/query below the URL; the result is the parsed body."""
    with telling(saying(response(b'[{"id": 1}]'))) as server:
        assert client(server.url).query(SELECT) == [{"id": 1}]
        head, _, body = server.received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /data/v1/query HTTP/1.1\r\n")
    assert json.loads(body) == SELECT
    assert b"x-hasura" not in head.lower()


def test_a_chunked_answer_is_read_to_its_end(client: Callable[..., Any]) -> None:
    """The client reads both ways of framing a body."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
    with telling(saying(chunked)) as server:
        assert client(server.url).query(SELECT) == [1, 2]


def test_the_url_comes_from_the_environment(client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """H6: HOWDAH_DATA_URL is read when it is needed; without it a query, not an import, says what to do."""
    monkeypatch.delenv("HOWDAH_DATA_URL", raising=False)
    data = client()
    with pytest.raises(NotConfigured) as caught:
        data.query(SELECT)
    assert "howdah dev" in str(caught.value.hint)
    with telling(saying(response(b"[]"))) as server:
        for url in (server.url, server.url + "/", server.url + "/v1/query"):
            monkeypatch.setenv("HOWDAH_DATA_URL", url)
            assert data.query(SELECT) == []
        assert all(received.startswith(b"POST /data/v1/query ") for received in server.received)


@pytest.mark.parametrize("url", ["localhost:8080/data", "ftp://x/data", "http:///data"])
def test_a_url_that_leads_nowhere_is_refused(client: Callable[..., Any], url: str) -> None:
    """Only http and https URLs with a host are where a Data API can be."""
    with pytest.raises(NotConfigured):
        client(url).query(SELECT)


def test_the_admin_secret_and_a_session_are_sent(client: Callable[..., Any]) -> None:
    """With the secret the client is admin, or asks on behalf of a session; the secret is in no repr."""
    data = client("http://unused", admin_secret="Zk3-9vT1xQ8rLwYb2mNc")
    assert "Zk3" not in repr(data)
    with telling(saying(response(b"[]"))) as server:
        data = client(server.url, admin_secret="Zk3-9vT1xQ8rLwYb2mNc")
        data.query(SELECT)
        data.as_session(Session("user", {"x-hasura-user-id": "7"})).query(SELECT)
        admin, user = (received.lower() for received in server.received)
    assert b"x-hasura-admin-secret: zk3-9vt1xq8rlwyb2mnc" in admin
    assert b"x-hasura-role" not in admin
    assert b"x-hasura-role: user\r\nx-hasura-user-id: 7" in user


def test_only_a_client_with_the_secret_asks_for_others(client: Callable[..., Any]) -> None:
    """Without it the gateway would drop the headers; that the query ran as anonymous must not go unnoticed."""
    with pytest.raises(KitError, match="admin secret"):
        client("http://unused").as_session(Session("user"))


def test_the_requests_id_travels_along(client: Callable[..., Any]) -> None:
    """A query made while answering a request carries its id."""
    with telling(saying(response(b"[]"))) as server:
        token = request_id.set("checkout-17")
        try:
            client(server.url).query(SELECT)
        finally:
            request_id.reset(token)
        client(server.url).query(SELECT)
        assert b"X-Request-Id: checkout-17" in server.received[0]
        assert b"X-Request-Id" not in server.received[1]


def test_a_refusal_keeps_what_the_data_api_said(client: Callable[..., Any]) -> None:
    """Status, code, path and message of its error; for the service's own caller it is a 502."""
    body = b'{"path": "$.args.table", "error": "table \\"x\\" does not exist", "code": "not-exists"}'
    with telling(saying(response(body, "400 Bad Request"))) as server, pytest.raises(DataRefused) as caught:
        client(server.url).query(SELECT)
    error = caught.value
    assert (error.answer_status, error.answer_code, error.path) == (400, "not-exists", "$.args.table")
    assert (error.message, error.status, error.code) == ('table "x" does not exist', 502, "kit-refused")


WRONG: list[tuple[bytes, type[KitError]]] = [
    # a page of some proxy
    (response(b"<html>", "502 Bad Gateway"), BadAnswer),
    # JSON, but no error of the Data API
    (response(b"[]", "404 Not Found"), BadAnswer),
    (response(b'{"code": 7}', "500 Internal Server Error"), BadAnswer),
    # somewhere else: not followed
    (response(b"{}", "307 Temporary Redirect"), BadAnswer),
    # half an answer
    (response(b"[1,", length=100), DataUnreachable),
    # no HTTP at all
    (b"SSH-2.0-OpenSSH\r\n", DataUnreachable),
    # not a byte
    (b"", DataUnreachable),
]


@pytest.mark.parametrize(("answer", "expected"), WRONG)
def test_a_wrong_answer_is_an_error_that_says_where_it_was_looked_for(
    client: Callable[..., Any], answer: bytes, expected: type[HowdahError]
) -> None:
    """Whatever answers in the Data API's place, the error is ours and names the address."""
    with telling(saying(answer)) as server, pytest.raises(expected) as caught:
        client(server.url).query(SELECT)
    assert "127.0.0.1" in str(caught.value.hint)


def test_nobody_listening_is_an_error_at_once(client: Callable[..., Any]) -> None:
    """A refused connection does not wait for the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(DataUnreachable):
        client(f"http://127.0.0.1:{port}", timeout=60).query(SELECT)


@pytest.mark.parametrize("drip", [b"", b" "])
def test_an_answer_that_never_ends_is_given_up(client: Callable[..., Any], drip: bytes) -> None:
    """H3: the timeout is for the whole query: silence and a drip of bytes both end it."""
    stop = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while not stop.wait(0.02):
                connection.sendall(drip)
        except OSError:
            return

    with telling(answer) as server:
        started = time.monotonic()
        with pytest.raises(DataTimeout) as caught:
            client(server.url, timeout=0.3).query(SELECT)
        took = time.monotonic() - started
        stop.set()
    assert took < 5
    assert caught.value.status == 504


def test_a_number_that_is_not_json_is_not_sent(client: Callable[..., Any]) -> None:
    """NaN is no JSON; the query never leaves."""
    with pytest.raises(ValueError, match="JSON"):
        client("http://unused").query({"limit": float("nan")})


# -- typed errors ------------------------------------------------------------------------------------------------------

KINDS: list[tuple[str, str, type[DataRefused], int]] = [
    ("400 Bad Request", "permission-denied", DataForbidden, 403),
    ("400 Bad Request", "permission-error", DataForbidden, 403),
    ("400 Bad Request", "constraint-violation", DataConflict, 409),
    ("400 Bad Request", "parse-failed", DataRefused, 502),
    ("503 Service Unavailable", "postgres-error", DataBusy, 503),
]


@pytest.mark.parametrize(("status", "code", "kind", "answered"), KINDS)
def test_a_refusal_is_of_a_kind(
    client: Callable[..., Any], status: str, code: str, kind: type[DataRefused], answered: int
) -> None:
    """Permission, constraint, weather and mistake are told apart, by class and by what the service's caller is told."""
    body = json.dumps({"path": "$", "error": "row 7 of secret_table", "code": code}).encode()
    with telling(saying(response(body, status))) as server, pytest.raises(DataRefused) as caught:
        client(server.url, attempts=1).query(SELECT)
    assert type(caught.value) is kind
    assert caught.value.status == answered
    assert "secret_table" not in json.dumps(caught.value.to_json())
    assert "secret_table" in str(caught.value)  # which is for the log


# -- again, or not -----------------------------------------------------------------------------------------------------

INSERT = {"type": "insert", "args": {"table": "article", "objects": [{"title": "x"}]}}
BUSY = response(b'{"path": "$", "error": "busy", "code": "postgres-error"}', "503 Service Unavailable")


@pytest.mark.parametrize("first", [b"", BUSY, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1,"])
def test_a_read_is_asked_again_and_a_write_is_not(client: Callable[..., Any], first: bytes) -> None:
    """Nobody knows whether a write that was not answered has happened; a read happens as often as it likes."""
    answers = iter([first, response(b"[1]")])
    with telling(lambda connection: connection.sendall(next(answers))) as server:
        assert client(server.url).query(SELECT) == [1]
    answers = iter([first, response(b"[1]")])
    with telling(lambda connection: connection.sendall(next(answers))) as server:
        with pytest.raises((DataUnreachable, DataBusy)):
            client(server.url).query(INSERT)
        assert len(server.received) == 1


def test_a_write_that_never_left_is_tried_again(client: Callable[..., Any]) -> None:
    """A refused connection has sent nothing: the query waits for a server that is just starting."""
    port = free_port()

    def start() -> None:
        time.sleep(0.3)
        with socket.create_server(("127.0.0.1", port)) as listener:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(response(b'{"affected_rows": 1}'))

    thread = threading.Thread(target=start)
    thread.start()
    try:
        assert client(f"http://127.0.0.1:{port}", attempts=30).query(INSERT) == {"affected_rows": 1}
    finally:
        thread.join(10)


def test_connections_are_kept(client: Callable[..., Any]) -> None:
    """Three queries, one connection; and one that the server has closed meanwhile is no error, for a read."""
    further = iter([2, 0])

    def answer(connection: socket.socket) -> None:
        connection.sendall(response(b"[]"))
        for _ in range(next(further)):
            read_request(connection)
            connection.sendall(response(b"[]"))

    with telling(answer) as server:
        asking = client(server.url)
        for _ in range(4):
            assert asking.query(SELECT) == []
        assert len(server.received) == 2


# -- on whose behalf ---------------------------------------------------------------------------------------------------

KEY = b"k" * 32
ANN = Session("user", {"x-hasura-user-id": "7"})


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a service that the gateway shares a key with."""
    monkeypatch.setenv("HOWDAH_INTERNAL_KEY", write_keys([KEY]))
    monkeypatch.setenv("HOWDAH_SERVICE", "app")
    monkeypatch.delenv("HOWDAH_SERVICE_TOKEN", raising=False)


def told(now: float) -> list[tuple[str, str]]:
    return [("X-Howdah-Internal-Token", sign_internal_token(KEY, ANN, audience="app", now=now))]


@pytest.mark.usefixtures("keyed")
def test_the_caller_is_who_calls_at_the_moment(client: Callable[..., Any]) -> None:
    """R36: one client asks for each caller in turn; outside of a request, or without their word, it is refused."""
    with telling(saying(response(b"[]"))) as server:
        asking = client(server.url).as_caller()
        with pytest.raises(OutsideRequest):
            asking.query(SELECT)
        with acting(ANN, told(time.time())):
            asking.query(SELECT)
        with acting(ANN, []), pytest.raises(CallerUnproven):
            asking.query(SELECT)
        with acting(ANN, told(time.time() - 31)), pytest.raises(CallerOver):
            asking.query(SELECT)
        assert len(server.received) == 1
        assert b"\r\nAuthorization: Bearer " in server.received[0]


@contextmanager
def acting(session: Session, headers: list[tuple[str, str]]) -> Iterator[None]:
    one = context.Exchange(session, "r-1", 0.0, relayed_of(headers))
    tokens = context.enter(one)
    try:
        yield
    finally:
        context.leave(tokens)


def test_without_a_key_only_nobody_can_be_passed_on(
    client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R36: an anonymous caller needs no proof; anybody else does, and it is not done as somebody else instead."""
    monkeypatch.delenv("HOWDAH_INTERNAL_KEY", raising=False)
    with telling(saying(response(b"[]"))) as server:
        with acting(Session("anonymous"), []):
            client(server.url).as_caller().query(SELECT)
        with acting(ANN, []), pytest.raises(NotConfigured):
            client(server.url).as_caller().query(SELECT)
        with pytest.raises(NotConfigured):
            client(server.url).as_service().query(SELECT)
        assert len(server.received) == 1
        assert b"Authorization" not in server.received[0]


@pytest.mark.usefixtures("keyed")
def test_a_service_asks_with_its_token_or_its_key(client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A service token where there is one, else the service's own word."""
    with telling(saying(response(b"[]"))) as server:
        client(server.url, token="hwd_given").as_service().query(SELECT)
        client(server.url).as_service().query(SELECT)
        monkeypatch.setenv("HOWDAH_SERVICE_TOKEN", "hwd_environment")
        client(server.url).as_service().query(SELECT)
        shown = [line for text in server.received for line in text.split(b"\r\n") if line.startswith(b"Authorization")]
    assert shown[0] == b"Authorization: Bearer hwd_given"
    assert shown[1].startswith(b"Authorization: Bearer eyJ")
    assert shown[2] == b"Authorization: Bearer hwd_environment"


def test_the_trace_travels_along(client: Callable[..., Any]) -> None:
    """W3C Trace Context: what came in goes on, unless it is none."""
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    with telling(saying(response(b"[]"))) as server:
        with acting(Session("anonymous"), [("traceparent", trace)]):
            client(server.url).query(SELECT)
        with acting(Session("anonymous"), [("traceparent", "x y")]):
            client(server.url).query(SELECT)
        assert f"traceparent: {trace}".encode() in server.received[0]
        assert b"traceparent" not in server.received[1]


def test_a_span_is_the_nearer_parent() -> None:
    """Where somebody traces with OpenTelemetry, what is asked belongs to the current span, and not to the caller's."""
    code = """
from opentelemetry.sdk.trace import TracerProvider
from howdah.kit import context
from howdah.kit.outbound.tracing import tracing_headers
from howdah.kit.relay import relayed_of
from howdah.session import ANONYMOUS

came = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
context.enter(context.Exchange(ANONYMOUS, "r-1", 0.0, relayed_of([("traceparent", came)])))
with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
    print(tracing_headers()["traceparent"].split("-")[2] == format(span.get_span_context().span_id, "016x"))
print(tracing_headers() == {"X-Request-Id": "r-1", "traceparent": came})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\nTrue\n"


# -- processes and threads ---------------------------------------------------------------------------------------------


def _ask(url: str, number: int, results: Any) -> None:
    rows = [Data(url).query({"type": "select", "args": {"table": str(number)}}) for _ in range(20)]
    results.put((number, os.getpid(), rows))


def test_processes_that_fork_share_no_connection() -> None:
    """Each of several children and the parent gets its own answers, though the parent had a connection open before."""
    with echoing() as url:
        assert Data(url).query({"type": "select", "args": {"table": "0"}}) == "0"
        fork = multiprocessing.get_context("fork")
        results = fork.Queue()
        children = [fork.Process(target=_ask, args=(url, number, results)) for number in range(1, 4)]
        for child in children:
            child.start()
        own = [Data(url).query({"type": "select", "args": {"table": "0"}}) for _ in range(20)]
        seen = [results.get(timeout=20) for _ in children]
        for child in children:
            child.join(20)
    assert own == ["0"] * 20
    assert sorted((number, rows) for number, _, rows in seen) == [(n, [str(n)] * 20) for n in range(1, 4)]


def test_threads_get_their_own_answers() -> None:
    """One client, many threads."""
    found: dict[int, list[str]] = {}
    with echoing() as url:
        asking = Data(url)

        def ask(number: int) -> None:
            query = {"type": "select", "args": {"table": str(number)}}
            found[number] = [asking.query(query) for _ in range(10)]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert found == {number: [str(number)] * 10 for number in range(12)}


@contextmanager
def echoing() -> Iterator[str]:
    """A server that keeps connections open and answers each query with the name of its table."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(query["args"]["table"]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(10)
