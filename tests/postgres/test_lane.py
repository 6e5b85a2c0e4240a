"""The read lane: many reads on few connections, each alone with its error, whole again after anything."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import psycopg
import pytest
from tests.support import Cluster, eventually, private_cluster, run, start_postgres, stop_postgres

from howdah.postgres.connect import ConnectOptions, connect
from howdah.postgres.errors import DatabaseError, DatabaseUnavailable, DatabaseUnreachable, PoolExhausted
from howdah.postgres.lane import LARGEST_GROUP, Lane

ONE = "select to_json(1)"
ECHO = "select to_json($1::text)"
DIVIDE = "select to_json(1 / $1::integer)"
PROCESS = "select to_json(pg_backend_pid())"
SLEEP = "select to_json(1) from pg_sleep($1::float)"


@asynccontextmanager
async def a_lane(
    dsn: str, *, size: int = 2, slow_size: int = 1, wait_timeout: float = 5.0, statements: int = 256
) -> AsyncIterator[Lane]:
    options = ConnectOptions(connect_timeout=2, statement_timeout=20, prepared_statements=statements)
    lane = Lane(partial(connect, dsn, options), name="test", size=size, slow_size=slow_size, wait_timeout=wait_timeout)
    await lane.start()
    try:
        yield lane
    finally:
        await lane.close()


def with_lane(dsn: str, work: Callable[[Lane], Awaitable[None]], **keywords: float) -> None:
    async def scenario() -> None:
        async with a_lane(dsn, **keywords) as lane:  # type: ignore[arg-type]
            await work(lane)

    run(scenario())


def test_every_reader_gets_its_own_answer(database: str) -> None:
    """A thousand reads at once over two connections come back each to the one who asked."""

    async def scenario(lane: Lane) -> None:
        answers = await asyncio.gather(*(lane.submit(ECHO, [b"%d" % number]) for number in range(1000)))
        assert answers == [b'"%d"' % number for number in range(1000)]
        assert lane.open_connections <= 2

    with_lane(database, scenario)


async def warm(lane: Lane, text: str, parameters: list[bytes]) -> None:
    """The lane knows the statement well enough to let its reads go together."""
    for _ in range(5):
        await lane.submit(text, parameters)


def test_reads_that_wait_go_together(database: str) -> None:
    """Known reads that are there at once share a transaction, so they cost Postgres and us less."""

    async def scenario(lane: Lane) -> None:
        transaction = "select to_json(now()::text || $1::text)"
        await warm(lane, transaction, [b""])
        assert len(set(await asyncio.gather(*(lane.submit(transaction, [b""]) for _ in range(8))))) == 1

    with_lane(database, scenario, size=1)


def test_only_reads_of_one_statement_share_a_transaction(database: str) -> None:
    """Two statements never hold locks on each other's tables: each is a transaction of its own."""

    async def scenario(lane: Lane) -> None:
        one, other = (f"select to_json(now()::text || $1::text) as n{number}" for number in (1, 2))
        for text in (one, other):
            await warm(lane, text, [b""])
        found = await asyncio.gather(*(lane.submit(text, [b""]) for text in (one, other)))
        assert found[0] != found[1]

    with_lane(database, scenario, size=1)


def test_an_error_ends_only_its_own_read(database: str) -> None:
    """A read that fails fails alone, whoever went together with it: the others get their answers."""

    async def scenario(lane: Lane) -> None:
        await warm(lane, DIVIDE, [b"1"])
        for place in range(8):
            reads = [lane.submit(DIVIDE, [b"0" if number == place else b"1"]) for number in range(8)]
            results = await asyncio.gather(*reads, return_exceptions=True)
            failed = results.pop(place)
            assert isinstance(failed, DatabaseError)
            assert failed.sqlstate == "22012"
            assert results == [b"1"] * 7

    with_lane(database, scenario, size=1)


