"""Keys: what is published, what is stored, which sign and which are believed."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey, import_key

from howdah.auth.keys import (
    KeyLife,
    generate_signing_key,
    internal_token_keys,
    key_that_signs,
    keys_that_verify,
    open_signing_key,
    public_jwk,
    public_key_set,
    read_key_set,
    read_public_key,
    read_shared_key,
    seal_signing_key,
    verifying_key,
)
from howdah.auth.sealing import make_keyring
from howdah.auth.setting_errors import UnreadableSeal, UnusableKey
from howdah.observe.secret import Secret

KEYRING = make_keyring(Secret(secrets.token_urlsafe(32)))
RSA = RSAKey.generate_key(2048)


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_key_signs_and_its_public_part_verifies(algorithm: Any) -> None:
    """R34: asymmetric keys; another key, algorithm or message does not fit."""
    key, other = generate_signing_key(algorithm), generate_signing_key(algorithm)
    signature = key.sign(b"message")
    assert verifying_key(key).verifies(algorithm, b"message", signature)
    assert not verifying_key(other).verifies(algorithm, b"message", signature)
    assert not verifying_key(key).verifies(algorithm, b"massage", signature)
    assert not verifying_key(key).verifies("none", b"message", b"")
    assert not verifying_key(key).verifies("HS256", b"message", signature)
    for odd in (b"", b"x", signature[:-1], signature + b"x", b"\x00" * 64, b"\xff" * 64):
        assert not verifying_key(key).verifies(algorithm, b"message", odd)


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_nothing_private_is_published(algorithm: Any) -> None:
    """R40: the members of a JWKS are public ones, and no private number is anywhere in it."""
    keys = [generate_signing_key(algorithm) for _ in range(2)]
    published = public_key_set(keys)
    assert [key["kid"] for key in published["keys"]] == [key.kid for key in keys]
    for key in keys:
        assert set(public_jwk(key)) <= {"kty", "crv", "x", "y", "kid", "use", "alg"}
        private = key.private.as_dict(private=True)["d"]
        assert str(private) not in json.dumps(published)
        assert str(private) not in repr(key)
        assert "d" not in verifying_key(key).key.as_dict()
    read = read_key_set(json.loads(json.dumps(published)))
    assert [(one.kid, one.algorithms) for one in read] == [(key.kid, (algorithm,)) for key in keys]
    assert read[0].verifies(algorithm, b"message", keys[0].sign(b"message"))


def test_the_kid_is_the_thumbprint() -> None:
    """RFC 8037, appendix A.3: the key of the RFC has the thumbprint of the RFC."""
    x, d = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    key = import_key({"kty": "OKP", "crv": "Ed25519", "x": x, "d": d})
    assert key.thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    generated = generate_signing_key()
    assert generated.kid == generated.private.thumbprint()


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_stored_key_is_sealed(algorithm: Any) -> None:
    """R40: what is stored opens with the secret key only, and only under its own kid."""
    key, other = generate_signing_key(algorithm), generate_signing_key(algorithm)
    sealed = seal_signing_key(KEYRING, key)
    assert str(key.private.as_dict(private=True)["d"]).encode() not in sealed
    opened = open_signing_key(KEYRING, key.kid, algorithm, sealed)
    assert verifying_key(key).verifies(algorithm, b"message", opened.sign(b"message"))
    for keyring, kid in ((make_keyring(Secret(secrets.token_urlsafe(32))), key.kid), (KEYRING, other.kid)):
        with pytest.raises(UnreadableSeal):
            open_signing_key(keyring, kid, algorithm, sealed)


START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR, LIFE = timedelta(hours=1), timedelta(minutes=15)
OLD, MIDDLE, NEW = (KeyLife(kid, START + hours * HOUR) for kid, hours in (("old", 0), ("middle", 10), ("new", 20)))


@pytest.mark.parametrize(
    ("after", "signs", "verify"),
    [
        (-1 * HOUR, None, "old middle new"),  # published before it signs
        (0 * HOUR, "old", "old middle new"),
        (10 * HOUR - timedelta(seconds=1), "old", "old middle new"),
        (10 * HOUR, "middle", "old middle new"),
        (10 * HOUR + LIFE - timedelta(seconds=1), "middle", "old middle new"),
        (10 * HOUR + LIFE, "middle", "middle new"),  # the last token of the old one is over
        (20 * HOUR, "new", "middle new"),
        (20 * HOUR + LIFE, "new", "new"),
        (1000 * HOUR, "new", "new"),
    ],
)
def test_rotation(after: timedelta, signs: str | None, verify: str) -> None:
    """R40: a new key is known before it signs, an old one until its last token is over."""
    keys, now = (OLD, MIDDLE, NEW), START + after
    signing = key_that_signs(keys, now)
    assert (signing.kid if signing else None) == signs
    assert " ".join(key.kid for key in keys_that_verify(keys, now, LIFE)) == verify


def test_a_retired_key_is_gone_at_once() -> None:
    """R40: neither signs nor is believed; the one before it signs again."""
    retired = KeyLife("middle", MIDDLE.signs_from, retired_at=START + 11 * HOUR)
    now = START + 11 * HOUR
    assert key_that_signs((OLD, retired), now) == OLD
    assert key_that_signs((OLD, retired), now - timedelta(seconds=1)) == retired
    assert retired not in keys_that_verify((OLD, retired, NEW), now, LIFE)
    assert OLD in keys_that_verify((OLD, retired, NEW), now, LIFE)
    assert key_that_signs((), now) is None


def jwk(key: Any, **members: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **members}


@pytest.mark.filterwarnings("ignore:Key size")
def test_keys_of_other_issuers_and_their_algorithms() -> None:
    """R35: the kind of key says which algorithms may be used with it, and its ``alg`` only one of those."""
    document = {
        "keys": [
            jwk(RSA, kid="rsa", use="sig"),
            jwk(RSA, kid="rsa-256", alg="RS256"),
            jwk(ECKey.generate_key("P-384"), kid="p384"),
            jwk(OKPKey.generate_key("Ed25519"), kid="ed", key_ops=["verify"]),
            jwk(RSA, kid="wrong", alg="HS256"),
            jwk(RSA, kid="none", alg="none"),
            jwk(RSA, kid="encrypts", use="enc"),
            jwk(RSA, kid="wraps", key_ops=["wrapKey"]),
            jwk(RSAKey.generate_key(1024), kid="short"),
            jwk(OKPKey.generate_key("X25519"), kid="x25519"),
            jwk(ECKey.generate_key("secp256k1"), kid="k1"),
            {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "no point"},
            {"kty": "AKP", "kid": "of tomorrow"},
            {"kty": "RSA", "kid": ["list"], "n": "AQAB", "e": "AQAB"},
            "text",
        ]
    }
    rsa = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
    expected = {"rsa": rsa, "rsa-256": ("RS256",), "p384": ("ES384",), "ed": ("EdDSA", "Ed25519")}
    assert {key.kid: key.algorithms for key in read_key_set(document)} == expected


@pytest.mark.parametrize(
    "document",
    [
        None, [], "{}", {}, {"keys": None}, {"keys": []}, {"keys": {}}, {"keys": ["x"]}, {"keys": [{}]},
        {"keys": [jwk(RSA)] * 65},
        {"keys": [jwk(RSA), RSA.as_dict(private=True)]},
        {"keys": [jwk(RSA), {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I", "alg": "HS256"}]},
    ],
)  # fmt: skip
def test_what_is_no_key_set(document: Any) -> None:
    """R35: nothing, private keys, and shared secrets, which nobody publishes."""
    with pytest.raises(UnusableKey):
        read_key_set(document)
    assert read_key_set({"keys": [jwk(RSA)] * 64})


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_key_in_pem_form() -> None:
    """R35: public ones that are long enough."""
    p256 = ECKey.generate_key("P-256")
    assert read_public_key(RSA.as_pem(private=False).decode()).algorithms[0] == "RS256"
    assert read_public_key(p256.as_pem(private=False).decode(), kid="a").algorithms == ("ES256",)
    assert read_public_key(OKPKey.generate_key("Ed25519").as_pem(private=False).decode()).algorithms[0] == "EdDSA"
    for pem in (
        RSA.as_pem(private=True).decode(),
        RSAKey.generate_key(1024).as_pem(private=False).decode(),
        OKPKey.generate_key("X25519").as_pem(private=False).decode(),
        "",
        "secret",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ):
        with pytest.raises(UnusableKey):
            read_public_key(pem)


def test_a_shared_secret_is_long_and_for_one_algorithm() -> None:
    """R35: at least as long as the hash, and never used with what another key is for."""
    key = read_shared_key(b"s" * 32, "HS256")
    assert key.algorithms == ("HS256",)
    assert isinstance(key.key, OctKey)
    for secret, algorithm in ((b"s" * 31, "HS256"), (b"s" * 47, "HS384"), (b"s" * 99, "RS256"), (b"", "none")):
        with pytest.raises(UnusableKey):
            read_shared_key(secret, algorithm)


def test_each_service_has_an_internal_key_of_its_own() -> None:
    """R36: what one service is given makes nothing that another believes."""
    assert internal_token_keys(KEYRING, "app") != internal_token_keys(KEYRING, "billing")
    assert {len(key) for key in internal_token_keys(KEYRING, "app")} == {32}
    both = make_keyring(Secret(secrets.token_urlsafe(32)), Secret(secrets.token_urlsafe(32)))
    assert len(set(internal_token_keys(both, "app"))) == 2
