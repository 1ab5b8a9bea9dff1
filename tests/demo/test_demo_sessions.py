"""The demo's sessions: believable, complete, and the same each time."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_graph.demo import AGENTS, write_sessions
from session_graph.demo.businesses import BUSINESSES
from session_graph.demo.scenario import Record

RECORD_SESSION_INPUT = {
    "id",
    "agent",
    "channel",
    "startedAt",
    "endedAt",
    "sessionType",
    "integration",
    "connector",
    "externalId",
    "contactName",
    "phone",
    "email",
    "otherContact",
    "summary",
    "intentToBuy",
    "refused",
    "unavailable",
    "isTodo",
    "isTest",
    "units",
    "leadValue",
    "autoAssessment",
    "conversationQuality",
    "actualResult",
    "expectedResult",
    "utms",
    "tags",
    "transcript",
}
EARLIEST, LATEST = datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2040-01-01")
AGENTS_BY_IDN = {str(agent["idn"]): agent for agent in AGENTS}
NOWS = [
    datetime(2026, 11, 21, 14, 3, 5, tzinfo=UTC),
    pytest.param(datetime(2026, 3, 8, 9, 59, tzinfo=UTC), id="clocks go forward in New York"),
    pytest.param(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), id="clocks go forward in London"),
    pytest.param(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), id="clocks go back in London"),
    pytest.param(datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo("America/New_York")), id="clocks go back in New York"),
    pytest.param(datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC), id="leap day"),
]


@cache
def sessions_at(now: datetime) -> list[Record]:
    return list(write_sessions(now))


def instant(value: object) -> datetime:
    assert isinstance(value, str)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value)
    return datetime.fromisoformat(value)


def turns(record: Record) -> list[dict[str, str]]:
    return cast(list[dict[str, str]], record["transcript"])


def spoken(record: Record) -> str:
    return "\n".join(turn["text"] for turn in turns(record))


def length_of(record: Record) -> str:
    agent = AGENTS_BY_IDN[str(record["agent"])]
    seconds = (instant(record["endedAt"]) - instant(record["startedAt"])).total_seconds()
    short, long = cast(int, agent.get("shortUnderSeconds", 60)), cast(int, agent.get("longFromSeconds", 300))
    return "SHORT" if seconds < short else "LONG" if seconds >= long else "REGULAR"


def is_test(record: Record) -> bool:
    ways = (str(record.get("integration")), str(record.get("connector")))
    contacts = cast(list[str], AGENTS_BY_IDN[str(record["agent"])]["testContacts"])
    sandbox = any(way == "sandbox" or way.startswith("sandbox/") for way in ways)
    return sandbox or record.get("phone") in contacts or bool(record.get("isTest"))


def check_times(records: list[Record], now: datetime) -> None:
    starts = [instant(record["startedAt"]) for record in records]
    assert starts == sorted(starts)
    assert starts[0] >= now - timedelta(days=35, seconds=1)
    assert starts[-1] >= now - timedelta(minutes=10)
    for record in records:
        at = [instant(turn["at"]) for turn in turns(record)]
        assert instant(record["startedAt"]) <= at[0]
        assert at == sorted(set(at))
        assert at[-1] < instant(record["endedAt"]) < now


def check_shape(records: list[Record]) -> None:
    assert len({UUID(str(record["id"])) for record in records}) == len(records)
    for record in records:
        assert record.keys() <= RECORD_SESSION_INPUT
        assert record["agent"] in AGENTS_BY_IDN
        assert None not in record.values()
        assert 4 <= len(turns(record)) <= 16
        assert not re.search(r"[{}]|None", json.dumps({**record, "transcript": "", "utms": ""})[1:-1])
        assert not re.search(r"[{}]", spoken(record))
        assert all(turn.keys() == {"speaker", "text", "at"} and turn["text"].strip() for turn in turns(record))


@pytest.mark.parametrize("now", NOWS)
def test_sessions_are_well_formed_and_over(now: datetime) -> None:
    records = sessions_at(now)

    assert 550 <= len(records) <= 650
    check_times(records, now)
    check_shape(records)


@settings(max_examples=20, deadline=None)
@given(now=st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC)), seed=st.integers(0, 999))
def test_any_time_and_seed_will_do(now: datetime, seed: int) -> None:
    records = list(write_sessions(now, seed))

    check_times(records, now)
    check_shape(records)


def test_the_same_arguments_give_the_same_sessions() -> None:
    now = datetime(2026, 11, 21, 14, 3, 5, tzinfo=UTC)

    assert list(write_sessions(now)) == list(write_sessions(now.astimezone(ZoneInfo("Asia/Tokyo"))))
    assert list(write_sessions(now, 1)) != list(write_sessions(now, 2))


def test_ids_depend_on_the_seed_and_not_on_the_time() -> None:
    now = datetime(2026, 11, 21, 14, 3, 5, tzinfo=UTC)
    ids = [record["id"] for record in write_sessions(now)]

    assert [record["id"] for record in write_sessions(now + timedelta(hours=7))] == ids
    assert not {record["id"] for record in write_sessions(now, 8)} & set(ids)


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        write_sessions(LATEST)


@pytest.mark.parametrize("now", NOWS)
def test_every_filter_has_something_to_show(now: datetime) -> None:
    records = sessions_at(now)

    assert {record["channel"] for record in records} == {"VOICE", "SMS", "CHAT"}
    assert {length_of(record) for record in records} == {"SHORT", "REGULAR", "LONG"}
    assert {record.get("autoAssessment") for record in records} == {"YES_A", "YES_B", "NO", None}
    assert {record.get("conversationQuality") for record in records} == {1, 2, 3, 4, 5, None}
    assert {turn["speaker"] for record in records for turn in turns(record)} == {"USER", "AGENT", "SYSTEM"}
    for flag in ("intentToBuy", "refused", "unavailable", "isTodo"):
        assert {record[flag] for record in records} == {True, False}
    assert set().union(*records) == RECORD_SESSION_INPUT
    integrations = {record.get("integration") for record in records}
    assert integrations == {None, "sandbox", "tablebook", "carechart", "staywell"}


@pytest.mark.parametrize("now", NOWS)
def test_every_session_type_of_every_business_occurs(now: datetime) -> None:
    occurring = {(record["agent"], record["sessionType"]) for record in sessions_at(now)}

    assert occurring == {(business.idn, scenario.topic) for business in BUSINESSES for scenario in business.scenarios}


@pytest.mark.parametrize("now", NOWS)
def test_shares_are_believable(now: datetime) -> None:
    records = sessions_at(now)
    verdicts = Counter(record.get("autoAssessment") for record in records)

    assert 0.03 < sum(map(is_test, records)) / len(records) < 0.12
    assert 0.4 < sum(bool(record["intentToBuy"]) for record in records) / len(records) < 0.7
    assert verdicts["YES_A"] > len(records) / 2
    assert min(verdicts["YES_B"], verdicts["NO"]) > len(records) / 20
    assert 0.7 < sum("conversationQuality" not in record for record in records) / len(records) < 0.95


@pytest.mark.parametrize("now", NOWS)
def test_some_contacts_return_and_keep_their_name_and_phone(now: datetime) -> None:
    records = sessions_at(now)
    calls = Counter(record["externalId"] for record in records if "externalId" in record)

    assert {2, 3, 4} <= set(calls.values()) <= {1, 2, 3, 4}
    for field in ("contactName", "phone"):
        pairs = {(r["externalId"], r[field]) for r in records if "externalId" in r and field in r}
        assert len(pairs) == len({external_id for external_id, _ in pairs})


def test_no_two_conversations_are_the_same() -> None:
    texts = [spoken(record) for record in write_sessions(datetime(2026, 11, 21, 14, 3, 5, tzinfo=UTC))]

    assert len(set(texts)) > 0.97 * len(texts)


@pytest.mark.parametrize("now", NOWS)
def test_contact_details_agree_with_the_transcript(now: datetime) -> None:
    for record in sessions_at(now):
        text = spoken(record)
        addresses = set(re.findall(r"[\w.-]+@example\.com", text))
        assert addresses == ({record["email"]} if "email" in record else set())
        if record["channel"] == "CHAT" and "externalId" not in record and not is_test(record):
            digits = re.sub(r"\D", "", text)
            assert "phone" not in record or str(record["phone"])[-10:] in digits
        if "contactName" in record and "externalId" not in record:
            assert any(part in text for part in str(record["contactName"]).split())


@pytest.mark.parametrize("now", NOWS)
def test_phones_and_addresses_reach_nobody(now: datetime) -> None:
    for record in sessions_at(now):
        assert re.fullmatch(
            r"\+1\d{3}55501\d\d|\+442079460\d{3}|\+447700900\d{3}", str(record.get("phone", "+442079460000"))
        )
        assert str(record.get("email", "@example.com")).endswith("@example.com")


@pytest.mark.parametrize("now", NOWS)
def test_durations_fit_the_channel(now: datetime) -> None:
    for record in sessions_at(now):
        seconds = (instant(record["endedAt"]) - instant(record["startedAt"])).total_seconds()
        shortest, longest = (20, 480) if record["channel"] == "VOICE" else (10, 2400)
        assert shortest <= seconds <= longest
