"""What a role sees, worked out row by row."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.data.oracle.world import BETWEEN_COLUMNS, IDS, USER_ID, Link, Row, World

from howdah.session import Session

ALIASES = {"neq": "ne"}


class Refused(Exception):
    """The role may not ask this, or the answer depends on what its session lacks."""


@dataclass(frozen=True)
class AnyOrder:
    """Rows that nobody asked to be ordered; of which there are ``limit``, whichever."""

    rows: list[Row]
    limit: int | None


@dataclass(frozen=True)
class Reader:
    """The eyes of one session in a world."""

    world: World
    role: dict[str, dict[str, Any]]
    session: Session

    # -- what may be asked; looked at whether or not a row will ever reach it ------------------------------------------

    def rule(self, table: str, operation: str = "select", *, needs: Iterable[str] = ("filter",)) -> Row:
        """What the role may do there. ``needs`` are the parts that will be used. Raises Refused."""
        found = self.role[table][operation]
        if found is None:
            raise Refused(f"{operation} {table}")
        for part in needs:
            self.check_variables(found.get(part, {}))
        return found  # type: ignore[no-any-return]

    def check_variables(self, stored: Any) -> None:
        """Raises Refused when the rule names what the session lacks."""
        text = json.dumps(stored)
        if not self.session.variables and (f'"{USER_ID}"' in text or f'"{IDS}"' in text):
            raise Refused("a session variable")

    def columns(self, table: str, operation: str = "select", *, needs: Iterable[str] = ("filter",)) -> list[str]:
        """The columns that the role may use for the operation."""
        names = self.rule(table, operation, needs=needs)["columns"]
        return list(self.world.columns[table]) if names == "*" else names

    def check_column(self, name: str, table: str) -> None:
        """Raises Refused when the role may not read the column."""
        if name not in self.columns(table):
            raise Refused(name)

    def check_condition(self, where: Row, table: str) -> None:
        """Raises Refused when the condition names what the role may not read."""
        self.rule(table)
        for name, value in where.items():
            word = name[1:] if name[0] in "$_" else ""
            if word in ("and", "or"):
                for part in value:
                    self.check_condition(part, table)
            elif word == "not":
                self.check_condition(value, table)
            elif word == "exists":
                self.check_condition(value["_where"], value["_table"])
            elif name in self.world.links[table]:
                self.check_condition(value, self.world.links[table][name].table)
            else:
                self.check_column(name, table)
                for operator, operand in (value if isinstance(value, dict) else {}).items():
                    if operator[1:] in BETWEEN_COLUMNS:
                        self.check_column(operand, table)

    def check_rows(self, args: Row, table: str) -> None:
        """Raises Refused when something in a select may not be asked."""
        self.check_condition(args.get("where", {}), table)
        for entry in args["columns"]:
            if isinstance(entry, dict):
                target = self.world.links[table][entry["name"]].table
                if "aggregates" in entry:
                    self.check_aggregation(entry, target)
                else:
                    self.check_rows(entry, target)
            elif entry == "*.*":
                for link in self.readable_links(table).values():
                    self.rule(link.table)
            elif entry != "*":
                self.check_column(entry, table)
        for term in args.get("order_by", ()):
            at, name = table, term["column"]
            if name not in self.columns(table):
                *path, name = name.split(".")
                for step in path:
                    if step not in self.world.links[at]:
                        raise Refused(step)
                    at = self.world.links[at][step].table
                    self.rule(at)
            self.check_column(name, at)

    def check_aggregation(self, args: Row, table: str) -> None:
        """Raises Refused when something may not be made of the table's rows."""
        if not self.rule(table)["allow_aggregations"]:
            raise Refused("aggregations")
        self.check_condition(args.get("where", {}), table)
        for entry in args["aggregates"].values():
            for of in entry.values():
                for name in of["distinct"] if isinstance(of, dict) else () if of == "*" else (of,):
                    self.check_column(name, table)
        if "group_by" in args:
            self.check_column(args["group_by"], table)

    def readable_links(self, table: str) -> dict[str, Link]:
        """The relationships whose rows the role may read."""
        return {
            name: link for name, link in self.world.links[table].items() if self.role[link.table]["select"] is not None
        }

    # -- answers -------------------------------------------------------------------------------------------------------

    def answer(self, request: Row) -> Any:
        """The answer to a question. Raises Refused."""
        args = request["args"]
        table, rows = self.source(args)
        where = args.get("where", {})
        if request["type"] == "select":
            self.check_rows(args, table)
            return self.rows_of(args, table, rows)
        if request["type"] == "aggregate":
            self.check_aggregation(args, table)
            return self.made_of(args, table, rows)
        self.check_condition(where, table)
        for name in args.get("distinct", ()):
            self.check_column(name, table)
        found = self.chosen(where, table, rows)
        names = args.get("distinct")
        return {"count": len(found) if names is None else len({tuple(row[name] for name in names) for row in found})}

    def source(self, args: Row) -> tuple[str, list[Row]]:
        """The table that is asked about, and its rows, or those that a function returns."""
        if "function" not in args:
            return args["table"], self.world.rows[args["table"]]
        table, given = self.world.functions[args["function"]], args["arguments"]
        if isinstance(given, dict):
            given = [given["highest"], given.get("lowest", 3)]
        highest, lowest = given if len(given) > 1 else (given[0], 3)
        return table, [row for row in self.world.rows[table] if lowest <= row["id"] <= highest]

    def visible(self, table: str, rows: Iterable[Row]) -> list[Row]:
        """The rows that the role may see."""
        rule = self.rule(table)
        return [row for row in rows if self.holds(rule["filter"], table, row, stored=True) is True]

    def chosen(self, where: Row, table: str, rows: Iterable[Row]) -> list[Row]:
        """The visible rows that a request's condition is true for."""
        return [row for row in self.visible(table, rows) if self.holds(where, table, row) is True]

    def linked(self, link: Link, row: Row) -> list[Row]:
        """The rows that a relationship leads to, seen or not."""
        ours = row[link.ours]
        return [other for other in self.world.rows[link.table] if ours is not None and other[link.theirs] == ours]

    def rows_of(self, args: Row, table: str, rows: list[Row], *, limited: bool = True) -> list[Row]:
        """What a select shows of the rows."""
        found = self.chosen(args.get("where", {}), table, rows)
        for term in reversed(args.get("order_by", ())):
            found = self.ordered(found, table, term)
        offset = args.get("offset", 0)
        limits = [limit for limit in (args.get("limit"), self.rule(table).get("limit")) if limit is not None]
        if limited:
            found = found[offset : offset + min(limits) if limits else None]
        return [self.shown(args["columns"], table, row) for row in found]

    def ordered(self, rows: list[Row], table: str, term: Row) -> list[Row]:
        """The rows by one term, ties as they were. NULL stands behind everything; in front of it when descending."""
        down = term.get("type") == "desc"
        first = term["nulls"] == "first" if "nulls" in term else down
        values = {id(row): self.order_value(term["column"], table, row) for row in rows}
        there = [row for row in rows if values[id(row)] is not None]
        there.sort(key=lambda row: values[id(row)], reverse=down)
        nowhere = [row for row in rows if values[id(row)] is None]
        return nowhere + there if first else there + nowhere

    def order_value(self, path: str, table: str, row: Row) -> Any:
        """The value at the end of a dotted path."""
        if path in self.columns(table):
            return row[path]
        *steps, name = path.split(".")
        for step in steps:
            link = self.world.links[table][step]
            targets = self.visible(link.table, self.linked(link, row))
            if not targets:
                return None
            table, row = link.table, targets[0]
        return row[name]

    def shown(self, columns: list[Any], table: str, row: Row) -> Row:
        """One row with what was asked for."""
        shown: Row = {}
        for entry in columns:
            if entry in ("*", "*.*"):
                shown |= {name: row[name] for name in self.columns(table)}
            elif isinstance(entry, str):
                shown[entry] = row[entry]
        named = {entry.get("alias", entry["name"]) for entry in columns if isinstance(entry, dict)}
        if "*.*" in columns:
            for name, link in self.readable_links(table).items():
                if name not in named:
                    shown[name] = self.wildcard(link, row)
        for entry in columns:
            if isinstance(entry, dict):
                link = self.world.links[table][entry["name"]]
                shown[entry.get("alias", entry["name"])] = self.related(entry, link, row)
        return shown

    def wildcard(self, link: Link, row: Row) -> Any:
        """What a wildcard shows of a relationship, which is in no order."""
        if not link.many:
            return self.related({"columns": ["*"]}, link, row)
        found = self.visible(link.table, self.linked(link, row))
        return AnyOrder([self.shown(["*"], link.table, one) for one in found], self.rule(link.table).get("limit"))

    def related(self, entry: Row, link: Link, row: Row) -> Any:
        """What a relationship shows."""
        if "aggregates" in entry:
            return self.made_of(entry, link.table, self.linked(link, row))
        if link.many:
            return self.rows_of(entry, link.table, self.linked(link, row))
        found = self.visible(link.table, self.linked(link, row))
        if self.rule(link.table).get("limit") == 0:
            return None
        return self.shown(entry["columns"], link.table, found[0]) if found else None

    def made_of(self, args: Row, table: str, rows: list[Row]) -> Any:
        """What an aggregation makes of the rows."""
        found = self.chosen(args.get("where", {}), table, rows)
        if "group_by" not in args:
            return {name: aggregated(entry, found) for name, entry in args["aggregates"].items()}
        name = args["group_by"]
        groups: dict[Any, list[Row]] = {}
        for row in found:
            groups.setdefault(row[name], []).append(row)
        made: list[Row] = [
            {name: value, **{key: aggregated(entry, group) for key, entry in args["aggregates"].items()}}
            for value, group in groups.items()
        ]
        down = args["order_by"][0]["type"] == "desc"
        made.sort(key=lambda row: (row[name] is None, row[name] or 0), reverse=down)
        limits = [limit for limit in (args.get("limit"), self.rule(table).get("limit")) if limit is not None]
        return made[: min(limits) if limits else None]

    # -- what is true: True, False, or None for what SQL does not know -------------------------------------------------

    def holds(self, where: Row, table: str, row: Row, *, stored: bool = False) -> bool | None:
        """Whether the condition holds for the row; a ``stored`` one sees all rows, and session variables."""
        return all_of([self._entry(name, value, table, row, stored=stored) for name, value in where.items()])

    def _entry(self, name: str, value: Any, table: str, row: Row, *, stored: bool) -> bool | None:
        word = name[1:] if name[0] in "$_" else ""
        if word == "and":
            return all_of([self.holds(part, table, row, stored=stored) for part in value])
        if word == "or":
            return negation(all_of([negation(self.holds(part, table, row, stored=stored)) for part in value]))
        if word == "not":
            return negation(self.holds(value, table, row, stored=stored))
        if word == "exists":
            other = value["_table"]
            return self._some(other, self.world.rows[other], value["_where"], stored=stored)
        link = self.world.links[table].get(name)
        if link is not None:
            return self._some(link.table, self.linked(link, row), value, stored=stored)
        if not isinstance(value, dict):
            value = {"$eq": value}
        return all_of([self._compared(row, row[name], key[1:], item, stored=stored) for key, item in value.items()])

    def _some(self, table: str, rows: list[Row], where: Row, *, stored: bool) -> bool:
        candidates = rows if stored else self.visible(table, rows)
        return any(self.holds(where, table, row, stored=stored) is True for row in candidates)

    def _compared(self, row: Row, ours: Any, operator: str, operand: Any, *, stored: bool) -> bool | None:
        operator = ALIASES.get(operator, operator)
        if stored and operand == USER_ID:
            operand = int(self.session.variables[USER_ID.lower()])
        if stored and operand == IDS:
            operand = [int(one) for one in self.session.variables[IDS.lower()].strip("{}").split(",")]
        if operator == "is_null":
            return (ours is None) is operand
        if operator == "eq" and operand is None:
            return ours is None
        if operator == "ne":
            return bool(ours != operand)  # no value is not equal to any
        if operator in ("in", "nin") and not operand:
            return operator == "nin"
        if operator in BETWEEN_COLUMNS:
            operand, operator = row[operand], {"ceq": "eq", "cne": "differs", "clt": "lt", "cgte": "gte"}[operator]
        if ours is None or operand is None:
            return None
        return compared(ours, operator, operand)


