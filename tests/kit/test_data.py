"""The Data API's client against servers that answer well, badly, late and not at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable

import pytest
from tests.kit.servers import response, telling

from howdah.errors import HowdahError
from howdah.kit.context import request_id
from howdah.kit.data import Data
from howdah.kit.errors import BadAnswer, DataRefused, DataTimeout, DataUnreachable, KitError, NotConfigured
from howdah.session import Session

SELECT = {"type": "select", "args": {"table": "article", "columns": ["id"], "where": {"title": "naïve"}}}


def saying(data: bytes) -> Callable[[socket.socket], None]:
    """An answer of exactly these bytes."""
    return lambda connection: connection.sendall(data)


def test_a_query_goes_out_and_its_rows_come_back() -> None:
    """A POST of the query as JSON to /v1/query below the URL; the result is the parsed body."""
    with telling(saying(response(b'[{"id": 1}]'))) as server:
        assert Data(server.url).query(SELECT) == [{"id": 1}]
        head, _, body = server.received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /data/v1/query HTTP/1.1\r\n")
    assert json.loads(body) == SELECT
    assert b"x-hasura" not in head.lower()


def test_a_chunked_answer_is_read_to_its_end() -> None:
    """The client reads both ways of framing a body."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
    with telling(saying(chunked)) as server:
        assert Data(server.url).query(SELECT) == [1, 2]


def test_the_url_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOWDAH_DATA_URL is read when it is needed; without it a query, not an import, says what to do."""
    monkeypatch.delenv("HOWDAH_DATA_URL", raising=False)
    data = Data()
    with pytest.raises(NotConfigured) as caught:
        data.query(SELECT)
    assert "howdah dev" in str(caught.value.hint)
    with telling(saying(response(b"[]"))) as server:
        for url in (server.url, server.url + "/", server.url + "/v1/query"):
            monkeypatch.setenv("HOWDAH_DATA_URL", url)
            assert data.query(SELECT) == []
        assert all(received.startswith(b"POST /data/v1/query ") for received in server.received)


@pytest.mark.parametrize("url", ["localhost:8080/data", "ftp://x/data", "http:///data"])
def test_a_url_that_leads_nowhere_is_refused(url: str) -> None:
    """Only http and https URLs with a host are where a Data API can be."""
    with pytest.raises(NotConfigured):
        Data(url).query(SELECT)


def test_the_admin_secret_and_a_session_are_sent() -> None:
    """With the secret the client is admin, or asks on behalf of a session; the secret is in no repr."""
    data = Data("http://unused", admin_secret="Zk3-9vT1xQ8rLwYb2mNc")
    assert "Zk3" not in repr(data)
    with telling(saying(response(b"[]"))) as server:
        data = Data(server.url, admin_secret="Zk3-9vT1xQ8rLwYb2mNc")
        data.query(SELECT)
        data.as_session(Session("user", {"x-hasura-user-id": "7"})).query(SELECT)
        admin, user = (received.lower() for received in server.received)
    assert b"x-hasura-admin-secret: zk3-9vt1xq8rlwyb2mnc" in admin
    assert b"x-hasura-role" not in admin
    assert b"x-hasura-role: user\r\nx-hasura-user-id: 7" in user


def test_only_a_client_with_the_secret_asks_for_others() -> None:
    """Without it the gateway would drop the headers; that the query ran as anonymous must not go unnoticed."""
    with pytest.raises(KitError, match="admin secret"):
        Data("http://unused").as_session(Session("user"))


def test_the_requests_id_travels_along() -> None:
    """A query made while answering a request carries its id."""
    with telling(saying(response(b"[]"))) as server:
        token = request_id.set("checkout-17")
        try:
            Data(server.url).query(SELECT)
        finally:
            request_id.reset(token)
        Data(server.url).query(SELECT)
        assert b"X-Request-Id: checkout-17" in server.received[0]
        assert b"X-Request-Id" not in server.received[1]


def test_a_refusal_keeps_what_the_data_api_said() -> None:
    """Status, code, path and message of its error; for the service's own caller it is a 502."""
    body = b'{"path": "$.args.table", "error": "table \\"x\\" does not exist", "code": "not-exists"}'
    with telling(saying(response(body, "400 Bad Request"))) as server, pytest.raises(DataRefused) as caught:
        Data(server.url).query(SELECT)
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
    answer: bytes, expected: type[HowdahError]
) -> None:
    """Whatever answers in the Data API's place, the error is ours and names the address."""
    with telling(saying(answer)) as server, pytest.raises(expected) as caught:
        Data(server.url).query(SELECT)
    assert "127.0.0.1" in str(caught.value.hint)


def test_nobody_listening_is_an_error_at_once() -> None:
    """A refused connection does not wait for the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(DataUnreachable):
        Data(f"http://127.0.0.1:{port}", timeout=60).query(SELECT)


@pytest.mark.parametrize("drip", [b"", b" "])
def test_an_answer_that_never_ends_is_given_up(drip: bytes) -> None:
    """The timeout is for the whole query: silence and a drip of bytes both end it."""
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
            Data(server.url, timeout=0.3).query(SELECT)
        took = time.monotonic() - started
        stop.set()
    assert took < 5
    assert caught.value.status == 504


def test_a_number_that_is_not_json_is_not_sent() -> None:
    """NaN is no JSON; the query never leaves."""
    with pytest.raises(ValueError, match="JSON"):
        Data("http://unused").query({"limit": float("nan")})
