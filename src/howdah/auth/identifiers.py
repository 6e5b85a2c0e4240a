"""What accounts are found by: usernames, e-mail addresses, mobile numbers; compared in one spelling (R12, R14).

The canonical form goes under the unique index and into keys of throttling; it is what two spellings of one name have in
common. The display form is what was written: pages show it, and mail goes to it, never to what a later request spells.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final, Literal

import phonenumbers
from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from howdah.auth.errors import ExpectedEmail, ExpectedMobile, ExpectedUsername

Kind = Literal["username", "email", "mobile"]


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name of an account: ``canonical`` to find it by, ``display`` as its owner wrote it."""

    kind: Kind
    canonical: str
    display: str


LONGEST_USERNAME: Final = 64
LONGEST_EMAIL: Final = 254  # RFC 5321, section 4.5.3.1.3
LONGEST_MOBILE: Final = 32  # as written; E.164 itself has fifteen digits

_DIAL: Final = re.compile(r"\+?[0-9 ()./-]+")
_COUNTRY_CODE: Final = re.compile(r"\+?([1-9][0-9]{0,2})")
_CAN_BE_TEXTED: Final = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def canonical_text(text: str) -> str:
    """The form all spellings of a text share: compatibility characters resolved, case folded (NFKC_Casefold).

    >>> canonical_text("ＡＮＮ") == canonical_text("ann") == "ann"
    True
    >>> canonical_text("STRASSE") == canonical_text("straße")
    True
    """
    for _ in range(_FOLDINGS):
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
        if folded == text:
            break
        text = folded
    return text


_FOLDINGS: Final = 4  # folding once can bring about what the next one folds; three are the most that change anything


def parse_username(value: Any) -> Identifier:
    """A username: letters, digits, ``.``, ``-`` and ``_``, beginning and ending with a letter or digit.

    There is no ``@`` in one, and no ``+``, so it is never taken for an address or a number.

    Raises ExpectedUsername.

    >>> parse_username("Ann.Müller ")
    Identifier(kind='username', canonical='ann.müller', display='Ann.Müller')
    """
    display = _text(value, LONGEST_USERNAME)
    canonical = canonical_text(display or "")
    if display is None or not _is_username(display) or not _is_username(canonical):
        raise ExpectedUsername(
            hint=f"Letters, digits and . - _ between them; at most {LONGEST_USERNAME} characters.",
        )
    return Identifier("username", canonical, display)


def parse_email(value: Any) -> Identifier:
    """An e-mail address (RFC 5321, 6531); that somebody reads what is sent there is for a message to find out.

    In the canonical form the domain is in its ASCII form (IDNA 2008) and the local part folded: providers that tell
    ``Ann`` from ``ann`` are not known, and two accounts that differ in this would be somebody's trick. Dots and what
    follows a plus are kept, because they mean what each provider says. ``.test`` is a domain here, for development.

    Raises ExpectedEmail.

    >>> parse_email("Ann@Müller.EXAMPLE")
    Identifier(kind='email', canonical='ann@xn--mller-kva.example', display='Ann@müller.example')
    """
    text = _text(value, LONGEST_EMAIL)
    address = _address(text) if text is not None else None
    if address is None or address.ascii_domain is None:
        raise ExpectedEmail
    canonical = f"{canonical_text(address.local_part)}@{address.ascii_domain.lower()}"
    again = _address(canonical)  # folding may have made an address that is none, or another one
    if again is None or f"{canonical_text(again.local_part)}@{again.ascii_domain}" != canonical:
        raise ExpectedEmail
    return Identifier("email", canonical, address.normalized)


def parse_mobile(mobile: Any, country_code: Any = None) -> Identifier:
    """A number that can be sent a text message, as E.164; with ``+`` in front it needs no ``country_code``.

    Numbers that bill the sender or are no mobile numbers are refused, as are those no country has handed out.

    Raises ExpectedMobile.

    >>> parse_mobile("98765 43210", "91")
    Identifier(kind='mobile', canonical='+919876543210', display='+919876543210')
    >>> parse_mobile("(0)7400 123456", "+44").canonical == parse_mobile("+44 7400 123456").canonical
    True
    """
    text = _text(_digits(mobile), LONGEST_MOBILE)
    code = _country_code(country_code)
    text = unicodedata.normalize("NFKC", text) if text is not None else ""
    if not _DIAL.fullmatch(text) or (code is None and not text.startswith("+")):
        raise ExpectedMobile
    region = phonenumbers.region_code_for_country_code(code) if code is not None else None
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        raise ExpectedMobile from None
    if (
        code not in (None, number.country_code)
        or not phonenumbers.is_valid_number(number)
        or phonenumbers.number_type(number) not in _CAN_BE_TEXTED
    ):
        raise ExpectedMobile
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return Identifier("mobile", e164, e164)


def _text(value: Any, longest: int) -> str | None:
    """The text without spaces around it, composed (NFC), when it is a short one that shows as it is."""
    if not isinstance(value, str) or len(value) > 2 * longest:
        return None
    text = unicodedata.normalize("NFC", value.strip())
    return text if 0 < len(text) <= longest and text.isprintable() else None


def _is_username(text: str) -> bool:
    """Whether it consists of letters, with their marks, and digits, and begins with one; ``.-_`` may be within."""
    kinds = [_BETWEEN if character in ".-_" else unicodedata.category(character)[0] for character in text]
    return bool(kinds) and kinds[0] in "LN" and kinds[-1] in "LNM" and all(kind in "LNM" + _BETWEEN for kind in kinds)


_BETWEEN: Final = "-"


def _digits(value: Any) -> Any:
    """A JSON number as text: clients send ``"mobile": 9876543210`` too."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else value


def _country_code(value: Any) -> int | None:
    if value is None:
        return None
    found = _COUNTRY_CODE.fullmatch(text.strip()) if isinstance(text := _digits(value), str) else None
    if found is None:
        raise ExpectedMobile
    return int(found[1])


def _address(text: str) -> ValidatedEmail | None:
    try:
        address = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        return None
    return address if "." in address.domain else None
