import asyncio
import hashlib
import logging
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from session_graph.access import api_keys
from session_graph.access.accounts import facts_of
from session_graph.access.api_keys import LastUsedRecorder, create_key, find_viewer, list_keys, revoke_key
from session_graph.access.authentication import HEADER_LIMIT, Authenticator
from session_graph.access.viewer import Role, Viewer
from session_graph.errors import InvalidInput, PathSegment, Unauthenticated
from session_graph.store.database import Database
from session_graph.store.ids import new_id
from session_graph.store.models import Account, Agent, ApiKey
from support.statements import Statements

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

KEY = re.compile(r"sg_[0-9a-z]{10}_[0-9a-z]{52}")


@pytest.fixture
async def other_account(database: Database) -> Account:
    idn = f"o-{new_id().hex}"
    return await Account.create(idn=idn, name=idn)


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def an_hour_from_now() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


async def make_agent(account: Account, idn: str) -> None:
    await Agent.create(account_id=account.id, idn=idn, name=idn, time_zone="UTC")


async def viewer_of(key_text: str) -> Viewer:
    found = await find_viewer(key_text)
    assert found is not None
    return found


async def end(key: ApiKey, **values: datetime) -> None:
    await ApiKey.filter(id=key.id).update(**values)


async def test_a_key_is_one_word_of_letters_digits_and_underscores(account: Account) -> None:
    text, key = await create_key(account, Role.ADMIN)

    assert KEY.fullmatch(text)
    assert text.split("_")[1] == key.prefix
    assert key.name == f"admin {datetime.now(UTC):%Y-%m-%d}"


async def test_only_the_hash_of_a_key_is_stored(account: Account, database: Database) -> None:
    text, key = await create_key(account, Role.ADMIN)

    row = await database.fetchrow("select k.* from api_key k where k.id = $1", key.id)
    assert row is not None
    assert row["secret_hash"] == hashlib.sha256(text.encode()).digest()
    assert text.rpartition("_")[2] not in repr(dict(row))


async def test_keys_differ(account: Account) -> None:
    texts = {(await create_key(account, Role.RECORDER))[0] for _ in range(50)}

    assert len({part for text in texts for part in text.split("_")[1:]}) == 100


async def test_a_key_authenticates_a_viewer_with_all_its_limits(account: Account) -> None:
    await make_agent(account, "hostess")
    text, key = await create_key(
        account,
        Role.PORTAL,
        name=" Front desk ",
        agents=["hostess"],
        email="ana@example.com",
        expires_at=an_hour_from_now(),
    )

    assert await find_viewer(text) == Viewer(
        facts_of(account), Role.PORTAL, "Front desk", "ana@example.com", (), ("hostess",), key.id
    )


async def test_duplicate_integrations_of_a_partner_are_dropped(account: Account) -> None:
    text, _ = await create_key(account, Role.PARTNER, integrations=["hubspot", " hubspot ", "sandbox/hubspot"])

    assert (await viewer_of(text)).integrations == ("hubspot", "sandbox/hubspot")


@pytest.mark.parametrize(
    ("role", "integrations", "agents", "path"),
    [
        (Role.PARTNER, [], [], ("integrations",)),
        (Role.PARTNER, [" "], [], ("integrations", 0)),
        (Role.PARTNER, ["hubspot", "a\nb"], [], ("integrations", 1)),
        (Role.PARTNER, ["hubspot"], ["hostess"], ("agents",)),
        (Role.ADMIN, ["hubspot"], [], ("integrations",)),
        (Role.BUILDER, ["hubspot"], [], ("integrations",)),
        (Role.ADMIN, [], ["hostess"], ("agents",)),
        (Role.RECORDER, [], ["hostess"], ("agents",)),
        (Role.BUILDER, [], ["hostess", "nobody"], ("agents", 1)),
        (Role.PORTAL, [], [""], ("agents", 0)),
    ],
)
async def test_a_key_with_limits_that_its_role_cannot_have_is_refused(
    account: Account, role: Role, integrations: Sequence[str], agents: Sequence[str], path: tuple[PathSegment, ...]
) -> None:
    await make_agent(account, "hostess")

    with pytest.raises(InvalidInput) as refusal:
        await create_key(account, role, integrations=integrations, agents=agents)

    assert [problem.path for problem in refusal.value.problems] == [path]
    assert await list_keys(account) == []


async def test_all_problems_are_reported_at_once_and_no_key_is_made(account: Account) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await create_key(
            account,
            Role.PARTNER,
            name="",
            agents=["nobody"],
            email="Ana <ana@example.com>",
            expires_at=datetime.now(UTC) - timedelta(seconds=1),
        )

    problems = {problem.path for problem in refusal.value.problems}
    assert problems == {("integrations",), ("agents",), ("name",), ("agents", 0), ("email",), ("expiresAt",)}
    assert await list_keys(account) == []


async def test_an_agent_of_another_account_is_unknown(account: Account, other_account: Account) -> None:
    await make_agent(other_account, "hostess")

    with pytest.raises(InvalidInput):
        await create_key(account, Role.BUILDER, agents=["hostess"])


