"""How long an authentication is cached, and that a change returns only when it holds in every process.

Two authenticators over one database stand for two processes.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from conftest import MakeCaller
from session_graph.access import authentication, authentication_cache
from session_graph.access.accounts import change_account
from session_graph.access.api_keys import create_key, look_up_key, revoke_key
from session_graph.access.attempts import REFUSED_SECONDS, Attempts
from session_graph.access.authentication import Authenticator
from session_graph.access.authentication_cache import AuthenticationCache
from session_graph.access.viewer import AccountFacts, Role, Viewer
from session_graph.errors import Unauthenticated
from session_graph.store.database import Database
from session_graph.store.ids import new_id
from session_graph.store.models import Account, ApiKey
from support.statements import Statements

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

KEPT = 10.0
ANA = Viewer(AccountFacts(new_id(), "acme", "Acme", "USD", 2, "UTC"), Role.ADMIN, "ana")


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Entries live for ten seconds of this clock."""
    clock = Clock()
    monkeypatch.setattr(authentication_cache, "KEPT_SECONDS", KEPT)
    for module in (authentication_cache, authentication):
        monkeypatch.setattr(module, "monotonic", clock)
    return clock


async def make_header(account: Account, expires_at: datetime | None = None) -> str:
    text, _ = await create_key(account, Role.ADMIN, expires_at=expires_at)
    return f"Bearer {text}"


async def statements_of(authenticator: Authenticator, header: str, statements: Statements) -> int:
    """Return the number of look-ups that one authentication or refusal costs."""
    await statements.restart()
    with suppress(Unauthenticated):
        await authenticator.authenticate(header)
    return sum("secret_hash" in statement for statement in await statements.so_far())


async def is_accepted(authenticator: Authenticator, header: str) -> bool:
    try:
        await authenticator.authenticate(header)
    except Unauthenticated:
        return False
    return True


async def authenticate_forever(processes: Sequence[Authenticator], header: str) -> None:
    while True:
        for each in processes:
            await is_accepted(each, header)
        await asyncio.sleep(0.001)


async def test_a_cached_key_costs_no_statement_until_it_expires(
    account: Account, statements: Statements, clock: Clock
) -> None:
    header, authenticator = await make_header(account), Authenticator(None)
    first = await statements_of(authenticator, header, statements)

    clock.now += KEPT - 0.01
    kept = await statements_of(authenticator, header, statements)
    clock.now += 0.01
    over = await statements_of(authenticator, header, statements)
    await authenticator.close()

    assert (first, kept, over) == (1, 0, 1)


async def test_a_cached_key_has_the_same_viewer(account: Account, clock: Clock) -> None:
    header, authenticator = await make_header(account), Authenticator(None)

    assert (
        await authenticator.authenticate(header)
        == await authenticator.authenticate(header)
        == (await authenticator.authenticate_uncached(header))[0]
    )
    await authenticator.close()


