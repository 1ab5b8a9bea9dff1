"""A long-lived connection ends when its key is revoked or expires, and no sooner."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest

from session_graph.access import authentication_cache, key_sets, tokens
from session_graph.access.api_keys import CHANNEL, create_key, look_up_key, revoke_key
from session_graph.access.authentication import Authenticator
from session_graph.access.revocation import wait_until_revoked
from session_graph.access.tokens import TokenVerifier
from session_graph.access.viewer import Role
from session_graph.errors import Unauthenticated
from session_graph.settings import load_settings
from session_graph.store.models import Account
from session_graph.store.notifications import Listener
from support.tokens import claims_of, jwk, sign, verifier_with

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


async def start_waiting(authenticator: Authenticator, listener: Listener, authorization: str) -> asyncio.Task[None]:
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


async def test_a_key_is_accepted_until_it_is_revoked(
    account: Account, authenticator: Authenticator, listener: Listener
) -> None:
    text, key = await create_key(account, Role.ADMIN)
    waiting = await start_waiting(authenticator, listener, f"Bearer {text}")
    await asyncio.sleep(0.2)
    assert not waiting.done()

    await revoke_key(account, key.id)

    assert await ends(waiting, 2)


async def test_a_revocation_is_noticed_before_the_cache_expires(
    account: Account, authenticator: Authenticator, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication_cache, "KEPT_SECONDS", 60.0)
    text, key = await create_key(account, Role.ADMIN)
    waiting = await start_waiting(authenticator, listener, f"Bearer {text}")
    await asyncio.sleep(0.2)

    revoking = asyncio.create_task(revoke_key(account, key.id))

    assert await ends(waiting, 5)
    assert not revoking.done()
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {text}")
    revoking.cancel()
    await asyncio.wait([revoking])


async def test_a_key_that_was_revoked_before_the_wait_ends_it_at_once(
    account: Account, authenticator: Authenticator, listener: Listener
) -> None:
    """The revocation comes between the authentication and the wait."""
    text, key = await create_key(account, Role.ADMIN)
    viewer = await authenticator.authenticate(f"Bearer {text}")
    await revoke_key(account, key.id)

    assert await ends(asyncio.create_task(wait_until_revoked(authenticator, listener, viewer, f"Bearer {text}")), 2)


async def test_the_revocation_of_another_key_changes_nothing(
    account: Account, authenticator: Authenticator, listener: Listener
) -> None:
    text, _ = await create_key(account, Role.ADMIN)
    _, other = await create_key(account, Role.ADMIN)
    waiting = await start_waiting(authenticator, listener, f"Bearer {text}")

    await revoke_key(account, other.id)

    assert not await ends(waiting, 0.3)


async def test_a_key_is_accepted_until_it_expires(
    account: Account, authenticator: Authenticator, listener: Listener
) -> None:
    end = datetime.now(UTC) + timedelta(seconds=1)
    text, _ = await create_key(account, Role.ADMIN, expires_at=end)

    assert await ends(await start_waiting(authenticator, listener, f"Bearer {text}"))
    assert timedelta() <= datetime.now(UTC) - end < timedelta(seconds=1)


async def test_a_key_expires_by_the_clock_of_the_database(
    account: Account, authenticator: Authenticator, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database says that half a second is left, whatever this machine's clock says."""
    text, _ = await create_key(account, Role.ADMIN, expires_at=datetime.now(UTC) + timedelta(hours=1))
    found = await look_up_key(text)
    assert found
    answers = [(found[0], 0.5), None]
    monkeypatch.setattr("session_graph.access.authentication.look_up_key", partial(_answer, answers))
    began = time.monotonic()

    assert await ends(asyncio.create_task(wait_until_revoked(authenticator, listener, found[0], f"Bearer {text}")))
    assert time.monotonic() - began >= 0.49
    assert answers == []


async def _answer(answers: list[Any], text: str) -> Any:
    return answers.pop(0)


async def test_a_token_is_accepted_until_it_expires(
    account: Account, authenticator: Authenticator, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LEEWAY", 0)

    assert await ends(await start_waiting(authenticator, listener, token_of(account, 1.5)), 5)
    assert not await ends(await start_waiting(authenticator, listener, token_of(account, 60)), 0.3)


async def test_a_token_is_accepted_until_its_signing_key_is_withdrawn(
    account: Account, listener: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(key_sets, "REFRESH_AFTER", 1.0)
    monkeypatch.setattr(key_sets, "REFRESH_PAUSE", 0.1)
    monkeypatch.setattr(key_sets, "ATTEMPT_POLL", 0.1)
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk("RSA", "a"), jwk("P-256", "b")]}))
    authenticator = Authenticator(verifier_with(jwks=str(file)))
    header = f"Bearer {sign(claims_of(account), kid='a')}"
    waiting = await start_waiting(authenticator, listener, header)
    await asyncio.wait([waiting], timeout=2.5)
    assert not waiting.done()

    file.write_text(json.dumps({"keys": [jwk("P-256", "b")]}))

    assert await ends(waiting)
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(header)


async def test_an_unavailable_database_ends_no_connection(
    account: Account, authenticator: Authenticator, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, key = await create_key(account, Role.ADMIN)
    viewer = await authenticator.authenticate(f"Bearer {text}")
    failures = [ConnectionRefusedError(), ConnectionResetError()]

    async def find(text: str) -> object:
        if failures:
            raise failures.pop()
        return await look_up_key(text)

    monkeypatch.setattr("session_graph.access.authentication.look_up_key", find)
    monkeypatch.setattr("session_graph.access.revocation.RETRY_SECONDS", 0.01)
    waiting = asyncio.create_task(wait_until_revoked(authenticator, listener, viewer, f"Bearer {text}"))
    await asyncio.sleep(0.2)
    assert (waiting.done(), failures) == (False, [])

    await revoke_key(account, key.id)

    assert await ends(waiting, 2)
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {text}")
