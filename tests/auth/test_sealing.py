"""What the secret key protects, and what it does not open."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.auth.sealing import (
    derive_key,
    join_parts,
    keyed_digest,
    make_keyring,
    matches_digest,
    needs_resealing,
    open_sealed,
    seal,
)
from howdah.auth.setting_errors import UnreadableSeal
from howdah.observe.secret import Secret
from howdah.project.errors import UnusableSecret

OLD, NEW = Secret(secrets.token_urlsafe(32)), Secret(secrets.token_urlsafe(32))
KEYRING = make_keyring(OLD)


@given(st.binary(max_size=200), st.text(max_size=20), st.lists(st.text(max_size=10), max_size=3))
def test_what_was_sealed_opens(plain: bytes, purpose: str, associated: list[str]) -> None:
    assert open_sealed(KEYRING, purpose, seal(KEYRING, purpose, plain, associated), associated) == plain


def test_what_was_sealed_opens_nowhere_else() -> None:
    """Another purpose, another row, another key, one bit changed anywhere, cut off: nothing comes out."""
    sealed = seal(KEYRING, "totp", b"secret", ["factor", "7"])
    assert open_sealed(KEYRING, "totp", sealed, ["factor", "7"]) == b"secret"
    for keyring, purpose, associated in (
        (KEYRING, "key", ["factor", "7"]),
        (KEYRING, "totp", ["factor", "8"]),
        (KEYRING, "totp", ["factor7"]),
        (KEYRING, "totp", []),
        (make_keyring(NEW), "totp", ["factor", "7"]),
    ):
        with pytest.raises(UnreadableSeal):
            open_sealed(keyring, purpose, sealed, associated)
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        for damaged in (bytes(changed), sealed[:index]):
            with pytest.raises(UnreadableSeal):
                open_sealed(KEYRING, "totp", damaged, ["factor", "7"])


def test_sealing_twice_gives_two_texts() -> None:
    """Nobody sees that two secrets are the same, nor the secret in what is stored."""
    first, second = (seal(KEYRING, "totp", b"a secret value") for _ in range(2))
    assert first != second
    assert b"secret" not in first


def test_two_keys_while_one_is_replaced() -> None:
    """The new one makes, both open; without the old one, what it made is lost, and says so."""
    before = seal(KEYRING, "totp", b"x")
    both, after = make_keyring(NEW, OLD), make_keyring(NEW)
    assert open_sealed(both, "totp", before) == b"x"
    assert needs_resealing(both, before)
    again = seal(both, "totp", open_sealed(both, "totp", before))
    assert not needs_resealing(both, again)
    assert open_sealed(after, "totp", again) == b"x"
    with pytest.raises(UnreadableSeal):
        open_sealed(after, "totp", before)
    digest = keyed_digest(KEYRING.current, "code", ["1"])
    assert matches_digest(both, digest, "code", ["1"])
    assert not matches_digest(after, digest, "code", ["1"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "x" * 42,
        "TAVGgD1rxUPqGhVTz3tl1Sr0Nm5Y7kZsEo2wJbKqLd",
        "a" * 64,
        "change-me-" * 6,
    ],
)
def test_weak_secret_keys_are_refused(text: str) -> None:
    """R7: empty, short and sample keys protect nothing; 32 random bytes do, in hex, base64 and base64url."""
    with pytest.raises(UnusableSecret):
        make_keyring(Secret(text))
    with pytest.raises(UnusableSecret):
        make_keyring(NEW, Secret(text))
    assert make_keyring(Secret(secrets.token_hex(32)))


def test_purposes_have_keys_of_their_own() -> None:
    key = KEYRING.current
    assert len({derive_key(key, purpose) for purpose in ("totp", "code", "key id", "")}) == 4
    assert derive_key(key, "totp") == derive_key(make_keyring(OLD).current, "totp")
    assert key.key_id not in derive_key(key, "key id")


def test_a_key_is_not_shown() -> None:
    """R75: neither in a repr nor in the message of an error."""
    assert OLD.reveal() not in repr(KEYRING)
    weak = "0123456789abcdef0123456789ABCDEFGH"
    with pytest.raises(UnusableSecret) as caught:
        make_keyring(Secret(weak))
    assert weak not in str(caught.value)


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_parts_never_run_together(one: list[str], other: list[str]) -> None:
    assert (join_parts(one) == join_parts(other)) == (one == other)
