"""The records of exports end, in bounded batches, after their files."""

import asyncio
from collections.abc import Sequence

import pytest

from session_graph.errors import SettingError
from session_graph.exports import sweeping
from session_graph.exports.requests import ExportStatus
from session_graph.exports.sweeping import Sweeper
from session_graph.exports.worker import Worker
from session_graph.settings import Settings, load_settings
from session_graph.store.database import Database
from support.api import Caller
from support.reports import ask_for_report, finished

pytestmark = pytest.mark.anyio

TABLES = {
    "session_export": "id",
    "export_delivery": "export_id",
    "export_download": "export_id",
    "export_chunk": "export_id",
}
ENDED = [ExportStatus.DONE, ExportStatus.FAILED, ExportStatus.CANCELLED, ExportStatus.EXPIRED]


@pytest.fixture
def sweeper(database: Database, settings: Settings) -> Sweeper:
    return Sweeper(database, settings)


async def age(database: Database, days: int, export_ids: Sequence[str]) -> None:
    await database.execute(
        "update session_export set finished_at = now() - make_interval(days => $1),"
        " expires_at = expires_at - make_interval(days => $1) where id::text = any ($2)",
        days,
        export_ids,
    )


async def tables_with(database: Database, export_id: str) -> list[str]:
    return [
        table
        for table, column in TABLES.items()
        if await database.fetch(f"select from {table} where {column}::text = $1", export_id)
    ]


async def test_nothing_of_an_export_is_left_after_ninety_days(
    owner: Caller, worker: Worker, sweeper: Sweeper, database: Database
) -> None:
    old, kept = [await ask_for_report(owner, idempotencyKey=key) for key in ("old", "kept")]
    for export_id in (old, kept):
        link = (await finished(owner, export_id))["downloadUrl"]
        assert (await owner.client.get(link)).status_code == 200
    await age(database, 90, [old])
    await age(database, 89, [kept])

    await sweeper.sweep()

    assert await tables_with(database, old) == []
    assert await tables_with(database, kept) == ["session_export", "export_delivery", "export_download"]
    assert await ask_for_report(owner, idempotencyKey="kept") == kept
    assert await ask_for_report(owner, idempotencyKey="old") != old


@pytest.mark.parametrize("status", list(ExportStatus))
async def test_only_an_export_that_has_ended_is_forgotten(
    owner: Caller, sweeper: Sweeper, database: Database, status: ExportStatus
) -> None:
    export_id = await ask_for_report(owner)
    await age(database, 1000, [export_id])
    await database.execute("update session_export set status = $1 where id::text = $2", status.value, export_id)

    await sweeper.sweep()

    assert (await tables_with(database, export_id) == []) == (status in ENDED)


async def test_several_processes_sweep_in_batches_at_once(
    monkeypatch: pytest.MonkeyPatch, owner: Caller, sweeper: Sweeper, database: Database
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 3)
    exports = [await ask_for_report(owner) for _ in range(10)]
    await age(database, 91, exports)
    await database.execute("update session_export set status = 'FAILED' where id::text = any ($1)", exports)

    await asyncio.gather(*(sweeper.sweep() for _ in range(3)))
    await sweeper.sweep()

    assert [await tables_with(database, export_id) for export_id in exports] == [[]] * 10


async def test_a_file_that_ends_frees_its_chunks_at_once(
    owner: Caller, worker: Worker, sweeper: Sweeper, database: Database
) -> None:
    export_id = await ask_for_report(owner)
    await finished(owner, export_id)
    assert "export_chunk" in await tables_with(database, export_id)
    await age(database, 8, [export_id])

    await sweeper.sweep()

    assert "export_chunk" not in await tables_with(database, export_id)


def test_a_record_is_kept_no_shorter_than_its_file() -> None:
    with pytest.raises(SettingError) as caught:
        load_settings(export_days=30, export_record_days=29)

    assert "EXPORT_RECORD_DAYS is smaller than" in caught.value.message
