"""The gateway's word to a service: fresh, for that service, and made once for many requests."""

from __future__ import annotations

import pytest

from howdah.gateway.headers import identity_headers, upstream_headers
from howdah.gateway.internal import INTERNAL_FIELD, InternalTokens
from howdah.kit.errors import CallerUnproven
from howdah.kit.internal_token import verify_internal_token
from howdah.session import Session

KEYS = {"app": b"a" * 32, "bills": b"b" * 32}
ANN = Session("user", {"x-hasura-user-id": "7", "x-hasura-name": "Änn"})


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def token(tokens: InternalTokens, service: str = "app", session: Session = ANN) -> str:
    ((name, value),) = tokens.fields(service, identity_headers(session))
    assert name == INTERNAL_FIELD
    return value.decode()


def test_it_says_what_the_headers_say_to_one_service_for_a_minute() -> None:
    """R36: another service, another key, another time: refused."""
    clock = Clock()
    said = token(InternalTokens(KEYS, clock))
    assert verify_internal_token(said, [KEYS["app"]], audience="app", now=clock.now + 59) == ANN
    for keys, audience, later in (
        ([KEYS["app"]], "app", 60),
        ([KEYS["app"]], "bills", 0),
        ([KEYS["bills"]], "app", 0),
        ([], "app", 0),
    ):
        with pytest.raises(CallerUnproven):
            verify_internal_token(said, keys, audience=audience, now=clock.now + later)


def test_it_is_made_once_for_a_caller_and_always_good_for_half_a_minute() -> None:
    """R36: the same token for half a minute, then a new one; never one caller's for another."""
    clock = Clock()
    tokens = InternalTokens(KEYS, clock)
    first = token(tokens)
    clock.now += 29
    assert token(tokens) == first
    assert token(tokens, "bills") != first
    assert token(tokens, session=Session("user", {"x-hasura-user-id": "8"})) != first
    assert verify_internal_token(first, [KEYS["app"]], audience="app", now=clock.now + 30) == ANN
    clock.now += 1
    assert token(tokens) != first


def test_a_service_without_a_key_is_told_without_proof() -> None:
    """R36: there is no token for it; for its neighbour there is."""
    tokens = InternalTokens({"app": b"a" * 32})
    assert tokens.fields("other", identity_headers(ANN)) == ()
    assert tokens.fields("app", identity_headers(ANN))


def test_a_client_cannot_bring_or_name_one_away() -> None:
    """R36, R41, R42: whatever it sends under that name is dropped, then ours is set once."""
    sent = [
        (b"x-howdah-internal-token", b"forged"),
        (b"X-Howdah-Internal-Token", b"forged"),
        (b"connection", b"x-howdah-internal-token"),
    ]
    fields = upstream_headers(
        sent,
        ANN,
        host=b"localhost",
        client="127.0.0.1",
        scheme="http",
        request_id="1",
        internal=InternalTokens(KEYS),
        service="app",
    )
    (value,) = [value for name, value in fields if name.lower() == INTERNAL_FIELD]
    assert verify_internal_token(value.decode(), [KEYS["app"]], audience="app") == ANN
