"""The commands that do one thing and end: migrations, imports, accounts, recipients, keys, the mail check."""

import gc
import logging
import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import make_msgid
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import orjson
from tqdm import tqdm

from session_graph.access import api_keys
from session_graph.access.accounts import change_account, find_or_create_account
from session_graph.access.viewer import Role
from session_graph.cli.payload_options import PayloadOptions, read_payload_options
from session_graph.cli.upgrading import rewrite_sessions, upgrade_data
from session_graph.errors import AlreadyThere, InvalidInput, Problem
from session_graph.exports import recipients
from session_graph.exports.mail import Consequence, NotDelivered, NullTransport, choose_transport
from session_graph.exports.mail_address import read_sender
from session_graph.exports.mime import add_headers, text_part
from session_graph.exports.recipients import change_recipients
from session_graph.ingestion.importing import import_payloads
from session_graph.parsing import at_path, check_email, format_instant, parse_instant
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.importing import Tally, import_sessions
from session_graph.sessions.record_files import STANDARD_INPUT, UnreadableInput
from session_graph.sessions.recording import Status
from session_graph.sessions.rewriting import is_rewrite_pending
from session_graph.sessions.warnings import RecordWarning
from session_graph.settings import PREFIX, Settings
from session_graph.store import migration
from session_graph.store.database import Database, open_database
from session_graph.store.lifecycle import open_existing_store, open_store, open_url, require_database, store_url
from session_graph.store.models import Account, ApiKey
from session_graph.store.transport import describe_transport

TO_DO = 3
"""The exit code of `migrate --check` if there is something to do."""


async def migrate(settings: Settings, arguments: Namespace) -> int:
    """Migrate the database to the current schema; with `--check`, only say what that would do."""
    if arguments.check:
        return await _check_migrations(settings)
    async with store_url(settings) as url:
        done = await migration.migrate(url)
        async with open_url(url, settings) as database:
            await rewrite_sessions(database)
    print("\n".join(f"migrated: {name}" for name in done) or "The schema is up to date.")
    return 0


async def _check_migrations(settings: Settings) -> int:
    """Return TO_DO if a migration would run, or if stored sessions are still to be rewritten."""
    await require_database(settings)
    async with store_url(settings) as url:
        waiting = (await migration.check_schema(url)).pending
        rewrites = any(each.rewrites for each in waiting) or await _is_rewriting(url, settings)
    for each in waiting:
        breaks = f" (breaks versions before {each.breaks_before})" if each.breaks_before else ""
        print(f"would run: {each.name}{breaks}")
    if rewrites:
        print("would rewrite stored sessions")
    if waiting or rewrites:
        return TO_DO
    print("The schema is up to date.")
    return 0


async def _is_rewriting(url: str, settings: Settings) -> bool:
    database = await open_database(url, settings)
    try:
        return await is_rewrite_pending(database)
    finally:
        await database.close()


async def import_files(settings: Settings, arguments: Namespace) -> int:
    """Create the new agents of `--agents`, then record the sessions of each file."""
    agents = _read_agents(arguments.agents) if arguments.agents else []
    _check_readable(arguments.files)
    payloads = read_payload_options(arguments)
    async with open_store(settings) as database:
        await upgrade_data(database, settings)
        account = await _find_or_create_account(arguments.account)
        if agents:
            created = await create_missing_agents(account.id, agents)
            print(f"{arguments.agents}: agents: {len(created):,} new, {len(agents) - len(created):,} already there")
        gc.freeze()  # the objects of now live until the end: collections after each batch need not visit them
        gc.set_threshold(50_000, 20, 20)  # a batch has many objects, without cycles: looking for some was a fifth of it
        tallies = [await _import_file(database, account, path, arguments.amend, payloads) for path in arguments.files]
    return 0 if all(tally.is_complete for tally in tallies) else 1


