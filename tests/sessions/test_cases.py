"""The small inputs that came out wrong once, each by its file beside the specification, with what is right."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from session_graph.access.accounts import change_account, find_or_create_account
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.importing import Tally, import_sessions
from session_graph.sessions.pagination import PageRequest
from session_graph.sessions.reading import SessionList, read_pages
from session_graph.sessions.recording import Status
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from support.viewers import make_viewer
from support.walks import NOW

pytestmark = pytest.mark.anyio


class Case:
    """A case of its own account: what was imported, what is stored, and what a search or a filter finds."""

    def __init__(self, database: Database, account: Account, path: Path) -> None:
        self._database, self._account, self.path = database, account, path
        self.problems: list[str] = []
        self.sent = [json.loads(line) for line in path.read_bytes().splitlines()]

    async def import_file(self) -> Tally:
        def report(number: int, problem: object) -> None:
            self.problems.append(f"{number} {problem}")

        return await import_sessions(self._database, self._account.id, self.path, report, lambda read: None)

    async def rows(self) -> list[Row]:
        return await self._database.fetch("select * from session s where s.account_id = $1", self._account.id)

    async def find(self, **filter_: Any) -> set[str | None]:
        """Return the contact names of what the filter leaves."""
        sessions = SessionList(make_viewer(self._account), parse_filter(filter_, NOW))
        page = (await read_pages(self._database, sessions, frozenset({"contact_name"}), PageRequest(200)))[None]
        return {row["contact_name"] for row in page.rows}


@pytest.fixture
async def case(request: pytest.FixtureRequest, database: Database, shared: Path) -> Case:
    """The case that the test names by its parameter, with the agents of both files."""
    account = await change_account(
        await find_or_create_account(f"case-{uuid4().hex[:12]}"), time_zone="America/New_York"
    )
    for name in ("agents-a.json", "agents-b.json"):
        agents = orjson.loads((shared / "cases" / name).read_bytes())
        await create_missing_agents(account.id, [parse_agent(agent) for agent in agents])
    return Case(database, account, shared / "cases" / f"{request.param}.jsonl")


def of(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", names, indirect=True, ids=names)


@of("a2-no-phone-collected", "A2_unreachable_caller_counts_as_opportunity")
async def test_who_cannot_be_reached_is_no_opportunity(case: Case) -> None:
    await case.import_file()

    rows = await case.rows()
    assert len(rows) == len(case.sent)
    assert {(row["is_lead"], row["is_opportunity"], row["asr"], row["phone"], row["email"]) for row in rows} == {
        (True, False, 0, None, None)
    }


@of("a3-test-contact-other-spelling", "A3_test_contact_other_spelling")
async def test_a_test_contact_is_one_in_every_spelling(case: Case) -> None:
    await case.import_file()

    rows = await case.rows()
    assert len(rows) == len(case.sent)
    assert {(row["contact_name"], row["is_test"], row["asr"]) for row in rows} == {
        (record["contactName"], True, 0) for record in case.sent
    }


@of("a4-phone-not-found")
async def test_a_number_is_found_by_what_was_recorded_stored_and_printed(case: Case) -> None:
    await case.import_file()

    for row, record in [(r, s) for s in case.sent for r in await case.rows() if r["contact_name"] == s["contactName"]]:
        for text in (record["phone"], row["phone"], row["phone_display"], *(row["phone_search"] or "").split()):
            assert row["contact_name"] in await case.find(search=text), (text, row["phone"])


@of("a6-name-not-found")
async def test_a_name_is_found_by_its_plain_letters(case: Case) -> None:
    await case.import_file()

    for text, name in {
        "Lukasz": "Łukasz Wójcik",
        "wojcik luk": "Łukasz Wójcik",
        "Soren": "Søren Ærø",
        "Dorde": "Đorđe Petrović",
        "Nguyen Van Duc": "Nguyễn Văn Đức",
        "oeuvrard": "Œuvrard",
        "isik": "Işık Yılmaz",
        "O'Brien": "O’Brien",
        "Jean-Luc": "Jean‑Luc",
        "anne-marie": "Anne–Marie",
        "ana maria": "Ana\u00a0 Maria",
    }.items():
        assert {found.replace("\u00a0", " ") for found in await case.find(search=text) if found} == {
            name.replace("\u00a0", " ")
        }


@of("A5_external_id_spaces_nfd")
async def test_what_was_recorded_is_found_by_the_same_string(case: Case) -> None:
    await case.import_file()

    for record in case.sent:
        page = await case.find(externalIds=[record["externalId"]])
        assert page == {None}
    assert {row["external_id"] for row in await case.rows()} == {"TB-9", "Café-77"}


@of("A7_seconds_taken_for_ms")
async def test_seconds_that_were_taken_for_milliseconds_are_refused(case: Case) -> None:
    tally = await case.import_file()

    assert (tally.counts[Status.RECORDED], tally.counts[Status.REFUSED]) == (1, 1)
    assert "startedAt must be from 2000 to a day from now" in case.problems[0]


@of("b1-nfc-nfd")
async def test_two_forms_of_one_text_are_one(case: Case) -> None:
    await case.import_file()

    rows = await case.rows()
    assert len(rows) == 2
    assert len({row["session_type"] for row in rows}) == 1
    assert len(await case.find(sessionTypes=[case.sent[0]["sessionType"]])) >= 1


@of("batch_one_bad_turn", "null_flags", "lone_surrogate")
async def test_one_bad_turn_or_flag_costs_no_session(case: Case) -> None:
    tally = await case.import_file()

    assert (tally.counts[Status.RECORDED], tally.counts[Status.REFUSED], case.problems) == (len(case.sent), 0, [])
