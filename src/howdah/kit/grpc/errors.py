"""Errors of howdah's as status codes of gRPC, and what a client makes of those. Pure.

The message of an error whose status is below 500 is for the caller and goes along; of any other goes what its class
says, which names no address and no data. Its code goes along in the trailing metadata ``howdah-code``.
"""

from __future__ import annotations

import inspect
from typing import Final

import grpc

from howdah.errors import HowdahError
from howdah.kit.services.errors import CallError, ServiceTimeout, ServiceUnreachable, ServiceUnwell

CODE_METADATA: Final = "howdah-code"
CRASHED: Final = "The service failed to answer. Its log says why."

_CODES: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ALREADY_EXISTS,
    412: grpc.StatusCode.FAILED_PRECONDITION,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


class RemoteRefused(CallError):
    """Another service answered with an error.

    ``status`` of gRPC is in ``answer_status``, the error's code in ``answer_code`` where it is one of howdah's.
    """

    code = "kit-grpc-refused"

    def __init__(self, message: str, answer_status: grpc.StatusCode, answer_code: str | None = None) -> None:
        super().__init__(message)
        self.answer_status = answer_status
        self.answer_code = answer_code


def status_of(error: HowdahError) -> grpc.StatusCode:
    """The status code of gRPC that says what the error's status of HTTP says.

    >>> status_of(ServiceUnwell())
    <StatusCode.UNAVAILABLE: (14, 'unavailable')>
    """
    if error.status < 500:
        return _CODES.get(error.status, grpc.StatusCode.FAILED_PRECONDITION)
    return _CODES.get(error.status, grpc.StatusCode.INTERNAL)


def details_of(error: HowdahError) -> str:
    """What the caller is told."""
    if error.status < 500:
        return error.message
    return inspect.cleandoc(type(error).__doc__ or "").partition("\n")[0]


def error_of(service: str, status: grpc.StatusCode, details: str | None, code: str | None, seconds: float) -> CallError:
    """What went wrong with a call, for whoever made it."""
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ServiceTimeout(f"The service {service!r} did not answer within {seconds:g} s.")
    if status is grpc.StatusCode.UNAVAILABLE and code is None:
        return ServiceUnreachable(f"The service {service!r} cannot be reached: {details}.")
    if status is grpc.StatusCode.RESOURCE_EXHAUSTED and code is None:
        return ServiceUnwell(f"The service {service!r} takes no more at the moment, or not so much: {details}.")
    return RemoteRefused(f"The service {service!r} refused: {status.name}, {details}", status, code)
