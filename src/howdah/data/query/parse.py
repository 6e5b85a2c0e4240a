"""JSON → a Request. Knows the query language and no database.

Two kinds of refusal, two kinds of path: what has not the form of the language (``Unreadable``) is placed from the
arguments on (``$.limit``), what was read and means something impossible is placed from the request on
(``$.args.limit``). So did the servers that clients of this language grew up with. Inside a bulk or a transaction both
are placed from the request on. Keys that mean nothing are refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, cast

from howdah.data.errors import NotSupported, Path, UnexpectedPayload, Unreadable
from howdah.data.query.ast import (
    EVERYTHING,
    Aggregate,
    Arguments,
    Assignment,
    AssignmentOperator,
    BooleanExpression,
    Bulk,
    Count,
    Delete,
    Enqueue,
    Examination,
    Explain,
    Insert,
    MetadataCall,
    PermissionTest,
    Query,
    Request,
    Returning,
    Select,
    TableName,
    Transaction,
    Update,
)
from howdah.data.query.conflict import parse_on_conflict
from howdah.data.query.cursor import parse_page
from howdah.data.query.examination import Read, parse_explain, parse_permission_test
from howdah.data.query.limits import DEFAULT_LIMITS, Limits
from howdah.data.query.names import checked_task, parse_column_names
from howdah.data.query.predicate import parse_predicate
from howdah.data.query.reading import (
    Budget,
    expected,
    read_list,
    read_name,
    read_object,
    read_table,
    refuse_other_keys,
    require,
)
from howdah.data.query.selection import (
    AGGREGATION_KEYS,
    ROWS_KEYS,
    parse_aggregation,
    parse_arguments,
    parse_columns,
    parse_plain_columns,
    parse_rows,
)
from howdah.data.query.template import Templates, expand, sample

NO_TEMPLATES: Templates = MappingProxyType({})

METADATA_CALLS = frozenset(
    {
        "track_table",
        "add_existing_table_or_view",
        "untrack_table",
        "set_table_is_enum",
        "track_function",
        "untrack_function",
        "set_function_customization",
        "create_function_permission",
        "drop_function_permission",
        "add_computed_field",
        "drop_computed_field",
        "create_event_trigger",
        "delete_event_trigger",
        "create_task_permission",
        "drop_task_permission",
        "set_table_customization",
        "set_table_custom_fields",
        "create_query_template",
        "drop_query_template",
        "set_query_template_comment",
        "create_object_relationship",
        "create_array_relationship",
        "drop_relationship",
        "rename_relationship",
        "set_relationship_comment",
        "create_insert_permission",
        "create_select_permission",
        "create_update_permission",
        "create_delete_permission",
        "drop_insert_permission",
        "drop_select_permission",
        "drop_update_permission",
        "drop_delete_permission",
        "set_permission_comment",
        "export_metadata",
        "replace_metadata",
        "clear_metadata",
        "reload_metadata",
        "get_inconsistent_metadata",
        "drop_inconsistent_metadata",
        "dump_internal_state",
        "run_sql",
    }
)


def parse_request(
    value: Any, limits: Limits = DEFAULT_LIMITS, templates: Templates = NO_TEMPLATES, path: Path = None
) -> Request:
    """The request that an envelope of ``type`` and ``args`` stands for; ``path`` is where that is.

    One that executes one of the ``templates`` is the request that this is with its arguments. Raises Unreadable (not of
    the form of the language), UnexpectedPayload (unknown keys and operators, too much of something), NotSupported (a
    negative limit), and what executing a template is refused with.
    """
    try:
        return _request(value, path, Budget(limits), templates)
    except Unreadable as error:
        if path is None and isinstance(value, dict) and value.get("type") not in _SEVERAL and error.path is not None:
            for start in ("$.args.", "$.args["):
                if error.path.startswith(start):
                    error.path = "$" + error.path.removeprefix("$.args")
        raise


def check_template(template: Mapping[str, Any], path: Path) -> tuple[Query, ...]:
    """The queries of a template, with some value for each parameter: what they name can be looked up.

    Raises NotSupported for a request that cannot be stored, UnexpectedPayload for a parameter where no value stands,
    and whatever the request itself is refused with.
    """
    return tuple(_queries(parse_request(sample(template, path), path=path)))


def _queries(request: Request) -> Iterator[Query]:
    if isinstance(request, Bulk):
        for one in request.requests:
            yield from _queries(one)
    elif isinstance(request, Transaction):
        yield from request.queries
    else:
        yield cast("Query", request)  # a template is of no other type


def _request(value: Any, path: Path, budget: Budget, templates: Templates) -> Request:
    envelope = read_object(expand(value, templates, path), path)
    kind = require(envelope, "type", path)
    if not isinstance(kind, str):
        raise expected("String", kind, (path, "type"))
    args = require(envelope, "args", path)
    refuse_other_keys(envelope, _ENVELOPE_KEYS, path)
    version = envelope.get("version", 1)
    if version not in (1, 2) or isinstance(version, bool):
        raise Unreadable("expected version 1 or 2", path=(path, "version"))
    place = (path, "args")
    budget.spend(path)
    if kind in METADATA_CALLS:
        return MetadataCall(kind, args, place)
    if kind == "bulk":
        items = read_list(args, place, budget)
        return Bulk(
            tuple([_request(item, (place, index), budget, templates) for index, item in enumerate(items)]), place
        )
    examine = _EXAMINATIONS.get(kind)
    if examine is not None:
        if path is not None:
            raise NotSupported(f'"{kind}" stands alone and not inside another request', path=(path, "type"))
        return examine(read_object(args, place), place, lambda inner, where: _request(inner, where, budget, templates))
    if kind == "transaction":
        return _transaction(args, place, budget, templates)
    read = _QUERIES.get(kind)
    if read is None:
        raise Unreadable(f'unknown query type "{kind}"', path=(path, "type"))
    return read(read_object(args, place), place, budget)


def _transaction(args: Any, path: Path, budget: Budget, templates: Templates) -> Transaction:
    budget.references = True
    queries: list[Query] = []
    for index, item in enumerate(read_list(args, path, budget)):
        place = (path, index)
        request = _request(item, place, budget, templates)
        if isinstance(request, Bulk | Transaction | MetadataCall | Explain | PermissionTest):
            raise UnexpectedPayload("a transaction is made of queries that read and write rows", path=(place, "type"))
        queries.append(request)
    budget.references = False
    return Transaction(tuple(queries), path)


def _select(args: dict[str, Any], path: Path, budget: Budget) -> Select:
    refuse_other_keys(args, _SELECT_KEYS, path)
    table, arguments = _source(args, path, budget)
    rows, page = parse_rows(args, path, budget), args.get("page")
    if page is not None and arguments is not None:
        raise NotSupported(
            "pages are of a table: what a function returns has no place to go on from", path=(path, "page")
        )
    read_page = None if page is None else parse_page(page, (path, "page"), budget)
    return Select(table, rows, path, read_page, arguments)


def _source(args: dict[str, Any], path: Path, budget: Budget) -> tuple[TableName, Arguments | None]:
    """The table, or the function and its arguments."""
    if "function" not in args:
        if "arguments" in args:
            raise UnexpectedPayload('"arguments" are for a "function"', path=(path, "arguments"))
        return read_table(require(args, "table", path), (path, "table")), None
    if "table" in args:
        raise UnexpectedPayload('"table" and "function" cannot be given together', path=(path, "function"))
    name = read_table(args["function"], (path, "function"))
    return name, parse_arguments(args.get("arguments"), (path, "arguments"), budget)


def _insert(args: dict[str, Any], path: Path, budget: Budget) -> Insert:
    refuse_other_keys(args, _INSERT_KEYS, path)
    table = read_table(require(args, "table", path), (path, "table"))
    place = (path, "objects")
    objects = read_list(require(args, "objects", path), place, budget)
    if not objects:
        raise UnexpectedPayload("objects cannot be an empty list", path=place)
    rows = tuple([read_object(item, (place, index)) for index, item in enumerate(objects)])
    conflict = args.get("on_conflict")
    on_conflict = None if conflict is None else parse_on_conflict(conflict, (path, "on_conflict"), budget)
    returning = args.get("returning")
    columns = None if returning is None else parse_columns(returning, (path, "returning"), budget)
    return Insert(table, rows, on_conflict, columns, path)


def _update(args: dict[str, Any], path: Path, budget: Budget) -> Update:
    refuse_other_keys(args, _UPDATE_KEYS, path)
    table = read_table(require(args, "table", path), (path, "table"))
    where = _required_where(args, path, budget)
    if "$set" in args and "values" in args:
        raise UnexpectedPayload('"values" and "$set" mean the same: give one of them', path=path)
    assignments: list[Assignment] = []
    for key, operator in _ASSIGNMENTS.items():
        value = args.get(key)
        if value is not None:
            for column, operand in read_object(value, (path, key)).items():
                place = ((path, key), column)
                budget.spend(place)
                assignments.append(Assignment(operator, column, operand, place))
    defaults = args.get("$default")
    if defaults is not None:
        for column_name in parse_column_names(defaults, (path, "$default"), budget):
            budget.spend(column_name.path)
            assignments.append(Assignment("default", column_name.name, None, column_name.path))
    return Update(table, where, tuple(assignments), _returning(args, path, budget), path)


def _delete(args: dict[str, Any], path: Path, budget: Budget) -> Delete:
    refuse_other_keys(args, _DELETE_KEYS, path)
    table = read_table(require(args, "table", path), (path, "table"))
    where = _required_where(args, path, budget)
    return Delete(table, where, _returning(args, path, budget), path)


def _count(args: dict[str, Any], path: Path, budget: Budget) -> Count:
    refuse_other_keys(args, _COUNT_KEYS, path)
    table, arguments = _source(args, path, budget)
    distinct, where = args.get("distinct"), args.get("where")
    return Count(
        table,
        () if distinct is None else parse_column_names(distinct, (path, "distinct"), budget),
        EVERYTHING if where is None else parse_predicate(where, (path, "where"), budget),
        path,
        arguments,
    )


def _aggregate(args: dict[str, Any], path: Path, budget: Budget) -> Aggregate:
    refuse_other_keys(args, _AGGREGATE_KEYS, path)
    table, arguments = _source(args, path, budget)
    return Aggregate(table, parse_aggregation(args, path, budget), path, arguments)


def _enqueue(args: dict[str, Any], path: Path, budget: Budget) -> Enqueue:
    refuse_other_keys(args, _ENQUEUE_KEYS, path)
    place: Path = (path, "arguments")
    given = args.get("arguments")
    arguments = read_object({} if given is None else given, place)
    for name in arguments:
        read_name(name, place)
        budget.spend((place, name))
    delay = args.get("delay", 0)
    if not isinstance(delay, int | Decimal) or isinstance(delay, bool) or not 0 <= delay <= _LONGEST_DELAY:
        raise Unreadable(f"expected seconds, 0 to {_LONGEST_DELAY}", path=(path, "delay"))
    key, idempotency_key = (_optional_text(args, name, path) for name in ("key", "idempotency_key"))
    task = checked_task(read_name(require(args, "task", path), (path, "task")), (path, "task"))
    return Enqueue(task, tuple(arguments.items()), delay, key, idempotency_key, path)


def _optional_text(args: dict[str, Any], key: str, path: Path) -> str | None:
    value = args.get(key)
    if value is None:
        return None
    if len(read_name(value, (path, key))) > _LONGEST_KEY:
        raise Unreadable(f"a key has at most {_LONGEST_KEY} characters", path=(path, key))
    return str(value)


def _required_where(args: dict[str, Any], path: Path, budget: Budget) -> BooleanExpression:
    return parse_predicate(require(args, "where", path), (path, "where"), budget)


def _returning(args: dict[str, Any], path: Path, budget: Budget) -> Returning:
    value = args.get("returning")
    return None if value is None else parse_plain_columns(value, (path, "returning"), budget)


_QUERIES: dict[str, Callable[[dict[str, Any], Path, Budget], Query]] = {
    "select": _select,
    "insert": _insert,
    "update": _update,
    "delete": _delete,
    "count": _count,
    "aggregate": _aggregate,
    "enqueue": _enqueue,
}

_EXAMINATIONS: dict[str, Callable[[dict[str, Any], Path, Read], Examination]] = {
    "explain": parse_explain,
    "test_permission": parse_permission_test,
}

_ASSIGNMENTS: dict[str, AssignmentOperator] = {"$set": "set", "values": "set", "$inc": "inc", "$mul": "mul"}

_SEVERAL = ("bulk", "transaction")  # a type may be anything, also what has no hash
_ENVELOPE_KEYS = frozenset({"type", "args", "version"})
_ENQUEUE_KEYS = frozenset({"task", "arguments", "delay", "key", "idempotency_key"})
_LONGEST_DELAY = 366 * 86400
_LONGEST_KEY = 200
_SELECT_KEYS = ROWS_KEYS | {"table", "function", "arguments", "page"}
_INSERT_KEYS = frozenset({"table", "objects", "on_conflict", "returning"})
_UPDATE_KEYS = frozenset({"table", "where", "returning", "$default", *_ASSIGNMENTS})
_DELETE_KEYS = frozenset({"table", "where", "returning"})
_AGGREGATE_KEYS = AGGREGATION_KEYS | {"table", "function", "arguments"}
_COUNT_KEYS = frozenset({"table", "function", "arguments", "distinct", "where"})
