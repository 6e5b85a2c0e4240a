"""The schema howdah and the API's role: installed by many at once, and no more powerful than it must be (R66)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from tests.support import Cluster, run

from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.errors import DatabaseError
from howdah.postgres.install import INSTALLED_VERSION, CannotInstall, Installation, install, role_of, share_tables


def name_of(dsn: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])


def as_user(dsn: str, user: str) -> str:
    return psycopg.conninfo.make_conninfo(dsn, user=user)


async def installed(dsn: str) -> Installation:
    async with await connect(dsn) as connection:
        return await install(connection)


@pytest.fixture
def user(cluster: Cluster, database: str) -> Iterator[str]:
    """A user who may log in and nothing more."""
    name = f"user_{secrets.token_hex(4)}"
    cluster.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
    yield name
    drop = sql.SQL("drop owned by {0} cascade; drop role {0}").format(sql.Identifier(name))
    api = sql.SQL("drop owned by {0} cascade; drop role {0}").format(sql.Identifier(role_of("api", name_of(database))))
    cluster.execute(sql.SQL("alter database {} owner to postgres").format(sql.Identifier(name_of(database))))
    if cluster.execute(sql.SQL("select 1 from pg_roles where rolname = {}").format(role_of("api", name_of(database)))):
        cluster.execute(api, database=name_of(database))
    cluster.execute(drop, database=name_of(database))


@pytest.mark.parametrize("database_name", ["shop", "Shop & Söhne", "x" * 63, "ü" * 31])
def test_the_name_of_the_role_fits_and_tells_databases_apart(database_name: str) -> None:
    """Any database's role has a name Postgres takes whole, and similar databases have different ones."""
    name = role_of("api", database_name)
    assert len(name.encode()) <= 63
    assert name.startswith("howdah_api_")
    assert name != role_of("api", database_name[:-1])


def test_ten_installers_at_once_install_once(database: str) -> None:
    """Any number of processes may install at the same moment; all succeed, and so do those that come later."""

    async def scenario() -> list[Installation]:
        return [*await asyncio.gather(*(installed(database) for _ in range(10))), await installed(database)]

    assert set(run(scenario())) == {Installation(role_of("api", name_of(database)), None)}


def test_what_is_installed_has_the_version_of_this_howdah(cluster: Cluster, database: str) -> None:
    """The number in the SQL and the one in the code are the same."""
    run(installed(database))
    assert cluster.execute("select version from howdah.installation", database=name_of(database)) == [
        (INSTALLED_VERSION,)
    ]


def test_metadata_of_an_older_howdah_is_taken_over(cluster: Cluster, database: str) -> None:
    """Until version 2 all tables were in one document; each gets a row of its own, once."""
    run(installed(database))
    document = {"tables": [{"table": "a"}, {"table": {"schema": "app", "name": "b"}}, {"table": {"name": "c"}}, {}]}
    older = sql.SQL(
        "drop table howdah.metadata_tables; update howdah.installation set version = 2;"
        "update howdah.metadata set version = 7, document = {}"
    )
    cluster.execute(older.format(json.dumps(document)), database=name_of(database))
    for _ in range(2):
        run(installed(database))
        assert cluster.execute(
            "select schema, name, version, document::text from howdah.metadata_tables order by name",
            database=name_of(database),
        ) == [
            ("public", "a", 7, '{"table": "a"}'),
            ("app", "b", 7, '{"table": {"schema": "app", "name": "b"}}'),
            ("public", "c", 7, '{"table": {"name": "c"}}'),
        ]
        assert cluster.execute("select document::text from howdah.metadata", database=name_of(database)) == [("{}",)]
        cluster.execute("update howdah.installation set version = 2", database=name_of(database))


