"""JSON → requests about requests: what they hold is a request itself, and on whose behalf it would be made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from howdah.data.errors import NotSupported, Path, UnexpectedPayload
from howdah.data.query.ast import Bulk, Explain, MetadataCall, Query, Request, Transaction
from howdah.data.query.reading import expected, read_object, refuse_other_keys, require
from howdah.session import ADMIN_ROLE, IDENTITY_PREFIX, ROLE_HEADER, Session

Read = Callable[[Any, Path], Request]
"""Reads the request inside."""


def parse_explain(args: dict[str, Any], path: Path, read: Read) -> Explain:
    """What ``explain`` is asked about; without a ``user`` as the administrator.

    Raises as parsing the request inside does, and NotSupported for one that does not become statements.
    """
    refuse_other_keys(args, frozenset({"query", "user", "analyze"}), path)
    place = (path, "query")
    request = _without_calls(read(require(args, "query", path), place), place)
    user = args.get("user")
    return Explain(request, _session(user, (path, "user")), _flag(args, "analyze", path), path)


def _without_calls(request: Request, path: Path) -> Query | Bulk:
    """The request, in which nothing is a call that becomes no statement."""
    if isinstance(request, MetadataCall | Explain):
        raise NotSupported("only requests that read or write rows can be examined", path=(path, "type"))
    if isinstance(request, Transaction):
        message = "a transaction cannot be examined: what it asks depends on what it is answered on the way"
        raise NotSupported(message, path=(path, "type"))
    if isinstance(request, Bulk):
        for index, one in enumerate(request.requests):
            _without_calls(one, ((path, "args"), index))
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
