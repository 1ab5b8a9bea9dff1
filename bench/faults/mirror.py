"""A partner's copy of its sessions, kept by pulling `sessionEvents`; docs/sync.md has the recipe."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

PULL = """
query ($after: String) {
  sessionEvents(after: $after, first: 200) {
    events { kind sessionId cursor session { version } }
    endCursor hasNextPage
  }
}
"""
READ = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Session { id version } } }"
MAX_IDS = 100
PAUSE_SECONDS = 0.2

Json = dict[str, Any]


class Refused(Exception):
    """An answer with errors."""

    def __init__(self, error: Json) -> None:
        super().__init__(str(error))
        self.extensions: Json = error.get("extensions", {})


@dataclass(slots=True)
class Mirror:
    """The version of each session and the cursor of the event that told it; `after` is where to read on."""

    client: httpx.AsyncClient
    versions: dict[str, int] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    after: str | None = None
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Pull for ever."""
        while True:
            await self.pull()
            await asyncio.sleep(PAUSE_SECONDS)

    async def run_with_restarts(self) -> None:
        """Pull for ever, stopped at random moments; a restart begins at a cursor that was kept earlier."""
        while True:
            kept = self.after
            task = asyncio.create_task(self.run())
            try:
                await asyncio.wait([task], timeout=random.uniform(0.05, 2))  # noqa: S311 - not a secret
            finally:
                task.cancel()
                await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()):
                raise error
            self.after = random.choice([kept, self.after])  # noqa: S311
            self.counts["restarts"] += 1

    async def pull(self) -> None:
        """Read pages until there are no more at once."""
        has_more = True
        while has_more:
            try:
                has_more = await self._pull_page()
            except Refused as refused:
                if refused.extensions.get("code") != "HISTORY_LOST":
                    raise
                self.counts["told of a loss"] += 1
                await self._go_back(refused.extensions["readFrom"])

    async def _pull_page(self) -> bool:
        page = (await ask(self.client, PULL, after=self.after))["sessionEvents"]
        for event in page["events"]:
            if event["session"] is None:
                self._drop(event["sessionId"])
            else:
                self._keep(event["sessionId"], event["session"]["version"], event["cursor"])
        self.after = page["endCursor"]
        self.counts["pages"] += 1
        self.counts["events"] += len(page["events"])
        return bool(page["hasNextPage"])

    async def _go_back(self, read_from: str | None) -> None:
        """Read those sessions again whose last event may be lost: their cursors sort after `read_from`."""
        doubtful = [id_ for id_, cursor in self.cursors.items() if read_from is None or cursor > read_from]
        for start in range(0, len(doubtful), MAX_IDS):
            ids = doubtful[start : start + MAX_IDS]
            for id_, node in zip(ids, (await ask(self.client, READ, ids=ids))["nodes"], strict=True):
                if node is None:
                    self._drop(id_)
                else:
                    self._keep(id_, node["version"], self.cursors[id_])
        self.counts["read again"] += len(doubtful)
        self.after = read_from

    def _keep(self, id_: str, version: int, cursor: str) -> None:
        self.versions[id_] = version
        self.cursors[id_] = cursor

    def _drop(self, id_: str) -> None:
        self.versions.pop(id_, None)
        self.cursors.pop(id_, None)


async def ask(client: httpx.AsyncClient, query: str, **variables: object) -> Json:
    """Return the data of an answer. Raises Refused with its first error."""
    response = await client.post("/graphql", json={"query": query, "variables": variables})
    answer: Json = response.json()
    if errors := answer.get("errors"):
        raise Refused(errors[0])
    data: Json = answer["data"]
    return data