async def test_an_expiry_needs_an_offset_and_accepts_any(account: Account) -> None:
    with pytest.raises(InvalidInput):
        await create_key(account, Role.ADMIN, expires_at=datetime(2100, 1, 1))  # noqa: DTZ001

    tokyo = datetime(2100, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    _, key = await create_key(account, Role.ADMIN, expires_at=tokyo)
    assert key.expires_at == datetime(2100, 1, 1, tzinfo=UTC)


async def test_only_the_accounts_own_keys_are_listed_oldest_first(account: Account, other_account: Account) -> None:
    made = [(await create_key(account, Role.ADMIN, name=name))[1].id for name in "abc"]
    await create_key(other_account, Role.ADMIN)
    await revoke_key(account, made[1])

    listed = await list_keys(account)

    assert [key.id for key in listed] == made
    assert [key.revoked_at is None for key in listed] == [True, False, True]


@pytest.mark.parametrize("called", ["id", "id as text", "prefix", "start", "whole"])
async def test_a_key_can_be_revoked_by_prefix_id_or_text(account: Account, called: str) -> None:
    text, key = await create_key(account, Role.ADMIN)
    names: dict[str, str | UUID] = {
        "id": key.id,
        "id as text": str(key.id),
        "prefix": key.prefix,
        "start": f"sg_{key.prefix}",
        "whole": text,
    }

    revoked = await revoke_key(account, names[called])

    assert revoked.revoked_at is not None
    assert await find_viewer(text) is None


async def test_revoking_twice_changes_nothing(account: Account) -> None:
    _, key = await create_key(account, Role.ADMIN)

    first = await revoke_key(account, key.prefix)
    second = await revoke_key(account, key.prefix)

    assert first.revoked_at == second.revoked_at


@pytest.mark.parametrize("name", ["", "nobody", "sg_", "0" * 10, "018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61", "a\x00b"])
async def test_an_unknown_key_cannot_be_revoked(account: Account, name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await revoke_key(account, name)

    assert refusal.value.problems[0].path == ("key",)


async def test_another_accounts_key_cannot_be_revoked(account: Account, other_account: Account) -> None:
    text, key = await create_key(other_account, Role.ADMIN)

    for name in (key.id, key.prefix, text):
        with pytest.raises(InvalidInput, match="the account has no such key"):
            await revoke_key(account, name)

    assert (await viewer_of(text)).account == facts_of(other_account)


async def test_a_key_works_until_the_moment_it_expires(account: Account) -> None:
    text, key = await create_key(account, Role.ADMIN, expires_at=an_hour_from_now())
    assert await find_viewer(text)

    await end(key, expires_at=datetime.now(UTC))

    assert await find_viewer(text) is None


async def test_a_part_or_variant_of_a_key_is_refused(account: Account) -> None:
    text, key = await create_key(account, Role.ADMIN)
    other, _ = await create_key(account, Role.ADMIN)
    changed = text[:-1] + ("0" if text[-1] != "0" else "1")
    mixed = f"sg_{key.prefix}_{other.rpartition('_')[2]}"

    for wrong in (changed, mixed, text.upper(), text + "0", text + "\n", f" {text}", key.prefix, "", "sg__", "sg_\x00"):
        assert await find_viewer(wrong) is None


async def test_a_key_is_found_with_one_statement(account: Account, statements: Statements) -> None:
    text, _ = await create_key(account, Role.ADMIN)
    await statements.restart()

    await find_viewer(text)

    assert len(await statements.so_far()) == 1


async def test_no_log_and_no_representation_shows_a_key(
    account: Account, everything_logged: pytest.LogCaptureFixture
) -> None:
    text, key = await create_key(account, Role.ADMIN)
    secret = text.rpartition("_")[2]
    await find_viewer(text)
    await find_viewer(text[:-1] + "0")
    await revoke_key(account, text)
    await find_viewer(text)
    with pytest.raises(InvalidInput) as refusal:
        await revoke_key(account, text[:-1])

    assert secret[:-1] not in everything_logged.text
    assert secret not in f"{key!r} {vars(key)!r} {refusal.value!r}"
    assert key.prefix in everything_logged.text


async def test_the_log_says_why_a_key_was_refused(
    account: Account, everything_logged: pytest.LogCaptureFixture
) -> None:
    expired, expired_key = await create_key(account, Role.ADMIN)
    revoked, revoked_key = await create_key(account, Role.ADMIN)
    await end(expired_key, expires_at=datetime.now(UTC))
    await revoke_key(account, revoked_key.id)

    for text in (expired, revoked, f"sg_{'0' * 10}_{'0' * 52}"):
        assert await find_viewer(text) is None

    said = [record.getMessage() for record in everything_logged.records if record.name == api_keys.__name__]
    assert said == [
        f"API key sg_{expired_key.prefix} refused: expired",
        f"API key sg_{revoked_key.prefix} refused: revoked",
        "API key sg_0000000000 refused: unknown",
    ]


async def last_use(key: ApiKey) -> datetime | None:
    return (await ApiKey.get(id=key.id)).last_used_at


async def test_a_use_is_recorded_without_delaying_the_request(account: Account) -> None:
    _, key = await create_key(account, Role.ADMIN)
    uses = LastUsedRecorder()

    uses.record(key.id)
    await uses.finish()

    noted = await last_use(key)
    assert noted is not None
    assert datetime.now(UTC) - noted < timedelta(seconds=10)


async def test_a_process_writes_a_use_once_a_minute(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = await create_key(account, Role.ADMIN)
    clock = [100.0]
    monkeypatch.setattr(api_keys, "monotonic", lambda: clock[0])
    uses, long_ago = LastUsedRecorder(), datetime(2020, 1, 1, tzinfo=UTC)

    async def is_written_after(seconds: float) -> bool:
        clock[0] += seconds
        await end(key, last_used_at=long_ago)
        uses.record(key.id)
        await uses.finish()
        return await last_use(key) != long_ago

    assert [await is_written_after(seconds) for seconds in (0, 59, 2, 1)] == [True, False, True, False]


async def test_a_process_does_not_write_what_another_just_wrote(account: Account) -> None:
    _, key = await create_key(account, Role.ADMIN)
    noted = []
    for uses in (LastUsedRecorder(), LastUsedRecorder()):
        uses.record(key.id)
        await uses.finish()
        noted.append(await last_use(key))

    assert noted[0] is not None
    assert noted[0] == noted[1]


async def test_a_use_can_be_recorded_in_a_transaction(account: Account, database: Database) -> None:
    _, key = await create_key(account, Role.ADMIN)
    uses = LastUsedRecorder()

    async with database.transaction():
        uses.record(key.id)
    await uses.finish()

    assert await last_use(key) is not None


async def test_the_memory_of_recorded_uses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[UUID] = []

    async def write(key_id: UUID) -> None:
        written.append(key_id)

    monkeypatch.setattr(api_keys, "_write_use", write)
    monkeypatch.setattr(api_keys, "MOST_RECORDED", 2)
    uses, (oldest, middle, newest) = LastUsedRecorder(), (new_id() for _ in range(3))

    for key_id in (oldest, middle, newest, newest, middle, oldest):
        uses.record(key_id)
    await uses.finish()

    assert written == [oldest, middle, newest, oldest]


async def test_a_failed_write_of_a_use_is_only_logged(
    account: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_keys, "_RECORD_USE", "update no_such_table set a = $1")
    uses = LastUsedRecorder()

    uses.record(new_id())
    await uses.finish()

    assert "last use of a key could not be written" in caplog.text


async def test_authenticating_by_key_records_its_use(account: Account) -> None:
    text, key = await create_key(account, Role.BUILDER)
    authenticator = Authenticator(None)

    for scheme in ("Bearer", "bearer", "BEARER  "):
        assert (await authenticator.authenticate(f"{scheme} {text}")).account == facts_of(account)
    await authenticator.close()

    assert await last_use(key) is not None


async def test_every_refusal_has_the_same_message(account: Account) -> None:
    live, _ = await create_key(account, Role.ADMIN)
    revoked, revoked_key = await create_key(account, Role.ADMIN)
    expired, expired_key = await create_key(account, Role.ADMIN)
    await revoke_key(account, revoked_key.id)
    await end(expired_key, expires_at=datetime.now(UTC))
    headers = [
        None,
        "",
        "Bearer",
        "Bearer ",
        live,
        f"Basic {live}",
        f"Bearer{live}",
        f"Bearer {live} {live}",
        f"Bearer {live},",
        f"Bearer {live}, Bearer {live}",
        f"Bearer\t{live}",
        f"Bearer {live}\n",
        f"Bearer {live.upper()}",
        f"Bearer {revoked}",
        f"Bearer {expired}",
        f"Bearer sg_{'0' * 10}_{'0' * 52}",
        "Bearer sg_",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        f"Bearer {'a' * HEADER_LIMIT}",
        "Bearer \x00",
        "Bearer ünal",
        "Bearer \ud800",
    ]
    authenticator = Authenticator(None)

    said = set()
    for header in headers:
        with pytest.raises(Unauthenticated) as refusal:
            await authenticator.authenticate(header)
        said.add(str(refusal.value))

    assert said == {Unauthenticated.__doc__}
    assert [key.last_used_at for key in await list_keys(account)] == [None, None, None]


async def test_a_key_gives_access_to_its_own_account_only(account: Account, other_account: Account) -> None:
    mine, _ = await create_key(account, Role.ADMIN)
    theirs, _ = await create_key(other_account, Role.ADMIN)
    authenticator = Authenticator(None)

    admitted = await asyncio.gather(*(authenticator.authenticate(f"Bearer {text}") for text in (mine, theirs)))
    await authenticator.close()

    assert [viewer.account.id for viewer in admitted] == [account.id, other_account.id]
