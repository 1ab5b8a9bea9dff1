"""Opening the file: by the link of a mail, or with a key; whatever is in the way, there is no such file."""

from uuid import uuid4

import httpx
import pytest

from session_graph.access.viewer import Role
from session_graph.exports.worker import Worker
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller, make_caller
from support.reports import ask_for_report, download, finished, read_row

pytestmark = pytest.mark.anyio


@pytest.fixture
async def owner(client: httpx.AsyncClient, account: Account) -> Caller:
    return await make_caller(client, account, Role.ADMIN, {"email": "ana@example.com"})


async def test_a_link_opens_without_a_key_and_each_opening_is_noted(
    client: httpx.AsyncClient, owner: Caller, worker: Worker, database: Database
) -> None:
    export_id = await ask_for_report(owner)
    export = await finished(owner, export_id)

    opened = await client.get(export["downloadUrl"])
    with_key = await download(client, owner, export_id)
    head = await client.head(export["downloadUrl"])

    assert opened.content == with_key.content
    assert len(opened.content) == export["bytes"] == int(head.headers["content-length"])
    assert opened.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert opened.headers["content-disposition"].startswith('attachment; filename="sessions-20')
    assert opened.headers["cache-control"] == "no-store"
    assert opened.headers["x-content-type-options"] == "nosniff"
    assert (head.status_code, head.content) == (200, b"")
    row = await read_row(database, export_id)
    noted = await database.fetch("select by from export_download where export_id = $1 order by at", row["id"])
    assert [note["by"].partition(" ")[0] for note in noted] == ["link", "admin"]


async def test_every_way_to_no_file_looks_the_same(client: httpx.AsyncClient, owner: Caller, worker: Worker) -> None:
    first, second = [await finished(owner, await ask_for_report(owner)) for _ in range(2)]
    url = first["downloadUrl"]
    start, account, export, name, signature = url.rsplit("/", 4)
    other = second["downloadUrl"].rsplit("/", 1)[1]
    wrong = [
        "/".join([start, account, export, name, other]),
        "/".join([start, account, second["id"], name, signature]),
        "/".join([start, str(uuid4()), export, name, signature]),
        "/".join([start, account, str(uuid4()), name, signature]),
        "/".join([start, account, export, name + "=", signature]),
        "/".join([start, account, export, name + "AA", signature]),
        "/".join([start, account, export, "_w", signature]),
        "/".join([start, account, export, "ü", signature]),
        "/".join([start, account, export, name, signature[:-1]]),
        "/".join([start, account, export, name, signature + "="]),
        "/".join([start, account, export, name, "ü"]),
    ]

    answers = [await client.get(address) for address in wrong]
    answers.append(await client.get(f"/exports/{uuid4()}", headers={"Authorization": f"Bearer {owner.key}"}))

    assert (await client.get(url)).status_code == 200
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, b"There is no such file, or it is not there any more.")
    }


async def test_without_a_key_there_is_no_saying(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/exports/{uuid4()}")

    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