async def account(settings: Settings, arguments: Namespace) -> int:
    """List all accounts, or change or create one as the options say and show it."""
    changes = {name: getattr(arguments, name) for name in ("name", "currency", "time_zone", "country")}
    if arguments.account is None and (arguments.create or any(value is not None for value in changes.values())):
        raise InvalidInput.at("must name the account to create or change", ["account"])
    async with open_existing_store(settings) as database:
        if arguments.account is None:
            accounts = await Account.all().order_by("idn")
        elif arguments.create:
            accounts = [await _create_account(database, arguments.account, changes)]
        else:
            accounts = [await change_account(await find_account(arguments.account), **changes)]
    for row in accounts:
        print("  ".join(text for text in (row.idn, row.currency, row.time_zone, row.country, row.name) if text))
    return 0


async def create_key(settings: Settings, arguments: Namespace) -> int:
    """Create a key and print it; it cannot be shown again."""
    expires_at = _read_expiry(arguments.expires)
    async with open_existing_store(settings):
        text, key = await api_keys.create_key(
            await _find_or_create_account(arguments.account),
            Role(arguments.role),
            name=arguments.name,
            integrations=arguments.integration,
            agents=arguments.agent,
            email=arguments.email,
            expires_at=expires_at,
        )
    print(text if arguments.quiet else f"{text}\n\n{_describe(key)}\nIt is not shown again.")
    return 0


async def list_keys(settings: Settings, arguments: Namespace) -> int:
    """List the keys of an account, including expired and revoked ones."""
    async with open_existing_store(settings):
        for key in await api_keys.list_keys(await find_account(arguments.account)):
            print(_describe(key))
    return 0


async def revoke_key(settings: Settings, arguments: Namespace) -> int:
    """Revoke a key, at once and for good."""
    async with open_existing_store(settings):
        print(_describe(await api_keys.revoke_key(await find_account(arguments.account), arguments.key)))
    return 0


async def add_recipients(settings: Settings, arguments: Namespace) -> int:
    """Add addresses or domains to the account's list of recipients."""
    async with open_existing_store(settings):
        account = await find_account(arguments.account)
        await change_recipients(account.id, add=arguments.recipients)
    return 0


async def remove_recipients(settings: Settings, arguments: Namespace) -> int:
    """Remove addresses or domains from the account's list of recipients."""
    async with open_existing_store(settings):
        account = await find_account(arguments.account)
        await change_recipients(account.id, remove=arguments.recipients)
    return 0


async def list_recipients(settings: Settings, arguments: Namespace) -> int:
    """Print the account's list of recipients."""
    async with open_existing_store(settings):
        account = await find_account(arguments.account)
        for recipient in await recipients.list_recipients(account.id):
            print(recipient)
    return 0


async def doctor(settings: Settings, arguments: Namespace) -> int:
    """Send a test message; print whether it was accepted and encrypted, and remarks on the way to the database."""
    for remark in describe_transport(settings):
        print(f"{logging.getLevelName(remark.level).capitalize()}: {remark.text}", file=sys.stderr)
    transport = choose_transport(settings)
    with at_path("recipient", error=InvalidInput.at):
        recipient = check_email(arguments.recipient)
    if isinstance(transport, NullTransport):
        print(f"No mail server is set up: {PREFIX}SMTP_URL names one. Exports can only be downloaded.", file=sys.stderr)
        return 1
    message = text_part(
        "This is the test message of `session-graph doctor`. Session reports will arrive like this one.\n"
    )
    add_headers(
        message,
        read_sender(settings.mail_from),
        recipient,
        "session_graph can send mail",
        datetime.now(UTC),
        make_msgid(domain="session-graph"),
    )
    try:
        way = await transport.deliver(message, recipient)
    except NotDelivered as refusal:
        print(refusal, _CONSEQUENCES[refusal.consequence], file=sys.stderr)
        return 1
    print(f"The message to {recipient} was accepted. {way}")
    return 0


_CONSEQUENCES = {
    Consequence.REFUSED: "This is final.",
    Consequence.LATER: "An export would be sent again later.",
    Consequence.PUT_OFF: "This concerns every recipient: exports wait, for up to a day, until it works.",
    Consequence.WITHOUT_FILE: "Even a message without an attachment is too large.",
}


