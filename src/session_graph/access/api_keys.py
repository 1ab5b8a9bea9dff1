"""API keys: `sg_<prefix>_<secret>`, shown once when it is made, and only its hash kept.

The prefix finds the key and names it in logs. The secret has 260 bits of chance, so there is nothing to guess and a
plain SHA-256 of the whole key is the right hash: a slow one (bcrypt, argon2) makes up for the poor secrets that people
choose, and here would only make every request slow.
"""

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from contextvars import Context
from datetime import UTC, datetime
from hmac import compare_digest
from math import inf
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
from tortoise.connection import get_connection
from tortoise.exceptions import BaseORMException
from tortoise.transactions import in_transaction

from session_graph.access.authentication_cache import wait_until_expired_everywhere
from session_graph.access.viewer import AccountFacts, Role, Viewer
from session_graph.errors import InvalidInput, Problem
from session_graph.parsing import check_email, check_name, gather_problems, parse_id, parse_instant
from session_graph.store.database import current_executor
from session_graph.store.models import Account, Agent, ApiKey

KEY_START = "sg_"
CHANNEL = "session_graph_keys"
"""Tells that a key, whose id is the payload, has ended."""
PREFIX_LENGTH = 10
SECRET_LENGTH = 52
USE_INTERVAL = 60.0
"""Seconds; a key's last use is not written more often."""

AGENT_ROLES = frozenset({Role.BUILDER, Role.PORTAL})
"""Who can be limited to agents."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: 5 bits each, and nothing to misread
_PREFIX_FORM = rf"([{_ALPHABET}]{{{PREFIX_LENGTH}}})"
_SECRET_FORM = rf"_[{_ALPHABET}]{{{SECRET_LENGTH}}}"
_KEY = re.compile(f"{KEY_START}{_PREFIX_FORM}{_SECRET_FORM}")
_KEY_OR_PREFIX = re.compile(f"(?:{KEY_START})?{_PREFIX_FORM}(?:{_SECRET_FORM})?")
_NO_KEY: dict[str, Any] = {"secret_hash": bytes(32), "is_revoked": False, "is_expired": False}
"""Stands in for a key that is not there; no text has this hash."""

_BEARER = """
select k.id, k.name, k.role, k.secret_hash, k.integrations, k.agents, k.email, k.revoked_at is not null as is_revoked,
       coalesce(k.expires_at <= now(), false) as is_expired,
       (extract(epoch from k.expires_at) - extract(epoch from now()))::float8 as seconds_left,
       a.id as account_id, a.idn as account_idn, a.name as account_name, a.currency, a.money_scale, a.time_zone
from api_key k
join account a on a.id = k.account_id
"""
_FIND = f"{_BEARER} where k.prefix = $1"
_FIND_BY_ID = f"{_BEARER} where k.id = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())"
_NOTE_USE = """
update api_key set last_used_at = now()
where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')
"""

Bearer = Mapping[str, Any] | asyncpg.Record
"""A row of `_BEARER`, or `_NO_KEY`."""

logger = logging.getLogger(__name__)


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
    """Make a key: its text, which is nowhere afterwards, and its row.

    `agents` are idns of the account's agents. Without a name it is called by role and day, "partner 2026-11-21". Raises
    InvalidInput with every problem there is, each at the argument's name in camelCase, with an index in lists.
    """
    problems = limit_problems(role, integrations, agents)
    now = datetime.now(UTC)
    row: dict[str, Any] = {
        "name": _checked_name(name, f"{role.lower()} {now:%Y-%m-%d}", problems),
        "integrations": _checked_integrations(integrations, problems),
        "agents": await _checked_agents(account, agents, problems),
        "email": _checked_email(email, problems),
        "expires_at": _checked_expiry(expires_at, now, problems),
    }
    if problems:
        raise InvalidInput(problems)
    prefix, text = _make_text()
    return text, await ApiKey.create(account_id=account.id, role=role, prefix=prefix, secret_hash=_hash(text), **row)


def limit_problems(role: Role, integrations: Sequence[str], agents: Sequence[str]) -> list[Problem]:
    """What `docs/access.md` does not allow about a role's limits, whether a key or a token sets them."""
    problems = []
    if role is Role.PARTNER and not integrations:
        problems.append(Problem(("integrations",), "a PARTNER needs at least one integration"))
    if role is not Role.PARTNER and integrations:
        problems.append(Problem(("integrations",), f"a {role} cannot be limited to integrations, only a PARTNER"))
    if role not in AGENT_ROLES and agents:
        problems.append(Problem(("agents",), f"a {role} cannot be limited to agents, only a BUILDER or a PORTAL"))
    return problems


async def list_keys(account: Account) -> list[ApiKey]:
    """All keys of the account, oldest first, those that no longer work among them."""
    return await ApiKey.filter(account_id=account.id).order_by("created_at", "id")


