"""What a role changes, worked out row by row: the answer, and the rows afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.data.oracle.reading import Reader, Refused
from tests.data.oracle.world import USER_ID, Kind, Row, Rows, World


class Violated(Exception):
    """A constraint or a check of a permission does not hold: nothing at all has been changed."""


@dataclass(frozen=True)
class Writer:
    """The hand of one session in a world. Conditions look at the rows as they were before the statement."""

    reader: Reader

    @property
    def world(self) -> World:
        """Where."""
        return self.reader.world

    def answer(self, request: Row) -> tuple[Any, Rows]:
        """The answer to a request, and all rows afterwards. Raises Refused and Violated."""
        args = request["args"]
        table = args.get("table", "")
        match request["type"]:
            case "insert":
                touched, rows = self.insert(args, table)
            case "update":
                touched, rows = self.update(args, table)
            case "delete":
                touched, rows = self.delete(args, table)
            case _:
                return self.reader.answer(request), self.world.rows
        after = {**self.world.rows, table: rows}
        check_constraints(self.world, after)
        answer: Row = {"affected_rows": len(touched)}
        if "returning" in args:
            shown = self.returned_columns(args["returning"], table)
            answer["returning"] = [{name: row[name] for name in shown} for row in self.reader.visible(table, touched)]
        return answer, after

    def returned_columns(self, returning: list[str], table: str) -> list[str]:
        """The columns that are told of changed rows. Raises Refused."""
        names: dict[str, None] = {}
        for entry in returning:
            if entry == "*":
                names |= dict.fromkeys(self.reader.columns(table))
            else:
                self.reader.check_column(entry, table)
                names[entry] = None
        return list(names)

    def check_returning(self, args: Row, table: str) -> None:
        """Raises Refused when something may not be told."""
        if "returning" in args:
            self.reader.rule(table)
            self.returned_columns(args["returning"], table)

    def presets(self, rule: Row, table: str) -> Row:
        """What rows get whatever was given."""
        return {name: self._preset(value, self.world.columns[table][name].kind) for name, value in _set(rule).items()}

    def _preset(self, value: Any, kind: Kind) -> Any:
        return int(self.reader.session.variables[USER_ID.lower()]) if value == USER_ID else value

    # -- insert --------------------------------------------------------------------------------------------------------

    def insert(self, args: Row, table: str) -> tuple[list[Row], list[Row]]:
        """The rows written, and all of the table's afterwards."""
        parts = ("check", "set")
        rule = self.reader.rule(table, "insert", needs=parts)
        usable = self.reader.columns(table, "insert", needs=parts)
        for given in args["objects"]:
            self._check_names(given, usable, rule)
        self.check_returning(args, table)
        conflict = args.get("on_conflict")
        update = None
        if conflict is not None:
            on = conflict.get("constraint_on")
            keys = [on] if isinstance(on, str) else on
            self._check_key(keys, rule, usable, table)
            if conflict["action"] == "update":
                if len({frozenset(given) for given in args["objects"]}) > 1:
                    raise Refused("not the same keys")
                if self.reader.role[table]["update"] is None:
                    raise Refused("upsert")
                update = self._conflict_update(args, table)
        rows, touched, written_before = list(self.world.rows[table]), [], set()
        for given in args["objects"]:
            new = self._new_row(given, rule, table)
            old = None if conflict is None else self._clash(new, rows, keys, table)
            if old is None:
                written = new
                self._check(rule.get("check", {}), table, written)
            elif update is None:
                continue
            else:
                columns, presets, update_rule = update
                if id(old) in written_before:
                    raise Violated("a row twice")
                if self.reader.holds(update_rule["filter"], table, old, stored=True) is not True:
                    continue
                written = {**old, **{name: new[name] for name in columns}, **presets}
                self._check(rule.get("check", {}), table, written)
                self._check(update_rule.get("check", {}), table, written)
                rows = [row for row in rows if row is not old]
            rows.append(written)
            check_keys(self.world, table, rows)  # row by row: a key that a later row gives up is still taken
            written_before.add(id(written))
            touched.append(written)
        return touched, rows

    def _conflict_update(self, args: Row, table: str) -> tuple[list[str], Row, Row] | None:
        parts = ("filter", "check", "set")
        rule = self.reader.role[table]["update"]
        usable = self.world.columns[table] if rule["columns"] == "*" else rule["columns"]
        columns = [name for name in args["objects"][0] if name in usable and name not in _set(rule)]
        if not columns and not _set(rule):
            return None  # nothing is left to be updated: the row stays, and so do the rule's variables unread
        self.reader.rule(table, "update", needs=parts)
        return columns, self.presets(rule, table), rule

    def _check_key(self, keys: list[str] | None, rule: Row, usable: list[str], table: str) -> None:
        select = self.reader.role[table]["select"]
        readable = [] if select is None else select["columns"]
        if readable == "*":
            readable = list(self.world.columns[table])
        for name in keys or ():
            if name not in usable and name not in readable and name not in _set(rule):
                raise Refused(name)

    def _new_row(self, given: Row, rule: Row, table: str) -> Row:
        row = {name: given.get(name, column.default) for name, column in self.world.columns[table].items()}
        row |= self.presets(rule, table)
        # Postgres asks this before it looks whether the row is there.
        if any(row[name] is None and not column.nullable for name, column in self.world.columns[table].items()):
            raise Violated("not null")
        return row

    def _clash(self, new: Row, rows: list[Row], keys: list[str] | None, table: str) -> Row | None:
        unique = [name for name, column in self.world.columns[table].items() if column.unique]
        for name in unique if keys is None else keys:
            for row in rows:
                if new[name] is not None and row[name] == new[name]:
                    return row
        return None

    # -- update and delete ---------------------------------------------------------------------------------------------

    def update(self, args: Row, table: str) -> tuple[list[Row], list[Row]]:
        """The rows changed, and all of the table's afterwards."""
        rule = self.reader.rule(table, "update", needs=("filter", "check", "set"))
        usable = self.reader.columns(table, "update", needs=())
        operations = {key: args[key] for key in ("$set", "$inc", "$mul", "$default") if key in args}
        for names in operations.values():
            self._check_names(names, usable, rule)
        for name in (*args.get("$inc", ()), *args.get("$mul", ())):
            self.reader.check_column(name, table)  # it reads what is there
        if not any(operations.values()) and not _set(rule):
            raise Refused("nothing to do")
        self.reader.check_condition(args["where"], table)
        self.check_returning(args, table)
        touched, rows = [], []
        for row in self.world.rows[table]:
            if not self._chosen(args["where"], rule, table, row):
                rows.append(row)
                continue
            new = dict(row)
            new |= args.get("$set", {})
            for name, value in args.get("$inc", {}).items():
                new[name] = None if row[name] is None else row[name] + value
            for name, value in args.get("$mul", {}).items():
                new[name] = None if row[name] is None else row[name] * value
            for name in args.get("$default", ()):
                new[name] = self.world.columns[table][name].default
            new |= self.presets(rule, table)
            self._check(rule.get("check", {}), table, new)
            touched.append(new)
            rows.append(new)
        return touched, rows

    def delete(self, args: Row, table: str) -> tuple[list[Row], list[Row]]:
        """The rows removed, and all of the table's afterwards."""
        rule = self.reader.rule(table, "delete")
        self.reader.check_condition(args["where"], table)
        self.check_returning(args, table)
        touched = [row for row in self.world.rows[table] if self._chosen(args["where"], rule, table, row)]
        return touched, [row for row in self.world.rows[table] if row not in touched]

    def _chosen(self, where: Row, rule: Row, table: str, row: Row) -> bool:
        allowed = self.reader.holds(rule["filter"], table, row, stored=True) is True
        return allowed and bool(self.reader.chosen(where, table, [row]))

    # -- what is refused -----------------------------------------------------------------------------------------------

    def _check_names(self, names: Iterable[str], usable: list[str], rule: Row) -> None:
        for name in names:
            if name not in usable or name in _set(rule):
                raise Refused(name)

    def _check(self, check: Row, table: str, row: Row) -> None:
        if self.reader.holds(check, table, row, stored=True) is not True:
            raise Violated("check")


def _set(rule: Row) -> Row:
    return rule.get("set", {})


def check_keys(world: World, table: str, rows: Iterable[Row]) -> None:
    """Raises Violated when two rows have the same key."""
    for name, column in world.columns[table].items():
        there = [row[name] for row in rows if row[name] is not None]
        if column.unique and len(set(there)) < len(there):
            raise Violated(name)


def check_constraints(world: World, rows: Rows) -> None:
    """Raises Violated when a column is NULL that must not be, a key is there twice or leads nowhere."""
    for table, columns in world.columns.items():
        check_keys(world, table, rows[table])
        for name, column in columns.items():
            values = [row[name] for row in rows[table]]
            if not column.nullable and None in values:
                raise Violated(name)
    for table, name, target in world.references:
        ids = {row["id"] for row in rows[target]}
        if any(row[name] is not None and row[name] not in ids for row in rows[table]):
            raise Violated(name)
