"""The tables of the reference pages, generated from the code that they describe.

    python -m tools.reference docs

rewrites each table of `docs/*.md` between its marks `<!-- table: NAME -->` and `<!-- end -->`. The text around a table
is written by hand. A test checks that the pages are up to date.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from session_graph.access.attempts import TooManyAttempts
from session_graph.access.budgets import OutOfBudget
from session_graph.access.turns import TooManyHeavyQueries
from session_graph.access.viewer import Role
from session_graph.errors import (
    BadUserInput,
    CursorInvalid,
    Forbidden,
    ForbiddenField,
    HistoryLost,
    InternalError,
    OutcomeUnknown,
    RequestError,
    StatementTimeout,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from session_graph.http.bodies import BodyTooSlow, TooManyBodies
from session_graph.http.inlets import NoSuchInlet, OnlyWebhooksByPost, WrongSender
from session_graph.http.negotiation import NotAcceptable, UnsupportedMediaType
from session_graph.http.pending_sockets import TooManyPending
from session_graph.http.persisted_queries import PersistedQueryNotFound
from session_graph.http.record_body import ClientTooSilent
from session_graph.http.records import DamagedBody, DatabaseAway, OnlyRecordsByPost
from session_graph.http.request import BodyTooLarge, MethodNotAllowed, OnlyByPost
from session_graph.schema.mutation import MUTATIONS
from session_graph.schema.mutation_types import UserErrorCode
from session_graph.schema.subscription_hub import TooManyConnections, TooManyConnectionsOfCaller, TooManySubscriptions
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.event_history import ReplicaBehind
from session_graph.sessions.permissions import LIMITED_FIELDS
from session_graph.settings import PREFIX, Settings

ROLES = (Role.BUILDER, Role.ADMIN, Role.PORTAL, Role.PARTNER, Role.RECORDER)

WHAT_TO_DO: dict[type[RequestError], str] = {
    Unauthenticated: "Send `Authorization: Bearer` with a key that is neither revoked nor expired, or with a valid"
    " token. The server's log says why one was refused.",
    Forbidden: "Use a key with a role that may: see [access](access.md). Nothing was read or written.",
    ForbiddenField: "Remove the fields in `extensions.fields` from every part of the request. Nothing was read or"
    " written.",
    BadUserInput: "Read the message; `extensions.path` or `locations` says where. The same request fails again.",
    CursorInvalid: "Send a cursor as it was returned, to the same list in the same order and of the same account; or"
    " start without one.",
    HistoryLost: "Changes that you have read may be undone. Read the sessions again whose last cursor sorts after"
    " `extensions.readFrom`, then go on from there; if it is null, begin without a cursor.",
    PersistedQueryNotFound: "Send the document with its hash once, which registers it for the account in this process.",
    MethodNotAllowed: "Send the request by POST.",
    OnlyByPost: "Send mutations by POST.",
    OnlyRecordsByPost: "Send the records by POST.",
    OnlyWebhooksByPost: "Let the vendor send its webhooks by POST.",
    NoSuchInlet: "Compare the address with what `session-graph source show` prints.",
    WrongSender: "Give the source the secret that the vendor signs with; the server's log says what is wrong.",
    NotAcceptable: "Accept one of these media types, or `*/*`.",
    UnsupportedMediaType: "Send JSON in UTF-8, as `application/json`; to `/records` JSON Lines, as"
    " `application/x-ndjson`.",
    TooLarge: "Request less at a time. The limits are [settings](settings.md), and [costs](costs.md) explains that of"
    " the cost; a request has at most 10 mutations.",
    BodyTooLarge: "Send smaller batches.",
    OutOfBudget: "Send the same again after `extensions.retryAfter` seconds (`Retry-After`): nothing was read or"
    " written. [Costs](costs.md#what-one-caller-may-take) says how much fits.",
    TooManyHeavyQueries: "Send the same again after `extensions.retryAfter` seconds (`Retry-After`), and ask one heavy"
    " question after the other.",
    TooManyAttempts: "Send a valid key; then no other request from the address matters, once the key has been accepted."
    " Or try again after `extensions.retryAfter` seconds (`Retry-After`).",
    BodyTooSlow: "Send it again, faster. The limits are [settings](settings.md).",
    TooManyBodies: "Send large bodies one after the other, or again after `extensions.retryAfter` seconds.",
    TooManySubscriptions: "End some first, or cover more with one: a filter takes several conditions. Or try again"
    " after `extensions.retryAfter` seconds (`Retry-After`).",
    TooManyConnectionsOfCaller: "End some first: one WebSocket carries many operations. Or connect again after"
    " `extensions.retryAfter` seconds (`Retry-After`).",
    TooManyPending: "Connect again, and send `connection_init` at once.",
    TooManyConnections: "Connect again after `extensions.retryAfter` seconds (`Retry-After`).",
    ReplicaBehind: "Try again after `extensions.retryAfter` seconds, or ask the primary.",
    StatementTimeout: "Narrow the filter or the range. A mutation may have been carried out: check, or send it"
    " again with `expectedVersion` or the record's id, which make a retry safe.",
    DamagedBody: "Send the whole body again, undamaged: records with an id are recognised.",
    ClientTooSilent: "Send again from the `line` on. The limit is a [setting](settings.md).",
    Unavailable: "Send the same request again after `extensions.retryAfter` seconds (`Retry-After`), where it is a"
    " mutation as after TIMEOUT.",
    OutcomeUnknown: "A commit was sent and not answered. Read what is stored, or send the same again where a record's"
    " id, `expectedVersion` or `idempotencyKey` makes that safe.",
    DatabaseAway: "Send again from the `line` on, later.",
    InternalError: "Search the server's log for the id, and report the error.",
}
"""Advice for every error of a request or of one of its fields."""

INVALID, NOT_FOUND, CONFLICT = UserErrorCode.INVALID, UserErrorCode.NOT_FOUND, UserErrorCode.CONFLICT
DUPLICATE, LIMIT = UserErrorCode.DUPLICATE, UserErrorCode.LIMIT

MUTATION_CODES: dict[str, tuple[UserErrorCode, ...]] = {
    "overrideAssessment": (INVALID, NOT_FOUND, CONFLICT),
    "updateSession": (INVALID, NOT_FOUND, CONFLICT),
    "updateSessions": (INVALID, LIMIT),
    "recordSession": (INVALID, CONFLICT),
    "recordSessions": (INVALID, CONFLICT, LIMIT),
    "requestSessionExport": (INVALID, DUPLICATE, LIMIT),
    "cancelSessionExport": (INVALID, NOT_FOUND),
    "retrySessionExport": (INVALID, NOT_FOUND, LIMIT),
    "revokeSessionExportLink": (INVALID, NOT_FOUND),
    "saveView": (INVALID, NOT_FOUND, DUPLICATE, LIMIT),
    "deleteView": (INVALID, NOT_FOUND),
    "retryInletDelivery": (INVALID, NOT_FOUND),
    "createAgent": (INVALID, DUPLICATE),
    "updateAgent": (INVALID, NOT_FOUND),
    "updateAccount": (INVALID, LIMIT),
}
"""The codes that the `errors` of each mutation's payload can have."""

