"""Made-up worlds: tables with rows, relationships between them, and what a role may do there.

All is drawn from one ``Random``, whose seed hypothesis chooses: a world is far too large to be drawn value by value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Kind = Literal["integer", "bigint", "text", "boolean"]

USER_ID, IDS = "X-Hasura-User-Id", "X-Hasura-Ids"

BETWEEN_COLUMNS = ("ceq", "cne", "clt", "cgte")
NUMBERS: tuple[Kind, ...] = ("integer", "bigint")
TEXTS = ("", "Ann", "Bob", "Tea", "Coffee", "Milk", "Nice.", "Cows.", "100% juice", "a_b", "X-Hasura-User-Id")
TABLE_NAMES = ("author", "article", "Comment", "order", 'the "odd" one', "t1")
COLUMN_NAMES = ("a", "b", "Name", "select", 'q"uote', "two words", "x.y", "t1", "row", "r1", "größe", "written")
RELATIONSHIP_NAMES = ("parent", "owner", "Link", "children", "all of them", "order", 'the "others"', "rows")


@dataclass(frozen=True)
class Column:
    """A column and its constraints; ``default`` is what a row gets that does not give it (None: NULL)."""

    kind: Kind
    nullable: bool
    default: Any = None
    unique: bool = False


@dataclass(frozen=True)
class Link:
    """A relationship: rows of ``table`` whose column ``theirs`` equals our column ``ours``."""

    table: str
    ours: str
    theirs: str
    many: bool
    foreign_key: bool


@dataclass(frozen=True)
class World:
    """Tables, each with the column ``id`` as its key, and their rows."""

    columns: Mapping[str, Mapping[str, Column]]
    links: Mapping[str, Mapping[str, Link]]
    rows: Rows
    references: tuple[tuple[str, str, str], ...] = field(default=())
    """Foreign keys: table, column, and the table whose ``id`` it is."""
    stored_tables: Mapping[str, str] = field(default_factory=dict)
    stored_columns: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """What the database calls tables and columns that requests have other names for."""
    functions: Mapping[str, str] = field(default_factory=dict)
    """Functions that return the rows of a table whose ``id`` is between two numbers."""

    def table_name(self, table: str) -> str:
        """What the database calls the table."""
        return self.stored_tables.get(table, table)

    def column_name(self, table: str, column: str) -> str:
        """What the database calls the column."""
        return self.stored_columns.get((table, column), column)


def seldom(random: Random) -> bool:
    """One time in thirty: few examples are to be refused, since a request that is answered tests more."""
    return random.randrange(30) == 0


def some(random: Random, items: list[T] | tuple[T, ...], most: int, least: int = 0) -> list[T]:
    """A few of the items, in any order."""
    return random.sample(items, random.randint(min(least, len(items)), min(most, len(items))))


def make_world(random: Random, *, richly: bool = False) -> World:
    """Two or three tables, up to eight rows in each, foreign keys and other links between them.

    ``richly`` with custom names, and functions that return rows.
    """
    tables = random.sample(TABLE_NAMES, random.randint(2, 3))
    references: list[tuple[str, str, str]] = []
    columns: dict[str, dict[str, Column]] = {}
    for table in tables:
        columns[table] = {"id": Column("integer", nullable=False, unique=True)}
        names = random.sample(COLUMN_NAMES, random.randint(3, 5))
        for name in names:
            if random.random() < 0.4:
                columns[table][name] = Column("integer", nullable=random.random() < 0.6)
                references.append((table, name, random.choice(tables)))
            else:
                columns[table][name] = _column(random)
    rows = _rows(random, columns, references)
    world = World(columns, _links(random, columns, references), rows, tuple(references))
    if not richly:
        return world
    functions = {f"some {table}": table for table in tables if random.random() < 0.7}
    return replace(
        world,
        stored_tables={table: f"tbl {table}" for table in tables if _is_plain(table) and random.random() < 0.3},
        stored_columns={
            (table, name): stored
            for table in tables
            if random.random() < 0.4
            for name, stored in _stored_names(random, list(columns[table])).items()
        },
        functions=functions,
    )


def _is_plain(name: str) -> bool:
    """Whether it can be a custom name."""
    return re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) is not None


def _stored_names(random: Random, names: list[str]) -> dict[str, str]:
    """Other names for some columns in the database, also each other's."""
    custom = some(random, [name for name in names if _is_plain(name)], 4)
    if random.random() < 0.5:
        return dict(zip(custom, [*custom[1:], *custom[:1]], strict=True))
    return {name: f"stored {name}" for name in custom}


