"""Metadata ↔ TOML files, in a project's folder ``metadata``.

There is one in ``tables`` for each table, one in ``functions`` for each function, ``query_templates.toml`` and
``tasks.toml``.

A rule is written in the grammar of the API. TOML's bare keys have no ``$``, so files spell operators ``_eq``; and TOML
has no null, so what compares with null is written ``_is_null``.
"""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from howdah.data.errors import DataError, InvalidJson
from howdah.data.query.ast import TableName
from howdah.data.query.json import decode
from howdah.data.query.names import checked_task
from howdah.data.query.parse import check_template
from howdah.data.sql.encode import to_json
from howdah.data.written.event_document import checked_name
from howdah.data.written.metadata import (
    OPERATIONS,
    ROW_OPERATIONS,
    ComputedFieldMetadata,
    CustomNames,
    EventTriggerMetadata,
    ForeignKeyOn,
    FunctionMetadata,
    ManualMapping,
    Metadata,
    Operation,
    PermissionMetadata,
    QueryTemplate,
    RelationshipMetadata,
    TableMetadata,
    TaskMetadata,
    arranged,
)
from howdah.data.written.problem import Problem
from howdah.data.written.task_document import read_task_permission
from howdah.errors import HowdahError
from howdah.project.lines import Key, key_lines


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something in a file that cannot be what the file is for: ``place`` is ``file:line``."""

    place: str
    message: str
    hint: str | None = None


class InvalidMetadataFiles(HowdahError):
    """The metadata files cannot be read: every mistake in them, with file and line."""

    code = "E231"

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        first = self.mistakes[0]
        if len(self.mistakes) == 1:
            super().__init__(f"{first.place}: {first.message}", path=first.place, hint=first.hint)
        else:
            lines = [f"{one.place}: {one.message}{f'. {one.hint}' if one.hint else ''}" for one in self.mistakes]
            super().__init__(f"{len(lines)} mistakes in metadata files:\n  " + "\n  ".join(lines), path=first.place)


class UnreadableMetadataFile(HowdahError):
    """A metadata file cannot be read."""

    code = "E232"


Files = Mapping[str, str]
"""Texts by file name, as ``tables/public.article.toml``."""

TEMPLATES = "query_templates.toml"
TASKS = "tasks.toml"
FUNCTIONS = "functions/"


def read_folder(folder: Path) -> dict[str, str]:
    """The texts of the ``.toml`` files of the folder ``metadata`` by their names; none when there is no folder.

    Raises UnreadableMetadataFile.
    """
    texts: dict[str, str] = {}
    found = [
        path for pattern in ("tables/*.toml", f"{FUNCTIONS}*.toml", TEMPLATES, TASKS) for path in folder.glob(pattern)
    ]
    for path in sorted(found):
        try:
            texts[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableMetadataFile(f"{path} cannot be read: {error}", path=str(path)) from error
    return texts


def source_hash(files: Files) -> str:
    """A hash of the files, names and texts: the same as long as nobody edits one."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{len(name)} {name} {len(files[name])} {files[name]}".encode())
    return digest.hexdigest()


def from_files(files: Files, *, folder: str = "metadata") -> Metadata:
    """The metadata that the files describe. Raises InvalidMetadataFiles with everything that is wrong."""
    mistakes: list[Mistake] = []
    tables: dict[TableName, TableMetadata] = {}
    functions: dict[TableName, FunctionMetadata] = {}
    templates: tuple[QueryTemplate, ...] = ()
    tasks: tuple[TaskMetadata, ...] = ()
    for name in sorted(files):
        reading = _Reading(f"{folder}/{name}", files[name], mistakes)
        if name == TEMPLATES:
            templates = reading.query_templates()
            continue
        if name == TASKS:
            tasks = reading.tasks()
            continue
        if name.startswith(FUNCTIONS):
            function = reading.function()
            if function is not None and function.name in functions:
                reading.refuse(("function",), f'function "{function.name}" has another file already')
            elif function is not None:
                functions[function.name] = function
            continue
        table = reading.table()
        if table is not None and table.name in tables:
            reading.refuse(("table",), f'table "{table.name}" has another file already')
        elif table is not None:
            tables[table.name] = table
    if mistakes:
        raise InvalidMetadataFiles(mistakes)
    return arranged(Metadata(tuple(tables.values()), templates, tuple(functions.values()), tasks))


