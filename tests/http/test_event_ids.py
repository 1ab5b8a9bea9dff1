"""Messages of an event stream carry cursors as ids; a client that comes back with its last one misses nothing."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.live import EVENTS, Served, streamed
from support.records import record

pytestmark = pytest.mark.anyio

WITHOUT_CURSOR = "subscription { changed: sessionEvents { at: kind sessionId } }"
WITH_ALIAS = "subscription { sessionEvents { position: cursor cursor: kind sessionId } }"


class EventSource:
    """What a browser's EventSource does: it keeps the last id, and connects again with it."""

    def __init__(self, address: str, key: str, query: str) -> None:
        self._url = f"{address}/graphql"
        self._query = query
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
        self.last_event_id = ""

    async def read(self) -> AsyncIterator[dict[str, Any]]:
        """Connect and yield the data of `next` events; the caller leaves when it likes."""
        headers = self._headers | ({"Last-Event-ID": self.last_event_id} if self.last_event_id else {})
        async with (
            httpx.AsyncClient(timeout=20) as client,
            client.stream("GET", self._url, params={"query": self._query}, headers=headers) as response,
        ):
            assert response.status_code == 200
            data = ""
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last_event_id = value
                elif name == "data":
                    data = value
                elif not line and data:
                    yield orjson.loads(data)["data"]
                    data = ""


def is_changed(data: dict[str, Any], session: object) -> bool:
    (event,) = data.values()
    return bool(event["sessionId"] == str(session))


@pytest.mark.parametrize("query", [EVENTS, WITHOUT_CURSOR, WITH_ALIAS])
async def test_an_event_has_its_cursor_as_id_whatever_is_selected(
    served: Served, database: Database, bistro: Account, query: str
) -> None:
    key = await make_key(bistro)
    async with streamed(served.address, key, query) as stream:
        (first,) = await record(database, bistro, {})
        data = await stream.data()
        while not is_changed(data, first):
            data = await stream.data()
    (second,) = await record(database, bistro, {})

    async with streamed(served.address, key, EVENTS, after=stream.last_id) as later:
        assert is_changed(await next_of_session(later), second)


async def next_of_session(stream: Any) -> dict[str, Any]:
    """Return the data of the next event that is about a session."""
    while True:
        data: dict[str, Any] = await stream.data()
        (event,) = data.values()
        if event["sessionId"] is not None:
            return data


async def test_the_header_replaces_the_argument(served: Served, database: Database, bistro: Account) -> None:
    key = await make_key(bistro)
    async with streamed(served.address, key, EVENTS) as stream:
        (first,) = await record(database, bistro, {})
        assert is_changed(await next_of_session(stream), first)
        before = stream.last_id
        (second,) = await record(database, bistro, {})
        assert is_changed(await next_of_session(stream), second)
        (third,) = await record(database, bistro, {})

    async with streamed(served.address, key, EVENTS, last_event_id=stream.last_id, after=before) as resumed:
        assert is_changed(await next_of_session(resumed), third)


async def test_a_malformed_header_is_the_error_of_a_malformed_argument(served: Served, bistro: Account) -> None:
    key = await make_key(bistro)
    async with streamed(served.address, key, EVENTS, after="nonsense") as by_argument:
        expected = await by_argument.refusal()

    async with streamed(served.address, key, EVENTS, last_event_id="nonsense") as by_header:
        found = await by_header.refusal()

    assert found.pop("extensions") == expected.pop("extensions")
    assert found["message"] == expected["message"]


async def test_an_empty_header_starts_with_what_happens_from_now_on(
    served: Served, database: Database, bistro: Account
) -> None:
    await record(database, bistro, {})
    async with streamed(served.address, await make_key(bistro), EVENTS, last_event_id="") as stream:
        (one,) = await record(database, bistro, {})
        assert is_changed(await next_of_session(stream), one)


async def test_the_header_does_not_concern_a_query(served: Served, bistro: Account) -> None:
    async with streamed(
        served.address, await make_key(bistro), "{ viewer { role } }", last_event_id="nonsense"
    ) as stream:
        assert await stream.data() == {"viewer": {"role": "ADMIN"}}
        assert stream.last_id is None


async def test_another_subscription_has_no_ids(served: Served, bistro: Account) -> None:
    progress = 'subscription { exportProgress(id: "00000000-0000-4000-8000-000000000000") { id } }'
    async with streamed(served.address, await make_key(bistro), progress, last_event_id="nonsense") as stream:
        assert (await stream.refusal())["extensions"]["path"] == ["id"]
        assert stream.last_id is None


async def test_an_event_source_that_reconnects_after_every_event_misses_nothing(
    served: Served, database: Database, bistro: Account
) -> None:
    source = EventSource(served.address, await make_key(bistro), WITHOUT_CURSOR)
    expected: list[str] = []
    found: list[str] = []
    async with streamed(served.address, await make_key(bistro), EVENTS) as stream:
        expected += map(str, await record(database, bistro, {}))
        await next_of_session(stream)
        source.last_event_id = stream.last_id or ""
    expected += [str(id_) for _ in range(5) for id_ in await record(database, bistro, {})]

    while len(found) < 5:
        events = source.read()
        async for data in events:
            (event,) = data.values()
            if event["sessionId"] is not None:
                found.append(event["sessionId"])
                break
        await events.aclose()  # type: ignore[attr-defined]

    assert found == expected[1:]
