"""What accounts refuse whoever asks, and whatever they show.

::

    AuthError                   bad-request             400
    ├── AccountsBusy            accounts-busy           503
    ├── AccountsDown            accounts-unavailable    503
    ├── BodyNotJson             unsupported-media-type  415
    ├── BodyTooLarge            bad-request             413
    ├── InternalError           internal                500
    ├── InvalidBody             bad-request
    ├── InvalidIdentifier       bad-request
    │   ├── ExpectedEmail       expected-email
    │   ├── ExpectedIdentifier  bad-request
    │   ├── ExpectedMobile      expected-mobile
    │   └── ExpectedUsername    expected-username
    ├── NoAccountsHere          no-accounts             503
    ├── NoSuchUser              no-such-user            404
    ├── NotAllowed              access-denied           403
    ├── NotSignedIn             not-signed-in           401
    ├── ProviderOff             provider-off
    ├── RedirectNotAllowed      redirect-not-allowed
    ├── ServiceTokenExists      service-token-exists    409
    ├── SessionExpired          session-expired         401
    ├── SignupClosed            signup-closed           403
    ├── StepUpRequired          step-up-required        403
    ├── TooManyAttempts         too-many-attempts       429
    ├── UnknownCall             unknown-path            404
    ├── UnknownServiceToken     unknown-service-token   404
    ├── UnknownSigningKey       unknown-signing-key     404
    ├── UserAlreadyExists       user-already-exists     409
    └── WrongMethod             method-not-allowed      405

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


class AccountsBusy(AuthError):
    """Too many people sign in at this moment. Try again."""

    code = "accounts-busy"
    status = 503


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


class InternalError(AuthError):
    """Something went wrong here. It is in the log, under the id of this request."""

    code = "internal"
    status = 500


class InvalidBody(AuthError):
    """The body is not what this call takes."""


class InvalidIdentifier(AuthError):
    """A username, an e-mail address or a telephone number is expected here."""


class ExpectedEmail(InvalidIdentifier):
    """An e-mail address is expected here."""

    code = "expected-email"


class ExpectedIdentifier(InvalidIdentifier):
    """One of username, email and mobile is expected here."""


class ExpectedMobile(InvalidIdentifier):
    """A telephone number is expected here, with the code of its country."""

    code = "expected-mobile"


class ExpectedUsername(InvalidIdentifier):
    """A username is expected here."""

    code = "expected-username"


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


class NotSignedIn(AuthError):
    """Sign in first."""

    code = "not-signed-in"
    status = 401


class ProviderOff(AuthError):
    """People cannot sign in this way here."""

    code = "provider-off"


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


class SignupClosed(AuthError):
    """Nobody can make an account for themselves here."""

    code = "signup-closed"
    status = 403


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


class UnknownCall(AuthError):
    """There is no such call."""

    code = "unknown-path"
    status = 404


class UnknownServiceToken(AuthError):
    """There is no such service token, or it is revoked already."""

    code = "unknown-service-token"
    status = 404


class UnknownSigningKey(AuthError):
    """There is no such signing key, or it is retired already."""

    code = "unknown-signing-key"
    status = 404


class UserAlreadyExists(AuthError):
    """There is an account of that name already."""

    code = "user-already-exists"
    status = 409


class WrongMethod(AuthError):
    """The call is there, for another method."""

    code = "method-not-allowed"
    status = 405
