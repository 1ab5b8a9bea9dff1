"""The cases: a request for the product, and one for each peer that can do the same work, in its own schema.

A peer gets the account and the agent by id and checks no key; its result includes what that saves.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bench.dataset import END, RARE_NAME, Dataset
from session_graph.sessions.columns import COLUMNS

SMALL = ("id", "startedAt", "contactName", "isLead", "leadValue", "asr")
WIDE = (
    *("id", "startedAt", "endedAt", "updatedAt", "durationSeconds", "channel", "sessionType", "integration"),
    *("externalId", "contactName", "phone", "email", "summary", "leadValue", "asr", "conversionRate", "recognition"),
    *("sessionLength", "autoAssessment", "humanAssessment", "assessment", "conversationQuality", "workingHours"),
    *("comment", "units", "isLead", "isOpportunity", "isTest", "isTodo", "utms"),
)
METRICS = ("totalSessionCount", "totalLeadCount", "totalOpportunityValue", "totalAsr", "leadSuccessScore")
POINT = ("totalSessionCount", "totalAsr")

AGENT = "agent-07"
BUSY_AGENT = "agent-01"
TO = END
FROM = END - timedelta(days=30)
DIGITS = "4831"
NAME_PART = RARE_NAME[:6].lower()
FAR_PAGE = 2000
PAGE = 50
EXTERNAL_IDS = 50

PRODUCT, LIMIT, KEYED = "product", "limit", "limit + key"
OBVIOUS, POSTGRAPHILE, MERCURIUS = "Strawberry + Tortoise", "PostGraphile", "Mercurius + JIT"
FRESH = "Fresh0"
"""A name of an operation; each request replaces it with a new one."""


@dataclass(frozen=True, slots=True)
class Request:
    """A GraphQL request as it is sent."""

    query: str
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """The same work as a request for each server; `notes` say why a server has none."""

    name: str
    title: str
    requests: Mapping[str, Request]
    notes: Mapping[str, str] = field(default_factory=dict)
    is_fresh: bool = False
    is_ordered: bool = True


def column_of(field_name: str) -> str:
    """Return the column of a field: `startedAt` → `started_at`."""
    (name,) = [column.name for column in COLUMNS.values() if column.field == field_name]
    return name


def external_ids(rows: int) -> list[str]:
    """Return External IDs that are spread over the year; each has three sessions."""
    most = max(rows // 3, 1)
    return [f"CRM-{number * (most // (EXTERNAL_IDS + 1))}" for number in range(1, EXTERNAL_IDS + 1)]


def list_cases(data: Dataset, cursors: Mapping[str, str]) -> list[Case]:
    """Return all cases; `cursors` has the far page's cursor for each server."""
    return [
        _page(data, "small", f"small page, {PAGE} × {len(SMALL)}", SMALL, PAGE),
        _page(data, "wide", f"wide page, 100 × {len(WIDE)}", WIDE, 100),
        _connection(data),
        _unusual(data),
        _search(data, "search digits", f"search by four digits, {PAGE} × {len(SMALL)}", DIGITS, "phone"),
        _search(data, "search name", f"search by a part of a name, {PAGE} × {len(SMALL)}", NAME_PART, "contact"),
        _external(data),
        _dashboard("dashboard agent", "dashboard, 30 days of the busiest agent", BUSY_AGENT, "ASSESSMENT"),
        _dashboard("dashboard account", "dashboard, 30 days of the account", None, "AGENT"),
        _far(data, cursors),
        _fresh(data),
    ]


def instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _fields(names: Sequence[str]) -> str:
    return " ".join(names)


def _of_postgraphile(selection: str) -> str:
    """Read the column `id` as `rowId`: PostGraphile gives nodes ids of its own."""
    return re.sub(r"\bid\b", "id: rowId", selection)


def _for_all(
    product: Request,
    obvious: Request,
    postgraphile: Request,
    mercurius: Request,
) -> dict[str, Request]:
    return {PRODUCT: product, LIMIT: product, OBVIOUS: obvious, POSTGRAPHILE: postgraphile, MERCURIUS: mercurius}


