"""The demo account, created at the first start, and its keys, one for each role, kept in a file."""

import os
from datetime import UTC, datetime
from pathlib import Path

import orjson

from session_graph.access.accounts import change_account, find_or_create_account
from session_graph.access.api_keys import create_key, find_viewer
from session_graph.access.viewer import Role
from session_graph.demo import AGENTS, write_sessions
from session_graph.errors import StoreError
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import Status, record_sessions
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.locks import AdvisoryLock, take_lock
from session_graph.store.models import Account, Session

ACCOUNT = "demo"
NAME = "Sunrise & Friends"
TIME_ZONE = "America/New_York"
PARTNER_INTEGRATION = "tablebook"
KEYS_FILE = "demo-keys.json"
QUERY = "{ dashboard(filter: {period: LAST_7_DAYS}) { totalSessionCount totalLeadCount totalAsr currency } }"

Keys = dict[str, str]
"""The text of a key for each role."""


async def prepare_demo(settings: Settings, database: Database) -> str:
    """Create the account's data and keys that are missing, and return how to try the demo."""
    return _describe(await _prepare_account(database, settings.home), settings)


async def _prepare_account(database: Database, home: Path) -> Keys:
    """Fill the account if it has no sessions, and return the keys of `home`, replacing any that does not work.

    One transaction, so that the next start repairs a first start that was killed; under an advisory lock, so that two
    first starts at once make one account.
    """
    async with database.transaction() as connection:
        await connection.execute("set local statement_timeout = 0")
        await take_lock(connection, AdvisoryLock.DEMO)
        account = await find_or_create_account(ACCOUNT)
        if not await Session.filter(account_id=account.id).exists():
            account = await change_account(account, name=NAME, time_zone=TIME_ZONE)
            await _fill(database, account)
        return await _find_or_create_keys(account, home / KEYS_FILE)


def _describe(keys: Keys, settings: Settings) -> str:
    """Return the addresses, the keys and a first query."""
    width = max(map(len, keys))
    listed = "\n".join(f"  {role:<{width}}  {text}" for role, text in keys.items())
    body = orjson.dumps({"query": QUERY}).decode()
    place = "by e-mail" if settings.smtp_url else f"in {settings.outbox}"
    return f"""
session_graph serves the demo account on {settings.public_url}/graphql
and the Sessions page on {settings.public_url}/, which asks for one of these keys.

Keys, kept in {settings.home / KEYS_FILE}:
{listed}

Try it:
  curl -s {settings.public_url}/graphql -H 'Content-Type: application/json' \\
    -H 'Authorization: Bearer {keys[Role.ADMIN]}' \\
    -d '{body}'

Or write your own queries, with examples, on {settings.public_url}/explore

Exports arrive {place}.
Ctrl-C stops it; the next start keeps the data."""


async def _fill(database: Database, account: Account) -> None:
    await create_missing_agents(account.id, [parse_agent(agent) for agent in AGENTS])
    records = [parse_record(record) for record in write_sessions(datetime.now(UTC))]
    outcomes = await record_sessions(database, account.id, records)
    if refused := [str(outcome.problem) for outcome in outcomes if outcome.status is not Status.RECORDED]:
        raise StoreError(f"The demo's sessions could not be recorded: {refused[0]}")


async def _find_or_create_keys(account: Account, path: Path) -> Keys:
    stored = _read_keys(path)
    keys = {role.value: await _find_or_create_key(account, role, stored.get(role.value)) for role in Role}
    if keys != stored:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_for_owner(path, orjson.dumps(keys, option=orjson.OPT_INDENT_2))
    return keys


def _read_keys(path: Path) -> Keys:
    """Return the keys of the file, none if it is missing or has other content."""
    try:
        keys = orjson.loads(path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return {role: text for role, text in keys.items() if isinstance(text, str)} if isinstance(keys, dict) else {}


async def _find_or_create_key(account: Account, role: Role, text: str | None) -> str:
    found = await find_viewer(text) if text else None
    if text and found and found.account.id == account.id and found.role is role:
        return text
    integrations = [PARTNER_INTEGRATION] if role is Role.PARTNER else []
    email = None if role is Role.RECORDER else f"{role.lower()}@example.com"
    name = f"demo {role.lower()}"
    created, _ = await create_key(account, role, name=name, integrations=integrations, email=email)
    return created


def _write_for_owner(path: Path, content: bytes) -> None:
    """Write the file atomically, readable by the owner alone from its first byte on."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    part.replace(path)
