"""A service's word to the gateway, and everything that is not it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from howdah.kit import signed
from howdah.kit.assertion import ASSERTION_TYPE, AUDIENCE, Assertion, is_assertion, sign_assertion, verify_assertion
from howdah.kit.errors import CallerUnproven
from howdah.kit.internal_token import INTERNAL_TOKEN_TYPE, sign_internal_token, verify_internal_token
from howdah.session import Session

KEYS = {"app": (b"a" * 32,), "bills": (b"b" * 32, b"o" * 32)}
AT = 1_795_262_400
HEADER = signed.header_of(ASSERTION_TYPE)
CLAIMS = {"iss": "app", "aud": AUDIENCE, "iat": AT, "exp": AT + 30}


def verify(token: str, now: float = AT) -> Assertion:
    return verify_assertion(token, KEYS.get, now=now)


def token(changed: dict[str, Any] | None = None, *, key: bytes = b"a" * 32, header: str = HEADER) -> str:
    return signed.sign(header, {**CLAIMS, **(changed or {})}, key)


def test_a_service_says_that_it_asks_and_for_whom() -> None:
    """R36: for half a minute, under its own name, with either key while one is replaced."""
    assert verify(sign_assertion(b"a" * 32, service="app", now=AT)) == Assertion("app", AT + 30, None)
    assert verify(sign_assertion(b"o" * 32, service="bills", now=AT, caller="x.y.z"), AT + 29).caller == "x.y.z"
    assert is_assertion(token())


REFUSED = {
    "another's key": token(key=b"b" * 32),
    "another's name": token({"iss": "bills"}),
    "nobody's name": token({"iss": "stranger"}),
    "no name": token({"iss": None}),
    "a list of names": token({"iss": ["app"]}),
    "for somebody else": token({"aud": "app"}),
    "for a minute": token({"exp": AT + 60}),
    "over": token({"iat": AT - 30, "exp": AT}),
    "not yet": token({"iat": AT + 6, "exp": AT + 36}),
    "the caller is no text": token({"caller": {"role": "admin"}}),
    "an internal token": sign_internal_token(b"a" * 32, Session("admin"), audience="app", now=AT),
    "another type": token(header=signed.header_of(INTERNAL_TOKEN_TYPE)),
    "no algorithm": token(header=signed.encode(json.dumps({"alg": "none", "typ": ASSERTION_TYPE}).encode())),
    "no token": "",
    "too long": token({"filler": "x" * 17_000}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """R36: anything else is no word of a service's."""
    with pytest.raises(CallerUnproven):
        verify(REFUSED[name])


def test_an_assertion_is_no_internal_token() -> None:
    """R36: what a service signs for the gateway convinces no service, though the key is the same."""
    with pytest.raises(CallerUnproven):
        verify_internal_token(token({"role": "admin", "variables": {}}), KEYS["app"], audience="app", now=AT)
