"""A task's arguments between Python and JSON: what JSON cannot say travels as text, and comes back as it is annotated.

UUIDs, dates and times, and decimals are turned back for a parameter that is annotated as one of these. Everything else
must be JSON already: what travels is ids, not objects (R72).
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from howdah.kit.tasks.errors import WrongArguments

_READ: Mapping[type, Callable[[str], Any]] = {
    UUID: UUID,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    Decimal: Decimal,
}


def write_json(task: str, args: Mapping[str, Any]) -> str:
    """The arguments as JSON. Raises WrongArguments.

    >>> write_json("t", {"id": UUID(int=7), "at": date(2026, 11, 21)})
    '{"id": "00000000-0000-0000-0000-000000000007", "at": "2026-11-21"}'
    """
    try:
        return json.dumps(args, default=_text, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise WrongArguments(
            f"{task}: {error}.", hint="Give numbers, texts, lists, dicts; ids instead of objects."
        ) from None


def _text(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is nothing that JSON can say")


def bound(task: str, signature: inspect.Signature, args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, which fit the signature. Raises WrongArguments."""
    try:
        return dict(signature.bind(**args).arguments) if _is_plain(signature) else _bound_anyhow(signature, args)
    except TypeError as error:
        names = ", ".join(signature.parameters) or "nothing"
        raise WrongArguments(f"{task}: {error}.", hint=f"It takes {names}.") from None


def _is_plain(signature: inspect.Signature) -> bool:
    return all(parameter.kind is not parameter.VAR_KEYWORD for parameter in signature.parameters.values())


def _bound_anyhow(signature: inspect.Signature, args: Mapping[str, Any]) -> dict[str, Any]:
    signature.bind(**args)
    return dict(args)


def taken(signature: inspect.Signature | None, args: Mapping[str, Any]) -> dict[str, Any]:
    """Of the arguments, those that the function takes.

    >>> taken(inspect.signature(lambda op, new: None), {"op": "insert", "old": None, "new": {}})
    {'op': 'insert', 'new': {}}
    """
    if signature is None or not _is_plain(signature):
        return dict(args)
    return {name: value for name, value in args.items() if name in signature.parameters}


def readers(function: Callable[..., Any]) -> Mapping[str, Callable[[str], Any]]:
    """How arguments of the function are read that travel as text, by their names."""
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # annotations that name what only a type checker knows
        return {}
    found = {name: _reader(hint) for name, hint in hints.items() if name != "return"}
    return {name: reader for name, reader in found.items() if reader is not None}


def _reader(hint: Any) -> Callable[[str], Any] | None:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        return _reader(members[0]) if len(members) == 1 else None
    return _READ.get(hint) if isinstance(hint, type) else None


def read_args(read: Mapping[str, Callable[[str], Any]], args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the function expects them. Raises ValueError for a text that cannot be read so."""
    return {
        name: read[name](value) if name in read and isinstance(value, str) else value for name, value in args.items()
    }
