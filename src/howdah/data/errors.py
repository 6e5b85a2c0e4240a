"""Everything the data part refuses, and how a refusal looks on the wire.

::

    DataError                       400
    ├── AccessDenied                access-denied
    ├── AlreadyExists               already-exists
    │   └── AlreadyTracked          already-tracked
    ├── CheckFailed                 permission-error
    ├── ConstraintError             constraint-error
    ├── ConstraintViolation         constraint-violation
    ├── DatabaseRefused             postgres-error
    │   ├── DatabaseFailed          postgres-error       500
    │   ├── DatabaseBusy            postgres-error       503
    │   └── StatementTimedOut       postgres-error       504
    ├── InvalidConfiguration        invalid-configuration
    ├── InvalidJson                 invalid-json
    ├── MissingSessionVariable      not-found
    ├── NotExists                   not-exists
    ├── NotSupported                not-supported
    │   └── MethodNotAllowed        not-supported        405
    ├── ParseFailed                 parse-failed
    │   ├── NotInEnum               parse-failed
    │   └── Unreadable              parse-failed
    ├── PermissionDenied            permission-denied
    ├── ReferenceFailed             invalid-reference
    ├── UnexpectedPayload           unexpected-payload
    └── UnknownAddress              not-found            404

The body is ``{"path", "error", "code"}``; an administrator also gets ``internal`` where there is something to tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from howdah.errors import HowdahError

Path: TypeAlias = "tuple[Path, str | int] | None"
"""A place in a JSON document: the place it is in and the key or index there; ``None`` is the document itself.

A link costs one tuple; the text is only made when an error needs it.
"""

ARGS: Path = (None, "args")

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def render_path(path: Path) -> str:
    r"""The path as JSONPath.

    >>> render_path(((None, "args"), "$set"))
    '$.args["$set"]'
    >>> render_path((((None, "args"), "columns"), 2))
    '$.args.columns[2]'
    """
    parts: list[str] = []
    while path is not None:
        path, key = path
        if isinstance(key, int):
            parts.append(f"[{key}]")
        elif _PLAIN_KEY.match(key):
            parts.append(f".{key}")
        else:
            escaped = key.replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'["{escaped}"]')
    parts.append("$")
    return "".join(reversed(parts))


def wrong_kind(expected: str, value: Any) -> str:
    """What to say about a JSON value of the wrong kind.

    >>> wrong_kind("Number", [1])
    'expected Number, but encountered Array'
    """
    kind = next((name for type_, name in _KINDS if isinstance(value, type_)), "Null")
    return f"expected {expected}, but encountered {kind}"


_KINDS = ((bool, "Boolean"), (str, "String"), (int | float | Decimal, "Number"), (list, "Array"), (dict, "Object"))


class DataError(HowdahError):
    """The request cannot be answered."""

    code: ClassVar[str] = "bad-request"
    status: ClassVar[int] = 400

    def __init__(
        self,
        message: str | None = None,
        *,
        path: Path | str = None,
        hint: str | None = None,
        internal: Any = None,
    ) -> None:
        super().__init__(message, path=path if isinstance(path, str) else render_path(path), hint=hint)
        self.internal = internal

    def to_body(self, *, admin: bool = False) -> dict[str, Any]:
        """The error as the wire shows it; ``internal`` is for administrators only (R62)."""
        body: dict[str, Any] = {"path": self.path, "error": self.message, "code": self.code}
        if admin and self.internal is not None:
            body["internal"] = self.internal
        return body


class AccessDenied(DataError):
    """restricted access : admin only"""  # noqa: D400, D415 - the message, as clients know it

    code = "access-denied"


class AlreadyExists(DataError):
    """There is something of that name already."""

    code = "already-exists"


class AlreadyTracked(AlreadyExists):
    """The table is tracked already."""

    code = "already-tracked"


class CheckFailed(DataError):
    """check constraint of an insert/update permission has failed"""  # noqa: D400, D415 - as clients know it

    code = "permission-error"


class ConstraintError(DataError):
    """No constraint, or more than one, matches what was asked for."""

    code = "constraint-error"


class ConstraintViolation(DataError):
    """A constraint of the database does not allow the row."""

    code = "constraint-violation"


class DatabaseRefused(DataError):
    """The database does not accept a value of the request."""

    code = "postgres-error"


class DatabaseFailed(DatabaseRefused):
    """query execution failed"""  # noqa: D400, D415 - as clients know it

    status = 500


class DatabaseBusy(DatabaseRefused):
    """The database could not finish the request now; it may be sent again."""

    status = 503


class StatementTimedOut(DatabaseRefused):
    """The database took longer over the request than is allowed."""

    status = 504


class InvalidConfiguration(DataError):
    """The metadata does not describe something that can be."""

    code = "invalid-configuration"


class InvalidJson(DataError):
    """The body is not JSON."""

    code = "invalid-json"


class MissingSessionVariable(DataError):
    """A permission needs a session variable that the request does not have."""

    code = "not-found"


class NotExists(DataError):
    """There is nothing of that name."""

    code = "not-exists"


class NotSupported(DataError):
    """The request asks for something that is not possible here."""

    code = "not-supported"


class MethodNotAllowed(NotSupported):
    """Another method belongs to this address."""

    status = 405


class ParseFailed(DataError):
    """A value of the request is not of the kind that belongs there."""

    code = "parse-failed"


class Unreadable(ParseFailed):
    """The request does not have the form of the query language."""


class NotInEnum(ParseFailed):
    """The value is none of its enum's, whose values are ``labels``. They are told to who may read their table (R62)."""

    def __init__(self, message: str, *, labels: tuple[str, ...], path: Path) -> None:
        super().__init__(message, path=path)
        self.labels = labels

    def to_body(self, *, admin: bool = False) -> dict[str, Any]:
        """The error as the wire shows it; without ``admin`` not the values."""
        body = super().to_body(admin=admin)
        return body if admin else {**body, "error": "expected one of the values of an enum"}


