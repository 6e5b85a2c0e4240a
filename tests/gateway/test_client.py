"""Who the client is: by the socket, or as proxies say that are trusted."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.support import RunningGateway, Upstream, gateway

from howdah.gateway.client import Client, client_of
from howdah.gateway.site import Site

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def headers(*forwarded: str, proto: tuple[str, ...] = ()) -> list[tuple[bytes, bytes]]:
    return [
        *((b"x-forwarded-for", value.encode("latin-1")) for value in forwarded),
        *((b"x-forwarded-proto", value.encode()) for value in proto),
    ]


@pytest.mark.parametrize("trusted", [0, ()])
@given(forwarded=st.lists(st.text(alphabet="0123456789abcdef:., []", max_size=40), max_size=3))
def test_nobody_is_believed_unless_trusted(trusted: int, forwarded: list[str]) -> None:
    """Without a trusted proxy the address is the socket's, whatever the client writes (R11)."""
    assert client_of("192.0.2.1", "http", headers(*forwarded, proto=("https",)), trusted) == Client("192.0.2.1", "http")


@pytest.mark.parametrize(
    ("forwarded", "count", "address"),
    [
        (("192.0.2.7",), 1, "192.0.2.7"),
        (("6.6.6.6, 192.0.2.7",), 1, "192.0.2.7"),  # what stands further left is the client's own writing
        (("6.6.6.6", "192.0.2.7"), 1, "192.0.2.7"),  # two fields are one list
        (("6.6.6.6, 192.0.2.7, 10.0.0.9",), 2, "192.0.2.7"),
        (("192.0.2.7",), 2, "10.0.0.2"),  # it did not come through both
        ((), 1, "10.0.0.2"),
        (("unknown",), 1, "10.0.0.2"),
        (("192.0.2.7, ",), 1, "10.0.0.2"),
        (("[2001:db8::1]:4711",), 1, "2001:db8::1"),
        (("192.0.2.7:4711",), 1, "192.0.2.7"),
        (("::ffff:192.0.2.7",), 1, "192.0.2.7"),  # one address, spelled in one way
        (("2001:DB8:0::1",), 1, "2001:db8::1"),
    ],
)
def test_a_number_of_proxies(forwarded: tuple[str, ...], count: int, address: str) -> None:
    """The address is what the outermost trusted proxy saw, and the socket's where one has not written it (R11)."""
    assert client_of("10.0.0.2", "http", headers(*forwarded), count).address == address


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.2", ("192.0.2.7",), "192.0.2.7"),
        ("10.0.0.2", ("6.6.6.6, 192.0.2.7, 10.0.0.9",), "192.0.2.7"),
        ("fd00::2", ("6.6.6.6, 2001:db8::7, fd00::9",), "2001:db8::7"),
        ("10.0.0.2", ("10.0.0.5, 10.0.0.9",), "10.0.0.5"),  # a proxy that asks for itself
        ("10.0.0.2", ("6.6.6.6, spoofed, 10.0.0.9",), "10.0.0.9"),  # not further than what is certain
        ("10.0.0.2", (), "10.0.0.2"),
        ("192.0.2.66", ("6.6.6.6",), "192.0.2.66"),  # past the proxies: nothing it says counts
        ("", ("6.6.6.6",), ""),
    ],
)
def test_proxies_by_address(peer: str, forwarded: tuple[str, ...], address: str) -> None:
    """Only a connection from a trusted address is believed, and its list only as far as addresses are trusted (R11)."""
    assert client_of(peer, "http", headers(*forwarded), PROXIES).address == address


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("10.0.0.2", ("https",), "https"),
        ("10.0.0.2", ("HTTPS",), "https"),
        ("10.0.0.2", ("http",), "http"),
        ("10.0.0.2", (), "http"),
        ("10.0.0.2", ("https", "http"), "http"),  # two are none
        ("10.0.0.2", ("https, http",), "http"),
        ("10.0.0.2", ("javascript",), "http"),
        ("192.0.2.66", ("https",), "http"),
    ],
)
def test_the_scheme_is_a_trusted_proxys_word(peer: str, proto: tuple[str, ...], scheme: str) -> None:
    """Whether there was TLS is believed of trusted proxies alone (R11, R56)."""
    assert client_of(peer, "http", headers(proto=proto), PROXIES).scheme == scheme


def test_a_service_is_told_the_client_that_is_believed(echo: Upstream, server: RunningGateway) -> None:
    """What is sent upstream is one address and one scheme, the client's own words in neither (R11, R41)."""
    said = ("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", "X-Real-IP: 192.0.2.7")
    seen = server.get("/", *said).fields()
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == (["127.0.0.1"], ["http"])
    assert "x-real-ip" not in seen
    with gateway(service=echo.port, site=Site(trusted_proxies=1)) as behind:
        seen = behind.get("/", "X-Forwarded-For: 6.6.6.6", *said).fields()
        assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == (["192.0.2.7"], ["https"])
        assert behind.get("/data/x", *said).status == 200
    with gateway(service=echo.port, site=Site(public_scheme="https")) as behind:
        assert behind.get("/").fields()["x-forwarded-proto"] == ["https"]
