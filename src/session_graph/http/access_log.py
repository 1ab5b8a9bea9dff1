"""Logs as lines of JSON: one line for each request on `session_graph.access`, and everything else beside it.

The access log names the account and the kind of question, never the question: no query text, no variables, no key, and
of a path only its pattern where it has one.
"""

import logging
import logging.config
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from secrets import token_hex
from time import perf_counter, time

import orjson
from pythonjsonlogger.orjson import OrjsonFormatter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from session_graph.access.viewer import Viewer

LOGGER = logging.getLogger("session_graph.access")

MAX_NAME = 64
MAX_PATH = 200
MAX_CODES = 10
SWITCHING_PROTOCOLS = 101
"""The status of a WebSocket that was opened."""
CLIENT_CLOSED_REQUEST = 499
"""The status of a request whose client left before the answer; nobody reads it but us."""

FIELDS = (
    *("request_id", "method", "path", "status", "duration_ms", "account", "role", "operation_type", "operation_name"),
    "codes",
)
"""What the line of a request may have, in this order."""

_TEMPLATE = LOGGER.makeRecord(LOGGER.name, logging.INFO, __name__, 0, "request", (), None).__dict__
_SCOPE_KEY = "session_graph.access_record"
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


@dataclass(slots=True)
class AccessRecord:
    """What is known of a request when its line is written."""

    request_id: str = field(default_factory=partial(token_hex, 16))
    status: int = 500
    account: str | None = None
    role: str | None = None
    operation_type: str | None = None
    operation_name: str | None = None
    codes: dict[str, None] = field(default_factory=dict)

    def set_viewer(self, viewer: Viewer) -> None:
        self.account, self.role = viewer.account.idn, viewer.role.value

    def set_operation(self, kind: str, name: str | None) -> None:
        """A name that GraphQL's grammar let through has only letters, digits and underscores."""
        self.operation_type, self.operation_name = kind, name[:MAX_NAME] if name else None

    def add_codes(self, codes: Iterable[str]) -> None:
        for code in codes:
            if len(self.codes) < MAX_CODES:
                self.codes[code] = None


def access_record_of(scope: Scope) -> AccessRecord:
    """The record of this request; one that nobody reads where there is no AccessLog around."""
    record = scope.get(_SCOPE_KEY)
    return record if isinstance(record, AccessRecord) else AccessRecord()


class AccessLog:
    """The outermost ASGI middleware: gives each request its id, `X-Request-Id`, and its line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        record = scope[_SCOPE_KEY] = AccessRecord()
        token = _request_id.set(record.request_id)
        started = perf_counter()

        async def send_recorded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                record.status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", record.request_id.encode())]
            elif message["type"] == "websocket.accept":
                record.status = SWITCHING_PROTOCOLS
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", record.request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_recorded)
        finally:
            _request_id.reset(token)
            log_request(scope, record, started)


class JsonFormatter(OrjsonFormatter):
    """JSON; of a request's line, which is written most, what it may have is known."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name != LOGGER.name:
            return super().format(record)
        line = {"level": record.levelname, "logger": record.name, "message": record.msg}
        known = record.__dict__
        line |= {name: known[name] for name in FIELDS if name in known}
        line["time"] = datetime.fromtimestamp(record.created, UTC)
        return orjson.dumps(line).decode()


def configure_logging(level: str) -> None:
    """Everything from `level` up as JSON on standard error. Start uvicorn with `log_config=None, access_log=False`."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line of ours has these
    formatter = {
        "()": JsonFormatter,
        "fmt": ("levelname", "name", "message"),
        "rename_fields": {"levelname": "level", "name": "logger"},
        "timestamp": "time",
    }
    handler = {"class": "logging.StreamHandler", "formatter": "json"}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": formatter},
            "filters": {
                "request": {"()": lambda: _add_request_id},
                "addresses": {"()": lambda: _has_no_url},
            },
            "handlers": {"access": handler, "stderr": handler | {"filters": ["request", "addresses"]}},
            "loggers": {LOGGER.name: {"handlers": ["access"], "propagate": False}},
            "root": {"level": level, "handlers": ["stderr"]},
        }
    )


def _add_request_id(record: logging.LogRecord) -> bool:
    """Put the id of the request on the line of whatever is logged while it is served."""
    if "request_id" not in record.__dict__ and (request_id := _request_id.get()):
        record.request_id = request_id
    return True


def _has_no_url(record: logging.LogRecord) -> bool:
    """False for uvicorn's own lines about WebSockets, which have all of an address; ours is in the access log."""
    return not (record.name == "uvicorn.error" and '"WebSocket %s"' in str(record.msg))


def log_request(scope: Scope, record: AccessRecord, started: float) -> None:
    """The line of a request, or of an operation over a WebSocket, that began at this `perf_counter`.

    The record is made of one that is there, so that nobody looks for where, and in which thread, it was made.
    """
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    created = time()
    fields = {
        "created": created,
        "msecs": created % 1 * 1000,
        "request_id": record.request_id,
        "method": scope.get("method", "WEBSOCKET"),
        "path": _path_pattern(scope),
        "status": record.status,
        "duration_ms": round((perf_counter() - started) * 1000, 2),
        "account": record.account,
        "role": record.role,
        "operation_type": record.operation_type,
        "operation_name": record.operation_name,
        "codes": list(record.codes) or None,
    }
    line = logging.LogRecord.__new__(logging.LogRecord)
    line.__dict__ = _TEMPLATE | {name: value for name, value in fields.items() if value is not None}
    LOGGER.handle(line)


def _path_pattern(scope: Scope) -> str:
    """The path with its parameters by name, as `/exports/{id}`: their values may be somebody's business."""
    path: str = scope["path"]
    if "path_params" not in scope:
        return path[:MAX_PATH]
    names = {str(value): f"{{{name}}}" for name, value in scope["path_params"].items()}
    return "/".join(names.get(segment, segment) if segment else "" for segment in path.split("/"))[:MAX_PATH]
