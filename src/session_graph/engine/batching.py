"""Fields that are resolved for many objects at once, so that their statements do not grow with the objects.

    @batched(description="The agent that held it.")
    async def agent(sessions: Sequence[Session], info: Info) -> list[Agent]: ...

The function takes all objects of one place in a request and gives a value for each, in order. The ordinary executor
asks object by object, and a loader collects what it asks; a plan calls the function itself (see `batch_of`).
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import strawberry
from strawberry.types.field import StrawberryField

from session_graph.schema.context import Info, place_of
from session_graph.store.database import Row

Batch = Callable[..., Awaitable[Sequence[Any]]]
"""Of the objects and the info."""

Wrap = Callable[[Any], Any]
"""Makes an object of the row in which its fields are looked up."""

_BATCH = "session_graph.batch"
_ROWS = "session_graph.rows"
_READ_AHEAD = "session_graph.read_ahead"

READ_AHEAD: dict[Any, Any] = {_READ_AHEAD: True}
"""Metadata of a field whose resolver takes its arguments from `context.arguments`; a plan gives it none."""


@dataclass(frozen=True, slots=True)
class Rows:
    """`read` gives the rows of an object's field; None where it is looked up in the object's own row. `wrap` makes an
    object of a row.
    """

    read: Callable[[Any], Sequence[Row]] | None
    wrap: Wrap


def batched(description: str) -> Callable[[Batch], Any]:
    """Makes a field of a batch function. Further parameters of it are the field's arguments in the schema; their values
    are read by inspection (`context.arguments`), so that they come without them.
    """

    def make_field(batch: Batch) -> Any:
        async def resolve(self: Any, info: Info, **_: Any) -> Any:
            loader = info.context.loader((batch, place_of(info)), partial(_run, batch, info), keeps=False)
            return await loader.load(self)

        _, *rest = inspect.signature(batch).parameters.values()
        (item,) = get_args(inspect.signature(batch).return_annotation)
        of_one = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        resolve.__name__, resolve.__module__ = batch.__name__, batch.__module__
        resolve.__signature__ = inspect.Signature([of_one, *rest], return_annotation=item)  # type: ignore[attr-defined]
        resolve.__annotations__ = {each.name: each.annotation for each in rest} | {"return": item}
        return strawberry.field(resolve, description=description, metadata={_BATCH: batch})

    return make_field


def batch_of(field: StrawberryField) -> Batch | None:
    """The batch function that the field was made of, where it was."""
    batch: Batch | None = field.metadata.get(_BATCH)
    return batch


def rows_of(type_: Any, description: str) -> Callable[[Callable[[Any], Sequence[Row]]], Any]:
    """Makes a field, a list of this type, of a function that gives the rows of its objects. A plan takes the rows as
    they are, without the objects around them.
    """

    def make_field(read: Callable[[Any], Sequence[Row]]) -> Any:
        def resolve(self: Any) -> Any:
            return [type_(row=row) for row in read(self)]

        return _of_rows(resolve, list[type_], description, Rows(read, lambda row: type_(row=row)))

    return make_field


def same_row(type_: Any, description: str) -> Any:
    """A field, of this type, that is looked up in the row of the object that has it."""

    def resolve(self: Any) -> Any:
        return type_(row=self.row)

    return _of_rows(resolve, type_, description, Rows(None, lambda row: type_(row=row)))


def _of_rows(resolve: Callable[[Any], Any], returned: Any, description: str, rows: Rows) -> Any:
    resolve.__annotations__ = {"return": returned}
    return strawberry.field(resolve, description=description, metadata={_ROWS: rows})


def rows_of_field(field: StrawberryField) -> Rows | None:
    """How to get the rows of the field's objects, where the objects themselves are for resolvers alone."""
    rows: Rows | None = field.metadata.get(_ROWS)
    return rows


def is_read_ahead(field: StrawberryField) -> bool:
    """Whether the field's resolver does without the values of its arguments."""
    return bool(field.metadata.get(_READ_AHEAD))


async def _run(batch: Batch, info: Info, objects: Sequence[Any]) -> list[Any]:
    return list(await batch(objects, info))
