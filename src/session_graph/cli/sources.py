"""The commands `source` and `mapping`: inlets for vendors' webhooks, and the mappings that are shipped."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import orjson

from session_graph.cli.manage import find_account
from session_graph.cli.payload_options import add_payload_options, load_agent_map, read_payload_options
from session_graph.errors import InvalidInput
from session_graph.ingestion import deliveries
from session_graph.ingestion.mapping import load_mapping, shipped_names
from session_graph.ingestion.sources import (
    PATH,
    Source,
    SourceChange,
    SourceInput,
    change_source,
    create_source,
    delete_source,
    find_source,
    list_sources,
)
from session_graph.parsing import at_path, format_instant, parse_id
from session_graph.settings import Settings
from session_graph.store.lifecycle import open_existing_store

SHOWN = 10
"""Failed deliveries that `source show` prints."""

AddParser = Callable[..., ArgumentParser]


def add_sources(add_parser: AddParser) -> None:
    """Add the commands to the parser."""
    sources = add_parser("source", help="Manage inlets for vendors' webhooks.")
    add_action = sources.add_subparsers(required=True, metavar="ACTION").add_parser
    for name, command, description in (
        ("create", create, "Create a source, and print the address for the vendor's webhooks."),
        ("change", change, "Give a source another mapping, agent map or secret; what you leave out stays."),
        ("list", list_all, "List the sources of an account."),
        ("show", show, "Print a source, what became of its deliveries, and why the latest failed."),
        ("payload", print_payload, "Print what was delivered, as it came."),
        ("retry", retry, "Try failed deliveries again, after the mapping or the agents were put right."),
        ("delete", delete, "Delete a source and its deliveries; its sessions stay."),
    ):
        parser = add_action(name, help=description, description=description)
        parser.set_defaults(command=command)
        parser.add_argument("--account", required=True, metavar="A", help="the account's short identifier")
        if name != "list":
            parser.add_argument("--name", required=True, help="the name of the source")
        if name in ("create", "change"):
            _add_input(parser, is_change=name == "change")
        if name in ("payload", "retry"):
            parser.add_argument(
                "delivery", nargs="?" if name == "retry" else None, help="the id of a delivery, as `show` prints it"
            )
    description = "List the shipped mappings, or print one, to begin your own with."
    mappings = add_parser("mapping", help=description, description=description)
    mappings.set_defaults(command=print_mapping)
    mappings.add_argument("name", nargs="?", metavar="M", help="a shipped mapping's name, or a TOML file to check")


def _add_input(parser: ArgumentParser, *, is_change: bool) -> None:
    if is_change:
        add_payload_options(parser, needs_mapping=False, unknown_agents=None)
    else:
        add_payload_options(parser, needs_mapping=True)
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--secret", help="what the vendor signs its requests with; without it, an API key is needed")
    secret.add_argument("--secret-file", type=Path, metavar="FILE", help="the same from a file, unseen by `ps`")


async def create(settings: Settings, arguments: Namespace) -> int:
    """Create a source and print its address."""
    options = read_payload_options(arguments)
    assert options is not None
    secret = _read_secret(arguments)
    given = SourceInput(arguments.name, options.mapping, options.agent_map, options.unknown_agents, secret)
    async with open_existing_store(settings):
        account = await find_account(arguments.account)
        source = await create_source(account.id, given)
    print(_address(settings, source))
    if source.secret is None:
        print("It takes requests with the API key of a RECORDER or an ADMIN of the account.", file=sys.stderr)
    return 0


async def change(settings: Settings, arguments: Namespace) -> int:
    """Change what the options name; the rest of the source and its address stay."""
    wanted = SourceChange(
        load_mapping(arguments.mapping) if arguments.mapping else None,
        load_agent_map(arguments.agent_map) if arguments.agent_map else None,
        arguments.unknown_agents,
        _read_secret(arguments),
    )
    if wanted == SourceChange():
        raise InvalidInput.at("needs --mapping, --agent-map, --unknown-agents, --secret or --secret-file", ["change"])
    async with open_existing_store(settings):
        account = await find_account(arguments.account)
        print(_describe(settings, await change_source(account.id, arguments.name, wanted)))
    return 0


async def list_all(settings: Settings, arguments: Namespace) -> int:
    """List the sources of an account."""
    async with open_existing_store(settings):
        account = await find_account(arguments.account)
        for source in await list_sources(account.id):
            print(_describe(settings, source))
    return 0


async def show(settings: Settings, arguments: Namespace) -> int:
    """Print a source, how many of its deliveries have each outcome, and the latest that failed with their problems."""
    async with open_existing_store(settings) as database:
        source = await _find(arguments)
        counts = await deliveries.count_outcomes(database, source)
        failed = await deliveries.list_failed(database, source, SHOWN)
    print(_describe(settings, source))
    print("  ".join(f"{counts.get(outcome, 0):,} {outcome.lower()}" for outcome in deliveries.Outcome))
    for row in failed:
        print(f"{row['id']}  {format_instant(row['received_at'])}")
        for problem in orjson.loads(row["problems"]):
            print(f"    {problem['message']}")
    return 0


async def print_payload(settings: Settings, arguments: Namespace) -> int:
    """Print a payload."""
    id_ = _read_id(arguments.delivery)
    async with open_existing_store(settings) as database:
        payload = await deliveries.find_payload(database, await _find(arguments), id_)
    if payload is None:
        raise InvalidInput.at("is not the id of a delivery to this source", [arguments.delivery])
    sys.stdout.flush()
    sys.stdout.buffer.write(payload)
    return 0


async def retry(settings: Settings, arguments: Namespace) -> int:
    """Let failed deliveries be due again; a worker records them."""
    id_ = _read_id(arguments.delivery) if arguments.delivery else None
    async with open_existing_store(settings) as database:
        number = await deliveries.retry_failed(database, await _find(arguments), id_)
    print(f"{number:,} to be tried again")
    return 0


async def delete(settings: Settings, arguments: Namespace) -> int:
    """Delete a source."""
    async with open_existing_store(settings) as database:
        account = await find_account(arguments.account)
        await delete_source(database, account.id, arguments.name)
    return 0


async def print_mapping(settings: Settings, arguments: Namespace) -> int:
    """List the shipped mappings, or check and print one."""
    print("\n".join(shipped_names()) if arguments.name is None else load_mapping(arguments.name).text.rstrip("\n"))
    return 0


async def _find(arguments: Namespace) -> Source:
    account = await find_account(arguments.account)
    return await find_source(account.id, arguments.name)


def _read_secret(arguments: Namespace) -> bytes | None:
    if arguments.secret_file:
        secret: bytes = arguments.secret_file.read_bytes().strip()
        return secret
    return None if arguments.secret is None else arguments.secret.encode()


def _read_id(text: str) -> UUID:
    with at_path("delivery", error=InvalidInput.at):
        return parse_id(text)


def _address(settings: Settings, source: Source) -> str:
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    return f"{base.rstrip('/')}{PATH}/{source.inlet}"


def _describe(settings: Settings, source: Source) -> str:
    proof = "secret" if source.secret else "key"
    return f"{source.name}  {source.mapping_name}  {proof}  {_address(settings, source)}"
