"""An export has the rows of the list and the count of the dashboard, for every filter, viewer and order."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest

from session_graph.access.viewer import Role, Viewer
from session_graph.exports.requests import ExportRequest, request_export
from session_graph.exports.scope import columns_read
from session_graph.exports.worker import Worker
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.dashboard import DashboardScope, read_dashboards
from session_graph.sessions.dashboard_request import DashboardRequest, DashboardSelection
from session_graph.sessions.enums import Direction
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.ordering import ORDER_FIELDS, Order
from session_graph.sessions.phones import display_phone
from session_graph.sessions.reading import SessionList
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller, make_caller
from support.filters import CASES, resolved
from support.oracle import Oracle, Raw, Row
from support.reports import ask_for_report, comes_true, download, finished, parse_csv, read_csv, read_row
from support.viewers import VIEWERS, viewer_of
from support.walks import NOW, id_of, walk

pytestmark = pytest.mark.anyio

ORDERS = [Order(field, direction) for field in ORDER_FIELDS.values() for direction in Direction]
EXPORTABLE = [column for column in COLUMNS.values() if column.header is not None]


async def ask_below_the_api(database: Database, settings: Settings, viewer: Viewer, raw: Raw, order: Order) -> UUID:
    """Request an export with a token: no key of the database is behind the viewer."""
    columns = ["id", "started_at", "contact"]
    request = ExportRequest(raw, NOW, order, columns, ["nobody@example.com"], None, True, None)
    return await request_export(database, replace(viewer, key_id=None), settings, request)


def next_viewer_that_may(account: Account, number: int, raw: Raw, order: Order) -> Viewer:
    """Return one of the viewers who may filter and order so, in turn."""
    for step in range(len(VIEWERS)):
        viewer = viewer_of(account, sorted(VIEWERS)[(number + step) % len(VIEWERS)])
        if all(viewer.role in COLUMNS[name].roles for name in columns_read(viewer.role, raw, order.field.name, [])):
            return viewer
    raise AssertionError("an ADMIN may")


async def test_each_condition_selects_the_rows_and_order_of_the_list_and_the_count_of_the_dashboard(
    database: Database, varied: Account, plain_rows: list[Row], worker: Worker, settings: Settings
) -> None:
    await database.execute("insert into export_recipient values ($1, 'example.com') on conflict do nothing", varied.id)
    settings = settings.model_copy(update={"exports_per_day": 10_000, "exports_per_key_per_day": 10_000})
    asked = []
    for number, case in enumerate(CASES):
        order = ORDERS[number % len(ORDERS)]
        raw = resolved(case, plain_rows)
        viewer = next_viewer_that_may(varied, number, raw, order)
        asked.append((await ask_below_the_api(database, settings, viewer, raw, order), viewer, order, raw))

    for export_id, viewer, order, raw in asked:
        await comes_true(lambda id_=export_id: _is_written(database, id_))  # type: ignore[misc]
        found = [UUID(row["Session Id"]) for row in parse_csv(await read_csv(database, export_id))]

        filter_ = parse_filter(raw, NOW)
        listed = [id_of(row) for row in await walk(database, SessionList(viewer, filter_, order), 200)]
        request = DashboardRequest(
            viewer,
            filter_,
            DashboardSelection(frozenset({"total_session_count"})),
            NOW,
            include_test=True,
            include_archived=True,
        )
        totals = (await read_dashboards(database, request, [DashboardScope(None, "UTC")]))[None].totals
        assert found == listed, (raw, order)
        assert len(found) == totals["total_session_count"] == (await read_row(database, export_id))["row_count"]
        assert set(found) == {row["id"] for row in Oracle(viewer, NOW).select(plain_rows, raw)}, raw


async def _is_written(database: Database, export_id: UUID) -> bool:
    return (await read_row(database, export_id))["file_claim"] is not None


FIELDS = " ".join(column.field for column in EXPORTABLE if column.name != "agent")
ROWS = f"""
query ($after: String) {{
  sessions(first: 100, after: $after) {{
    nodes {{ {FIELDS} agent {{ idn timeZone }} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""


async def nodes_of(ask: Caller) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await ask(ROWS, after=after)).data["sessions"]
        nodes += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return nodes
        after = page["pageInfo"]["endCursor"]


@pytest.mark.parametrize("zone", [None, "Asia/Kathmandu"])
async def test_each_cell_is_the_value_of_the_api(
    client: httpx.AsyncClient, varied: Account, worker: Worker, zone: str | None
) -> None:
    ask = await make_caller(client, varied, Role.ADMIN, {"email": "ana@example.com"})
    export_id = await ask_for_report(ask, columns=[column.code for column in EXPORTABLE], timeZone=zone)

    export = await finished(ask, export_id)
    rows = parse_csv((await download(client, ask, export_id)).content)

    nodes = await nodes_of(ask)
    assert export["status"] == "DONE"
    assert export["rowCount"] == export["rowsWritten"] == len(rows) == len(nodes)
    assert list(rows[0]) == [column.header for column in EXPORTABLE]
    for row, node in zip(rows, nodes, strict=True):
        assert {name: cell.removeprefix("'") for name, cell in row.items()} == cells_of(node, zone)


def cells_of(node: Mapping[str, Any], zone: str | None) -> dict[str, str]:
    """Return the cells as domain.md defines them."""
    cells = {}
    for column in EXPORTABLE:
        value = node[column.field]
        match column.kind.name, value:
            case _, None:
                cell = ""
            case "INSTANT", moment:
                local = datetime.fromisoformat(moment).astimezone(ZoneInfo(zone or node["agent"]["timeZone"]))
                cell = f"{local:%Y-%m-%d %H:%M:%S}"
            case "FLAG", flag:
                cell = str(flag).lower()
            case "ASSESSMENT", verdict:
                cell = {"YES_A": "Yes-A", "YES_B": "Yes-B", "NO": "No"}[verdict]
            case "CHANNEL", channel:
                cell = {"VOICE": "Voice", "SMS": "SMS", "CHAT": "Chat"}[channel]
            case "LENGTH" | "DIRECTION", word:
                cell = word.capitalize()
            case "RATIO", ratio:
                cell = f"{(Decimal(ratio) * 100).normalize():f}%"
            case "NUMBER", number:
                cell = _without_three_decimals(number)
            case "TEXTS", texts:
                cell = ", ".join(texts)
            case "MAP", pairs:
                cell = "{" + ", ".join(f'"{key}": "{text}"' for key, text in pairs.items()) + "}" if pairs else ""
            case "PART", str(offset) if column.name == "utc_offset":
                local = datetime.fromisoformat(node["startedAt"]).astimezone(
                    ZoneInfo(zone or node["agent"]["timeZone"])
                )
                cell = offset if zone is None else local.isoformat()[-6:]
                assert cell == local.isoformat()[-6:]
            case "PART", agent:
                cell = agent["idn"]
            case _, other:
                cell = str(other)
        cells[column.header or ""] = cell
    if node["phone"]:
        cells["Phone"] = display_phone(node["phone"])
        cells["Contact Information"] = cells["Contact Information"].replace(node["phone"], cells["Phone"], 1)
    return cells


def _without_three_decimals(number: str) -> str:
    places = len(number.partition(".")[2])
    return number + "0" if places in (1, 3) else number
