"""Introspection: whatever a database may contain is found in one query, and nothing that is not the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.data.support import FIXTURE, fixture_database
from tests.support import run

from howdah.data.found.database import Database, DatabaseFunction, DatabaseTable, ForeignKey, UniqueConstraint
from howdah.data.found.introspect import introspect
from howdah.data.query.ast import TableName
from howdah.postgres.connect import connect
from howdah.postgres.connection import Connection
from howdah.postgres.install import install


def found(dsn: str, schema: str) -> Database:
    async def scenario() -> Database:
        async with await connect(dsn) as connection:
            await connection.script(schema)
            return await introspect(connection)

    return run(scenario())


def table(database: Database, name: str, schema: str = "public") -> DatabaseTable:
    return database.tables[TableName(schema, name)]


def without_numbers(database: Database) -> dict[TableName, DatabaseTable]:
    return {
        name: replace(
            one,
            oid=0,
            columns=tuple(
                replace(column, number=0, type=replace(column.type, name=column.type.sql)) for column in one.columns
            ),
            unique_constraints=tuple(sorted(one.unique_constraints, key=lambda key: key.name)),
            foreign_keys=tuple(sorted(one.foreign_keys, key=lambda key: key.name)),
        )
        for name, one in database.tables.items()
    }


def test_the_fixture_is_described_as_it_is_found(database: str) -> None:
    """The description that tests without a database use equals what introspection finds in the real one."""
    assert without_numbers(found(database, (FIXTURE / "database.sql").read_text())) == without_numbers(
        fixture_database(enums=False)
    )


def functions_without_numbers(database: Database) -> dict[TableName, list[DatabaseFunction]]:
    names = {0: TableName("", "")} | {one.oid: one.name for one in database.tables.values()}
    order = sorted(names.values())
    return {
        name: [
            replace(
                one,
                oid=0,
                relation=order.index(names[one.relation]),
                returns=replace(one.returns, name=one.returns.sql),
                arguments=tuple(
                    replace(
                        argument,
                        relation=order.index(names[argument.relation]),
                        type=replace(argument.type, name=argument.type.sql),
                    )
                    for argument in one.arguments
                ),
            )
            for one in functions
        ]
        for name, functions in sorted(database.functions.items())
    }


def test_the_fixtures_functions_are_described_as_they_are_found(database: str) -> None:
    """As its tables: names, arguments, what they return, and which of them change something."""
    really = found(database, (FIXTURE / "database.sql").read_text())
    assert functions_without_numbers(really) == functions_without_numbers(fixture_database())


def test_an_empty_database_has_no_tables(database: str) -> None:
    """A database with nothing of the user's in it is no table at all, whatever else is there."""

    async def scenario() -> Database:
        async with await connect(database) as connection:
            await install(connection)
            await connection.script("create temporary table mine (id int); create sequence s; create type p as (x int)")
            return await introspect(connection)

    assert run(scenario()).tables == {}


def test_every_kind_of_relation_is_found(database: str) -> None:
    """Tables, partitioned tables and their partitions, views, materialized views, foreign tables: all are found."""
    schema = """
        create table plain (id int);
        create table parted (id int) partition by range (id);
        create table parted_1 partition of parted for values from (0) to (10);
        create view simple as select * from plain;
        create view grouped as select id, count(*) from plain group by id;
        create view by_trigger as select id + 1 as id from plain;
        create function nothing() returns trigger language plpgsql as 'begin return null; end';
        create trigger t instead of insert on by_trigger for each row execute function nothing();
        create materialized view material as select * from plain;
        create extension postgres_fdw;
        create server far foreign data wrapper postgres_fdw;
        create foreign table remote (id int) server far;
        create table "columnless" ();
    """
    tables = found(database, schema).tables
    kinds = {name.name: (one.kind, one.insertable, one.updatable, one.deletable) for name, one in tables.items()}
    assert kinds == {
        "plain": ("table", True, True, True),
        "parted": ("partitioned table", True, True, True),
        "parted_1": ("table", True, True, True),
        "simple": ("view", True, True, True),
        "grouped": ("view", False, False, False),
        "by_trigger": ("view", True, False, True),
        "material": ("materialized view", False, False, False),
        "remote": ("foreign table", True, True, True),
        "columnless": ("table", True, True, True),
    }
    assert tables[TableName("public", "columnless")].columns == ()


def test_a_foreign_table_that_nothing_can_read_is_none(database: str) -> None:
    """A wrapper without a handler, as replication tools leave them, does not keep everything else from being found."""
    schema = """
        create foreign data wrapper nothing; create server nowhere foreign data wrapper nothing;
        create foreign table unreadable (id int) server nowhere; create table readable (id int);
    """
    assert list(found(database, schema).tables) == [TableName("public", "readable")]


