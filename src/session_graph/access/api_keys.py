"""API keys: `sg_<prefix>_<secret>`, shown once when they are made; only the hash is stored.

The prefix finds the key and names it in logs. The secret has 260 random bits and cannot be guessed, so a plain SHA-256
of the whole key is the right hash: a slow one (bcrypt, argon2) protects the weak secrets that people choose, and would
only slow down every request here.
"""

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from datetime import UTC, datetime
from hmac import compare_digest
from math import inf
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from cachetools import FIFOCache
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from session_graph.access.authentication_cache import wait_until_expired_everywhere
from session_graph.access.viewer import SIGNED, AccountFacts, Role, Viewer
from session_graph.errors import InvalidInput, PathSegment, Problem
from session_graph.parsing import check_email, check_name, gather_problems, parse_id, parse_instant
from session_graph.store.background import STORE_FAILED, unavailable_log
from session_graph.store.database import current_executor
from session_graph.store.models import Account, Agent, ApiKey

KEY_START = "sg_"
CHANNEL = "session_graph_keys"
"""Notifies that a key was revoked; the payload is the key's id."""
PREFIX_LENGTH = 10
SECRET_LENGTH = 52
USE_INTERVAL = 60.0
"""Seconds between two writes of a key's last use, at least."""
FINISH_SECONDS = 0.5
"""How long the last writes of last uses may take when the process ends."""
MOST_RECORDED = 10_000
"""Keys whose last write a process remembers. The use of a forgotten key is only compared with the database again."""

AGENT_ROLES = frozenset({Role.BUILDER, Role.PORTAL})
"""Roles whose keys and tokens can be limited to agents."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: 5 bits each, no characters that look alike
_PREFIX_FORM = rf"([{_ALPHABET}]{{{PREFIX_LENGTH}}})"
_SECRET_FORM = rf"_[{_ALPHABET}]{{{SECRET_LENGTH}}}"
_KEY = re.compile(f"{KEY_START}{_PREFIX_FORM}{_SECRET_FORM}")
_KEY_OR_PREFIX = re.compile(f"(?:{KEY_START})?{_PREFIX_FORM}(?:{_SECRET_FORM})?")
_NO_KEY: dict[str, Any] = {"secret_hash": bytes(32), "is_revoked": False, "is_expired": False}
"""Replaces the row of an unknown key; no text has this hash."""

_BEARER = """
select k.id, k.name, k.role, k.secret_hash, k.integrations, k.agents, k.email, k.revoked_at is not null as is_revoked,
       coalesce(k.expires_at <= now(), false) as is_expired,
       (extract(epoch from k.expires_at) - extract(epoch from now()))::float8 as seconds_left,
       a.id as account_id, a.idn as account_idn, a.name as account_name, a.currency, a.money_scale, a.time_zone,
       a.country
from api_key k
join account a on a.id = k.account_id
"""
_FIND = f"{_BEARER} where k.prefix = $1"
_FIND_BY_ID = f"{_BEARER} where k.id = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())"
_RECORD_USE = """
update api_key set last_used_at = now()
where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')
"""

T = TypeVar("T")
R = TypeVar("R")
Bearer = Mapping[str, Any] | asyncpg.Record
"""A row of `_BEARER`, or `_NO_KEY`."""

LOGGER = logging.getLogger(__name__)


async def create_key(
    account: Account,
    role: Role,
    *,
    name: str | None = None,
    integrations: Sequence[str] = (),
    agents: Sequence[str] = (),
    email: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[str, ApiKey]:
    """Make a key. Return its text, which is stored nowhere, and its row.

    `agents` are idns of the account's agents. The default name is role and day, "partner 2026-11-21". Raises
    InvalidInput with all problems, each at the argument's name in camelCase, with an index in lists.
    """
    problems = limit_problems(role, integrations, agents)
    row: dict[str, Any] = {
        "name": _check(problems, ["name"], _check_key_name, name) or f"{role.lower()} {datetime.now(UTC):%Y-%m-%d}",
        "integrations": _check_integrations(integrations, problems),
        "agents": await _check_agents(account, agents, problems),
        "email": _check(problems, ["email"], check_email, email),
        "expires_at": _check(problems, ["expiresAt"], _parse_expiry, expires_at),
    }
    if problems:
        raise InvalidInput(problems)
    prefix, text = _make_text()
    return text, await ApiKey.create(account_id=account.id, role=role, prefix=prefix, secret_hash=_hash(text), **row)


def limit_problems(role: Role, integrations: Sequence[str], agents: Sequence[str]) -> list[Problem]:
    """Return what `docs/access.md` forbids about these limits of a role, for keys and tokens alike."""
    problems = []
    if role is Role.PARTNER and not integrations:
        problems.append(Problem(("integrations",), "a PARTNER needs at least one integration"))
    if role is not Role.PARTNER and integrations:
        problems.append(Problem(("integrations",), f"a {role} cannot be limited to integrations, only a PARTNER"))
    if role not in AGENT_ROLES and agents:
        problems.append(Problem(("agents",), f"a {role} cannot be limited to agents, only a BUILDER or a PORTAL"))
    return problems


async def list_keys(account: Account) -> list[ApiKey]:
    """Return all keys of the account, oldest first, with those that are revoked or expired."""
    return await ApiKey.filter(account_id=account.id).order_by("created_at", "id")


async def revoke_key(account: Account, prefix_or_id: str | UUID) -> ApiKey:
    """Revoke the key for good; a repeated call changes nothing. The whole text of a key, as it leaked, also finds it.

    Returns when no process accepts the key any more, a second after the commit; never call it in a transaction. Raises
    InvalidInput if the account has no such key.
    """
    key = await _find_key(account, prefix_or_id)
    if key is None:
        raise InvalidInput.at("the account has no such key", ["key"])
    async with in_transaction() as transaction:
        await ApiKey.filter(id=key.id, revoked_at__isnull=True).update(revoked_at=datetime.now(UTC))
        await transaction.execute_query("select pg_notify($1, $2)", [CHANNEL, str(key.id)])
    await wait_until_expired_everywhere()
    await key.refresh_from_db(fields=["revoked_at"])
    return key


async def find_viewer(key_text: str) -> Viewer | None:
    """Return the viewer of this key; None if the key is malformed, unknown, revoked or expired."""
    found = await look_up_key(key_text)
    return found[0] if found else None


async def look_up_key(key_text: str) -> tuple[Viewer, float] | None:
    """Return the viewer of this key and the seconds until it expires, infinity if never; None if the key is not valid.

    Every refusal of a well-formed key costs the same: one hash, one statement, one comparison.
    """
    form = _KEY.fullmatch(key_text)
    if not form:
        return None
    prefix = form[1]
    row = await current_executor().fetchrow(_FIND, prefix) or _NO_KEY
    if reason := _refusal(row, _hash(key_text)):
        LOGGER.info("API key %s%s refused: %s", KEY_START, prefix, reason)
        return None
    seconds_left = row["seconds_left"]
    return _viewer(row), inf if seconds_left is None else seconds_left


async def find_bearer(key_id: UUID) -> Viewer | None:
    """Return the viewer of the key with this id, with its present rights; None if it is revoked or expired."""
    row = await current_executor().fetchrow(_FIND_BY_ID, key_id)
    return _viewer(row) if row else None


class LastUsedRecorder:
    """Writes the last use of keys: in tasks of its own, so no request waits, and at most once a minute for each key.

    A write that is pending when the process dies is lost; the next use of the key makes up for it.
    """

    def __init__(self) -> None:
        self._recorded_at: FIFOCache[UUID, float] = FIFOCache(MOST_RECORDED)
        self._writes: set[asyncio.Task[None]] = set()

    def record(self, key_id: UUID) -> None:
        """Return at once; the write has its own connection, outside any transaction of the caller."""
        now = monotonic()
        if now - self._recorded_at.get(key_id, -inf) < USE_INTERVAL:
            return
        self._recorded_at[key_id] = now
        write = asyncio.create_task(_write_use(key_id), context=Context())
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)

    async def finish(self) -> None:
        """Wait for pending writes, but not for a database that does not answer. Call it before the database closes."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=FINISH_SECONDS)


