"""Fields that are resolved for many objects at once, so that the number of statements does not grow with the objects.

    @batched("The agent that held the session.")
    async def agent(sessions: Sequence[Session], info: Info) -> list[Agent]: ...

The batch function takes all objects at one place of a request, each once however many parents share it, and returns a
value for each, in order. In the ordinary executor, which resolves object by object, a data loader collects the objects;
a plan calls the function directly.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar, get_args, overload

import strawberry
from strawberry.types.field import StrawberryField

from session_graph.engine.fields import ArgumentReader, declare, read_arguments
from session_graph.engine.internals import path_of
from session_graph.store.database import Row

A = TypeVar("A")

Batch = Callable[..., Awaitable[Sequence[Any]]]
"""Takes the objects, the info and, if the field has a reader, its result."""
Wrap = Callable[[Any], Any]
"""Makes an object of the row that backs its fields."""

_ROWS = "session_graph.rows"


@dataclass(frozen=True, slots=True)
class Rows:
    """How a plan gets the rows behind a field without making objects of them.

    `read` returns the rows of an object's field; None if the object's own row backs the field.
    """

    read: Callable[[Any], Sequence[Row]] | None
    wrap: Wrap


@overload
def batched(description: str) -> Callable[[Callable[[Any, Any], Awaitable[Sequence[Any]]]], Any]: ...
@overload
def batched(
    description: str, *, reads: ArgumentReader[A]
) -> Callable[[Callable[[Any, Any, A], Awaitable[Sequence[Any]]]], Any]: ...
def batched(description: str, *, reads: ArgumentReader[Any] | None = None) -> Callable[[Batch], Any]:
    """Make a field of a batch function, which also takes the result of the reader, if there is one."""

    def make_field(batch: Batch) -> Any:
        async def resolve(self: Any, info: Any, **_: Any) -> Any:
            loader = info.context.loader((batch, path_of(info)), partial(_run, batch, info, reads), cache=False)
            return await loader.load(self)

        (item,) = get_args(inspect.signature(batch).return_annotation)
        return declare(resolve, batch, reads, item, description, is_batch=True)

    return make_field


def rows_of(type_: Any, path: str, description: str) -> Any:
    """Make a list field of this type, backed by the rows at an attribute path of the object."""
    read = attrgetter(path)

    def resolve(self: Any) -> Any:
        return [type_(row=row) for row in read(self)]

    return _of_rows(resolve, list[type_], description, Rows(read, lambda row: type_(row=row)))


def same_row(type_: Any, description: str) -> Any:
    """Make a field of this type, backed by the `row` of the object that has the field."""

    def resolve(self: Any) -> Any:
        return type_(row=self.row)

    return _of_rows(resolve, type_, description, Rows(None, lambda row: type_(row=row)))


def rows_of_field(definition: StrawberryField) -> Rows | None:
    """Return the Rows of a field that `rows_of` or `same_row` made."""
    rows: Rows | None = definition.metadata.get(_ROWS)
    return rows


def _of_rows(resolve: Callable[[Any], Any], returned: Any, description: str, rows: Rows) -> Any:
    resolve.__annotations__ = {"return": returned}
    return strawberry.field(resolve, description=description, metadata={_ROWS: rows})


async def _run(batch: Batch, info: Any, reads: ArgumentReader[Any] | None, objects: Sequence[Any]) -> list[Any]:
    arguments = (read_arguments(info, reads),) if reads else ()
    distinct = {id(each): each for each in objects}
    values = dict(zip(distinct, await batch([*distinct.values()], info, *arguments), strict=True))
    return [values[id(each)] for each in objects]
