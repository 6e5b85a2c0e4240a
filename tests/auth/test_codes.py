"""Tokens and codes: how hard they are to guess, and what is kept of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import Counter

import pytest

from howdah.auth import sealing
from howdah.auth.codes import (
    CodeRules,
    CodeUse,
    code_digest,
    code_matches,
    is_code,
    is_token,
    new_code,
    new_token,
    token_digest,
)
from howdah.auth.sealing import make_keyring
from howdah.observe.secret import Secret

KEYRING = make_keyring(Secret(secrets.token_urlsafe(32)))
USE = CodeUse("verify-email", "ann@example.com", "flow-1")


def test_tokens_have_256_bits() -> None:
    """32 random bytes each, none twice."""
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(base64.urlsafe_b64decode(token + "=")) for token in tokens} == {32}


def test_what_is_stored_of_a_token_is_its_digest() -> None:
    """R16: SHA-256, from which nobody gets back."""
    token = new_token("hwr_")
    assert token_digest(token) == hashlib.sha256(token.encode()).digest()
    assert token_digest(token) != token_digest(token + "x")
    assert is_token(token)
    for other in (None, 7, b"x" * 43, "", token[:-1], token + "x", token[:-1] + "\n", token[:-1] + "é", "x" * 100_000):
        assert not is_token(other)


@pytest.mark.parametrize("digits", [6, 8, 10])
def test_codes_have_their_digits(digits: int) -> None:
    """R15: at least six, zeros in front kept, spread evenly."""
    codes = [new_code(digits) for _ in range(2000)]
    assert all(is_code(code, digits) for code in codes)
    firsts = Counter(code[0] for code in codes)
    assert len(firsts) == 10
    assert max(firsts.values()) < 400
    with pytest.raises(ValueError, match="at least 6"):
        new_code(5)


def test_the_rules_are_those_of_the_requirement() -> None:
    """R15: six digits, ten minutes, five tries."""
    assert (CodeRules().digits, CodeRules().lifetime.total_seconds(), CodeRules().tries) == (6, 600, 5)


@pytest.mark.parametrize(
    "value",
    [
        None, 123456, 123456.0, b"123456", "", "12345", "1234567", "１２３４５６", "١٢٣٤٥٦", "12345６", " 123456",
        "123456\n", "12 456", "-12345", "+12345", "1_2345", "¹23456", ["1"] * 6,
    ],
)  # fmt: skip
def test_a_code_has_one_spelling(value: object) -> None:
    """R24: ASCII digits in a text, and nothing that some parser would take for them."""
    assert not is_code(value)
    assert not code_matches(KEYRING, code_digest(KEYRING, "123456", USE), value, USE)
    assert is_code("123456")


def test_a_code_is_good_for_one_use_only() -> None:
    """R15: another purpose, another identity, another flow, another key: the same digits are wrong."""
    stored = code_digest(KEYRING, "123456", USE)
    assert code_matches(KEYRING, stored, "123456", USE)
    assert not code_matches(KEYRING, stored, "123457", USE)
    for use in (
        CodeUse("reset-password", USE.identity, USE.flow),
        CodeUse(USE.purpose, "bob@example.com", USE.flow),
        CodeUse(USE.purpose, USE.identity, "flow-2"),
        CodeUse(USE.purpose + USE.identity, "", USE.flow),
    ):
        assert not code_matches(KEYRING, stored, "123456", use)
    assert not code_matches(make_keyring(Secret(secrets.token_urlsafe(32))), stored, "123456", USE)


def test_a_stolen_table_does_not_give_codes_away() -> None:
    """R16: the digest of a code is keyed, so a million guesses find nothing without the key."""
    stored = code_digest(KEYRING, "000042", USE)
    parts = sealing.join_parts((USE.purpose, USE.identity, USE.flow, "000042"))
    assert stored not in (hashlib.sha256(parts).digest(), hashlib.sha256(b"000042").digest())
    assert stored == hmac.digest(sealing.derive_key(KEYRING.current, "code"), parts, "sha256")


def test_codes_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """R16: by compare_digest, under each of two keys even when the first one matched."""
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr(sealing.hmac, "compare_digest", compare)
    both = make_keyring(Secret(secrets.token_urlsafe(32)), Secret(secrets.token_urlsafe(32)))
    assert code_matches(both, code_digest(both, "123456", USE), "123456", USE)
    assert len(compared) == 2
