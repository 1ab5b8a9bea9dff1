"""Resolvers declare what they use: the value that a reader made, and nothing else."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest
from graphql import GraphQLField, GraphQLObjectType

import session_graph
from conftest import MakeCaller
from session_graph.access.viewer import Role
from session_graph.engine.fields import Resolution, resolution_of
from session_graph.engine.internals import field_definition, graphql_schema
from session_graph.schema.schema import build_schema
from session_graph.store.models import Account
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR, UNKNOWN

pytestmark = pytest.mark.anyio

FOLDER = Path(session_graph.__file__).parent / "schema"
DECORATORS = {"field", "mutation", "subscription", "batched"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def decorator_name(node: ast.expr) -> str:
    """`strawberry.field(…)` and `@field` are both `field`."""
    called = node.func if isinstance(node, ast.Call) else node
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def find_functions(decorators: set[str]) -> Iterator[tuple[str, Function]]:
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, Function) and decorators & set(map(decorator_name, node.decorator_list)):
                yield f"{path.stem}.{node.name}", node


def find_unused(function: Function) -> set[str]:
    declared = {each.arg for each in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]}
    used = {each.id for line in function.body for each in ast.walk(line) if isinstance(each, ast.Name)}
    return declared - used - {"self"}


RESOLVERS = dict(find_functions(DECORATORS))
READERS = dict(find_functions({"reader"}))


@pytest.mark.parametrize("name", RESOLVERS)
def test_a_resolver_uses_what_it_declares(name: str) -> None:
    assert find_unused(RESOLVERS[name]) == set()


@pytest.mark.parametrize("name", READERS)
def test_a_reader_uses_the_arguments_that_it_declares(name: str) -> None:
    assert find_unused(READERS[name]) - {"request"} == set()


def test_every_resolver_and_every_reader_is_found() -> None:
    assert {"query.sessions", "sessions.agent", "mutation.update_session", "subscription.session_events"} <= set(
        RESOLVERS
    )
    assert {"arguments.read_list", "events.read_subscription"} <= set(READERS)
    assert len(RESOLVERS) > 40


@pytest.mark.parametrize(
    ("source", "unused"),
    [
        ("def f(self, info, page): return info", {"page"}),
        ("def f(self, info, page): return info, page", set()),
        ("async def f(entries, info, size):\n    return [lambda: size for each in entries]", {"info"}),
        ("def f(self, *, first=None): pass", {"first"}),
    ],
)
def test_a_parameter_without_use_is_found(source: str, unused: set[str]) -> None:
    (function,) = ast.parse(source).body
    assert isinstance(function, Function)
    assert find_unused(function) == unused


def resolutions() -> Iterator[tuple[str, GraphQLField, Resolution]]:
    """Every field of the schema that has a reader."""
    for type_ in graphql_schema(build_schema()).type_map.values():
        for name, field in type_.fields.items() if isinstance(type_, GraphQLObjectType) else ():
            resolution = resolution_of(field_definition(field))
            if resolution and resolution.reader:
                yield f"{type_.name}.{name}", field, resolution


def test_the_arguments_of_a_field_are_those_of_its_reader() -> None:
    found = {name: (field.args.keys(), resolution.reader) for name, field, resolution in resolutions()}

    assert {"Query.sessions", "Agent.sessions", "Mutation.recordSessions", "Subscription.sessionEvents"} <= found.keys()
    assert [name for name, (names, reader) in found.items() if reader and names != reader.parameters.keys()] == []


def test_a_resolver_takes_what_its_reader_returns() -> None:
    """For readers that are functions; those of mutations are made for a model, and mypy checks them there."""
    checked = 0
    for name, _, resolution in resolutions():
        if resolution.reader and not name.startswith("Mutation."):
            *_, taken = inspect.signature(resolution.resolver).parameters
            read = get_type_hints(resolution.reader.read)["return"]
            assert get_type_hints(resolution.resolver)[taken] == read, name
            checked += 1
    assert checked >= 12


async def test_arguments_that_a_reader_takes_are_not_converted_to_classes(
    caller: MakeCaller, bistro: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("strawberry.types.arguments.convert_argument", convert)
    ask = await caller(Role.ADMIN)
    record = {**PARTY_OF_FOUR, **MONDAY_IN_HOURS, "id": UNKNOWN}

    recorded = await ask(
        "mutation ($input: RecordSessionsInput!) { recordSessions(input: $input) { recordedCount } }",
        input={"records": [record]},
    )
    found = await ask("query ($id: ID!) { session(id: $id) { id } }", id=UNKNOWN)

    assert recorded.data == {"recordSessions": {"recordedCount": 1}}
    assert found.data == {"session": {"id": UNKNOWN}}
