"""The translation of exceptions into `errors[]` of the response, each with a code, and without internal details.

An unexpected exception becomes InternalError; it is logged here, once, under the id that the caller reads.
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

_PYTHON_VALUE = re.compile(r"(?<=[ \[])(?:None|True|False)(?=[],.;}]|$)")
_JSON_VALUES = {"None": "null", "True": "true", "False": "false"}
_MAYBE = re.compile(r"(Argument|Field) (?:'(\w+)' )?of type 'Maybe\[")


class SubscriptionFailed(Exception):
    """A subscription could not begin. `errors` are those of the executor."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)


def translate_error(error: RequestError) -> WireError:
    """Return an entry of `errors` (GraphQL specification, 7.1.2)."""
    return {"message": shorten(error.message), "extensions": error.extensions}


def translate_invalid(errors: Sequence[GraphQLError]) -> list[WireError]:
    """Translate the errors of an InvalidRequest."""
    return [_locate(_explain_input(error), error) for error in errors]


def translate_executed(errors: Sequence[GraphQLError]) -> list[WireError]:
    """Translate the errors of fields. If one exception failed several fields, they have one error id."""
    known: dict[int, list[RequestError]] = {}
    return [_locate(cause, error) for error in errors for cause in _explain_field(error, known)]


def translate(error: Exception) -> list[WireError]:
    """Translate the exception that failed a whole request."""
    if isinstance(error, InvalidRequest):
        return translate_invalid(error.errors)
    if isinstance(error, SubscriptionFailed):
        return translate_executed(error.errors)
    return [translate_error(each) for each in as_request_errors(error)]


def codes_of(errors: Sequence[WireError]) -> list[str]:
    """Return the code of each error, for the access log."""
    return [str(extensions["code"]) for error in errors if isinstance(extensions := error["extensions"], dict)]


def as_request_errors(error: Exception) -> list[RequestError]:
    """Return the errors for the caller: one of each problem of an input, else `as_request_error`."""
    if isinstance(error, InvalidInput):
        return [problem.error(problem.message, problem.path) for problem in error.problems]
    return [as_request_error(error)]


def as_request_error(error: Exception) -> RequestError:
    """Return the error for the caller; an unexpected exception is logged and becomes InternalError."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    match error:
        case RequestError():
            return error
        case InvalidInput():
            return as_request_errors(error)[0]
        case asyncpg.QueryCanceledError() | TimeoutError():
            return StatementTimeout()
        case _:
            return _log_internal(error)


def shorten(message: str) -> str:
    """Cut the message to MAX_MESSAGE characters: it may quote what the caller sent, at any length."""
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def _log_internal(error: Exception) -> InternalError:
    error_id = str(new_id())
    LOGGER.error("internal error %s", error_id, exc_info=error, extra={"error_id": error_id})
    return InternalError(error_id)


def _locate(cause: RequestError, error: GraphQLError) -> WireError:
    wire = translate_error(cause)
    if error.locations:
        wire["locations"] = [{"line": each.line, "column": each.column} for each in error.locations]
    if error.path is not None:
        wire["path"] = error.path
    return wire


def _explain_field(error: GraphQLError, known: dict[int, list[RequestError]]) -> list[RequestError]:
    if _is_input_error(error):
        return [_explain_input(error)]
    cause = _find_cause(error)
    if id(cause) not in known:
        known[id(cause)] = as_request_errors(cause)
    return known[id(cause)]


def _explain_input(error: GraphQLError) -> RequestError:
    """Return BadUserInput if a scalar raised ValueError; any other exception of a scalar is a bug."""
    cause = _find_cause(error)
    if isinstance(cause, GraphQLError | ValueError):
        return BadUserInput.located(_reword(error.message), (error.extensions or {}).get("path", ()))
    return as_request_error(cause)


def _is_input_error(error: GraphQLError) -> bool:
    """Return whether an argument is invalid. A null in a variable of a non-null argument is found only in execution."""
    about_value = error.nodes is not None and isinstance(error.nodes[0], ValueNode | ArgumentNode | DirectiveNode)
    return about_value or isinstance(_find_cause(error), StrawberryInputCoercionError)


def _find_cause(error: GraphQLError) -> Exception:
    """Return the exception that graphql-core wrapped, or the innermost GraphQLError."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _reword(message: str) -> str:
    """Replace Python's terms in a library's message by those of GraphQL."""
    if maybe := _MAYBE.search(message):
        kind, name = maybe.groups()
        return (
            f"{kind} '{name}' may be left out, but must not be null." if name else "An optional field must not be null."
        )
    if "integer string conversion" in message:
        return "Int cannot represent non 32-bit signed integer value."
    return _PYTHON_VALUE.sub(lambda value: _JSON_VALUES[value[0]], message)
