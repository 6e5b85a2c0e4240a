"""What is sent to name an e-mail address or a number, and what it is read as."""

from __future__ import annotations

from typing import Annotated

import msgspec

from howdah.auth.errors import ExpectedMobile
from howdah.auth.identifiers import Identifier, parse_email, parse_mobile
from howdah.auth.part import Auth

FlowText = Annotated[str, msgspec.Meta(min_length=22, max_length=256)]
"""What a client without cookies chose to be known by when it shows a code: random, and nobody else's."""


class Email(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An address."""

    email: str

    def read(self, _: Auth, /) -> Identifier:
        """Its one spelling. Raises ExpectedEmail."""
        return parse_email(self.email)


class Mobile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A number; clients send digits as text or as a JSON number."""

    mobile: str | int
    country_code: str | int | None = None

    def read(self, auth: Auth, /) -> Identifier:
        """Its one spelling. Raises ExpectedMobile: it is none, or one that gets no messages here (R19)."""
        identifier = parse_mobile(self.mobile, self.country_code)
        allowed = auth.section.sms_country_codes
        if allowed and not identifier.canonical.startswith(tuple(f"+{code.lstrip('+')}" for code in allowed)):
            raise ExpectedMobile(hint=f"Numbers of these countries: {', '.join(allowed)}.")
        return identifier
