"""Whoever has no valid key is slowed down before the database is asked; whoever has one is not."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from session_graph.access.api_keys import create_key
from session_graph.access.attempts import BURST_SECONDS, REFUSED_SECONDS, RESERVED, Attempts, TooManyAttempts
from session_graph.access.authentication import Authenticator
from session_graph.access.viewer import Role
from session_graph.errors import Unauthenticated
from session_graph.store.models import Account
from support.statements import Statements

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

BURST = int(BURST_SECONDS)
"""Attempts at once, with one a second."""
ADDRESS = "192.0.2.7"


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authenticator(clock: Clock) -> Authenticator:
    return Authenticator(None, Attempts(1, clock))


def unknown(number: int) -> str:
    return f"Bearer sg_{number:010d}_{'0' * 52}"


async def outcome(authenticator: Authenticator, header: str | None, address: str = ADDRESS) -> str:
    try:
        await authenticator.authenticate(header, address)
    except (Unauthenticated, TooManyAttempts) as error:
        return error.code
    return "ok"


async def flood(authenticator: Authenticator, attempts: int = 50) -> list[str]:
    return [await outcome(authenticator, unknown(number)) for number in range(attempts)]


async def test_unknown_keys_beyond_the_bound_are_not_looked_up(
    authenticator: Authenticator, statements: Statements
) -> None:
    await statements.restart()

    codes = await flood(authenticator)

    looked_up = BURST + int(RESERVED)
    assert codes == ["UNAUTHENTICATED"] * looked_up + ["RATE_LIMITED"] * (50 - looked_up)
    assert len(await statements.so_far()) == looked_up


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearer !", "Bearer " + "x" * 9000])
async def test_what_cannot_be_a_key_is_bounded_too(authenticator: Authenticator, header: str | None) -> None:
    codes = [await outcome(authenticator, header) for _ in range(2 * BURST)]

    assert codes == ["UNAUTHENTICATED"] * BURST + ["RATE_LIMITED"] * BURST


async def test_one_key_that_is_repeated_is_bounded(authenticator: Authenticator, statements: Statements) -> None:
    await statements.restart()

    codes = [await outcome(authenticator, unknown(1)) for _ in range(2 * BURST)]

    assert codes == ["UNAUTHENTICATED"] * BURST + ["RATE_LIMITED"] * BURST
    assert len(await statements.so_far()) == 1


async def test_the_refusal_says_when_to_try_again(authenticator: Authenticator, clock: Clock) -> None:
    for _ in range(BURST):
        await outcome(authenticator, None)

    with pytest.raises(TooManyAttempts) as refused:
        await authenticator.authenticate(None, ADDRESS)

    assert refused.value.extensions == {"code": "RATE_LIMITED", "retryAfter": 1}
    clock.now += 1
    assert await outcome(authenticator, None) == "UNAUTHENTICATED"


async def test_another_address_is_not_slowed_down(authenticator: Authenticator) -> None:
    await flood(authenticator)

    assert await outcome(authenticator, unknown(99), "192.0.2.8") == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("other", "code"),
    [("2001:db8::ffff:1", "RATE_LIMITED"), ("2001:db8:0:1::1", "UNAUTHENTICATED")],
)
async def test_a_network_counts_as_one_address_of_ipv6(authenticator: Authenticator, other: str, code: str) -> None:
    for _ in range(BURST):
        await outcome(authenticator, None, "2001:db8::1")

    assert await outcome(authenticator, None, other) == code


async def test_a_key_in_use_passes_from_an_address_that_floods(authenticator: Authenticator, account: Account) -> None:
    """Also when it is not cached any more, and must be looked up."""
    header = await make_header(account)
    await authenticator.authenticate(header, ADDRESS)
    await flood(authenticator)

    for _ in range(20):
        authenticator._cache.forget(header)
        assert await outcome(authenticator, header) == "ok"
    await authenticator.close()


async def test_a_new_key_passes_by_the_reserve(authenticator: Authenticator, account: Account, clock: Clock) -> None:
    header = await make_header(account)
    await flood(authenticator)
    assert await outcome(authenticator, header) == "RATE_LIMITED"

    clock.now += 1 / RESERVED
    assert await outcome(authenticator, header) == "ok"
    await authenticator.close()


async def test_a_client_may_begin_with_many_requests_at_once(authenticator: Authenticator, account: Account) -> None:
    key, _ = await create_key(account, Role.ADMIN)

    outcomes = await asyncio.gather(*(outcome(authenticator, f"Bearer {key}") for _ in range(5 * BURST)))

    assert set(outcomes) == {"ok"}


async def test_many_requests_at_once_with_one_unknown_key_count_when_they_are_refused(
    authenticator: Authenticator, clock: Clock
) -> None:
    await asyncio.gather(*(outcome(authenticator, unknown(0)) for _ in range(5 * BURST)))

    outcomes = await asyncio.gather(*(outcome(authenticator, unknown(1)) for _ in range(5 * BURST)))

    assert outcomes.count("UNAUTHENTICATED") == RESERVED
    clock.now += 4 * BURST
    assert await outcome(authenticator, None) == "RATE_LIMITED"
    clock.now += BURST
    assert (await flood(authenticator))[:BURST] == ["UNAUTHENTICATED"] * BURST


async def test_requests_at_once_count_by_themselves_while_another_of_their_kind_takes_long(clock: Clock) -> None:
    attempts = Attempts(1, clock)
    refused = 0
    with attempts.attempt(ADDRESS, "slow"), suppress(TooManyAttempts):
        for _ in range(5 * BURST):
            with suppress(Unauthenticated), attempts.attempt(ADDRESS, "slow"):
                refused += 1
                raise Unauthenticated

    assert refused == BURST - 1 + RESERVED


async def test_valid_keys_use_up_nothing(authenticator: Authenticator, account: Account) -> None:
    headers = [await make_header(account) for _ in range(2 * BURST)]

    assert {await outcome(authenticator, header) for header in headers} == {"ok"}
    assert await outcome(authenticator, None) == "UNAUTHENTICATED"
    await authenticator.close()


async def test_a_key_that_was_refused_before_it_was_made_works_within_a_second(
    authenticator: Authenticator, account: Account, clock: Clock
) -> None:
    header = await make_header(account)
    authenticator._attempts.refuse(header)
    assert await outcome(authenticator, header) == "UNAUTHENTICATED"

    clock.now += REFUSED_SECONDS
    assert REFUSED_SECONDS < 1
    assert await outcome(authenticator, header) == "ok"
    await authenticator.close()


async def test_a_database_that_is_away_is_nobodys_attempt(clock: Clock) -> None:
    attempts: Any = Attempts(1, clock)
    for _ in range(3 * BURST):
        with pytest.raises(OSError, match="away"), attempts.attempt(ADDRESS, unknown(1)):
            raise OSError("away")


async def make_header(account: Account) -> str:
    text, _ = await create_key(account, Role.ADMIN)
    return f"Bearer {text}"
