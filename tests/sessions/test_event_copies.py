"""Cursors across dump and restore, failover and point-in-time recovery, with real servers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from session_graph.errors import StoreError
from session_graph.sessions.event_history import LogPosition, PositionLost, ReplicaBehind, mark_settled
from session_graph.sessions.event_log import Batch, EventKind, current_position, read_events, write_events
from session_graph.store.migration import migrate
from support.clusters import Cluster, new_cluster
from support.databases import Attached, attached

pytestmark = pytest.mark.anyio

ACCOUNT = UUID(int=1)
SECONDS = 60.0


@pytest.fixture(scope="module", params=[None, "/usr/lib/postgresql/15/bin"], ids=["18", "15"])
def programs(request: pytest.FixtureRequest) -> Path | None:
    """Return the folder of PostgreSQL's programs; None for the embedded ones."""
    folder = request.param and Path(request.param)
    if folder and not folder.is_dir():
        pytest.skip(f"needs PostgreSQL in {folder}")
    return folder


@pytest.fixture
def primary(programs: Path | None) -> Iterator[Cluster]:
    try:
        with new_cluster(programs) as cluster:
            yield cluster
    except StoreError as error:
        pytest.skip(str(error))


@pytest.fixture
async def log(primary: Cluster) -> AsyncIterator[Attached]:
    await migrate(primary.url)
    async with attached(primary.url) as opened:
        yield opened


async def write(log: Attached) -> UUID:
    id_ = uuid4()
    async with log.transaction() as connection:
        await write_events(connection, ACCOUNT, EventKind.CHANGED, [id_])
    return id_


async def read(log: Attached, after: LogPosition | None) -> Batch:
    async with asyncio.timeout(SECONDS):
        while (batch := await read_events(log, ACCOUNT, after, 1_000)).has_unsettled:  # noqa: ASYNC110 - nothing notifies of it
            await asyncio.sleep(0.02)
    return batch


async def read_ids(log: Attached, after: LogPosition | None) -> list[UUID]:
    return [event.session_id for event in (await read(log, after)).events]


async def end_of(log: Attached) -> LogPosition:
    return (await read(log, None)).end


async def make_quiet(log: Attached) -> LogPosition:
    """Return the position after all events, once a server has marked them."""
    position = await end_of(log)
    await mark_settled(log)
    return position


async def test_a_cursor_of_a_quiet_server_goes_on_after_dump_and_restore(primary: Cluster, log: Attached) -> None:
    one = await write(log)
    quiet = [await make_quiet(log), await current_position(log)]
    dump = primary.folder / "dump"
    primary.run("pg_dump", "-Fc", "-f", dump, primary.url)
    two = await write(log)
    beyond = await end_of(log)
    await log.execute("create database restored")
    primary.run("pg_restore", "-d", primary.database_url("restored"), dump)

    async with attached(primary.database_url("restored")) as restored:
        three = await write(restored)
        for position in quiet:
            assert await read_ids(restored, position) == [three]
        assert await read_ids(restored, None) == [one, three]
        with pytest.raises(PositionLost) as lost:
            await read(restored, beyond)
        assert lost.value.safe is not None
        assert await read_ids(restored, lost.value.safe) == [three]
        assert await read_ids(log, beyond) == []
    assert two not in (one, three)


async def test_a_dump_restored_over_its_own_database_is_noticed(primary: Cluster, log: Attached) -> None:
    one = await write(log)
    quiet = await make_quiet(log)
    dump = primary.folder / "dump"
    primary.run("pg_dump", "-Fc", "-f", dump, primary.url)
    await write(log)
    beyond = await make_quiet(log)

    primary.run("pg_restore", "--clean", "--if-exists", "-d", primary.url, dump)

    two = await write(log)
    assert await read_ids(log, quiet) == [two]
    assert await read_ids(log, None) == [one, two]
    with pytest.raises(PositionLost):
        await read(log, beyond)


async def replicated(log: Attached, standby: Attached) -> None:
    """Wait until the standby has all that the primary has."""
    row = await log.fetchrow("select pg_current_wal_lsn() as lsn")
    assert row
    async with asyncio.timeout(SECONDS):
        while not (await standby.fetch("select pg_last_wal_replay_lsn() >= $1::pg_lsn", row["lsn"]))[0][0]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_failover_that_loses_transactions_is_told_and_then_complete(primary: Cluster, log: Attached) -> None:
    one = await write(log)
    quiet = await make_quiet(log)
    with primary.standby() as standby:
        async with attached(standby.url) as copy:
            await replicated(log, copy)
        standby.stop()
        for _ in range(3):
            await write(log)
        lost_ones = await make_quiet(log)
        await log.connection.close()
        primary.kill()
        standby.start()
        standby.promote()

        async with attached(standby.url) as promoted:
            with pytest.raises(PositionLost) as lost:
                await read(promoted, lost_ones)
            new = [await write(promoted) for _ in range(12)]  # so that the numbers pass those that were lost
            with pytest.raises(PositionLost):
                await read(promoted, lost_ones)
            assert lost.value.safe is not None
            assert await read_ids(promoted, lost.value.safe) == new
            assert await read_ids(promoted, quiet) == new
            assert await read_ids(promoted, None) == [one, *new]


async def test_a_standby_is_read_and_nothing_is_written_there(primary: Cluster, log: Attached) -> None:
    one = await write(log)
    with primary.standby() as standby:
        async with attached(standby.url) as copy:
            await replicated(log, copy)
            await mark_settled(copy)
            assert await read_ids(copy, None) == [one]
            assert (await current_position(copy)).number == 1

            here = await end_of(log)
            ahead = LogPosition(here.number, here.history, here.xid + 1_000, here.seq)
            unknown = LogPosition(2, "f" * 16, here.xid, here.seq)
            for position in (ahead, unknown):
                with pytest.raises(ReplicaBehind):
                    await read(copy, position)
            two = await write(log)
            await replicated(log, copy)
            assert await read_ids(copy, here) == [two]


async def test_a_point_in_time_recovery_is_told(primary: Cluster, log: Attached) -> None:
    one = await write(log)
    quiet = await make_quiet(log)
    with primary.recovered() as recovered:
        await write(log)
        beyond = await make_quiet(log)
        async with attached(recovered.url) as copy:
            async with asyncio.timeout(SECONDS):
                while (await copy.fetch("select pg_is_in_recovery()"))[0][0]:  # noqa: ASYNC110 - nothing notifies of it
                    await asyncio.sleep(0.05)
            new = [await write(copy) for _ in range(12)]
            with pytest.raises(PositionLost):
                await read(copy, beyond)
            assert await read_ids(copy, quiet) == new
            assert await read_ids(copy, None) == [one, *new]
