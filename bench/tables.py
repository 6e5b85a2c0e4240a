"""What a thousand tracked tables cost: the start, memory, a metadata call, a rename, and until another process knows.

    python -m bench.tables
    python -m bench.tables --tables 100 --rounds 5

Each table has two relationships (to its neighbours) and three permissions, one of which looks through a relationship.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from bench import measure
from bench.postgres import running_postgres
from bench.serving import SECRET, USER, serving
from howdah.data.written import store
from howdah.data.written.document import read_document
from howdah.postgres.connect import connect
from howdah.postgres.install import install


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tables")
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="howdah-bench-") as name:
        Path(name).chmod(0o755)
        measure_tables(Path(name), arguments.tables, arguments.rounds)


def measure_tables(folder: Path, count: int, rounds: int) -> None:
    """Prints what so many tables cost, in a Postgres of their own below the folder."""
    with running_postgres(folder) as postgres:
        asyncio.run(_prepare(postgres.dsn, count))
        with psycopg.connect(postgres.dsn, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        # The first start grants a thousand tables to the API's role, which no later one does.
        with serving(postgres.dsn, folder / "one"):
            pass
        with serving(postgres.dsn, folder / "one") as one, serving(postgres.dsn, folder / "other") as other:
            print(f"{'start to ready':44} {one.seconds_to_ready:9.2f} s")
            print(f"{'memory of the process':44} {measure.resident_mib(one.pid):9.0f} MiB")
            _measure(_Asking(one.port), _Asking(other.port), rounds)


async def _prepare(dsn: str, count: int) -> None:
    """The tables, and their metadata as the document of an export."""
    async with await connect(dsn) as connection:
        await install(connection)
        # In portions: the locks of a thousand new tables do not fit into one transaction.
        for first in range(0, count, 50):
            await connection.script("".join(_create(number) for number in range(first, min(first + 50, count))))
        document = {"tables": [_metadata(number, count) for number in range(count)]}
        await store.write(connection, read_document(document), over=await store.read(connection))


def _create(number: int) -> str:
    target = _name(max(number - 1, 0))
    return (
        f"create table {_name(number)} (id bigserial primary key, name text not null, owner_id integer,"
        f" created_at timestamptz not null default now(), done boolean not null default false,"
        f" parent_id bigint references {target}); create index on {_name(number)} (parent_id);"
    )


def _name(number: int) -> str:
    return f"item_{number:04}"


def _metadata(number: int, count: int) -> dict[str, Any]:
    child = {"table": _name((number + 1) % count), "column": "parent_id"}
    if number == count - 1:
        child = {"table": _name(number), "column": "parent_id"} if count == 1 else child
    own = {"owner_id": {"$eq": "X-Hasura-User-Id"}}
    manual = {"remote_table": child["table"], "column_mapping": {"id": "parent_id"}}
    return {
        "table": _name(number),
        "object_relationships": [{"name": "parent", "using": {"foreign_key_constraint_on": "parent_id"}}],
        "array_relationships": [{"name": "children", "using": {"manual_configuration": manual}}],
        "select_permissions": [
            {
                "role": "user",
                "permission": {"columns": ["id", "name", "done"], "filter": {"$or": [own, {"parent": own}]}},
            }
        ],
        "insert_permissions": [{"role": "user", "permission": {"check": own, "columns": ["id", "name", "owner_id"]}}],
        "update_permissions": [{"role": "user", "permission": {"filter": own, "columns": ["name", "done"]}}],
    }


class _Asking:
    """A kept-alive connection to a server, as the administrator or as a user."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def __call__(self, kind: str, args: object, *, admin: bool = True) -> tuple[int, Any]:
        headers = {"X-Hasura-Admin-Secret": SECRET} if admin else USER
        self._connection.request("POST", "/data/v1/query", json.dumps({"type": kind, "args": args}), headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def done(self, kind: str, args: object) -> None:
        status, body = self(kind, args)
        if status != http.client.OK:
            raise RuntimeError(f"{kind} was answered with {status}: {body}")


def _measure(one: _Asking, other: _Asking, rounds: int) -> None:
    table = _name(3)
    permission = {"table": table, "role": "guest"}
    rule = {"columns": ["id"], "filter": {}}
    columns = ["name", "title"]

    def create() -> None:
        one.done("create_select_permission", {**permission, "permission": rule})

    def drop() -> None:
        one.done("drop_select_permission", permission)

    def rename() -> None:
        one.done("run_sql", {"sql": f"alter table {table} rename column {columns[0]} to {columns[1]}"})
        columns.reverse()

    def knows() -> bool:
        query = {"table": table, "columns": [columns[0]], "limit": 1}
        return other("select", query)[0] == http.client.OK

    def rename_until_known() -> None:
        rename()
        while not knows():
            pass

    _print("create_select_permission", [_timed(create, after=drop) for _ in range(rounds)])
    _print("run_sql that renames a column", [_timed(rename) for _ in range(rounds)])
    _print("run_sql that inserts a row", [_timed(lambda: _insert(one, table, columns[0])) for _ in range(rounds)])
    _print("a rename until the other process has it", [_timed(rename_until_known) for _ in range(rounds)])
    _print("reload_metadata", [_timed(lambda: one.done("reload_metadata", {})) for _ in range(rounds)])


def _insert(one: _Asking, table: str, column: str) -> None:
    one.done("run_sql", {"sql": f"insert into {table} ({column}) values ('x')"})


def _timed(work: Callable[[], None], *, after: Callable[[], None] = lambda: None) -> float:
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    after()
    return seconds


def _print(what: str, seconds: list[float]) -> None:
    milliseconds = sorted(each * 1000 for each in seconds)
    print(f"{what:44} {statistics.median(milliseconds):9.1f} ms, worst {milliseconds[-1]:.1f}")


if __name__ == "__main__":
    main()
