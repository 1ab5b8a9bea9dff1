"""An admission that lasts: ended when the key is revoked or expires, and no sooner."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from session_graph.access import authentication_cache, tokens
from session_graph.access.api_keys import CHANNEL, create_key, look_up_key, revoke_key
from session_graph.access.authentication import Authenticator
from session_graph.access.revocation import wait_until_revoked
from session_graph.access.tokens import TokenVerifier
from session_graph.access.viewer import Role
from session_graph.errors import Unauthenticated
from session_graph.settings import load_settings
from session_graph.store.models import Account
from session_graph.store.notifications import Listener

pytestmark = pytest.mark.anyio

SECRET = "a secret that is long enough for HS256, and more"
SETTINGS = load_settings(jwt_key=SECRET, jwt_issuer="us", jwt_audience="them")


@pytest.fixture
async def listener(database_url: str, database: object) -> AsyncIterator[Listener]:
    listener = Listener(database_url, [CHANNEL])
    task = asyncio.create_task(listener.run())
    with listener.topic(CHANNEL, "at the start") as topic:
        await topic.wait(0)
    yield listener
    task.cancel()
    await asyncio.wait([task])
    assert listener._topics == {}


@pytest.fixture
async def authenticator() -> AsyncIterator[Authenticator]:
    authenticator = Authenticator(TokenVerifier.from_settings(SETTINGS))
    yield authenticator
    await authenticator.close()


async def last(authenticator: Authenticator, listener: Listener, authorization: str) -> asyncio.Task[None]:
    viewer = await authenticator.authenticate(authorization)
    return asyncio.create_task(wait_until_revoked(authenticator, listener, viewer, authorization))


async def ends(task: asyncio.Task[None], seconds: float = 10) -> bool:
    done, _ = await asyncio.wait([task], timeout=seconds)
    if not done:
        task.cancel()
        await asyncio.wait([task])
    return bool(done) and task.exception() is None


def token_of(account: Account, seconds: float) -> str:
    claims = {"iss": "us", "aud": "them", "sub": "ana", "account": account.idn, "role": "BUILDER"}
    return f"Bearer {jwt.encode({**claims, 'exp': time.time() + seconds}, SECRET, 'HS256')}"


async def test_a_key_is_taken_until_it_is_revoked(
    account: Account, authenticator: Authenticator, listener: Listener
) -> None:
    text, key = await create_key(account, Role.ADMIN)
    lasting = await last(authenticator, listener, f"Bearer {text}")
    await asyncio.sleep(0.2)
    assert not lasting.done()

    await revoke_key(account, key.id)

    assert await ends(lasting, 2)


async def test_a_key_s_end_is_heard_of_before_it_would_be_forgotten(
    account: Account, authenticator: Authenticator, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication_cache, "KEPT_SECONDS", 60.0)
    text, key = await create_key(account, Role.ADMIN)
    lasting = await last(authenticator, listener, f"Bearer {text}")
    await asyncio.sleep(0.2)

    revoking = asyncio.create_task(revoke_key(account, key.id))

    assert await ends(lasting, 5)
    assert not revoking.done()
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {text}")
    revoking.cancel()
    await asyncio.wait([revoking])


async def test_a_key_that_was_revoked_meanwhile_is_found_out_at_once(
    account: Account, authenticator: Authenticator, listener: Listener
) -> None:
    """Between its admission and the listening."""
    text, key = await create_key(account, Role.ADMIN)
    viewer = await authenticator.authenticate(f"Bearer {text}")
    await revoke_key(account, key.id)

    assert await ends(asyncio.create_task(wait_until_revoked(authenticator, listener, viewer, f"Bearer {text}")), 2)


async def test_another_key_s_end_is_not_this_one_s(
    account: Account, authenticator: Authenticator, listener: Listener
) -> None:
    text, _ = await create_key(account, Role.ADMIN)
    _, other = await create_key(account, Role.ADMIN)
    lasting = await last(authenticator, listener, f"Bearer {text}")

    await revoke_key(account, other.id)

    assert not await ends(lasting, 0.3)


async def test_a_key_is_taken_until_it_expires(
    account: Account, authenticator: Authenticator, listener: Listener
) -> None:
    end = datetime.now(UTC) + timedelta(seconds=1)
    text, _ = await create_key(account, Role.ADMIN, expires_at=end)

    assert await ends(await last(authenticator, listener, f"Bearer {text}"))
    assert timedelta() <= datetime.now(UTC) - end < timedelta(seconds=1)


async def test_a_token_is_taken_until_it_expires(
    account: Account, authenticator: Authenticator, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LEEWAY", 0)

    assert await ends(await last(authenticator, listener, token_of(account, 1.5)), 5)
    assert not await ends(await last(authenticator, listener, token_of(account, 60)), 0.3)


async def test_a_database_that_is_away_ends_nothing(
    account: Account, authenticator: Authenticator, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, key = await create_key(account, Role.ADMIN)
    viewer = await authenticator.authenticate(f"Bearer {text}")
    failures = [ConnectionRefusedError(), ConnectionResetError()]

    async def find(given: str) -> object:
        if failures:
            raise failures.pop()
        return await look_up_key(given)

    monkeypatch.setattr("session_graph.access.authentication.look_up_key", find)
    monkeypatch.setattr("session_graph.access.revocation.RETRY_SECONDS", 0.01)
    lasting = asyncio.create_task(wait_until_revoked(authenticator, listener, viewer, f"Bearer {text}"))
    await asyncio.sleep(0.2)
    assert (lasting.done(), failures) == (False, [])

    await revoke_key(account, key.id)

    assert await ends(lasting, 2)
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {text}")
