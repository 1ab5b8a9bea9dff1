"""A server without a worker and a worker without a server each leave nothing unswept."""

import asyncio
from pathlib import Path

import pytest

from session_graph.store.database import Database
from session_graph.store.ids import new_id
from session_graph.store.models import Account
from support.processes import Server
from support.reports import comes_true

pytestmark = pytest.mark.anyio

_OLD_EXPORT = """
insert into session_export (
    account_id, id, requested_by, identity, requester, requested_at, stored_filter, filter_now, order_field, direction,
    columns, time_zone_label, escape_formulas, content_hash, status, run_at, has_chunks, finished_at, expires_at
)
values ($1, $2, 'ana', 'ana', '{}', now(), '{}', now(), 'STARTED_AT', 'DESC', '{}', 'UTC', true, '', 'DONE', now(),
    true, now() - interval '91 days', now() - interval '84 days')
"""


@pytest.mark.parametrize("command", [["serve", "--no-worker"], ["worker"]])
async def test_a_process_sweeps_exports(
    account: Account, database: Database, database_url: str, tmp_path: Path, command: list[str]
) -> None:
    await database.execute(_OLD_EXPORT, account.id, new_id())

    async def is_swept() -> bool:
        return await database.fetch("select from session_export where account_id = $1", account.id) == []

    assert not await is_swept()
    server = await asyncio.to_thread(Server, tmp_path / "home", *command, database_url=database_url)
    with server:
        assert await comes_true(is_swept)
