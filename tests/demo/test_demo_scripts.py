"""The scripts: every wording of every scenario can be spoken on each of its channels."""

from datetime import datetime
from random import Random

import pytest

from session_graph.demo.businesses import BUSINESSES
from session_graph.demo.customers import CustomerBook
from session_graph.demo.scenario import Business, Scenario
from session_graph.demo.script import perform, read_script, slots_of
from session_graph.demo.slots import fill_slots
from session_graph.demo.talk import hold_talk

SCENARIOS = [
    pytest.param(business, scenario, id=f"{business.idn}-{scenario.topic}-{number}")
    for business in BUSINESSES
    for number, scenario in enumerate(business.scenarios)
]


@pytest.mark.parametrize(("business", "scenario"), SCENARIOS)
def test_every_slot_of_every_wording_can_be_filled(business: Business, scenario: Scenario) -> None:
    rng, now = Random(1), datetime.fromisoformat("2026-11-20 12:00")
    channel = scenario.channels[0]
    caller = CustomerBook(business, rng).next_caller(scenario, channel, now)

    slots = fill_slots(hold_talk(business, scenario, channel, caller, now, rng), rng)

    texts = [wording for line in read_script(scenario.script) for wording in line.wordings]
    texts += [*scenario.summary, scenario.lead_value or "", scenario.other_contact or ""]
    texts += [greeting for greetings in business.greetings.values() for greeting in greetings]
    assert set().union(*map(slots_of, texts)) <= slots.keys()


@pytest.mark.parametrize(("business", "scenario"), SCENARIOS)
def test_scenarios_name_only_what_their_business_has(business: Business, scenario: Scenario) -> None:
    assert not scenario.service or scenario.service in business.services
    assert scenario.books in ("", "asked", "other", "moved", "cancelled")
    assert scenario.verdict in ("YES_A", "YES_B", "NO", None)
    assert scenario.lead or not (scenario.refused or scenario.unavailable)
    assert not (scenario.anonymous and "SMS" in scenario.channels), "a text message has a sender"


def test_each_business_has_at_least_eight_scenarios_and_several_session_types() -> None:
    for business in BUSINESSES:
        assert len(business.scenarios) >= 8
        assert len({scenario.topic for scenario in business.scenarios}) >= 8


def test_a_line_is_spoken_on_its_channel_only() -> None:
    script = """
        USER: Hello.
        AGENT/voice: I hear you.
        AGENT/text: I read you.
    """

    assert list(perform(script, "VOICE", Random(1))) == [("USER", "Hello."), ("AGENT", "I hear you.")]
    assert list(perform(script, "SMS", Random(1))) == [("USER", "Hello."), ("AGENT", "I read you.")]


def test_neighbours_that_may_be_left_out_stay_together() -> None:
    script = """
        USER/maybe: Is there parking?
        AGENT/maybe: There is.
        USER: Bye.
    """
    performances = {len(list(perform(script, "VOICE", Random(seed)))) for seed in range(20)}

    assert performances == {1, 3}


def test_a_wording_may_run_over_lines() -> None:
    script = """
        USER: Hello,
          is anybody there?
    """

    assert list(perform(script, "VOICE", Random(1))) == [("USER", "Hello, is anybody there?")]


def test_a_script_that_does_not_begin_with_a_speaker_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with a speaker"):
        read_script("Hello.")
