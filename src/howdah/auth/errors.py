"""Everything accounts refuse.

::

    AuthError                       bad-request             400
    ├── AccountsBusy                accounts-busy           503
    ├── AccountsDown                accounts-unavailable    503
    ├── BodyNotJson                 unsupported-media-type  415
    ├── BodyTooLarge                bad-request             413
    ├── ForeignAccountRefused       foreign-account-refused 401
    ├── HookFailed                  hook-failed             502
    ├── HookRefused                 hook-refused
    ├── InternalError               internal                500
    ├── InvalidAccessToken          invalid-access-token    401
    │   ├── ExpiredAccessToken      expired-access-token    401
    │   └── UnknownTokenKey         invalid-access-token    401
    ├── InvalidBody                 bad-request
    ├── InvalidIdentifier           bad-request
    │   ├── ExpectedIdentifier      bad-request
    │   ├── ExpectedEmail           expected-email
    │   ├── ExpectedMobile          expected-mobile
    │   └── ExpectedUsername        expected-username
    ├── InvalidFactor               invalid-factor          401
    │   └── CopiedPasskey           invalid-factor          401
    ├── InvalidLink                 invalid-link
    ├── InvalidRefreshToken         invalid-refresh-token   401
    ├── InvalidCode                 invalid-code
    ├── InvalidUser                 invalid-user            401
    ├── IssuerDown                  issuer-unavailable      502
    ├── NoAccountsHere              no-accounts             503
    ├── NoSuchUser                  no-such-user            404
    ├── NotAllowed                  access-denied           403
    ├── NotSignedIn                 not-signed-in           401
    ├── NotVerified                 not_verified            403
    ├── PasskeyExists               passkey-exists          409
    ├── ProviderOff                 provider-off
    ├── RedirectNotAllowed          redirect-not-allowed
    ├── ServiceTokenExists          service-token-exists    409
    ├── SessionExpired              session-expired         401
    ├── SignInExpired               sign-in-expired         401
    ├── SignupClosed                signup-closed           403
    ├── StepUpRequired              step-up-required        403
    ├── TooManyAttempts             too-many-attempts       429
    ├── TooManyFactors              too-many-factors        409
    ├── UnknownCall                 unknown-path            404
    ├── UnknownFactor               unknown-factor          404
    ├── UnacceptablePassword        unacceptable-password
    │   ├── CommonPassword          common-password
    │   ├── LongPassword            long-password
    │   └── ShortPassword           short-password
    ├── Unfetched                   unfetched               502
    ├── UnknownServiceToken         unknown-service-token   404
    ├── UnknownSigningKey           unknown-signing-key     404
    ├── UnreadableSeal              unreadable-seal         500
    ├── UnusableClaimsMapping       unusable-claims-mapping
    ├── UnusableKey                 unusable-key
    ├── UnusableIssuer              unusable-issuer
    ├── UnusablePasswordHash        unusable-password-hash
    ├── UnusableRedirectTarget      unusable-redirect-target
    ├── UserAlreadyExists           user-already-exists     409
    └── WrongMethod                 method-not-allowed      405

The body is ``{"code", "message"}`` with a ``hint`` where there is one. What a stranger asks about an account that is
there and about one that is not is refused in the same words (R8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from howdah.errors import HowdahError


class AuthError(HowdahError):
    """The request about an account cannot be answered."""

    code = "bad-request"
    status = 400

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields that go with the answer."""
        return {"retry-after": "1"} if self.status == HTTPStatus.SERVICE_UNAVAILABLE else {}


class AccountsDown(AuthError):
    """Accounts cannot be asked at the moment. Try again."""

    code = "accounts-unavailable"
    status = 503


class BodyNotJson(AuthError):
    """The body is to be JSON, sent as application/json."""

    code = "unsupported-media-type"
    status = 415


class BodyTooLarge(AuthError):
    """The request's body is larger than is allowed."""

    status = 413


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


class IssuerDown(AuthError):
    """The issuer of the account cannot be asked at the moment."""

    code = "issuer-unavailable"
    status = 502


class UnusableIssuer(AuthError):
    """The settings of an issuer are incomplete."""

    code = "unusable-issuer"
    exit_code = 2


class InternalError(AuthError):
    """Something went wrong here. It is in the log, under the id of this request."""

    code = "internal"
    status = 500


class InvalidBody(AuthError):
    """The body is not what this call takes."""


class NoAccountsHere(AuthError):
    """There are no accounts here."""

    code = "no-accounts"
    status = 503


class NoSuchUser(AuthError):
    """There is no such user."""

    code = "no-such-user"
    status = 404


class NotAllowed(AuthError):
    """Only an administrator may do this."""

    code = "access-denied"
    status = 403


class NotVerified(AuthError):
    """The account is not confirmed yet: open the link, or type in the code, that was sent."""

    code = "not_verified"
    status = 403


class NotSignedIn(AuthError):
    """Sign in first."""

    code = "not-signed-in"
    status = 401


class PasskeyExists(AuthError):
    """The passkey belongs to an account already."""

    code = "passkey-exists"
    status = 409


class ProviderOff(AuthError):
    """People cannot sign in this way here."""

    code = "provider-off"