def _page(data: Dataset, name: str, title: str, fields: Sequence[str], size: int, operation: str = "Page") -> Case:
    account, nodes = str(data.viewer.account.id), f"nodes {{ {_fields(fields)} }}"
    product = Request(f"query {operation}($first: Int!) {{ sessions(first: $first) {{ {nodes} }} }}", {"first": size})
    values = {"account": account, "first": size}
    requests = _for_all(
        product,
        Request(
            f"query {operation}($account: UUID!, $first: Int!)"
            f" {{ sessions(accountId: $account, first: $first) {{ {_fields(fields)} }} }}",
            values,
        ),
        Request(
            f"query {operation}($account: UUID!, $first: Int!) {{ allSessions(first: $first,"
            " condition: {accountId: $account}, orderBy: [STARTED_AT_DESC, ROW_ID_DESC])"
            f" {{ {_of_postgraphile(nodes)} }} }}",
            values,
        ),
        Request(
            f"query {operation}($account: ID!, $first: Int!)"
            f" {{ sessions(accountId: $account, first: $first) {{ {nodes} }} }}",
            values,
        ),
    )
    if name in ("small", "wide"):
        requests[KEYED] = product
    return Case(name, title, requests)


def _connection(data: Dataset) -> Case:
    inner = f"edges {{ cursor node {{ {_fields(WIDE)} }} }} pageInfo {{ hasNextPage endCursor }} totalCount"
    return Case(
        "connection",
        f"wide connection, 100 × {len(WIDE)}, of an agent's 30 days: cursors and totalCount",
        _filtered(data, inner, {"first": 100}),
    )


def _unusual(data: Dataset) -> Case:
    requests = _filtered(
        data,
        f"nodes {{ {_fields(SMALL)} durationSeconds }}",
        {"first": PAGE},
        product="anyOf: [{isTodo: true}, {conversationQuality: {from: 1, to: 2}}], not: {channels: [SMS]}",
        obvious="todoOrPoor: true, notChannel: SMS",
        postgraphile='channel: {notEqualTo: "SMS"}, or: [{isTodo: {equalTo: true}},'
        " {conversationQuality: {greaterThanOrEqualTo: 1, lessThanOrEqualTo: 2}}]",
        mercurius='todoOrPoor: true, notChannel: "SMS"',
        order="DURATION",
    )
    return Case("unusual", f"unusual filter and sort, {PAGE} × {len(SMALL) + 1}", requests)


def _filtered(
    data: Dataset,
    inner: str,
    variables: Mapping[str, Any],
    *,
    product: str = "",
    obvious: str = "",
    postgraphile: str = "",
    mercurius: str = "",
    order: str = "STARTED_AT",
) -> dict[str, Request]:
    """Return requests for a page of an agent's 30 days, with further conditions in each server's schema."""
    span = {"from": instant(FROM), "to": instant(TO), **variables}
    by_id = {**span, "account": str(data.viewer.account.id), "agent": str(data.agents[AGENT])}
    own = "$from: DateTime!, $to: DateTime!, $first: Int!"
    stored = {"STARTED_AT": "STARTED_AT", "DURATION": "DURATION_SECONDS"}[order]
    return _for_all(
        Request(
            f"query Page({own}, $agent: String!) {{ sessions(first: $first, orderBy: {{field: {order}}},"
            f" filter: {{agents: [$agent], from: $from, to: $to, {product}}}) {{ {inner} }} }}",
            {**span, "agent": AGENT},
        ),
        Request(
            f"query Page({own}, $account: UUID!, $agent: UUID!) {{ sessionPage(accountId: $account, first: $first,"
            f" orderBy: {order}, filter: {{agentId: $agent, from: $from, to: $to, {obvious}}}) {{ {inner} }} }}",
            by_id,
        ),
        Request(
            "query Page($from: Datetime!, $to: Datetime!, $first: Int!, $account: UUID!, $agent: UUID!)"
            f" {{ allSessions(first: $first, orderBy: [{stored}_DESC, ROW_ID_DESC],"
            " filter: {accountId: {equalTo: $account}, agentId: {equalTo: $agent},"
            " startedAt: {greaterThanOrEqualTo: $from, lessThan: $to},"
            f" {postgraphile}}}) {{ {_of_postgraphile(inner)} }} }}",
            by_id,
        ),
        Request(
            f"query Page({own}, $account: ID!, $agent: ID!) {{ sessions(accountId: $account, first: $first,"
            f" orderBy: {order}_DESC, filter: {{agentId: $agent, from: $from, to: $to, {mercurius}}}) {{ {inner} }} }}",
            by_id,
        ),
    )


