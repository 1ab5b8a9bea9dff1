"""Downloads by a signed link or with a key; every refusal is the same 404."""

from uuid import uuid4

import httpx
import pytest

from session_graph.exports.worker import Worker
from session_graph.store.database import Database
from support.api import Caller
from support.reports import ask_for_report, download, finished, read_row

pytestmark = pytest.mark.anyio


async def test_a_link_needs_no_key_and_each_download_is_recorded(
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
    downloads = await database.fetch("select by from export_download where export_id = $1 order by at", row["id"])
    assert [row["by"].partition(" ")[0] for row in downloads] == ["link", "admin"]


async def test_every_wrong_link_gets_the_same_answer(client: httpx.AsyncClient, owner: Caller, worker: Worker) -> None:
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


async def test_a_download_without_link_or_key_is_unauthenticated(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/exports/{uuid4()}")

    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