def _make_text() -> tuple[str, str]:
    prefix, secret = (
        "".join(secrets.choice(_ALPHABET) for _ in range(length)) for length in (PREFIX_LENGTH, SECRET_LENGTH)
    )
    return prefix, f"{KEY_START}{prefix}_{secret}"


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


async def _find_key(account: Account, prefix_or_id: str | UUID) -> ApiKey | None:
    if form := _KEY_OR_PREFIX.fullmatch(str(prefix_or_id)):
        return await ApiKey.get_or_none(account_id=account.id, prefix=form[1])
    try:
        return await ApiKey.get_or_none(account_id=account.id, id=parse_id(prefix_or_id))
    except ValueError:
        return None


def _refusal(row: Bearer, key_hash: bytes) -> str | None:
    """Return why the key is refused, for the log."""
    if not compare_digest(row["secret_hash"], key_hash):
        return "unknown"
    if row["is_revoked"]:
        return "revoked"
    return "expired" if row["is_expired"] else None


def _viewer(row: Bearer) -> Viewer:
    return Viewer(
        account=AccountFacts(
            id=row["account_id"],
            idn=row["account_idn"],
            name=row["account_name"],
            currency=row["currency"],
            money_scale=row["money_scale"],
            time_zone=row["time_zone"],
            country=row["country"],
        ),
        role=Role(row["role"]),
        name=row["name"],
        email=row["email"],
        integrations=tuple(row["integrations"]),
        agents=tuple(row["agents"]),
        key_id=row["id"],
    )


async def _write_use(key_id: UUID) -> None:
    try:
        await get_connection("default").execute_query(_RECORD_USE, [key_id])
    except STORE_FAILED as error:
        unavailable_log.warn(error, "The last use of a key could not be written")


def _check(problems: list[Problem], path: Sequence[PathSegment], check: Callable[[T], R], value: T | None) -> R | None:
    """Return the checked value; None if there is none, or if it is a problem."""
    if value is not None:
        with gather_problems(problems, *path):
            return check(value)
    return None


def _check_integrations(integrations: Sequence[str], problems: list[Problem]) -> list[str | None]:
    names = (_check(problems, ("integrations", i), check_name, text) for i, text in enumerate(integrations))
    return list(dict.fromkeys(names))


async def _check_agents(account: Account, agents: Sequence[str], problems: list[Problem]) -> list[str]:
    if not agents:
        return []
    known = {agent.idn for agent in await Agent.filter(account_id=account.id).only("idn")}
    problems += [
        Problem(("agents", position), "the account has no agent of this idn")
        for position, idn in enumerate(agents)
        if idn not in known
    ]
    return list(dict.fromkeys(agents))


def _check_key_name(name: str) -> str:
    checked = check_name(name)
    if checked.casefold().startswith(SIGNED):
        raise ValueError(f'must not begin with "{SIGNED}", which names the subjects of tokens')
    return checked


def _parse_expiry(value: datetime) -> datetime:
    moment = parse_instant(value)
    if moment <= datetime.now(UTC):
        raise ValueError("must be in the future")
    return moment
