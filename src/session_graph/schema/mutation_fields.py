"""The decorator of mutations, the readers of their input, and the errors in their payloads."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import reduce
from typing import Annotated, Any, Optional, TypeVar

from pydantic.alias_generators import to_camel

from session_graph.access.viewer import Role
from session_graph.engine.fields import ArgumentReader, declare, read_arguments
from session_graph.engine.internals import fields_of
from session_graph.errors import AlreadyThere, InvalidInput, LimitReached, NotFound, PathSegment, Problem
from session_graph.parsing import below
from session_graph.schema.arguments import Request, argument, read_filter
from session_graph.schema.context import Info
from session_graph.schema.input_types import translate
from session_graph.schema.mutation_types import RecordWarning, UserError, UserErrorCode
from session_graph.sessions.input_model import AnyInputModel, parse_input
from session_graph.sessions.warnings import RecordWarning as Loss

A = TypeVar("A")
P = TypeVar("P")

INPUT = "input"

_ROLES = "session_graph.roles"
_CODES: dict[type[InvalidInput], UserErrorCode] = {
    AlreadyThere: UserErrorCode.DUPLICATE,
    LimitReached: UserErrorCode.LIMIT,
    NotFound: UserErrorCode.NOT_FOUND,
}


def mutation(
    description: str, roles: Iterable[Role], reads: ArgumentReader[A]
) -> Callable[[Callable[[Any, Info, A], Awaitable[P]]], Any]:
    """Make a mutation of a resolver that takes `self`, `info`, and the reader's result.

    If the reader or the resolver raises InvalidInput, the mutation returns a payload with its errors. After any other
    exception it is null, and the payloads of the other mutations stay.
    """

    def make_field(resolver: Callable[[Any, Info, A], Awaitable[P]]) -> Any:
        payload: Any = inspect.signature(resolver).return_annotation

        async def resolve(self: Any, info: Any, **_: Any) -> Any:
            try:
                return await resolver(self, info, read_arguments(info, reads))
            except InvalidInput as error:
                return payload(errors=to_user_errors(error))

        returned: Any = Optional[payload]  # noqa: UP045
        return declare(resolve, resolver, reads, returned, description, metadata={_ROLES: frozenset(roles)})

    return make_field


def roles_by_mutation(mutations: Any) -> dict[str, frozenset[Role]]:
    """Return the roles that may call each mutation, by GraphQL name."""
    return {to_camel(field.python_name): field.metadata[_ROLES] for field in fields_of(mutations)}


def input_of(
    model: type[AnyInputModel],
    description: str,
    *,
    filter_at: tuple[str, ...] = (),
    parse: Callable[[object], AnyInputModel] | None = None,
) -> ArgumentReader[AnyInputModel]:
    """Parse the argument `input` into a model, by `parse` if the model has a reader of its own.

    A filter at the path `filter_at` is checked before execution.
    """

    def read(request: Request, input: Mapping[str, Any]) -> AnyInputModel:
        with below(INPUT):
            return parse(input) if parse else parse_input(model, input)

    return _reader(read, Annotated[translate(model)[0], argument(description)], filter_at)


def raw_input(graphql_type: Any, description: str) -> ArgumentReader[Any]:
    """Return the argument `input` unparsed: mappings by GraphQL name."""

    def read(request: Request, input: Any) -> Any:
        return input

    return _reader(read, Annotated[graphql_type, argument(description)])


def user_error(
    path: tuple[PathSegment, ...],
    message: str,
    code: UserErrorCode = UserErrorCode.INVALID,
    retry_after: int | None = None,
) -> UserError:
    """Make a UserError. Its message begins with the path below `input`."""
    problem = Problem(path[1:] if path[:1] == (INPUT,) else path, message)
    names = [str(segment) for segment in path]
    return UserError(code=code, message=str(problem), path=names, retry_after=retry_after)


def to_user_errors(error: InvalidInput) -> list[UserError]:
    """Make a UserError of each problem, with the code of the exception's type."""
    code = _CODES.get(type(error), UserErrorCode.INVALID)
    return [user_error(problem.path, problem.message, code, problem.retry_after) for problem in error.problems]


def record_warning(warning: Loss) -> RecordWarning:
    """Make a RecordWarning of what was lost; its message begins with the path."""
    message = str(Problem(warning.path, warning.message))
    return RecordWarning(code=warning.code, message=message, path=[str(segment) for segment in warning.path])


def _reader(read: Callable[..., A], annotation: Any, filter_at: tuple[str, ...] = ()) -> ArgumentReader[A]:
    def check(request: Request, input: Mapping[str, Any]) -> None:
        if filter_at:
            raw = reduce(lambda value, key: value.get(key) or {}, filter_at, input)
            read_filter(request, raw, (INPUT, *filter_at))

    parameter = inspect.Parameter(INPUT, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation)
    return ArgumentReader(read, check, {INPUT: parameter})
