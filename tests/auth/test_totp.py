"""Codes of authenticator apps, against the vectors of their RFCs."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.auth.totp import (
    AUTHENTICATOR_APP,
    TotpParameters,
    accept_code,
    counter_at,
    hotp,
    new_totp_secret,
    provisioning_uri,
    secret_from_text,
    secret_to_text,
)

SECRET = b"12345678901234567890"
NOW = datetime(2026, 11, 21, 12, 0, 10, tzinfo=UTC)
COUNTER = counter_at(NOW)

HOTP_VECTORS = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
"""RFC 4226, appendix D."""

TOTP_SECRETS = {
    "SHA1": b"12345678901234567890",
    "SHA256": b"12345678901234567890123456789012",
    "SHA512": b"1234567890123456789012345678901234567890123456789012345678901234",
}
TOTP_VECTORS = [  # RFC 6238, appendix B
    (59, "SHA1", "94287082"), (59, "SHA256", "46119246"), (59, "SHA512", "90693936"),
    (1111111109, "SHA1", "07081804"), (1111111109, "SHA256", "68084774"), (1111111109, "SHA512", "25091201"),
    (1111111111, "SHA1", "14050471"), (1111111111, "SHA256", "67062674"), (1111111111, "SHA512", "99943326"),
    (1234567890, "SHA1", "89005924"), (1234567890, "SHA256", "91819424"), (1234567890, "SHA512", "93441116"),
    (2000000000, "SHA1", "69279037"), (2000000000, "SHA256", "90698825"), (2000000000, "SHA512", "38618901"),
    (20000000000, "SHA1", "65353130"), (20000000000, "SHA256", "77737706"), (20000000000, "SHA512", "47863826"),
]  # fmt: skip


@pytest.mark.parametrize(("counter", "code"), list(enumerate(HOTP_VECTORS)))
def test_hotp_vectors(counter: int, code: str) -> None:
    """R21: RFC 4226, appendix D."""
    assert hotp(SECRET, counter) == code


@pytest.mark.parametrize(("seconds", "algorithm", "code"), TOTP_VECTORS)
def test_totp_vectors(seconds: int, algorithm: Any, code: str) -> None:
    """R21: RFC 6238, appendix B, eight digits, three hashes; and six digits are the last six of them."""
    now = datetime.fromtimestamp(seconds, UTC)
    for digits in (8, 6):
        parameters = TotpParameters(algorithm, digits)
        counter = accept_code(TOTP_SECRETS[algorithm], code[-digits:], now=now, window=0, parameters=parameters)
        assert counter == seconds // 30
        wrong = f"{(int(code[-digits:]) + 1) % 10**digits:0{digits}d}"
        assert accept_code(TOTP_SECRETS[algorithm], wrong, now=now, window=0, parameters=parameters) is None


def test_what_apps_know_is_the_default() -> None:
    """R21: SHA-1, six digits, thirty seconds, 160 random bits."""
    assert TotpParameters("SHA1", 6, 30) == AUTHENTICATOR_APP
    assert {len(new_totp_secret()) for _ in range(5)} == {20}
    assert new_totp_secret() != new_totp_secret()


@pytest.mark.parametrize("distance", range(-4, 5))
@pytest.mark.parametrize("window", [0, 1])
def test_the_window(distance: int, window: Any) -> None:
    """R22: the current step, and one on either side where that is configured; nothing beyond."""
    accepted = accept_code(SECRET, hotp(SECRET, COUNTER + distance), now=NOW, window=window)
    assert accepted == (COUNTER + distance if abs(distance) <= window else None)


def test_no_wider_window_can_be_had() -> None:
    """R22: at most one step."""
    with pytest.raises(ValueError, match="0 or 1"):
        accept_code(SECRET, "123456", now=NOW, window=2)  # type: ignore[arg-type]


def test_a_step_lasts_exactly_thirty_seconds() -> None:
    """R22: to the second, whatever time zone the clock shows."""
    start = datetime.fromtimestamp(COUNTER * 30, UTC)
    code = hotp(SECRET, COUNTER)
    for now, right in (
        (start - timedelta(microseconds=1), False),
        (start, True),
        (start + timedelta(seconds=29, microseconds=999_999), True),
        (start + timedelta(seconds=30), False),
        (start.astimezone(timezone(timedelta(hours=5, minutes=30))), True),
    ):
        assert (accept_code(SECRET, code, now=now, window=0) is not None) is right
    with pytest.raises(ValueError, match="time zone"):
        accept_code(SECRET, code, now=start.replace(tzinfo=None))


def test_a_code_is_good_once() -> None:
    """R23: what was accepted, and all before it, is over, also the code of the step before that nobody used."""
    code, before, after = (hotp(SECRET, COUNTER + distance) for distance in (0, -1, 1))
    assert accept_code(SECRET, code, now=NOW) == COUNTER
    assert accept_code(SECRET, code, now=NOW, last_counter=COUNTER) is None
    assert accept_code(SECRET, before, now=NOW, last_counter=COUNTER) is None
    assert accept_code(SECRET, after, now=NOW, last_counter=COUNTER) == COUNTER + 1
    assert accept_code(SECRET, code, now=NOW, last_counter=COUNTER - 1) == COUNTER
    assert accept_code(SECRET, code, now=NOW, last_counter=COUNTER + 1) is None


def test_of_two_steps_with_one_code_the_later_counts() -> None:
    """R23: a code that two neighbouring steps share is not good a second time in the other."""
    counter = 910_737  # the first such pair of this secret
    assert hotp(SECRET, counter) == hotp(SECRET, counter + 1)
    now = datetime.fromtimestamp((counter + 1) * 30, UTC)
    accepted = accept_code(SECRET, hotp(SECRET, counter), now=now)
    assert accepted == counter + 1
    assert accept_code(SECRET, hotp(SECRET, counter), now=now, last_counter=accepted) is None


def test_a_code_has_one_spelling() -> None:
    """R24: six ASCII digits in a text. Full-width digits, numbers, spaces and signs are wrong, and no error of ours."""
    code = hotp(SECRET, COUNTER)
    assert accept_code(SECRET, code, now=NOW) == COUNTER
    wide = code.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    arabic = code.translate({ord("0") + digit: 0x660 + digit for digit in range(10)})
    others: list[Any] = [
        wide,
        arabic,
        int(code),
        float(code),
        code.encode(),
        f" {code}",
        f"{code}\n",
        f"{code} ",
        f"+{code}",
    ]
    others += [code[:3] + " " + code[3:], code[:-1], code + "0", "", "é" * 6, "\x00" * 6]
    others += [None, True, [code], {"code": code}]
    for other in others:
        assert accept_code(SECRET, other, now=NOW) is None


@given(st.binary(min_size=10, max_size=40))
def test_secrets_can_be_typed(secret: bytes) -> None:
    text = secret_to_text(secret)
    assert "=" not in text
    assert secret_from_text(text) == secret
    assert secret_from_text(" ".join(text[start : start + 4] for start in range(0, len(text), 4)).lower()) == secret


@pytest.mark.parametrize("text", ["", "====", "0189", "GEZD!", "ＧＥＺＤ", "A"])
def test_what_is_no_secret(text: str) -> None:
    assert secret_from_text(text) is None


def test_provisioning_uri() -> None:
    """R21: what apps read; names with odd characters arrive whole and cannot change the rest."""
    uri = provisioning_uri(SECRET, issuer="Tea & Café: shop?", account="ann+x@example.com&digits=8#")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("otpauth", "totp", "")
    assert unquote(parts.path) == "/Tea & Café  shop?:ann+x@example.com&digits=8#"
    assert parse_qs(parts.query) == {
        "secret": [secret_to_text(SECRET)],
        "issuer": ["Tea & Café  shop?"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert " " not in uri
    assert "+" not in uri


@pytest.mark.skipif(shutil.which("oathtool") is None, reason="oathtool is not installed")
def test_oathtool_agrees() -> None:
    """R21: another implementation makes the same codes of the same text."""
    secret = new_totp_secret()
    for algorithm, digits in (("SHA1", 6), ("SHA256", 8), ("SHA512", 6)):
        command = ["oathtool", "-b", f"--totp={algorithm}", f"-d{digits}", f"--now={NOW:%Y-%m-%d %H:%M:%S UTC}"]
        printed = subprocess.run([*command, secret_to_text(secret)], capture_output=True, text=True, check=True)
        parameters = TotpParameters(algorithm, digits)  # type: ignore[arg-type]
        assert accept_code(secret, printed.stdout.strip(), now=NOW, window=0, parameters=parameters) == COUNTER
