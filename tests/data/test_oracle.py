"""What Postgres answers for a role is what a slow and obviously right reading of its permissions gives.

Worlds (tables, keys, relationships, rows), permissions and requests are made up. A request is planned, compiled and
answered by Postgres; the same is worked out by `tests.data.oracle`, row by row, with nothing of the product's.
``HOWDAH_TEST_EXAMPLES`` says for how many worlds; each is asked a few times.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.data.oracle.reading import AnyOrder, Reader, Refused
from tests.data.oracle.requests import make_pages, make_request, make_role, make_session
from tests.data.oracle.world import Row, Rows, World, make_world, metadata_of, quoted, statements
from tests.data.oracle.writing import Violated, Writer
from tests.data.support import compiled
from tests.support import Cluster, run

from howdah.data.catalog.model import Catalog
from howdah.data.catalog.resolve import resolve
from howdah.data.errors import DataError
from howdah.data.found.introspect import introspect
from howdah.data.sql.statement import bind
from howdah.data.written.document import read_document
from howdah.postgres.connect import connect
from howdah.postgres.install import install
from howdah.session import Session

WORLDS = int(os.environ.get("HOWDAH_TEST_EXAMPLES", "150"))
PARTS = 4
"""So that many worlds are shared out among many cores."""
REQUESTS = 6
"""For each world."""

_VIOLATIONS = {"23505", "23503", "23502", "21000", "HW001"}


class Failed(Exception):
    """Postgres could not, for a reason that depends on what it happens to look at first."""


@pytest.fixture(scope="module")
def connection(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    """A database with nothing in it but what every database of ours has."""

    async def prepare(dsn: str) -> None:
        async with await connect(dsn) as one:
            await install(one)

    name = f"oracle_{secrets.token_hex(6)}"
    dsn = cluster.create_database(name)
    run(prepare(dsn))
    with psycopg.connect(dsn, autocommit=True) as open_connection:
        yield open_connection
    cluster.drop_database(name)


class Product:
    """A world as the product has it: tables in Postgres, and a catalog."""

    def __init__(self, connection: psycopg.Connection[Any], world: World, role: dict[str, Any]) -> None:
        self.connection, self.world = connection, world
        connection.execute(statements(world))
        self.catalog = self._catalog(role)

    def _catalog(self, role: dict[str, Any]) -> Catalog:
        database = run(introspect(self))
        catalog = resolve(read_document(metadata_of(self.world, role)), database, version=1)
        assert catalog.problems == ()
        return catalog

    async def submit(self, text: str, parameters: Any = ()) -> bytes:
        """The only cell of the statement, in the transaction that has the world."""
        return self._run(text, list(parameters))

    def _run(self, text: str, parameters: list[bytes | None]) -> bytes:
        result = self.connection.pgconn.exec_params(text.encode(), parameters)
        state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
        if state is not None:
            raise Violated if state.decode() in _VIOLATIONS else AssertionError(result.error_message.decode())
        cell = result.get_value(0, 0)
        return b"null" if cell is None else cell

    def answer(self, request: Row, session: Session) -> Any:
        """What the product makes of the request. Raises Refused, and Violated."""
        try:
            statement = compiled(json.dumps(request).encode(), session, self.catalog)
            parameters = bind(statement, session)
        except DataError as error:
            raise Refused(error.message) from None
        return json.loads(self._run(statement.text, list(parameters)), parse_float=Decimal)

    def rows(self) -> Rows:
        """All rows, whoever may see them."""
        return {
            table: [self._row(table, row) for (row,) in self.connection.execute(_all_of(self.world.table_name(table)))]
            for table in self.world.columns
        }

    def _row(self, table: str, stored: Row) -> Row:
        """The row by the names that requests use."""
        return {name: stored[self.world.column_name(table, name)] for name in self.world.columns[table]}


def _all_of(table: str) -> str:
    return f"select row_to_json(t) from {quoted(table)} t"


def arranged(rows: Any) -> Any:
    """Rows in an order of their own, where none was asked for."""
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def same(answer: Any, expected: Any) -> bool:
    """Whether two answers are equal; an average has as many digits as Postgres likes."""
    if isinstance(expected, Decimal):
        return abs(Decimal(answer) - expected) < Decimal("0.000001")
    if isinstance(expected, AnyOrder):
        most = len(expected.rows) if expected.limit is None else min(expected.limit, len(expected.rows))
        return len(answer) == most and all(row in expected.rows for row in answer) and distinct(answer)
    if isinstance(expected, dict):
        if "returning" in expected:
            expected, answer = ({**one, "returning": arranged(one["returning"])} for one in (expected, answer))
            return bool(answer == expected)
        return answer.keys() == expected.keys() and all(same(answer[k], expected[k]) for k in expected)
    if isinstance(expected, list):
        return len(answer) == len(expected) and all(map(same, answer, expected))
    return bool(answer == expected)


def distinct(rows: list[Row]) -> bool:
    """Whether no row is there twice: every role may read the key."""
    return len({row["id"] for row in rows}) == len(rows)


@pytest.mark.parametrize("_part", range(PARTS))
@settings(
    max_examples=max(1, WORLDS // PARTS),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # not shrunk: a world has one seed
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.integers(0, 2**62))
def test_a_role_sees_and_changes_exactly_what_its_permissions_say(
    connection: psycopg.Connection[Any], _part: int, seed: int
) -> None:
    """Rows, cells, aggregates, changes and refusals of any role are those of the oracle (R59, R60, R61, R63)."""
    random = Random(seed)
    world = make_world(random, richly=True)
    role = make_role(random, world)
    with connection.transaction(force_rollback=True):
        product = Product(connection, world, role)
        for _ in range(REQUESTS):
            compare(product, Reader(world, role, make_session(random)), make_request(random, world))


def compare(product: Product, reader: Reader, request: Row) -> None:
    """Both answer alike, refuse alike or fail alike, and what is there afterwards is the same."""
    try:
        expected, after = Writer(reader).answer(request)
    except (Refused, Violated) as refused:
        with pytest.raises(type(refused)), product.connection.transaction():
            product.answer(request, reader.session)
        return
    with product.connection.transaction(force_rollback=True):
        answer = product.answer(request, reader.session)
        assert same(answer, expected), (request, answer, expected)
        if request["type"] in ("insert", "update", "delete"):
            found = product.rows()
            assert {table: arranged(rows) for table, rows in found.items()} == {
                table: arranged(rows) for table, rows in after.items()
            }


@pytest.mark.parametrize("_part", range(PARTS))
@settings(
    max_examples=max(1, WORLDS // PARTS),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.integers(0, 2**62))
def test_pages_are_the_rows_of_a_role_one_after_the_other(
    connection: psycopg.Connection[Any], _part: int, seed: int
) -> None:
    """Forward by cursors no row is missing and none twice, and backward it is the same pages (R59, R60)."""
    random = Random(seed)
    world = make_world(random, richly=True)
    role = make_role(random, world)
    with connection.transaction(force_rollback=True):
        product = Product(connection, world, role)
        for _ in range(2):
            turn_pages(product, Reader(world, role, make_session(random)), make_pages(random, world))


def turn_pages(product: Product, reader: Reader, args: Row) -> None:
    """All pages from the first to the last, and back."""

    def page(**where: Any) -> Any:
        return product.answer({"type": "select", "args": {**args, "page": {"total": True, **where}}}, reader.session)

    table = args["table"]
    try:
        reader.check_rows(args, table)
        limit = reader.rule(table).get("limit")
        rows = reader.rows_of(args, table, reader.world.rows[table], limited=False)
    except Refused:
        with pytest.raises(Refused):
            page()
        return
    size = args["limit"] if limit is None else min(limit, args["limit"])
    if size == 0:
        assert page()["rows"] == []
        return
    answer, start = page(), 0
    while True:
        assert answer["rows"] == rows[start : start + size], args
        assert answer["page"]["total"] == len(rows)
        if answer["page"]["next"] is None:
            break
        start += size
        answer = page(after=answer["page"]["next"])
    assert start + size >= len(rows)
    while start > 0:
        answer = page(before=answer["page"]["previous"])
        assert answer["rows"] == rows[max(0, start - size) : start], args
        start -= size
