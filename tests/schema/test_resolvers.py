"""Resolvers declare what they use: the value that a reader made, and nothing else."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest

import session_graph
from session_graph.engine.fields import ArgumentReader, reader_of, resolver_of
from session_graph.engine.internals import field_definition, graphql_schema
from session_graph.schema.schema import build_schema

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
    assert {"arguments.read_list", "subscription.read_events"} <= set(READERS)
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


def fields_with_readers() -> Iterator[tuple[str, ArgumentReader[object]]]:
    for type_ in graphql_schema(build_schema()).type_map.values():
        for name, field in getattr(type_, "fields", {}).items():
            definition = field_definition(field) if hasattr(field, "resolve") else None
            if definition and (found := reader_of(definition)):
                yield f"{type_.name}.{name}", found
                assert field.args.keys() == found.parameters.keys(), name


def test_the_arguments_of_a_field_are_those_of_its_reader() -> None:
    found = dict(fields_with_readers())

    assert {
        "Query.sessions",
        "Agent.sessions",
        "Mutation.recordSessions",
        "Subscription.exportProgress",
    } <= found.keys()


def test_a_resolver_takes_what_its_reader_returns() -> None:
    """For readers that are functions; those of mutations are made for a model, and mypy checks them there."""
    checked = 0
    for type_ in graphql_schema(build_schema()).type_map.values():
        for name, field in getattr(type_, "fields", {}).items():
            definition = field_definition(field) if hasattr(field, "resolve") else None
            reads = reader_of(definition) if definition else None
            if definition is None or reads is None or type_.name == "Mutation":
                continue
            resolver = resolver_of(definition)
            assert resolver
            *_, taken = inspect.signature(resolver).parameters
            assert get_type_hints(resolver)[taken] == get_type_hints(reads.read)["return"], f"{type_.name}.{name}"
            checked += 1
    assert checked >= 12
