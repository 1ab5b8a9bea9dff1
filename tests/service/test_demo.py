"""The demo as a newcomer meets it, and the commands that run beside it."""

import gzip
import re
import stat
from pathlib import Path
from uuid import uuid4

import httpx
import orjson

from session_graph.access.viewer import Role
from session_graph.demo import AGENTS
from support.processes import Curl, Server, run_command
from support.records import BISTRO, MONDAY_IN_HOURS, PARTY_OF_FOUR

VIEWER = "{ viewer { role account { name currency timeZone } } }"
COUNT = "{ sessions { totalCount } }"


def test_it_prints_its_address_and_its_keys(demo: Server, demo_keys: dict[str, str]) -> None:
    assert f"session_graph serves the demo account on {demo.address}/graphql" in demo.printed
    assert str(demo.home / "demo-keys.json") in demo.printed

    printed_keys = dict(re.findall(r"^ +([A-Z]+) +(sg_\w+)$", demo.printed, re.MULTILINE))

    assert list(printed_keys) == [role.value for role in Role]
    assert printed_keys == demo_keys
    for role, key in printed_keys.items():
        assert demo.ask(key, "{ viewer { role } }") == {"viewer": {"role": role}}


def test_the_printed_query_works(demo: Server) -> None:
    answer = Curl.read(demo.printed).send()

    metrics = answer["data"]["dashboard"]
    assert metrics["totalSessionCount"] > metrics["totalLeadCount"] > 0
    assert (float(metrics["totalAsr"]) > 0, metrics["currency"]) == (True, "USD")


