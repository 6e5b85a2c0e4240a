"""New names of tables, columns, relationships and functions, carried into query templates.

A template is a request: it says what requests call things. So what counts is what they called them before and after,
whether the database's names have changed or custom ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from howdah.data.catalog.model import Catalog, Relationship
from howdah.data.change.renaming import Named, Renames, Renaming
from howdah.data.errors import DataError
from howdah.data.query.ast import TableName
from howdah.data.query.reading import read_table
from howdah.data.query.references import Reference, read_value
from howdah.data.query.template import SEVERAL
from howdah.data.written.document_parts import table_to_json
from howdah.data.written.metadata import Metadata


def with_renamed_templates(metadata: Metadata, renames: Renames, before: Catalog, after: Catalog) -> Metadata:
    """The metadata, whose templates ask for the same as ``before``; ``renames`` is by the database's names."""
    if not metadata.query_templates:
        return metadata
    exposed = _exposed(renames, before, after)
    if not (exposed.of or exposed.functions):
        return metadata
    walk = _Walk(exposed, before)
    for template in metadata.query_templates:
        carried = walk.request(template.query)
        if carried != template.query:
            metadata = metadata.with_query_template(replace(template, query=carried))
    return metadata


def _exposed(renames: Renames, before: Catalog, after: Catalog) -> Renames:
    """The same by the names that requests use, and what else they use another name for now."""
    tables: dict[TableName, TableName] = {}
    columns: dict[Named, str] = {}
    for name, table in before.tables.items():
        now = after.tables.get(renames.tables.get(name, name))
        if now is None or now is table:
            continue
        if now.exposed_name != table.exposed_name:
            tables[table.exposed_name] = now.exposed_name
        for column in table.columns.values():
            other = now.columns.get(renames.columns.get((name, column.name), column.name))
            if other is not None and other.exposed_name != column.exposed_name:
                columns[table.exposed_name, column.exposed_name] = other.exposed_name
    relationships = {
        (before.tables[table].exposed_name, name): new
        for (table, name), new in renames.relationships.items()
        if table in before.tables
    }
    return Renames(tables, columns, relationships, renames.functions)


_NAMES: Final = frozenset({"distinct_on", "distinct", "group_by", "$default", "constraint_on"})
_WRITTEN: Final = frozenset({"$set", "values", "$inc", "$mul"})


