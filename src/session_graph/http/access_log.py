"""Logging as lines of JSON; the access log, `session_graph.access`, has one line for each request.

An access line names the account and the operation, never what was sent: no query text, variables or key, and of a path
only its pattern, if it has one.
"""

import logging
import logging.config
import re
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from secrets import token_hex
from time import perf_counter, time
from uuid import UUID

import orjson
from pythonjsonlogger.orjson import OrjsonFormatter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from session_graph.access.viewer import Viewer
from session_graph.http.client_address import ClientAddresses
from session_graph.http.log_sampling import LineSampler, NoiseFilter, summarise_requests
from session_graph.http.log_writer import LogWriter, QueuedHandler

LOGGER = logging.getLogger("session_graph.access")

MAX_NAME = 64
MAX_PATH = 200
MAX_CODES = 10
SWITCHING_PROTOCOLS = 101
"""The logged status of a WebSocket that was opened."""
CLIENT_CLOSED_REQUEST = 499
"""The logged status of a request whose client disconnected before the response; it is never sent."""

FIELDS = (
    *("request_id", "client", "method", "path", "status", "duration_ms", "account", "role", "key_id", "caller"),
    *("operation_type", "operation_name", "codes"),
)
"""The fields of an access line, in this order; those without a value are left out."""

_TEMPLATE = LOGGER.makeRecord(LOGGER.name, logging.INFO, __name__, 0, "request", (), None).__dict__
_SCOPE_KEY = "session_graph.access_record"
_CLIENT_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


@dataclass(slots=True)
class AccessRecord:
    """The data of one access line."""

    request_id: str = field(default_factory=partial(token_hex, 16))
    started: float = field(default_factory=perf_counter)
    authenticated: float = field(default_factory=perf_counter)
    """When the viewer was known; before, only the database can have been waited for."""
    status: int = 500
    client: str = ""
    """The client's address."""
    account: str | None = None
    role: str | None = None
    key_id: UUID | None = None
    caller: str | None = None
    """The key's name, the token's subject, or `source` and the id of the source whose inlet was used."""
    operation_type: str | None = None
    operation_name: str | None = None
    codes: dict[str, None] = field(default_factory=dict)

    def set_viewer(self, viewer: Viewer) -> None:
        self.account, self.role = viewer.account.idn, viewer.role.value
        self.key_id, self.caller = viewer.key_id, viewer.name

    def set_source(self, source_id: UUID) -> None:
        self.caller = f"source {source_id}"

    def set_operation(self, kind: str, name: str | None) -> None:
        """A name needs no escaping: GraphQL's grammar allows only letters, digits and underscores in it."""
        self.operation_type, self.operation_name = kind, name[:MAX_NAME] if name else None

    def add_codes(self, codes: Iterable[str]) -> None:
        for code in codes:
            if len(self.codes) < MAX_CODES:
                self.codes[code] = None


def access_record_of(scope: Scope) -> AccessRecord:
    """Return the request's record, or one that is never logged if there is no AccessLog around the application."""
    record = scope.get(_SCOPE_KEY)
    return record if isinstance(record, AccessRecord) else AccessRecord()


class AccessLog:
    """The outermost ASGI middleware: gives each request an id and logs its line, or if it has no key, a sample of them.

    The id is the request's own `X-Request-Id` if there is one of 1 to 128 characters of `A-Za-z0-9._-`, otherwise a
    new one. The response has it under the same name.
    """

    def __init__(self, app: ASGIApp, clients: ClientAddresses | None = None) -> None:
        self._app = app
        self._clients = clients or ClientAddresses()
        self._sampler = LineSampler(summarise_requests)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        record = scope[_SCOPE_KEY] = AccessRecord()
        record.client = self._clients.find(scope)
        if sent_id := _find_client_id(scope):
            record.request_id = sent_id
        token = _request_id.set(record.request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
                record.status = message.get("status", SWITCHING_PROTOCOLS)
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", record.request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            _request_id.reset(token)
            if record.caller is not None or self._sampler.admits(record.client):
                log_request(scope, record)


def _find_client_id(scope: Scope) -> str | None:
    """Return the only X-Request-Id of the request, if it is safe to log and to send back."""
    sent = [value for name, value in scope["headers"] if name == b"x-request-id"]
    return sent[0].decode() if len(sent) == 1 and _CLIENT_ID.fullmatch(sent[0]) else None


class JsonFormatter(OrjsonFormatter):
    """Formats as JSON; faster for access lines, which are the most frequent and have only known fields."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name != LOGGER.name:
            return super().format(record)
        line = {"level": record.levelname, "logger": record.name, "message": record.msg}
        values = record.__dict__
        line |= {name: values[name] for name in FIELDS if name in values}
        line["time"] = datetime.fromtimestamp(record.created, UTC)
        return orjson.dumps(line, default=str).decode()  # orjson knows no ids of the database's own type


def configure_logging(level: str) -> None:
    """Log from `level` up as JSON on standard error, without ever waiting for it.

    Start uvicorn with `log_config=None, access_log=False`.
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line shows them
    formatter = {
        "()": JsonFormatter,
        "fmt": ("levelname", "name", "message"),
        "rename_fields": {"levelname": "level", "name": "logger"},
        "timestamp": "time",
    }
    handler = {"()": QueuedHandler, "writer": LogWriter(), "formatter": "json"}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": formatter},
            "handlers": {
                "access": handler,
                "stderr": handler | {"filters": [_has_no_url, NoiseFilter(), _add_request_id]},
            },
            "loggers": {LOGGER.name: {"handlers": ["access"], "propagate": False}},
            "root": {"level": level, "handlers": ["stderr"]},
        }
    )


def _add_request_id(record: logging.LogRecord) -> bool:
    """Add the id of the request during which the record was logged."""
    if "request_id" not in record.__dict__ and (request_id := _request_id.get()):
        record.request_id = request_id
    return True


def _has_no_url(record: logging.LogRecord) -> bool:
    """Return False for uvicorn's lines about WebSockets: they have the whole URL, and the access log has a line too."""
    return not (record.name == "uvicorn.error" and '"WebSocket %s"' in str(record.msg))


def log_request(scope: Scope, record: AccessRecord) -> None:
    """Log a request, or an operation over a WebSocket.

    The log record is a copy of a template: `Logger.info` would look up the calling frame and the thread each time.
    """
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    created = time()
    fields = {
        "created": created,
        "msecs": created % 1 * 1000,
        "request_id": record.request_id,
        "client": record.client or None,
        "method": scope.get("method", "WEBSOCKET"),
        "path": _path_pattern(scope),
        "status": record.status,
        "duration_ms": round((perf_counter() - record.started) * 1000, 2),
        "account": record.account,
        "role": record.role,
        "key_id": record.key_id,
        "caller": record.caller,
        "operation_type": record.operation_type,
        "operation_name": record.operation_name,
        "codes": list(record.codes) or None,
    }
    line = logging.LogRecord.__new__(logging.LogRecord)
    line.__dict__ = _TEMPLATE | {name: value for name, value in fields.items() if value is not None}
    LOGGER.handle(line)


def _path_pattern(scope: Scope) -> str:
    """Return the path with its parameters by name, as `/exports/{id}`: their values may be secret."""
    path: str = scope["path"]
    if "path_params" not in scope:
        return path[:MAX_PATH]
    names = {str(value): f"{{{name}}}" for name, value in scope["path_params"].items()}
    return "/".join(names.get(segment, segment) if segment else "" for segment in path.split("/"))[:MAX_PATH]
