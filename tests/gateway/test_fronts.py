"""The table of malformed requests through a real nginx and a real haproxy: what they let pass must be harmless."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from tests.gateway import fronts
from tests.gateway.support import Answer, RunningGateway, gateway, parse_answers, upstream
from tests.gateway.test_edge import ACCEPTED, REFUSED, SECOND

from howdah.gateway.limits import EdgeLimits

FRONTS = {"nginx": fronts.plain_nginx, "haproxy": fronts.plain_haproxy}


@pytest.fixture(scope="module", params=FRONTS)
def fronted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, RunningGateway]]:
    """The port of a front, and the gateway behind it."""
    with (
        upstream() as up,
        gateway(service=up.port, edge=EdgeLimits(header_timeout=2, idle_timeout=4)) as running,
        FRONTS[request.param](tmp_path_factory.mktemp(request.param), running.port) as port,
    ):
        yield port, running


def send(port: int, data: bytes) -> list[Answer]:
    """The answers, until the front closes or has nothing more to say."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
        try:
            connection.sendall(data)
            while piece := connection.recv(65536):
                received += piece
        except OSError:
            pass
    if not received.startswith(b"HTTP/1."):
        return []  # HTTP/0.9 has no head
    return parse_answers(received)


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_front_lets_pass_is_refused_or_is_one_request(fronted: tuple[int, RunningGateway], name: str) -> None:
    """R43: however front and gateway read these bytes, nothing is run that the front did not see as a request."""
    port, running = fronted
    before = len(running.named("RequestServed"))
    answers = send(port, REFUSED[name][1] + SECOND)
    served = [event for event in running.named("RequestServed")[before:] if event.status < 400]
    # Each request that the gateway served is one that the front answered: none was hidden in another.
    good = [one for one in answers if one.status < 400]
    assert len(served) <= max(1, len(good)), (answers, served)
    assert len([one for one in answers if one.status >= 100]) <= 2
    assert [event.path for event in served].count("/data/second") <= 1
    if any(event.path == "/data/second" for event in served):
        assert len(answers) == 2 or len(served) == len(good)


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_well_formed_passes_through_a_front(fronted: tuple[int, RunningGateway], name: str) -> None:
    """R43: the twins are answered through a front too, or refused by the front itself."""
    port, running = fronted
    before = len(running.named("RequestRejected"))
    answers = send(port, ACCEPTED[name])
    assert len(answers) == 1
    if name != "no Host in HTTP/1.0":  # nginx makes HTTP/1.1 of it, without a Host
        assert answers[0].status == 200 or len(running.named("RequestRejected")) == before


def test_identity_does_not_pass_through_a_front(fronted: tuple[int, RunningGateway]) -> None:
    """R41: whatever a front lets through, in whatever spelling, the service sees ours alone."""
    port, _ = fronted
    for claim in ("X-Hasura-Role: admin", "X_Hasura_Role: admin", "X.Hasura.Role: admin", "Remote-User: root"):
        request = f"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{claim}\r\n\r\n"
        for one in send(port, request.encode()):
            if one.status == 200:
                seen = one.fields()
                assert seen["x-hasura-role"] == ["anonymous"]
                assert "root" not in str(seen) and "admin" not in str(seen)


def test_fronts_are_real(fronted: tuple[int, RunningGateway]) -> None:
    """The positive control: through the front a service is reached, with a body."""
    port, _ = fronted
    sent = b"POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    (one,) = send(port, sent)
    assert (one.status, one.json()["body"]) == (200, 3)
