"""Requests without a key cannot fill the log."""

import asyncio
import logging
from dataclasses import dataclass

import pytest
from asyncpg.pgproto import pgproto

from session_graph.http import log_sampling
from session_graph.http.access_log import JsonFormatter
from session_graph.http.log_sampling import ALL_LINES_AT_ONCE, LINES_AT_ONCE, LineSampler, NoiseFilter
from support.toy import KEY, ToyApp, ask

pytestmark = pytest.mark.anyio

MEGABYTE = 1_000_000


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sampling, "SUMMARY_SECONDS", 0.05)


async def test_the_first_lines_are_logged_and_then_the_number(quick: None) -> None:
    told: list[tuple[int, int]] = []
    sampler = LineSampler(lambda lines, keys: told.append((lines, keys)), Clock())

    admitted = [sampler.admits(f"192.0.2.{number % 3}") for number in range(3 * LINES_AT_ONCE + 9)]
    await asyncio.sleep(0.1)

    assert admitted == [True] * 3 * LINES_AT_ONCE + [False] * 9
    assert told == [(9, 3)]


async def test_a_flood_from_many_addresses_is_sampled_as_a_whole(quick: None) -> None:
    sampler = LineSampler(lambda lines, keys: None, Clock())

    assert sum(sampler.admits(f"192.0.2.{number}") for number in range(5000)) == ALL_LINES_AT_ONCE


@pytest.mark.parametrize("addresses", [1, 12, 1000])
def test_3000_attempts_a_second_make_less_than_a_megabyte_of_log_a_minute(addresses: int) -> None:
    """Two lines for each attempt: why its key was refused, and its request."""
    clock, written = Clock(), 0
    requests = LineSampler(lambda lines, keys: None, clock)
    noise = LineSampler(lambda lines, keys: None, clock)
    for number in range(60 * 3000):
        clock.now += 1 / 3000
        written += 450 * requests.admits(f"192.0.2.{number % addresses}") + 250 * noise.admits("API key %s refused")
    written += 60 * 2 * 200  # the summaries

    assert written < MEGABYTE


async def test_requests_without_a_key_are_sampled(caplog: pytest.LogCaptureFixture, quick: None) -> None:
    caplog.set_level(logging.INFO)
    client = ToyApp().client()
    for _ in range(LINES_AT_ONCE + 5):
        await ask(client, "{ hello }", Authorization="Bearer wrong")
    await asyncio.sleep(0.1)

    lines = [each.getMessage() for each in caplog.records]
    assert lines.count("request") == LINES_AT_ONCE
    assert lines[-1] == "5 more requests without a valid key (addresses: 1)"


async def test_requests_with_a_key_are_all_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = ToyApp().client()
    for _ in range(LINES_AT_ONCE):
        await ask(client, "{ hello }", Authorization="Bearer wrong")
    for _ in range(3 * LINES_AT_ONCE):
        await ask(client, "{ hello }", Authorization=KEY)

    assert len([each for each in caplog.records if hasattr(each, "account")]) == 3 * LINES_AT_ONCE


def line(name: str, level: int, message: str) -> logging.LogRecord:
    return logging.makeLogRecord({"name": name, "levelno": level, "msg": message})


async def test_lines_that_requests_cause_are_sampled_by_their_kind() -> None:
    noise = NoiseFilter()
    kinds = [
        ("uvicorn.error", "Invalid HTTP request received."),
        ("uvicorn.error", "Unsupported upgrade request."),
        ("session_graph.http.inlets", "a webhook of the source %s (%s) is refused: %s"),
    ]

    admitted = [noise.filter(line(name, logging.WARNING, text)) for name, text in kinds for _ in range(50)]

    assert sum(admitted) == 3 * LINES_AT_ONCE


@pytest.mark.parametrize(
    ("name", "level"), [("uvicorn.error", logging.ERROR), ("session_graph.store.background", logging.WARNING)]
)
async def test_errors_and_the_lines_of_other_loggers_are_never_left_out(name: str, level: int) -> None:
    noise = NoiseFilter()

    assert all(noise.filter(line(name, level, "the same")) for _ in range(1000))


async def test_the_id_of_a_key_is_formatted_as_the_database_returns_it() -> None:
    """Its type is the driver's."""
    id_ = pgproto.UUID("018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61")
    record = logging.makeLogRecord({"name": "session_graph.access", "levelno": logging.INFO, "key_id": id_})

    assert f'"key_id":"{id_}"' in JsonFormatter(("levelname", "name", "message")).format(record)


async def test_a_summary_is_a_line_of_json() -> None:
    record = line("session_graph.http.log_sampling", logging.INFO, "5 more")

    assert '"5 more"' in JsonFormatter(("levelname", "name", "message")).format(record)
