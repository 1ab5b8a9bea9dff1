"""The README's examples, run as a newcomer would run them on the demo account."""

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role
from session_graph.cli.main import make_parser
from session_graph.demo import AGENTS, write_sessions
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import Status, record_sessions
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_caller
from support.live import opened, serving, streamed
from support.processes import Curl
from support.records import make_agent, record

pytestmark = pytest.mark.anyio

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
QUERIES = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^session-graph .*$", README, re.MULTILINE)


async def test_every_example_answers_on_the_demo_account(
    database: Database, client: httpx.AsyncClient, account: Account
) -> None:
    await create_missing_agents(account.id, [parse_agent(agent) for agent in AGENTS])
    outcomes = await record_sessions(
        database, account.id, [parse_record(record) for record in write_sessions(datetime.now(UTC))]
    )
    ask = await make_caller(client, account, Role.ADMIN, {"email": "ana@example.com"})

    answers = [await ask(query, id=str(outcomes[0].id)) for query in QUERIES]

    assert {outcome.status for outcome in outcomes} == {Status.RECORDED}
    assert len(answers) == 6
    assert all(answer.data for answer in answers)
    payloads = [payload for answer in answers for payload in answer.data.values() if "errors" in payload]
    assert [payload["errors"] for payload in payloads] == [[], []]


async def test_the_examples_of_live_updates_are_answered(
    database: Database, database_url: str, settings: Settings, account: Account
) -> None:
    await make_agent(account)
    key, _ = await create_key(account, Role.ADMIN)
    curl, (told,) = Curl.read(README), re.findall(r"^data: (.*)$", README, re.MULTILINE)
    (messages,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)

    async with serving(database, database_url, settings) as served:
        async with streamed(served.address, key, json.loads(curl.body)["query"]) as stream:
            await record(database, account, {})
            event = await stream.event()
        async with opened(served.address) as socket:
            for line in messages.splitlines():
                await socket.connection.send(line.replace("sg_…", key))
            answers = [await socket.receive() for _ in range(2)]
            await record(database, account, {})
            pushed = await socket.receive()

    assert curl.headers["Accept"] == "text/event-stream"
    example = json.loads(told)["data"]["sessionEvents"]
    assert {name: event[name] for name in ("kind", "session")} == {"kind": "RECORDED", "session": event["session"]}
    assert (event.keys(), event["session"].keys()) == (example.keys(), example["session"].keys())
    assert answers == [{"type": "connection_ack"}, {"type": "pong"}]
    assert (pushed["id"], pushed["payload"]["data"]["sessionEvents"]["kind"]) == ("1", "RECORDED")


async def test_the_example_of_an_import_is_recorded(database: Database, account: Account) -> None:
    agents, lines = re.findall(r"```jsonl\n(.*?)```", README, re.DOTALL)
    await create_missing_agents(account.id, [parse_agent(agent) for agent in json.loads(agents)])

    outcomes = await record_sessions(
        database, account.id, [parse_record(json.loads(line)) for line in lines.splitlines()]
    )

    assert [outcome.status for outcome in outcomes] == [Status.RECORDED]


def test_every_command_is_one() -> None:
    parser = make_parser()

    parsed = [parser.parse_args(shlex.split(command)[1:]) for command in COMMANDS]

    assert len(parsed) >= 3
    assert all(callable(arguments.command) for arguments in parsed)


def test_every_command_of_the_program_is_in_the_readme() -> None:
    subparsers = next(action for action in make_parser()._actions if action.choices)

    named = set(re.findall(r"session-graph (\w+)", README))

    assert set(subparsers.choices or ()) - named == set()