def place_of(problem: Problem, files: Files, *, folder: str = "metadata") -> str | None:
    """Where a problem of the Catalog was written, as ``file:line``; None when no file has its table or function."""
    subject = "function" if problem.kind == "function" else "table"
    for name, text in files.items():
        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
        if (found.get("schema", "public"), found.get(subject)) != (problem.table.schema, problem.table.name):
            continue
        keys: Key = (subject,)
        if problem.kind == "relationship":
            keys = ("relationships", problem.name)
        elif problem.kind == "computed field":
            keys = ("computed_fields", problem.name, *_inner_keys(problem.inner)[1:])
        elif problem.kind == "event trigger":
            keys = ("events", problem.name, *_inner_keys(problem.inner))
        elif problem.kind == "function" and problem.inner:
            keys = _inner_keys(problem.inner)[1:]
        elif problem.kind == "custom name":
            keys = ("custom_column_names", problem.name) if problem.name else ("custom_name",)
        elif problem.kind == "enum":
            keys = ("is_enum",)
        elif problem.kind == "permission":
            keys = ("permissions", *problem.name.rsplit(" ", 1), *_inner_keys(problem.inner))
        lines = key_lines(text)
        while keys and keys not in lines:
            keys = keys[:-1]
        return f"{folder}/{name}:{lines.get(keys, 1)}"
    return None


def _inner_keys(inner: str) -> Key:
    """A JSONPath below an object as keys.

    >>> _inner_keys('.filter["$or"][0].author_id')
    ('filter', '$or', 0, 'author_id')
    """
    keys: list[str | int] = []
    for match in _STEP.finditer(inner):
        name, quoted, index = match.groups()
        keys.append(int(index) if index is not None else name or re.sub(r"\\(.)", r"\1", quoted))
    return tuple(keys)


_STEP = re.compile(r"""\.([A-Za-z_]\w*)|\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]""")


# -- reading -----------------------------------------------------------------------------------------------------------

_TABLE_KEYS = (
    "schema",
    "table",
    "is_enum",
    "custom_name",
    "custom_column_names",
    "relationships",
    "computed_fields",
    "permissions",
    "events",
)
_COMPUTED_FIELD_KEYS = ("function", "table_argument", "session_argument", "comment")
_EVENT_KEYS = ("task", "on", "columns", "payload", "comment")
_FUNCTION_KEYS = ("schema", "function", "session_argument", "exposed_as", "roles", "comment")
_RELATIONSHIP_KEYS = ("kind", "foreign_key", "remote_table", "columns", "comment")
RULE_KEYS: Mapping[Operation, tuple[str, ...]] = {
    "insert": ("check", "columns", "set", "allow_upsert", "allow_conflict_update", "backend_only"),
    "select": ("columns", "filter", "limit", "allow_aggregations", "computed_fields"),
    "update": ("columns", "filter", "check", "set"),
    "delete": ("filter",),
}


