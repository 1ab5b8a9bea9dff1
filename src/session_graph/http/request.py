"""From an HTTP request to the parameters of a GraphQL request, after the draft "GraphQL over HTTP", section 5.

Strict, because a request that is not understood to the letter must not be answered: each refusal says what was wrong.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import ClassVar, cast
from urllib.parse import parse_qsl

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from session_graph.engine.operation import GraphQLParams
from session_graph.errors import BadUserInput, TooLarge
from session_graph.http.negotiation import Fields, check_content

PARAMETERS = ("query", "operationName", "variables", "extensions")
METHODS = ("GET", "POST")

WATCH_AFTER = 0.05
"""Seconds that a request may take before somebody watches whether its client is still there."""

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * 19
"""Shorter whole numbers fit 64 bits."""


class MethodNotAllowed(BadUserInput):
    """GraphQL is served by POST, and queries by GET."""

    status = 405
    allow: ClassVar[tuple[str, ...]] = METHODS


class OnlyByPost(MethodNotAllowed):
    """Only queries are served by GET; send this operation by POST."""

    allow = ("POST",)


class BodyTooLarge(TooLarge):
    """The body is longer than a body may be."""

    status = 413


def read_message(text: str, max_bytes: int) -> dict[str, object]:
    """A message of a WebSocket: a JSON object. Raises BadUserInput and TooLarge."""
    body = text.encode("utf-8", "surrogatepass")
    if len(body) > max_bytes:
        raise BodyTooLarge(f"A message may have {max_bytes} bytes; this one has {len(body)}.")
    value = _parse_json(body, "The message")
    if not isinstance(value, dict):
        raise BadUserInput("The message must be a JSON object.")
    return value


def take_params(fields: Mapping[str, object]) -> GraphQLParams:
    """The parameters of a request; other names are ignored, as the draft asks for. Raises BadUserInput."""
    query, operation_name = fields.get("query"), fields.get("operationName")
    if not isinstance(query, str):
        raise BadUserInput('"query" must be a string: the GraphQL document.')
    if operation_name is not None and not isinstance(operation_name, str):
        raise BadUserInput('"operationName" must be a string or null.')
    return GraphQLParams(query, operation_name, _take_object(fields, "variables"), _take_object(fields, "extensions"))


def check_method(method: str, fields: Fields) -> None:
    """Raise MethodNotAllowed, or UnsupportedMediaType for a body that cannot be read."""
    if method not in METHODS:
        raise MethodNotAllowed
    if method == "POST":
        check_content(fields)


async def read_body(receive: Receive, fields: Fields, max_bytes: int) -> bytes:
    """Raises BodyTooLarge, and Starlette's ClientDisconnect where the client goes away meanwhile."""
    declared = fields.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > max_bytes):
        raise BodyTooLarge(f"A body may have {max_bytes} bytes; this one has {declared[:18]}.")
    chunks, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        length += len(chunks[-1])
        if length > max_bytes:
            raise BodyTooLarge(f"A body may have {max_bytes} bytes; this one has more.")
        more = message.get("more_body", False)
    return b"".join(chunks)


def parse_body(body: bytes) -> GraphQLParams:
    """The parameters of a POST. Raises BadUserInput."""
    return take_params(_parse_body(body))


def parse_query_string(query_string: bytes) -> GraphQLParams:
    """The parameters of a GET. Raises BadUserInput."""
    return take_params(_parse_query_string(query_string))


class while_connected:
    """Cancels the block when the client goes away, and raises ClientDisconnect for it: its statement is not awaited.

    Only a block that lasts is worth a task that watches the client: most are over before it begins to.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        block = asyncio.current_task(loop)
        assert block is not None
        self._block, self._cancelled_before = block, block.cancelling()
        self._timer = loop.call_later(WATCH_AFTER, self._begin)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._timer.cancel()
        if self._watcher:
            self._watcher.cancel()
        was_left = self._gone and isinstance(error, asyncio.CancelledError)
        if was_left and self._block.uncancel() <= self._cancelled_before:
            raise ClientDisconnect from None

    def _begin(self) -> None:
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._block.cancel()


def _parse_body(body: bytes) -> Mapping[str, object]:
    if not body:
        raise BadUserInput('The body is empty; it must be a JSON object with a "query".')
    value = _parse_json(body, "The body")
    if isinstance(value, list):
        raise BadUserInput("The body is a list; send one GraphQL request at a time.")
    if not isinstance(value, dict):
        raise BadUserInput('The body must be a JSON object with a "query".')
    if any(body.count(b'"%b"' % name.encode()) > 1 for name in PARAMETERS):
        _refuse_twice(_list_names(body))
    return value


def _parse_query_string(query_string: bytes) -> Mapping[str, object]:
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except UnicodeDecodeError:
        raise BadUserInput("The query string is not percent-encoded UTF-8.") from None
    except ValueError:
        raise BadUserInput("The query string has too many parameters.") from None
    _refuse_twice(name for name, _ in pairs)
    fields: dict[str, object] = dict(pairs)
    for name in ("variables", "extensions"):
        if name in fields:
            fields[name] = _parse_json(cast(str, fields[name]).encode(), f'The parameter "{name}"')
    return fields


def _parse_json(text: bytes, what: str) -> object:
    """The value, of which no number was rounded to fit and every string can be encoded again. Raises BadUserInput."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadUserInput(f"{what} is not {_say_why(text, error)}") from None
    if _LONG in text.translate(_DIGITS):
        _read_closely(text, what)
    return value


def _say_why(text: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        text.decode()
    except UnicodeDecodeError as flaw:
        return f"UTF-8: see its byte {flaw.start}."
    return f"valid JSON: {error}."


def _read_closely(text: bytes, what: str) -> None:
    """Raise BadUserInput for a whole number beyond 64 bits, which orjson takes for a float."""

    def check(digits: str) -> int:
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
            raise BadUserInput(f"{what} has a whole number of more than 64 bits; send it as a string.")
        return 0

    try:
        json.loads(text, parse_int=check)
    except RecursionError:
        raise BadUserInput(f"{what} is nested too deeply.") from None


def _list_names(body: bytes) -> list[str]:
    """The names of the outermost object, each as often as it is there."""
    names: list[str] = []

    def note(pairs: list[tuple[str, object]]) -> None:
        names[:] = [name for name, _ in pairs]  # called for the outermost object last

    try:
        json.loads(body, object_pairs_hook=note)
    except RecursionError:
        raise BadUserInput("The body is nested too deeply.") from None
    return names


def _refuse_twice(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen and name in PARAMETERS:
            raise BadUserInput(f'"{name}" is there twice.')
        seen.add(name)


def _take_object(fields: Mapping[str, object], name: str) -> dict[str, object]:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadUserInput(f'"{name}" must be a JSON object or null.')
    return value
