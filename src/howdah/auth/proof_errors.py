"""What somebody shows and is not believed, or chooses to show from now on and may not.

::

    AuthError                   bad-request             400
    ├── ForeignAccountRefused   foreign-account-refused 401
    ├── HookFailed              hook-failed             502
    ├── HookRefused             hook-refused
    ├── InvalidAccessToken      invalid-access-token    401
    │   ├── ExpiredAccessToken  expired-access-token    401
    │   └── UnknownTokenKey     invalid-access-token    401
    ├── InvalidCode             invalid-code
    ├── InvalidFactor           invalid-factor          401
    │   └── CopiedPasskey       invalid-factor          401
    ├── InvalidLink             invalid-link
    ├── InvalidRefreshToken     invalid-refresh-token   401
    ├── InvalidUser             invalid-user            401
    ├── IssuerDown              issuer-unavailable      502
    ├── NotVerified             not_verified            403
    ├── PasskeyExists           passkey-exists          409
    ├── PasswordTooShortAlone   password-too-short-alone 409
    ├── SignInExpired           sign-in-expired         401
    ├── TooManyFactors          too-many-factors        409
    ├── UnacceptablePassword    unacceptable-password
    │   ├── CommonPassword      common-password
    │   ├── LongPassword        long-password
    │   └── ShortPassword       short-password
    └── UnknownFactor           unknown-factor          404
"""

from __future__ import annotations

from typing import Any

from howdah.auth.errors import AuthError


class ForeignAccountRefused(AuthError):
    """What was sent does not show an account of this issuer's."""

    code = "foreign-account-refused"
    status = 401


class HookFailed(AuthError):
    """The service that is asked first cannot be asked, or says nothing that makes sense: nobody comes in."""

    code = "hook-failed"
    status = 502


class HookRefused(AuthError):
    """The service that is asked first refuses."""

    code = "hook-refused"

    def __init__(self, answered: int = 400, told: Any = None) -> None:
        message = told.get("message") if isinstance(told, dict) else told
        super().__init__(message if isinstance(message, str) and message else None)
        self.answered, self.told = answered, told

    def to_json(self) -> dict[str, Any]:
        """As every error, and what the service answered."""
        return {**super().to_json(), "answered": self.answered, "answer": self.told}


class InvalidAccessToken(AuthError):
    """The access token is not valid."""

    code = "invalid-access-token"
    status = 401


class ExpiredAccessToken(InvalidAccessToken):
    """The access token has expired. Ask for a new one with the refresh token."""

    code = "expired-access-token"


class UnknownTokenKey(InvalidAccessToken):
    """The access token is signed with a key that is not known here."""


class InvalidCode(AuthError):
    """The code or link is wrong, was used already, or is too old. Ask for a new one."""

    code = "invalid-code"


class InvalidFactor(AuthError):
    """The second factor is not right, or was used already."""

    code = "invalid-factor"
    status = 401


class CopiedPasskey(InvalidFactor):
    """The second factor is not right, or was used already."""


class InvalidLink(AuthError):
    """The link was used already, is too old, or was never made."""

    code = "invalid-link"


class InvalidRefreshToken(AuthError):
    """The refresh token is not valid: it was used before, or its session has ended. Sign in again."""

    code = "invalid-refresh-token"
    status = 401


class InvalidUser(AuthError):
    """There is no such account, or what was sent does not prove that it is yours."""

    code = "invalid-user"
    status = 401


class IssuerDown(AuthError):
    """The issuer of the account cannot be asked at the moment."""

    code = "issuer-unavailable"
    status = 502


class NotVerified(AuthError):
    """The account is not confirmed yet: open the link, or type in the code, that was sent."""

    code = "not_verified"
    status = 403


class PasswordTooShortAlone(AuthError):
    """The password is too short to be all that is shown of the account. Choose a longer one first."""

    code = "password-too-short-alone"
    status = 409


class PasskeyExists(AuthError):
    """The passkey belongs to an account already."""

    code = "passkey-exists"
    status = 409


class SignInExpired(AuthError):
    """The sign-in that was begun is over. Begin again."""

    code = "sign-in-expired"
    status = 401


class TooManyFactors(AuthError):
    """The account has as many second factors as it can have. Remove one first."""

    code = "too-many-factors"
    status = 409


class UnacceptablePassword(AuthError):
    """The text cannot be a password."""

    code = "unacceptable-password"


class CommonPassword(UnacceptablePassword):
    """The password is too easy to guess."""

    code = "common-password"


class LongPassword(UnacceptablePassword):
    """The password is too long."""

    code = "long-password"


class ShortPassword(UnacceptablePassword):
    """The password is too short."""

    code = "short-password"


class UnknownFactor(AuthError):
    """You have no such second factor."""

    code = "unknown-factor"
    status = 404
