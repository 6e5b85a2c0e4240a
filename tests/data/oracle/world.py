"""Made-up worlds: tables with rows, relationships between them, and what a role may do there.

All is drawn from one ``Random``, whose seed hypothesis chooses: a world is far too large to be drawn value by value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Kind = Literal["integer", "bigint", "text", "boolean"]

USER_ID, IDS = "X-Hasura-User-Id", "X-Hasura-Ids"

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


def seldom(random: Random) -> bool:
    """One time in thirty: few examples are to be refused, since a request that is answered tests more."""
    return random.randrange(30) == 0


def some(random: Random, items: list[T] | tuple[T, ...], most: int, least: int = 0) -> list[T]:
    """A few of the items, in any order."""
    return random.sample(items, random.randint(min(least, len(items)), min(most, len(items))))


def make_world(random: Random) -> World:
    """Two or three tables, up to eight rows in each, foreign keys and other links between them."""
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
    return World(columns, _links(random, columns, references), rows, tuple(references))


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
            words = [quoted(name), column.kind]
            words += [] if column.nullable else ["NOT NULL"]
            words += [] if column.default is None else ["DEFAULT " + literal(column.default)]
            words += ["PRIMARY KEY"] if name == "id" else ["UNIQUE"] if column.unique else []
            described.append(" ".join(words))
        parts.append(f"CREATE TABLE {quoted(table)} ({', '.join(described)})")
    for table, rows in world.rows.items():
        values = [
            "(" + ", ".join(literal(row[name]) + _cast(column) for name, column in world.columns[table].items()) + ")"
            for row in rows
        ]
        parts.append(f"INSERT INTO {quoted(table)} VALUES {', '.join(values)}")
    for table, name, target in world.references:
        parts.append(f"ALTER TABLE {quoted(table)} ADD FOREIGN KEY ({quoted(name)}) REFERENCES {quoted(target)} (id)")
    return ";\n".join(parts)


def _cast(column: Column) -> str:
    return "::" + column.kind


def metadata_of(world: World, role: Mapping[str, Any]) -> dict[str, Any]:
    """The world's relationships and the role's permissions, in the form of an export."""
    tables = []
    for table, links in world.links.items():
        written: dict[str, Any] = {"table": table, "object_relationships": [], "array_relationships": []}
        for name, link in links.items():
            using: dict[str, Any]
            if not link.foreign_key:
                mapping = {"remote_table": link.table, "column_mapping": {link.ours: link.theirs}}
                using = {"manual_configuration": mapping}
            elif link.many:
                using = {"foreign_key_constraint_on": {"table": link.table, "column": link.theirs}}
            else:
                using = {"foreign_key_constraint_on": link.ours}
            written["array_relationships" if link.many else "object_relationships"].append(
                {"name": name, "using": using}
            )
        for operation, rule in role[table].items():
            if rule is not None:
                written[f"{operation}_permissions"] = [{"role": "user", "permission": rule}]
        tables.append(written)
    return {"version": 1, "tables": tables}
