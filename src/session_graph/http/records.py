"""`POST /records`: JSON Lines of any length in, a line of result for each line out, while the body is still read.

    {"line": 1, "sessionId": "018f3c1e-…", "status": "RECORDED", "errors": [], "warnings": []}
    {"line": 2, "sessionId": null, "status": "REFUSED", "errors": [{"path": ["agent"], "message": "…"}], "warnings": []}

An error that concerns the whole ends the stream with `{"error": {"code": …, "message": …, "line": …}}`: `line` is the
first that has no result. Every line before it is committed. Each line is judged as the importer does, by
`sessions.record_batch`. Nothing is buffered (backpressure): the body is read as fast as it is recorded and its results
are read; a client that reads nothing for too long is disconnected.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from session_graph.access.authentication import Authenticator
from session_graph.access.viewer import Role, Viewer
from session_graph.engine.error_format import as_request_error, translate_error
from session_graph.errors import BadUserInput, Forbidden, Problem, RequestError, Unavailable
from session_graph.http.access_log import CLIENT_CLOSED_REQUEST, AccessRecord, access_record_of
from session_graph.http.negotiation import JSON, JSON_LINES, SAFE_HEADERS, HeaderFields, check_records, header_fields
from session_graph.http.record_body import RecordBody
from session_graph.http.refusals import headers_of
from session_graph.http.request import MethodNotAllowed
from session_graph.http.response import ClientTooSlow, GraphQLResponse, TimedSender, encode_headers
from session_graph.pacing import Pacer, beside
from session_graph.schema.mutation import RECORDERS
from session_graph.sessions.gunzip import DamagedGzip, Gunzip
from session_graph.sessions.json_lines import READ_AT_ONCE, LineSplitter, is_blank, read_json
from session_graph.sessions.record_batch import BatchLimits, Parse, Recorder, Result
from session_graph.sessions.record_reading import parse_history, parse_record
from session_graph.sessions.warnings import RecordWarning
from session_graph.settings import Settings
from session_graph.store.database import Database

BATCH = 250
LIMITS = BatchLimits(records=BATCH, bytes=1024 * 1024, patience=10)
"""A batch is smaller than the importer's: what is done at once for a batch, everybody else waits for."""
LINGER_SECONDS = 0.005
"""How long a batch that is not full waits for more."""

Authenticate = Callable[[], Awaitable[Viewer]]
"""Raises Unauthenticated once the key is revoked or has expired."""

_HEADERS = encode_headers({"Content-Type": JSON_LINES, **SAFE_HEADERS, "X-Accel-Buffering": "no"})


class OnlyRecordsByPost(MethodNotAllowed):
    """Records are sent by POST."""

    allow = ("POST",)


class DamagedBody(BadUserInput):
    """The gzip data of the body is damaged; every whole line before the damage has its result."""


class DatabaseAway(Unavailable):
    """The database cannot be used at present; send again what has no result: nothing is recorded twice."""


@dataclass(frozen=True, slots=True)
class Records:
    """The ASGI endpoint."""

    database: Database
    authenticator: Authenticator
    settings: Settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record, headers = access_record_of(scope), header_fields(scope)
        authenticate = partial(self.authenticator.authenticate, headers.get("authorization"), record.client)
        try:
            is_gzip = _check_request(scope["method"], headers)
            viewer = await authenticate()
            record.set_viewer(viewer)
            if viewer.role not in RECORDERS:
                raise Forbidden
        except Exception as error:
            await _refuse(as_request_error(error), record)(scope, receive, send)
            return
        async with RecordBody(receive, self.settings.record_idle_seconds) as body:
            sender = TimedSender(scope, send, self.settings.live_send_seconds)
            parse = parse_history if viewer.role is Role.ADMIN else parse_record
            recording = _Recording(self.database, viewer.account.id, body, sender, authenticate, parse)
            await recording.run(Gunzip() if is_gzip else None, record)


