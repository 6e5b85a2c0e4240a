"""JSON values that a request or a rule gives → what a statement's parameters stand for.

In a stored rule alone a string may name a session variable (R63), and there what a type cannot be written with is
refused at once; the values of a request are looked at when they are bound.
"""

from __future__ import annotations

from typing import Any

from howdah.data.errors import ParseFailed, Path
from howdah.data.found.database import ColumnType
from howdah.data.sql.encode import Encoding, encode, encode_list
from howdah.data.sql.statement import Choice, Literal, SessionVariable, Value
from howdah.session import IDENTITY_PREFIX, USER_ID_HEADER

_WHOLE_NUMBERS = frozenset({"smallint", "integer", "bigint"})


def value_of(value: Any, type_: ColumnType, path: Path, *, stored: bool) -> Value:
    """A JSON value for a column of this type; in a stored rule perhaps a session variable.

    Raises ParseFailed for a stored value that the type cannot be written with.
    """
    return _among_labels(encoded(value, encoding_of(type_), path, stored=stored), type_, stored=stored)


def values_of(operand: list[Any], type_: ColumnType, path: Path, *, stored: bool) -> Value:
    """JSON values for a column of this type, as one array parameter. Raises ParseFailed as `value_of`."""
    encoding = encoding_of(type_)
    if stored:
        encode_list(operand, encoding, path)
    return _among_labels(Literal(operand, encoding, path, many=True), type_, stored=stored)


def _among_labels(value: Value, type_: ColumnType, *, stored: bool) -> Value:
    """The value; where the type has only those of an enum table, one that is checked."""
    if not type_.of_enum_table or not isinstance(value, Literal):
        return value
    choice = Choice(value.value, value.encoding, value.path, value.many, type_.labels)
    if stored:
        choice.check(value.value)
    return choice


def encoding_of(type_: ColumnType) -> Encoding:
    """How JSON is written for the type."""
    category = type_.category
    if category == "array":
        return "json array" if type_.sql in {"json[]", "jsonb[]"} else category
    if category == "geometry" or category == "geography":
        return "geometry"
    if category == "number" and (type_.base or type_.sql) in _WHOLE_NUMBERS:
        return "integer"
    return "text" if category == "raster" else category


def encoded(value: Any, encoding: Encoding, path: Path, *, stored: bool) -> Value:
    """A JSON value that is written so; in a stored rule perhaps a session variable."""
    if stored:
        variable = session_variable(value)
        if variable is not None:
            return variable
        encode(value, encoding, path)
    return Literal(value, encoding, path)


def encoded_list(operand: Any, encoding: Encoding, path: Path, *, stored: bool) -> Value:
    """A list as one array parameter; in a stored rule perhaps the one session variable that is an array."""
    if isinstance(operand, str):
        variable = session_variable(operand) if stored else None
        if variable is None:
            raise ParseFailed("expected Array, but encountered String", path=path)
        return variable
    if stored:
        for index, item in enumerate(operand):
            if session_variable(item) is not None:
                message = "a session variable stands for the whole list here: give it alone, its value like {a,b}"
                raise ParseFailed(message, path=(path, index))
        encode_list(operand, encoding, path)
    return Literal(operand, encoding, path, many=True)


def session_variable(value: Any) -> SessionVariable | None:
    """The session variable that a string in a stored rule names: ``X-Hasura-…`` in any case, or ``REQ_USER_ID``."""
    if isinstance(value, str):
        name = value.lower()
        if name.startswith(IDENTITY_PREFIX):
            return SessionVariable(name)
        if name == "req_user_id":
            return SessionVariable(USER_ID_HEADER)
    return None
