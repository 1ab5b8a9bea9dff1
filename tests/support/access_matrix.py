"""Which role may read and do what: `docs/access.md` a second time.

Nothing here is taken from the source's own tables, on purpose: so neither can be wrong alone. A field that is new in
the schema belongs here, too, before the tests that read this pass again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from graphql import GraphQLObjectType

from session_graph.access.viewer import Role
from session_graph.store.models import Account
from support.api import Answer, Caller
from support.schema import SCHEMA
from support.statements import Statements

BUILDER, ADMIN, PORTAL, PARTNER, RECORDER = Role.BUILDER, Role.ADMIN, Role.PORTAL, Role.PARTNER, Role.RECORDER
ROLES = (BUILDER, ADMIN, PORTAL, PARTNER, RECORDER)


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SESSION = words(
    """
    isArchived sessionType isLead isOpportunity asr isTest isTodo contact contactInformation summary leadValue
    conversionRate recognition sessionLength autoAssessment humanAssessment conversationQuality workingHours comment
    units integration externalId actualResult expectedResult id utms
    startedAt endedAt durationSeconds channel connector agent contactName phone email isDone tags version updatedAt
    source sourceId direction endReason language recordingUrl agentContact metadata
    assessment utcOffset asrFactors transcript history
    """
)
AGENT = words(
    """
    id idn name country industry timeZone workingHours redirection conversionRatio recognition averageLeadValue unitName
    unitValue testContacts shortUnderSeconds longFromSeconds
    """
)
METRICS = words(
    """
    totalSessionCount totalLeadCount totalLeadValue totalOpportunityCount totalOpportunityValue
    totalAdditionalDealCount totalAsr opportunitySuccessScore conversationSuccessScore leadSuccessScore
    """
)
OPTIONS = words("sessionTypes integrations connectors tags utmKeys")
PARTNERS_FIGURES = words(
    """
    totalSessionCount totalLeadCount totalLeadValue totalOpportunityCount totalOpportunityValue leadSuccessScore
    """
)
NOTHING: frozenset[str] = frozenset()
RECIPIENTS = words("exportRecipients")
QUERIES = words("inletDeliveries")

READABLE: dict[str, dict[Role, frozenset[str]]] = {
    "Session": {
        BUILDER: SESSION,
        ADMIN: SESSION,
        PORTAL: words(
            """
            startedAt endedAt durationSeconds isDone isTodo sessionType summary asr tags comment conversationQuality
            channel contact id version updatedAt isTest isArchived agent transcript utcOffset
            """
        ),
        PARTNER: SESSION - words("asr asrFactors conversionRate recognition conversationQuality comment tags history"),
        RECORDER: words("id version"),
    },
    # A role that reads agents at all reads their id, by which `node` finds them.
    "Agent": {
        BUILDER: AGENT,
        ADMIN: AGENT,
        PORTAL: words("id idn name timeZone workingHours"),
        PARTNER: words("id idn name timeZone"),
        RECORDER: NOTHING,
    },
    "Dashboard": {
        BUILDER: METRICS,
        ADMIN: METRICS,
        PORTAL: METRICS,
        PARTNER: PARTNERS_FIGURES,
        RECORDER: NOTHING,
    },
    "Account": {
        BUILDER: RECIPIENTS,
        ADMIN: RECIPIENTS,
        PORTAL: NOTHING,
        PARTNER: NOTHING,
        RECORDER: NOTHING,
    },
    "FilterOptions": {
        BUILDER: OPTIONS,
        ADMIN: OPTIONS,
        PORTAL: words("sessionTypes tags"),
        PARTNER: OPTIONS - words("tags"),
        RECORDER: NOTHING,
    },
    "Query": {
        BUILDER: NOTHING,
        ADMIN: QUERIES,
        PORTAL: NOTHING,
        PARTNER: NOTHING,
        RECORDER: NOTHING,
    },
}
READABLE["DashboardTotals"] = READABLE["Dashboard"]

LIMITED = {
    "Session": SESSION,
    "Agent": AGENT,
    "Dashboard": METRICS,
    "Account": RECIPIENTS,
    "FilterOptions": OPTIONS,
    "Query": QUERIES,
}
UNLIMITED = {
    "Session": NOTHING,
    "Agent": words("sessions dashboard"),
    "Dashboard": words("currency timeZone series groups previous previousFrom previousTo"),
    "Account": words("id name currency timeZone country filterOptions"),
    "FilterOptions": NOTHING,
    "Query": words(
        """
        viewer node nodes agents agent session sessionBySource sessions sessionsByExternalId sessionEvents exports
        export dashboard savedViews timeZones timeZoneNames
        """
    ),
}
"""Fields that any role may select, because each field selected below them is checked by itself."""

FILTERS: dict[str, tuple[str, frozenset[str]]] = {
    "search": ('"Ana"', NOTHING),
    "contact": ('"+1 415 555 0134"', words("phone email")),
    "isLead": ("true", words("isLead")),
    "isOpportunity": ("true", words("isOpportunity")),
    "isTest": ("false", words("isTest")),
    "isTodo": ("true", words("isTodo")),
    "isDone": ("true", words("isDone")),
    "isArchived": ("false", words("isArchived")),
    "isReviewed": ("true", words("humanAssessment")),
    "ids": ('["018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"]', words("id")),
    "reviewedBy": ('["Ana"]', words("humanAssessment history")),
    "reviewedFrom": ('"2026-01-01T00:00:00Z"', words("humanAssessment history")),
    "reviewedTo": ('"2030-01-01T00:00:00Z"', words("humanAssessment history")),
    "workingHours": ("true", words("workingHours")),
    "autoAssessments": ("[YES_A]", words("autoAssessment")),
    "humanAssessments": ("[NO]", words("humanAssessment")),
    "assessments": ("[YES_A, NO]", words("assessment")),
    "channels": ("[VOICE]", words("channel")),
    "sessionLengths": ("[SHORT]", words("sessionLength")),
    "sessionTypes": ('["order"]', words("sessionType")),
    "agents": ('["bistro"]', words("agent")),
    "integrations": ('["crm"]', words("integration")),
    "connectors": ('["main"]', words("connector")),
    "externalIds": ('["e1"]', words("externalId")),
    "hasExternalId": ("true", words("externalId")),
    "tags": ('["vip"]', words("tags")),
    "utms": ('[{key: "utm_source", value: "ads"}]', words("utms")),
    "sources": ('["retell"]', words("source")),
    "sourceIds": ('["call_1"]', words("sourceId")),
    "directions": ("[INBOUND]", words("direction")),
    "endReasons": ('["user_hangup"]', words("endReason")),
    "languages": ('["en-US"]', words("language")),
    "metadata": ('[{key: "crm"}]', words("metadata")),
    "period": ("LAST_7_DAYS", words("startedAt")),
    "from": ('"2026-01-01T00:00:00Z"', words("startedAt")),
    "to": ('"2027-01-01T00:00:00Z"', words("startedAt")),
    "updatedFrom": ('"2026-01-01T00:00:00Z"', words("updatedAt")),
    "updatedTo": ('"2030-01-01T00:00:00Z"', words("updatedAt")),
    "leadValue": ('{from: "1.00"}', words("leadValue")),
    "asr": ("{to: 100}", words("asr")),
    "conversationQuality": ("{from: 4}", words("conversationQuality")),
}
"""For each condition a literal value, and the fields of Session that the condition reads."""

ORDERS = {
    "STARTED_AT": "startedAt",
    "ENDED_AT": "endedAt",
    "UPDATED_AT": "updatedAt",
    "DURATION": "durationSeconds",
    "CONTACT": "contact",
    "SESSION_TYPE": "sessionType",
    "LEAD_VALUE": "leadValue",
    "ASR": "asr",
    "CONVERSATION_QUALITY": "conversationQuality",
    "AUTO_ASSESSMENT": "autoAssessment",
    "HUMAN_ASSESSMENT": "humanAssessment",
    "EXTERNAL_ID": "externalId",
}
GROUPS = {
    "CHANNEL": "channel",
    "SESSION_TYPE": "sessionType",
    "WORKING_HOURS": "workingHours",
    "AGENT": "agent",
    "INTEGRATION": "integration",
    "ASSESSMENT": "assessment",
    "SESSION_LENGTH": "sessionLength",
}

PATCH = {
    "isArchived": "true",
    "isLead": "true",
    "isOpportunity": "true",
    "isTest": "true",
    "isTodo": "true",
    "isDone": "true",
    "conversationQuality": "4",
    "comment": '"Called back."',
    "addTags": '["vip"]',
    "removeTags": '["old"]',
    "humanAssessment": "YES_A",
    "externalId": '"e2"',
}
EDITABLE = {
    BUILDER: frozenset(PATCH),
    ADMIN: frozenset(PATCH),
    PORTAL: words("isDone isTodo comment conversationQuality"),
    PARTNER: words("externalId"),
}

RECORD = '{agent: "bistro", channel: SMS, startedAt: "2026-11-16T15:00:00Z", endedAt: "2026-11-16T15:01:00Z"}'
ALL_BUT_RECORDER = frozenset({BUILDER, ADMIN, PORTAL, PARTNER})
MUTATIONS: dict[str, tuple[frozenset[Role], str]] = {
    "overrideAssessment": (frozenset({BUILDER, ADMIN}), 'input: {sessionId: "@session", humanAssessment: NO}'),
    "updateSession": (frozenset(EDITABLE), 'input: {sessionId: "@session", patch: {}}'),
    "updateSessions": (frozenset(EDITABLE), 'input: {target: {ids: ["@session"]}, patch: {}}'),
    "recordSession": (frozenset({ADMIN, RECORDER}), f"input: {RECORD}"),
    "recordSessions": (frozenset({ADMIN, RECORDER}), f"input: {{records: [{RECORD}]}}"),
    "createAgent": (frozenset({ADMIN}), 'input: {idn: "@new", name: "New", timeZone: "UTC"}'),
    "updateAgent": (frozenset({ADMIN}), 'input: {idn: "bistro", name: "Renamed"}'),
    "updateAccount": (frozenset({ADMIN}), 'input: {name: "Renamed"}'),
    "requestSessionExport": (ALL_BUT_RECORDER, "input: {recipients: []}"),
    "cancelSessionExport": (ALL_BUT_RECORDER, 'input: {id: "@session"}'),
    "retrySessionExport": (ALL_BUT_RECORDER, 'input: {id: "@session"}'),
    "revokeSessionExportLink": (ALL_BUT_RECORDER, 'input: {id: "@session", recipient: "ana@example.com"}'),
    "saveView": (ALL_BUT_RECORDER, 'input: {name: "All", columns: []}'),
    "retryInletDelivery": (frozenset({ADMIN}), 'input: {id: "@session"}'),
    "deleteView": (ALL_BUT_RECORDER, 'input: {id: "@session"}'),
}
"""For each mutation the roles that may call it, and arguments to call it with."""


def code_of(field: str) -> str:
    """Return the value of the enum SessionColumn for a field of Session."""
    return re.sub(r"(?=[A-Z])", "_", field).upper()


def literals(names: Iterable[str]) -> str:
    return "{" + ", ".join(f"{name}: {FILTERS[name][0]}" for name in sorted(names)) + "}"


def refused_of(role: Role, type_name: str, fields: Iterable[str]) -> set[str]:
    """Return those of the fields that the role may not read, as the error names them."""
    return {f"{type_name}.{field}" for field in fields if field not in READABLE[type_name][role]}


@dataclass(frozen=True, slots=True)
class Callers:
    """An account with an agent and a session, and a caller of every role."""

    account: Account
    by_role: Mapping[Role, Caller]
    names: Mapping[str, str]

    async def ask(self, role: Role, query: str, **variables: Any) -> Answer:
        for token, value in {**self.names, "@new": f"n{uuid4().hex}"}.items():
            query = query.replace(token, value)
        return await self.by_role[role](query, **variables)


def assert_refused(answer: Answer, role: Role, fields: set[str], statements: Statements) -> None:
    """Check for one error that names each of these fields; no statement ran but the lookup of the key."""
    assert answer.status == 403
    assert answer.body.keys() == {"errors"}
    assert answer.code == "FORBIDDEN_FIELD"
    assert answer.errors[0]["extensions"]["fields"] == sorted(fields)
    assert role in answer.errors[0]["message"]
    assert min(fields) in answer.errors[0]["message"]
    assert [statement for statement in statements if "api_key" not in statement] == []


def select(type_name: str, fields: Iterable[str], *, aliased: bool = False) -> str:
    """Return a selection of the fields; below a field of an object type it selects `__typename`."""
    found = SCHEMA.type_map[type_name]
    assert isinstance(found, GraphQLObjectType)
    parts = []
    for index, name in enumerate(sorted(fields)):
        kind = str(found.fields[name].type).strip("[]!")
        below = " { __typename }" if isinstance(SCHEMA.type_map[kind], GraphQLObjectType) else ""
        parts.append((f"a{index}: " if aliased else "") + name + below)
    return " ".join(["__typename", *parts])
