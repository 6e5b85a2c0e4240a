"""What a request is answered when it fails: one shape in JSON, whatever went wrong and whichever framework noticed.

    {"code": "not-found", "message": "There is nothing at this address.", "request_id": "…"}

``path`` and ``hint`` are there where they are known, ``problems`` where there are several. Pure.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from howdah.errors import HowdahError

Headers = tuple[tuple[str, str], ...]

_SAID: Final = {
    400: ("bad-request", "The request cannot be understood."),
    401: ("unauthorized", "Sign in first."),
    403: ("forbidden", "This is not for you."),
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address does not take this method; Allow says which it takes."),
    406: ("not-acceptable", "This cannot be had in a form that you accept."),
    409: ("conflict", "This does not go together with what is there already."),
    410: ("gone", "This is gone for good."),
    413: ("content-too-large", "The body is larger than it may be."),
    415: ("unsupported-media-type", "The body is of a type that is not taken here."),
    416: ("range-not-satisfiable", "There is no such range."),
    418: ("im-a-teapot", "I am a teapot."),
    422: ("unprocessable-content", "The request was understood, and is not valid."),
    429: ("too-many-requests", "Too many requests; try again later."),
    500: ("internal", "The service failed to answer. Its log says why."),
    501: ("not-implemented", "The service cannot do this."),
    502: ("bad-gateway", "What the service depends on gave no proper answer."),
    503: ("service-unavailable", "The service cannot answer now; try again later."),
    504: ("gateway-timeout", "What the service depends on did not answer in time."),
}
"""Code and message of a status: written down, because the phrases of `http` change from one Python to the next."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: a status, a JSON object, and headers that belong to the error (Allow, Retry-After)."""

    status: int
    body: dict[str, Any]
    headers: Headers = ()


def of_status(status: int, message: str | None = None, *, detail: object = None, headers: Headers = ()) -> Answer:
    """An error that is no more than its status, with a message of its own where whoever raised it had one.

    >>> of_status(404).body
    {'code': 'not-found', 'message': 'There is nothing at this address.'}
    >>> of_status(499, "Closed.").body
    {'code': 'status-499', 'message': 'Closed.'}
    """
    code, said = _SAID.get(status) or (_code(status), "The request failed.")
    body: dict[str, Any] = {"code": code, "message": message or said}
    if detail is not None:
        body["detail"] = detail
    return Answer(status, body, headers)


def of_error(error: HowdahError, *, in_development: bool) -> Answer:
    """An error of howdah's, or of the service's own class below HowdahError.

    What a failure of the service's own was about is for its log, and in development for the page.
    """
    if error.status < HTTPStatus.INTERNAL_SERVER_ERROR or in_development:
        return Answer(error.status, error.to_json(), tuple(getattr(error, "headers", ())))
    # What the class says is fixed text; what this one says may name addresses and data (R76).
    message = (inspect.getdoc(type(error)) or "").partition("\n")[0]
    return Answer(error.status, {"code": error.code, "message": message}, tuple(getattr(error, "headers", ())))


def of_crash(error: BaseException | None, *, in_development: bool) -> Answer:
    """An error nobody raised on purpose. Its name and text are for the log, and in development for the page (R76)."""
    answer = of_status(500)
    if error is not None and in_development:
        answer.body["exception"] = f"{type(error).__name__}: {error}"
    return answer


def kept(headers: Iterable[tuple[str, str]]) -> Headers:
    """The headers of a framework's error that say something of the error, without those of its HTML."""
    return tuple((name, value) for name, value in headers if name.lower() not in {"content-type", "content-length"})


def _code(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return f"status-{status}"
    return phrase.lower().replace("'", "").replace(" ", "-")
