"""The cursor of the far page, for each server that has cursors."""

from collections.abc import Mapping
from datetime import UTC, datetime

import asyncpg

from bench.cases import FAR_PAGE, PAGE, POSTGRAPHILE, PRODUCT, Request
from bench.dataset import Dataset
from bench.servers import Server
from session_graph.sessions.cursors import cursor_sql, cursor_start
from session_graph.sessions.ordering import NEWEST_FIRST

LAST_BEFORE = f"""
select {cursor_sql(NEWEST_FIRST, "$3")} from session s where s.account_id = $1
order by s.started_at desc, s.id desc offset $2 limit 1
"""


async def write_cursors(data: Dataset) -> dict[str, str]:
    """Return the product's cursor, as the product itself would write it."""
    connection = await asyncpg.connect(data.url)
    account = data.viewer.account.id
    start = cursor_start(NEWEST_FIRST, account, datetime.now(UTC))
    cursor: str = await connection.fetchval(LAST_BEFORE, account, _offset(data), start)
    await connection.close()
    return {PRODUCT: cursor}


async def ask_postgraphile(data: Dataset, servers: Mapping[str, Server]) -> dict[str, str]:
    if POSTGRAPHILE not in servers:
        return {}
    query = (
        "query Page($account: UUID!, $offset: Int!) { allSessions(first: 1, offset: $offset,"
        " condition: {accountId: $account}, orderBy: [STARTED_AT_DESC, ROW_ID_DESC]) { edges { cursor } } }"
    )
    request = Request(query, {"account": str(data.viewer.account.id), "offset": _offset(data)})
    (edge,) = (await servers[POSTGRAPHILE].ask(request))["allSessions"]["edges"]
    return {POSTGRAPHILE: edge["cursor"]}


def _offset(data: Dataset) -> int:
    """Return the offset of the last session before the page; a small account has its far page in the middle."""
    return min((FAR_PAGE - 1) * PAGE, data.rows // 2) - 1