def test_an_expression_of_a_view_is_not_written_unless_a_trigger_does(database: str) -> None:
    """Postgres writes columns through a view and nothing else; what a trigger makes of a value is its business."""
    schema = """
        create table plain (id int, name text);
        create view direct as select id, upper(name) as name from plain;
        create view by_trigger as select id, upper(name) as name from plain;
        create function nothing() returns trigger language plpgsql as 'begin return null; end';
        create trigger t instead of insert or update or delete on by_trigger for each row execute function nothing();
    """
    tables = found(database, schema)
    generated = {
        name: [column.generated for column in table(tables, name).columns] for name in ("direct", "by_trigger")
    }
    assert generated == {"direct": [False, True], "by_trigger": [False, False]}


def test_types_are_named_ready_for_a_cast_and_sorted_by_how_json_writes_them(database: str) -> None:
    """Each type's name can be cast to, whatever schema it is in and without cutting values, and has its category."""
    types = {
        "integer": ("integer", "number"),
        "numeric(5,2)": ("numeric", "number"),
        "real": ("real", "number"),
        "money": ("money", "other"),
        "oid": ("oid", "other"),
        "text": ("text", "text"),
        "varchar(3)": ("character varying", "text"),
        "char(3)": ("bpchar", "text"),
        '"char"': ('"char"', "other"),
        "name": ("name", "text"),
        "bit(3)": ('"bit"', "other"),
        "boolean": ("boolean", "boolean"),
        "uuid": ("uuid", "other"),
        "bytea": ("bytea", "other"),
        "json": ("json", "json"),
        "jsonb": ("jsonb", "json"),
        "date": ("date", "datetime"),
        "time": ("time without time zone", "datetime"),
        "timestamptz(3)": ("timestamp with time zone", "datetime"),
        "interval": ("interval", "datetime"),
        "int4range": ("int4range", "other"),
        "point": ("point", "other"),
        "integer[]": ("integer[]", "array"),
        "varchar(3)[]": ("character varying[]", "array"),
        "text[][]": ("text[]", "array"),
        'odd."my mood"': ('odd."my mood"', "other"),
        'odd."my mood"[]': ('odd."my mood"[]', "array"),
        "odd.email": ("odd.email", "text"),
        "odd.work_email": ("odd.work_email", "text"),
        "odd.document": ("odd.document", "json"),
        "odd.scores": ("odd.scores", "array"),
        "odd.email[]": ("odd.email[]", "array"),
        "odd.pair": ("odd.pair", "other"),
        "ext.citext": ("ext.citext", "text"),
        "ext.ltree": ("ext.ltree", "other"),
    }
    schema = """
        create schema odd; create schema ext; create extension citext schema ext; create extension ltree schema ext;
        create type odd."my mood" as enum ('good', 'bad');
        create domain odd.email as text check (value like '%@%');
        create domain odd.work_email as odd.email;
        create domain odd.document as jsonb;
        create domain odd.scores as integer[];
        create type odd.pair as (a int, b int);
    """
    columns = ", ".join(f"c{number} {name}" for number, name in enumerate(types))

    async def scenario() -> Database:
        async with await connect(database) as connection:
            await connection.script(f"{schema} create table t ({columns})")
            database_found = await introspect(connection)
            for column in table(database_found, "t").columns:
                await connection.script(f"select null::{column.type.sql}")
            cuts = await connection.submit("select json_build_array('abc'::bpchar, '101'::\"bit\")")
            assert cuts == b'["abc", "101"]'
            return database_found

    columns_found = table(run(scenario()), "t").columns
    assert {
        written: (column.type.sql, column.type.category) for written, column in zip(types, columns_found, strict=True)
    } == types


def test_domains_and_enums_say_what_they_are_made_of(database: str) -> None:
    """A domain its built-in type, however deep; an enum, a domain over one or an array of them every value."""
    schema = """
        create type mood as enum ('good', 'bad'); alter type mood add value 'fair' before 'bad';
        create domain positive as numeric(9, 2) check (value > 0); create domain price as positive;
        create domain feeling as mood; create domain scores as int[];
        create table t (a price, b mood, c mood[], d feeling, e scores, f int, g text[]);
    """
    columns = table(found(database, schema), "t").columns
    moods = ("good", "fair", "bad")
    assert [(one.type.base, one.type.labels) for one in columns] == [
        ("numeric", ()),
        ("", moods),
        ("", moods),
        ("mood", moods),
        ("integer[]", ()),
        ("", ()),
        ("", ()),
    ]


def test_comments_are_found(database: str) -> None:
    """Those of relations and of their columns; where there is none, nothing."""
    schema = """
        create table t (a int, b int); comment on table t is 'Things.'; comment on column t.b is 'The second.';
        create view v as select 1 as a; comment on view v is 'Seen.'; create index i on t (a);
        comment on index i is 'Not a relation of ours.';
    """
    tables = found(database, schema)
    assert (table(tables, "t").comment, table(tables, "v").comment) == ("Things.", "Seen.")
    assert [column.comment for column in table(tables, "t").columns] == [None, "The second."]


