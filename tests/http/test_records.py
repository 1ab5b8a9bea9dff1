"""POST /records: a line of result for each line, in order; what concerns the whole is the last line."""

import gzip
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from session_graph.access.viewer import Role
from session_graph.http import records
from session_graph.http.access_log import LOGGER
from session_graph.http.app import create_app
from session_graph.sessions.json_lines import LONGEST
from session_graph.sessions.record_batch import MAX_PROBLEMS
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
RECORD = {**PARTY_OF_FOUR, **MONDAY_IN_HOURS}


def line(**changes: Any) -> bytes:
    return orjson.dumps({"id": str(uuid4()), **RECORD, **changes})


def id_of(text: bytes) -> str:
    id_: str = orjson.loads(text)["id"]
    return id_


class Sender:
    """Sends records with a key."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self._client = client
        self._key = key

    async def respond(self, body: Any, content_type: str = "application/x-ndjson", **headers: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": content_type, **headers}
        return await self._client.post("/records", content=body, headers=headers)

    async def send(self, *lines: bytes) -> list[Json]:
        response = await self.respond(b"\n".join(lines))
        assert response.status_code == 200
        return read(response)


def read(response: httpx.Response) -> list[Json]:
    assert response.text.endswith("\n") or not response.text
    return [orjson.loads(text) for text in response.text.splitlines()]


@pytest.fixture
async def sender(client: httpx.AsyncClient, bistro: Account) -> Sender:
    return Sender(client, await make_key(bistro, Role.RECORDER))


async def count(database: Database, account: Account) -> int:
    row = await database.fetchrow("select count(*) from session where account_id = $1", account.id)
    assert row
    return int(row[0])


async def test_each_line_has_a_line_of_result_in_order(sender: Sender) -> None:
    known = line()
    await sender.send(known)
    new = line()

    response = await sender.respond(b"\n".join([new, known, b"{not json", b"", line(agent="nobody", units=1)]))

    assert response.headers["content-type"] == "application/x-ndjson"
    first, second, third, fifth = read(response)
    accepted: Json = {"errors": [], "warnings": []}
    assert first == {"line": 1, "sessionId": id_of(new), "status": "RECORDED", **accepted}
    assert second == {"line": 2, "sessionId": id_of(known), "status": "DUPLICATE", **accepted}
    assert (third["line"], third["sessionId"], third["status"]) == (3, None, "REFUSED")
    assert (third["errors"][0]["path"], third["errors"][0]["message"][:13]) == ([], "is not JSON: ")
    assert fifth["line"] == 5
    assert fifth["errors"] == [{"path": ["agent"], "message": "agent is not the idn of an agent of this account"}]


async def test_every_problem_of_a_line_has_its_path(sender: Sender) -> None:
    (result,) = await sender.send(line(channel="FAX", colour="red", transcript=[{"speaker": "USER", "text": True}]))

    paths = [error["path"] for error in result["errors"]]
    assert paths == [["channel"], ["transcript", "0", "text"], ["colour"]]
    assert all(error["message"].startswith(".".join(error["path"])) for error in result["errors"])


async def test_of_a_line_with_very_many_problems_the_first_are_told(sender: Sender) -> None:
    (result,) = await sender.send(line(**{f"unknown{number}": 1 for number in range(1000)}))

    assert len(result["errors"]) == MAX_PROBLEMS


async def test_the_same_lines_again_record_nothing(sender: Sender, database: Database, bistro: Account) -> None:
    lines = [line() for _ in range(records.BATCH * 2 + 1)]

    first, again = await sender.send(*lines), await sender.send(*lines)

    assert {result["status"] for result in first} == {"RECORDED"}
    assert {result["status"] for result in again} == {"DUPLICATE"}
    assert [result["sessionId"] for result in again] == [id_of(text) for text in lines]
    assert [result["line"] for result in again] == list(range(1, len(lines) + 1))
    assert await count(database, bistro) == len(lines)


@pytest.mark.parametrize("content_type", ["application/x-ndjson; charset=utf-8", "application/jsonl"])
async def test_the_body_may_be_packed(sender: Sender, content_type: str) -> None:
    packed = gzip.compress(line() + b"\n") + gzip.compress(line())

    response = await sender.respond(packed, content_type, **{"Content-Encoding": "gzip"})

    assert [result["status"] for result in read(response)] == ["RECORDED", "RECORDED"]


async def test_a_body_may_come_in_pieces_of_any_size(sender: Sender) -> None:
    whole = line(summary="Zoë") + b"\r\n\r\n" + line()

    async def pieces() -> AsyncIterator[bytes]:
        for index in range(0, len(whole), 7):
            yield whole[index : index + 7]

    results = read(await sender.respond(pieces()))

    assert [(result["line"], result["status"]) for result in results] == [(1, "RECORDED"), (3, "RECORDED")]


@pytest.mark.parametrize("body", [b"", b"\n \n"])
async def test_an_empty_body_has_an_empty_response(sender: Sender, body: bytes) -> None:
    response = await sender.respond(body)

    assert (response.status_code, response.content) == (200, b"")


async def test_a_line_that_is_too_long_is_refused_alone(sender: Sender) -> None:
    results = await sender.send(line(), b"x" * (LONGEST + 1), line())

    assert [result["status"] for result in results] == ["RECORDED", "REFUSED", "RECORDED"]
    assert results[1]["errors"] == [{"path": [], "message": "is longer than 16,777,216 bytes"}]


async def test_damage_ends_the_response_with_the_line_where_it_is(
    sender: Sender, database: Database, bistro: Account
) -> None:
    packed = gzip.compress(b"\n".join(line() for _ in range(3)), compresslevel=0)

    response = await sender.respond(packed[:-100], **{"Content-Encoding": "gzip"})

    assert response.status_code == 200
    *results, last = read(response)
    assert [result["status"] for result in results] == ["RECORDED", "RECORDED"]
    message = "The gzip data is damaged: it ends too early"
    assert last == {"error": {"code": "BAD_USER_INPUT", "message": message, "line": 3}}
    assert await count(database, bistro) == 2


async def test_a_database_that_stays_away_ends_the_response(
    sender: Sender, database: Database, bistro: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "LIMITS", replace(records.LIMITS, patience=0))
    lines = [line() for _ in range(records.BATCH + 1)]
    real, calls = database.transaction, 0

    def transaction() -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ConnectionRefusedError
        return real()

    monkeypatch.setattr(database, "transaction", transaction)
    *results, last = await sender.send(*lines)

    assert [result["status"] for result in results] == ["RECORDED"] * records.BATCH
    assert (last["error"]["code"], last["error"]["line"]) == ("UNAVAILABLE", records.BATCH + 1)
    assert await count(database, bistro) == records.BATCH


async def test_an_unexpected_error_is_logged_and_has_an_id(
    sender: Sender, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def transaction() -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(database, "transaction", transaction)
    (last,) = await sender.send(line())

    assert (last["error"]["code"], last["error"]["line"]) == ("INTERNAL", 1)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.ADMIN, Role.RECORDER)])
async def test_others_than_recorders_are_refused(
    client: httpx.AsyncClient, database: Database, bistro: Account, role: Role
) -> None:
    response = await Sender(client, await make_key(bistro, role)).respond(line())

    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await count(database, bistro) == 0


async def test_without_a_key_nothing_is_read(client: httpx.AsyncClient) -> None:
    response = await Sender(client, "sg_wrong").respond(line())

    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/json", "identity"),
        ("text/csv", "identity"),
        ("application/x-ndjson; charset=latin-1", "identity"),
        ("application/x-ndjson", "br"),
        ("application/x-ndjson", "gzip, gzip"),
    ],
)
async def test_other_media_types_and_encodings_are_refused(sender: Sender, content_type: str, encoding: str) -> None:
    response = await sender.respond(line(), content_type, **{"Content-Encoding": encoding})

    assert response.status_code == 415
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_records_are_only_posted(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/records")

    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_the_access_line_names_who_recorded(
    sender: Sender, bistro: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER.name)

    response = await sender.respond(b"\x1f\x8b...", **{"Content-Encoding": "gzip", "X-Request-Id": "of-today"})

    (access,) = [record.__dict__ for record in caplog.records if record.name == LOGGER.name]
    assert response.headers["x-request-id"] == access["request_id"] == "of-today"
    assert (access["path"], access["method"], access["status"]) == ("/records", "POST", 200)
    assert (access["account"], access["role"], access["codes"]) == (bistro.idn, "RECORDER", ["BAD_USER_INPUT"])


async def test_pages_of_an_allowed_origin_may_send_records(database: Database, settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": ("https://app.example.com",)}), database)
    asked = {
        "Origin": "https://app.example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-encoding,content-type",
    }

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as browser:
        response = await browser.options("/records", headers=asked)

    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "https://app.example.com"
