"""An error → what a page says of it, and beside which field. Pure.

The API speaks to programs; a page speaks to whoever filled in a form, and leaves out what they cannot do.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from howdah.auth.errors import AuthError, TooManyAttempts
from howdah.auth.proof_errors import UnacceptablePassword

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE

_WORDS: Final = {
    "accounts-busy": "Many people are signing in right now. Try again in a moment.",
    "accounts-unavailable": "This does not work at the moment. Try again in a little while.",
    "expected-email": "Enter an e-mail address, like ann@example.com.",
    "expected-mobile": "Enter a telephone number with the code of its country, like +49 151 23456789.",
    "expected-username": "Enter a username of letters, digits, dots, hyphens and underscores.",
    "foreign-account-refused": "That sign-in did not work. Begin again.",
    "invalid-code": "This code or link is wrong, was used already, or is too old. Ask for a new one.",
    "invalid-factor": "This is not right, or was used already.",
    "invalid-link": "This link was used already, or is too old. Ask for a new one.",
    "invalid-user": "The name or the password is not right.",
    "not_verified": "Confirm your address first: open the link in the mail that we sent you.",
    "passkey-exists": "This passkey belongs to an account already.",
    "password-too-short-alone": (
        "Your password is too short to be all that is asked for. Change it to a longer one on the page of your account "
        "first."
    ),
    "redirect-not-allowed": "The link that brought you here leads to a place that is not allowed.",
    "sign-in-expired": "That took too long. Log in again.",
    "signup-closed": "Nobody can sign up here at the moment.",
    "user-already-exists": "This name is taken.",
}
_AT: Final = {
    "invalid-user": {
        "old_password": "This is not your current password.",
        "own_password": "This is not your current password.",
        "number_password": "This is not your current password.",
        "passkey": "This passkey was not accepted here.",
        "sign_in_code": "This code is not right, was used already, or is too old.",
    },
    "invalid-factor": {
        "recovery_code": "This recovery code is not right, or was used already.",
        "code": "This code is not right, or was used already. Wait for the next one.",
        "passkey": "This passkey was not accepted here.",
    },
}
_REFUSALS: Final = {
    "foreign-account-refused": "That sign-in was not finished. Try again, or log in another way.",
    "hook-failed": "This does not work at the moment. Try again in a little while.",
    "hook-refused": "That account may not log in here.",
    "invalid-user": "That account may not log in here.",
    "issuer-unavailable": "The other site does not answer at the moment. Try again, or log in another way.",
    "redirect-not-allowed": _WORDS["redirect-not-allowed"],
    "signup-closed": _WORDS["signup-closed"],
    "too-many-attempts": "There were too many attempts. Wait a few minutes.",
    "user-already-exists": (
        "There is an account with that address here already. Log in to it as you did before; then the page of your "
        "account connects the two."
    ),
}
_PASSWORDS: Final = ("new_password", "password")
_FIELDS: Final = {
    "expected-email": ("email", "name"),
    "expected-mobile": ("mobile", "name"),
    "expected-username": ("name",),
    "invalid-code": ("code", "sign_in_code"),
    "invalid-factor": ("passkey", "recovery_code", "code"),
    "invalid-user": ("passkey", "old_password", "own_password", "number_password", "sign_in_code", "password"),
    "user-already-exists": ("name",),
}
_UNSEEN: Final = ("passkey", "token")
"""Fields that no page shows: what is wrong with them stands above the form alone."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and the field it is about, where it is about one."""

    text: str
    field: str | None = None


def problem_of(error: AuthError, fields: Container[str] = ()) -> Problem:
    """What to say of it on a page whose form has these fields, filled in.

    >>> from howdah.auth.proof_errors import InvalidUser
    >>> problem_of(InvalidUser(), ("name", "password"))
    Problem(text='The name or the password is not right.', field='password')
    """
    candidates = _PASSWORDS if isinstance(error, UnacceptablePassword) else _FIELDS.get(error.code, ())
    field = next((name for name in candidates if name in fields), None)
    return Problem(_words(error, field), None if field in _UNSEEN else field)


def refusal_of(code: str) -> Problem | None:
    """What to say to whoever comes back from an issuer of accounts without having got in; None for no such code.

    >>> refusal_of("anything else") is None
    True
    """
    text = _REFUSALS.get(code)
    return None if text is None else Problem(text)


def _words(error: AuthError, field: str | None) -> str:
    if isinstance(error, TooManyAttempts):
        return f"There were too many attempts. Try again in {span(error.retry_after)}."
    if isinstance(error, UnacceptablePassword):
        return f"{error.message} {error.hint}" if error.hint else error.message
    return _AT.get(error.code, {}).get(field or "") or _WORDS.get(error.code) or error.message


def span(seconds: int) -> str:
    """So long, in words: rounded up.

    >>> span(1), span(90), span(7200)
    ('1 second', '2 minutes', '2 hours')
    """
    for unit, name in ((_HOUR, "hour"), (_MINUTE, "minute"), (1, "second")):
        if seconds >= unit:
            count = -(-seconds // unit)
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return "a moment"
