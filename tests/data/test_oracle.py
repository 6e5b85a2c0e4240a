"""What Postgres answers for a role is what a slow and obviously right reading of its permissions gives.

Permissions and requests are made up over three tables of the fixture. The request is planned, compiled and answered by
Postgres; the same is worked out here, row by row, with nothing of the product's. ``HOWDAH_TEST_EXAMPLES`` says
how many.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.data.support import compiled, fixture_database, read_metadata

from howdah.data.catalog.resolve import resolve
from howdah.data.errors import DataError
from howdah.data.sql.statement import bind
from howdah.session import Session

EXAMPLES = int(os.environ.get("HOWDAH_TEST_EXAMPLES", "600"))

Row = dict[str, Any]
Rows = dict[str, list[Row]]

COLUMNS: dict[str, dict[str, type]] = {
    "author": {"id": int, "name": str, "active": bool},
    "article": {
        "id": int,
        "title": str,
        "body": str,
        "author_id": int,
        "editor_id": int,
        "published": bool,
        "rating": int,
    },
    "comment": {"id": int, "article_id": int, "user_id": int, "text": str, "hidden": bool},
}


@dataclass(frozen=True)
class Link:
    """A relationship: rows of ``table`` whose column ``theirs`` equals our column ``ours``."""

    table: str
    ours: str
    theirs: str
    many: bool = False


LINKS = {
    "author": {"articles": Link("article", "id", "author_id", many=True)},
    "article": {
        "author": Link("author", "author_id", "id"),
        "editor": Link("author", "editor_id", "id"),
        "comments": Link("comment", "id", "article_id", many=True),
    },
    "comment": {"article": Link("article", "article_id", "id")},
}
OTHER_WIDTH = {("comment", "id"), ("article", "rating")}
"""No integers: a bigint and a smallint, which compare with no other column."""

VARIABLE = "X-Hasura-User-Id"


# -- permissions and requests ------------------------------------------------------------------------------------------

VALUES: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(0, 5),
    str: st.sampled_from(["", "Ann", "Bob", "Tea", "Coffee", "Milk", "Nice.", "Cows.", "100% juice"]),
    bool: st.booleans(),
}
PATTERNS = st.sampled_from(["%", "", "T%", "%o%", "%.", "_e%", "100\\% %", "%b\\", "Cow\\"])


def comparisons(table: str, column: str, *, stored: bool) -> st.SearchStrategy[Any]:
    kind = COLUMNS[table][column]
    value = VALUES[kind]
    if stored and kind is int:
        value |= st.just(VARIABLE)
    alike = [name for name, other in COLUMNS[table].items() if other is kind and (table, name) not in OTHER_WIDTH]
    if column not in alike:
        alike = [column]
    operators: dict[str, st.SearchStrategy[Any]] = {
        "$eq": value | st.none(),
        "_ne": value | st.none(),
        "$gt": value,
        "_lt": value,
        "$gte": value,
        "$lte": value,
        "$in": st.lists(VALUES[kind], max_size=3),
        "$nin": st.lists(VALUES[kind], max_size=3),
        "$is_null": st.booleans(),
        "$ceq": st.sampled_from(alike),
        "$cne": st.sampled_from(alike),
        "$clt": st.sampled_from(alike),
    }
    if kind is str:
        # A stored pattern that fails would make every request of the role fail: those are the requests' alone.
        pattern = PATTERNS.filter(lambda text: not text.endswith("\\")) if stored else PATTERNS
        operators |= {"$like": pattern, "_nlike": pattern}
    operator = st.sampled_from(sorted(operators)).flatmap(lambda name: st.fixed_dictionaries({name: operators[name]}))
    return value | st.none() | operator


def conditions(table: str, depth: int, *, stored: bool = False) -> st.SearchStrategy[Any]:
    field = st.sampled_from(sorted(COLUMNS[table])).flatmap(
        lambda name: st.fixed_dictionaries({name: comparisons(table, name, stored=stored)})
    )
    both = st.tuples(field, field).map(lambda pair: pair[0] | pair[1])
    if not depth:
        return field | both | st.just({})
    inner = conditions(table, depth - 1, stored=stored)
    return st.one_of(
        field,
        both,
        st.sampled_from(["$and", "_or"]).flatmap(lambda key: st.fixed_dictionaries({key: st.lists(inner, max_size=3)})),
        st.fixed_dictionaries({"$not": inner}),
        st.sampled_from(sorted(LINKS[table])).flatmap(
            lambda name: st.fixed_dictionaries({name: conditions(LINKS[table][name].table, depth - 1, stored=stored)})
        ),
        st.sampled_from(sorted(COLUMNS)).flatmap(
            lambda other: st.fixed_dictionaries(
                {"$exists": st.fixed_dictionaries({"_table": st.just(other), "_where": conditions(other, 0)})}
            )
        ),
    )


def seldom(rare: st.SearchStrategy[Any], usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Few examples are to be refused: a request that is answered tests more."""
    return st.integers(0, 9).flatmap(lambda number: rare if number == 9 else usual)


