"""The demo's agents are inputs of createAgent."""

import re
from decimal import Decimal
from zoneinfo import ZoneInfo

from session_graph.demo import AGENTS

CREATE_AGENT_INPUT = {
    "idn",
    "name",
    "timeZone",
    "industry",
    "workingHours",
    "redirection",
    "conversionRatio",
    "recognition",
    "averageLeadValue",
    "unitName",
    "unitValue",
    "testContacts",
    "shortUnderSeconds",
    "longFromSeconds",
}


def test_there_are_three_businesses_and_sunrise_bistro_counts_guests() -> None:
    bistro, *others = AGENTS

    assert bistro["idn"] == "sunrise-bistro"
    assert (bistro["unitName"], bistro["unitValue"]) == ("guests", "65.00")
    assert (bistro["conversionRatio"], bistro["recognition"], bistro["redirection"]) == ("0.9", "0.3", "AGENT_FIRST")
    assert len(others) == 2


def test_agents_have_only_fields_of_create_agent_input() -> None:
    for agent in AGENTS:
        assert {"idn", "name", "timeZone", "testContacts"} <= agent.keys() <= CREATE_AGENT_INPUT
        ZoneInfo(str(agent["timeZone"]))


def test_decimals_are_strings() -> None:
    for agent in AGENTS:
        for field in ("conversionRatio", "recognition", "averageLeadValue", "unitValue"):
            if field in agent:
                assert isinstance(agent[field], str)
                assert Decimal(str(agent[field])) > 0


def test_working_hours_are_spans_and_some_run_past_midnight() -> None:
    spans = [
        span
        for agent in AGENTS
        if isinstance(hours := agent.get("workingHours", {}), dict)
        for day in hours.values()
        for span in day
    ]

    assert all(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", time) for span in spans for time in span)
    assert any(closes < opens for opens, closes in spans)


def test_one_agent_is_always_open() -> None:
    assert ["workingHours" in agent for agent in AGENTS].count(False) == 1
