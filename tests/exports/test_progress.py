"""An export can be followed until it ends, by those who may see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

import httpx
import pytest

from session_graph.access.viewer import Role
from session_graph.exports.csv_file import Progress
from session_graph.exports.jobs import PROGRESS, Jobs
from session_graph.exports.progress import follow_export
from session_graph.exports.worker import Worker
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from session_graph.store.notifications import Listener
from support.api import Caller, make_caller
from support.live import Socket, connected, serving
from support.reports import CANCEL, RETRY, ask_for_report
from support.viewers import make_viewer

pytestmark = pytest.mark.anyio

FOLLOW = """
subscription ($id: ID!) {
  exportProgress(id: $id) { id status progress rowsWritten downloadUrl deliveries { recipient status } }
}
"""


@pytest.fixture
async def socket(database: Database, database_url: str, settings: Settings, owner: Caller) -> AsyncIterator[Socket]:
    async with serving(database, database_url, settings) as served, connected(served.address, owner.key) as opened:
        yield opened


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    listener = Listener(url, [PROGRESS])
    task = asyncio.create_task(listener.run())
    yield listener
    task.cancel()
    await asyncio.wait([task])


async def test_an_export_is_followed_until_it_is_sent(socket: Socket, owner: Caller, worker: Worker) -> None:
    export_id = await ask_for_report(owner)
    await socket.send(type="subscribe", id="1", payload={"query": FOLLOW, "variables": {"id": export_id}})

    exports = []
    while (message := await socket.next())["type"] == "next":
        exports.append(message["payload"]["data"]["exportProgress"])

    assert message == {"type": "complete", "id": "1"}
    assert {export["id"] for export in exports} == {export_id}
    last = exports[-1]
    assert (last["status"], last["progress"], last["rowsWritten"]) == ("DONE", 1.0, 1)
    assert last["deliveries"] == [{"recipient": "ana@example.com", "status": "ACCEPTED"}]
    assert last["downloadUrl"]
    order = ["QUEUED", "RUNNING", "SENDING", "DONE"]
    assert [export["status"] for export in exports] == sorted((e["status"] for e in exports), key=order.index)


async def test_an_export_that_has_ended_is_shown_once(socket: Socket, owner: Caller) -> None:
    export_id = await ask_for_report(owner)
    await owner(CANCEL, id=export_id)
    await socket.send(type="subscribe", id="1", payload={"query": FOLLOW, "variables": {"id": export_id}})

    assert (await socket.data())["exportProgress"]["status"] == "CANCELLED"
    assert await socket.next() == {"type": "complete", "id": "1"}


async def test_every_step_of_an_export_is_notified(
    database: Database, database_url: str, account: Account, owner: Caller
) -> None:
    """Each change notifies in its transaction; a heartbeat without progress does not."""
    jobs, export_id = Jobs(database), UUID(await ask_for_report(owner))
    async with listening(database_url) as listener:
        follow = follow_export(database, listener, make_viewer(account), export_id)
        async with aclosing(follow):

            async def next_() -> Row:
                async with asyncio.timeout(10):
                    return await anext(follow)

            assert (await next_())["status"] == "QUEUED"
            job = await jobs.claim_to_write(3)
            assert job
            assert (await next_())["status"] == "RUNNING"
            await jobs.heartbeat(job, None)
            await jobs.heartbeat(job, Progress(10, 4, 100))
            row = await next_()
            assert (row["row_count"], row["rows_written"]) == (10, 4)
            await owner(CANCEL, id=str(export_id))
            assert (await next_())["status"] == "CANCELLED"
            with pytest.raises(StopAsyncIteration):
                await next_()
        assert listener._topics == {}
    assert (await owner(RETRY, id=str(export_id))).data


@pytest.mark.parametrize("role", [Role.BUILDER, Role.PORTAL, Role.PARTNER, Role.RECORDER])
async def test_an_export_of_somebody_else_is_refused_like_an_unknown_one(
    client: httpx.AsyncClient,
    database: Database,
    database_url: str,
    settings: Settings,
    account: Account,
    owner: Caller,
    role: Role,
) -> None:
    export_id = await ask_for_report(owner)
    other = await make_caller(client, account, role)
    async with serving(database, database_url, settings) as served, connected(served.address, other.key) as socket:
        for id_ in (export_id, "01a200d1-2758-7d12-9185-6ec34a9464b6"):
            await socket.send(type="subscribe", id=id_, payload={"query": FOLLOW, "variables": {"id": id_}})
        refusals = [await socket.refusal(export_id), await socket.refusal("01a200d1-2758-7d12-9185-6ec34a9464b6")]

    assert refusals[0] == refusals[1]
    assert refusals[0]["extensions"] == {"code": "BAD_USER_INPUT", "path": ["id"]}
