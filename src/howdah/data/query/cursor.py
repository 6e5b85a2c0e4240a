"""Pages: rows from a place in their order on. A cursor is such a place, as text nobody need understand.

It is the list of a row's values in the order, each as text, behind a mark of the order, in the base64 of URLs. It has
nothing that its reader may not read: whoever changes it asks from another place, or is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from howdah.data.errors import Path, UnexpectedPayload, Unreadable
from howdah.data.query.ast import Cursor, Page
from howdah.data.query.reading import Budget, expected, read_object, refuse_other_keys

_KEYS: Final = frozenset({"after", "before", "total"})


class Decoded(list[Any]):
    """A cursor's mark and values. Not a list of the request's own: those are refused."""


def decode_cursor(text: str) -> Decoded | None:
    """What the cursor holds: a mark, and for each value of the order its text, or None; None if it is no cursor.

    >>> decode_cursor("WyIxMmFiIiwiNCIsbnVsbF0")
    ['12ab', '4', None]
    """
    try:
        value = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(value, list) or len(value) < 2 or not isinstance(value[0], str):
        return None
    if not all(item is None or (isinstance(item, str) and _is_text(item)) for item in value):
        return None
    return Decoded(value)


def _is_text(text: str) -> bool:
    """Whether Postgres can hold it: no NUL, no half of a surrogate pair."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def parse_page(value: Any, path: Path, budget: Budget) -> Page:
    """The page that ``{"after" or "before": cursor or values, "total": bool}`` asks for.

    Raises Unreadable and UnexpectedPayload.
    """
    fields = read_object(value, path)
    refuse_other_keys(fields, _KEYS, path)
    after, before, total = (fields.get(key) for key in ("after", "before", "total"))
    if after is not None and before is not None:
        raise UnexpectedPayload('"after" and "before" cannot be given together', path=path)
    if total is not None and not isinstance(total, bool):
        raise expected("Boolean", total, (path, "total"))
    backward = before is not None
    place = (path, "before" if backward else "after")
    return Page(_position(before if backward else after, place, budget), backward, bool(total), path)


def _position(value: Any, path: Path, budget: Budget) -> Cursor | dict[str, Any] | None:
    if value is None:
        return None
    if isinstance(value, dict):
        if not value:
            raise Unreadable("a position has the values of a row's order", path=path)
        for key in value:
            budget.spend((path, key))
        return value
    decoded = decode_cursor(value) if isinstance(value, str) else value
    if not isinstance(decoded, Decoded | str | None):
        raise expected("a cursor (String) or values (Object)", value, path)
    if not isinstance(decoded, Decoded):
        raise UnexpectedPayload("this is no cursor: send what an answer's page has, as it is", path=path)
    return Cursor(decoded[0], tuple(decoded[1:]))