def test_a_read_that_cannot_be_read_fails_alone(database: str) -> None:
    """A value that its type cannot hold (refused before the statement runs) does not concern the other reads."""

    async def scenario(lane: Lane) -> None:
        await warm(lane, DIVIDE, [b"1"])
        results = await asyncio.gather(*(lane.submit(DIVIDE, [n]) for n in (b"1", b"x", b"1")), return_exceptions=True)
        assert results[0] == results[2] == b"1"
        assert isinstance(results[1], DatabaseError)
        assert results[1].sqlstate == "22P02"

    with_lane(database, scenario, size=1)


def test_a_statement_that_fails_again_and_again_delays_nobody(database: str) -> None:
    """While a statement keeps failing, its reads are asked once and alone; others are answered meanwhile."""

    async def scenario(lane: Lane) -> None:
        for text, value in ((DIVIDE, b"1"), (ECHO, b"1")):
            await warm(lane, text, [value])
        storm = [lane.submit(DIVIDE, [b"0"]) for _ in range(500)]
        readers = [lane.submit(ECHO, [b"x"]) for _ in range(50)]
        assert await asyncio.gather(*readers) == [b'"x"'] * 50
        assert sum(read.done() for read in storm) < 250
        results = await asyncio.gather(*storm, return_exceptions=True)
        assert all(isinstance(result, DatabaseError) for result in results)

    with_lane(database, scenario, size=1)


def test_a_failure_leaves_no_statement_behind(database: str) -> None:
    """A value that fails does not cost the statement its name: Postgres is not made to prepare, and keep, another."""

    async def scenario(lane: Lane) -> None:
        await asyncio.gather(*(lane.submit(DIVIDE, [b"0"]) for _ in range(100)), return_exceptions=True)
        await asyncio.gather(*(lane.submit("select nonsense") for _ in range(100)), return_exceptions=True)
        assert int(await lane.submit("select to_json(count(*)) from pg_prepared_statements")) <= 2

    with_lane(database, scenario, size=1)


def test_the_statement_timeout_counts_for_each_read(database: str) -> None:
    """Reads that go together have the time for a statement each, and one that takes longer fails alone."""

    async def scenario() -> None:
        options = ConnectOptions(statement_timeout=0.3)
        lane = Lane(partial(connect, database, options), name="short", size=1)
        await lane.start()
        await warm(lane, SLEEP, [b"0"])
        naps = await asyncio.gather(*(lane.submit(SLEEP, [b"0.1"]) for _ in range(6)))
        assert naps == [b"1"] * 6
        results = await asyncio.gather(*(lane.submit(SLEEP, [n]) for n in (b"0", b"2", b"0")), return_exceptions=True)
        assert results[0] == results[2] == b"1"
        assert isinstance(results[1], DatabaseError)
        assert results[1].sqlstate == "57014"
        await lane.close()

    run(scenario())