class _Walk(Renaming):
    """One walk through a template. What has not the form of a request stays as it is."""

    def __init__(self, renames: Renames, catalog: Catalog) -> None:
        super().__init__(renames, catalog.nameable)
        self._functions = catalog.functions

    def target(self, relationship: Relationship) -> TableName:
        return self._exposed(relationship.target)

    def request(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        args = value.get("args")
        if value.get("type") not in SEVERAL:
            return {**value, "args": self.arguments(args)} if isinstance(args, Mapping) else value
        if not isinstance(args, list):
            return value
        carried = [self.request(one) for one in args]
        if value.get("type") == "transaction":
            tables = [self._table_of(one.get("args")) if isinstance(one, Mapping) else None for one in args]
            carried = [self._with_references(one, tables) for one in carried]
        return {**value, "args": carried}

    def arguments(self, args: Mapping[str, Any]) -> Any:
        table = self._table_of(args)
        if table is None:
            return args
        carried = self._rows(table, args)
        key, names = ("function", self.renames.functions) if "function" in args else ("table", self.renames.tables)
        name = read_table(args[key], None)
        return {**carried, key: table_to_json(names[name])} if name in names else carried

    def _table_of(self, args: Any) -> TableName | None:
        """The table that the arguments are about, by the name that requests use for it."""
        key = "function" if isinstance(args, Mapping) and "function" in args else "table"
        try:
            name = read_table(args[key], None)
        except (DataError, KeyError, TypeError):
            return None
        if key == "function":
            function = self._functions.get(name)
            return None if function is None else self._exposed(function.target)
        return name if name in self.tables else None

    def _exposed(self, name: TableName) -> TableName:
        found = self.tables.get(name)
        return name if found is None else found.exposed_name

    def _rows(self, table: TableName, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What a query, or an entry of its columns, says of the rows it wants or writes."""
        carried = dict(fields)
        for key, value in fields.items():
            if key in ("columns", "returning"):
                carried[key] = self._entries(table, value)
            elif key == "where":
                carried[key] = self.expression(table, value)
            elif key == "order_by":
                carried[key] = self._order(table, value, fields.get("aggregates") or {})
            elif key in _NAMES:
                carried[key] = self._names(table, value)
            elif key == "aggregates" and isinstance(value, Mapping):
                carried[key] = {name: self._aggregate(table, one) for name, one in value.items()}
            elif key == "search" and isinstance(value, Mapping) and "columns" in value:
                carried[key] = {**value, "columns": self._names(table, value["columns"])}
            elif key == "page" and isinstance(value, Mapping):
                carried[key] = {name: self._cells(table, place) for name, place in value.items()}
            elif key in _WRITTEN:
                carried[key] = self._cells(table, value)
            elif key == "objects" and isinstance(value, list):
                carried[key] = [self._row(table, one) for one in value]
            elif key == "on_conflict" and isinstance(value, Mapping):
                carried[key] = self._rows(table, value)
        return carried

    def _entries(self, table: TableName, entries: Any) -> Any:
        return [self._entry_of_columns(table, one) for one in entries] if isinstance(entries, list) else entries

    def _entry_of_columns(self, table: TableName, entry: Any) -> Any:
        if isinstance(entry, str):
            return self.column(table, entry)
        name = entry.get("name") if isinstance(entry, Mapping) else None
        found = self.tables.get(table)
        if found is None or not isinstance(name, str):
            return entry
        relationship, field = found.relationships.get(name), found.computed_fields.get(name)
        if relationship is not None:
            inside = self._rows(self.target(relationship), entry)
            new = self.relationship(table, name)
            # The answer stays as it was: what is called something else now keeps its name there.
            return {**inside, "name": new, **({"alias": name} if new != name and "alias" not in entry else {})}
        if field is not None and field.target is not None:
            return self._rows(self._exposed(field.target), entry)
        return entry

    def _names(self, table: TableName, names: Any) -> Any:
        if isinstance(names, str):
            return self.column(table, names)
        return [self._names(table, one) for one in names] if isinstance(names, list) else names

    def _order(self, table: TableName, order: Any, aggregates: Mapping[str, Any]) -> Any:
        if isinstance(order, list):
            return [self._order(table, one, aggregates) for one in order]
        if isinstance(order, Mapping):
            return {**order, "column": self._order(table, order.get("column"), aggregates)}
        if not isinstance(order, str):
            return order
        sign, name = (order[0], order[1:]) if order.startswith(("+", "-")) else ("", order)
        return order if name in aggregates else sign + self._path(table, name)

    def _path(self, table: TableName, name: str) -> str:
        """A column, perhaps behind object relationships."""
        found = self.tables.get(table)
        if found is None or name in found.exposed_columns or "." not in name:
            return self.column(table, name)
        first, _, rest = name.partition(".")
        relationship = found.relationships.get(first)
        if relationship is None:
            return name
        return f"{self.relationship(table, first)}.{self._path(self.target(relationship), rest)}"

    def _aggregate(self, table: TableName, one: Any) -> Any:
        if not isinstance(one, Mapping):
            return one
        return {
            function: {"distinct": self._names(table, of.get("distinct"))}
            if isinstance(of, Mapping)
            else self._names(table, of)
            for function, of in one.items()
        }

    def _cells(self, table: TableName, row: Any) -> Any:
        """Columns and their values."""
        if not isinstance(row, Mapping) or _is_parameter(row):
            return row
        return {self.column(table, name): value for name, value in row.items()}

    def _row(self, table: TableName, row: Any) -> Any:
        """A row to insert, with the rows that are nested in it."""
        found = self.tables.get(table)
        if not isinstance(row, Mapping) or found is None:
            return row
        carried = {}
        for name, value in row.items():
            relationship = found.relationships.get(name)
            if relationship is None or not isinstance(value, Mapping):
                carried[self.column(table, name)] = value
                continue
            target, data = self.target(relationship), value.get("data")
            rows = [self._row(target, one) for one in data] if isinstance(data, list) else self._row(target, data)
            carried[self.relationship(table, name)] = {**self._rows(target, value), "data": rows}
        return carried

    def _with_references(self, value: Any, tables: Sequence[TableName | None]) -> Any:
        """The value, whose references are to what the queries about these tables answer."""
        if isinstance(value, list):
            return [self._with_references(item, tables) for item in value]
        if not isinstance(value, Mapping):
            return value
        if value.keys() == {"$ref"}:
            return self._reference(value, tables)
        return {key: self._with_references(item, tables) for key, item in value.items()}

    def _reference(self, value: Mapping[str, Any], tables: Sequence[TableName | None]) -> Any:
        try:
            reference = read_value(dict(value), None)
        except DataError:
            return value
        table = tables[reference.index] if 0 <= reference.index < len(tables) else None
        steps: list[Any] = []
        for step in reference.steps:
            found = None if table is None else self.tables.get(table)
            if table is None or found is None or not isinstance(step, str):
                steps.append(step)
                continue
            relationship = found.relationships.get(step)
            # A relationship keeps its name in the answer.
            steps.append(step if relationship is not None else self.column(table, step))
            table = table if relationship is None else self.target(relationship)
        if tuple(steps) == reference.steps:
            return value
        if isinstance(value["$ref"], list):
            return {"$ref": [reference.index, *("*" if step is None else step for step in steps)]}
        return {"$ref": str(Reference(reference.index, tuple(steps), None))}


def _is_parameter(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("param"), str) and value.keys() <= {"param", "default"}
