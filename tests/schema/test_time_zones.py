"""The zones that the API tells its clients, to show local times by."""

from datetime import UTC, datetime
from typing import Any

import pytest

from session_graph.access.accounts import change_account
from session_graph.access.viewer import Role
from session_graph.parsing import format_instant
from session_graph.schema.time_zones import MAX_ZONES, SINCE, YEARS_AHEAD
from session_graph.store.models import Account
from session_graph.zones import NAMES, find_offsets
from support.records import make_agent

pytestmark = pytest.mark.anyio

ASK = "query ($names: [String!]) { timeZones(names: $names) { name offsets { from seconds abbreviation } } }"
NAMES_OF_OWN = "{ timeZones { name } }"


def expected(name: str) -> dict[str, Any]:
    end = datetime(datetime.now(UTC).year + YEARS_AHEAD + 1, 1, 1, tzinfo=UTC)
    offsets = [
        {
            "from": format_instant(offset.start),
            "seconds": offset.utc_offset.total_seconds(),
            "abbreviation": offset.abbreviation,
        }
        for offset in find_offsets(name, SINCE, end)
    ]
    return {"name": name, "offsets": offsets}


async def test_every_zone_that_can_be_chosen_is_told_with_its_offsets(account: Account, caller: Any) -> None:
    ask = await caller(Role.PORTAL)
    names: list[str] = (await ask("{ timeZoneNames }")).data["timeZoneNames"]

    assert names == sorted(NAMES)
    for first in range(0, len(names), MAX_ZONES):
        some = names[first : first + MAX_ZONES]
        assert (await ask(ASK, names=some)).data["timeZones"] == [expected(name) for name in some]


async def test_without_names_the_zones_are_those_of_the_account_and_of_the_visible_agents(
    account: Account, caller: Any
) -> None:
    account = await change_account(account, time_zone="Europe/Berlin")
    for idn, zone in (("desk", "America/Havana"), ("bar", "America/Havana"), ("spa", "Asia/Tokyo")):
        await make_agent(account, idn=idn, timeZone=zone)
    everyone, limited = await caller(Role.BUILDER), await caller(Role.BUILDER, agents=["spa"])
    recorder = await caller(Role.RECORDER)

    async def names_for(ask: Any) -> list[str]:
        return [zone["name"] for zone in (await ask(NAMES_OF_OWN)).data["timeZones"]]

    assert await names_for(everyone) == ["America/Havana", "Asia/Tokyo", "Europe/Berlin"]
    assert await names_for(limited) == ["Asia/Tokyo", "Europe/Berlin"]
    assert await names_for(recorder) == ["Europe/Berlin"]


async def test_a_zone_named_twice_is_told_once_in_its_first_place(account: Account, caller: Any) -> None:
    ask = await caller(Role.BUILDER)

    answer = await ask(ASK, names=["Asia/Tokyo", "UTC", "Asia/Tokyo"])

    assert [zone["name"] for zone in answer.data["timeZones"]] == ["Asia/Tokyo", "UTC"]
    assert answer.data["timeZones"][1]["offsets"] == [
        {"from": "2000-01-01T00:00:00Z", "seconds": 0, "abbreviation": "UTC"}
    ]


@pytest.mark.parametrize(
    ("names", "path"), [(["UTC", "Mars/Olympus"], ["names", "1"]), (["UTC"] * (MAX_ZONES + 1), ["names"])]
)
async def test_unknown_zones_and_too_many_are_refused(
    account: Account, caller: Any, names: list[str], path: list[str]
) -> None:
    ask = await caller(Role.BUILDER)

    answer = await ask(ASK, names=names)

    assert answer.code == "BAD_USER_INPUT"
    assert answer.errors[0]["extensions"]["path"] == path
