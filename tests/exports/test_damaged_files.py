"""A file that is not the one that was written is neither sent nor downloaded as if it were."""

import random

import httpx
import pytest

from session_graph.exports import csv_file
from session_graph.exports.csv_file import DamagedFile, read_file
from session_graph.exports.worker import Worker
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller
from support.records import record
from support.reports import RETRY, ask_for_report, download, finished, read_csv, read_row, working

pytestmark = pytest.mark.anyio

SENTENCE = "The file of the export is damaged or missing. Retry the export to write it again."
LOSE_ALL = "delete from export_chunk c where c.export_id = $1"
CHANGE = "update export_chunk c set data = set_byte(c.data, 40, 1 - get_byte(c.data, 40) % 2) where c.export_id = $1"
ANOTHER_FILE = "update session_export set sha256 = repeat('0', 64) where id = $1"
ANOTHER_SIZE = "update session_export set bytes = bytes + 1 where id = $1"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_BYTES", 300)
    monkeypatch.setattr(csv_file, "PIECE_BYTES", 1000)


@pytest.fixture
async def with_many_rows(owner: Caller, account: Account, database: Database) -> None:
    chance = random.Random(3)
    for _ in range(100):
        await record(database, account, {"summary": chance.randbytes(2_000).hex()})


async def write(owner: Caller, database: Database, url: str, settings: Settings) -> str:
    """Return the id of an export that is written, and that waits for a mail server to be sent."""
    export_id = await ask_for_report(owner)
    async with working(database, url, settings.model_copy(update={"mail": False})):
        await finished(owner, export_id, "SENDING")
    await database.execute("update export_delivery set run_at = now()")
    await database.execute("update session_export set run_at = now() where status = 'SENDING'")
    return export_id


@pytest.mark.parametrize("damage", [LOSE_ALL, CHANGE, ANOTHER_FILE, ANOTHER_SIZE])
async def test_a_damaged_file_is_not_sent_and_can_be_written_again(
    client: httpx.AsyncClient, owner: Caller, database: Database, database_url: str, outbox: Settings, damage: str
) -> None:
    export_id = await write(owner, database, database_url, outbox)
    await database.execute(damage, (await read_row(database, export_id))["id"])

    async with working(database, database_url, outbox):
        failed = await finished(owner, export_id)
        gone = await download(client, owner, export_id)
        await owner(RETRY, id=export_id)
        done = await finished(owner, export_id)

    assert (failed["status"], failed["error"], failed["downloadUrl"]) == ("FAILED", SENTENCE, None)
    assert gone.status_code == 404
    assert (done["status"], [d["status"] for d in done["deliveries"]]) == ("DONE", ["ACCEPTED"])
    assert outbox.outbox
    assert len(list(outbox.outbox.glob("*.eml"))) == 1


async def test_a_file_too_large_to_attach_is_checked_too(
    owner: Caller, database: Database, database_url: str, outbox: Settings
) -> None:
    linked = outbox.model_copy(update={"link_above_bytes": 0})
    export_id = await write(owner, database, database_url, linked)
    await database.execute(LOSE_ALL, (await read_row(database, export_id))["id"])

    async with working(database, database_url, linked):
        assert (await finished(owner, export_id))["error"] == SENTENCE


@pytest.mark.usefixtures("with_many_rows")
@pytest.mark.parametrize("knows_its_chunks", [True, False])
@pytest.mark.parametrize("position", [0, 1])
async def test_a_download_with_a_missing_chunk_is_refused_before_its_first_byte(
    client: httpx.AsyncClient,
    owner: Caller,
    worker: Worker,
    database: Database,
    knows_its_chunks: bool,
    position: int,
) -> None:
    export = await finished(owner, await ask_for_report(owner))
    row = await read_row(database, export["id"])
    assert row["chunk_count"] > 2
    await database.execute("delete from export_chunk where export_id = $1 and position = $2", row["id"], position)
    if not knows_its_chunks:
        await database.execute("update session_export set chunk_count = null where id = $1", row["id"])

    answers = await download(client, owner, export["id"]), await client.get(export["downloadUrl"])
    head = await client.head(export["downloadUrl"])

    assert [(answer.status_code, answer.text) for answer in answers] == [(410, SENTENCE)] * 2
    assert head.status_code == 410


@pytest.mark.usefixtures("with_many_rows")
async def test_a_file_without_its_last_chunk_is_known_by_their_number(
    client: httpx.AsyncClient, owner: Caller, worker: Worker, database: Database
) -> None:
    export = await finished(owner, await ask_for_report(owner))
    row = await read_row(database, export["id"])
    await database.execute(
        "delete from export_chunk where export_id = $1 and position = $2", row["id"], row["chunk_count"] - 1
    )

    assert (await download(client, owner, export["id"])).status_code == 410


@pytest.mark.usefixtures("with_many_rows")
async def test_a_changed_file_ends_before_its_last_piece(owner: Caller, worker: Worker, database: Database) -> None:
    export = await finished(owner, await ask_for_report(owner))
    csv = await read_csv(database, export["id"])
    await database.execute(ANOTHER_FILE, (await read_row(database, export["id"]))["id"])

    read = bytearray()

    async def read_all() -> None:
        async for piece in read_file(database, await read_row(database, export["id"])):
            read.extend(piece)

    with pytest.raises(DamagedFile):
        await read_all()

    assert 0 < len(read) < len(csv)
    assert csv.startswith(read)