def permissions(table: str) -> st.SearchStrategy[Any]:
    all_but_few = st.sets(st.sampled_from(sorted(COLUMNS[table])), max_size=2).map(
        lambda hidden: [name for name in COLUMNS[table] if name not in hidden or name == "id"]
    )
    rule = st.fixed_dictionaries(
        {"columns": seldom(all_but_few, st.just(list(COLUMNS[table]))), "filter": conditions(table, 2, stored=True)},
        optional={"limit": st.integers(0, 3)},
    )
    return seldom(st.none(), rule)


ROLE = st.fixed_dictionaries({table: permissions(table) for table in COLUMNS})


def slices(table: str) -> dict[str, st.SearchStrategy[Any]]:
    orders = st.sampled_from(["id", "-id"])
    if table != "author":
        via = "author.name" if table == "article" else "article.author.name"
        orders |= st.sampled_from([[via, "id"], ["-" + via, "-id"]])
    return {"order_by": orders, "limit": st.integers(0, 3), "offset": st.integers(0, 1)}


def related(table: str, depth: int) -> st.SearchStrategy[Any]:
    def entry(name: str) -> st.SearchStrategy[Any]:
        link = LINKS[table][name]
        keys = {"name": st.just(name), "columns": selections(link.table, depth - 1)}
        if not link.many:
            return st.fixed_dictionaries(keys, optional={"alias": st.just("other")})
        more = slices(link.table)
        keys["order_by"] = more.pop("order_by")
        return st.fixed_dictionaries(keys, optional=more | {"where": conditions(link.table, 1)})

    return st.sampled_from(sorted(LINKS[table])).flatmap(entry)


def selections(table: str, depth: int) -> st.SearchStrategy[Any]:
    entry: st.SearchStrategy[Any] = st.sampled_from([*COLUMNS[table], "*"])
    if depth:
        entry |= related(table, depth)
    return st.lists(entry, min_size=1, max_size=3, unique_by=lambda item: item if isinstance(item, str) else key(item))


def key(entry: Row) -> str:
    name: str = entry.get("alias", entry["name"])
    return name


def requests(table: str) -> st.SearchStrategy[Any]:
    where = {"where": conditions(table, 3)}
    more = slices(table)
    select = {"table": st.just(table), "columns": selections(table, 2), "order_by": more.pop("order_by")}
    count = {"table": st.just(table)}
    distinct = {"distinct": st.lists(st.sampled_from(sorted(COLUMNS[table])), min_size=1, max_size=2)}
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("select"), "args": st.fixed_dictionaries(select, optional=where | more)}
        ),
        st.fixed_dictionaries(
            {"type": st.just("count"), "args": st.fixed_dictionaries(count, optional=where | distinct)}
        ),
    )


REQUESTS = st.sampled_from(sorted(COLUMNS)).flatmap(requests)
SESSIONS = seldom(
    st.just(Session("user")),
    st.sampled_from([1, 2, 3]).map(lambda number: Session("user", {VARIABLE.lower(): str(number)})),
)


# -- the oracle --------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """The role may not ask this, or the answer depends on what its session lacks."""


