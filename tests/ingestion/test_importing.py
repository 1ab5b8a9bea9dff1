"""Payloads from files: JSON Lines, an array, one object, forms; tallied and reported as records are."""

import gzip
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from session_graph.errors import InvalidInput
from session_graph.ingestion.agents import AgentDirectory, UnknownAgents, read_agent_map
from session_graph.ingestion.importing import import_payloads
from session_graph.ingestion.mapping import load_mapping
from session_graph.sessions.importing import Tally
from session_graph.sessions.recording import Status
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.payloads import SAMPLES, body_of, payload_of
from support.records import make_agent

pytestmark = pytest.mark.anyio

CALL = payload_of("retell-ended.json")
STARTED = {"event": "call_started", "call": {"call_id": "x"}}


def numbered(count: int) -> list[Any]:
    return [{"event": "call_ended", "call": CALL["call"] | {"call_id": f"c{number}"}} for number in range(count)]


def lines(payloads: Iterable[Any]) -> bytes:
    return b"\n".join(map(orjson.dumps, payloads))


class Import:
    """Imports a file into an account, and keeps what is told."""

    def __init__(self, database: Database, account: Account, folder: Path) -> None:
        self.database, self.account, self.folder = database, account, folder
        self.told: list[str] = []

    async def __call__(
        self, content: bytes, mapping: str = "retell", unknown: UnknownAgents = UnknownAgents.CREATE
    ) -> Tally:
        path = self.folder / "payloads"
        path.write_bytes(content)
        os.utime(path, (1793700000, 1793700000))
        agents = AgentDirectory(self.account.id, {}, unknown)
        return await import_payloads(
            self.database,
            path,
            load_mapping(mapping),
            agents,
            lambda number, problem: self.told.append(f"{number}: {problem}"),
            lambda read: None,
            lambda number, warning: self.told.append(f"{number}: warning: {warning.path} {warning.message}"),
            self.told.append,
        )


@pytest.fixture
def run(database: Database, account: Account, tmp_path: Path) -> Import:
    return Import(database, account, tmp_path)


@pytest.mark.parametrize("name", SAMPLES)
async def test_every_sample_is_imported_once(run: Import, name: str) -> None:
    first, second = [await run(body_of(name), SAMPLES[name]) for _ in range(2)]

    assert (first.counts, second.counts) == ({Status.RECORDED: 1}, {Status.DUPLICATE: 1})
    assert [line for line in run.told if "warning" not in line] == []


@pytest.mark.parametrize(
    "content",
    [
        lines(numbered(3)),
        b"\xef\xbb\xbf" + lines(numbered(3)) + b"\n\n",
        orjson.dumps(numbered(3), option=orjson.OPT_INDENT_2),
        gzip.compress(lines(numbered(3))),
        orjson.dumps([each["call"] for each in numbered(3)]),
        orjson.dumps({"calls": [each["call"] for each in numbered(3)]}, option=orjson.OPT_INDENT_2),
    ],
    ids=["lines", "with a byte order mark", "array", "gzip", "calls of the API", "a page of the API"],
)
async def test_the_payloads_of_a_file_are_told_apart_by_its_content(run: Import, content: bytes) -> None:
    tally = await run(content)

    assert (tally.counts, tally.is_complete) == ({Status.RECORDED: 3}, True)


async def test_one_object_may_stand_on_many_lines(run: Import) -> None:
    for content in (orjson.dumps(CALL, option=orjson.OPT_INDENT_2), b"\n" + orjson.dumps(CALL)):
        tally = await run(content)

        assert tally.is_complete
        assert sum(tally.counts.values()) == 1


async def test_forms_stand_on_a_line_each(run: Import) -> None:
    form = body_of("twilio.txt")

    tally = await run(form + b"\n\n" + form.replace(b"CAtest7", b"CAtest8") + b"\n", "twilio")

    assert tally.counts == {Status.RECORDED: 2}


async def test_a_line_that_is_no_form_costs_no_other(run: Import) -> None:
    form = body_of("twilio.txt")

    tally = await run(b"\n".join([form, b"{no", b"a=1&" * 2000, form.replace(b"CAtest7", b"CAtest8")]), "twilio")

    assert tally.counts == {Status.RECORDED: 2, Status.REFUSED: 2}
    assert [line.partition(" cannot be read")[0] for line in run.told if "warning" not in line] == ["2:", "3:"]


async def test_what_is_refused_is_reported_with_the_number_of_its_payload_and_costs_no_other(run: Import) -> None:
    first, second, third = numbered(3)
    second["call"]["start_timestamp"] = 1793700000
    payloads = [orjson.dumps(first), orjson.dumps(STARTED), b"{no", orjson.dumps(second), b"[]", orjson.dumps(third)]

    tally = await run(b"\n".join(payloads))

    assert (tally.counts, tally.ignored) == ({Status.RECORDED: 2, Status.REFUSED: 3}, 1)
    assert [line.split(": ")[0] for line in run.told] == ["3", "4", "5"]
    assert run.told[1] == "4: startedAt must be from 2000 to a day from now"


async def test_the_events_of_a_call_amend_each_other(run: Import) -> None:
    tally = await run(lines([payload_of("retell-analysed.json"), CALL, payload_of("retell-ended.json")]))

    assert tally.counts == {Status.RECORDED: 1, Status.DUPLICATE: 2}


async def test_a_call_without_a_time_began_when_its_file_was_written(run: Import) -> None:
    call = {"call_id": "c", "agent_id": "host", "direction": "outbound", "disconnection_reason": "dial_busy"}
    payload = orjson.dumps({"event": "call_ended", "call": call})

    first, second = [await run(payload) for _ in range(2)]

    row = await run.database.fetchrow("select started_at from session where account_id = $1", run.account.id)
    assert row
    assert row["started_at"].timestamp() == 1793700000
    assert (first.counts, second.counts) == ({Status.RECORDED: 1}, {Status.DUPLICATE: 1})


async def test_an_unknown_agent_is_refused_where_that_is_asked_for(run: Import) -> None:
    await make_agent(run.account, idn="other")

    tally = await run(orjson.dumps(CALL), unknown=UnknownAgents.REFUSE)

    assert tally.counts == {Status.REFUSED: 1}
    assert run.told == ['1: agent is "agent_test_bistro", which is not the idn of an agent of this account']


@pytest.mark.parametrize("content", [b"\x1f\x8b broken", b"[{}, "], ids=["gzip", "array"])
async def test_what_stands_before_damage_is_recorded_and_the_damage_is_told(run: Import, content: bytes) -> None:
    tally = await run(content)

    assert tally.fault
    assert not tally.is_complete


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "agents.json must be an object"),
        ({"a": 1}, "agents.json: a must be the idn"),
        ({"a": ""}, "agents.json: a must be the idn"),
        ({"a": "no spaces"}, "agents.json: a must be the idn"),
    ],
)
def test_an_agent_map_that_is_wrong_is_refused_with_its_file(values: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_agent_map(values, "agents.json")
