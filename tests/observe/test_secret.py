"""Secrets are seen by nobody who does not ask for them by name (R75)."""

from __future__ import annotations

import dataclasses

import pytest

from howdah.observe.secret import Secret, is_secret_name, redact


def test_no_printed_form_shows_the_value() -> None:
    """str, repr, format, containers and dataclasses all show three stars."""

    @dataclasses.dataclass(frozen=True)
    class Section:
        password: Secret

    secret = Secret("hunter2")
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret:>9}", f"{[secret]}", str(Section(secret))):
        assert "hunter2" not in shown
        assert "***" in shown


def test_only_reveal_gives_the_value() -> None:
    """The text comes back unchanged from reveal, and equal secrets are equal."""
    assert Secret("hunter2").reveal() == "hunter2"
    assert Secret("hunter2") == Secret("hunter2")
    assert Secret("hunter2") != Secret("hunter3")
    assert Secret("hunter2") != "hunter2"
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("Authorization", True),
        ("X-Hasura-Admin-Secret", True),
        ("admin_secret", True),
        ("apiKey", True),
        ("set-cookie", True),
        ("accessToken", True),
        ("author", False),  # contains "auth"
        ("tokens", False),  # a number of them
        ("secretary", False),
        ("path", False),
    ],
)
def test_names_are_judged_word_by_word(name: str, secret: bool) -> None:
    """A name is secret when one of its words is, and not when a word merely begins like one."""
    assert is_secret_name(name) is secret


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://me:pw@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:p@w@host/db", "postgresql://me:***@host/db"),  # an @ inside the password
        ("postgresql://me@host/db", "postgresql://me@host/db"),  # none to hide
        ("GET /x?token=abc&y=1", "GET /x?token=***&y=1"),
        ("host=/tmp password=abc user=me", "host=/tmp password=*** user=me"),
        ("Authorization: Bearer abcdefgh1j", "Authorization: Bearer ***"),
        ("basic understanding", "basic understanding"),
        ("a:b c=d", "a:b c=d"),
    ],
)
def test_secrets_inside_text_are_masked(text: str, expected: str) -> None:
    """Passwords in URLs and DSNs, tokens in queries and authorization values are masked; other text is untouched."""
    assert redact(text) == expected
