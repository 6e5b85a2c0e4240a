"""Our own access tokens: the ones that are believed, and beside each the one that is not (R35)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey
from tests.auth.tokens import AT, AUDIENCE, CLAIMS, ISSUER, KEY, NOW, OTHER, P256, claims, encode, header, token

from howdah.auth.access_tokens import AccessClaims, sign_access_token, verify_access_token
from howdah.auth.compact import LONGEST
from howdah.auth.keys import public_jwk, public_key_set, verifying_key
from howdah.auth.proof_errors import ExpiredAccessToken, InvalidAccessToken, UnknownTokenKey

SIGNED = AccessClaims(ISSUER, AUDIENCE, "7", "s-1", "t-1", "user", ("user", "editor"), AT, AT + 600)
KEYS = (verifying_key(OTHER), verifying_key(KEY), verifying_key(P256))


def verify(text: str, **changed: Any) -> AccessClaims:
    return verify_access_token(text, **{"keys": KEYS, "issuer": ISSUER, "audience": AUDIENCE, "now": NOW, **changed})


@pytest.mark.parametrize("key", [KEY, P256], ids=["EdDSA", "ES256"])
def test_what_was_signed_is_what_is_read(key: Any) -> None:
    """R34: all claims there and back; the header says at+jwt and which key."""
    text = sign_access_token(key, SIGNED)
    assert verify(text) == SIGNED
    head, body = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in text.split(".")[:2])
    assert head == {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}
    assert body == CLAIMS


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_others_can_check_our_tokens() -> None:
    """R34: with what is published and a library, and nothing else."""
    keys = KeySet.import_key_set(public_key_set([OTHER, KEY]))
    assert jwt.decode(sign_access_token(KEY, SIGNED), keys, algorithms=["EdDSA"]).claims == CLAIMS


def test_a_token_by_hand_is_believed() -> None:
    """The positive control of everything below: only what each case changes makes the difference."""
    assert verify(token(header(), claims())) == SIGNED
    assert verify(token(header(typ="AT+JWT"), claims()))
    assert verify(token(header(typ="application/at+jwt"), claims()))
    assert verify(token(header(), claims(aud=["https://other.example", AUDIENCE])))
    assert verify(token(header(), claims(nbf=AT, extra={"a": [1.5, None]})))


def with_secret(alg: str, secret: bytes, head: dict[str, Any]) -> str:
    message = f"{encode({**head, 'alg': alg})}.{encode(claims())}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[alg]
    return f"{message}.{encode(hmac.digest(secret, message.encode(), digest))}"


GOOD = token(header(), claims())
HEAD, BODY, SIGNATURE = GOOD.split(".")
PEM, RAW = KEY.private.as_pem(private=False), base64.urlsafe_b64decode(public_jwk(KEY)["x"] + "=")
TWICE = b'{"alg":"EdDSA","kid":"x","kid":"' + KEY.kid.encode() + b'","typ":"at+jwt"}'

REFUSED: dict[str, str] = {
    "no algorithm and no signature": f"{encode(header(alg='none'))}.{BODY}.",
    "no algorithm, with a signature": token(header(alg="none"), claims()),
    "none in capitals": f"{encode(header(alg='NONE'))}.{BODY}.{SIGNATURE}",
    "HS256 with the public key as PEM": with_secret("HS256", PEM, header()),
    "HS256 with the public key's bytes": with_secret("HS256", RAW, header()),
    "HS512 with the public key as JSON": with_secret("HS512", json.dumps(public_jwk(KEY)).encode(), header()),
    "HS256 with an empty secret": with_secret("HS256", b"", header()),
    "the algorithm of another kind of key": token(header(alg="ES256"), claims()),
    "another name of the algorithm": token(header(alg="Ed25519"), claims()),
    "no alg": token({"kid": KEY.kid, "typ": "at+jwt"}, claims()),
    "alg is no text": token(header(alg=["EdDSA"]), claims()),
    "crit": token(header(crit=["exp"], exp=AT), claims()),
    "crit of something unknown": token(header(crit=["http://example.com/x"]), claims()),
    "empty crit": token(header(crit=[]), claims()),
    "b64": token(header(b64=False, crit=["b64"]), claims()),
    "b64 without crit": token(header(b64=True), claims()),
    "zip": token(header(zip="DEF"), claims()),
    "enc": token(header(enc="A256GCM"), claims()),
    "jku": token(header(jku="https://evil.example/jwks.json"), claims()),
    "x5u": token(header(x5u="https://evil.example/cert.pem"), claims()),
    "x5c": token(header(x5c=["MIIB"]), claims()),
    "jwk": token(header(jwk=public_jwk(OTHER)), claims(), OTHER),
    "unknown member": token(header(foo=1), claims()),
    "cty JWT": token(header(cty="JWT"), claims()),
    "typ JWT": token(header(typ="JWT"), claims()),
    "typ of an ID token's logout": token(header(typ="logout+jwt"), claims()),
    "typ is no text": token(header(typ=1), claims()),
    "no typ": token({"alg": "EdDSA", "kid": KEY.kid}, claims()),
    "kid of another key": token(header(kid=OTHER.kid), claims()),
    "kid is no text": token(header(kid=7), claims()),
    "wrong issuer": token(header(), claims(iss="https://evil.example")),
    "issuer with a slash more": token(header(), claims(iss=ISSUER + "/")),
    "no issuer": token(header(), claims(without="iss")),
    "issuer is a list": token(header(), claims(iss=[ISSUER])),
    "wrong audience": token(header(), claims(aud="https://other.example")),
    "no audience": token(header(), claims(without="aud")),
    "empty audience": token(header(), claims(aud=[])),
    "audience with a number": token(header(), claims(aud=[AUDIENCE, 7])),
    "audience is an object": token(header(), claims(aud={AUDIENCE: True})),
    "no exp": token(header(), claims(without="exp")),
    "exp is text": token(header(), claims(exp=str(AT + 600))),
    "exp has a fraction": token(header(), claims(exp=AT + 600.5)),
    "exp is a whole float": token(header(), claims(exp=float(AT + 600))),
    "exp is true": token(header(), claims(exp=True)),
    "exp is null": token(header(), claims(exp=None)),
    "exp is a list": token(header(), claims(exp=[AT + 600])),
    "exp is infinite": token(header(), json.dumps(claims()).replace(str(AT + 600), "Infinity").encode()),
    "exp is 1e400": token(header(), json.dumps(claims()).replace(str(AT + 600), "1e400").encode()),
    "exp has 5,000 digits": token(header(), json.dumps(claims()).replace(str(AT + 600), "9" * 5000).encode()),
    "exp is beyond all calendars": token(header(), claims(exp=10**15)),
    "exp is negative": token(header(), claims(exp=-1)),
    "expired": token(header(), claims(exp=AT)),
    "issued in the future": token(header(), claims(iat=AT + 60)),
    "no iat": token(header(), claims(without="iat")),
    "iat is text": token(header(), claims(iat=str(AT))),
    "not yet valid": token(header(), claims(nbf=AT + 60)),
    "nbf is text": token(header(), claims(nbf="0")),
    "no sub": token(header(), claims(without="sub")),
    "sub is a number": token(header(), claims(sub=7)),
    "empty sub": token(header(), claims(sub="")),
    "no sid": token(header(), claims(without="sid")),
    "no jti": token(header(), claims(without="jti")),
    "no role": token(header(), claims(without="role")),
    "role is not one of the roles": token(header(), claims(role="admin")),
    "roles is a text": token(header(), claims(roles="user")),
    "roles is empty": token(header(), claims(roles=[])),
    "roles has a number": token(header(), claims(roles=["user", 7])),
    "a claim twice": token(header(), json.dumps(claims()).replace('"role"', '"role": "admin", "role"').encode()),
    "a header member twice": token(TWICE, claims()),
    "claims are a list": token(header(), [claims()]),
    "claims are text": token(header(), "claims"),
    "claims are not JSON": token(header(), b"{"),
    "claims are not UTF-8": token(header(), b'{"a": "\xff"}'),
    "claims have a byte order mark": token(header(), b"\xef\xbb\xbf" + json.dumps(claims()).encode()),
    "claims are too deep": token(header(), b"[" * 3000),
    "header is a list": token(b"[]", claims()),
    "header is empty": f".{BODY}.{SIGNATURE}",
    "no signature": f"{HEAD}.{BODY}.",
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD}.{SIGNATURE}",
    "five parts": f"{HEAD}..{BODY}.{SIGNATURE}.{SIGNATURE}",
    "as JSON": json.dumps({"protected": HEAD, "payload": BODY, "signature": SIGNATURE}),
    "with padding": f"{HEAD}.{BODY}.{SIGNATURE}==",
    "a space behind": GOOD + " ",
    "a line end behind": GOOD + "\n",
    "a space within": GOOD.replace(".", ". ", 1),
    "standard base64": f"{HEAD}.{BODY}.{SIGNATURE[:-2]}+/",
    "full-width dots": GOOD.replace(".", "．"),
    "nothing": "",
    "dots": "..",
    "another body": f"{HEAD}.{encode(claims(role='editor'))}.{SIGNATURE}",
    "another header": f"{encode(header(typ='JWT'))}.{BODY}.{SIGNATURE}",
    "a signature of zeros": f"{HEAD}.{BODY}.{encode(bytes(64))}",
    "too long": token(header(), claims(filler="x" * LONGEST)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """R35: whatever is not exactly a token of ours, each refused as one error that is the client's, never a crash."""
    with pytest.raises(InvalidAccessToken):
        verify(REFUSED[name])


