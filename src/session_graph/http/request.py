"""Reads the parameters of a GraphQL request, by the draft "GraphQL over HTTP", section 5.

Reading is strict: a request that is not fully understood is refused with a sentence that says what is wrong.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, cast
from urllib.parse import parse_qsl

import orjson

from session_graph.access.viewer import Role
from session_graph.engine.limits import MAX_VALUES
from session_graph.engine.operation import GraphQLParams
from session_graph.errors import BadUserInput, TooLarge
from session_graph.http.negotiation import HeaderFields, check_content
from session_graph.http.persisted_queries import HashedParams, find_hash
from session_graph.json_bounds import check_values, has_large_number, outermost_names, replace_lone_surrogates
from session_graph.pacing import beside
from session_graph.schema.mutation import RECORDERS
from session_graph.schema.schema import MAX_RECORDED_VALUES
from session_graph.settings import Settings

PARAMETERS = ("query", "operationName", "variables", "extensions", "documentId")
METHODS = ("GET", "POST")

PARSED_AT_ONCE = 64 * 1024
"""A longer JSON text is parsed beside the event loop; bytes."""


class MethodNotAllowed(BadUserInput):
    """GraphQL is served by POST, and queries by GET."""

    status = 405
    allow: ClassVar[tuple[str, ...]] = METHODS


class OnlyByPost(MethodNotAllowed):
    """Mutations are not served by GET; send this operation by POST."""

    allow = ("POST",)


class BodyTooLarge(TooLarge):
    """The body is too large."""

    status = 413


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How many bytes a body may have, and how many values the JSON in it."""

    bytes: int
    values: int

    @classmethod
    def of(cls, settings: Settings, role: Role | None = None) -> "BodyLimits":
        """Return the limits of a request of this role; without one, of a request that records no sessions."""
        if role in RECORDERS:
            return cls(settings.max_record_body_bytes, MAX_RECORDED_VALUES)
        return cls(settings.max_body_bytes, MAX_VALUES)


async def parse_message(text: str, limits: BodyLimits) -> dict[str, object]:
    """Return a WebSocket's message, a JSON object. Raises BadUserInput and TooLarge."""
    body = text.encode("utf-8", "surrogatepass")
    if len(body) > limits.bytes:
        raise BodyTooLarge(f"A message may have {limits.bytes} bytes; this one has {len(body)}.")
    if len(body) > PARSED_AT_ONCE:
        return await beside(_parse_message, body, limits.values)
    return _parse_message(body, limits.values)


def _parse_message(body: bytes, max_values: int) -> dict[str, object]:
    value = _parse_json(body, "The message", max_values)
    if not isinstance(value, dict):
        raise BadUserInput("The message must be a JSON object.")
    return value


def parse_params(fields: Mapping[str, object]) -> GraphQLParams:
    """Return the parameters: HashedParams if they name a document's hash. Raises BadUserInput.

    Other names are ignored, as the draft demands. An empty operationName is none: clients send it for nameless queries.
    """
    query, operation_name = fields.get("query"), fields.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise BadUserInput('"operationName" must be a string or null.')
    operation_name = operation_name or None
    variables, extensions = _object_or_empty(fields, "variables"), _object_or_empty(fields, "extensions")
    document_hash = find_hash(fields, extensions)
    if document_hash and query is None:
        query = ""
    if not isinstance(query, str):
        raise BadUserInput('"query" must be a string: the GraphQL document.')
    if document_hash:
        return HashedParams(query, operation_name, variables, extensions, document_hash)
    return GraphQLParams(query, operation_name, variables, extensions)


def check_method(method: str, headers: HeaderFields) -> None:
    """Raise MethodNotAllowed, or UnsupportedMediaType if the body cannot be read."""
    if method not in METHODS:
        raise MethodNotAllowed
    if method == "POST":
        check_content(headers)


async def parse_body(body: bytes, max_values: int) -> GraphQLParams:
    """Return the parameters of a POST. Raises BadUserInput and TooLarge."""
    return await beside(_parse_body, body, max_values) if len(body) > PARSED_AT_ONCE else _parse_body(body, max_values)


def _parse_body(body: bytes, max_values: int) -> GraphQLParams:
    """Return the parameters of a POST. Raises BadUserInput."""
    if not body:
        raise BadUserInput('The body is empty; it must be a JSON object with a "query".')
    value = _parse_json(body, "The body", max_values)
    if isinstance(value, list):
        raise BadUserInput("The body is a list; send one GraphQL request at a time.")
    if not isinstance(value, dict):
        raise BadUserInput('The body must be a JSON object with a "query".')
    if any(body.count(b'"%b"' % name.encode()) > 1 for name in PARAMETERS):
        _refuse_duplicates(orjson.loads(name) for name in outermost_names(body))
    return parse_params(value)


def parse_query_string(query_string: bytes) -> GraphQLParams:
    """Return the parameters of a GET. Raises BadUserInput."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except UnicodeDecodeError:
        raise BadUserInput("The query string is not percent-encoded UTF-8.") from None
    except ValueError:
        raise BadUserInput("The query string has too many parameters.") from None
    _refuse_duplicates(name for name, _ in pairs)
    fields: dict[str, object] = dict(pairs)
    for name in ("variables", "extensions"):
        if name in fields:
            fields[name] = _parse_json(cast(str, fields[name]).encode(), f'The parameter "{name}"', MAX_VALUES)
    return parse_params(fields)


def _parse_json(text: bytes, subject: str, max_values: int) -> object:
    """Return the value: no integer in it is rounded; a lone surrogate becomes U+FFFD. Raises BadUserInput, TooLarge."""
    check_values(text, max_values, subject)
    try:
        value = _load(text)
    except orjson.JSONDecodeError as error:
        raise BadUserInput(f"{subject} is not {_syntax_error(text, error)}") from None
    if has_large_number(text):
        raise BadUserInput(f"{subject} has a whole number of more than 64 bits; send it as a string.")
    return value


def _load(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return orjson.loads(replace_lone_surrogates(text))


def _syntax_error(text: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        text.decode()
    except UnicodeDecodeError as invalid:
        return f"UTF-8: its byte {invalid.start} is invalid."
    return f"valid JSON: {error}."


def _refuse_duplicates(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen and name in PARAMETERS:
            raise BadUserInput(f'"{name}" appears twice.')
        seen.add(name)


def _object_or_empty(fields: Mapping[str, object], name: str) -> dict[str, object]:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadUserInput(f'"{name}" must be a JSON object or null.')
    return value
