"""JSON → requests about requests: what they hold is a request itself, and on whose behalf it would be made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from howdah.data.errors import NotSupported, Path, UnexpectedPayload, Unreadable
from howdah.data.query.ast import Bulk, Explain, MetadataCall, PermissionTest, Query, Request, Transaction
from howdah.data.query.predicate import parse_predicate
from howdah.data.query.reading import expected, read_name, read_object, refuse_other_keys, require
from howdah.session import ADMIN_ROLE, IDENTITY_PREFIX, ROLE_HEADER, Session

Read = Callable[[Any, Path], Request]
"""Reads the request inside."""


def parse_explain(args: dict[str, Any], path: Path, read: Read) -> Explain:
    """What ``explain`` is asked about; without a ``user`` as the administrator.

    Raises as parsing the request inside does, and NotSupported for one that does not become statements.
    """
    refuse_other_keys(args, frozenset({"query", "user", "analyze"}), path)
    place = (path, "query")
    request = _examined(read(require(args, "query", path), place), place)
    user = args.get("user")
    return Explain(request, _session(user, (path, "user")), _flag(args, "analyze", path), path)


def parse_permission_test(args: dict[str, Any], path: Path, read: Read) -> PermissionTest:
    """What ``test_permission`` is asked: a whole ``query``, or a ``table``, an ``operation`` and what that needs.

    In the second form ``where`` picks rows with the administrator's eyes, whatever the role may read.
    Raises as parsing the query does, and NotSupported for a request that is not one query.
    """
    role = read_name(require(args, "role", path), (path, "role"))
    variables = read_variables(args.get("variables") or {}, (path, "variables"))
    if ROLE_HEADER in variables:
        raise UnexpectedPayload('the role is given as "role"', path=((path, "variables"), ROLE_HEADER))
    session = Session(role, variables)
    if "query" in args:
        refuse_other_keys(args, _WHOLE_KEYS, path)
        place = (path, "query")
        query = _examined(read(args["query"], place), place)
        if isinstance(query, Bulk | Transaction):
            raise NotSupported("one query is tested at a time", path=(place, "type"))
        return PermissionTest(query, None, session, path)
    operation = require(args, "operation", path)
    if operation not in _PARTS:
        raise Unreadable('expected "select", "insert", "update" or "delete"', path=(path, "operation"))
    known = _PARTS[operation]
    refuse_other_keys(args, known | {"role", "variables", "table", "operation"}, path)
    written = {"table": require(args, "table", path), **_arguments(operation, args, path)}
    asked = read({"type": operation, "args": written}, None)  # so that places are those of the arguments
    assert not isinstance(asked, Bulk | Transaction | MetadataCall | Explain | PermissionTest), (
        "an operation is a query"
    )
    rows = None if operation == "insert" else parse_predicate(require(args, "where", path), (path, "where"))
    return PermissionTest(asked, rows, session, path)


_WHOLE_KEYS: Final = frozenset({"role", "variables", "query"})
_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "select": frozenset({"where", "columns"}),
    "insert": frozenset({"object", "on_conflict"}),
    "update": frozenset({"where", "set"}),
    "delete": frozenset({"where"}),
}


def _arguments(operation: str, args: dict[str, Any], path: Path) -> dict[str, Any]:
    """The arguments of the query that an operation and its parts stand for, about every row there is."""
    match operation:
        case "select":
            return {"columns": args.get("columns") or ["*"]}
        case "insert":
            conflict = args.get("on_conflict")
            objects = [require(args, "object", path)]
            return {"objects": objects} if conflict is None else {"objects": objects, "on_conflict": conflict}
        case "update":
            return {"where": {}, "$set": args.get("set") or {}}
        case _:
            return {"where": {}}


def _examined(request: Request, path: Path) -> Query | Bulk | Transaction:
    """The request, in which nothing is a call that becomes no statement."""
    if isinstance(request, MetadataCall | Explain | PermissionTest):
        raise NotSupported("only requests that read or write rows can be examined", path=(path, "type"))
    if isinstance(request, Bulk):
        for index, one in enumerate(request.requests):
            _examined(one, ((path, "args"), index))
    return request


def _session(value: Any, path: Path) -> Session:
    """The session of ``{"x-hasura-role": …, "x-hasura-user-id": …}``."""
    variables = {} if value is None else read_variables(value, path)
    role = variables.pop(ROLE_HEADER, ADMIN_ROLE)
    return Session(role, variables)


def read_variables(value: Any, path: Path) -> dict[str, str]:
    """Session variables by lower-case name. Numbers and booleans are taken as their text, which is what headers are."""
    variables: dict[str, str] = {}
    for name, text in read_object(value, path).items():
        place, lowered = (path, name), name.lower()
        if not lowered.startswith(IDENTITY_PREFIX):
            raise UnexpectedPayload(
                f'the names of session variables begin with "X-Hasura-"; "{name}" does not', path=place
            )
        if lowered in variables:
            raise UnexpectedPayload(f'"{name}" is given twice', path=place)
        if isinstance(text, bool):
            variables[lowered] = "true" if text else "false"
        elif isinstance(text, str | int):
            variables[lowered] = str(text)
        else:
            raise expected("String", text, place)
    return variables


def _flag(args: dict[str, Any], key: str, path: Path) -> bool:
    value = args.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise expected("Boolean", value, (path, key))
