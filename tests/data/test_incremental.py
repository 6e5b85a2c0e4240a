"""What a process knows after any changes, step by step, is what it would know if it had looked at everything anew."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support import Cluster, run

from howdah.data.catalog.model import Catalog
from howdah.data.execute import Engine
from howdah.data.execute.known import Known, load
from howdah.postgres.connect import connect
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN

SECTION = DatabaseSection(pool_size=2, write_pool_size=1)

START = """
    drop schema if exists public cascade; drop schema if exists app cascade; drop schema if exists other cascade;
    create schema public; create schema app; create sequence app.numbers;
    create type mood as enum ('good', 'bad'); create domain positive as int check (value > 0);
    create table a (id int primary key, x int, y text, feeling mood, size positive[]);
    create table b (id int primary key, x int references a, y text, z int unique);
    create table app.c (id int generated always as identity primary key, x int references b (z), y text);
    create view v as select id, x, y from a where x > 0;
    create view w as select v.id, b.y from v join b on b.x = v.id;
"""

# What there is to begin with comes more often: most changes shall be possible.
TABLES = st.sampled_from(["a", "a", "b", "b", "b", "v", "v", "app.c", "app.c", "w", "d", "other.c", "app.b"])
COLUMNS = st.sampled_from(["id", "x", "x", "y", "y", "q"])
NAMES = st.sampled_from(["a", "b", "c", "d", "v"])
TYPES = st.sampled_from(["text", "bigint", "int", "mood", "positive", "mood[]", "timestamptz"])
RELATIONSHIPS = st.sampled_from(["one", "one", "one", "many", "many", "x"])
ROLES = st.sampled_from(["user", "guest"])


def reference(name: str) -> Any:
    schema, _, table = name.rpartition(".")
    return {"schema": schema, "name": table} if schema else table


REFERENCES = TABLES.map(reference)

SQL = st.one_of(
    st.builds("create table {} (id int primary key, {} {})".format, TABLES, COLUMNS, TYPES),
    st.builds("drop table {} cascade".format, TABLES),
    st.builds("drop view {} cascade".format, TABLES),
    st.builds("alter table {} rename to {}".format, TABLES, NAMES),
    st.builds("alter table {} set schema {}".format, TABLES, st.sampled_from(["app", "public"])),
    st.builds("alter table {} rename column {} to {}".format, TABLES, COLUMNS, COLUMNS),
    st.builds("alter table {} add column {} {}".format, TABLES, COLUMNS, TYPES),
    st.builds("alter table {} drop column {} cascade".format, TABLES, COLUMNS),
    st.builds("alter table {} alter column {} type {} using null".format, TABLES, COLUMNS, TYPES),
    st.builds("alter table {} alter column {} set not null".format, TABLES, COLUMNS),
    st.builds("alter table {} alter column {} set default nextval('app.numbers')".format, TABLES, COLUMNS),
    st.builds("alter table {} alter column {} drop default".format, TABLES, COLUMNS),
    st.builds("alter table {} add constraint key unique ({})".format, TABLES, COLUMNS),
    st.builds("alter table {} drop constraint key cascade".format, TABLES),
    st.builds("alter table {} add constraint ref foreign key ({}) references {}".format, TABLES, COLUMNS, TABLES),
    st.builds("alter table {} drop constraint ref".format, TABLES),
    st.builds("comment on column {}.{} is 'said of {}'".format, TABLES, COLUMNS, COLUMNS),
    st.builds("comment on table {} is 'said of {}'".format, TABLES, COLUMNS),
    st.builds("create view d as select * from {}".format, TABLES),
    st.builds("create rule no as on update to {} do instead nothing".format, st.sampled_from(["v", "w", "d"])),
    st.builds("create table part partition of {} default".format, TABLES),
    st.sampled_from(
        [
            "alter schema app rename to other",
            "alter schema other rename to app",
            "alter type mood rename to feeling",
            "alter type mood set schema app",
            "drop type mood cascade",
            "alter domain positive rename to more",
            "alter index key rename to lock",
            "create unique index key on a (y)",
            "drop index key",
            "drop index key cascade",
            "create or replace view v as select id, x, y, 1 as more from a",
            "drop rule no on v",
            "alter type mood add value if not exists 'odd'",
            "alter type mood rename value 'bad' to 'sad'",
            "alter type app.mood rename to feeling",
            "select 1",
            "insert into a (id) values (1)",
        ]
    ),
)


def call(kind: str, **args: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(st.just(kind), st.fixed_dictionaries(args))


CONDITIONS = st.recursive(
    st.one_of(
        st.just({}),
        st.builds(lambda column: {column: {"$gt": 1}}, COLUMNS),
        st.builds(lambda one, other: {one: {"$ceq": other}}, COLUMNS, COLUMNS),
        st.builds(lambda column: {column: "X-Hasura-User-Id"}, COLUMNS),
    ),
    lambda inner: st.one_of(
        st.builds(lambda name, where: {name: where}, RELATIONSHIPS, inner),
        st.builds(lambda table, where: {"$exists": {"_table": table, "_where": where}}, REFERENCES, inner),
        st.builds(lambda one, other: {"$or": [one, {"$not": other}]}, inner, inner),
    ),
    max_leaves=3,
)
LISTED = st.just("*") | st.lists(COLUMNS, max_size=2, unique=True)
SELECT = st.fixed_dictionaries({"columns": LISTED, "filter": CONDITIONS})
INSERT = st.fixed_dictionaries({"columns": LISTED, "check": CONDITIONS})
MANUAL = st.builds(
    lambda table, ours, theirs: {"manual_configuration": {"remote_table": table, "column_mapping": {ours: theirs}}},
    REFERENCES,
    COLUMNS,
    COLUMNS,
)
OBJECT = st.builds(lambda column: {"foreign_key_constraint_on": column}, COLUMNS) | MANUAL
ARRAY = MANUAL | st.builds(
    lambda table, column: {"foreign_key_constraint_on": {"table": table, "column": column}}, REFERENCES, COLUMNS
)

CUSTOM_NAMES = st.fixed_dictionaries(
    {}, optional={"custom_name": NAMES, "custom_column_names": st.dictionaries(COLUMNS, COLUMNS, max_size=2)}
)

CALLS = st.one_of(
    call("track_table", table=REFERENCES),
    call("track_table", table=REFERENCES),
    call("untrack_table", table=REFERENCES, cascade=st.booleans()),
    call("create_object_relationship", table=REFERENCES, name=RELATIONSHIPS, using=OBJECT),
    call("create_array_relationship", table=REFERENCES, name=RELATIONSHIPS, using=ARRAY),
    call("drop_relationship", table=REFERENCES, relationship=RELATIONSHIPS, cascade=st.booleans()),
    call("rename_relationship", table=REFERENCES, name=RELATIONSHIPS, new_name=RELATIONSHIPS),
    call("create_select_permission", table=REFERENCES, role=ROLES, permission=SELECT),
    call("create_select_permission", table=REFERENCES, role=ROLES, permission=SELECT),
    call("create_insert_permission", table=REFERENCES, role=ROLES, permission=INSERT),
    call("drop_select_permission", table=REFERENCES, role=ROLES),
    call("set_table_customization", table=REFERENCES, configuration=CUSTOM_NAMES),
    call("run_sql", sql=SQL, cascade=st.booleans()),
    call("run_sql", sql=SQL, cascade=st.just(True)),
    call("run_sql", sql=SQL, check_metadata_consistency=st.just(False)),
    call("drop_inconsistent_metadata"),
    call("reload_metadata"),
)

ELSEWHERE = st.tuples(st.just("elsewhere"), SQL)
BULKS = st.tuples(
    st.just("bulk"), st.lists(CALLS, min_size=2, max_size=4).map(lambda calls: [as_json(one) for one in calls])
)
STEPS = st.lists(st.one_of(CALLS, CALLS, BULKS, ELSEWHERE, ELSEWHERE), min_size=6, max_size=20)

# Something to change: without it most sequences would be refused from their first to their last step.
BASIS = [
    *(("track_table", reference(name)) for name in ("a", "b", "app.c", "v")),
    ("create_object_relationship", {"table": "b", "name": "one", "using": {"foreign_key_constraint_on": "x"}}),
    (
        "create_array_relationship",
        {"table": "a", "name": "many", "using": {"foreign_key_constraint_on": {"table": "b", "column": "x"}}},
    ),
    (
        "create_select_permission",
        {"table": "b", "role": "user", "permission": {"columns": ["id"], "filter": {"one": {"y": {"$eq": "q"}}}}},
    ),
    (
        "create_select_permission",
        {"table": "a", "role": "user", "permission": {"columns": "*", "filter": {"many": {"one": {"x": 1}}}}},
    ),
]


def as_json(step: tuple[str, Any]) -> Any:
    return {"type": step[0], "args": step[1]}


@pytest.fixture(scope="module")
def emptied(cluster: Cluster) -> Iterator[str]:
    """A database whose tables each example makes anew."""
    name = f"incremental_{secrets.token_hex(6)}"
    yield cluster.create_database(name)
    cluster.drop_database(name)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
@example(steps=[("elsewhere", "alter table a rename to d"), ("track_table", "d")])
@example(steps=[("elsewhere", "alter table a rename column y to q"), ("elsewhere", "alter table a add column y int")])
@example(steps=[("elsewhere", "alter table a rename column id to q")])
@example(steps=[("elsewhere", "alter type mood add value 'odd'"), ("elsewhere", "comment on column a.x is 'said'")])
@example(
    steps=[("set_table_customization", {"table": "a", "configuration": {"custom_name": "e"}}), ("track_table", "e")]
)
@example(steps=[("drop_relationship", {"table": "b", "relationship": "one", "cascade": True})])
@example(steps=[("untrack_table", {"table": "a", "cascade": True}), ("track_table", "a")])
@example(steps=[("elsewhere", "alter schema app rename to other"), ("elsewhere", "alter type mood rename to feeling")])
@example(steps=[("elsewhere", "drop table b cascade"), ("elsewhere", "create table b (id int, x int references a)")])
def test_what_is_known_step_by_step_is_what_one_look_finds(emptied: str, steps: list[tuple[str, Any]]) -> None:
    """Catalog, database and grants of the process that was asked and of another one, after any calls and any DDL."""
    run(_check(emptied, steps))


async def _check(dsn: str, steps: list[tuple[str, Any]]) -> None:
    async with await connect(dsn) as elsewhere:
        await elsewhere.script(START)
        asked, other = (Engine(dsn, database=SECTION, data=DataSection()) for _ in range(2))
        await asked.start()
        await other.start()
        try:
            await asked.answer(json.dumps({"type": "clear_metadata", "args": {}}).encode(), ADMIN)
            for step in [*BASIS, *steps]:
                if step[0] == "elsewhere":
                    await elsewhere.script(f"do $_$ begin {step[1]}; exception when others then null; end $_$")
                    step = ("reload_metadata", {})
                await asked.answer(json.dumps(as_json(step)).encode(), ADMIN)
                await other._reload_if_new()
                anew = await load(elsewhere)
                for engine in (asked, other):
                    _same(engine._known, anew)
                usable = await elsewhere.submit(_USABLE, [asked.installation.role.encode()])
                assert usable == await elsewhere.submit(_TRACKED), step
        finally:
            await asked.stop()
            await other.stop()


def _same(known: Known, anew: Known) -> None:
    assert known.metadata == anew.metadata
    assert known.database == anew.database
    assert _without_version(known.catalog) == _without_version(anew.catalog)
    assert known.catalog.resolved == anew.catalog.resolved


def _without_version(catalog: Catalog) -> tuple[Any, ...]:
    return dict(catalog.tables), catalog.problems


_USABLE = """
    select json_agg(c.oid::regclass::text order by c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v') and n.nspname in ('public', 'app', 'other')
      and has_table_privilege($1::text, c.oid, 'select') and has_schema_privilege($1::text, n.oid, 'usage')
"""

_TRACKED = """
    select json_agg(c.oid::regclass::text order by c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join howdah.metadata_tables t on t.schema = n.nspname and t.name = c.relname and t.document is not null
    where c.relkind in ('r', 'p', 'v')
"""
