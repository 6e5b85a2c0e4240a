"""Names of accounts: which are one, and which are none."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.auth.errors import ExpectedEmail, ExpectedMobile, ExpectedUsername
from howdah.auth.identifiers import canonical_text, parse_email, parse_mobile, parse_username

NOT_TEXT = (None, 7, True, 1.5, [], ["ann"], {"a": 1}, "", "   ", "a" * 10_000)


@given(st.text(max_size=40))
def test_canonical_form_is_reached_once_and_for_all(text: str) -> None:
    """R12: making it canonical again, in another case, width or composition changes nothing."""
    canonical = canonical_text(text)
    assert canonical_text(canonical) == canonical
    assert canonical_text(unicodedata.normalize("NFD", text)) == canonical
    assert canonical_text(text.casefold()) == canonical


@pytest.mark.parametrize(
    "spelling",
    [
        "ann.müller",
        "Ann.Müller",
        "ANN.MÜLLER",
        "  ann.müller ",
        "ann.mu\u0308ller",
        "ａｎｎ.müller",
        "ann.MU\u0308LLER",
    ],
)
def test_spellings_of_a_username_are_one(spelling: str) -> None:
    """R12: case, width, composition and spaces around it make no other account and no other bucket."""
    assert parse_username(spelling).canonical == "ann.müller"


def test_the_display_form_is_what_was_written() -> None:
    assert parse_username(" Ann-42ß ").display == "Ann-42ß"
    assert parse_username("ann").canonical != parse_username("anne").canonical


@pytest.mark.parametrize("name", ["a", "7", "ann", "ann-o.neil_7", "анна", "アン", "x" * 64, "विक्रम"])
def test_usernames(name: str) -> None:
    assert parse_username(name).kind == "username"


@pytest.mark.parametrize(
    "name",
    [
        *NOT_TEXT, "x" * 65, "ann@example.com", "+491701234567", "ann lee", "ann\u200bb", "ann\x00", "ann\nlee",
        ".ann",
        "ann.", "-ann", "_ann", "<b>", "ann/lee", "ann%20", "ann\u202e", "\ud800", "a\u037ab", "ann\uff20b", "﷽",
    ],
)  # fmt: skip
def test_what_is_no_username(name: object) -> None:
    with pytest.raises(ExpectedUsername):
        parse_username(name)


@pytest.mark.parametrize(
    "spelling",
    [
        "ann@müller.example", "Ann@Müller.example", "ANN@MÜLLER.EXAMPLE", "ann@xn--mller-kva.example",
        " ann@müller.example",
        "ａｎｎ@müller.example", "ann@mu\u0308ller.example", "ann@XN--MLLER-KVA.example", "ann@müller\u3002example",
    ],
)  # fmt: skip
def test_spellings_of_an_address_are_one(spelling: str) -> None:
    """R12, R14: local part folded, domain in ASCII."""
    assert parse_email(spelling).canonical == "ann@xn--mller-kva.example"


def test_mail_goes_to_what_was_written() -> None:
    """R14: the display form keeps the local part's case; another account's spelling is not ours."""
    assert parse_email("Ann.Lee+shop@Example.COM").display == "Ann.Lee+shop@example.com"
    assert parse_email("Ann.Lee+shop@Example.COM").canonical == "ann.lee+shop@example.com"
    assert parse_email("annlee@example.com").canonical != parse_email("ann.lee@example.com").canonical


@pytest.mark.parametrize("address", ["a@b.co", "ann@shop.test", "o'neil@example.com", "анна@пример.рф"])
def test_addresses(address: str) -> None:
    assert parse_email(address).kind == "email"


@pytest.mark.parametrize(
    "address",
    [
        *NOT_TEXT, "ann", "ann@", "ann@localhost", "ann@printer.local", "@example.com", "ann@example",
        "ann@@example.com", "a b@example.com", "ann@exa mple.com",
        "ann@example.com\r\nBcc: all@example.com", "ann\n@example.com", "Ann <ann@example.com>", "ann@[127.0.0.1]",
        "ann@example.com,b@c.de",
        "ann@example..com", ".ann@example.com", "ann@-x.com", '"ann"@example.com', "ann\x00@example.com",
        "a" * 65 + "@example.com",
        "ann@" + "x" * 64 + ".com", "ann\ufe6bb.de@example.com", "ann\uff1cb@example.com", "\ud800@example.com",
        "ann@exa\u202emple.com",
    ],
)  # fmt: skip
def test_what_is_no_address(address: object) -> None:
    """Nor anything that would end a mail's header."""
    with pytest.raises(ExpectedEmail):
        parse_email(address)


@pytest.mark.parametrize(
    ("mobile", "country_code"),
    [
        ("9876543210", "91"), ("9876543210", "+91"), (9876543210, 91), ("98765 43210", "91"), ("09876543210", "91"),
        ("98765-43210", " 91 "), ("+919876543210", None), ("+91 98765 43210", "91"), ("９８７６５４３２１０", "91"),
    ],
)  # fmt: skip
def test_spellings_of_a_number_are_one(mobile: object, country_code: object) -> None:
    """R12: stored as E.164."""
    assert parse_mobile(mobile, country_code).canonical == "+919876543210"


@pytest.mark.parametrize(
    ("mobile", "country_code"),
    [
        *((value, "91") for value in NOT_TEXT if value != 7),
        ("9876543210", None),  # of which country?
        ("9876543210", "0"), ("9876543210", "999"), ("9876543210", "IN"), ("9876543210", []), ("9876543210", True),
        ("+919876543210", "1"),  # two countries
        ("98765", "91"), ("98765432101234", "91"), ("0000000000", "91"),
        ("9876543210x12", "91"), ("9876543210;ext=12", "91"), ("1-800-FLOWERS", "1"),
        ("9005550123", "1"),  # bills the caller
        ("8005550123", "1"), ("30 123456", "49"),  # a landline
    ],
)  # fmt: skip
def test_what_is_no_mobile(mobile: object, country_code: object) -> None:
    with pytest.raises(ExpectedMobile):
        parse_mobile(mobile, country_code)


@pytest.mark.parametrize(
    ("mobile", "code"), [("7400123456", "44"), ("201-555-0123", 1), ("0612345678", "33"), ("0170 1234567", "49")]
)
def test_numbers_of_other_countries(mobile: str, code: object) -> None:
    assert parse_mobile(mobile, code).canonical.startswith(f"+{code}")
