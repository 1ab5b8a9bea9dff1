"""The schema as it is printed: committed, described, and what was promised to those who call the API."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)
from graphql.language import parse, print_ast
from graphql.utilities import build_ast_schema

from session_graph.ingestion.deliveries import Outcome
from session_graph.schema import schema as ours
from session_graph.sessions.warnings import WarningCode

PROJECT = Path(__file__).parents[2]
NOT_BUILT: set[str] = set()
"""Of the sketch; the test fails as soon as they are there, so that this does not outlive its truth."""
DASHBOARDS = ("Dashboard", "DashboardTotals")
DEVIATIONS: dict[str, Any] = {
    "SessionExport.timeZone": "String!",
    "SessionExport.bytes": "BigInt",
    "Dashboard.series": "[DashboardPoint!]",
    "Dashboard.groups": "[DashboardSlice!]",
    **{f"{name}.{count}": "Int" for name in DASHBOARDS for count in ("totalLeadCount", "totalOpportunityCount")},
    **{
        f"{name}.{amount}": "Decimal"
        for name in DASHBOARDS
        for amount in ("totalLeadValue", "totalOpportunityValue", "totalAdditionalDealCount")
    },
    "RecordResult.id": None,
    "Mutation.recordSession": "RecordSessionPayload",
    "Mutation.recordSessions(input:)": ("RecordSessionsInput!", ""),
    "Mutation.cancelSessionExport(id:)": None,
    "Mutation.retrySessionExport(id:)": None,
    "RecordSessionInput.endedAt": ("DateTime", ""),
    **{f"RecordSessionInput.{name}": ("Boolean", "") for name in ("intentToBuy", "refused", "unavailable", "isTodo")},
    "TurnInput.text": ("String", ""),
    "SessionEvent.sessionId": "ID",
}
"""From the sketch: a report always has a zone, or "local" where each session is in its agent's; a report may pass
2 GiB; an id of another type than Session breaks caches; a recorded session has warnings, which an edit has not; a
mutation takes one input object; a part of a dashboard that fails leaves the others; a duration may stand instead of the
end, and a tool may say nothing; an amendment has to tell a flag that is left out from false; the figures of few
sessions are null for a role that may not read the columns behind them; a checkpoint has no session."""

ANATOMY = ("source", "sourceId", "direction", "endReason", "language", "recordingUrl", "agentContact", "metadata")
DELIVERIES = ("first", "after", "sources", "outcomes")
DELIVERY = (
    *("id", "source", "receivedAt", "outcome", "attempts", "finishedAt", "sessionIds", "problems", "warnings"),
    *("payload", "payloadBytes"),
)
VIEW = ("id", "name", "owner", "isOwn", "isShared", "filter", "orderBy", "columns")
ADDED = {
    *(f"{name}.{field}" for name in ("Session", "RecordSessionInput") for field in ANATOMY),
    *(f"RecordSessionInput.{name}" for name in ("durationSeconds", "whenKnown", "asOf")),
    *(
        f"SessionFilter.{name}"
        for name in ("sources", "sourceIds", "directions", "endReasons", "languages", "metadata")
    ),
    *("MetadataFilter", "MetadataFilter is one of", "MetadataFilter.key", "MetadataFilter.value"),
    *("CallDirection", "CallDirection.INBOUND", "CallDirection.OUTBOUND"),
    *("WhenKnown", "WhenKnown.CONFLICT", "WhenKnown.AMEND", "RecordStatus.AMENDED"),
    *("Query.sessionBySource", "Query.sessionBySource(source:)", "Query.sessionBySource(sourceId:)"),
    *("Speaker.HUMAN", "Speaker.TOOL", "Turn.name", "TurnInput.name"),
    *("RecordSessionsPayload.amendedCount", "SessionChange.kind"),
    *("SessionChangeKind", *(f"SessionChangeKind.{kind}" for kind in ("SET", "FOLLOWED", "AMENDED"))),
    *("Viewer.editableFields", "Viewer.readableFigures", "Viewer.readableAccountFields"),
    *("Dashboard.previousFrom", "Dashboard.previousTo"),
    *("Account.country", "Agent.country", "CreateAgentInput.country", "UpdateAgentInput.country"),
    *("UpdateAccountInput.country", "RecordResult.warnings", "RecordSessionPayload", "RecordWarning", "WarningCode"),
    *(f"RecordSessionPayload.{name}" for name in ("session", "warnings", "errors")),
    *(f"RecordWarning.{name}" for name in ("code", "message", "path")),
    *(f"WarningCode.{code}" for code in WarningCode),
    *("Session.utcOffset", "Query.timeZoneNames", "Query.timeZones", "Query.timeZones(names:)"),
    *("TimeZone", "TimeZone.name", "TimeZone.offsets"),
    *("ZoneOffset", "ZoneOffset.from", "ZoneOffset.seconds", "ZoneOffset.abbreviation"),
    *("Query.sessionEvents", *(f"Query.sessionEvents({name}:)" for name in ("after", "first", "filter"))),
    *("SessionEventPage", *(f"SessionEventPage.{name}" for name in ("events", "endCursor", "hasNextPage"))),
    "SessionEventKind.CHECKPOINT",
    *("Query.nodes", "Query.nodes(ids:)", "SessionFilter.ids", "SessionFilter.contact"),
    *("SessionFilter.reviewedBy", "SessionFilter.reviewedFrom", "SessionFilter.reviewedTo"),
    *("BigInt", "RecordResult.sessionId", "RecordSessionsInput", "RecordSessionsInput.records"),
    *("RecordSessionsInput is one of", "Mutation.cancelSessionExport(input:)", "Mutation.retrySessionExport(input:)"),
    *("CancelSessionExportInput", "CancelSessionExportInput.id", "CancelSessionExportInput is one of"),
    *("RetrySessionExportInput", "RetrySessionExportInput.id", "RetrySessionExportInput is one of"),
    *("Mutation.revokeSessionExportLink", "Mutation.revokeSessionExportLink(input:)"),
    *("RevokeSessionExportLinkInput", "RevokeSessionExportLinkInput is one of", "Delivery.linkExpiresAt"),
    *("RevokeSessionExportLinkInput.id", "RevokeSessionExportLinkInput.recipient", "UserError.retryAfter"),
    *("JSON", "Query.savedViews", "SavedView", "SavedView: Node", *(f"SavedView.{name}" for name in VIEW)),
    *("Mutation.saveView", "Mutation.saveView(input:)", "SaveViewInput", "SaveViewInput is one of"),
    *(f"SaveViewInput.{name}" for name in VIEW if name not in ("owner", "isOwn")),
    *("Mutation.deleteView", "Mutation.deleteView(input:)", "DeleteViewInput", "DeleteViewInput is one of"),
    *("DeleteViewInput.id", "SavedViewPayload", "SavedViewPayload.view", "SavedViewPayload.errors"),
    *("DeletePayload", "DeletePayload.deletedId", "DeletePayload.errors"),
    *("Query.inletDeliveries", *(f"Query.inletDeliveries({name}:)" for name in DELIVERIES)),
    *("InletDelivery", "InletDelivery: Node", *(f"InletDelivery.{name}" for name in DELIVERY)),
    *("InletDeliveryConnection", *(f"InletDeliveryConnection.{name}" for name in ("edges", "nodes", "pageInfo"))),
    *("InletDeliveryEdge", "InletDeliveryEdge.cursor", "InletDeliveryEdge.node"),
    *("InletOutcome", *(f"InletOutcome.{outcome}" for outcome in Outcome)),
    *("InletProblem", "InletProblem.message", "InletProblem.path"),
    *("Mutation.retryInletDelivery", "Mutation.retryInletDelivery(input:)", "RetryInletDeliveryInput"),
    *("RetryInletDeliveryInput.id", "RetryInletDeliveryInput is one of", "InletDeliveryPayload"),
    *("InletDeliveryPayload.delivery", "InletDeliveryPayload.errors"),
}
"""Of the next interface, or for clients that show local times, and already built."""

ROOT_FIELD = re.compile(r"(Query|Mutation)\.\w+")
"""Nullable, other than in the sketch: a root field that fails leaves the data of the others."""

Told = tuple[str, Any]
"""A name such as `Query.sessions(first:)`, and what is said of it."""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """As callers read it."""
    return build_schema(ours.print_sdl(ours.build_schema()))


@pytest.fixture(scope="module")
def sketch(shared: Path) -> GraphQLSchema:
    """The interface as it was promised. Skipped where the folder beside the project is missing."""
    return build_ast_schema(parse((shared / "interface.graphql").read_text("utf-8")))


def types_of(schema: GraphQLSchema) -> dict[str, GraphQLNamedType]:
    return {
        name: type_
        for name, type_ in schema.type_map.items()
        if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
    }


def tell(type_: GraphQLNamedType) -> Iterator[Told]:
    """What the type promises: kinds, fields, arguments, values; with their types and defaults."""
    yield type_.name, type(type_).__name__
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        yield from ((f"{type_.name}: {interface.name}", True) for interface in type_.interfaces)
        for name, field in type_.fields.items():
            yield f"{type_.name}.{name}", str(field.type)
            yield from ((f"{type_.name}.{name}({a}:)", told_of(its)) for a, its in field.args.items())
    if isinstance(type_, GraphQLInputObjectType):
        yield f"{type_.name} is one of", type_.is_one_of
        yield from ((f"{type_.name}.{name}", told_of(its)) for name, its in type_.fields.items())
    if isinstance(type_, GraphQLEnumType):
        yield from ((f"{type_.name}.{name}", True) for name in type_.values)


def told_of(argument: Any) -> tuple[str, str]:
    """Type and default; a default of null is none, as a null argument is an argument left out."""
    default = argument.default
    literal = "null" if default is None else print_ast(default.literal) if default.literal else repr(default.value)
    return str(argument.type), "" if literal in ("null", "None") else literal.strip("'").lower()


def all_told(types: dict[str, GraphQLNamedType]) -> dict[str, Any]:
    return {name: told for type_ in types.values() for name, told in tell(type_)}


def described(type_: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    yield type_.name, type_.description
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in type_.fields.items():
            yield f"{type_.name}.{name}", field.description
            yield from ((f"{type_.name}.{name}({a}:)", its.description) for a, its in field.args.items())
    if isinstance(type_, GraphQLInputObjectType):
        yield from ((f"{type_.name}.{name}", its.description) for name, its in type_.fields.items())
    if isinstance(type_, GraphQLEnumType):
        yield from ((f"{type_.name}.{name}", value.description) for name, value in type_.values.items())


def test_the_committed_schema_is_the_printed_one() -> None:
    committed = (PROJECT / "schema.graphql").read_text("utf-8")

    assert committed == ours.print_sdl(ours.build_schema()), "run `make schema`"


def test_the_printed_schema_is_the_whole_schema(schema: GraphQLSchema) -> None:
    served = types_of(ours.build_schema()._schema)

    assert all_told(types_of(schema)).keys() == all_told(served).keys()


def test_the_command_prints_the_schema() -> None:
    command = [sys.executable, "-m", "session_graph.cli.main", "schema"]

    done = subprocess.run(command, capture_output=True, cwd=PROJECT / "src", check=True, text=True, encoding="utf-8")

    assert done.stdout == ours.print_sdl(ours.build_schema())
    assert done.stderr == ""


def test_everything_is_described_in_a_sentence(schema: GraphQLSchema) -> None:
    found = dict(pair for type_ in types_of(schema).values() for pair in described(type_))

    assert len(found) > 500
    assert [name for name, text in found.items() if not text] == []
    odd = {name: text for name, text in found.items() if text and (text[-1] not in ".)" or text != text.strip())}
    assert odd == {}
    assert [name for name, text in found.items() if text and ("\n" in text or "  " in text)] == []


def test_no_type_of_the_schema_is_out_of_reach(schema: GraphQLSchema) -> None:
    """Nothing is in the schema that cannot be asked for."""
    reached, open_ = set(), ["Query", "Mutation", "Subscription"]
    while open_:
        name = open_.pop()
        if name in reached or name not in schema.type_map:
            continue
        reached.add(name)
        type_ = schema.type_map[name]
        told = [text for _, text in tell(type_) if not isinstance(text, bool)]
        open_ += [(text if isinstance(text, str) else text[0]).strip("[]!") for text in told]
        if isinstance(type_, GraphQLInterfaceType):
            open_ += [possible.name for possible in schema.get_possible_types(type_)]

    assert types_of(schema).keys() - reached == set()


def test_the_interface_is_the_one_that_was_promised(schema: GraphQLSchema, sketch: GraphQLSchema) -> None:
    built = all_told(types_of(schema))
    promised = all_told({name: type_ for name, type_ in types_of(sketch).items() if name not in NOT_BUILT})

    roots = {name: told.removesuffix("!") for name, told in promised.items() if ROOT_FIELD.fullmatch(name)}

    changed = {name: built.get(name) for name, told in (promised | roots).items() if built.get(name) != told}
    assert changed == DEVIATIONS


def test_every_root_field_is_nullable(schema: GraphQLSchema) -> None:
    roots = {name: told for name, told in all_told(types_of(schema)).items() if ROOT_FIELD.fullmatch(name)}

    assert [name for name, told in roots.items() if told.endswith("!") and name != "Query.nodes"] == []


def test_every_mutation_takes_one_input_object(schema: GraphQLSchema) -> None:
    mutation = schema.mutation_type
    assert mutation

    for field in mutation.fields.values():
        ((name, argument),) = field.args.items()
        assert name == "input"
        assert isinstance(argument.type, GraphQLNonNull)
        assert isinstance(argument.type.of_type, GraphQLInputObjectType)


def test_scalars_name_their_specification(schema: GraphQLSchema) -> None:
    scalars = [type_ for type_ in types_of(schema).values() if isinstance(type_, GraphQLScalarType)]

    assert {type_.name for type_ in scalars if not type_.specified_by_url} == {"WorkingHours"}


def test_what_is_more_than_was_promised_is_known(schema: GraphQLSchema, sketch: GraphQLSchema) -> None:
    more = all_told(types_of(schema)).keys() - all_told(types_of(sketch)).keys()

    assert {name for name in more if not name.startswith("SessionColumn.")} == ADDED


def test_what_is_not_built_is_not_there(schema: GraphQLSchema, sketch: GraphQLSchema) -> None:
    assert types_of(sketch).keys() >= NOT_BUILT
    assert NOT_BUILT & schema.type_map.keys() == set()


def test_every_column_has_a_value_of_its_own(schema: GraphQLSchema) -> None:
    session, column = schema.type_map["Session"], schema.type_map["SessionColumn"]
    assert isinstance(session, GraphQLObjectType)
    assert isinstance(column, GraphQLEnumType)

    codes = {"".join(f"_{c}" if c.isupper() else c for c in name).upper() for name in session.fields}
    assert set(column.values) == codes


def test_errors_suggest_similar_names() -> None:
    assert not ours.build_schema().config.disable_field_suggestions