def _search(data: Dataset, name: str, title: str, text: str, column: str) -> Case:
    nodes = f"nodes {{ {_fields(SMALL)} phone }}"
    values = {"account": str(data.viewer.account.id), "first": PAGE, "text": text}
    stored = {"phone": "phoneSearch", "contact": "contactFolded"}[column]
    operation = f"Search{column.capitalize()}"
    return Case(
        name,
        title,
        _for_all(
            Request(
                f"query {operation}($first: Int!, $text: String!)"
                f" {{ sessions(first: $first, filter: {{search: $text}}) {{ {nodes} }} }}",
                {"first": PAGE, "text": text},
            ),
            Request(
                f"query {operation}($account: UUID!, $first: Int!, $text: String!) {{ sessionPage(accountId: $account,"
                f" first: $first, filter: {{{column}: $text}}) {{ {nodes} }} }}",
                values,
            ),
            Request(
                f"query {operation}($account: UUID!, $first: Int!, $text: String!) {{ allSessions(first: $first,"
                " orderBy: [STARTED_AT_DESC, ROW_ID_DESC], filter: {accountId: {equalTo: $account},"
                f" {stored}: {{includes: $text}}}}) {{ {_of_postgraphile(nodes)} }} }}",
                values,
            ),
            Request(
                f"query {operation}($account: ID!, $first: Int!, $text: String!) {{ sessions(accountId: $account,"
                f" first: $first, filter: {{{column}: $text}}) {{ {nodes} }} }}",
                values,
            ),
        ),
    )


def _external(data: Dataset) -> Case:
    fields = f"{_fields(SMALL)} externalId"
    own = {"ids": external_ids(data.rows)}
    values = {**own, "account": str(data.viewer.account.id)}
    return Case(
        "external IDs",
        f"{EXTERNAL_IDS} External IDs at once, three sessions each",
        _for_all(
            Request(
                "query Page($ids: [String!]!) { sessionsByExternalId(externalIds: $ids)"
                f" {{ externalId sessions {{ {fields} }} }} }}",
                own,
            ),
            Request(
                "query Page($account: UUID!, $ids: [String!]!)"
                f" {{ sessionsByExternalId(accountId: $account, externalIds: $ids) {{ {fields} }} }}",
                values,
            ),
            Request(
                "query Page($account: UUID!, $ids: [String!]!) { allSessions(filter: {accountId: {equalTo: $account},"
                f" externalId: {{in: $ids}}}}) {{ nodes {{ {_of_postgraphile(fields)} }} }} }}",
                values,
            ),
            Request(
                "query Page($account: ID!, $ids: [String!]!)"
                f" {{ sessionsByExternalId(accountId: $account, externalIds: $ids) {{ {fields} }} }}",
                values,
            ),
        ),
        is_ordered=False,
    )


def _dashboard(name: str, title: str, agent: str | None, group: str) -> Case:
    agents = f', agents: ["{agent}"]' if agent else ""
    product = Request(
        f"query Metrics($from: DateTime!, $to: DateTime!) {{ dashboard(filter: {{from: $from, to: $to{agents}}})"
        f" {{ {_fields(METRICS)} series(interval: DAY) {{ from totals {{ {_fields(POINT)} }} }}"
        f" groups(by: {group}) {{ key totals {{ {_fields(POINT)} }} }} }} }}",
        {"from": instant(FROM), "to": instant(TO)},
    )
    note = "no metrics by day and group in one request without writing that statement by hand"
    notes = dict.fromkeys((OBVIOUS, POSTGRAPHILE, MERCURIUS), note)
    return Case(name, title, {PRODUCT: product, LIMIT: product}, notes)


def _far(data: Dataset, cursors: Mapping[str, str]) -> Case:
    requests = {
        server: Request(
            "query Page($first: Int!, $after: String!) { sessions(first: $first, after: $after)"
            f" {{ nodes {{ {_fields(SMALL)} }} }} }}",
            {"first": PAGE, "after": cursors[PRODUCT]},
        )
        for server in (PRODUCT, LIMIT)
        if PRODUCT in cursors
    }
    if POSTGRAPHILE in cursors:
        requests[POSTGRAPHILE] = Request(
            "query Page($account: UUID!, $first: Int!, $after: Cursor!) { allSessions(first: $first, after: $after,"
            " condition: {accountId: $account}, orderBy: [STARTED_AT_DESC, ROW_ID_DESC])"
            f" {{ nodes {{ {_of_postgraphile(_fields(SMALL))} }} }} }}",
            {"account": str(data.viewer.account.id), "first": PAGE, "after": cursors[POSTGRAPHILE]},
        )
    notes = dict.fromkeys((OBVIOUS, MERCURIUS), "pages by number only, unless cursors are written by hand")
    return Case("far", f"page {FAR_PAGE:,} by cursor, {PAGE} × {len(SMALL)}", requests, notes)


def _fresh(data: Dataset) -> Case:
    case = _page(data, "fresh", f"wide page, each request with a fresh query text, 100 × {len(WIDE)}", WIDE, 100, FRESH)
    requests = {server: request for server, request in case.requests.items() if server != LIMIT}
    return Case(case.name, case.title, requests, {LIMIT: "knows no query text"}, is_fresh=True)