Row = Sequence[str]

_MARKED = re.compile(r"(?<=<!-- table: )([a-z-]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def rewrite(page: str) -> str:
    """Return the page with its tables generated anew. Raises KeyError for an unknown table."""
    return _MARKED.sub(lambda mark: f"{mark[1]}{mark[2]}\n{print_table(mark[1])}\n", page)


def print_table(name: str) -> str:
    """Return the table in Markdown."""
    header, *rows = TABLES[name]()
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(_escape, line))} |\n" for line in lines)


def main(folder: Path) -> None:
    """Rewrite the tables of the pages in a folder."""
    for path in sorted(folder.glob("*.md")):
        path.write_text(rewrite(path.read_text("utf-8")), "utf-8")


def _escape(cell: str) -> str:
    return cell.replace("|", r"\|").replace("\n", " ")


def _settings() -> Iterator[Row]:
    yield "variable", "default", "meaning"
    for name, field in Settings.model_fields.items():
        yield f"`{PREFIX}{name.upper()}`", _default(field.default), str(field.description)


def _default(value: Any) -> str:
    if value is None or value == ():
        return "–"
    assert not isinstance(value, SecretStr), "a secret has no default"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _session_columns() -> Iterator[Row]:
    yield ("column", *ROLES, "in an export")
    for column in COLUMNS.values():
        yield (f"`{column.field}`", *_marks(column.roles), column.header or "–")


def _fields_of(type_name: str, heading: str) -> Callable[[], Iterator[Row]]:
    def rows() -> Iterator[Row]:
        yield heading, *ROLES
        for name, roles in LIMITED_FIELDS[type_name].items():
            yield f"`{name}`", *_marks(roles)

    return rows


def _mutations() -> Iterator[Row]:
    yield "mutation", *ROLES
    for name, roles in MUTATIONS.items():
        yield f"`{name}`", *_marks(roles)


def _marks(roles: Iterable[Role]) -> list[str]:
    return ["yes" if role in roles else "–" for role in ROLES]


def _request_errors() -> Iterator[Row]:
    yield "code", "HTTP status", "what it means", "what to do"
    for error, advice in WHAT_TO_DO.items():
        yield f"`{error.code}`", str(error.status), _meaning(error), advice


def _meaning(error: type[RequestError]) -> str:
    return " ".join((error.__doc__ or "").split())


def _user_errors() -> Iterator[Row]:
    yield "code", "what it means"
    for value in UserErrorCode.__strawberry_definition__.values:  # type: ignore[attr-defined]
        yield f"`{value.name}`", value.description


def _mutation_errors() -> Iterator[Row]:
    yield ("mutation", *(f"`{code}`" for code in UserErrorCode))
    for name, codes in MUTATION_CODES.items():
        yield (f"`{name}`", *("yes" if code in codes else "–" for code in UserErrorCode))


TABLES: dict[str, Callable[[], Iterator[Row]]] = {
    "settings": _settings,
    "session-columns": _session_columns,
    "agent-fields": _fields_of("Agent", "field"),
    "dashboard-metrics": _fields_of("Dashboard", "metric"),
    "account-fields": _fields_of("Account", "field"),
    "filter-options": _fields_of("FilterOptions", "list"),
    "queries": _fields_of("Query", "query"),
    "edits": _fields_of("SessionPatch", "field of a patch"),
    "mutations": _mutations,
    "request-errors": _request_errors,
    "user-errors": _user_errors,
    "mutation-errors": _mutation_errors,
}
"""The tables by the name in a page's mark."""

if __name__ == "__main__":
    main(Path(sys.argv[1]))