def test_only_the_owner_can_read_the_home(demo: Server) -> None:
    assert stat.S_IMODE((demo.home / "demo-keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(demo.home.stat().st_mode) == 0o700


def test_the_demo_has_three_businesses_and_weeks_of_sessions_up_to_now(demo: Server, demo_keys: dict[str, str]) -> None:
    found = demo.ask(
        demo_keys["ADMIN"],
        "{ agents { idn name } all: sessions { totalCount } day: sessions(filter: {period: LAST_24_HOURS})"
        " { totalCount } sessions(first: 50) { nodes { transcript { text } } } }",
    )

    assert sorted(agent["idn"] for agent in found["agents"]) == sorted(str(agent["idn"]) for agent in AGENTS)
    assert any("Sunrise Bistro" in agent["name"] for agent in found["agents"])
    assert found["all"]["totalCount"] > 400
    assert found["day"]["totalCount"] > 0
    assert all(session["transcript"] for session in found["sessions"]["nodes"])


def test_it_is_alive_and_ready_and_requires_a_key(demo: Server) -> None:
    assert httpx.get(f"{demo.address}/healthz").json() == {"alive": True}
    assert httpx.get(f"{demo.address}/readyz").json() == {"ready": True, "writable": True, "reason": None}
    assert httpx.get(demo.address).headers["content-type"].startswith("text/html")
    assert httpx.post(f"{demo.address}/graphql", json={"query": "{ __typename }"}).status_code == 401


def test_a_key_is_printed_alone_and_works_until_it_is_revoked(demo: Server) -> None:
    made = run_command(demo.home, "key", "create", "--account", "demo", "--role", "builder", "--quiet")
    assert (made.returncode, made.stderr) == (0, "")
    key = made.stdout.removesuffix("\n")
    assert re.fullmatch(r"sg_\w+", key)
    assert demo.ask(key, "{ viewer { role } }") == {"viewer": {"role": "BUILDER"}}

    revoked = run_command(demo.home, "key", "revoke", "--account", "demo", key)

    assert (revoked.returncode, "revoked" in revoked.stdout, key in revoked.stdout) == (0, True, False)
    assert demo.post(key, VIEWER).status_code == 401


def test_an_account_is_created_with_its_attributes(demo: Server) -> None:
    changes = ("--name", "Corner Shop", "--currency", "EUR", "--time-zone", "Europe/Berlin")

    made = run_command(demo.home, "account", "corner", "--create", *changes)
    listed = run_command(demo.home, "account")

    assert (made.returncode, made.stdout) == (0, "corner  EUR  Europe/Berlin  Corner Shop\n")
    assert made.stdout in listed.stdout
    assert "demo  USD  America/New_York" in listed.stdout


def test_a_refused_change_of_the_account_prints_a_sentence_for_each_problem(demo: Server) -> None:
    refused = run_command(demo.home, "account", "demo", "--currency", "EUR", "--time-zone", "Mars")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert sorted(refused.stderr.splitlines()) == [
        "currency cannot change once the account has sessions",
        "timeZone must be a time zone of the IANA database, such as America/New_York",
    ]


def test_an_import_reports_each_bad_line_and_records_the_good_ones_once(demo: Server, tmp_path: Path) -> None:
    good = [{**PARTY_OF_FOUR, **MONDAY_IN_HOURS, "id": str(uuid4())} for _ in range(3)]
    lines = [
        orjson.dumps(good[0]),
        b'{"id": "broken',
        orjson.dumps({**good[0], "contactName": "Somebody else"}),
        b"",
        orjson.dumps({**good[1], "agent": "nobody"}),
        orjson.dumps(good[1]),
        orjson.dumps({**good[2], "conversationQuality": 6, "startedAt": "2026-11-16T15:00:00"}),
        orjson.dumps(good[2]),
    ]
    agents, sessions, clean = tmp_path / "agents.json", tmp_path / "sessions.jsonl.gz", tmp_path / "clean.jsonl"
    agents.write_bytes(orjson.dumps([BISTRO]))
    sessions.write_bytes(gzip.compress(b"\n".join(lines)))
    clean.write_bytes(b"\n".join(map(orjson.dumps, good)) + b"\n")
    arguments = ("import", "--account", "imported", "--agents", agents)

    first = run_command(demo.home, *arguments, sessions)
    again = run_command(demo.home, *arguments, clean)

    created, *lines_of_first = first.stderr.splitlines()
    reported = [line.removeprefix(f"{sessions}:") for line in lines_of_first]
    assert sorted(line for line in reported if not line.startswith("2: is not JSON")) == [
        "3: id is already the id of a session with other content",
        "5: agent is not the idn of an agent of this account",
        "7: conversationQuality must be at most 5",
        "7: startedAt must be an RFC 3339 date and time with an offset, such as 2026-11-21T14:03:05Z",
    ]
    assert len(reported) == 5
    assert f"{agents}: agents: 1 new, 0 already there\n{sessions}: 3 new, 0 already there, 4 refused" in first.stdout
    assert f"{agents}: agents: 0 new, 1 already there\n{clean}: 0 new, 3 already there, 0 refused" in again.stdout
    assert (first.returncode, again.returncode, again.stderr) == (1, 0, "")
    assert created == "Created the account imported."


def test_a_missing_file_is_reported_in_a_sentence(demo: Server) -> None:
    done = run_command(demo.home, "import", "--account", "imported", "missing.jsonl")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "missing.jsonl: No such file or directory\n"


def test_a_second_server_on_the_same_home_serves_the_same(demo: Server, demo_keys: dict[str, str]) -> None:
    with Server(demo.home, "serve") as second:
        second.wait_until_it_serves()

        assert second.ask(demo_keys["ADMIN"], COUNT) == demo.ask(demo_keys["ADMIN"], COUNT)
        assert second.stop() == 0

    assert demo.ask(demo_keys["ADMIN"], COUNT)["sessions"]["totalCount"] > 400


def test_a_port_in_use_is_reported_in_a_sentence(demo: Server) -> None:
    port = demo.address.rpartition(":")[2]

    refused = run_command(demo.home, "serve", "--port", port)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Cannot listen on 127.0.0.1, port {port}: Address already in use")
    assert refused.stderr.count("\n") == 1
