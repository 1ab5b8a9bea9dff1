"""Live updates of a real server: a key revoked by a command, a killed database, and the server's stop."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from service.conftest import read_keys
from support.live import EVENTS, Socket, Stream, connected, streamed
from support.processes import Server, comes_true, kill_database, run_command

pytestmark = pytest.mark.anyio

CHANGE = """
mutation ($todo: Boolean!) {
  updateSessions(input: {target: {filter: {not: {isTodo: $todo}}}, patch: {isTodo: $todo}}) {
    changedCount errors { message }
  }
}
"""
ALL = "subscription { sessionEvents { sessionId session { version } } }"
PAGE = """
query ($after: String) {
  sessions(first: 200, after: $after) { nodes { id version } pageInfo { hasNextPage endCursor } }
}
"""


async def change(server: Server, key: str, todo: bool) -> int:
    """Change all sessions with another value and return their number."""
    answer = await asyncio.to_thread(server.ask, key, CHANGE, todo=todo)
    count: int = answer["updateSessions"]["changedCount"]
    return count


async def test_revoking_a_key_by_the_command_ends_its_subscriptions(home: Path) -> None:
    with Server(home, "serve", "--no-worker") as server:
        await asyncio.to_thread(server.wait_until_it_serves)
        made = run_command(home, "key", "create", "--account", "demo", "--role", "BUILDER", "--quiet")
        key = made.stdout.strip()
        async with streamed(server.address, key, EVENTS) as stream, connected(server.address, key) as socket:
            await socket.subscribe(EVENTS)

            revoked = await asyncio.to_thread(run_command, home, "key", "revoke", "--account", "demo", key)

            assert (revoked.returncode, revoked.stderr) == (0, "")
            refusals = [await stream.refusal(), await socket.refusal()]
            assert [refusal["extensions"]["code"] for refusal in refusals] == ["UNAUTHENTICATED"] * 2
            assert await socket.closing_code() == 4401


async def test_no_event_is_missing_after_the_database_was_killed(home: Path) -> None:
    key = read_keys(home)["ADMIN"]
    with Server(home, "serve", "--no-worker") as server:
        await asyncio.to_thread(server.wait_until_it_serves)
        async with streamed(server.address, key, ALL) as stream, connected(server.address, key) as socket:
            await socket.subscribe(ALL)
            for todo in (True, False, True):  # the last edit changes all sessions
                assert await change(server, key, todo)
                kill_database(home)
                await until_it_answers(server, key)
            versions = await asyncio.to_thread(read_versions, server, key)

            await await_versions(stream, versions)
            await await_versions(socket, versions)
        assert server.stop() == 0


async def until_it_answers(server: Server, key: str) -> None:
    assert await asyncio.to_thread(comes_true, lambda: "errors" not in server.post(key, PAGE).json(), 20)


def read_versions(server: Server, key: str) -> dict[str, int]:
    """Return the version of every session."""
    versions: dict[str, int] = {}
    after = None
    while True:
        page = server.ask(key, PAGE, after=after)["sessions"]
        versions |= {session["id"]: session["version"] for session in page["nodes"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return versions


async def await_versions(following: Stream | Socket, versions: dict[str, int]) -> None:
    """Wait until the events have brought every session to its version."""
    seen: dict[str, int] = {}
    while seen != versions:
        event = await following.event()
        seen[event["sessionId"]] = event["session"]["version"]


async def test_a_server_that_is_stopped_ends_all_subscriptions(home: Path) -> None:
    key = read_keys(home)["ADMIN"]
    with Server(home, "demo") as server:
        await asyncio.to_thread(server.wait_until_it_serves)
        async with AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(streamed(server.address, key, EVENTS))
                socket = await stack.enter_async_context(connected(server.address, key))
                await socket.subscribe(EVENTS)
            began = time.monotonic()

            assert await asyncio.to_thread(server.stop) == 0

            assert time.monotonic() - began < 4
            assert await socket.closing_code() == 1012
        assert server.errors == ""