def compared(ours: Any, operator: str, operand: Any) -> bool:
    """Whether an operator holds between two values that are there."""
    match operator:
        case "eq":
            return bool(ours == operand)
        case "differs":
            return bool(ours != operand)
        case "gt":
            return bool(sort_key(ours) > sort_key(operand))
        case "lt":
            return bool(sort_key(ours) < sort_key(operand))
        case "gte":
            return bool(sort_key(ours) >= sort_key(operand))
        case "lte":
            return bool(sort_key(ours) <= sort_key(operand))
        case "in":
            return ours in operand
        case "nin":
            return ours not in operand
        case "like":
            return like(ours, operand)
        case "nlike":
            return not like(ours, operand)
        case "ilike":
            return like(ours.lower(), operand.lower())
    raise AssertionError(operator)


def sort_key(value: Any) -> Any:
    """By which texts are sorted: their bytes, as in the collation C."""
    return value.encode() if isinstance(value, str) else value


def aggregated(entry: Row, rows: list[Row]) -> Any:
    """One aggregate of the rows."""
    ((function, of),) = entry.items()
    if function == "count":
        if of == "*":
            return len(rows)
        if isinstance(of, dict):
            return len({tuple(row[name] for name in of["distinct"]) for row in rows})
        return sum(row[of] is not None for row in rows)
    values = [row[of] for row in rows if row[of] is not None]
    if not values:
        return None
    match function:
        case "sum":
            return sum(values)
        case "avg":
            return Decimal(sum(values)) / len(values)
        case "min":
            return min(values)
        case _:
            return max(values)


def negation(value: bool | None) -> bool | None:
    """NOT."""
    return None if value is None else not value


def all_of(values: list[bool | None]) -> bool | None:
    """AND."""
    return False if False in values else None if None in values else True


def like(text: str, pattern: str) -> bool:
    """LIKE."""
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first == "%":
        return any(like(text[start:], rest) for start in range(len(text) + 1))
    if first == "\\":
        first, rest = rest[0], rest[1:]
    elif first == "_":
        return bool(text) and like(text[1:], rest)
    return text[:1] == first and like(text[1:], rest)
