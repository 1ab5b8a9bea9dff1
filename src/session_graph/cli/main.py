"""The command `session-graph`: it parses the command line, runs a use case, and prints errors as sentences.

Exit codes: 0 success, 1 something failed (standard error says what), 2 wrong command line, 3 `migrate --check` found
something to do, 130 interrupted.
"""

import argparse
import asyncio
import os
import select
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from tortoise.exceptions import BaseORMException

from session_graph.access.viewer import Role
from session_graph.cli import manage, serve
from session_graph.cli.payload_options import add_payload_options
from session_graph.cli.sources import add_sources
from session_graph.errors import InvalidInput, OutcomeUnknown, SessionGraphError, StoreError
from session_graph.schema.schema import build_schema, print_sdl
from session_graph.sessions.record_files import STANDARD_INPUT
from session_graph.settings import Settings, load_settings
from session_graph.store.background import STORE_FAILED, find_unavailable

AddParser = Callable[..., argparse.ArgumentParser]
Command = Callable[[Settings, argparse.Namespace], Coroutine[None, None, int]]

ATTEMPTS = 20
"""Of a command whose embedded server stops with its owner, another command: as many as may begin at once."""
DISCONNECTED = (
    *(ConnectionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    *(asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError, OutcomeUnknown),
)
"""What a command raises when the embedded server stops under it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = _parse_and_run(arguments)
        sys.stdout.flush()
        return code
    except InvalidInput as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except (SessionGraphError, *STORE_FAILED) as error:
        if not _give_up_output():
            print(_describe_failure(error), file=sys.stderr)
    return 1


def _parse_and_run(arguments: Sequence[str] | None) -> int:
    try:
        parsed = make_parser().parse_args(arguments)
    except SystemExit:
        _give_up_output()
        raise
    flags = [name for name in ("host", "port") if hasattr(parsed, name)]
    overrides = {name: getattr(parsed, name) for name in flags if getattr(parsed, name) is not None}
    command: Command = parsed.command
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().set_exception_handler(_ignore_lost_connection)
        return runner.run(_run(command, load_settings(flags, **overrides), parsed))


def _give_up_output() -> bool:
    """Return whether standard output is a closed pipe, and drop what cannot be written."""
    is_lost = _is_output_lost()
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return is_lost


def _is_output_lost() -> bool:
    """Return whether standard output is a pipe, or a terminal, whose other end is closed."""
    try:
        descriptor = sys.stdout.fileno()
    except OSError:
        return False
    output = select.poll()
    output.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in output.poll(0))


def _describe_failure(error: BaseException) -> str:
    """Return a sentence for an error of ours, of a file, or of the database, which Tortoise may have wrapped."""
    if isinstance(error, SessionGraphError):
        return str(error)
    cause = (error.__cause__ or error) if isinstance(error, BaseORMException) else error
    said = " ".join(str(cause).split()) or type(cause).__name__
    if isinstance(cause, OSError) and not isinstance(cause, ConnectionError | TimeoutError):
        return f"{cause.filename}: {cause.strerror}" if cause.filename else said
    if find_unavailable(cause):
        return f"The database is unavailable: {said}"
    return f"The database did not do it: {said}"


def _ignore_lost_connection(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of a connection of a pool that the server has closed: whoever uses it next says so."""
    error = context.get("exception")
    if error is None or find_unavailable(error) is None:
        loop.default_exception_handler(context)


async def _run(command: Command, settings: Settings, arguments: argparse.Namespace) -> int:
    """Run the command, again if the embedded server stopped with its owner: each attempt starts it if necessary."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await command(settings, arguments)
        except (*DISCONNECTED, StoreError, BaseORMException) as error:
            if settings.database_url or not _is_disconnect(error):
                raise
            if STANDARD_INPUT in getattr(arguments, "files", ()):
                message = "The database stopped. Import again from the first line: standard input is read only once."
                raise StoreError(message) from error
    return await command(settings, arguments)


def _is_disconnect(error: Exception) -> bool:
    """Return whether the server was lost; if it is the output, the command has done its work."""
    cause = error.__cause__ if isinstance(error, StoreError | BaseORMException) else error
    return isinstance(cause, (*DISCONNECTED, FileNotFoundError)) and not _is_output_lost()


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "session-graph", description="The record of every conversation an AI employee had."
    )
    parser.add_argument("--version", action="version", version=f"session_graph {version('session_graph')}")
    add_parser = parser.add_subparsers(required=True, metavar="COMMAND").add_parser
    _add_serving(add_parser)
    _add_importing(add_parser)
    _add_administration(add_parser)
    _add_recipients(add_parser)
    _add_keys(add_parser)
    add_sources(add_parser)
    return parser


def _add(add_parser: AddParser, name: str, command: Command, description: str) -> argparse.ArgumentParser:
    parser = add_parser(name, help=description, description=description)
    parser.set_defaults(command=command)
    return parser


def _add_serving(add_parser: AddParser) -> None:
    demo = _add(add_parser, "demo", serve.demo, "Serve the API with a demo account, created at the first start.")
    server = _add(add_parser, "serve", serve.serve, "Serve the API.")
    for parser in (demo, server):
        parser.add_argument("--host", help="address to listen on, instead of SESSION_GRAPH_HOST")
        parser.add_argument(
            "--port", type=_parse_port, help="port to listen on, 0 for any, instead of SESSION_GRAPH_PORT"
        )
    server.add_argument(
        "--no-worker", action="store_true", help="run no exports and record nothing of inlets; `worker` does it"
    )
    _add(add_parser, "worker", serve.work, "Run exports and record what inlets took; any number of workers may run.")
    migrate = _add(add_parser, "migrate", manage.migrate, "Migrate the database to the current schema.")
    migrate.add_argument(
        "--check", action="store_true", help="change nothing; exit with 3 if there is something to migrate"
    )
    _add(add_parser, "schema", _print_schema, "Print the GraphQL schema.")


def _parse_port(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number; without it, SESSION_GRAPH_PORT counts") from None


def _add_importing(add_parser: AddParser) -> None:
    parser = _add(
        add_parser,
        "import",
        manage.import_files,
        "Record sessions from JSON Lines, a JSON array or CSV, plain or gzip.",
    )
    parser.add_argument(
        "--account", required=True, metavar="A", help="the account's short identifier; created if it is new"
    )
    parser.add_argument("--agents", type=Path, metavar="FILE", help="JSON list of agents; new ones are created first")
    parser.add_argument(
        "--amend", action="store_true", help="let records change known sessions, unless they say whenKnown themselves"
    )
    add_payload_options(parser, needs_mapping=False)
    parser.add_argument(
        "files",
        nargs="*",
        type=_parse_source,
        metavar="FILE",
        help="JSON Lines, a JSON array, or CSV whose header names fields; - is standard input",
    )


def _parse_source(text: str) -> Path:
    return STANDARD_INPUT if text == "-" else Path(text)


def _add_administration(add_parser: AddParser) -> None:
    account = _add(add_parser, "account", manage.account, "List accounts, or show, change or create one.")
    account.add_argument("account", nargs="?", metavar="A", help="the account's short identifier")
    account.add_argument("--create", action="store_true", help="create the account A, which must be new")
    account.add_argument("--name", help="the account's display name")
    account.add_argument("--currency", help="ISO 4217 code; fixed once there are sessions")
    account.add_argument("--time-zone", help="IANA name, such as America/New_York")
    account.add_argument("--country", help="ISO 3166-1 code; where phone numbers without a country code are dialled")
    doctor = _add(
        add_parser,
        "doctor",
        manage.doctor,
        "Check the mail settings by sending a test message, and whether the database is reached by TLS.",
    )
    doctor.add_argument("recipient", metavar="ADDRESS", help="where to send it")


def _add_recipients(add_parser: AddParser) -> None:
    recipients = add_parser("recipient", help="Manage the addresses that an account may send exports to.")
    add_action = recipients.add_subparsers(required=True, metavar="ACTION").add_parser
    for name, command, description in (
        ("add", manage.add_recipients, "Add addresses or domains to the list."),
        ("remove", manage.remove_recipients, "Remove addresses or domains from the list."),
        ("list", manage.list_recipients, "Print the list."),
    ):
        parser = _add(add_action, name, command, description)
        parser.add_argument("--account", required=True, metavar="A", help="the account's short identifier")
        if name != "list":
            parser.add_argument("recipients", nargs="+", metavar="R", help="an address or a domain (example.com)")


def _add_keys(add_parser: AddParser) -> None:
    keys = add_parser("key", help="Create, list and revoke API keys.")
    add_action = keys.add_subparsers(required=True, metavar="ACTION").add_parser
    create = _add(add_action, "create", manage.create_key, "Create a key; it is shown only once.")
    create.add_argument("--role", required=True, type=str.upper, choices=list(Role), help="what the key may do")
    create.add_argument(
        "--integration", action="append", default=[], metavar="I", help="one that a PARTNER sees; may be repeated"
    )
    create.add_argument(
        "--agent", action="append", default=[], metavar="IDN", help="one that the key is limited to; may be repeated"
    )
    create.add_argument("--email", metavar="E", help="e-mail address of the key's bearer")
    create.add_argument("--name", help="the key's name in lists and in the history")
    create.add_argument("--expires", metavar="INSTANT", help="RFC 3339, such as 2027-01-01T00:00:00Z")
    create.add_argument("--quiet", action="store_true", help="print only the key")
    revoke = _add(add_action, "revoke", manage.revoke_key, "Revoke a key, at once and for good.")
    revoke.add_argument("key", metavar="PREFIX", help="the key's prefix, as listed")
    listing = _add(add_action, "list", manage.list_keys, "List the keys of an account, revoked ones included.")
    new = "; created if it is new"
    for parser, suffix in ((create, new), (revoke, ""), (listing, "")):
        parser.add_argument("--account", required=True, metavar="A", help=f"the account's short identifier{suffix}")


async def _print_schema(settings: Settings, arguments: argparse.Namespace) -> int:
    print(print_sdl(build_schema()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