@dataclass(slots=True)
class _Recording:
    """One request: while a batch is recorded and answered, the lines of the next one are read."""

    database: Database
    account_id: UUID
    body: RecordBody
    sender: TimedSender
    authenticate: Authenticate
    parse: Parse
    is_started: bool = False
    unanswered: int = 1
    """The first line without a result."""

    async def run(self, gunzip: Gunzip | None, record: AccessRecord) -> None:
        """Read and answer the whole body; every error but of the client's connection is the last line."""
        try:
            try:
                await self._record_all(gunzip)
            except (ClientDisconnect, ClientTooSlow):
                raise
            except Exception as error:
                await self._send_error(error, record)
            await self._send(b"", is_last=True)
        except ClientTooSlow:
            pass
        except ClientDisconnect:
            record.status = CLIENT_CLOSED_REQUEST

    async def _record_all(self, gunzip: Gunzip | None) -> None:
        recorder = Recorder(self.database, self.account_id, LIMITS, self._answer, self.parse, self._check)
        lines, pacer = LineSplitter(), Pacer()
        async with recorder:
            try:
                while (chunk := await self.body.read()) is not None:
                    for data in gunzip.feed(chunk) if gunzip else (chunk,):
                        await _add_lines(recorder, lines, lines.feed(data))
                        await pacer.pause()
                    if not await self.body.has_more_within(LINGER_SECONDS):
                        await recorder.flush()
                if gunzip:
                    gunzip.finish()
            except DamagedGzip as error:
                await recorder.flush()
                raise DamagedBody(error.message) from None
            await _add_lines(recorder, lines, lines.finish())

    async def _check(self) -> None:
        """Raise ClientDisconnect or Unauthenticated if there must be no further batch."""
        self.body.check_connected()
        await self.authenticate()

    async def _answer(self, results: Sequence[Result]) -> None:
        self.unanswered = results[-1].number + 1
        await self._send(b"".join(map(_encode, results)))

    async def _send_error(self, error: Exception, record: AccessRecord) -> None:
        refusal = as_request_error(error)
        if isinstance(refusal, Unavailable):
            refusal = DatabaseAway()
        record.add_codes([refusal.code])
        line = {"code": refusal.code, "message": refusal.message, "line": self.unanswered}
        await self._send(orjson.dumps({"error": line}, option=orjson.OPT_APPEND_NEWLINE))

    async def _send(self, body: bytes, *, is_last: bool = False) -> None:
        if not self.is_started:
            self.is_started = True
            await self.sender.send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await self.sender.send({"type": "http.response.body", "body": body, "more_body": not is_last})


async def _add_lines(recorder: Recorder, splitter: LineSplitter, lines: Iterator[bytes]) -> None:
    for line in lines:
        if is_blank(line):
            continue
        is_long = len(line) > READ_AT_ONCE
        record = await beside(read_json, splitter.number, line) if is_long else read_json(splitter.number, line)
        await recorder.add(record)


def _check_request(method: str, headers: HeaderFields) -> bool:
    """Return whether the body is gzip. Raises OnlyRecordsByPost and UnsupportedMediaType."""
    if method != "POST":
        raise OnlyRecordsByPost
    return check_records(headers)


def _refuse(error: RequestError, record: AccessRecord) -> GraphQLResponse:
    """Return the response to a request of which nothing is read."""
    record.add_codes([error.code])
    body = orjson.dumps({"errors": [translate_error(error)]})
    return GraphQLResponse(body, error.status, JSON, {**headers_of(error), "Connection": "close"})


def _encode(result: Result) -> bytes:
    line = {
        "line": result.number,
        "sessionId": result.id,
        "status": result.status,
        "errors": [_encode_problem(problem) for problem in result.problems],
        "warnings": [_encode_warning(warning) for warning in result.warnings],
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _encode_warning(warning: RecordWarning) -> dict[str, object]:
    return {**_encode_problem(Problem(warning.path, warning.message)), "code": warning.code}


def _encode_problem(problem: Problem) -> dict[str, object]:
    """Return the problem as a mutation's payload has it: the message begins with the path."""
    return {"path": [str(segment) for segment in problem.path], "message": str(problem)}
