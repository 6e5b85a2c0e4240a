"""The gateway's word on who calls, and everything that is not it."""

from __future__ import annotations

import base64
import hmac
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.kit.errors import CallerUnproven
from howdah.kit.internal_token import INTERNAL_TOKEN_TYPE, sign_internal_token, verify_internal_token
from howdah.session import ANONYMOUS, Session

KEY, OTHER = b"a" * 32, b"b" * 32
AT = 1_795_262_400
ANN = Session("user", {"x-hasura-user-id": "7", "x-hasura-name": "Ann Müller"})


def sign(**changed: Any) -> str:
    return sign_internal_token(**{"key": KEY, "session": ANN, "audience": "app", "now": AT, **changed})


def verify(token: str | None, **changed: Any) -> Session:
    return verify_internal_token(token, **{"keys": [KEY], "audience": "app", "now": AT, **changed})


def encode(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


HEADER = {"alg": "HS256", "typ": INTERNAL_TOKEN_TYPE}
CLAIMS = {"iss": "howdah-gateway", "aud": "app", "iat": AT, "exp": AT + 30, "jti": "", "role": "user", "variables": {}}


def token(header: Any, claims: Any, key: bytes = KEY) -> str:
    message = f"{encode(header)}.{encode(claims)}"
    return f"{message}.{encode(hmac.digest(key, message.encode(), 'sha256'))}"


def test_what_the_gateway_says_is_what_the_service_hears() -> None:
    """R36: role and variables, of somebody and of nobody."""
    assert verify(sign()) == ANN
    assert verify(sign(session=ANONYMOUS)) == ANONYMOUS
    assert verify(token(HEADER, CLAIMS)) == Session("user", {})


def test_for_half_a_minute_to_a_minute() -> None:
    """R36: 30 to 60 seconds and no other; over at the second."""
    for lifetime in (30, 60):
        assert verify(sign(lifetime=lifetime), now=AT + lifetime - 1) == ANN
        with pytest.raises(CallerUnproven):
            verify(sign(lifetime=lifetime), now=AT + lifetime)
    for lifetime in (0, 29, 61, 3600):
        with pytest.raises(ValueError, match="30 to 60"):
            sign(lifetime=lifetime)
    assert verify(sign(), now=AT - 5) == ANN
    with pytest.raises(CallerUnproven):
        verify(sign(), now=AT - 6)


def test_for_one_service() -> None:
    """R36: what one service was told, it cannot tell another: neither name nor key fit."""
    with pytest.raises(CallerUnproven):
        verify(sign(audience="billing"))
    with pytest.raises(CallerUnproven):
        verify(sign(), audience="billing")
    with pytest.raises(CallerUnproven):
        verify(sign(key=OTHER))


def test_two_keys_while_one_is_replaced() -> None:
    assert verify(sign(key=OTHER), keys=[KEY, OTHER]) == ANN
    for keys in ([], [b""]):
        with pytest.raises(CallerUnproven):
            verify(sign(), keys=keys)
    with pytest.raises(CallerUnproven):
        verify(sign(key=b""), keys=[b""])  # empty never equals empty


GOOD = sign()
HEAD, BODY, SIGNATURE = GOOD.split(".")
REFUSED: dict[str, str | None] = {
    "missing": None,
    "empty": "",
    "none": f"{encode({'alg': 'none', 'typ': INTERNAL_TOKEN_TYPE})}.{BODY}.",
    "none, signed": token({"alg": "none", "typ": INTERNAL_TOKEN_TYPE}, CLAIMS),
    "another type": token({"alg": "HS256", "typ": "at+jwt"}, CLAIMS),
    "no type": token({"alg": "HS256"}, CLAIMS),
    "another order in the header": token({"typ": INTERNAL_TOKEN_TYPE, "alg": "HS256"}, CLAIMS),
    "crit": token({**HEADER, "crit": ["exp"]}, CLAIMS),
    "kid": token({**HEADER, "kid": "x"}, CLAIMS),
    "another issuer": token(HEADER, {**CLAIMS, "iss": "app"}),
    "audience is a list": token(HEADER, {**CLAIMS, "aud": ["app"]}),
    "lives for too long": token(HEADER, {**CLAIMS, "exp": AT + 61}),
    "no exp": token(HEADER, {**CLAIMS, "exp": None}),
    "exp is text": token(HEADER, {**CLAIMS, "exp": str(AT + 30)}),
    "exp has a fraction": token(HEADER, {**CLAIMS, "exp": AT + 29.5}),
    "exp is true": token(HEADER, {**CLAIMS, "exp": True}),
    "no role": token(HEADER, {**CLAIMS, "role": None}),
    "variables are a list": token(HEADER, {**CLAIMS, "variables": []}),
    "claims are a list": token(HEADER, []),
    "claims are no JSON": token(HEADER, b"{"),
    "claims are too deep": token(HEADER, b"[" * 3000),
    "claims changed": f"{HEAD}.{encode({**CLAIMS, 'role': 'admin'})}.{SIGNATURE}",
    "signature cut off": GOOD[:-1],
    "padding": GOOD + "=",
    "line end": GOOD + "\n",
    "too long": token(HEADER, {**CLAIMS, "filler": "x" * 17_000}),
    "not ASCII": GOOD.replace(".", "．"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """R36: anything else, each an error that says nothing."""
    with pytest.raises(CallerUnproven) as caught:
        verify(REFUSED[name])
    assert caught.value.status == 401


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_no_character_can_be_changed(place: int, character: str) -> None:
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    if changed != GOOD:
        with pytest.raises(CallerUnproven):
            verify(changed)


def test_a_service_needs_nothing_but_the_standard_library() -> None:
    """What a service imports for it: no cryptography, no joserfc, none of the platform."""
    code = (
        "import sys, howdah.kit.internal_token\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('cryptography', 'joserfc', 'psycopg')\n"
        "       or name.startswith(('howdah.auth', 'howdah.gateway'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
