"""The record of a conversation.

It has only what the transcript says: a name, an address or a number that nobody mentions is left out, unless caller ID
or the outside system knows it.
"""

from datetime import UTC, datetime, timedelta
from random import Random

from session_graph.demo.outcome import choose_tags, judge
from session_graph.demo.scenario import Record
from session_graph.demo.slots import Slots, fill_slots
from session_graph.demo.talk import Talk
from session_graph.demo.timing import time_turns


def write_record(talk: Talk, origin: Record, start: datetime, longest: int, rng: Random) -> Record:
    """Return an input of `recordSession` without its id; it begins at `start` and has at most `longest` seconds."""
    scenario, slots = talk.scenario, fill_slots(talk, rng)
    transcript, end = _transcribe(talk, slots, start, longest, rng)
    record: Record = {
        "agent": talk.business.idn,
        "channel": talk.channel,
        "startedAt": _instant(start),
        "endedAt": _instant(end),
        "sessionType": scenario.topic,
        **origin,
        **_identify(talk, origin),
        **_collect_contact(talk, slots),
        "summary": rng.choice(scenario.summary).format_map(slots),
        "intentToBuy": scenario.lead,
        "refused": scenario.refused,
        "unavailable": scenario.unavailable,
        "isTodo": rng.random() < scenario.todo,
    }
    if talk.units is not None:
        record["units"] = str(talk.units)
    if scenario.lead_value:
        record["leadValue"] = scenario.lead_value.format_map(slots)
    return record | judge(scenario, rng) | {"tags": choose_tags(scenario, talk.customer, rng), "transcript": transcript}


def _identify(talk: Talk, origin: Record) -> Record:
    if talk.customer.external_id and "integration" in origin and talk.has_name:
        return {"externalId": talk.customer.external_id}
    return {}


def _collect_contact(talk: Talk, slots: Slots) -> Record:
    customer, scenario = talk.customer, talk.scenario
    stated = slots["contact"] if talk.mentions("contact") else None
    caller_id = talk.channel != "CHAT" and not scenario.anonymous
    contact: Record = {}
    if talk.has_name:
        contact["contactName"] = customer.person.name
    if caller_id or customer.known or (stated and stated != customer.email):
        contact["phone"] = customer.phone
    if talk.mentions("email") or stated == customer.email:
        contact["email"] = customer.email
    if scenario.other_contact:
        contact["otherContact"] = scenario.other_contact.format_map(slots)
    return contact


def _transcribe(talk: Talk, slots: Slots, start: datetime, longest: int, rng: Random) -> tuple[list[Record], datetime]:
    """Return the turns and the time at which the last one ends."""
    turns = [(speaker, wording.format_map(slots)) for speaker, wording in talk.turns]
    *moments, end = time_turns(turns, talk.channel, talk.scenario.pace, longest, rng)
    transcript: list[Record] = [
        {"speaker": speaker, "text": text, "at": _instant(start + timedelta(seconds=moment))}
        for (speaker, text), moment in zip(turns, moments, strict=True)
    ]
    return transcript, start + timedelta(seconds=end)


def _instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