def _column(random: Random) -> Column:
    kind = random.choice(("integer", "bigint", "text", "text", "boolean"))
    nullable = random.random() < 0.6
    default = value_of(random, kind) if not nullable or random.random() < 0.3 else None
    return Column(kind, nullable, default, unique=kind in NUMBERS and random.random() < 0.15)


def _rows(random: Random, columns: Mapping[str, Mapping[str, Column]], references: list[tuple[str, str, str]]) -> Rows:
    ids = {table: random.sample(range(1, 10), random.randint(1, 8)) for table in columns}
    targets = {(table, name): target for table, name, target in references}
    rows: Rows = {}
    for table, described in columns.items():
        rows[table] = []
        for key in sorted(ids[table]):
            row: Row = {"id": key}
            for name, column in described.items():
                if name == "id":
                    continue
                target = targets.get((table, name))
                if column.nullable and random.random() < 0.25:
                    row[name] = None
                elif target is not None:
                    row[name] = random.choice(ids[target])
                elif column.unique:
                    row[name] = 100 + key
                else:
                    row[name] = value_of(random, column.kind)
            rows[table].append(row)
    return rows


def _links(
    random: Random, columns: Mapping[str, Mapping[str, Column]], references: list[tuple[str, str, str]]
) -> dict[str, dict[str, Link]]:
    links: dict[str, dict[str, Link]] = {table: {} for table in columns}

    def add(table: str, link: Link) -> None:
        free = [name for name in RELATIONSHIP_NAMES if name not in links[table] and name not in columns[table]]
        if free:
            links[table][random.choice(free)] = link

    for table, name, target in references:
        if random.random() < 0.8:
            add(table, Link(target, name, "id", many=False, foreign_key=True))
        if random.random() < 0.8:
            add(target, Link(table, "id", name, many=True, foreign_key=True))
    if random.random() < 0.5:  # one that no foreign key stands behind
        table, target = random.choice(list(columns)), random.choice(list(columns))
        ours = random.choice([name for name, column in columns[table].items() if column.kind == "integer"])
        theirs = random.choice([name for name, column in columns[target].items() if column.kind == "integer"])
        many = theirs != "id" or random.random() < 0.5
        add(table, Link(target, ours, theirs, many=many, foreign_key=False))
    return links


def value_of(random: Random, kind: Kind) -> Any:
    """A value of the kind, from few enough that values meet."""
    if kind == "text":
        return random.choice(TEXTS)
    return random.random() < 0.5 if kind == "boolean" else random.randint(0, 9)


# -- as Postgres and the product are told ------------------------------------------------------------------------------


def quoted(name: str) -> str:
    """The name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """The value in SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower()


