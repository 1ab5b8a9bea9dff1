"""A compiler of functions that assemble the rows of a response: one function for all objects at a place of a query.

A row is a msgspec struct, created by position and encoded as a JSON object, in a quarter of the time of a dictionary
with thirty keys. Columns of a database row are read by position, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import Any

import msgspec
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLID,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    is_leaf_type,
)
from strawberry.types.field import StrawberryField

from session_graph.engine.internals import field_definition, origin_of
from session_graph.engine.row_types import RowBacked
from session_graph.store.database import Row

MAX_ROW_TYPES = 1000

_PASSED_THROUGH = frozenset({"String", "Boolean", "Int", "DateTime"})
"""Scalars whose Python values the encoder writes as the schema does; instants are in UTC."""
_PREFORMATTED = frozenset({"Decimal", "ID"})
"""Scalars that already are text if the database formatted them."""
_PREFORMATTED_JSON = frozenset({"StringMap", "WorkingHours"})
"""Scalars that already are JSON if the database formatted them."""

Layout = tuple[str, ...]
"""The column names of a database row, in order; empty if something else backs the fields."""
Assemble = Callable[[Sequence[Any]], list[Any]]


def slot(index: int) -> str:
    """Return the attribute of an assembled row for the key at this index."""
    return f"v{index}"


@lru_cache(maxsize=MAX_ROW_TYPES)
def _row_type(keys: tuple[str, ...]) -> type:
    fields = [(slot(index), Any) for index in range(len(keys))]
    renamed = {slot(index): key for index, key in enumerate(keys)}
    return msgspec.defstruct("AnswerRow", fields, rename=renamed, gc=False)  # no row is in a cycle


@dataclass(frozen=True, slots=True)
class Assembler:
    """Makes a row of each object, with a function compiled for each layout of database rows.

    `items` are keys with Python expressions. In them `s` is the object and `r`, found at `path`, is its row. `names`
    are their other names.
    """

    items: Sequence[tuple[str, str]]
    names: Mapping[str, Any]
    path: str
    functions: dict[Layout, Assemble] = field(default_factory=dict)

    def __call__(self, objects: Sequence[Any]) -> list[Any]:
        if not objects:
            return []
        layout = self._layout(objects[0])
        function = self.functions.get(layout)
        if function is None:
            function = self.functions[layout] = self._compile(layout)
        return function(objects)

    def expression(self) -> tuple[str, Mapping[str, Any]]:
        """Return the expression that makes one row, and its names. The expression of a larger row may contain it."""
        type_ = _row_type(tuple(key for key, _ in self.items))
        name = f"row_{id(type_)}"
        return f"{name}({', '.join(value for _, value in self.items)})", {**self.names, name: type_}

    def _layout(self, first: Any) -> Layout:
        _, *names = self.path.split(".")
        row = reduce(getattr, names, first)
        return tuple(row.keys()) if isinstance(row, Row) else ()

    def _compile(self, layout: Layout) -> Assemble:
        made, names = self.expression()
        for index, column in enumerate(layout):
            made = made.replace(f"r[{column!r}]", f"c{index}")
        row = "".join(f"c{index}, " for index in range(len(layout))) or "r "
        loops = (
            f"for {row}in objects" if layout and self.path == "s" else f"for s in objects for {row}in ({self.path},)"
        )
        source = f"def assemble(objects):\n    return [{made} {loops}]\n"
        exec(source, names := dict(names))  # noqa: S102 - only names of the schema, no input
        assemble: Assemble = names.pop("assemble")  # without this cycle, it is freed with its plan
        return assemble


class RowWriter:
    """Collects the items of an Assembler."""

    def __init__(self, type_: GraphQLObjectType, *, are_rows: bool) -> None:
        self._are_rows = are_rows
        self._origin = origin_of(type_)
        self._is_preformatted = bool(getattr(self._origin, "preformatted", False))
        self._names: dict[str, Any] = {}
        self._items: list[tuple[str, str]] = []

    def add(self, key: str, expression: str) -> str:
        """Add a key; return the slot of its value in the assembled rows."""
        self._items.append((key, expression))
        return slot(len(self._items) - 1)

    def add_part(self, key: str, part: Assembler) -> None:
        """Add an object that the same row backs."""
        expression, names = part.expression()
        self._names |= names
        self.add(key, expression)

    def add_plain(self, key: str, field: GraphQLField) -> bool:
        """Add a field without a resolver; return False if it has one, or is an object."""
        definition = field_definition(field)
        required = isinstance(field.type, GraphQLNonNull)
        type_ = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
        if definition is None or not definition.is_basic_field:
            return False
        if isinstance(type_, GraphQLList):
            inner = type_.of_type.of_type if isinstance(type_.of_type, GraphQLNonNull) else type_.of_type
            if not is_leaf_type(inner) or self._writer_of(inner):
                return False
            self.add(key, self._access(definition))
        elif is_leaf_type(type_):
            self.add(key, self._write(self._access(definition), type_, required))
        else:
            return False
        return True

    def finish(self) -> Assembler:
        looks_up = any("r." in expression or "r[" in expression for _, expression in self._items)
        path = f"s.{self._origin.backed_by}" if issubclass(self._origin, RowBacked) else "s"
        return Assembler(self._items, self._names, "s" if self._are_rows or not looks_up else path)

    def _access(self, definition: StrawberryField) -> str:
        name = definition.python_name
        if definition.init or not issubclass(self._origin, RowBacked):
            return f"s.{name}"
        return f"r[{name!r}]" if self._origin.by_item else f"r.{name}"

    def _write(self, value: str, type_: GraphQLLeafType, required: bool) -> str:
        writer = self._writer_of(type_)
        if writer is None:
            return value
        name = f"{'pass' if writer is msgspec.Raw else 'write'}_{type_.name}"
        self._names.setdefault(name, writer)
        return f"{name}({value})" if required else f"(None if (v := {value}) is None else {name}(v))"

    def _writer_of(self, type_: GraphQLLeafType) -> Callable[[Any], Any] | None:
        """Return the function that makes JSON of a value; None if the encoder can write the value."""
        if is_passed_through(type_) or (self._is_preformatted and type_.name in _PREFORMATTED):
            return None
        if self._is_preformatted and type_.name in _PREFORMATTED_JSON:
            return msgspec.Raw
        return str if type_ is GraphQLID else type_.serialize


def is_passed_through(type_: GraphQLLeafType) -> bool:
    """Return whether the encoder can write the values: an enum only if each value is the text of its name."""
    if isinstance(type_, GraphQLEnumType):
        return all(str(value.value) == name for name, value in type_.values.items())
    return type_.name in _PASSED_THROUGH
