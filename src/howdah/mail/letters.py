"""The messages that howdah itself sends: what each is for, which values its template gets, and a sample of them.

Whoever sends one gives every value of ``needs`` and, where known, those of ``may``. A template of the project's may use
all of them; ``app``, the project's name, is always there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from howdah.mail.message import Channel

Value = str | int


@dataclass(frozen=True, slots=True)
class Letter:
    """One message by its name: ``<name>.txt`` and ``<name>.html``, or ``<name>.sms`` for a telephone."""

    name: str
    channel: Channel
    purpose: str
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


_LINK, _CODE, _NOTICE = ("link", "valid_for"), ("code", "valid_for"), ("when", "ip", "device", "link")

LETTERS: Mapping[str, Letter] = MappingProxyType(
    {
        letter.name: letter
        for letter in (
            Letter("verify-email", "mail", "Whoever signed up shows that the address is theirs.", _LINK, ("code",)),
            Letter("signup-code", "mail", "The same by a code to type in.", _CODE),
            Letter("account-exists", "mail", "Somebody signs up with the address of an account.", (), ("link", "ip")),
            Letter("login-code", "mail", "A code to sign in with.", _CODE, ("ip", "device")),
            Letter("login-link", "mail", "A link to sign in with.", _LINK, ("ip", "device")),
            Letter("reset-password", "mail", "A link to a new password.", _LINK, ("code", "ip", "device")),
            Letter("invitation", "mail", "An administrator made the account.", _LINK),
            Letter("change-email", "mail", "To the new address: is it theirs?", _LINK, ("code",)),
            Letter("email-changed", "mail", "To the old address: there is a new one.", (), ("email", *_NOTICE)),
            Letter("password-changed", "mail", "The password was changed.", (), _NOTICE),
            Letter("factor-added", "mail", "There is a new second factor.", ("factor",), _NOTICE),
            Letter("factor-removed", "mail", "A second factor was removed.", ("factor",), _NOTICE),
            Letter("recovery-code-used", "mail", "A recovery code was used.", ("remaining",), _NOTICE),
            Letter("test", "mail", "`howdah mail send-test` to an e-mail address."),
            Letter("sms-code", "text", "A code: to sign in, or to show whose a number is.", _CODE),
            Letter("sms-account-exists", "text", "Somebody signs up with the number of an account."),
            Letter("sms-number-changed", "text", "To the old number: there is a new one."),
            Letter("sms-test", "text", "`howdah mail send-test` to a number."),
        )
    }
)

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "app": "the project's name",
        "subject": "in HTML: the subject, filled in",
        "link": "an https address to open",
        "code": "the digits to type in",
        "valid_for": "seconds until link and code are worth nothing; `{{ valid_for | duration }}` is words",
        "factor": "what the second factor is called",
        "remaining": "how many recovery codes are left",
        "email": "the new address, partly hidden",
        "when": "the moment, in UTC",
        "ip": "the address it came from",
        "device": "the browser it came from",
    }
)
"""What each value is, for docs/mail.md."""

_SAMPLES: Mapping[str, Value] = {
    "link": "https://shop.example/auth/ui/verify#token=sample",
    "code": "123456",
    "valid_for": 900,
    "factor": "authenticator app",
    "remaining": 7,
    "email": "b***@example.com",
    "when": "21 November 2026, 10:00 UTC",
    "ip": "203.0.113.9",
    "device": "Firefox on Linux",
}


def sample(names: Iterable[str]) -> dict[str, Value]:
    """Values to try a template with."""
    return {name: _SAMPLES[name] for name in names}