def statements(world: World) -> str:
    """The SQL that makes the world."""
    parts = []
    for table, columns in world.columns.items():
        described = []
        for name, column in columns.items():
            words = [quoted(world.column_name(table, name)), column.kind]
            words += [] if column.nullable else ["NOT NULL"]
            words += [] if column.default is None else ["DEFAULT " + literal(column.default)]
            words += ["PRIMARY KEY"] if name == "id" else ["UNIQUE"] if column.unique else []
            described.append(" ".join(words))
        parts.append(f"CREATE TABLE {quoted(world.table_name(table))} ({', '.join(described)})")
    for table, rows in world.rows.items():
        values = [
            "(" + ", ".join(literal(row[name]) + _cast(column) for name, column in world.columns[table].items()) + ")"
            for row in rows
        ]
        parts.append(f"INSERT INTO {quoted(world.table_name(table))} VALUES {', '.join(values)}")
    for table, name, target in world.references:
        key, their_key = quoted(world.column_name(table, name)), quoted(world.column_name(target, "id"))
        refers = f"FOREIGN KEY ({key}) REFERENCES {quoted(world.table_name(target))} ({their_key})"
        parts.append(f"ALTER TABLE {quoted(world.table_name(table))} ADD {refers}")
    for function, table in world.functions.items():
        name, key = quoted(world.table_name(table)), quoted(world.column_name(table, "id"))
        parts.append(
            f"CREATE FUNCTION {quoted(function)}(highest integer, lowest integer DEFAULT 3) RETURNS SETOF {name} STABLE"
            f" LANGUAGE sql AS $$SELECT * FROM public.{name} WHERE {key} BETWEEN lowest AND highest$$"
        )
    return ";\n".join(parts)


def _cast(column: Column) -> str:
    return "::" + column.kind


def metadata_of(world: World, role: Mapping[str, Any]) -> dict[str, Any]:
    """The world's relationships and the role's permissions, in the form of an export: by the database's names."""
    tables = []
    for table, links in world.links.items():
        written: dict[str, Any] = {
            "table": world.table_name(table),
            **_custom_names(world, table),
            "object_relationships": [],
            "array_relationships": [],
        }
        for name, link in links.items():
            remote, ours = world.table_name(link.table), world.column_name(table, link.ours)
            theirs = world.column_name(link.table, link.theirs)
            using: dict[str, Any]
            if not link.foreign_key:
                using = {"manual_configuration": {"remote_table": remote, "column_mapping": {ours: theirs}}}
            elif link.many:
                using = {"foreign_key_constraint_on": {"table": remote, "column": theirs}}
            else:
                using = {"foreign_key_constraint_on": ours}
            written["array_relationships" if link.many else "object_relationships"].append(
                {"name": name, "using": using}
            )
        for operation, rule in role[table].items():
            if rule is not None:
                stored = _stored_rule(world, table, rule)
                written[f"{operation}_permissions"] = [{"role": "user", "permission": stored}]
        tables.append(written)
    return {"version": 1, "tables": tables, "functions": [{"function": name} for name in world.functions]}


def _custom_names(world: World, table: str) -> dict[str, Any]:
    names = {world.column_name(table, name): name for name in world.columns[table]}
    custom = {stored: name for stored, name in names.items() if stored != name}
    configuration: dict[str, Any] = {"custom_column_names": custom} if custom else {}
    if table in world.stored_tables:
        configuration["custom_name"] = table
    return {"configuration": configuration} if configuration else {}


def _stored_rule(world: World, table: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    """The rule by the database's names."""
    stored = dict(rule)
    if isinstance(rule.get("columns"), list):
        stored["columns"] = [world.column_name(table, name) for name in rule["columns"]]
    if "set" in rule:
        stored["set"] = {world.column_name(table, name): value for name, value in rule["set"].items()}
    for part in ("filter", "check"):
        if part in rule:
            stored[part] = _stored_condition(world, table, rule[part])
    return stored


def _stored_condition(world: World, table: str, where: Mapping[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    for name, value in where.items():
        word = name[1:] if name[0] in "$_" else ""
        if word in ("and", "or"):
            stored[name] = [_stored_condition(world, table, part) for part in value]
        elif word == "not":
            stored[name] = _stored_condition(world, table, value)
        elif word == "exists":
            inner = _stored_condition(world, value["_table"], value["_where"])
            stored[name] = {"_table": world.table_name(value["_table"]), "_where": inner}
        elif name in world.links[table]:
            stored[name] = _stored_condition(world, world.links[table][name].table, value)
        elif isinstance(value, dict):
            stored[world.column_name(table, name)] = {
                operator: world.column_name(table, operand) if operator[1:] in BETWEEN_COLUMNS else operand
                for operator, operand in value.items()
            }
        else:
            stored[world.column_name(table, name)] = value
    return stored
