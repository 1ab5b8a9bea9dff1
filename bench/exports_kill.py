"""Twenty exports of 50,000 sessions, each with its worker killed (SIGKILL) at a random moment of writing or sending.

    python bench/exports_kill.py [KILLS [ROWS]]

Prints whether each file is the same as an undisturbed one, which recipients lack the message, and how many Message-IDs
they have.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from email import message_from_bytes
from pathlib import Path
from typing import Any
from uuid import UUID

from aiosmtpd.controller import Controller

from exports import ask, filled
from session_graph.store.database import Database, Row

PORT = 50_125
RECIPIENTS = ("bench@example.com", "bo@example.com", "cy@example.com")


class Inbox:
    """Accepts messages slowly, so that a kill can come in between."""

    def __init__(self) -> None:
        self.ids: dict[str, list[str]] = defaultdict(list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        await asyncio.sleep(0.2)
        for recipient in envelope.rcpt_tos:
            self.ids[recipient].append(message_from_bytes(envelope.content)["Message-ID"].strip())
        return "250 taken"


def start_worker(url: str) -> subprocess.Popen[bytes]:
    setting = {"SESSION_GRAPH_DATABASE_URL": url, "SESSION_GRAPH_SMTP_URL": f"smtp://127.0.0.1:{PORT}"}
    return subprocess.Popen(
        [sys.executable, "-m", "session_graph.cli.main", "worker"],
        env={**os.environ, **setting, "SESSION_GRAPH_LOG_LEVEL": "ERROR"},
        stdout=subprocess.DEVNULL,
    )


async def newest(database: Database) -> Row:
    row = await database.fetchrow("select * from session_export order by requested_at desc limit 1")
    assert row is not None
    return row


async def wait_for(database: Database, *statuses: str) -> Row:
    while (row := await newest(database))["status"] not in statuses:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return row


async def run(kills: int, rows: int) -> None:
    inbox, chance = Inbox(), random.Random(4)  # noqa: S311
    controller = Controller(inbox, hostname="127.0.0.1", port=PORT)
    controller.start()
    with tempfile.TemporaryDirectory() as folder:
        async with filled(Path(folder), rows) as (url, settings, database, viewer):
            for recipient in RECIPIENTS[1:]:
                await database.execute("insert into export_recipient values ($1, $2)", viewer.account.id, recipient)
            worker = start_worker(url)
            await asyncio.sleep(2)
            await ask(database, viewer, settings, RECIPIENTS)
            calm = await wait_for(database, "DONE")
            seconds = (calm["finished_at"] - calm["requested_at"]).total_seconds() + 0.2 * len(RECIPIENTS)
            print(f"undisturbed: {calm['bytes']:,} bytes, {seconds:.1f} s")
            files: dict[UUID, str] = {}
            for number in range(kills):
                await ask(database, viewer, settings, RECIPIENTS)
                await asyncio.sleep(chance.random() * seconds)
                hit = (await newest(database))["status"]
                worker.kill()
                worker.wait()
                start = time.monotonic()
                worker = start_worker(url)
                done = await wait_for(database, "DONE", "FAILED")
                files[done["id"]] = done["sha256"]
                same = done["sha256"] == calm["sha256"] and done["status"] == "DONE"
                waited = time.monotonic() - start
                print(
                    f"{number + 1:2} killed {hit:8} attempts {done['attempts']} {waited:4.1f} s same {same}", flush=True
                )
            worker.terminate()
            worker.wait()
    controller.stop()
    missing = distinct = repeated = 0
    for recipient in RECIPIENTS:
        for export_id in files:
            found = [id_ for id_ in inbox.ids[recipient] if export_id.hex in id_]
            missing += not found
            distinct = max(distinct, len(set(found)))
            repeated += len(found) > 1
    print(f"same file {sum(sha == calm['sha256'] for sha in files.values())} of {kills}")
    print(f"missing messages {missing}, most Message-IDs of a recipient {distinct}, repeated messages {repeated}")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(run(*(numbers + [20, 50_000][len(numbers) :])))