class _Reading:
    """One file being read. What is wrong goes to ``mistakes``, and what it was about is left out."""

    def __init__(self, place: str, text: str, mistakes: list[Mistake]) -> None:
        self.place = place
        self.text = text
        self.mistakes = mistakes
        self.lines: Mapping[Key, int] = {}

    def refuse(self, keys: Key, message: str, hint: str | None = None) -> None:
        while keys and keys not in self.lines:
            keys = keys[:-1]
        self.mistakes.append(Mistake(f"{self.place}:{self.lines.get(keys, 1)}", message, hint))

    def toml(self) -> dict[str, Any] | None:
        try:
            found = tomllib.loads(self.text, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"at line (\d+)", str(error))
            number = line[1] if line else len(self.text.splitlines()) or 1
            hint = "The line shown is where reading stopped; the mistake may be just before it."
            self.mistakes.append(Mistake(f"{self.place}:{number}", f"this is not TOML: {error}", hint))
            return None
        self.lines = key_lines(self.text)
        return found

    def json(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """What was written as TOML, as it would be read from JSON. Raises InvalidJson."""
        return {key: decode(to_json(as_json(value)).encode()) for key, value in found.items()}

    def query_templates(self) -> tuple[QueryTemplate, ...]:
        found = (self.query_template(name, value) for name, value in (self.toml() or {}).items())
        return tuple(template for template in found if template is not None)

    def query_template(self, name: str, found: Any) -> QueryTemplate | None:
        if not isinstance(found, dict) or not name:
            self.refuse((name,), "a query template is a table with a name")
            return None
        self.refuse_unknown(found, (name,), ("json", "comment") if "json" in found else ("type", "args", "comment"))
        try:
            if "json" in found:
                query = decode(str(found["json"]).encode())
            else:
                query = self.json({key: value for key, value in found.items() if key != "comment"})
            check_template(query, None)
        except DataError as error:
            path = error.path or "$"
            self.refuse((name, *_inner_keys(path)), f"{path}: {error.message}")
            return None
        return QueryTemplate(name, query, self.comment(found, (name,)))

    def tasks(self) -> tuple[TaskMetadata, ...]:
        found = (self.task(name, value) for name, value in (self.toml() or {}).items())
        return tuple(task for task in found if task is not None)

    def task(self, name: str, found: Any) -> TaskMetadata | None:
        if not isinstance(found, dict):
            self.refuse((name,), "a task is a table with the permissions of roles")
            return None
        self.refuse_unknown(found, (name,), ("permissions", "comment"))
        permissions = []
        try:
            checked_task(name, None)
            for role, rule in self.mapping(found, (name, "permissions")[1:]).items():
                permissions.append(read_task_permission(role, self.json(rule), None))
        except (DataError, AttributeError) as error:
            said = error.message if isinstance(error, DataError) else "a permission must be a table"
            self.refuse((name, "permissions"), said)
            return None
        return TaskMetadata(name, tuple(permissions), self.comment(found, (name,)))

    def function(self) -> FunctionMetadata | None:
        found = self.toml()
        if found is None:
            return None
        self.refuse_unknown(found, (), _FUNCTION_KEYS)
        name = self.name(found, ("function",))
        schema = self.name(found, ("schema",)) if "schema" in found else "public"
        exposed_as = found.get("exposed_as")
        if exposed_as not in (None, "query", "mutation"):
            self.refuse(("exposed_as",), 'a function is exposed as "query" or "mutation"')
        roles = found.get("roles", [])
        if not isinstance(roles, list) or not all(isinstance(role, str) and role for role in roles):
            self.refuse(("roles",), '"roles" must be like ["user"]: who may call the function')
            roles = []
        session_argument = self.name(found, ("session_argument",)) if "session_argument" in found else None
        if name is None or schema is None:
            return None
        return FunctionMetadata(
            TableName(schema, name), session_argument, exposed_as, tuple(roles), self.comment(found, ())
        )

    def table(self) -> TableMetadata | None:
        found = self.toml()
        if found is None:
            return None
        self.refuse_unknown(found, (), _TABLE_KEYS)
        name = self.name(found, ("table",))
        schema = self.name(found, ("schema",)) if "schema" in found else "public"
        relationships = [
            self.relationship(key, value) for key, value in self.mapping(found, ("relationships",)).items()
        ]
        computed_fields = [
            self.computed_field(key, value) for key, value in self.mapping(found, ("computed_fields",)).items()
        ]
        permissions = [
            self.permission(role, operation, rule)
            for role in self.mapping(found, ("permissions",))
            for operation, rule in self.mapping(found, ("permissions", role)).items()
        ]
        events = [self.event_trigger(key, value) for key, value in self.mapping(found, ("events",)).items()]
        if name is None or schema is None:
            return None
        return TableMetadata(
            TableName(schema, name),
            tuple(one for one in relationships if one is not None),
            tuple(one for one in permissions if one is not None),
            self.custom_names(found),
            self.flag(found, "is_enum"),
            tuple(one for one in computed_fields if one is not None),
            tuple(one for one in events if one is not None),
        )

    def event_trigger(self, name: str, found: Any) -> EventTriggerMetadata | None:
        keys = ("events", name)
        if not isinstance(found, dict):
            self.refuse(keys, "an event must be a table")
            return None
        self.refuse_unknown(found, keys, _EVENT_KEYS)
        on = found.get("on")
        if not isinstance(on, list) or not on or not all(operation in ROW_OPERATIONS for operation in on):
            self.refuse((*keys, "on"), 'the "on" of an event is like ["insert", "update", "delete"]')
            return None
        columns, payload = (self.columns(found, (*keys, key)) for key in ("columns", "payload"))
        if columns is not None and "update" not in on:
            self.refuse((*keys, "columns"), '"columns" says which updates count, and this is on none')
        task = self.name(found, (*keys, "task"))
        if task is None:
            return None
        try:
            checked_name(name, None)
            checked_task(task, None)
        except DataError as error:
            self.refuse(keys, error.message)
            return None
        operations = tuple(operation for operation in ROW_OPERATIONS if operation in on)
        return EventTriggerMetadata(name, task, operations, columns, payload, self.comment(found, keys))

    def columns(self, found: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, ...] | None:
        value = found.get(keys[-1])
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(column, str) and column for column in value):
            return tuple(value)
        self.refuse(keys, f'"{keys[-1]}" must be a list of columns')
        return None

    def computed_field(self, name: str, found: Any) -> ComputedFieldMetadata | None:
        keys = ("computed_fields", name)
        if not isinstance(found, dict):
            self.refuse(keys, "a computed field must be a table")
            return None
        self.refuse_unknown(found, keys, _COMPUTED_FIELD_KEYS)
        parts = _split_name(found.get("function"))
        if len(parts) not in (1, 2):
            self.refuse((*keys, "function"), 'the "function" of a computed field is "function" or "schema.function"')
            return None
        table_argument, session_argument = (
            self.name(found, (*keys, key)) if key in found else None for key in ("table_argument", "session_argument")
        )
        return ComputedFieldMetadata(
            name,
            TableName(parts[0] if len(parts) == 2 else "public", parts[-1]),
            table_argument,
            session_argument,
            self.comment(found, keys),
        )

    def refuse_unknown(self, found: Mapping[str, Any], keys: Key, known: Iterable[str]) -> None:
        for key in found:
            if key not in known:
                nearest = difflib.get_close_matches(key, list(known), 1)
                hint = f'Did you mean "{nearest[0]}"?' if nearest else f"Known are: {', '.join(known)}."
                self.refuse((*keys, key), f'unknown key "{key}"', hint)

    def mapping(self, found: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
        value: Any = found
        for key in keys:
            value = value.get(key, {})
        if isinstance(value, dict):
            return value
        self.refuse(keys, f'"{keys[-1]}" must be a table')
        return {}

    def name(self, found: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
        value = found.get(keys[-1])
        if isinstance(value, str) and value:
            return value
        self.refuse(keys, f'"{keys[-1]}" must be a name' if keys[-1] in found else f'the key "{keys[-1]}" is missing')
        return None

    def flag(self, found: Mapping[str, Any], key: str) -> bool:
        value = found.get(key, False)
        if not isinstance(value, bool):
            self.refuse((key,), f'"{key}" must be true or false')
        return value is True

    def custom_names(self, found: Mapping[str, Any]) -> CustomNames:
        table = self.name(found, ("custom_name",)) if "custom_name" in found else None
        columns = self.mapping(found, ("custom_column_names",))
        names = [(column, self.name(columns, ("custom_column_names", column))) for column in columns]
        return CustomNames(table, tuple((column, name) for column, name in names if name is not None))

    def comment(self, found: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
        return self.name(found, (*keys, "comment")) if "comment" in found else None

    def relationship(self, name: str, found: Any) -> RelationshipMetadata | None:
        keys = ("relationships", name)
        if not isinstance(found, dict):
            self.refuse(keys, "a relationship must be a table")
            return None
        self.refuse_unknown(found, keys, _RELATIONSHIP_KEYS)
        kind = found.get("kind")
        if kind not in ("object", "array"):
            self.refuse((*keys, "kind"), 'the "kind" of a relationship is "object" or "array"')
            return None
        if ("foreign_key" in found) == ("remote_table" in found):
            self.refuse(keys, 'a relationship has either a "foreign_key", or a "remote_table" and "columns"')
            return None
        using = self.foreign_key(found, keys, kind) if "foreign_key" in found else self.manual(found, keys)
        return None if using is None else RelationshipMetadata(name, kind, using, self.comment(found, keys))

    def foreign_key(self, found: Mapping[str, Any], keys: tuple[str, ...], kind: str) -> ForeignKeyOn | None:
        parts = _split_name(found["foreign_key"])
        if kind == "object" and len(parts) == 1:
            return ForeignKeyOn(parts[0])
        if len(parts) in (2, 3):  # of an object relationship, too: from the row that is referred to, back
            return ForeignKeyOn(parts[-1], TableName(parts[0] if len(parts) == 3 else "public", parts[-2]))
        wanted = "a column of this table, or " if kind == "object" else ""
        self.refuse(
            (*keys, "foreign_key"),
            f'the "foreign_key" of an {kind} relationship is {wanted}"table.column" or "schema.table.column"',
        )
        return None

    def manual(self, found: Mapping[str, Any], keys: tuple[str, ...]) -> ManualMapping | None:
        parts = _split_name(found["remote_table"])
        if len(parts) not in (1, 2):
            self.refuse((*keys, "remote_table"), 'a "remote_table" is "table" or "schema.table"')
            return None
        columns = found.get("columns")
        if not isinstance(columns, dict) or not all(isinstance(theirs, str) for theirs in columns.values()):
            self.refuse((*keys, "columns"), '"columns" must be like { id = "author_id" }: our column, their column')
            return None
        return ManualMapping(TableName(parts[0] if len(parts) == 2 else "public", parts[-1]), tuple(columns.items()))

    def permission(self, role: str, operation: str, found: Any) -> PermissionMetadata | None:
        keys = ("permissions", role, operation)
        if operation not in OPERATIONS:
            nearest = difflib.get_close_matches(operation, OPERATIONS, 1)
            hint = f'Did you mean "{nearest[0]}"?' if nearest else f"Known are: {', '.join(OPERATIONS)}."
            self.refuse(keys, f'unknown operation "{operation}"', hint)
            return None
        if not isinstance(found, dict):
            self.refuse(keys, "a permission must be a table")
            return None
        self.refuse_unknown(found, keys, (*RULE_KEYS[operation], "comment"))
        try:
            rule = self.json({key: value for key, value in found.items() if key != "comment"})
        except InvalidJson as error:
            self.refuse(keys, f"the permission cannot be kept: {error.message}")
            return None
        return PermissionMetadata(role, operation, rule, self.comment(found, keys))


def _split_name(text: Any) -> list[str]:
    r"""The parts of a dotted name, where a part in double quotes may have dots; none when it is not such a name.

    >>> _split_name('app."odd.name".id')
    ['app', 'odd.name', 'id']
    """
    if not isinstance(text, str) or not _DOTTED_NAME.fullmatch(text):
        return []
    parts = [match[0] for match in _NAME_PART.finditer(text)]
    return [part[1:-1].replace('""', '"') if part.startswith('"') else part for part in parts]


_NAME_PART = re.compile(r'"(?:[^"]|"")+"|[^".]+')
_DOTTED_NAME = re.compile(rf"(?:{_NAME_PART.pattern})(?:\.(?:{_NAME_PART.pattern}))*")


def as_json(value: Any) -> Any:
    """TOML's dates and times as the text Postgres reads; the rest as it is."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return value
