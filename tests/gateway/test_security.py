"""Attacks on the gateway that once worked: what a hostile client or service sends, byte by byte."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tests.gateway.support import SECRET, RunningGateway, gateway, parse_answers, read_all, upstream

from howdah.data.execute import Answer
from howdah.gateway.headers import downstream_headers, upstream_headers, without_identity
from howdah.gateway.hot import HotRoute
from howdah.gateway.limits import EdgeLimits
from howdah.gateway.match import RouteTable, part_routes
from howdah.gateway.serving import edge_protocol
from howdah.gateway.session import Resolver
from howdah.session import ANONYMOUS, Session

# -- identity, in every spelling ---------------------------------------------------------------------------------------

SIGNS = "!#$%&'*+.^`|~"


@pytest.mark.parametrize("sign", SIGNS)
def test_no_sign_makes_a_name_that_some_server_folds_into_identity(sign: str) -> None:
    """A name that reads as identity or as a proxy's word once its signs are dashes reaches no service or part (R41)."""
    names = ["X-Hasura-Role", "x-hasura-user-id", "X-Forwarded-User", "Remote-User", "X-Howdah-Token", "X-Real-Ip"]
    folded = [(name.replace("-", sign).encode(), b"admin") for name in names]
    half = [(name.replace("-", sign, 1).encode(), b"admin") for name in names]
    ours = upstream_headers([], ANONYMOUS, host=b"h", client="", scheme="http", request_id="r")
    assert upstream_headers(folded + half, ANONYMOUS, host=b"h", client="", scheme="http", request_id="r") == ours
    assert without_identity(folded + half) == []
    assert downstream_headers(folded[:2] + half[:2], bodiless=False) == []


def test_names_that_only_look_alike_pass() -> None:
    """The twin: other names reach the service as they came."""
    fields = [(b"x-hasurarole", b"1"), (b"x-hasura", b"2"), (b"accept", b"3"), (b"x.trace", b"4"), (b"remote", b"5")]
    sent = upstream_headers(fields, ANONYMOUS, host=b"h", client="", scheme="http", request_id="r")
    assert sent[: len(fields)] == fields
    assert without_identity(fields) == fields


# -- the short way of queries ------------------------------------------------------------------------------------------


class Measure:
    """An engine whose answer to a query is its length."""

    def submit(self, body: bytes, session: Session) -> asyncio.Future[bytes] | None:
        """The length at once for even ones; for odd ones nothing, so that they are asked for with `answer`."""
        if len(body) % 2:
            return None
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        future.set_result(b"%d" % len(body))
        return future

    async def answer(self, body: bytes, session: Session) -> Answer:
        """The length."""
        return Answer(200, b"%d" % len(body))


def with_short_way(max_body: int = 1 << 20) -> type[asyncio.Protocol]:
    def ignore(event: object) -> None:
        pass

    hot = HotRoute(
        part="data",
        path="/v1/query",
        max_body=max_body,
        engine=Measure(),
        routes=RouteTable("localhost", part_routes("data")),
        resolver=Resolver((SECRET,)),
        emit=ignore,
    )
    return edge_protocol(EdgeLimits(), ignore, hot)


def sent_in_pieces(running: RunningGateway, body: bytes, piece: int) -> bytes:
    with running.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST /data/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n")
        for position in range(0, len(body), piece):
            connection.sendall(body[position : position + piece])
        return parse_answers(read_all(connection))[0].body


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 300_000])
def test_a_query_of_any_size_is_answered_with_the_short_way(size: int) -> None:
    """A large body is read to its end: a connection that is paused for it would stay so for ever (R50)."""
    with upstream() as up, gateway(service=up.port, http=with_short_way()) as running:
        body = sent_in_pieces(running, b"x" * size, 5000)
        # The part that stands in for the long way tells the length as well.
        assert f"{size}".encode() in body