def test_one_text_for_one_token() -> None:
    """R35: the last character of a signature has bits that nobody reads; they must be zero."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = letters.index(SIGNATURE[-1])
    others = [letters[last ^ bits] for bits in range(1, 16)]
    assert any(
        base64.urlsafe_b64decode(SIGNATURE[:-1] + other + "==") == base64.urlsafe_b64decode(SIGNATURE + "==")
        for other in others
    )
    for other in others:
        with pytest.raises(InvalidAccessToken):
            verify(f"{HEAD}.{BODY}.{other}")


def test_a_key_is_found_by_its_kid_in_our_own_set_only() -> None:
    """R35: a key that is not there is told apart (so that it may be read again); one without a kid is never tried."""
    with pytest.raises(UnknownTokenKey):
        verify(GOOD, keys=(verifying_key(OTHER),))
    with pytest.raises(UnknownTokenKey):
        verify(token({"alg": "EdDSA", "typ": "at+jwt"}, claims()), keys=(verifying_key(KEY),))
    with pytest.raises(UnknownTokenKey):
        verify(GOOD, keys=())
    assert verify(GOOD, keys=(verifying_key(KEY),))


def test_over_at_the_second() -> None:
    """R34, R35: valid until its last second, and over from then on, which is said to whoever has a right to know."""
    almost = NOW + timedelta(seconds=599)
    assert verify(GOOD, now=almost)
    with pytest.raises(ExpiredAccessToken):
        verify(GOOD, now=NOW + timedelta(seconds=600))
    with pytest.raises(InvalidAccessToken) as caught:  # forged and expired: nothing is said of its time
        verify(f"{HEAD}.{encode(claims(exp=1))}.{SIGNATURE}")
    assert type(caught.value) is InvalidAccessToken


def test_clocks_of_our_machines_may_differ_a_little() -> None:
    assert verify(token(header(), claims(iat=AT + 5, nbf=AT + 5)))
    with pytest.raises(InvalidAccessToken):
        verify(token(header(), claims(iat=AT + 6)))


def test_other_names_of_us_are_others() -> None:
    with pytest.raises(InvalidAccessToken):
        verify(GOOD, issuer=ISSUER.upper())
    with pytest.raises(InvalidAccessToken):
        verify(GOOD, audience=AUDIENCE + "/")


def test_a_library_that_signs_with_a_shared_secret_does_not_get_in() -> None:
    """R35: a token of a real library with our public key as its secret."""
    secret = OctKey.import_key(RAW)
    text = jwt.encode({"alg": "HS256", "kid": KEY.kid, "typ": "at+jwt"}, claims(), secret)
    assert jwt.decode(text, secret).claims == CLAIMS
    with pytest.raises(InvalidAccessToken):
        verify(text)


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_.-]{0,300}"))
def test_no_text_is_an_error_of_ours(text: str) -> None:
    """R35: whatever stands behind ``Bearer``."""
    with pytest.raises(InvalidAccessToken):
        verify(text)


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_no_character_of_a_token_can_be_changed(place: int, character: str) -> None:
    """R35: but for nothing at all."""
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    if changed == GOOD:
        assert verify(changed) == SIGNED
    else:
        with pytest.raises(InvalidAccessToken):
            verify(changed)