def test_columns_say_what_may_be_written(database: str) -> None:
    """Nullability, defaults, identities and generated columns; dropped columns are gone and numbers stay."""
    schema = """
        create table t (
            a int not null, gone int, b int default 1, c serial, d int generated always as identity,
            e int generated by default as identity, f int generated always as (a + 1) stored,
            g int generated always as (a + 2) virtual
        );
        alter table t drop column gone;
    """
    assert [
        (one.name, one.number, one.nullable, one.has_default, one.generated)
        for one in table(found(database, schema), "t").columns
    ] == [
        ("a", 1, False, False, False),
        ("b", 3, True, True, False),
        ("c", 4, False, True, False),
        ("d", 5, False, True, True),
        ("e", 6, False, True, False),
        ("f", 7, True, True, True),
        ("g", 8, True, True, True),
    ]


def test_keys_are_what_on_conflict_can_mean(database: str) -> None:
    """Primary keys, unique constraints and plain unique indexes; none that is partial, on an expression or broken."""
    schema = """
        create table t (
            a int, b int, c int, d int, constraint "the key" primary key (b, a), constraint two unique (c, d)
        );
        create unique index plain on t (d);
        create unique index covering on t (c) include (a);
        create unique index partial on t (a) where b > 0;
        create unique index expression on t ((a + b));
        create index not_unique on t (b);
        create table keyless (a int);
    """
    database_found = found(database, schema)
    one = table(database_found, "t")
    assert one.primary_key == UniqueConstraint("the key", ("b", "a"))
    assert one.unique_constraints == (
        UniqueConstraint("the key", ("b", "a")),
        UniqueConstraint("covering", ("c",)),
        UniqueConstraint("plain", ("d",)),
        UniqueConstraint("two", ("c", "d")),
    )
    assert table(database_found, "keyless").primary_key is None


def test_foreign_keys_keep_their_pairs_in_order(database: str) -> None:
    """Composite keys, keys to oneself and to other schemas, several to one table."""
    schema = """
        create schema app;
        create table app.target (x int, y int, z int unique, primary key (x, y));
        create table t (
            a int, b int, c int primary key,
            constraint pair foreign key (b, a) references app.target (x, y),
            constraint single foreign key (a) references app.target (z),
            constraint self foreign key (b) references t (c)
        );
    """
    assert table(found(database, schema), "t").foreign_keys == (
        ForeignKey("pair", ("b", "a"), TableName("app", "target"), ("x", "y")),
        ForeignKey("self", ("b",), TableName("public", "t"), ("c",)),
        ForeignKey("single", ("a",), TableName("app", "target"), ("z",)),
    )


def test_a_key_to_a_partitioned_table_is_one_key(database: str) -> None:
    """The copies Postgres keeps for each partition are not found beside the key itself; those of partitions are."""
    schema = """
        create table parted (id int primary key) partition by range (id);
        create table parted_1 partition of parted for values from (0) to (10);
        create table parted_2 partition of parted for values from (10) to (20);
        create table t (parted_id int constraint to_parted references parted);
        create table p (id int, parted_id int references parted) partition by range (id);
        create table p_1 partition of p for values from (0) to (10);
    """
    database_found = found(database, schema)
    target = TableName("public", "parted")
    assert table(database_found, "t").foreign_keys == (ForeignKey("to_parted", ("parted_id",), target, ("id",)),)
    assert [key.target for key in table(database_found, "p").foreign_keys] == [target]
    assert [key.target for key in table(database_found, "p_1").foreign_keys] == [target]


def test_odd_names_come_back_as_they_are(database: str) -> None:
    """Quotes, dots, blanks, capitals, dollar signs, other alphabets and SQL words in names of everything."""
    schema = """
        create schema "Odd ""schema"".x";
        create table "Odd ""schema"".x"."select" (
            "from" int constraint "key; drop" primary key, "Größe 大" text, "$1" int, "a'b\\c" int
        );
    """
    one = table(found(database, schema), "select", 'Odd "schema".x')
    assert [column.name for column in one.columns] == ["from", "Größe 大", "$1", "a'b\\c"]
    assert one.primary_key == UniqueConstraint("key; drop", ("from",))


def test_a_search_path_changes_nothing(database: str) -> None:
    """Types of the user's are qualified also when the search path would find them without."""
    schema = (
        "create type mood as enum ('good'); create table t (a mood, b mood[]); set search_path = public, pg_catalog"
    )
    assert [column.type.sql for column in table(found(database, schema), "t").columns] == [
        "public.mood",
        "public.mood[]",
    ]


class Counting:
    """A connection that counts what it is asked."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.asked = 0

    async def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> bytes:
        self.asked += 1
        return await self.connection.submit(text, parameters)


def test_hundreds_of_tables_take_as_many_queries_as_one(database: str) -> None:
    """Five hundred tables with keys are found by the statements that find one."""

    def tables(first: int, last: int) -> str:
        return ";".join(
            f"create table t{number} (id serial primary key, a text, parent int references t{max(0, number - 1)})"
            for number in range(first, last)
        )

    async def scenario() -> list[tuple[int, int]]:
        found = []
        async with await connect(database) as connection:
            for first, last in ((0, 1), (1, 500)):
                await connection.script(tables(first, last))
                counting = Counting(connection)
                found.append((len((await introspect(counting)).tables), counting.asked))
        return found

    (one, few), (all_of_them, many) = run(scenario())
    assert (one, all_of_them) == (1, 500)
    assert many == few