def test_the_role_owns_nothing_and_can_do_nothing_special(cluster: Cluster, database: str) -> None:
    """The API's role is no superuser, cannot log in, bypass row security or create, owns nothing (R66)."""
    role = run(installed(database)).role
    found = cluster.execute(
        sql.SQL(
            "select rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb, rolreplication,"
            " exists (select from pg_shdepend where refobjid = r.oid and deptype = 'o'),"
            " has_schema_privilege(oid, 'howdah', 'create'), has_table_privilege(oid, 'howdah.metadata', 'select')"
            " from pg_roles r where rolname = {}"
        ).format(role),
        database=name_of(database),
    )
    assert found == [(False,) * 9]


def test_the_role_can_call_the_check_and_read_nothing_of_howdah(database: str) -> None:
    """Acting as the role, the check function raises HW001, and howdah's tables are closed."""

    async def scenario() -> list[str]:
        role = (await installed(database)).role
        states = []
        async with await connect(database, ConnectOptions(role=role)) as connection:
            for text in ("select howdah.check_violation()", "table howdah.metadata", "create table public.t ()"):
                with pytest.raises(DatabaseError) as caught:
                    await connection.script(text)
                states.append(caught.value.sqlstate)
        return states

    assert run(scenario()) == ["HW001", "42501", "42501"]


def test_only_what_is_shared_can_be_used(database: str) -> None:
    """The role may use the shared tables with their sequences, and loses what is no longer shared."""
    schema = """
        create schema app; create schema types; create type types.mood as enum ('good');
        create table app.shared (id serial primary key, feeling types.mood default 'good');
        create table app.hidden (id int generated by default as identity);
        create sequence app.loose; create view app."Odd view" as select * from app.hidden;
        create table app.other (id int default nextval('app.loose'));
        create function app.stamp() returns trigger language plpgsql as 'begin return new; end';
    """
    attempts = [
        "insert into app.shared default values returning id",
        "update app.shared set feeling = 'good'::types.mood",
        "delete from app.shared",
        "select * from app.hidden",
        'select * from app."Odd view"',
        "insert into app.other default values",
        "truncate app.shared",
        "alter table app.shared add column x int",
    ]

    async def allowed(role: str) -> list[bool]:
        answers = []
        async with await connect(database, ConnectOptions(role=role)) as connection:
            for attempt in attempts:
                try:
                    await connection.script(attempt)
                except DatabaseError as error:
                    answers.append(error.sqlstate != "42501")
                else:
                    answers.append(True)
        return answers

    async def scenario() -> list[list[bool]]:
        async with await connect(database) as owner:
            role = (await install(owner)).role
            assert role is not None
            await owner.script(schema)
            before = await allowed(role)
            assert await share_tables(owner, role, [("app", "shared"), ("app", "Odd view"), ("no", "such")]) == ()
            first = await allowed(role)
            assert await share_tables(owner, role, [("app", "other")]) == ()
            assert await share_tables(owner, role, [("app", "other")]) == ()
            second = await allowed(role)
            assert await share_tables(owner, role, []) == ()
            return [before, first, second, await allowed(role)]

    assert run(scenario()) == [
        [False] * 8,
        [True, True, True, False, True, False, False, False],
        [False, False, False, False, False, True, False, False],
        [False] * 8,
    ]


def test_row_level_security_holds_for_the_role(database: str) -> None:
    """A policy of the database limits what the API's role sees, though the owner sees all (R66)."""

    async def scenario() -> tuple[bytes, bytes]:
        async with await connect(database) as owner:
            role = (await install(owner)).role
            assert role is not None
            await owner.script(
                "create table t (id int); insert into t values (1), (2); alter table t enable row level security;"
                "create policy odd on t using (id % 2 = 1)"
            )
            await share_tables(owner, role, [("public", "t")])
            count = "select to_json(count(*)) from t"
            async with await connect(database, ConnectOptions(role=role)) as connection:
                return await owner.submit(count), await connection.submit(count)

    assert run(scenario()) == (b"2", b"1")


def test_an_owner_without_createrole_works_without_a_role(cluster: Cluster, database: str, user: str) -> None:
    """A user who may not make roles gets everything installed, no role, and the reason in words."""
    cluster.execute(sql.SQL("alter database {} owner to {}").format(*map(sql.Identifier, (name_of(database), user))))
    found = run(installed(as_user(database, user)))
    assert found.role is None
    assert found.problem is not None
    assert "may not create role" in found.problem
    assert run(installed(as_user(database, user))) == found


