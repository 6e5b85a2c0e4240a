"""Errors → the bytes and header fields of an answer; and ids for requests."""

from __future__ import annotations

import re
import secrets
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Final

import msgspec

from howdah.gateway.errors import problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.errors import HowdahError
    from howdah.gateway.errors import GatewayError

# R56: an answer of the platform is data. Nothing in it is to be run, framed or guessed at.
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
JSON_TYPE: Final = (b"content-type", b"application/json; charset=utf-8")
PROBLEM_TYPE: Final = (b"content-type", b"application/problem+json; charset=utf-8")
NO_STORE: Final = (b"cache-control", b"no-store")
PRIVATE: Final = (b"cache-control", b"private, no-store")

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# Ids need to be unique, not unguessable: a random prefix per process and a counter cost a tenth of a random id each.
_PREFIX: Final = secrets.token_hex(6)
_numbers: Final = count(1)


def new_request_id() -> str:
    """An id no other request has."""
    return f"{_PREFIX}-{next(_numbers):x}"


def accepted_request_id(value: bytes) -> str | None:
    """The id a client gave its request, if it is fit to stand in a log and a header.

    >>> accepted_request_id(b"checkout-17")
    'checkout-17'
    >>> accepted_request_id(b"x y") is None
    True
    """
    return value.decode("ascii") if _REQUEST_ID.fullmatch(value) else None


def error_body(error: HowdahError, request_id: str) -> bytes:
    """The error as the JSON its caller reads, of the type `PROBLEM_TYPE` (R76)."""
    return msgspec.json.encode(problem(error, request_id))


def refusal(error: GatewayError, request_id: str, default_fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The whole answer to a request that is refused on the wire, after which the connection is closed."""
    body = error_body(error, request_id)
    fields = [
        *default_fields,
        PROBLEM_TYPE,
        (b"content-length", str(len(body)).encode()),
        *SECURITY_HEADERS,
        (b"x-request-id", request_id.encode()),
        *error.headers,
        (b"connection", b"close"),
    ]
    head = b"".join(b"%s: %s\r\n" % field for field in fields)
    phrase = HTTPStatus(error.status).phrase.encode()
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (error.status, phrase, head, body)