def test_an_error_ends_only_its_own_read_of_many(database: str) -> None:
    """Failing reads between good ones fail alone, on every connection at once."""

    async def scenario(lane: Lane) -> None:
        numbers = [b"%d" % (number % 3) for number in range(300)]
        results = await asyncio.gather(*(lane.submit(DIVIDE, [n]) for n in numbers), return_exceptions=True)
        for number, result in zip(numbers, results, strict=True):
            if number == b"0":
                assert isinstance(result, DatabaseError)
                assert result.sqlstate == "22012"
            else:
                assert result == b"%d" % (1 // int(number))

    with_lane(database, scenario)


def test_a_statement_that_cannot_be_prepared_fails_for_all_who_asked(database: str) -> None:
    """Readers of a statement that Postgres does not understand each get its error, and the lane goes on."""

    async def scenario(lane: Lane) -> None:
        results = await asyncio.gather(*(lane.submit("select nonsense", []) for _ in range(10)), return_exceptions=True)
        assert {result.sqlstate for result in results if isinstance(result, DatabaseError)} == {"42703"}
        assert len(results) == 10
        assert await lane.submit(ONE) == b"1"

    with_lane(database, scenario)


def test_a_changed_schema_is_not_an_error(database: str) -> None:
    """A prepared read whose table changed under it is prepared anew ("cached plan must not change result type")."""

    async def scenario(lane: Lane) -> None:
        async with await connect(database) as owner:
            await owner.script("create table thing (a integer); insert into thing values (1)")
            read = "select thing from thing"
            assert await asyncio.gather(*(lane.submit(read) for _ in range(8))) == [b"(1)"] * 8
            await owner.script("alter table thing add column b integer default 2")
            assert await asyncio.gather(*(lane.submit(read) for _ in range(8))) == [b"(1,2)"] * 8
            await owner.script("alter table thing alter column a type text")
            read_column = "select to_json(a) from thing"
            assert await lane.submit(read_column) == b'"1"'
            await owner.script("alter table thing alter column a type integer using a::integer")
            assert await asyncio.gather(*(lane.submit(read_column) for _ in range(8))) == [b"1"] * 8

    with_lane(database, scenario)


def test_prepared_statements_are_bounded(database: str) -> None:
    """The least recently used statement makes room, in the server too, and is prepared again when it comes back."""

    async def scenario(lane: Lane) -> None:
        for _ in range(2):
            for number in range(50):
                assert await lane.submit(f"select to_json({number})") == b"%d" % number
        held = int(await lane.submit("select to_json(count(*)) from pg_prepared_statements"))
        assert held <= 10

    with_lane(database, scenario, size=1, statements=10)


def test_a_value_with_a_nul_is_refused(database: str) -> None:
    """A parameter would be cut at a NUL by libpq: it is refused before it is sent."""

    async def scenario(lane: Lane) -> None:
        with pytest.raises(DatabaseError) as caught:
            await lane.submit(ECHO, [b"a\0b"])
        assert caught.value.sqlstate == "22021"
        assert await lane.submit(ECHO, [b"ab"]) == b'"ab"'

    with_lane(database, scenario)


def test_a_slow_statement_moves_out_of_the_way(database: str) -> None:
    """Once a statement has shown itself slow it runs on the slow connections, and fast reads do not wait for it."""

    async def scenario(lane: Lane) -> None:
        for _ in range(6):
            await lane.submit(SLEEP, [b"0.03"])
        fast = {await lane.submit(PROCESS)}
        slow = asyncio.ensure_future(lane.submit(SLEEP, [b"1.5"]))
        await asyncio.sleep(0.01)
        for _ in range(50):
            fast.add(await lane.submit(PROCESS))
        assert not slow.done()
        assert len(fast) == 1
        slow.cancel()

    with_lane(database, scenario, size=1, slow_size=1)


def test_more_reads_than_places_wait_their_turn(database: str) -> None:
    """Reads beyond what the connections may have in flight are answered later, none is lost."""

    async def scenario(lane: Lane) -> None:
        answers = await asyncio.gather(*(lane.submit(ECHO, [b"%d" % number]) for number in range(LARGEST_GROUP * 8)))
        assert answers == [b'"%d"' % number for number in range(LARGEST_GROUP * 8)]

    with_lane(database, scenario, size=1)


def test_waiting_for_a_place_has_an_end(database: str) -> None:
    """Who finds no place in time is told so, and the others still get their answers."""

    async def scenario(lane: Lane) -> None:
        sleeper = lane.submit(SLEEP, [b"1"])
        await asyncio.sleep(0.05)
        late = [lane.submit(ONE) for _ in range(20)]
        for result in await asyncio.gather(*late, return_exceptions=True):
            assert isinstance(result, PoolExhausted)
        assert await sleeper == b"1"
        assert await lane.submit(ONE) == b"1"

    with_lane(database, scenario, size=1, wait_timeout=0.3)


def test_a_reader_that_goes_away_disturbs_nobody(database: str) -> None:
    """Cancelled reads end by themselves; those behind them in the pipeline get their answers."""

    async def scenario(lane: Lane) -> None:
        gone = [asyncio.ensure_future(lane.submit(SLEEP, [b"0.01"])) for _ in range(10)]
        await asyncio.sleep(0)
        for reader in gone:
            reader.cancel()
        answers = await asyncio.gather(*(lane.submit(ECHO, [b"%d" % number]) for number in range(20)))
        assert answers == [b'"%d"' % number for number in range(20)]

    with_lane(database, scenario, size=1)


def test_a_reader_that_leaves_early_costs_nothing(database: str) -> None:
    """A read that is cancelled before it was sent is never asked."""

    async def scenario(lane: Lane) -> None:
        async with await connect(database) as owner:
            await owner.script("create sequence counted")
        count = "select to_json(nextval('counted'))"
        assert await lane.submit(count) == b"1"
        sleeper = lane.submit(SLEEP, [b"0.2"])
        await asyncio.sleep(0.05)
        gone = [lane.submit(count) for _ in range(10)]
        for read in gone:
            read.cancel()
        assert await sleeper == b"1"
        assert await lane.submit(count) == b"2"

    with_lane(database, scenario, size=1)


def test_nothing_waits_behind_a_slow_statement(database: str) -> None:
    """A statement nobody knows yet may take long: reads that come later go to the other connections."""

    async def scenario(lane: Lane) -> None:
        slow = lane.submit(SLEEP, [b"1"])
        await asyncio.sleep(0.05)
        async with asyncio.timeout(0.5):
            assert await asyncio.gather(*(lane.submit(ECHO, [b"x"]) for _ in range(200))) == [b'"x"'] * 200
        assert not slow.done()
        assert await slow == b"1"

    with_lane(database, scenario, size=2)


def test_quick_statements_follow_one_another_to_a_server_far_away(cluster: Cluster, database: str) -> None:
    """Where an answer takes long to arrive several groups are under way, but none behind a statement nobody knows."""

    async def scenario() -> None:
        async with far_away(cluster, 0.01) as folder:
            dsn = database.replace(str(cluster.directory), folder)
            async with a_lane(dsn, size=1, slow_size=1) as lane:
                texts = [f"select to_json({number})" for number in range(6)]
                for _ in range(3):
                    for text in texts:
                        await lane.submit(text)
                for statement in lane._statements.values():
                    statement.seconds = 0.0  # on a busy machine they seemed slower than they are
                reads = [lane.submit(text) for text in texts]
                await asyncio.sleep(0)
                assert lane._fast.live[0].in_flight == len(texts)
                assert await asyncio.gather(*reads) == [b"%d" % number for number in range(6)]
                unknown = [lane.submit(f"select to_json({number} + 1)") for number in range(6)]
                await asyncio.sleep(0)
                assert lane._fast.live[0].in_flight == 1
                assert await asyncio.gather(*unknown) == [b"%d" % (number + 1) for number in range(6)]

    run(scenario())


def test_to_a_server_nearby_groups_go_one_after_the_other(database: str) -> None:
    """Where it answers at once, what waits is gathered here meanwhile."""

    async def scenario(lane: Lane) -> None:
        texts = [f"select to_json({number})" for number in range(6)]
        for _ in range(20):
            for text in texts:
                await lane.submit(text)
        lane._fast.live[0]._round_trip = 0.0002
        reads = [lane.submit(text) for text in texts]
        await asyncio.sleep(0)
        assert lane._fast.live[0].in_flight == 1
        await asyncio.gather(*reads)

    with_lane(database, scenario, size=1)


@asynccontextmanager
async def far_away(cluster: Cluster, seconds: float) -> AsyncIterator[str]:
    """A folder with a socket behind which the cluster is, answers taking that much longer."""
    folder = tempfile.mkdtemp(prefix="hwd-")
    writers: list[asyncio.StreamWriter] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
        while data := await reader.read(65536):
            if delay:
                asyncio.get_running_loop().call_later(delay, writer.write, data)
            else:
                writer.write(data)

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(f"{cluster.directory}/.s.PGSQL.5432")
        writers.extend((writer, far_writer))
        await asyncio.gather(pass_on(reader, far_writer, 0), pass_on(far_reader, writer, seconds))

    server = await asyncio.start_unix_server(accepted, f"{folder}/.s.PGSQL.5432")
    try:
        yield folder
    finally:
        server.close()
        for writer in writers:
            writer.close()
        shutil.rmtree(folder)


def test_a_lost_connection_costs_no_read(database: str) -> None:
    """Reads in flight on a connection that Postgres ends are asked again on another one, and it is replaced."""

    async def scenario(lane: Lane) -> None:
        processes = {int(await lane.submit(PROCESS)) for _ in range(20)}
        readers = [asyncio.ensure_future(lane.submit(SLEEP, [b"0.01"])) for _ in range(40)]
        await asyncio.sleep(0.02)
        async with await connect(database) as owner:
            await owner.script(f"select pg_terminate_backend({next(iter(processes))})")
        assert await asyncio.gather(*readers) == [b"1"] * 40
        await eventually(lambda: lane.open_connections >= 2)

    with_lane(database, scenario)


def test_a_restarted_postgres_is_found_again() -> None:
    """After Postgres was killed and started again the lane works by itself; meanwhile readers are told, in time."""
    with private_cluster() as (cluster, process):

        async def scenario() -> None:
            async with a_lane(cluster.dsn(), wait_timeout=0.5) as lane:
                assert await lane.submit(ONE) == b"1"
                stop_postgres(process, signal.SIGQUIT)
                with pytest.raises(DatabaseUnavailable):
                    await lane.submit(ONE)
                await eventually(lambda: not lane.reachable)
                restarted = start_postgres(cluster)
                try:

                    async def answers() -> bool:
                        try:
                            return await lane.submit(ONE) == b"1"
                        except DatabaseUnavailable:
                            return False

                    assert await eventually(answers)
                    assert await asyncio.gather(*(lane.submit(ONE) for _ in range(200))) == [b"1"] * 200
                finally:
                    stop_postgres(restarted)

        run(scenario())


def test_an_unreachable_database_is_told_at_start(cluster: Cluster) -> None:
    """A lane does not start on a database it cannot reach."""

    async def scenario() -> None:
        with pytest.raises(DatabaseUnreachable):
            async with a_lane(f"host={cluster.directory}/nowhere"):
                pass

    run(scenario())


def test_closing_answers_those_who_wait(database: str) -> None:
    """Nobody waits for ever on a lane that was closed."""

    async def scenario() -> None:
        async with a_lane(database, size=1) as lane:
            readers = [asyncio.ensure_future(lane.submit(SLEEP, [b"5"])) for _ in range(3)]
            await asyncio.sleep(0.05)
        results = await asyncio.gather(*readers, return_exceptions=True)
        assert all(isinstance(result, DatabaseUnavailable) for result in results)
        with pytest.raises(DatabaseUnavailable):
            await lane.submit(ONE)

    run(scenario())


def test_a_large_answer_and_a_large_question_pass_through(database: str) -> None:
    """Megabytes in either direction go through the pipeline beside small reads."""

    async def scenario(lane: Lane) -> None:
        large = b"x" * 3_000_000
        large_reads = [lane.submit("select to_json(length($1::text))", [large]) for _ in range(4)]
        wide_reads = [lane.submit("select to_json(repeat('y', $1::integer))", [b"2000000"]) for _ in range(4)]
        small_reads = [lane.submit(ONE) for _ in range(50)]
        lengths, wide, small = await asyncio.gather(
            asyncio.gather(*large_reads), asyncio.gather(*wide_reads), asyncio.gather(*small_reads)
        )
        assert lengths == [b"3000000"] * 4
        assert {len(answer) for answer in wide} == {2_000_002}
        assert small == [b"1"] * 50

    with_lane(database, scenario)


def test_a_lane_works_for_a_role_that_may_only_read(cluster: Cluster, database: str) -> None:
    """A refusal by Postgres (42501) reaches the reader like any other error."""

    async def scenario() -> None:
        async with await connect(database) as owner:
            await owner.script("create table secret (a integer)")
        async with a_lane(database) as lane:
            assert await lane.submit("select to_json(count(*)) from secret") == b"0"
        with psycopg.connect(database, autocommit=True) as admin:
            role = f"reader_{admin.info.backend_pid}"
            admin.execute(f"create role {role}".encode())
        options = ConnectOptions(role=role)
        lane = Lane(partial(connect, database, options), name="reader")
        await lane.start()
        with pytest.raises(DatabaseError) as caught:
            await lane.submit("select to_json(count(*)) from secret")
        assert caught.value.sqlstate == "42501"
        await lane.close()
        cluster.execute(f"drop role {role}")

    run(scenario())