async def test_the_lifetime_starts_before_the_look_up(
    account: Account, statements: Statements, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    header, slow = await make_header(account), Authenticator(None)

    async def look_up_slowly(text: str) -> object:
        found = await look_up_key(text)
        clock.now += KEPT
        return found

    monkeypatch.setattr(authentication, "look_up_key", look_up_slowly)

    assert [await statements_of(slow, header, statements) for _ in range(2)] == [1, 1]
    await slow.close()


async def test_a_refusal_is_cached_for_half_a_second(account: Account, statements: Statements, clock: Clock) -> None:
    header, authenticator = await make_header(account), Authenticator(None, Attempts(100, clock))
    await ApiKey.filter(account_id=account.id).update(revoked_at=datetime.now(UTC))
    unknown = f"Bearer sg_{'0' * 10}_{'0' * 52}"

    for refused in (header, unknown):
        assert [await statements_of(authenticator, refused, statements) for _ in range(3)] == [1, 0, 0]
        clock.now += REFUSED_SECONDS
        assert await statements_of(authenticator, refused, statements) == 1
    assert len(authenticator._cache) == 0


async def test_only_exactly_this_header_is_cached(account: Account, statements: Statements, clock: Clock) -> None:
    header, authenticator = await make_header(account), Authenticator(None)
    await authenticator.authenticate(header)

    for other in (header.replace("Bearer", "bearer"), header.replace(" ", "  "), header + " "):
        assert await statements_of(authenticator, other, statements) == 1
    for other in (header[:-1] + ("0" if header[-1] != "0" else "1"), header + " x", header.removeprefix("Bearer ")):
        assert not await is_accepted(authenticator, other)
    await authenticator.close()


async def test_an_uncached_refusal_removes_the_entry(account: Account, statements: Statements, clock: Clock) -> None:
    header, authenticator = await make_header(account), Authenticator(None)
    await authenticator.authenticate(header)
    await ApiKey.filter(account_id=account.id).update(revoked_at=datetime.now(UTC))
    assert await is_accepted(authenticator, header)

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate_uncached(header)

    assert not await is_accepted(authenticator, header)
    await authenticator.close()


async def test_no_key_is_cached_beyond_its_expiry(
    account: Account, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication_cache, "KEPT_SECONDS", 60.0)
    end, authenticator = datetime.now(UTC) + timedelta(seconds=1), Authenticator(None)
    header = await make_header(account, end)
    assert [await statements_of(authenticator, header, statements) for _ in range(2)] == [1, 0]

    while await is_accepted(authenticator, header):
        assert datetime.now(UTC) < end + timedelta(seconds=0.1)
        await asyncio.sleep(0.01)
    await authenticator.close()

    assert datetime.now(UTC) >= end


async def test_a_key_that_expires_later_is_cached_no_longer_than_others(
    account: Account, statements: Statements, clock: Clock
) -> None:
    header, authenticator = await make_header(account, datetime.now(UTC) + timedelta(hours=1)), Authenticator(None)
    await authenticator.authenticate(header)

    clock.now += KEPT

    assert await statements_of(authenticator, header, statements) == 1
    await authenticator.close()


async def test_a_key_with_an_infinite_expiry_is_cached(
    account: Account, database: Database, statements: Statements, clock: Clock
) -> None:
    header, authenticator = await make_header(account), Authenticator(None)
    await database.execute("update api_key set expires_at = 'infinity' where account_id = $1", account.id)

    assert [await statements_of(authenticator, header, statements) for _ in range(2)] == [1, 0]
    await authenticator.close()


def test_the_cache_is_bounded_and_the_oldest_entry_goes_first(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication_cache, "MOST_KEPT", 3)
    kept = AuthenticationCache()

    for header in ("a", "b", "c", "a", "d"):
        kept.keep(header, ANA, clock.now, KEPT)

    assert len(kept) == 3
    assert [header for header in "abcd" if kept.find(header)] == ["a", "c", "d"]


async def test_no_key_can_be_read_from_the_cache(account: Account, clock: Clock) -> None:
    header, authenticator = await make_header(account), Authenticator(None)
    await authenticator.authenticate(header)
    await authenticator.close()

    assert len(authenticator._cache) == 1
    assert header.rpartition("_")[2] not in repr(vars(authenticator._cache))


async def test_of_many_requests_the_first_looks_up_the_key(
    caller: MakeCaller, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication_cache, "KEPT_SECONDS", 60.0)
    ask = await caller(Role.ADMIN)
    await statements.restart()

    for _ in range(5):
        assert (await ask("{ viewer { name } }")).data

    assert sum("secret_hash" in statement for statement in statements) == 1
    assert len(statements) <= 2, "the look-up, and the write of the key's last use"


async def test_after_a_revocation_no_process_accepts_the_key(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication_cache, "KEPT_SECONDS", 1.0)
    header, processes = await make_header(account), [Authenticator(None), Authenticator(None)]
    for each in processes:
        await each.authenticate(header)
    asking = asyncio.create_task(authenticate_forever(processes, header))

    revoking = asyncio.create_task(revoke_key(account, header.removeprefix("Bearer ")))
    while not await ApiKey.filter(account_id=account.id, revoked_at__isnull=False).exists():
        pass
    meanwhile = [await is_accepted(each, header) for each in processes]
    await revoking
    afterwards = [await is_accepted(each, header) for each in processes]
    asking.cancel()
    for each in processes:
        await each.close()

    assert (meanwhile, afterwards) == ([True, True], [False, False])


async def test_a_key_cannot_be_revoked_in_a_transaction(account: Account, database: Database) -> None:
    """No other process sees the end before the commit, so a wait before it is useless."""
    header, authenticator = await make_header(account), Authenticator(None)

    with pytest.raises(AssertionError):
        async with database.transaction():
            await revoke_key(account, header.removeprefix("Bearer "))

    assert await is_accepted(authenticator, header)
    await authenticator.close()


async def test_after_a_change_of_an_account_every_process_shows_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication_cache, "KEPT_SECONDS", 1.0)
    header, processes = await make_header(account), [Authenticator(None), Authenticator(None)]
    for each in processes:
        await each.authenticate(header)
    asking = asyncio.create_task(authenticate_forever(processes, header))

    changing = asyncio.create_task(change_account(account, name="Better", currency="JPY", time_zone="Asia/Tokyo"))
    while not await Account.filter(id=account.id, name="Better").exists():
        pass
    meanwhile = [(await each.authenticate(header)).account.name for each in processes]
    await changing
    afterwards = [(await each.authenticate(header)).account for each in processes]
    asking.cancel()
    for each in processes:
        await each.close()

    assert meanwhile == [account.name] * 2
    facts = AccountFacts(account.id, account.idn, "Better", "JPY", 0, "Asia/Tokyo")
    assert afterwards == [facts, facts]


async def test_a_change_in_a_transaction_and_an_empty_change_do_not_wait(
    account: Account, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication_cache, "KEPT_SECONDS", 60.0)

    async with asyncio.timeout(10):
        await change_account(account)
        async with database.transaction():
            await change_account(account, name="Better")

    assert (await Account.get(id=account.id)).name == "Better"
