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
EVENT = "kind sessionId cursor session { id version contact asr comment }"
PULL = f"""
query Pull($after: String) {{
  sessionEvents(after: $after, first: 100) {{ events {{ {EVENT} }} endCursor hasNextPage }}
}}
"""
FOLLOW = f"subscription Follow($after: String) {{ sessionEvents(after: $after) {{ {EVENT} }} }}"
TRY_AGAIN = {"UNAVAILABLE", "RATE_LIMITED", "TIMEOUT", "INTERNAL"}
SILENT_SECONDS = 150  # a CHECKPOINT comes every minute


class Copy:
    """The sessions by id, and the cursor up to which they are complete."""

    def __init__(self) -> None:
        saved = json.loads(FILE.read_text()) if FILE.exists() else {"cursor": None, "sessions": {}}
        self.cursor: str | None = saved["cursor"]
        self.sessions: dict[str, Any] = saved["sessions"]

    def begin_again(self) -> None:
        self.cursor, self.sessions = None, {}

    def keep(self, events: list[dict[str, Any]], cursor: str) -> None:
        """Keep the changes together with their cursor: in a database, in one transaction."""
        for event in events:
            id_, session = event["sessionId"], event["session"]
            if session is None:
                self.sessions.pop(id_, None)  # LEFT; the id of a CHECKPOINT is None
            elif id_ not in self.sessions or self.sessions[id_]["version"] <= session["version"]:
                self.sessions[id_] = session
        self.cursor = cursor
        new = FILE.with_suffix(".new")
        new.write_text(json.dumps({"cursor": self.cursor, "sessions": self.sessions}))
        new.replace(FILE)


async def pull(copy: Copy) -> None:
    """Read all that has happened since the copy's cursor. This alone is a nightly pull."""
    async with Client(transport=HTTPXAsyncTransport(url=URL, headers=HEADERS)) as session:
        has_more = True
        while has_more:
            answer = await session.execute(GraphQLRequest(PULL, variable_values={"after": copy.cursor}))
            page = answer["sessionEvents"]
            copy.keep(page["events"], page["endCursor"])
            has_more = page["hasNextPage"]


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
            code = (error.errors or [{}])[0].get("extensions", {}).get("code")
            if code == "HISTORY_LOST":
                copy.begin_again()
                continue
            if code not in TRY_AGAIN:
                raise
            print("Trying again:", error, file=sys.stderr)
        except (TransportError, OSError, StopAsyncIteration) as error:
            print("Trying again:", repr(error), file=sys.stderr)
        await asyncio.sleep(1)


asyncio.run(pull(Copy()) if "--once" in sys.argv else follow(Copy()))