class PermissionDenied(DataError):
    """The role may not do this."""

    code = "permission-denied"


class ReferenceFailed(DataError):
    """A reference of a transaction leads to nothing."""

    code = "invalid-reference"


class UnexpectedPayload(DataError):
    """The request has something where it does not belong."""

    code = "unexpected-payload"


class UnknownAddress(DataError):
    """There is nothing at this address."""

    code = "not-found"
    status = 404


def map_database_error(
    sqlstate: str | None,
    message: str,
    *,
    admin: bool,
    detail: str | None = None,
    hint: str | None = None,
    constraint: str | None = None,
    column: str | None = None,
    routine: str | None = None,
    own_table: bool = False,
    visible_columns: Mapping[str, str] = MappingProxyType({}),
    path: Path | str = ARGS,
) -> DataError:
    """What a failed statement means to the one who asked (R62).

    An administrator reads Postgres's own message after the prefix, and all the rest in ``internal``. Anybody else
    reads no value, no detail and no name that permissions may hide: ``constraint`` only when ``own_table`` says that
    the error is about the table the request names, ``column`` only when it is among ``visible_columns``, and by what
    these say that requests call it. So a clash with a row one may not see looks like any other.
    """
    state = sqlstate or ""
    internal = {"error": {"message": message, "status_code": state, "description": detail, "hint": hint}}
    if state == "HW001":
        return CheckFailed(path=path)
    if state in _VIOLATIONS:
        prefix, plain, named = _VIOLATIONS[state]
        if admin:
            text = message
        elif state == "23502":
            text = plain if column is None or column not in visible_columns else named.format(visible_columns[column])
        else:
            text = named.format(constraint) if own_table and constraint is not None else plain
        return ConstraintViolation(prefix + text, path=path, internal=internal)
    if state == "42P10":
        return ConstraintError(
            "there is no unique or exclusion constraint on target column(s)", path=path, internal=internal
        )
    if state == "42601" and not message.startswith("syntax error"):
        # So ltree complains of a path or pattern; what Postgres says of SQL is about ours, and nobody's fault but ours.
        return DatabaseRefused("a value has not the syntax of its type", path=path, internal=internal)
    if state == "XX000" and routine in _POSTGIS_COMPLAINS:
        # To PostGIS every value that it cannot use is an internal error.
        return DatabaseRefused(
            message if admin else "PostGIS cannot use a geometry, or not together with another",
            path=path,
            internal=internal,
        )
    if state in _MESSAGE_IS_MEANT_FOR_CLIENTS:
        text = message if admin or state == "P0001" else _without_value(message)
        return DatabaseRefused(text, path=path, internal=internal)
    if state == "0A000" and message.startswith("cannot convert "):
        state = "22003"  # so Postgres says that NaN or infinity is no whole number
    error, plain_text = _BY_STATE.get(state) or _BY_CLASS.get(state[:2]) or (DatabaseFailed, None)
    return error(message if admin and error is DatabaseRefused else plain_text, path=path, internal=internal)


