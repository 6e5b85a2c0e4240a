"""What can go wrong when one service calls another.

::

    CallError                    kit-call-error          502
    ├── UnknownService           kit-unknown-service     500  nobody has said where a service of this name is
    ├── BadServices              kit-bad-services        500  what was said of services cannot be used
    ├── BadPath                  kit-bad-path            500  the path would lead out of the service
    ├── ServiceUnreachable       kit-service-unreachable 502  no connection, or it broke
    ├── ServiceTimeout           kit-service-timeout     504  no complete answer in time
    ├── ServiceUnwell            kit-service-unwell      503  it did not answer lately, and is not asked for a moment
    ├── ServiceRefused           kit-service-refused     502  it answered, with an error where none was expected
    └── ServiceBadAnswer         kit-service-bad-answer  502  it answered too much, or no JSON where that was expected
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from howdah.kit.errors import KitError

if TYPE_CHECKING:
    import httpx2


class CallError(KitError):
    """Another service did not do what it was asked for."""

    code = "kit-call-error"


class UnknownService(CallError):
    """There is no service of this name."""

    code = "kit-unknown-service"
    status = 500


class BadServices(CallError):
    """What was said of services cannot be used."""

    code = "kit-bad-services"
    status = 500


class BadPath(CallError):
    """The path leads out of the service."""

    code = "kit-bad-path"
    status = 500


class ServiceUnreachable(CallError):
    """Another service cannot be reached."""

    code = "kit-service-unreachable"


class ServiceTimeout(CallError):
    """Another service did not answer in time."""

    code = "kit-service-timeout"
    status = 504


class ServiceUnwell(CallError):
    """Another service has not answered lately and is not asked for a moment."""

    code = "kit-service-unwell"
    status = 503

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.headers = (("Retry-After", str(max(1, math.ceil(retry_after)))),)
        """What the caller of a service is told that does not catch it."""


class ServiceRefused(CallError):
    """Another service answered with an error.

    ``response`` is the answer, for a service that can make something of it.
    """

    code = "kit-service-refused"

    def __init__(self, message: str, response: httpx2.Response) -> None:
        super().__init__(message)
        self.response = response
        self.answer_status = response.status_code


class ServiceBadAnswer(CallError):
    """Another service answered with something that cannot be used."""

    code = "kit-service-bad-answer"
