"""Makes the rows of an answer: one generated function for all objects of a type that are in the same place of a query.

A row is a struct of msgspec's, made by position and written as a JSON object: it takes a quarter of the time of a
dictionary of thirty keys. Columns of a database row are taken by their position, too.
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

from session_graph.engine.row_types import RowBacked
from session_graph.store.database import Row

DEFINITION = "strawberry-definition"
KEPT_TYPES = 1000

_AS_IT_IS = frozenset({"String", "Boolean", "Int", "DateTime"})
"""What the encoder writes just as the schema's scalars do: instants in UTC among them."""
_WRITTEN = frozenset({"Decimal", "ID"})
"""What else is text already where the database wrote it."""
_WRITTEN_JSON = frozenset({"StringMap", "WorkingHours"})
"""What is JSON already where the database wrote it."""

Layout = tuple[str, ...]
"""The names of a database row's columns in order; empty for whatever else fields are looked up in."""
Assemble = Callable[[Sequence[Any]], list[Any]]


def place(index: int) -> str:
    """The attribute of an assembled row that has the value of the key at this index."""
    return f"v{index}"


@lru_cache(maxsize=KEPT_TYPES)
def _row_type(keys: tuple[str, ...]) -> type:
    fields = [(place(index), Any) for index in range(len(keys))]
    renamed = {place(index): key for index, key in enumerate(keys)}
    return msgspec.defstruct("AnswerRow", fields, rename=renamed, gc=False)  # no row is in a cycle


@dataclass(frozen=True, slots=True)
class Assembler:
    """Makes the rows of all objects of a type.

    `items` are keys and expressions over the object `s` and `r`, what its fields are looked up in, which is at `path`.
    There is a function for each layout of database rows.
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
        """What makes one row, with the names in it; it may stand in the expression of a larger row."""
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
        exec(source, names := dict(names))  # noqa: S102 - of names from the schema and nothing that a caller sent
        assemble: Assemble = names.pop("assemble")  # out of its own globals: it ends with its plan
        return assemble


class Writer:
    """Writes down what an Assembler makes of a type's plain fields."""

    def __init__(self, type_: GraphQLObjectType, *, are_rows: bool) -> None:
        self._are_rows = are_rows
        definition = type_.extensions.get(DEFINITION)
        self._origin: type = definition.origin if definition else object
        self._is_written_by_database = bool(getattr(self._origin, "preformatted", False))
        self._names: dict[str, Any] = {}
        self._items: list[tuple[str, str]] = []

    def add(self, key: str, expression: str) -> str:
        """Add a key; the attribute that its value has in the assembled rows."""
        self._items.append((key, expression))
        return place(len(self._items) - 1)

    def add_part(self, key: str, part: Assembler) -> None:
        """Add an object that is looked up in the same row."""
        expression, names = part.expression()
        self._names |= names
        self.add(key, expression)

    def add_plain(self, key: str, field: GraphQLField) -> bool:
        """Add a field that has no resolver; False where it has one, or is more than a leaf."""
        definition = field.extensions.get(DEFINITION)
        required = isinstance(field.type, GraphQLNonNull)
        type_ = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
        if not isinstance(definition, StrawberryField) or not definition.is_basic_field:
            return False
        if isinstance(type_, GraphQLList):
            inner = type_.of_type.of_type if isinstance(type_.of_type, GraphQLNonNull) else type_.of_type
            if self._writer_of(inner):
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
        """What makes of a value what JSON has; None where it already is that."""
        if is_as_it_is(type_) or (self._is_written_by_database and type_.name in _WRITTEN):
            return None
        if self._is_written_by_database and type_.name in _WRITTEN_JSON:
            return msgspec.Raw
        return str if type_ is GraphQLID else type_.serialize


def is_as_it_is(type_: GraphQLLeafType) -> bool:
    """Whether each value already is what JSON has. Enums are, where each value is the text of its name."""
    if isinstance(type_, GraphQLEnumType):
        return all(str(value.value) == name for name, value in type_.values.items())
    return type_.name in _AS_IT_IS
