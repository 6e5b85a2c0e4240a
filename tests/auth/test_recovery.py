"""Recovery codes: how many, how long, how they are typed, and what is stored."""

from __future__ import annotations

import secrets

import pytest

from howdah.auth.recovery import new_recovery_codes, read_recovery_code, recovery_code_digest, recovery_code_digests
from howdah.auth.sealing import make_keyring
from howdah.observe.secret import Secret

OLD, NEW = Secret(secrets.token_urlsafe(32)), Secret(secrets.token_urlsafe(32))


def test_ten_codes_of_eighty_bits() -> None:
    """R28: ten, each of 16 characters out of 32, all different, each position using all of them."""
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert {len(code.replace("-", "")) for code in codes} == {16}
    many = [code for _ in range(60) for code in new_recovery_codes()]
    assert len(set(many)) == 600
    for position in range(16):
        assert len({code.replace("-", "")[position] for code in many}) == 32


def test_codes_are_read_as_people_type_them() -> None:
    """R28: without dashes, with spaces, in capitals, with letters that look like digits."""
    for code in new_recovery_codes():
        ways = [code, code.upper(), code.replace("-", ""), code.replace("-", " "), f" {code}\n", code.replace("0", "O")]
        ways += [code.replace("1", "l"), code.replace("1", "I"), code.replace("0", "o")]
        assert {read_recovery_code(way) for way in ways} == {code}


@pytest.mark.parametrize(
    "value",
    [
        None, 7, b"7k30-9mpq-aaaa-bbb1", "", "7k30-9mpq-aaaa-bbb", "7k30-9mpq-aaaa-bbb11", "7k30-9mpq-aaaa-bbbu",
        "７k30-9mpq-aaaa-bbb1", "é" * 16, "-" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_recovery_code(value: object) -> None:
    assert read_recovery_code(value) is None


def test_what_is_stored_is_keyed_and_bound_to_the_account() -> None:
    """R28, R16: another account's, another key's, and no digest without a key."""
    keyring, code = make_keyring(OLD), new_recovery_codes()[0]
    stored = recovery_code_digest(keyring, code, user="7")
    assert stored == recovery_code_digest(keyring, code, user="7")
    assert stored != recovery_code_digest(keyring, code, user="8")
    assert stored != recovery_code_digest(make_keyring(NEW), code, user="7")
    assert code.encode() not in stored


def test_codes_outlive_the_replacing_of_the_secret_key() -> None:
    """Stored under the old key, found while both are given, and stored under the new one from then on."""
    code = new_recovery_codes()[0]
    stored = recovery_code_digest(make_keyring(OLD), code, user="7")
    both = make_keyring(NEW, OLD)
    assert stored in recovery_code_digests(both, code, user="7")
    assert stored != recovery_code_digest(both, code, user="7")
