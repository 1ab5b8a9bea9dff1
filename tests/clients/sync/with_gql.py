"""Keep a copy of the sessions in a file: pull, then subscribe, and again whenever the subscription ends."""

import asyncio
import json
import os
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

URL = f"{os.environ['SERVER']}/graphql"
HEADERS = {"Authorization": f"Bearer {os.environ['KEY']}"}
FILE = Path(os.environ["COPY"])
SESSION = "id version contact asr comment"
EVENT = f"kind sessionId cursor session {{ {SESSION} }}"
PULL = f"""
query Pull($after: String) {{
  sessionEvents(after: $after, first: 100) {{ events {{ {EVENT} }} endCursor hasNextPage }}
}}
"""
READ_AGAIN = f"query ReadAgain($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Session {{ {SESSION} }} }} }}"
FOLLOW = f"subscription Follow($after: String) {{ sessionEvents(after: $after) {{ {EVENT} }} }}"
TRY_AGAIN = {"UNAVAILABLE", "RATE_LIMITED", "TIMEOUT", "INTERNAL"}
SILENT_SECONDS = 150  # a CHECKPOINT comes every minute


class Copy:
    """The sessions by id, each with the cursor of its event, and the cursor up to which the copy is complete."""

    def __init__(self) -> None:
        saved = json.loads(FILE.read_text()) if FILE.exists() else {"cursor": None, "sessions": {}}
        self.cursor: str | None = saved["cursor"]
        self.sessions: dict[str, Any] = saved["sessions"]

    def keep(self, events: list[dict[str, Any]], cursor: str) -> None:
        """Keep the changes together with their cursor: in a database, in one transaction."""
        for event in events:
            id_, session = event["sessionId"], event["session"]
            if session is None:
                self.sessions.pop(id_, None)  # LEFT; the id of a CHECKPOINT is None
            elif id_ not in self.sessions or self.sessions[id_]["version"] <= session["version"]:
                self.sessions[id_] = {**session, "cursor": event["cursor"]}
        self.save(cursor)

    def save(self, cursor: str | None) -> None:
        self.cursor = cursor
        new = FILE.with_suffix(".new")
        new.write_text(json.dumps({"cursor": cursor, "sessions": self.sessions}))
        new.replace(FILE)


async def read_on(session: Any, copy: Copy) -> None:
    has_more = True
    while has_more:
        answer = await session.execute(GraphQLRequest(PULL, variable_values={"after": copy.cursor}))
        page = answer["sessionEvents"]
        copy.keep(page["events"], page["endCursor"])
        has_more = page["hasNextPage"]


async def recover(session: Any, copy: Copy, read_from: str | None) -> None:
    """The server has lost changes: read the sessions again that have come since, and go on from there."""
    ids = [id_ for id_, known in copy.sessions.items() if read_from is None or known["cursor"] > read_from]
    for start in range(0, len(ids), 100):
        some = ids[start : start + 100]
        nodes = (await session.execute(GraphQLRequest(READ_AGAIN, variable_values={"ids": some})))["nodes"]
        for id_, node in zip(some, nodes, strict=True):
            if node is None:
                del copy.sessions[id_]
            else:
                copy.sessions[id_] = {**node, "cursor": read_from or ""}
    copy.save(read_from)


def extensions_of(error: TransportQueryError) -> dict[str, Any]:
    extensions: dict[str, Any] = (error.errors or [{}])[0].get("extensions", {})
    return extensions


async def pull(copy: Copy) -> None:
    """Read all that has happened since the copy's cursor. This alone is a nightly pull."""
    async with Client(transport=HTTPXAsyncTransport(url=URL, headers=HEADERS)) as session:
        try:
            await read_on(session, copy)
        except TransportQueryError as error:
            extensions = extensions_of(error)
            if extensions.get("code") != "HISTORY_LOST":
                raise
            await recover(session, copy, extensions["readFrom"])
            await read_on(session, copy)


async def keep_what_comes(copy: Copy) -> None:
    """Return when the subscription ends. Raises TimeoutError if it is silent."""
    transport = WebsocketsTransport(url=URL.replace("http", "ws", 1), init_payload=HEADERS)
    async with Client(transport=transport) as session:
        request = GraphQLRequest(FOLLOW, variable_values={"after": copy.cursor})
        async with aclosing(session.subscribe(request)) as events:
            while True:
                event = (await asyncio.wait_for(anext(events), SILENT_SECONDS))["sessionEvents"]
                copy.keep([event], event["cursor"])


async def follow(copy: Copy) -> None:
    while True:
        try:
            await pull(copy)
            await keep_what_comes(copy)
        except TransportQueryError as error:
            if extensions_of(error).get("code") not in {*TRY_AGAIN, "HISTORY_LOST"}:
                raise
            print("Trying again:", error, file=sys.stderr)
        except (TransportError, OSError, StopAsyncIteration) as error:
            print("Trying again:", repr(error), file=sys.stderr)
        await asyncio.sleep(1)


asyncio.run(pull(Copy()) if "--once" in sys.argv else follow(Copy()))
