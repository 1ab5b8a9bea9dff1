"""The commands that do one thing and end: migrations, imports, accounts, keys."""

import gc
import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import orjson
from tqdm import tqdm

from session_graph.access import api_keys
from session_graph.access.accounts import change_account, find_or_create_account
from session_graph.access.viewer import Role
from session_graph.errors import InvalidInput, Problem
from session_graph.exports import recipients
from session_graph.exports.mail import NotDelivered, choose_transport
from session_graph.exports.recipients import change_recipients
from session_graph.parsing import at_path, format_instant, parse_instant
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.importing import Tally, import_sessions
from session_graph.settings import Settings
from session_graph.store import migration
from session_graph.store.database import Database
from session_graph.store.lifecycle import open_store, store_url
from session_graph.store.models import Account, ApiKey


async def migrate(settings: Settings, arguments: Namespace) -> int:
    """Bring the database's schema up to date."""
    async with store_url(settings) as url:
        done = await migration.migrate(url)
    print("\n".join(f"migrated: {name}" for name in done) or "The schema is up to date.")
    return 0


async def import_files(settings: Settings, arguments: Namespace) -> int:
    """Make the agents of `--agents` that are new, then record the sessions of each file."""
    agents = _read_agents(arguments.agents) if arguments.agents else []
    _check_readable(arguments.files)
    async with open_store(settings) as database:
        account = await find_or_create_account(arguments.account)
        if agents:
            made = await create_missing_agents(account.id, agents)
            print(f"{arguments.agents}: {len(agents):,} agents, {len(made):,} new")
        gc.freeze()  # what is there now stays until the end, and need not be looked at after each batch
        refused = [await _import_file(database, account, path) for path in arguments.files]
    return 1 if any(refused) else 0


async def account(settings: Settings, arguments: Namespace) -> int:
    """List all accounts, or show one, changed if anything is to change."""
    async with open_store(settings):
        if arguments.account is None:
            shown = await Account.all().order_by("idn")
        else:
            changes = {name: getattr(arguments, name) for name in ("name", "currency", "time_zone")}
            shown = [await change_account(await find_or_create_account(arguments.account), **changes)]
    for row in shown:
        print(f"{row.idn}  {row.currency}  {row.time_zone}  {row.name}")
    return 0


async def create_key(settings: Settings, arguments: Namespace) -> int:
    """Make a key and print it, for the only time."""
    expires_at = _read_expiry(arguments.expires)
    async with open_store(settings):
        text, key = await api_keys.create_key(
            await find_or_create_account(arguments.account),
            Role(arguments.role),
            name=arguments.name,
            integrations=arguments.integration,
            agents=arguments.agent,
            email=arguments.email,
            expires_at=expires_at,
        )
    print(text if arguments.quiet else f"{text}\n\n{_describe(key)}\nThis is the only time it is shown.")
    return 0


async def list_keys(settings: Settings, arguments: Namespace) -> int:
    """List the keys of an account, those that have ended among them."""
    async with open_store(settings):
        for key in await api_keys.list_keys(await _find_account(arguments.account)):
            print(_describe(key))
    return 0


async def revoke_key(settings: Settings, arguments: Namespace) -> int:
    """End a key at once and for good."""
    async with open_store(settings):
        print(_describe(await api_keys.revoke_key(await _find_account(arguments.account), arguments.key)))
    return 0


async def add_recipients(settings: Settings, arguments: Namespace) -> int:
    """Put addresses or domains on the account's list."""
    async with open_store(settings):
        account = await find_or_create_account(arguments.account)
        await change_recipients(account.id, add=arguments.recipients)
    return 0


async def remove_recipients(settings: Settings, arguments: Namespace) -> int:
    """Take addresses or domains off the account's list."""
    async with open_store(settings):
        account = await _find_account(arguments.account)
        await change_recipients(account.id, remove=arguments.recipients)
    return 0


async def list_recipients(settings: Settings, arguments: Namespace) -> int:
    """Print the account's list."""
    async with open_store(settings):
        account = await _find_account(arguments.account)
        for recipient in await recipients.list_recipients(account.id):
            print(recipient)
    return 0


async def doctor(settings: Settings, arguments: Namespace) -> int:
    """Send one test message, and say what became of it."""
    message = EmailMessage()
    message["From"], message["To"] = settings.mail_from, arguments.recipient
    message["Subject"] = "session_graph can send mail"
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="session-graph")
    message.set_content("This is the test message of `session-graph doctor`. Reports will arrive like this one.")
    try:
        await choose_transport(settings).deliver(message, arguments.recipient)
    except NotDelivered as refusal:
        consequence = "This is final." if refusal.is_final else "A report would be tried again."
        print(refusal, consequence, file=sys.stderr)
        return 1
    print(f"The message to {arguments.recipient} was accepted.")
    return 0


async def _find_account(idn: str) -> Account:
    if found := await Account.get_or_none(idn=idn):
        return found
    raise InvalidInput.at(f"there is no account {idn}", ["account"])


def _describe(key: ApiKey) -> str:
    limits = [*(f"integration {i}" for i in key.integrations), *(f"agent {a}" for a in key.agents)]
    moments = [("expires", key.expires_at), ("revoked", key.revoked_at), ("last used", key.last_used_at)]
    words = [f"sg_{key.prefix}", key.role, key.name, *limits, *([key.email] if key.email else [])]
    return "  ".join([*words, *(f"{name} {format_instant(moment)}" for name, moment in moments if moment)])


def _read_expiry(text: str | None) -> datetime | None:
    with at_path("expires", error=InvalidInput.at):
        return None if text is None else parse_instant(text)


def _read_agents(path: Path) -> list[Any]:
    """The agents of a file, each checked; problems have the index in the list before their path."""
    try:
        raw = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InvalidInput.at(f"is not JSON: {error}", [str(path)]) from None
    if not isinstance(raw, list):
        raise InvalidInput.at("must be a list of agents", [str(path)])
    agents, problems = [], []
    for index, item in enumerate(raw):
        try:
            agents.append(parse_agent(item))
        except InvalidInput as error:
            problems += [Problem((str(path), index, *problem.path), problem.message) for problem in error.problems]
    if problems:
        raise InvalidInput(problems)
    return agents


def _check_readable(paths: Sequence[Path]) -> None:
    for path in paths:
        with path.open("rb"):
            pass


async def _import_file(database: Database, account: Account, path: Path) -> int:
    """How many lines were refused. Shows the progress in bytes of the file, with rate and time left, on a terminal."""
    start = monotonic()
    with _progress_bar(path) as bar:

        def report(number: int, problem: Problem) -> None:
            bar.clear()
            print(f"{path}:{number}: {problem}", file=sys.stderr)

        def advance(read: int) -> None:
            bar.update(read)

        tally = await import_sessions(database, account.id, path, report, advance)
    print(f"{path}: {_summary(tally)} in {monotonic() - start:.1f} s")
    return tally.refused


def _progress_bar(path: Path) -> "tqdm[NoReturn]":
    return tqdm(total=path.stat().st_size, unit="B", unit_scale=True, desc=path.name, disable=None)


def _summary(tally: Tally) -> str:
    return f"{tally.recorded:,} new, {tally.duplicate:,} already there, {tally.refused:,} refused"
