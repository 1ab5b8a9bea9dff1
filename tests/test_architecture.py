"""docs/architecture.md says what is so: the map of the house, and the walk of a list query, traced."""

import re
from pathlib import Path

import pytest

import session_graph
from conftest import MakeCaller
from session_graph.access import authentication_cache
from session_graph.access.viewer import Role
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.records import record
from support.reports import comes_true
from support.walk import Walk, tracing

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text("utf-8")
MAP = re.findall(r"^    (\d)  (\w+) +.+$", session_graph.__doc__ or "", re.MULTILINE)
FLOORS = {room: int(floor) for floor, room in MAP}
LIST = """query($first: Int!, $filter: SessionFilter) {
  sessions(first: $first, filter: $filter) { nodes { id startedAt contact asr } pageInfo { hasNextPage endCursor } }
}"""
LAST_USED = "select k.last_used_at from api_key k where k.account_id = $1 and k.last_used_at is not null"


def block(name: str) -> str:
    """The code block that stands behind this mark."""
    found = re.search(rf"<!-- {name} -->\n+```text\n(.*?)\n```", PAGE, re.DOTALL)
    assert found, f"docs/architecture.md has no block {name}"
    return found[1]


@pytest.fixture
async def walk(
    caller: MakeCaller, database: Database, account: Account, bistro: Account, monkeypatch: pytest.MonkeyPatch
) -> Walk:
    """Of a list query that the server has answered before, with a key that it still knows, however slow the machine."""
    monkeypatch.setattr(authentication_cache, "KEPT_SECONDS", 60)
    await record(database, account, {"agent": "bistro"}, {"agent": "bistro"})
    ask = await caller(Role.ADMIN)
    variables = {"first": 1, "filter": {"isTest": False}}
    for _ in range(3):
        assert len((await ask(LIST, **variables)).data["sessions"]["nodes"]) == 1
        await comes_true(lambda: database.fetchrow(LAST_USED, account.id))  # it is written beside the first request
    with tracing(FLOORS) as walk:
        await ask(LIST, **variables)
    return walk


def test_the_page_has_the_map_of_the_package() -> None:
    lines = [line for line in (session_graph.__doc__ or "").splitlines() if re.match(r"    \d  ", line)]

    assert len(lines) == len(FLOORS)
    assert "\n".join(line.removeprefix("    ") for line in lines) == block("map")


async def test_a_list_query_walks_as_the_page_shows(walk: Walk) -> None:
    assert walk.describe() == block("walk of a list query")


async def test_a_list_query_goes_up_a_floor_ten_times_at_most_and_leaves_no_room_more_than_thrice(walk: Walk) -> None:
    assert walk.ups <= 10
    assert max(walk.leaves.values()) <= 3
    assert walk.leaves.keys() <= FLOORS.keys()