async def find_account(idn: str) -> Account:
    if found := await Account.get_or_none(idn=idn):
        return found
    raise InvalidInput.at(f"{idn} does not exist; `session-graph account {idn} --create` creates it", ["account"])


async def _create_account(database: Database, idn: str, changes: dict[str, Any]) -> Account:
    """Create the account with these attributes, or nothing. Raises AlreadyThere if it exists."""
    async with database.transaction():
        if await Account.exists(idn=idn):
            raise AlreadyThere.at(f"{idn} already exists", ["account"])
        return await change_account(await find_or_create_account(idn), **changes)


async def _find_or_create_account(idn: str) -> Account:
    """Return the account, and print to standard error if this creates it."""
    existed = await Account.exists(idn=idn)
    account = await find_or_create_account(idn)
    if not existed:
        print(f"Created the account {idn}.", file=sys.stderr)
    return account


def _describe(key: ApiKey) -> str:
    limits = [*(f"integration {i}" for i in key.integrations), *(f"agent {a}" for a in key.agents)]
    moments = [("expires", key.expires_at), ("revoked", key.revoked_at), ("last used", key.last_used_at)]
    parts = [f"sg_{key.prefix}", key.role, key.name, *limits, *([key.email] if key.email else [])]
    return "  ".join([*parts, *(f"{name} {format_instant(moment)}" for name, moment in moments if moment)])


def _read_expiry(text: str | None) -> datetime | None:
    with at_path("expires", error=InvalidInput.at):
        return None if text is None else parse_instant(text)


def _read_agents(path: Path) -> list[Any]:
    """Return the checked agents of a file. Raises InvalidInput with the file, index and field of each problem."""
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
            problems += error.below([index]).problems
    if problems:
        raise InvalidInput(problems).in_file(str(path))
    return agents


def _check_readable(paths: Sequence[Path]) -> None:
    for path in paths:
        if path != STANDARD_INPUT:
            path.open("rb").close()


async def _import_file(
    database: Database, account: Account, path: Path, amend: bool, payloads: PayloadOptions | None
) -> Tally:
    """Import a file and print what came of it. On a terminal, show bytes, rate and time left."""
    start = monotonic()
    with _progress_bar(path) as bar:

        def print_problem(number: int, problem: Problem | UnreadableInput) -> None:
            bar.clear()
            print(f"{path}:{number}: {problem}", file=sys.stderr)

        def print_warning(number: int, warning: RecordWarning) -> None:
            bar.clear()
            print(f"{path}:{number}: warning: {Problem(warning.path, warning.message)}", file=sys.stderr)

        def print_notice(message: str) -> None:
            bar.clear()
            print(f"{path}: {message}", file=sys.stderr)

        printers = print_problem, bar.update, print_warning, print_notice
        if payloads:
            agents = payloads.directory(account)
            tally = await import_payloads(database, path, payloads.mapping, agents, *printers)
            for idn in agents.created:
                print_notice(f"created the agent {idn}")
        else:
            tally = await import_sessions(database, account.id, path, *printers, amend=amend)
        if tally.fault:
            print_problem(tally.fault.number, tally.fault)
    print(f"{path}: {_summary(tally)} in {monotonic() - start:.1f} s")
    return tally


def _progress_bar(path: Path) -> "tqdm[NoReturn]":
    is_input = path == STANDARD_INPUT
    size = None if is_input else path.stat().st_size
    return tqdm(total=size, unit="B", unit_scale=True, desc=path.name, disable=is_input or None)


_WORDS = {
    Status.RECORDED: "new",
    Status.AMENDED: "amended",
    Status.DUPLICATE: "already there",
    Status.REFUSED: "refused",
}


def _summary(tally: Tally) -> str:
    shown = [status for status in _WORDS if tally.counts[status] or status is not Status.AMENDED]
    ignored = [f"{tally.ignored:,} ignored"] if tally.ignored else []
    return ", ".join([*(f"{tally.counts[status]:,} {_WORDS[status]}" for status in shown), *ignored])
