"""The token of a form, where nothing else shows which page it is from: read beforehand, and left for whoever takes it.

Browsers say of a form's page in header fields (`csrf.py`), but for some old or careful ones. Forms of ours have the
token of their session in a field, as programs have it in ``X-CSRF-Token`` (R53).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    Message = dict[str, Any]
    Receive = Callable[[], Awaitable[Any]]

FIELD: Final = "csrf_token"
_FORM: Final = b"application/x-www-form-urlencoded"
_LONGEST: Final = 64 * 1024
_MOST_FIELDS: Final = 50


def is_form(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the body is what a page's form sends."""
    kinds = [value for name, value in headers if name == b"content-type"]
    return len(kinds) == 1 and kinds[0].partition(b";")[0].strip().lower() == _FORM


async def read_token(receive: Receive) -> tuple[tuple[bytes, ...], Receive]:
    """The tokens in the form, and what gives its body once more; none of a form that is too long to be one of ours."""
    told: list[Message] = []
    body = b""
    while len(body) <= _LONGEST:
        message = await receive()
        told.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            break

    async def again() -> Message:
        return told.pop(0) if told else await receive()

    return (_tokens(body) if len(body) <= _LONGEST else ()), again


def _tokens(body: bytes) -> tuple[bytes, ...]:
    """Every value of the field.

    >>> _tokens(b"name=ann&csrf_token=a1b2"), _tokens(b"csrf_token=1&csrf_token=2"), _tokens(bytes([255]))
    ((b'a1b2',), (b'1', b'2'), ())
    """
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return ()
    return tuple(value.encode() for name, value in fields if name == FIELD)
