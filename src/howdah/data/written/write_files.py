"""Metadata → the texts of its files: what ``files`` reads back as the same metadata, laid out to be edited by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from howdah.data.query.ast import TableName
from howdah.data.sql.encode import to_json
from howdah.data.written.files import FUNCTIONS, TASKS, TEMPLATES
from howdah.data.written.metadata import (
    ForeignKeyOn,
    FunctionMetadata,
    ManualMapping,
    Metadata,
    QueryTemplate,
    RelationshipMetadata,
    TableMetadata,
    TaskMetadata,
)
from howdah.data.written.task_document import task_rule
from howdah.errors import HowdahError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LINE_LENGTH = 100


class NotWritableAsToml(HowdahError):
    """The rule has a null that TOML cannot express."""

    code = "E233"


def to_files(metadata: Metadata) -> dict[str, str]:
    """The text of each file by its name. Raises NotWritableAsToml."""
    texts = {f"tables/{file_name(table.name)}": to_text(table) for table in metadata.tables}
    texts |= {FUNCTIONS + file_name(function.name): _function_to_text(function) for function in metadata.functions}
    if metadata.query_templates:
        texts[TEMPLATES] = templates_to_text(metadata.query_templates)
    if metadata.tasks:
        texts[TASKS] = _tasks_to_text(metadata.tasks)
    return texts


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(map(_string, names))}]"


def file_name(table: TableName) -> str:
    """The name of a table's or function's file; what a file system may not like is percent-encoded.

    >>> file_name(TableName("public", "article")), file_name(TableName("app", "a/b"))
    ('public.article.toml', 'app.a%2Fb.toml')
    """
    return f"{quote(table.schema, safe=' ')}.{quote(table.name, safe=' ')}.toml"


def to_text(table: TableMetadata) -> str:
    """The text of one table's file. Raises NotWritableAsToml."""
    blocks = [[f"schema = {_string(table.name.schema)}", f"table = {_string(table.name.name)}"]]
    if table.is_enum:
        blocks[0].append("is_enum = true")
    if table.custom_names.table is not None:
        blocks[0].append(f"custom_name = {_string(table.custom_names.table)}")
    if table.custom_names.columns:
        names = [f"{_key(column)} = {_string(name)}" for column, name in table.custom_names.columns]
        blocks.append(["[custom_column_names]", *names])
    for relationship in table.relationships:
        header = f"[relationships.{_key(relationship.name)}]"
        blocks.append([header, *_relationship(relationship), *_comment(relationship.comment)])
    for field in table.computed_fields:
        lines = [f"function = {_string(_dotted(*_table_parts(field.function)))}"]
        if field.table_argument is not None:
            lines.append(f"table_argument = {_string(field.table_argument)}")
        if field.session_argument is not None:
            lines.append(f"session_argument = {_string(field.session_argument)}")
        blocks.append([f"[computed_fields.{_key(field.name)}]", *lines, *_comment(field.comment)])
    for trigger in table.event_triggers:
        lines = [f"task = {_string(trigger.task)}", f"on = {_list(trigger.operations)}"]
        if trigger.columns is not None:
            lines.append(f"columns = {_list(trigger.columns)}")
        if trigger.payload is not None:
            lines.append(f"payload = {_list(trigger.payload)}")
        blocks.append([f"[events.{_key(trigger.name)}]", *lines, *_comment(trigger.comment)])
    for permission in table.permissions:
        header = f"[permissions.{_key(permission.role)}.{permission.operation}]"
        place = f"{table.name}: {permission.role} {permission.operation}"
        rule = {key: without_null(value, place) for key, value in permission.rule.items() if value is not None}
        lines = [line for key, value in rule.items() for line in _pairs(_key(key), value)]
        blocks.append([header, *lines, *_comment(permission.comment)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def templates_to_text(templates: Iterable[QueryTemplate]) -> str:
    """The text of the file of query templates. What has a null, which TOML has not, is written as JSON."""
    blocks = []
    for template in templates:
        query = dict(template.query)
        lines = [f"json = {_string(to_json(query))}"]
        if not _has_null(query):
            lines = [line for key, value in query.items() for line in _pairs(_key(key), value)]
        blocks.append("\n".join([f"[{_key(template.name)}]", *_comment(template.comment), *lines]))
    return "\n\n".join(blocks) + "\n"


def _tasks_to_text(tasks: Iterable[TaskMetadata]) -> str:
    blocks = []
    for task in tasks:
        if task.comment is not None:
            blocks.append([f"[{_key(task.name)}]", *_comment(task.comment)])
        for permission in task.permissions:
            lines = [line for key, value in task_rule(permission).items() for line in _pairs(_key(key), value)]
            blocks.append([f"[{_key(task.name)}.permissions.{_key(permission.role)}]", *lines])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _has_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_null(item) for item in value.values())
    return any(_has_null(item) for item in value) if isinstance(value, list | tuple) else value is None


def _function_to_text(function: FunctionMetadata) -> str:
    lines = [f"schema = {_string(function.name.schema)}", f"function = {_string(function.name.name)}"]
    if function.session_argument is not None:
        lines.append(f"session_argument = {_string(function.session_argument)}")
    if function.exposed_as is not None:
        lines.append(f"exposed_as = {_string(function.exposed_as)}")
    if function.roles:
        lines.append(f"roles = {_value(function.roles)}")
    return "\n".join([*lines, *_comment(function.comment)]) + "\n"


def _relationship(relationship: RelationshipMetadata) -> list[str]:
    kind = f"kind = {_string(relationship.kind)}"
    match relationship.using:
        case ForeignKeyOn(column, table):
            parts = () if table is None else _table_parts(table)
            return [kind, f"foreign_key = {_string(_dotted(*parts, column))}"]
        case ManualMapping(remote_table, column_mapping):
            return [
                kind,
                f"remote_table = {_string(_dotted(*_table_parts(remote_table)))}",
                f"columns = {_value(dict(column_mapping))}",
            ]


def _table_parts(table: TableName) -> tuple[str, ...]:
    return (table.name,) if table.schema == "public" else (table.schema, table.name)


def _dotted(*parts: str) -> str:
    return ".".join(_quote_part(part) if "." in part or '"' in part else part for part in parts)


def _quote_part(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'


def _comment(comment: str | None) -> list[str]:
    return [] if comment is None else [f"comment = {_string(comment)}"]


def without_null(value: Any, place: str) -> Any:
    """The value with comparisons with null written as ``_is_null``. Raises NotWritableAsToml for any other null."""
    if isinstance(value, Mapping):
        written: dict[str, Any] = {}
        for key, item in value.items():
            name, new = key, item
            if item is None:
                name, new = _null(key, place)
            if name in written:
                raise NotWritableAsToml(f"{place}: two conditions about null in one object cannot be written as TOML.")
            written[name] = without_null(new, place)
        return written
    if isinstance(value, list | tuple):
        return [without_null(item, place) for item in value]
    if value is None:
        raise NotWritableAsToml(f"{place}: TOML has no null.", hint="Write the rule without null.")
    return value


def _null(key: str, place: str) -> tuple[str, Any]:
    if not key.startswith(("$", "_")):
        return key, {"_is_null": True}
    match key[1:]:
        case "eq":
            return "_is_null", True
        case "ne" | "neq":
            return "_is_null", False
        case _:
            raise NotWritableAsToml(f"{place}: TOML has no null for {key}.", hint="Write the rule without null.")


# -- TOML --------------------------------------------------------------------------------------------------------------


def _pairs(key: str, value: Any) -> Iterator[str]:
    """The lines that give ``key`` its value: nested objects as dotted keys, a line for each leaf."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _pairs(f"{key}.{_key(name)}", item)
        return
    line = f"{key} = {_value(value)}"
    if len(line) > _LINE_LENGTH and isinstance(value, list):
        line = "\n".join((f"{key} = [", *(f"  {_value(item)}," for item in value), "]"))
    yield line


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        pairs = [pair for name, item in value.items() for pair in _inline_pairs(_key(name), item)]
        return "{ " + ", ".join(pairs) + " }" if pairs else "{}"
    if isinstance(value, Decimal | float):
        text = str(value)
        return text if any(character in text for character in ".eE") else f"{text}.0"
    return str(value)


def toml_value(value: Any) -> str:
    """A value as TOML, in one line; it has no null in it.

    >>> toml_value({"id": {"_gt": 1}, "tags": ["a"]})
    '{ id._gt = 1, tags = ["a"] }'
    """
    return _value(value)


def _inline_pairs(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _inline_pairs(f"{key}.{_key(name)}", item)
    else:
        yield f"{key} = {_value(value)}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    # JSON's escapes are TOML's, but for one control character that only TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