@dataclass(frozen=True)
class Oracle:
    """Works out what a session of the role sees."""

    rows: Rows
    role: dict[str, Any]
    session: Session

    def answer(self, request: Row) -> Any:
        """The answer. Raises Refused."""
        args = request["args"]
        table, where = args["table"], args.get("where", {})
        if request["type"] == "select":
            self.check_rows(args, table)
            return self.rows_of(args, table, self.rows[table])
        self.check_condition(where, table)
        for name in args.get("distinct", ()):
            self.check_column(name, table)
        found = [row for row in self.visible(table, self.rows[table]) if self.holds(where, table, row) is True]
        names = args.get("distinct")
        return {"count": len(found) if names is None else len({tuple(row[name] for name in names) for row in found})}

    # What may be named. Everything is looked at, also what no row will ever reach.

    def permission(self, table: str) -> Any:
        rule = self.role[table]
        if rule is None or (VARIABLE in json.dumps(rule["filter"]) and not self.session.variables):
            raise Refused(table)
        return rule

    def check_column(self, name: str, table: str) -> None:
        if name not in self.permission(table)["columns"]:
            raise Refused(name)

    def check_condition(self, where: Row, table: str) -> None:
        self.permission(table)
        for name, value in where.items():
            match name:
                case "$and" | "_or":
                    for part in value:
                        self.check_condition(part, table)
                case "$not":
                    self.check_condition(value, table)
                case "$exists":
                    self.check_condition(value["_where"], value["_table"])
                case _ if name in LINKS[table]:
                    self.check_condition(value, LINKS[table][name].table)
                case _:
                    self.check_column(name, table)
                    for operator, operand in (value if isinstance(value, dict) else {}).items():
                        if operator in {"$ceq", "$cne", "$clt"}:
                            self.check_column(operand, table)

    def check_rows(self, args: Row, table: str) -> None:
        self.check_condition(args.get("where", {}), table)
        for entry in args["columns"]:
            if isinstance(entry, dict):
                self.check_rows(entry, LINKS[table][entry["name"]].table)
            elif entry != "*":
                self.check_column(entry, table)
        order_by = args.get("order_by", [])
        for item in order_by if isinstance(order_by, list) else [order_by]:
            *path, name = item.lstrip("-").split(".")
            target = table
            for step in path:
                target = LINKS[target][step].table
                self.permission(target)
            self.check_column(name, target)

    # What is seen.

    def visible(self, table: str, rows: list[Row]) -> list[Row]:
        rule = self.permission(table)
        return [row for row in rows if self.holds(rule["filter"], table, row, stored=True) is True]

    def linked(self, link: Link, row: Row) -> list[Row]:
        ours = row[link.ours]
        return [other for other in self.rows[link.table] if ours is not None and other[link.theirs] == ours]

    def rows_of(self, args: Row, table: str, rows: list[Row]) -> list[Row]:
        where, rule = args.get("where", {}), self.permission(table)
        found = [row for row in self.visible(table, rows) if self.holds(where, table, row) is True]
        order_by = args.get("order_by", [])
        for item in reversed(order_by if isinstance(order_by, list) else [order_by]):
            # Postgres puts NULL behind everything, and in front of it when descending.
            found.sort(key=lambda row: self.order_key(item.lstrip("-"), table, row), reverse=item.startswith("-"))
        offset = args.get("offset", 0)
        limits = [limit for limit in (args.get("limit"), rule.get("limit")) if limit is not None]
        found = found[offset : offset + min(limits) if limits else None]
        return [self.shown(args["columns"], table, row) for row in found]

    def order_key(self, path: str, table: str, row: Row) -> tuple[bool, Any]:
        *steps, name = path.split(".")
        for step in steps:
            link = LINKS[table][step]
            targets = self.visible(link.table, self.linked(link, row))
            if not targets:
                return True, 0
            table, row = link.table, targets[0]
        value = row[name]
        return value is None, 0 if value is None else value

    def shown(self, columns: list[Any], table: str, row: Row) -> Row:
        shown: Row = {}
        for entry in columns:
            if entry == "*":
                shown.update({name: row[name] for name in self.permission(table)["columns"]})
            elif isinstance(entry, str):
                shown[entry] = row[entry]
            else:
                link = LINKS[table][entry["name"]]
                inner = self.rows_of(entry, link.table, self.linked(link, row))
                shown[key(entry)] = inner if link.many else next(iter(inner), None)
        return shown

    # What is true: True, False, or None for what SQL does not know.

    def holds(self, where: Row, table: str, row: Row, *, stored: bool = False) -> bool | None:
        return all_of([self.entry(name, value, table, row, stored=stored) for name, value in where.items()])

    def entry(self, name: str, value: Any, table: str, row: Row, *, stored: bool) -> bool | None:
        if name == "$and":
            return all_of([self.holds(part, table, row, stored=stored) for part in value])
        if name == "_or":
            return negation(all_of([negation(self.holds(part, table, row, stored=stored)) for part in value]))
        if name == "$not":
            return negation(self.holds(value, table, row, stored=stored))
        if name == "$exists":
            return self.some(value["_table"], self.rows[value["_table"]], value["_where"], stored=stored)
        link = LINKS[table].get(name)
        if link is not None:
            return self.some(link.table, self.linked(link, row), value, stored=stored)
        if not isinstance(value, dict):
            value = {"$eq": value}
        return all_of([self.compared(row, row[name], operator[1:], item) for operator, item in value.items()])

    def some(self, table: str, rows: list[Row], where: Row, *, stored: bool) -> bool:
        candidates = rows if stored else self.visible(table, rows)
        return any(self.holds(where, table, row, stored=stored) is True for row in candidates)

    def compared(self, row: Row, ours: Any, operator: str, operand: Any) -> bool | None:
        if operand == VARIABLE:
            operand = int(self.session.variables[VARIABLE.lower()])
        if operator == "is_null":
            return (ours is None) is operand
        if operator == "eq" and operand is None:
            return ours is None
        if operator == "ne":
            return bool(ours != operand)  # no value is not equal to any
        if operator in {"in", "nin"} and not operand:
            return operator == "nin"
        if operator.startswith("c"):
            operand, operator = row[operand], {"ceq": "eq", "cne": "differs", "clt": "lt"}[operator]
            if operand is None:
                return None
        if ours is None:
            return None
        match operator:
            case "eq":
                return bool(ours == operand)
            case "differs":
                return bool(ours != operand)
            case "gt":
                return bool(ours > operand)
            case "lt":
                return bool(ours < operand)
            case "gte":
                return bool(ours >= operand)
            case "lte":
                return bool(ours <= operand)
            case "in":
                return ours in operand
            case "nin":
                return ours not in operand
            case "like":
                return like(ours, operand)
            case "nlike":
                return not like(ours, operand)
        raise AssertionError(operator)