_VIOLATIONS: dict[str, tuple[str, str, str]] = {
    "23505": (
        "Uniqueness violation. ",
        "duplicate key value violates a unique constraint",
        'duplicate key value violates unique constraint "{}"',
    ),
    "23503": (
        "Foreign key violation. ",
        "a row that is referred to does not exist, or is still referred to",
        'the statement violates foreign key constraint "{}"',
    ),
    "23502": (
        "Not-NULL violation. ",
        "null value in a column that must have a value",
        'null value in column "{}" violates not-null constraint',
    ),
    "23514": (
        "Check constraint violation. ",
        "the row violates a check constraint",
        'the row violates check constraint "{}"',
    ),
    "23501": (
        "Can not delete or update due to data being referred. ",
        "the row is referred to",
        'the statement violates constraint "{}"',
    ),
    "44000": (
        "Check option violation. ",
        "the row would not be one of the view's",
        "the row would not be one of the view's",
    ),
    "23P01": (
        "Exclusion constraint violation. ",
        "the row conflicts with another row",
        'conflicting key value violates exclusion constraint "{}"',
    ),
}

# Wrong text for a type, wrong parameter, unknown object, odd dates, too long, bad patterns (two), and what triggers
# raise on purpose.
_MESSAGE_IS_MEANT_FOR_CLIENTS = frozenset(
    {"22P02", "22023", "42704", "22007", "22008", "22001", "2201B", "22025", "P0001"}
)

_POSTGIS_COMPLAINS = frozenset({"pg_error", "pg_parser_errhint"})

_BY_STATE: dict[str, tuple[type[DataError], str | None]] = {
    "0A000": (NotSupported, "Postgres cannot do this to the relation"),
    "22003": (DatabaseRefused, "a value is out of the range of its type"),
    "21000": (DatabaseRefused, "the statement would change the same row twice"),
    "40001": (DatabaseBusy, None),
    "40P01": (DatabaseBusy, None),
    "42501": (PermissionDenied, "the database does not allow this"),
    "42622": (DatabaseRefused, "a value is too long for its type"),
    "42883": (UnexpectedPayload, "a column's type does not have this operator"),
    "54000": (DatabaseRefused, "the request is beyond what the database can hold"),
    "55P03": (DatabaseBusy, None),
    "57014": (StatementTimedOut, None),
}

_BY_CLASS: dict[str, tuple[type[DataError], str | None]] = {
    "08": (DatabaseBusy, None),
    "22": (DatabaseRefused, "a value cannot be used here"),
    "23": (ConstraintViolation, "Constraint violation. "),
    "53": (DatabaseBusy, None),
    "57": (DatabaseBusy, None),
}


def _without_value(message: str) -> str:
    """A message of Postgres up to the value it quotes: the value may stem from a row the caller may not see.

    >>> _without_value('invalid input syntax for type integer: "x"')
    'invalid input syntax for type integer'
    """
    return message.partition(': "')[0]