async def revoke_key(account: Account, prefix_or_id: str | UUID) -> ApiKey:
    """End the key for good; again, nothing more happens. A leaked key is also found by its whole text.

    Returns when no process takes the key any more, a second after the commit: not to be called within a transaction.
    Raises InvalidInput where the account has no such key.
    """
    key = await _find_key(account, prefix_or_id)
    if key is None:
        raise InvalidInput([Problem(("key",), "the account has no such key")])
    async with in_transaction() as transaction:
        await ApiKey.filter(id=key.id, revoked_at__isnull=True).update(revoked_at=datetime.now(UTC))
        await transaction.execute_query("select pg_notify($1, $2)", [CHANNEL, str(key.id)])
    await wait_until_expired_everywhere()
    await key.refresh_from_db(fields=["revoked_at"])
    return key


async def find_viewer(key_text: str) -> Viewer | None:
    """Who bears this key; None for a key that is malformed, unknown, revoked or expired."""
    found = await look_up_key(key_text)
    return found[0] if found else None


async def look_up_key(key_text: str) -> tuple[Viewer, float] | None:
    """Who bears this key, and for how many seconds yet, infinity where it does not end by itself; None as above.

    The refusals of well-formed keys cost the same: one hash, one statement, one comparison.
    """
    form = _KEY.fullmatch(key_text)
    if not form:
        return None
    prefix = form[1]
    row = await current_executor().fetchrow(_FIND, prefix) or _NO_KEY
    if reason := _refusal(row, _hash(key_text)):
        logger.info("API key %s%s refused: %s", KEY_START, prefix, reason)
        return None
    seconds_left = row["seconds_left"]
    return _viewer(row), inf if seconds_left is None else seconds_left


async def find_bearer(key_id: UUID) -> Viewer | None:
    """Who bears the key of this id, with the rights of now; None where it has ended."""
    row = await current_executor().fetchrow(_FIND_BY_ID, key_id)
    return _viewer(row) if row else None


async def find_expiry(key_id: UUID) -> float:
    """When the key ends by itself, seconds since 1970; infinity where it does not."""
    key = await ApiKey.get_or_none(id=key_id).only("id", "expires_at")
    return key.expires_at.timestamp() if key and key.expires_at else inf


class LastUsedRecorder:
    """Notes when keys are used: beside the request, never in its way, and once a minute for each key at most.

    What is under way when the process dies is lost, which the next use makes good.
    """

    def __init__(self) -> None:
        self._noted: dict[UUID, float] = {}
        self._writes: set[asyncio.Task[None]] = set()

    def record(self, key_id: UUID) -> None:
        """Returns at once; the write has a connection of its own, outside any transaction of the caller."""
        now = monotonic()
        if now - self._noted.get(key_id, -inf) < USE_INTERVAL:
            return
        self._noted[key_id] = now
        write = asyncio.create_task(_write_use(key_id), context=Context())
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)

    async def finish(self) -> None:
        """Wait for what is under way; before the database closes."""
        if self._writes:
            await asyncio.wait(self._writes)


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


def _refusal(row: Bearer, given_hash: bytes) -> str | None:
    """Why the key is refused, for the log."""
    if not compare_digest(row["secret_hash"], given_hash):
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
        await get_connection("default").execute_query(_NOTE_USE, [key_id])
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, BaseORMException) as error:
        logger.warning("The use of a key could not be noted: %s", type(error).__name__)


def _checked_name(name: str | None, default: str, problems: list[Problem]) -> str:
    if name is not None:
        with gather_problems(problems, "name"):
            return check_name(name)
    return default


def _checked_integrations(integrations: Sequence[str], problems: list[Problem]) -> list[str]:
    checked = []
    for position, integration in enumerate(integrations):
        with gather_problems(problems, "integrations", position):
            checked.append(check_name(integration))
    return list(dict.fromkeys(checked))


async def _checked_agents(account: Account, agents: Sequence[str], problems: list[Problem]) -> list[str]:
    if not agents:
        return []
    known = {agent.idn for agent in await Agent.filter(account_id=account.id).only("idn")}
    problems += [
        Problem(("agents", position), "the account has no agent of this idn")
        for position, idn in enumerate(agents)
        if idn not in known
    ]
    return list(dict.fromkeys(agents))


def _checked_email(email: str | None, problems: list[Problem]) -> str | None:
    if email is not None:
        with gather_problems(problems, "email"):
            return check_email(email)
    return None


def _checked_expiry(expires_at: datetime | None, now: datetime, problems: list[Problem]) -> datetime | None:
    if expires_at is None:
        return None
    with gather_problems(problems, "expiresAt"):
        moment = parse_instant(expires_at)
        if moment <= now:
            raise ValueError("must be in the future")
        return moment
    return None
