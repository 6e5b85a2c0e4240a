"""A request that sends a task: who may, with which arguments, and the statement that does; pure.

It is written in the transaction of the request, so that what a request writes and the task it causes are there together
or not at all. Where the metadata permits a role nothing, it may send nothing; the administrator may send anything.
"""

from __future__ import annotations

from typing import Any, Final

from howdah.data.catalog.model import Catalog
from howdah.data.errors import AccessDenied, MissingSessionVariable, Path, UnexpectedPayload, Unreadable
from howdah.data.query.ast import Enqueue
from howdah.data.sql.statement import Literal, SessionVariables, Statement, Value
from howdah.data.written.metadata import TaskMetadata, TaskPermission
from howdah.session import IDENTITY_PREFIX, ROLE_HEADER, USER_ID_HEADER, Session

MOST_ARGUMENTS: Final = 40
"""Arguments of one task: Postgres takes a hundred in a call, and each has a name (R65)."""

_BEFORE: Final = (
    "select json_build_object('id', howdah_tasks.enqueue($1::text, jsonb_build_object({arguments}),"
    " at => now() + make_interval(secs => $2::float8), key => $3::text || $4::text,"
    " idempotency_key => $3::text || $5::text, session => howdah_tasks.as_session($6::jsonb),"
    " request_id => nullif($7::text, ''), source => 'api'))"
)
_GIVEN: Final = 7


def enqueue_statement(query: Enqueue, session: Session, catalog: Catalog, request_id: str | None) -> Statement:
    """What sends the task on behalf of the session.

    Raises AccessDenied (the role may not, or there is no such task, which looks the same), UnexpectedPayload for an
    argument it may not give, and MissingSessionVariable.
    """
    permission = None if session.is_admin else _permission(catalog.tasks.get(query.task), session, query.path)
    arguments = dict(query.arguments)
    place: Path = (query.path, "arguments")
    for name in arguments:
        if permission is not None and not _may_give(permission, name):
            raise UnexpectedPayload(f'the argument "{name}" cannot be given', path=(place, name))
    values: list[Value] = [Literal(value, "json", (place, name)) for name, value in arguments.items()]
    names = list(arguments)
    for name, preset in () if permission is None else permission.presets:
        names.append(name)
        values.append(Literal(_preset(preset, session), "json"))
    if len(names) > MOST_ARGUMENTS:
        raise Unreadable(f"a task has at most {MOST_ARGUMENTS} arguments", path=place)
    parameters: list[Value] = [
        Literal(query.task, "text"),
        Literal(query.delay, "number", (query.path, "delay")),
        Literal(_room(session), "text"),
        Literal(query.key, "text", (query.path, "key")),
        Literal(query.idempotency_key, "text", (query.path, "idempotency_key")),
        SessionVariables(),
        Literal(request_id or "", "text"),
    ]
    pairs = []
    for name, value in zip(names, values, strict=True):
        parameters += [Literal(name, "text"), value]
        pairs.append(f"${len(parameters) - 1}::text, ${len(parameters)}::jsonb")
    return Statement(_BEFORE.format(arguments=", ".join(pairs)), tuple(parameters), writes=True)


def _permission(task: TaskMetadata | None, session: Session, path: Path) -> TaskPermission:
    for one in () if task is None else task.permissions:
        if one.role == session.role:
            return one
    raise AccessDenied(path=path)


def _may_give(permission: TaskPermission, name: str) -> bool:
    return (permission.arguments is None or name in permission.arguments) and name not in dict(permission.presets)


def _preset(value: Any, session: Session) -> Any:
    """The value that a task is given in any case: of a session variable, where it names one."""
    if not isinstance(value, str) or not value.lower().startswith(IDENTITY_PREFIX):
        return value
    name = value.lower()
    found = session.role if name == ROLE_HEADER else session.variables.get(name)
    if found is None:
        raise MissingSessionVariable(f'"{name}" header is expected but not found')
    return found


def _room(session: Session) -> str:
    """Before the keys of all but the administrator: nobody can take, or wait before, the key of somebody else."""
    return "" if session.is_admin else f"{session.role} {session.variables.get(USER_ID_HEADER, '')} "
