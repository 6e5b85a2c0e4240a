"""What may become a password, and how soon it would be guessed."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.auth.password_rules import (
    LEAST_ALONE,
    LEAST_WITH_SECOND_FACTOR,
    LONGEST,
    check_new_password,
    is_common,
    normalise_password,
)
from howdah.auth.proof_errors import CommonPassword, LongPassword, ShortPassword, UnacceptablePassword

UNCOMMON = "qvzxkwjh tbfmpgdr lncvqwkz"


def uncommon(length: int) -> str:
    """A text of that length which nobody chooses."""
    return (UNCOMMON + "".join(chr(0x4E00 + 37 * number) for number in range(LONGEST)))[:length]


def common_passwords() -> list[str]:
    return (resources.files("howdah.auth") / "common_passwords.txt").read_text(encoding="ascii").split()


@pytest.mark.parametrize("least", [LEAST_ALONE, LEAST_WITH_SECOND_FACTOR])
def test_a_password_has_as_many_characters_as_it_must(least: int) -> None:
    """R3: 15 where it is the only factor, 8 beside a second one; one fewer is refused."""
    assert check_new_password(uncommon(least), least=least) == uncommon(least)
    with pytest.raises(ShortPassword):
        check_new_password(uncommon(least - 1), least=least)


def test_fifteen_is_what_is_asked_for_when_nothing_is_said() -> None:
    """R3: the strict one is the default."""
    with pytest.raises(ShortPassword):
        check_new_password(uncommon(14))
    assert check_new_password(uncommon(15))


def test_long_passwords_are_taken_and_too_long_ones_refused() -> None:
    """R3: 64 and up to 256 code points, whatever they take as bytes; 257 is too long."""
    for length in (64, LONGEST):
        assert check_new_password(uncommon(length)) == uncommon(length)
        assert len(check_new_password("\U0001f418" * (length - 20) + UNCOMMON[:20])) == length
    for length in (LONGEST + 1, 10_000, 1_000_000):
        with pytest.raises(LongPassword):
            check_new_password(uncommon(LONGEST) + "x" * (length - LONGEST))


def test_code_points_are_counted_as_they_are_hashed() -> None:
    """R3, R4: an e with an accent is one, however the keyboard composes it; 256 of them are not too long."""
    letters = "".join(chr(0x1E00 + number) for number in range(0x90))  # Latin letters that decompose into two or three
    password = (letters * 2)[:LONGEST]
    decomposed = unicodedata.normalize("NFD", password)
    assert len(decomposed) > 2 * LONGEST
    assert normalise_password(decomposed) == password
    with pytest.raises(ShortPassword):
        check_new_password(unicodedata.normalize("NFD", letters[:14]))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=LONGEST))
def test_one_form_at_set_and_verify(text: str) -> None:
    """R4: normalising is NFC, changes nothing the second time, and does not depend on how the text was composed."""
    try:
        normalised = normalise_password(text)
    except LongPassword:  # a few characters become more in NFC
        assert len(unicodedata.normalize("NFC", text)) > LONGEST
        return
    assert normalise_password(normalised) == normalised == unicodedata.normalize("NFC", text)
    assert normalise_password(unicodedata.normalize("NFD", text)) == normalised


@pytest.mark.parametrize(
    "other",
    [
        UNCOMMON + " ",
        " " + UNCOMMON,
        UNCOMMON.upper(),
        UNCOMMON.replace(" ", "  "),
        UNCOMMON.replace(" ", "\u00a0"),
        UNCOMMON.replace("q", "\uff51"),
        UNCOMMON + "\u200b",
        UNCOMMON + "\n",
    ],
)
def test_every_character_counts(other: str) -> None:
    """R4: no trimming, no other case, no other spaces, no look-alikes: each is another password."""
    assert check_new_password(other) != check_new_password(UNCOMMON)


@pytest.mark.parametrize(
    "password",
    [
        "qvzxkwjhtbfmpgdr",
        "QVZXKWJHTBFMPGDR",
        "7315936460185274927",
        "пнжцмхбвщъэюяздл",
        "  " + UNCOMMON,
        "鯨鱈鮭鱒鮎鰻鯉鮫鯖鰯鯛鱚鱧鰤鱶",
    ],
)
def test_nothing_is_asked_of_the_kinds_of_characters(password: str) -> None:
    """R4: letters of one case, digits alone, another script: all right, as long as nobody would guess it."""
    assert check_new_password(password) == password


def test_half_a_surrogate_pair_is_no_character() -> None:
    with pytest.raises(UnacceptablePassword):
        check_new_password(UNCOMMON + "\ud800")


def test_the_list_holds_enough_of_eight_characters_and_refuses_each() -> None:
    """R5: at least 3,000 that meet the length rule; also in capitals."""
    long_enough = [word for word in common_passwords() if len(word) >= LEAST_WITH_SECOND_FACTOR]
    assert len(long_enough) >= 11_000
    for word in long_enough:
        assert is_common(word)
        assert is_common(word.upper())
    with pytest.raises(CommonPassword):
        check_new_password(long_enough[-1], least=LEAST_WITH_SECOND_FACTOR)


def lengthened(word: str) -> list[str]:
    """The ways people make a short password long enough, as far as they reach fifteen characters."""
    twice = word * -(-LEAST_ALONE // len(word))
    ways = [
        twice,
        word + "1234567890",
        "1234567890" + word,
        word + "qwertyuiop",
        word + "!" * 12,
        word.title() + "2026" * 3,
    ]
    return [way for way in ways if len(way) >= LEAST_ALONE]


def test_far_more_than_three_thousand_of_fifteen_characters_are_refused() -> None:
    """R5: what the lists hold of that length, and what is made of the first thousand by making them longer."""
    made = {long for word in common_passwords()[:1000] for long in lengthened(word)}
    made |= {word for word in common_passwords() if len(word) >= LEAST_ALONE}
    assert len(made) >= 3000
    assert [word for word in made if not is_common(word)] == []


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "password12345678",
        "P@ssw0rd12345678",
        "Passw0rd!Passw0rd!",
        "123456789012345",
        "111111111111111",
        "qwertyuiopasdfgh",
        "qwertyuiopasdfghjklzxcvbnm",
        "1q2w3e4r5t6y7u8i9o0p",
        "1qaz2wsx3edc4rfv5tgb",
        "abcdefghijklmnop",
        "abcdefghijklmnopqrstuvwxyz",
        "zyxwvutsrqponmlkj",
        "abcabcabcabcabcabc",
        "iloveyouiloveyou",
        "iloveyoubabygirl",
        "letmeinletmein123",
        "administrator123",
        "Welcome2026Welcome2026",
        "football basketball",
        "asdfghjklasdfghjkl",
        "00000000000000000000",
        "secretsecret2025!",
        "correcthorsebatterystaple",
        "a1b2c3d4e5f6g7h8",
        "thisismypassword",
    ],
)
def test_long_and_common(password: str) -> None:
    """R5: passwords of fifteen characters and more that people really choose."""
    assert len(password) >= LEAST_ALONE
    with pytest.raises(CommonPassword):
        check_new_password(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "seven lilac otters",
        "my cat Tobermory eats the blue carpet",
        "Rhabarberkuchen am Montag",
        "tr0ub4dor&3 and more",
        "xkcd936-staple-horse",
        "kilimanjaro wanderlust teapot",
    ],
)
def test_long_and_uncommon(password: str) -> None:
    """The other side: what a person thinks of when asked for several words is taken."""
    assert check_new_password(password, context=["howdah", "ann"]) == password


def test_random_passwords_are_never_common() -> None:
    """Nothing that a password manager makes is refused."""
    for _ in range(300):
        assert not is_common(secrets.token_urlsafe(12))
        assert not is_common(secrets.token_hex(8))
        assert not is_common("".join(secrets.choice("0123456789") for _ in range(20)))


@pytest.mark.parametrize(
    ("password", "context"),
    [
        ("zubrowka-zubrowka", "Zubrowka"),
        ("zubrowka20262026", "zubrowka"),
        ("ZUBROWKA12345678", "zubrowka"),
        ("akworbuz12345678", "zubrowka"),
        ("zubrowkapassword", "zubrowka"),
        ("grand-zubrowka-hotel-1", "Grand Zubrowka Hotel"),
        ("quetzalcoatl.jones1", "quetzalcoatl.jones"),
        ("quetzalcoatljones1", "quetzalcoatl.jones"),
    ],
)
def test_words_of_the_context_add_nothing(password: str, context: str) -> None:
    """R5: the site's name, the e-mail's local part, the username, in any case, with anything simple around them."""
    with pytest.raises(CommonPassword):
        check_new_password(password, context=[context])
    assert not is_common(
        re.sub(r"zubrowka|akworbuz|quetzalcoatl", "zqjvwkxh", password.lower()) + "kq", context=[context]
    )


def test_a_word_of_the_context_among_others_does_no_harm() -> None:
    assert not is_common("the zubrowka serves lilac otters", context=["zubrowka"])


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_is_judged(text: str, context: list[str]) -> None:
    """R5: also none at all; and what is refused without a context is refused with one."""
    assert is_common(text, context=context) or not is_common(text)


@pytest.mark.parametrize(
    "text", ["a1" * 128, "password" * 32, "ab" * 100 + "c" * 56, "a" * 127 + "b" + "a" * 128, uncommon(LONGEST)]
)
def test_the_longest_password_is_judged_soon(text: str) -> None:
    """R2: on the event loop, so no text of the greatest length may take long; processor time, for machines are busy."""
    is_common("the list is read once")
    started = time.thread_time()
    is_common(text)
    assert time.thread_time() - started < 0.1