def test_an_owner_with_createrole_is_enough(cluster: Cluster, database: str, user: str) -> None:
    """A database owner who may make roles, and is no superuser, installs everything and can act as the role."""
    cluster.execute(sql.SQL("alter role {} createrole").format(sql.Identifier(user)))
    cluster.execute(sql.SQL("alter database {} owner to {}").format(*map(sql.Identifier, (name_of(database), user))))

    async def scenario() -> bytes:
        dsn = as_user(database, user)
        found = await installed(dsn)
        assert found == Installation(role_of("api", name_of(database)), None)
        assert await installed(dsn) == found
        async with await connect(dsn) as owner:
            await owner.script("create table t (id serial)")
            assert await share_tables(owner, found.role or "", [("public", "t")]) == ()
            async with await connect(dsn, ConnectOptions(role=found.role)) as connection:
                await connection.script("insert into t default values")
                return await connection.submit("select to_json(current_user::text)")

    assert json.loads(run(scenario())) == role_of("api", name_of(database))


def test_tables_of_a_user_called_howdah_are_not_among_ours(cluster: Cluster, database: str) -> None:
    """Whatever connects as that user (a service, psql) makes and finds its tables in public."""
    with contextlib.suppress(psycopg.errors.DuplicateObject):
        cluster.execute("create role howdah login createrole")
    cluster.execute(sql.SQL("alter database {} owner to howdah").format(sql.Identifier(name_of(database))))
    cluster.execute("grant create on schema public to howdah", database=name_of(database))
    dsn = as_user(database, "howdah")
    run(installed(dsn))
    with psycopg.connect(dsn) as connection:
        connection.execute("create table thing (id int)")
        found = connection.execute("select relnamespace::regnamespace::text from pg_class where relname = 'thing'")
        assert found.fetchall() == [("public",)]


def test_a_user_who_may_not_make_a_schema_is_told(database: str, user: str) -> None:
    """Without the right to create a schema there is a clear error with a hint."""
    with pytest.raises(CannotInstall) as caught:
        run(installed(as_user(database, user)))
    assert "schema" in caught.value.message
    assert caught.value.hint is not None
    assert "GRANT CREATE" in caught.value.hint


def test_what_cannot_be_granted_is_said(cluster: Cluster, database: str, user: str) -> None:
    """A tracked table of somebody else's, which we may not grant, is named; the others are granted all the same."""
    cluster.execute(sql.SQL("alter role {} createrole").format(sql.Identifier(user)))
    cluster.execute(sql.SQL("alter database {} owner to {}").format(*map(sql.Identifier, (name_of(database), user))))
    cluster.execute("create table theirs (id int)", database=name_of(database))

    async def scenario() -> tuple[str, ...]:
        async with await connect(as_user(database, user)) as owner:
            role = (await install(owner)).role
            assert role is not None
            await owner.script("create table ours (id int)")
            return await share_tables(owner, role, [("public", "theirs"), ("public", "ours")])

    assert run(scenario()) == ("select, insert, update, delete on table theirs",)


def test_a_role_that_could_bypass_is_mended_or_refused(cluster: Cluster, database: str, user: str) -> None:
    """A role of our name that may bypass row security is corrected by who may, and not used by who may not (R66)."""
    role = role_of("api", name_of(database))
    cluster.execute(sql.SQL("create role {} login bypassrls").format(sql.Identifier(role)))
    cluster.execute(sql.SQL("alter database {} owner to {}").format(*map(sql.Identifier, (name_of(database), user))))
    found = run(installed(as_user(database, user)))
    assert found.role is None
    assert "bypass" in (found.problem or "")
    assert run(installed(database)) == Installation(role, None)
    assert cluster.execute(
        sql.SQL("select rolbypassrls, rolcanlogin from pg_roles where rolname = {}").format(role)
    ) == [(False, False)]
