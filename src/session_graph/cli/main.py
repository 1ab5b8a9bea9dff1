"""The command `session-graph`: arguments in, a use case, sentences and an exit code out.

Exit codes: 0 all done, 1 something could not be done (the sentence says what), 2 the command line is wrong.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import uvloop

from session_graph.access.viewer import Role
from session_graph.cli import manage, serve
from session_graph.errors import InvalidInput, SessionGraphError, StoreError
from session_graph.schema.schema import build_schema, print_sdl
from session_graph.settings import Settings, load_settings

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

Command = Callable[[Settings, argparse.Namespace], Coroutine[None, None, int]]

ATTEMPTS = 5
LOST = (
    *(ConnectionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError),
    *(asyncpg.AdminShutdownError, asyncpg.CannotConnectNowError),
)
"""What a command sees of an embedded server that ends."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    chosen = make_parser().parse_args(arguments)
    overrides = {name: getattr(chosen, name) for name in ("host", "port") if getattr(chosen, name, None) is not None}
    try:
        command: Command = chosen.command
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(command, load_settings(**overrides), chosen))
    except InvalidInput as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
    except (SessionGraphError, OSError) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


async def _run(command: Command, settings: Settings, arguments: argparse.Namespace) -> int:
    """Again where the embedded server went with the command that owned it: the next attempt starts it itself."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await command(settings, arguments)
        except (*LOST, StoreError) as error:
            if settings.database_url or not _is_lost(error):
                raise
    return await command(settings, arguments)


def _is_lost(error: Exception) -> bool:
    cause = error.__cause__ if isinstance(error, StoreError) else error
    return isinstance(cause, (*LOST, FileNotFoundError))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "session-graph", description="The record of every conversation an AI employee had."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serving(commands)
    _add_importing(commands)
    _add_administration(commands)
    return parser


def _add(commands: "Commands", name: str, command: Command, description: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=description, description=description)
    parser.set_defaults(command=command)
    return parser


def _add_serving(commands: "Commands") -> None:
    demo = _add(
        commands, "demo", serve.demo, "Serve a demo account, made at the first start, on the embedded database."
    )
    server = _add(commands, "serve", serve.serve, "Serve the API.")
    for parser in (demo, server):
        parser.add_argument("--host", help="address to listen on (SESSION_GRAPH_HOST)")
        parser.add_argument("--port", type=int, help="port to listen on, 0 for any (SESSION_GRAPH_PORT)")
    server.add_argument("--no-worker", action="store_true", help="leave writing and sending reports to others")
    _add(commands, "worker", serve.work, "Write and send reports; any number may run.")
    _add(commands, "migrate", manage.migrate, "Bring the database's schema up to date.")
    _add(commands, "schema", _print_schema, "Print the GraphQL schema.")


def _add_importing(commands: "Commands") -> None:
    parser = _add(commands, "import", manage.import_files, "Record sessions from JSON Lines, plain or gzip.")
    parser.add_argument(
        "--account", required=True, metavar="A", help="the account's short identifier; made on first mention"
    )
    parser.add_argument(
        "--agents", type=Path, metavar="FILE", help="JSON list of agents to make first, where they are new"
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="sessions, one JSON object a line")


def _add_administration(commands: "Commands") -> None:
    account = _add(commands, "account", manage.account, "List accounts, show one, or change it.")
    account.add_argument("account", nargs="?", metavar="A", help="its short identifier; made on first mention")
    account.add_argument("--name", help="what it is called")
    account.add_argument("--currency", help="ISO 4217 code; settled by the first session")
    account.add_argument("--time-zone", help="IANA name, such as America/New_York")
    recipients = commands.add_parser("recipient", help="Where an account's reports may go.")
    actions = recipients.add_subparsers(required=True, metavar="ACTION")
    for name, command, description in (
        ("add", manage.add_recipients, "Put addresses or domains on the list."),
        ("remove", manage.remove_recipients, "Take them off it."),
        ("list", manage.list_recipients, "Print the list."),
    ):
        parser = _add(actions, name, command, description)
        parser.add_argument("--account", required=True, metavar="A", help="the account's short identifier")
        if name != "list":
            parser.add_argument("recipients", nargs="+", metavar="R", help="an address, or a domain as example.com")
    doctor = _add(commands, "doctor", manage.doctor, "Check the mail setting by sending one test message.")
    doctor.add_argument("recipient", metavar="ADDRESS", help="to whom")
    keys = commands.add_parser("key", help="Make, list and revoke API keys.").add_subparsers(
        required=True, metavar="ACTION"
    )
    create = _add(keys, "create", manage.create_key, "Make a key; it is shown once.")
    create.add_argument("--role", required=True, type=str.upper, choices=list(Role), help="what it is for")
    create.add_argument("--integration", action="append", default=[], metavar="I", help="of a PARTNER; may be repeated")
    create.add_argument(
        "--agent", action="append", default=[], metavar="IDN", help="only this agent's sessions; may be repeated"
    )
    create.add_argument("--email", metavar="E", help="the bearer's address")
    create.add_argument("--name", help="what the key is called in lists and in history")
    create.add_argument("--expires", metavar="INSTANT", help="RFC 3339, such as 2027-01-01T00:00:00Z")
    create.add_argument("--quiet", action="store_true", help="print the key alone")
    revoke = _add(keys, "revoke", manage.revoke_key, "End a key at once and for good.")
    revoke.add_argument("key", metavar="PREFIX", help="the key's prefix, as listed")
    listing = _add(keys, "list", manage.list_keys, "List the keys of an account.")
    for parser in (create, revoke, listing):
        parser.add_argument("--account", required=True, metavar="A", help="the account's short identifier")


async def _print_schema(settings: Settings, arguments: argparse.Namespace) -> int:
    print(print_sdl(build_schema()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
