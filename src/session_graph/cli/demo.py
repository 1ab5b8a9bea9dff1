"""The demo account: made at the first start, with a key for each role that is kept for the next one."""

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
from session_graph.sessions.record import parse_record
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
QUESTION = "{ dashboard(filter: {period: LAST_7_DAYS}) { totalSessionCount totalLeadCount totalAsr currency } }"

Keys = dict[str, str]
"""The text of a key for each role."""


async def prepare_demo(database: Database, home: Path) -> Keys:
    """Fill the account if it has no sessions yet; the keys of `home`, made where one is missing or no longer works.

    In one transaction, so that a first start that is killed is made good by the next one; and one at a time, so that
    two first starts at once make one account.
    """
    async with database.transaction() as connection:
        await connection.execute("set local statement_timeout = 0")
        await take_lock(connection, AdvisoryLock.DEMO)
        account = await find_or_create_account(ACCOUNT)
        if not await Session.filter(account_id=account.id).exists():
            account = await change_account(account, name=NAME, time_zone=TIME_ZONE)
            await _fill(database, account)
        return await _keep_keys(account, home / KEYS_FILE)


def describe_demo(keys: Keys, settings: Settings) -> str:
    """What a newcomer needs to see: where, with what, and a first question."""
    width = max(map(len, keys))
    listed = "\n".join(f"  {role:<{width}}  {text}" for role, text in keys.items())
    question = orjson.dumps({"query": QUESTION}).decode()
    return f"""
session_graph serves the demo account on {settings.public_url}/graphql
and the Sessions page on {settings.public_url}/, which asks for one of these keys.

Keys, kept in {settings.home / KEYS_FILE}:
{listed}

Try it:
  curl -s {settings.public_url}/graphql -H 'Content-Type: application/json' \\
    -H 'Authorization: Bearer {keys[Role.ADMIN]}' \\
    -d '{question}'

Or ask by hand, with examples, on {settings.public_url}/explore

Reports that you export arrive {_describe_mail(settings)}.
Ctrl-C stops it; the next start keeps the data."""


def _describe_mail(settings: Settings) -> str:
    return "by e-mail" if settings.smtp_url else f"in {settings.outbox}"


async def _fill(database: Database, account: Account) -> None:
    await create_missing_agents(account.id, [parse_agent(agent) for agent in AGENTS])
    records = [parse_record(record) for record in write_sessions(datetime.now(UTC))]
    outcomes = await record_sessions(database, account.id, records)
    if refused := [str(outcome.problem) for outcome in outcomes if outcome.status is not Status.RECORDED]:
        raise StoreError(f"The demo's sessions could not be recorded: {refused[0]}")


async def _keep_keys(account: Account, path: Path) -> Keys:
    known = _read_keys(path)
    keys = {role.value: await _working(account, role, known.get(role.value)) for role in Role}
    if keys != known:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_for_owner(path, orjson.dumps(keys, option=orjson.OPT_INDENT_2))
    return keys


def _read_keys(path: Path) -> Keys:
    """What is kept; nothing where the file is missing or is not ours."""
    try:
        keys = orjson.loads(path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return {role: text for role, text in keys.items() if isinstance(text, str)} if isinstance(keys, dict) else {}


async def _working(account: Account, role: Role, text: str | None) -> str:
    found = await find_viewer(text) if text else None
    if text and found and found.account.id == account.id and found.role is role:
        return text
    integrations = [PARTNER_INTEGRATION] if role is Role.PARTNER else []
    email = None if role is Role.RECORDER else f"{role.lower()}@example.com"
    name = f"demo {role.lower()}"
    made, _ = await create_key(account, role, name=name, integrations=integrations, email=email)
    return made


def _write_for_owner(path: Path, content: bytes) -> None:
    """Readable by the owner alone from its first byte on, and whole or not at all."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    part.replace(path)
