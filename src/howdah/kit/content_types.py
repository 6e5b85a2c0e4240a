"""Which bodies are taken: JSON, unless a route says otherwise. Pure.

It is asked of requests whose method has a body. What a route takes beside JSON it says with ``@accepts``: a form, an
upload, anything. A form of another site can send no JSON without asking first, so this guard is also the first half of
what keeps such pages out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from howdah.kit.errors import WrongType

Function = TypeVar("Function", bound=Callable[..., Any])

GUARDED: Final = frozenset({"POST", "PUT", "PATCH"})
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")

_NAME: Final = r"[!#$%&'*+.^_`|~0-9a-z-]+"
_TYPE: Final = re.compile(rf"({_NAME})/({_NAME})", re.ASCII)
_RANGE: Final = re.compile(rf"\*/\*|{_NAME}/(\*|{_NAME})", re.ASCII)
_MARK: Final = "__howdah_accepts__"


def accepts(*types: str) -> Callable[[Function], Function]:
    """The function takes bodies of these types, too: ``@accepts("multipart/form-data")``, ``@accepts("text/*")``.

    Below the route's decorator. Raises ValueError: something is no type.
    """
    wanted = tuple(one.lower() for one in types)
    if not wanted or not all(_RANGE.fullmatch(one) for one in wanted):
        raise ValueError(f'accepts() takes media types, as "multipart/form-data": {types!r}')

    def mark(function: Function) -> Function:
        setattr(function, _MARK, (*accepted(function), *wanted))
        return function

    return mark


def accepted(function: object) -> tuple[str, ...]:
    """The types a function takes beside JSON."""
    types: tuple[str, ...] = getattr(function, _MARK, ())
    return types


def has_body(length: str | None, chunked: str | None) -> bool:
    """Whether a request has a body, as Content-Length and Transfer-Encoding tell."""
    return chunked is not None or (length is not None and length.strip() not in {"", "0"})


def is_json(content_type: str | None) -> bool:
    """Whether a Content-Type is JSON, whatever its parameters are.

    >>> [is_json(one) for one in ("application/json; charset=utf-8", "application/problem+json", "text/plain", None)]
    [True, True, False, False]
    """
    kind = media_type(content_type)
    return kind == "application/json" or kind.endswith("+json")


def media_type(content_type: str | None) -> str:
    """The type of a Content-Type in lower case, without its parameters; empty when it is none.

    >>> media_type("Application/JSON ;charset=utf-8"), media_type("nonsense")
    ('application/json', '')
    """
    kind = (content_type or "").partition(";")[0].strip(" \t").lower()
    return kind if _TYPE.fullmatch(kind) else ""


def check(content_type: str | None, types: tuple[str, ...]) -> None:
    """Nothing, when a body of this Content-Type is taken where these types are beside JSON. Raises WrongType."""
    kind = media_type(content_type)
    if is_json(kind) or any(_matches(kind, one) for one in types):
        return
    said = f'"{kind}"' if kind else "of no type"
    takes = " or ".join(("application/json", *types))
    raise WrongType(f"The body is {said}; {takes} is taken here.", hint="Send it with the Content-Type that it has.")


def _matches(kind: str, wanted: str) -> bool:
    return wanted in {"*/*", kind} or (wanted.endswith("/*") and kind.startswith(wanted[:-1]))