class SignupClosed(AuthError):
    """Nobody can make an account for themselves here."""

    code = "signup-closed"
    status = 403


class UnknownCall(AuthError):
    """There is no such call."""

    code = "unknown-path"
    status = 404


class WrongMethod(AuthError):
    """The call is there, for another method."""

    code = "method-not-allowed"
    status = 405


class AccountsBusy(AuthError):
    """Too many people sign in at this moment. Try again."""

    code = "accounts-busy"
    status = 503


class InvalidAccessToken(AuthError):
    """The access token is not valid."""

    code = "invalid-access-token"
    status = 401


class ExpiredAccessToken(InvalidAccessToken):
    """The access token has expired. Ask for a new one with the refresh token."""

    code = "expired-access-token"


class UnknownTokenKey(InvalidAccessToken):
    """The access token is signed with a key that is not known here."""


class InvalidIdentifier(AuthError):
    """A username, an e-mail address or a telephone number is expected here."""


class ExpectedIdentifier(InvalidIdentifier):
    """One of username, email and mobile is expected here."""


class ExpectedEmail(InvalidIdentifier):
    """An e-mail address is expected here."""

    code = "expected-email"


class ExpectedMobile(InvalidIdentifier):
    """A telephone number is expected here, with the code of its country."""

    code = "expected-mobile"


class ExpectedUsername(InvalidIdentifier):
    """A username is expected here."""

    code = "expected-username"


class InvalidLink(AuthError):
    """The link was used already, is too old, or was never made."""

    code = "invalid-link"


class InvalidCode(AuthError):
    """The code or link is wrong, was used already, or is too old. Ask for a new one."""

    code = "invalid-code"


class InvalidFactor(AuthError):
    """The second factor is not right, or was used already."""

    code = "invalid-factor"
    status = 401


class CopiedPasskey(InvalidFactor):
    """The second factor is not right, or was used already."""


class InvalidUser(AuthError):
    """There is no such account, or what was sent does not prove that it is yours."""

    code = "invalid-user"
    status = 401


class InvalidRefreshToken(AuthError):
    """The refresh token is not valid: it was used before, or its session has ended. Sign in again."""

    code = "invalid-refresh-token"
    status = 401


class RedirectNotAllowed(AuthError):
    """The browser may not be sent there."""

    code = "redirect-not-allowed"


class ServiceTokenExists(AuthError):
    """There is a service token of that name already."""

    code = "service-token-exists"
    status = 409


class SessionExpired(AuthError):
    """The session has ended. Sign in again."""

    code = "session-expired"
    status = 401


class SignInExpired(AuthError):
    """The sign-in that was begun is over. Begin again."""

    code = "sign-in-expired"
    status = 401


class StepUpRequired(AuthError):
    """Show once more who you are before you do this.

    ``ways`` is by what: ``password``, ``totp``, ``passkey``, ``recovery``, or ``login``, where a new sign-in is all.
    """

    code = "step-up-required"
    status = 403

    def __init__(self, ways: Sequence[str] = ()) -> None:
        super().__init__(hint="POST /v1/user/step-up, then ask again.")
        self.ways = tuple(ways)

    def to_json(self) -> dict[str, Any]:
        """The error with the ways."""
        return {**super().to_json(), "ways": list(self.ways)}


class TooManyFactors(AuthError):
    """The account has as many second factors as it can have. Remove one first."""

    code = "too-many-factors"
    status = 409


class UnknownFactor(AuthError):
    """You have no such second factor."""

    code = "unknown-factor"
    status = 404


class TooManyAttempts(AuthError):
    """There were too many attempts. Wait before the next one.

    ``retry_after`` is for how many seconds; the answer's Retry-After says it too (RFC 9110, section 10.2.3).
    """

    code = "too-many-attempts"
    status = 429

    def __init__(self, *, retry_after: int = 1) -> None:
        super().__init__(
            "There were too many attempts. Wait before the next one.", hint=f"Try again in {retry_after} s."
        )
        self.retry_after = retry_after

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields that go with the answer."""
        return {"retry-after": str(self.retry_after)}


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


class Unfetched(AuthError):
    """Another site does not answer as it should."""

    code = "unfetched"
    status = 502


class UnknownServiceToken(AuthError):
    """There is no such service token, or it is revoked already."""

    code = "unknown-service-token"
    status = 404


class UnknownSigningKey(AuthError):
    """There is no such signing key, or it is retired already."""

    code = "unknown-signing-key"
    status = 404


class UnreadableSeal(AuthError):
    """A stored secret cannot be read with the secret key there is."""

    code = "unreadable-seal"
    status = 500


class UnusableClaimsMapping(AuthError):
    """The claims of an issuer cannot be read that way."""

    code = "unusable-claims-mapping"


class UnusableKey(AuthError):
    """Signatures cannot be checked with the key."""

    code = "unusable-key"


class UnusablePasswordHash(AuthError):
    """The hash is none that passwords can be compared with here."""

    code = "unusable-password-hash"


class UnusableRedirectTarget(AuthError):
    """Browsers cannot be sent there."""

    code = "unusable-redirect-target"


class UserAlreadyExists(AuthError):
    """There is an account of that name already."""

    code = "user-already-exists"
    status = 409