def negation(value: bool | None) -> bool | None:
    return None if value is None else not value


def all_of(values: list[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


class PatternFails(Exception):
    """The pattern ends with its escape character, which Postgres finds out when it gets there."""


def like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first == "%":
        return any(like(text[start:], rest) for start in range(len(text) + 1))
    if first == "\\":
        if not rest:
            raise PatternFails
        first, rest = rest[0], rest[1:]
    elif first == "_":
        return bool(text) and like(text[1:], rest)
    return text[:1] == first and like(text[1:], rest)


# -- the comparison ----------------------------------------------------------------------------------------------------


def metadata_of(role: dict[str, Any]) -> dict[str, Any]:
    """The fixture's relationships, and the role's permissions."""
    tables = []
    for table, links in LINKS.items():
        written: dict[str, Any] = {"table": table, "object_relationships": [], "array_relationships": []}
        for name, link in links.items():
            on: Any = {"table": link.table, "column": link.theirs} if link.many else link.ours
            kind = "array" if link.many else "object"
            written[f"{kind}_relationships"].append({"name": name, "using": {"foreign_key_constraint_on": on}})
        if role[table] is not None:
            written["select_permissions"] = [{"role": "user", "permission": role[table]}]
        tables.append(written)
    return {"version": 1, "tables": tables}


@pytest.fixture(scope="module")
def connection(unchanged: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(unchanged, autocommit=True) as open_connection:
        yield open_connection


@pytest.fixture(scope="module")
def rows(connection: psycopg.Connection[Any]) -> Rows:
    return {
        table: [
            {name: row[name] for name in columns}
            for (row,) in connection.execute(f"select row_to_json(t) from {table} t order by id").fetchall()
        ]
        for table, columns in COLUMNS.items()
    }


def from_postgres(connection: psycopg.Connection[Any], request: Row, role: dict[str, Any], session: Session) -> Any:
    """What the product makes of the request. Raises Refused, and PatternFails."""
    catalog = resolve(read_metadata(metadata_of(role)), fixture_database(), version=1)
    assert catalog.problems == ()
    try:
        statement = compiled(json.dumps(request).encode(), session, catalog)
        parameters = bind(statement, session)
    except DataError as error:
        raise Refused(error.message) from None
    result = connection.pgconn.exec_params(statement.text.encode(), parameters)
    if result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"22025":
        raise PatternFails
    cell = result.get_value(0, 0)
    assert cell is not None, result.error_message
    return json.loads(cell)


# Not shrunk, which takes minutes here: what fails is printed, and small enough to be cut down by hand.
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(ROLE, REQUESTS, SESSIONS)
def test_a_role_sees_exactly_what_its_permissions_say(
    connection: psycopg.Connection[Any], rows: Rows, role: dict[str, Any], request_: Row, session: Session
) -> None:
    """Rows, cells, counts and refusals of any role are those of the oracle (R59, R60)."""
    try:
        expected = Oracle(rows, role, session).answer(request_)
    except Refused:
        with pytest.raises(Refused):
            from_postgres(connection, request_, role, session)
        return
    except PatternFails:
        expected = None
    try:
        answer = from_postgres(connection, request_, role, session)
    except PatternFails:
        # It fails for the first visible row that gets there, or for none: which are looked at is up to Postgres.
        return
    if expected is not None:
        assert answer == expected
