"""From whatever was raised to what the caller reads: `errors[]` with a code of ours, and nothing internal.

What is not ours to explain becomes InternalError; its cause is logged here, once, under the id that the caller reads.
"""

import logging
import re
from collections.abc import Sequence

import asyncpg
from graphql import ArgumentNode, DirectiveNode, GraphQLError, ValueNode
from strawberry.exceptions import StrawberryInputCoercionError

from session_graph.engine.documents import InvalidRequest
from session_graph.errors import BadUserInput, InternalError, InvalidInput, RequestError, StatementTimeout
from session_graph.store.ids import new_id

LOGGER = logging.getLogger("session_graph.errors")

MAX_MESSAGE = 500

WireError = dict[str, object]


class NotFollowed(Exception):
    """A subscription that could not begin, as the executor says it."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)


_PYTHON_VALUE = re.compile(r"(?<=[ \[])(?:None|True|False)(?=[],.;}]|$)")
_JSON_VALUES = {"None": "null", "True": "true", "False": "false"}
_MAYBE = re.compile(r"(Argument|Field) (?:'(\w+)' )?of type 'Maybe\[")


def translate_error(error: RequestError) -> WireError:
    """As the GraphQL specification has it, section 7.1.2."""
    return {"message": shorten(error.message), "extensions": error.extensions}


def translate_invalid(errors: Sequence[GraphQLError]) -> list[WireError]:
    """Errors of a document, its operation's name or its variables: raised before anything was executed."""
    return [_locate(_explain_input(error), error) for error in errors]


def translate_executed(errors: Sequence[GraphQLError]) -> list[WireError]:
    """Errors of fields. The same exception in several fields has the same id."""
    known: dict[int, RequestError] = {}
    return [_locate(_explain_field(error, known), error) for error in errors]


def translate(error: Exception) -> list[WireError]:
    """Whatever kept a request from being answered."""
    if isinstance(error, InvalidRequest):
        return translate_invalid(error.errors)
    if isinstance(error, NotFollowed):
        return translate_executed(error.errors)
    return [translate_error(as_request_error(error))]


def codes_of(errors: Sequence[WireError]) -> list[str]:
    """For the log."""
    return [str(extensions["code"]) for error in errors if isinstance(extensions := error["extensions"], dict)]


def as_request_error(error: Exception) -> RequestError:
    """The error that the caller is told of; logs what is internal."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    match error:
        case RequestError():
            return error
        case InvalidInput():
            return _name_problem(error)
        case asyncpg.QueryCanceledError() | TimeoutError():
            return StatementTimeout()
        case _:
            return _hide(error)


def shorten(message: str) -> str:
    """At most MAX_MESSAGE characters: what was sent is not echoed at length."""
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def _name_problem(error: InvalidInput) -> BadUserInput:
    if len(error.problems) == 1:
        return BadUserInput(error.problems[0].message, error.problems[0].path)
    return BadUserInput(error.message)


def _hide(error: Exception) -> InternalError:
    error_id = str(new_id())
    LOGGER.error("internal error %s", error_id, exc_info=error, extra={"error_id": error_id})
    return InternalError(error_id)


def _locate(explained: RequestError, error: GraphQLError) -> WireError:
    wire = translate_error(explained)
    if error.locations:
        wire["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        wire["path"] = error.path
    return wire


def _explain_field(error: GraphQLError, known: dict[int, RequestError]) -> RequestError:
    if _is_of_input(error):
        return _explain_input(error)
    cause = _find_cause(error)
    if id(cause) not in known:
        known[id(cause)] = as_request_error(cause)
    return known[id(cause)]


def _explain_input(error: GraphQLError) -> RequestError:
    """A ValueError is the sentence of a scalar; what else a scalar raises is a flaw of ours."""
    cause = _find_cause(error)
    if isinstance(cause, GraphQLError | ValueError):
        return BadUserInput(_reword(error.message))
    return as_request_error(cause)


def _is_of_input(error: GraphQLError) -> bool:
    """Whether an argument is wrong, which can show as late as in execution: a null in a variable where none may be."""
    about_value = error.nodes is not None and isinstance(error.nodes[0], ValueNode | ArgumentNode | DirectiveNode)
    return about_value or isinstance(_find_cause(error), StrawberryInputCoercionError)


def _find_cause(error: GraphQLError) -> Exception:
    """The first that is not graphql-core's wrapping, or the innermost GraphQLError."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _reword(message: str) -> str:
    """In the words of GraphQL where the libraries use those of Python."""
    if maybe := _MAYBE.search(message):
        what, name = maybe.groups()
        return f"{what} '{name}' may be left out, but not be null." if name else "What may be left out may not be null."
    if "integer string conversion" in message:
        return "Int cannot represent non 32-bit signed integer value."
    return _PYTHON_VALUE.sub(lambda value: _JSON_VALUES[value[0]], message)
