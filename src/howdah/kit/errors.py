"""What can go wrong between a service and the platform.

::

    KitError
    ├── NotConfigured      kit-not-configured  500  nobody said where the Data API is, or the key is none
    │   └── WrongSettings  kit-wrong-settings  500  settings that are missing, unknown or impossible, all of them
    ├── DataUnreachable    kit-unreachable     502  no connection, or it broke
    ├── DataTimeout        kit-timeout         504  no complete answer in time
    ├── DataRefused        kit-refused         502  the Data API answered with an error of its own
    │   ├── DataForbidden  kit-forbidden       403  … the role may not do this
    │   ├── DataConflict   kit-conflict        409  … a row breaks a constraint
    │   └── DataBusy       kit-busy            503  … it is busy, or its database is not there
    ├── BadAnswer          kit-bad-answer      502  something answered, but not the Data API
    ├── CallerUnproven     kit-caller-unproven 401  the request did not come through the gateway, or not just now
    ├── WrongSchema        kit-wrong-schema    500  a schema that is none, refused when the service starts
    ├── OutsideRequest     kit-outside-request 500  `current` was asked where no request is being answered
    ├── SignInRequired     sign-in-required    401  nobody is signed in, and the call is not for everybody
    ├── NotAllowed         not-allowed         403  the caller's role may not do this
    ├── BearerRequired     bearer-required     401  a call that needs a bearer, without the right one
    ├── UnknownAction      unknown-action      404  no action of this name
    ├── UnprovenOrigin     csrf-failed         403  a cookie, and no proof that a page of ours sends it
    ├── DuplicateOperation kit-duplicate-operation 500  two operations of an API with one id
    ├── WrongType          unsupported-media-type 415  a body that is no JSON, where nothing else is taken
    ├── UnreadableBody     unreadable-body     400  a body that is not the JSON that it should be
    ├── InvalidRequest     invalid-request     422  a request that was understood and is not valid
    └── CallerOver         kit-caller-over     504  the request takes longer than the word for its caller is good
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

from howdah.errors import HowdahError


class KitError(HowdahError):
    """The platform did not give the service what it asked for."""

    code: ClassVar[str] = "kit-error"
    status: ClassVar[int] = 502


class NotConfigured(KitError):
    """HOWDAH_DATA_URL is not set, so nobody said where the Data API is."""

    code = "kit-not-configured"
    status = 500


class DataUnreachable(KitError):
    """The Data API cannot be reached."""

    code = "kit-unreachable"


class DataTimeout(KitError):
    """The Data API did not answer in time."""

    code = "kit-timeout"
    status = 504


class DataRefused(KitError):
    """The Data API refused the query.

    ``answer_status``, ``answer_code`` and ``path`` are the Data API's own, for a service that can mend what it asked.
    """

    code = "kit-refused"

    def __init__(
        self,
        message: str,
        *,
        answer_status: int,
        answer_code: str,
        path: str | None = None,
        for_caller: bool = False,
    ) -> None:
        super().__init__(message, path=path)
        self.answer_status = answer_status
        self.answer_code = answer_code
        self.for_caller = for_caller

    def to_json(self) -> dict[str, Any]:
        """Code and message; the Data API's own only where it was asked on the caller's behalf.

        To another role, the admin above all, it says what is not for the caller to know.
        """
        if self.for_caller:
            return super().to_json()
        return {"code": self.code, "message": inspect.cleandoc(type(self).__doc__ or "").partition("\n")[0]}


class DataForbidden(DataRefused):
    """The role may not do this."""

    code = "kit-forbidden"
    status = 403


class DataConflict(DataRefused):
    """A row breaks a constraint, such as one of the same key."""

    code = "kit-conflict"
    status = 409


class DataBusy(DataRefused):
    """The Data API cannot answer at the moment."""

    code = "kit-busy"
    status = 503


class BadAnswer(KitError):
    """What answered is not the Data API."""

    code = "kit-bad-answer"


class CallerUnproven(KitError):
    """Nothing proves that the request came through the gateway."""

    code = "kit-caller-unproven"
    status = 401


class WrongSchema(KitError):
    """What requests are to be checked by cannot be used."""

    code = "kit-wrong-schema"
    status = 500


class OutsideRequest(KitError):
    """No request is being answered here, so there is nobody on whose behalf it could be."""

    code = "kit-outside-request"
    status = 500


class SignInRequired(KitError):
    """Sign in first."""

    code = "sign-in-required"
    status = 401


class NotAllowed(KitError):
    """Your role may not do this."""

    code = "not-allowed"
    status = 403


class WrongType(KitError):
    """The body is of a type that is not taken here."""

    code = "unsupported-media-type"
    status = 415


class UnreadableBody(KitError):
    """The body is not the JSON that it should be."""

    code = "unreadable-body"
    status = 400


class CallerOver(KitError):
    """The request has been under way for longer than the gateway's word on who calls is good."""

    code = "kit-caller-over"
    status = 504


class BearerRequired(KitError):
    """The call needs a bearer, and the right one."""

    code = "bearer-required"
    status = 401
    headers = (("WWW-Authenticate", "Bearer"),)


class UnknownAction(KitError):
    """There is no such action."""

    code = "unknown-action"
    status = 404


class WrongSettings(NotConfigured):
    """The settings of the service are not what they should be.

    ``problems`` is everything that is wrong with them.
    """

    code = "kit-wrong-settings"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("The settings are wrong:\n" + "\n".join(f"  - {problem}" for problem in self.problems))


class UnprovenOrigin(KitError):
    """Nothing proves that a page of this service sent the request."""

    code = "csrf-failed"
    status = 403


class DuplicateOperation(KitError):
    """Two operations have one id, so that clients made of the API's description would lack one."""

    code = "kit-duplicate-operation"
    status = 500
