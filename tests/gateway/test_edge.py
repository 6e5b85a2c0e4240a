"""What the edge refuses, shown with bytes on a socket; each refusal has its accepted twin."""

from __future__ import annotations

import socket
import time

import pytest
from tests.gateway.support import PROBLEM, RunningGateway, Upstream, gateway, parse_answers, read_all

from howdah.gateway.limits import EdgeLimits

CLOSE = b"Host: localhost\r\nConnection: close\r\n"
CHUNKED = b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
SECOND = b"GET /data/second HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

# What follows each of these bytes on the connection is SECOND, which must never run.
REFUSED = {
    # R43: framing that two readers could take apart differently
    "Content-Length beside Transfer-Encoding": (
        400,
        b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "Transfer-Encoding before Content-Length": (400, CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n"),
    "two Content-Lengths": (
        400,
        b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 42\r\n\r\n",
    ),
    "two equal Content-Lengths": (
        400,
        b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    ),
    "a list as Content-Length": (400, b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0, 0\r\n\r\n"),
    "a signed Content-Length": (400, b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n"),
    "an underscored Content-Length": (400, b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1_0\r\n\r\n"),
    "two Hosts": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nHost: data.localhost\r\n\r\n"),
    "two equal Hosts": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
    "no Host": (400, b"GET /data/x HTTP/1.1\r\nAccept: */*\r\n\r\n"),
    "an empty Host": (400, b"GET /data/x HTTP/1.1\r\nHost:\r\n\r\n"),
    "two Transfer-Encodings": (400, CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "gzip, chunked": (
        400,
        b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    "identity": (400, b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: identity\r\n\r\n"),
    "xchunked": (400, b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "chunked with a tail": (
        400,
        b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    ),
    "Transfer-Encoding in HTTP/1.0": (
        400,
        b"POST /data/x HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "bare LF between lines": (400, b"GET /data/x HTTP/1.1\nHost: localhost\n\n"),
    "bare LF after a field": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nAccept: a\nX-Smuggled: b\r\n\r\n"),
    "bare CR in a field": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nAccept: a\rX-Smuggled: b\r\n\r\n"),
    "bare LF after a chunk size": (400, CHUNKED + b"\r\n1\nZ\r\n0\r\n\r\n"),
    "bare LF in a trailer": (400, CHUNKED + b"\r\n0\r\nX: y\n\r\n"),
    "a chunk longer than its size": (400, CHUNKED + b"\r\n1\r\nZZ\r\n0\r\n\r\n"),
    "a space after a chunk size": (400, CHUNKED + b"\r\n1 \r\nZ\r\n0\r\n\r\n"),
    "a negative chunk size": (400, CHUNKED + b"\r\n-1\r\nZ\r\n0\r\n\r\n"),
    "obs-fold": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nAccept: a\r\n b\r\n\r\n"),
    "obs-fold of the first field": (400, b"GET /data/x HTTP/1.1\r\n Host: localhost\r\n\r\n"),
    "NUL in a value": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nAccept: a\x00b\r\n\r\n"),
    "NUL in a name": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nAcc\x00ept: a\r\n\r\n"),
    "NUL in the path": (400, b"GET /data/\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a control character in a value": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nAccept: a\x01b\r\n\r\n"),
    "a space before the colon": (400, b"GET /data/x HTTP/1.1\r\nHost : localhost\r\n\r\n"),
    "a tab before the colon": (400, b"GET /data/x HTTP/1.1\r\nHost\t: localhost\r\n\r\n"),
    # R41: names that a WSGI server folds into others
    "an underscore in a name": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nX_Hasura_Role: admin\r\n\r\n"),
    "an underscore in a harmless name": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nMy_Field: 1\r\n\r\n"),
    # Methods and protocols that lead past the gateway (R48).
    "TRACE": (405, b"TRACE /data/x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "CONNECT": (501, b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a method of WebDAV": (501, b"PROPFIND /data/x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a method of nobody's": (400, b"FROBNICATE /data/x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a method in lower case": (400, b"get /data/x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "h2c": (
        400,
        b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    ),
    "h2c with a body": (
        400,
        b"PUT /data/x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nabcd",
    ),
    "h2c without Connection": (400, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n\r\n"),
    "an upgrade to anything": (
        400,
        b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: tls/1.0\r\n\r\n",
    ),
    "a WebSocket and something else": (
        400,
        b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
    ),
    "HTTP/2.0 in the clear": (505, b"GET /data/x HTTP/2.0\r\nHost: localhost\r\n\r\n"),
    "HTTP/0.9": (505, b"GET /data/x\r\n\r\n"),
    "another expectation": (417, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nExpect: cake\r\n\r\n"),
    "no HTTP at all": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    # R44: paths that are not the same path to everybody
    "an encoded slash": (400, b"GET /data/..%2fx HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "an encoded slash alone": (400, b"GET /data%2Fx HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "an encoded backslash": (400, b"GET /data/%5c..%5Cx HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a backslash": (400, b"GET /data/\\x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a dot segment": (400, b"GET /shop/../data/x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a single dot segment": (400, b"GET /./data/x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a dot segment at the end": (400, b"GET /data/.. HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a dot segment after decoding": (400, b"GET /shop/%2e%2E/data HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a half encoded dot segment": (400, b"GET /shop/.%2e/data HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a dot segment with parameters": (400, b"GET /shop/..;x/data HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "an encoded NUL": (400, b"GET /data/x%00.png HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "an encoded line end": (400, b"GET /data/x%0d%0aX:y HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "an encoding inside an encoding": (400, b"GET /data/%252e%252e/x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "an overlong slash": (400, b"GET /data/..%c0%afx HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "half an escape": (400, b"GET /data/%2 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a raw umlaut": (400, "GET /data/ä HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()),
    "a raw umlaut in the query": (400, "GET /data/x?ä HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()),
    "a fragment": (400, b"GET /data/x#top HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a space in the path": (400, b"GET /data/x y HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "another host's URL": (400, b"GET http://other/data/x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "an asterisk": (400, b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    # How large a head may be (R50).
    "a header of 66 kB": (431, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 66_000 + b"\r\n\r\n"),
    "a header of 17 kB in small fields": (
        431,
        b"GET /data/x HTTP/1.1\r\nHost: localhost\r\n" + (b"X-Field: " + b"a" * 400 + b"\r\n") * 42 + b"\r\n",
    ),
    "101 fields": (431, b"GET /data/x HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 100 + b"\r\n"),
    "a path of 17 kB": (414, b"GET /data/" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
}

ACCEPTED = {
    "Content-Length alone": b"POST /data/x HTTP/1.1\r\n" + CLOSE + b"Content-Length: 1\r\n\r\nZ",
    "chunked alone": b"POST /data/x HTTP/1.1\r\n" + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n1\r\nZ\r\n0\r\n\r\n",
    "Chunked with a capital": b"POST /data/x HTTP/1.1\r\n" + CLOSE + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    "a chunk extension": b"POST /data/x HTTP/1.1\r\n"
    + CLOSE
    + b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nZ\r\n0\r\n\r\n",
    "one Host": b"GET /data/x HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "no Host in HTTP/1.0": b"GET /data/x HTTP/1.0\r\n\r\n",
    "an empty line first": b"\r\nGET /data/x HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "spaces around a value": b"GET /data/x HTTP/1.1\r\n" + CLOSE + b"Accept:   a  \r\n\r\n",
    "an empty value": b"GET /data/x HTTP/1.1\r\n" + CLOSE + b"Accept:\r\n\r\n",
    "bytes above ASCII in a value": b"GET /data/x HTTP/1.1\r\n" + CLOSE + b"X-Name: \xc3\xa4\r\n\r\n",
    "an upgrade without Connection": b"GET /data/x HTTP/1.1\r\n" + CLOSE + b"Upgrade: tls/1.0\r\n\r\n",
    "an encoded umlaut": b"GET /data/%C3%A4 HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "an encoded percent sign": b"GET /data/100%25 HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "a hidden file": b"GET /data/.well-known/x...y HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "an encoded slash in the query": b"GET /data/x?next=%2f..%2f HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "odd characters in the query": b'GET /data/x?a[]={"b":1}|c\\d HTTP/1.1\r\n' + CLOSE + b"\r\n",
    "this host's URL": b"GET http://localhost/data/x HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "a header of 15 kB": b"GET /data/x HTTP/1.1\r\n" + CLOSE + b"X-Long: " + b"a" * 15_000 + b"\r\n\r\n",
    "100 fields": b"GET /data/x HTTP/1.1\r\n" + CLOSE + b"A: b\r\n" * 98 + b"\r\n",
    "a path of 15 kB": b"GET /data/" + b"a" * 15_000 + b" HTTP/1.1\r\n" + CLOSE + b"\r\n",
} | {
    method: method.encode() + b" /data/x HTTP/1.1\r\n" + CLOSE + b"\r\n"
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_two_readers_could_read_apart_is_refused_and_nothing_behind_it_runs(
    server: RunningGateway, name: str
) -> None:
    """R41, R43, R44, R48, R50: one JSON refusal, then the connection closes; the second request is never answered."""
    status, sent = REFUSED[name]
    served = len(server.named("RequestServed"))
    answers = server.raw(sent + SECOND)
    assert [answer.status for answer in answers] == [status]
    assert answers[0].header("connection") == "close"
    assert answers[0].header("content-type") == "application/problem+json; charset=utf-8"
    assert answers[0].header("x-content-type-options") == "nosniff"
    body = answers[0].json()
    assert set(body) == {*PROBLEM, "code", "message", "request_id"} and body["request_id"] == answers[0].header(
        "x-request-id"
    )
    assert not [event for event in server.named("RequestServed")[served:] if event.path == "/data/second"]


@pytest.mark.parametrize("name", ["two Hosts", "an underscore in a name", "a header of 66 kB", "a dot segment"])
def test_a_refusal_does_not_depend_on_how_the_bytes_are_cut(server: RunningGateway, name: str) -> None:
    """R43, R44, R50: the same bytes in many segments are refused in the same way."""
    status, sent = REFUSED[name]
    pieces = [sent[start : start + 1000] for start in range(0, len(sent), 1000)]
    pieces = [*(bytes([byte]) for byte in pieces[0][:40]), pieces[0][40:], *pieces[1:]]
    assert server.raw(*pieces)[0].status == status


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_unambiguous_twin_of_each_refused_request_is_answered(server: RunningGateway, name: str) -> None:
    """R43, R44, R48, R50: strictness costs no honest client anything."""
    (answer,) = server.raw(ACCEPTED[name])
    assert answer.status == 200, answer.body


def test_a_refusal_waits_for_the_answers_before_it(server: RunningGateway) -> None:
    """R43: a good request and a bad one behind it get their answers in their order."""
    good = b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
    first, second = server.raw(good + REFUSED["two Hosts"][1])
    assert (first.status, first.json()["body"], second.status) == (200, 3, 400)


def test_two_good_requests_in_one_segment_are_both_answered(server: RunningGateway) -> None:
    """The twin: pipelining works, in order."""
    first, second = server.raw(
        b"GET /data/1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /data/2 HTTP/1.1\r\n" + CLOSE + b"\r\n"
    )
    assert (first.json()["path"], second.json()["path"]) == ("/1", "/2")


def test_nothing_runs_behind_a_request_that_closes(server: RunningGateway) -> None:
    """R43: after ``Connection: close`` there is no second request (RFC 9112 section 9.6)."""
    answers = server.raw(b"GET /data/1 HTTP/1.1\r\n" + CLOSE + b"\r\n" + SECOND)
    assert [answer.json().get("path") for answer in answers] == ["/1"]


def test_a_body_that_breaks_while_its_request_runs_is_refused(server: RunningGateway) -> None:
    """R43: the part is told that the client is gone, and the client is told why."""
    (answer,) = server.raw(CHUNKED + b"\r\n1\r\nZ\r\n", b"oops\r\n" + SECOND)
    assert (answer.status, answer.json()["code"]) == (400, "malformed-request")


def test_a_body_that_breaks_after_its_answer_brings_no_second_answer(server: RunningGateway) -> None:
    """R43: an answer nobody asked for could be taken for the next one, so the connection just closes."""
    early = b"POST /-/live HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nZ\r\n"
    with server.connect() as connection:
        connection.sendall(early)
        received = connection.recv(65536)
        connection.sendall(b"oops\r\n" + SECOND)
        assert [answer.status for answer in parse_answers(received + read_all(connection))] == [405]


def test_trailers_never_become_header_fields(server: RunningGateway, echo: Upstream) -> None:
    """R41: what comes behind the last chunk is dropped (RFC 9110 section 6.5.1)."""
    body = b"Transfer-Encoding: chunked\r\n\r\n1\r\nZ\r\n0\r\nX-Hasura-Role: admin\r\nX-Trailer: 1\r\n\r\n"
    for path in (b"/data/x", b"/x"):
        (answer,) = server.raw(b"POST " + path + b" HTTP/1.1\r\n" + CLOSE + body)
        seen = answer.fields()
        assert "x-trailer" not in seen and seen.get("x-hasura-role", ["anonymous"]) == ["anonymous"]


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_method_override_fields_are_dropped(server: RunningGateway, name: str) -> None:
    """R48: nobody behind the gateway takes a GET for a DELETE."""
    for path in ("/data/x", "/x"):
        assert name.lower() not in server.get(path, f"{name}: DELETE").fields()


def test_a_head_that_comes_too_slowly_is_refused(server: RunningGateway) -> None:
    """R50: the time counts from the first byte, however diligently more bytes drip in."""
    with server.connect() as connection:
        began = time.monotonic()
        for byte in b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                break
            if time.monotonic() - began > 2:
                break
            time.sleep(0.02)
        (answer,) = parse_answers(read_all(connection))
    assert (answer.status, answer.json()["code"]) == (408, "request-timeout")


def test_a_head_in_two_pieces_within_the_time_is_answered(server: RunningGateway) -> None:
    """The twin: a head may come in pieces."""
    with server.connect() as connection:
        connection.sendall(b"GET /data/x HTTP/1.1\r\nHo")
        time.sleep(0.1)
        connection.sendall(b"st: localhost\r\nConnection: close\r\n\r\n")
        assert parse_answers(read_all(connection))[0].status == 200


def test_a_body_that_stops_coming_is_refused(server: RunningGateway) -> None:
    """R50: a half-sent body does not hold its request for ever."""
    began = time.monotonic()
    (answer,) = server.raw(b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab")
    assert answer.status == 408
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("sent", [b"", b"GET /data/x HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n"])
def test_an_idle_connection_is_closed(server: RunningGateway, sent: bytes) -> None:
    """R50: also one on which nothing was ever said."""
    with server.connect() as connection:
        connection.sendall(sent)
        began = time.monotonic()
        data = read_all(connection)
        assert [answer.status for answer in parse_answers(data)] == ([200] if b"GET" in sent else [])
        assert 0.5 < time.monotonic() - began < 4


def test_a_connection_used_in_time_stays(server: RunningGateway) -> None:
    """The twin: keep-alive keeps a connection that is used."""
    with server.connect() as connection:
        for _ in range(4):
            connection.sendall(b"GET /data/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert parse_answers(connection.recv(65536))[0].status == 200
            time.sleep(0.3)


TRICKLE = b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("path", [b"/data/x", b"/x"])
def test_a_body_that_trickles_is_refused_and_a_slow_one_is_not(echo: Upstream, path: bytes) -> None:
    """R50: a byte now and then keeps no connection for ever; a body at the least rate is waited for."""
    limits = EdgeLimits(idle_timeout=5, body_rate=100, body_window=0.4)
    with gateway(service=echo.port, edge=limits) as running:
        for piece, status in ((b"a", 408), (b"a" * 20, 200)):
            with running.connect() as connection:
                connection.sendall(TRICKLE.replace(b"/data/x", path) % (12 * len(piece)))
                began = time.monotonic()
                for _ in range(12):
                    time.sleep(0.1)
                    try:
                        connection.sendall(piece)
                    except OSError:
                        break
                (answer,) = parse_answers(read_all(connection))
                assert answer.status == status
                if status == 408:
                    assert answer.json()["code"] == "request-timeout"
                    assert time.monotonic() - began < 2.5


def test_a_head_without_end_is_refused_before_it_fills_the_memory() -> None:
    """R50: one field that never ends meets the limit too, not only completed ones."""
    with gateway(edge=EdgeLimits(max_header=4096)) as running, running.connect() as connection:
        connection.sendall(b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nX-Endless: ")
        sent = 0
        try:
            while sent < 3_000_000:
                sent += connection.send(b"a" * 1000)
                time.sleep(0.0005)
                if running.named("RequestRejected"):
                    break
        except OSError:
            pass
        assert sent < 1_000_000
        assert parse_answers(read_all(connection))[0].status == 431


def test_refusals_are_events_without_what_was_sent(server: RunningGateway) -> None:
    """R75: the log tells that and why, never a header's value."""
    server.raw(b"GET /data/x HTTP/1.1\r\nHost: localhost\r\nX_Token: hunter2\r\n\r\n")
    event = server.named("RequestRejected")[-1]
    assert (event.code, event.status, event.client) == ("underscore-in-header-name", 400, "127.0.0.1")
    assert "hunter2" not in repr(event)


def test_http_1_0_gets_no_chunks() -> None:
    """A body of unknown length ends with the connection for a client that knows no chunks (RFC 9112 section 6.1)."""

    async def part(scope: dict, receive: object, send) -> None:  # type: ignore[no-untyped-def,type-arg]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one ", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    with gateway(part=part) as running:
        (old,) = running.raw(b"GET /data/x HTTP/1.0\r\n\r\n")
        assert not old.values("transfer-encoding") and old.body == b"one two"
        (new,) = running.raw(b"GET /data/x HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert new.header("transfer-encoding") == "chunked" and new.body == b"one two"


def test_a_client_that_waits_to_send_its_body_is_told_to(server: RunningGateway) -> None:
    """``Expect: 100-continue`` is answered when the body is wanted."""
    with server.connect() as connection:
        connection.sendall(b"POST /data/x HTTP/1.1\r\n" + CLOSE + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        (answer,) = parse_answers(read_all(connection))
        assert answer.json()["body"] == 3


def test_a_client_that_was_never_told_to_continue_is_not_misread(server: RunningGateway) -> None:
    """R43: refused early, it may send its body or not: the connection closes, so that neither becomes a request."""
    head = b"POST /-/live HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(
        SECOND
    )
    answers = server.raw(head + SECOND)
    assert [answer.status for answer in answers] == [405]


def test_stopping_lets_a_running_request_finish() -> None:
    """The server's graceful shutdown still works: the answer comes whole, then the connection closes."""
    with gateway() as running, running.connect() as connection:
        connection.sendall(b"POST /data/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na")
        while not running.server.server_state.tasks:
            time.sleep(0.01)
        running.server.should_exit = True
        time.sleep(0.3)
        connection.sendall(b"b")
        (answer,) = parse_answers(read_all(connection))
        assert answer.status == 200 and answer.header("connection") == "close"
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", running.port), timeout=1)
