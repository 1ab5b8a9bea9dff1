"""The whole service while its database does not answer: short waits, honest answers, and live updates afterwards.

`python -m bench.faults.database` does the same for longer, with the default time-outs.
"""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bench.faults import database as faults
from bench.faults.database import (
    CREATE_AGENT,
    RECORD,
    Subject,
    create_key,
    make_settings,
    stop_in_fault,
    suffer,
)
from session_graph.store.embedded.server import start_embedded
from support.processes import Server, postmaster_of
from support.proxy import Proxy, proxied
from support.records import BISTRO, MONDAY_IN_HOURS, PARTY_OF_FOUR

pytestmark = pytest.mark.anyio

TIMEOUT_MS = 1_000
LIVE_SECONDS = 30.0
"""In which an update comes after the network is back; it takes some seconds where the machine is not busy."""
FOLLOW = "subscription { sessionEvents { kind sessionId } }"


@pytest.fixture(scope="module")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, str, int]]:
    """A server that nobody else uses, as its processes are halted: a proxy, the address through it, its process."""
    home = tmp_path_factory.mktemp("own")
    with start_embedded(home) as server, proxied(server.url) as (proxy, url):
        yield proxy, url, postmaster_of(home)


@pytest.fixture
def subject(own_database: tuple[Proxy, str, int], tmp_path: Path) -> Iterator[Subject]:
    proxy, url, postmaster = own_database
    settings = make_settings(url, TIMEOUT_MS)
    key = create_key(tmp_path / "home", settings)
    with Server(tmp_path / "home", "serve", **settings) as server:
        server.wait_until_it_serves()
        server.ask(key, CREATE_AGENT, input=BISTRO)
        yield Subject(server, proxy, key, postmaster, TIMEOUT_MS / 1000)


@pytest.mark.parametrize("kind", faults.KINDS)
async def test_no_request_waits_for_long_and_the_server_stops_in_time(
    subject: Subject, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "NOISE", 4.0)

    said = await suffer(subject, kind)
    assert subject.counts.failures == [], said
    said = await stop_in_fault(subject, kind)
    assert subject.counts.failures == [], said

    assert "Traceback" not in subject.server.errors


def test_live_updates_go_on_after_the_network_was_dark(subject: Subject) -> None:
    with following(subject) as events:
        record(subject)
        assert events.get(timeout=LIVE_SECONDS)

        subject.proxy.is_dark = True
        time.sleep(TIMEOUT_MS / 1000 + 2)  # longer than any statement may take
        subject.proxy.is_dark = False
        began = time.monotonic()
        record(subject)
        assert events.get(timeout=LIVE_SECONDS)
        assert time.monotonic() - began < LIVE_SECONDS


def record(subject: Subject) -> None:
    """Record a session, again if the database is still away."""
    variables = {"input": {"records": [{**PARTY_OF_FOUR, **MONDAY_IN_HOURS}]}}
    end = time.monotonic() + LIVE_SECONDS
    while "errors" in (answer := subject.server.post(subject.key, RECORD, variables).json()):
        assert time.monotonic() < end, answer


@contextmanager
def following(subject: Subject) -> Iterator["queue.SimpleQueue[str]"]:
    """Yield the events of a subscription, which has begun."""
    events: queue.SimpleQueue[str] = queue.SimpleQueue()
    headers = {"Authorization": f"Bearer {subject.key}", "Accept": "text/event-stream"}
    address = f"{subject.server.address}/graphql"
    with httpx.stream("POST", address, headers=headers, json={"query": FOLLOW}, timeout=120) as response:
        assert response.status_code == 200

        def read() -> None:
            try:
                for line in response.iter_lines():
                    if line.startswith("data:") and "RECORDED" in line:
                        events.put(line)
            except (httpx.TransportError, httpx.StreamError):
                pass  # the stream was closed under the thread, which is its end

        threading.Thread(target=read, daemon=True).start()
        yield events
        subject.server.kill()
