"""No text anywhere in the schema's arguments may be too long or have control characters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import pytest
from graphql import GraphQLInputObjectType, GraphQLInputType, GraphQLList, GraphQLObjectType, get_nullable_type

from support.schema import SCHEMA
from support.wrong_input import RECORD, TURN, Admin, Json, assert_clear, put_session

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_is_written")]


def long_text(length: int = 100_000) -> str:
    return "x" * length


MINIMAL: dict[str, Json] = {
    "CreateAgentInput": {"idn": "new", "name": "New", "timeZone": "UTC"},
    "MetadataFilter": {"key": "crm"},
    "OverrideAssessmentInput": {"sessionId": "@session", "humanAssessment": "NO"},
    "RecordSessionInput": RECORD,
    "TurnInput": TURN,
    "UpdateAgentInput": {"idn": "bistro"},
    "UpdateSessionInput": {"sessionId": "@session", "patch": {}},
    "UpdateSessionsInput": {"target": {"ids": ["@session"]}, "patch": {}},
    "UtmFilter": {"key": "utm_source", "value": "ads"},
}
"""The required fields of each input object that has some, so that one text is the only thing wrong with it."""

OTHERS = {
    ("sessionsByExternalId", "integration"): 'externalIds: ["e1"], ',
    ("sessionBySource", "source"): 'sourceId: "1", ',
    ("sessionBySource", "sourceId"): 'source: "retell", ',
}
"""The required arguments beside the one that is tried."""

Path = tuple[str | int, ...]

TEXTS: dict[str, Sequence[Path]] = {
    **dict.fromkeys(("String", "ID", "Decimal", "DateTime"), ((),)),
    "StringMap": [("utm_source",)],
    "WorkingHours": [("MON", 0, 0)],
}
"""Paths to the texts within a value of each scalar."""


def find_texts(type_: GraphQLInputType, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield the path to each text within a value of this type; a type within itself is not entered again."""
    nullable = get_nullable_type(type_)
    if isinstance(nullable, GraphQLList):
        yield from ((0, *path) for path in find_texts(nullable.of_type, above))
    elif isinstance(nullable, GraphQLInputObjectType):
        if nullable.name not in above:
            for name, field in nullable.fields.items():
                yield from ((name, *path) for path in find_texts(field.type, (*above, nullable.name)))
    else:
        yield from TEXTS.get(str(nullable), ())


def build(type_: GraphQLInputType, path: Path, text: str) -> Json:
    """Return the smallest value of the type with the text at the path."""
    if not path:
        return text
    first, *rest = path
    nullable = get_nullable_type(type_)
    if isinstance(nullable, GraphQLInputObjectType):
        assert isinstance(first, str)
        value = {} if nullable.is_one_of else dict(MINIMAL.get(nullable.name, {}))
        return value | {first: build(nullable.fields[first].type, tuple(rest), text)}
    if isinstance(nullable, GraphQLList):
        return [build(nullable.of_type, tuple(rest), text)]
    inner = build(type_, tuple(rest), text)
    return {first: inner} if isinstance(first, str) else [inner]


@dataclass(frozen=True, slots=True)
class Place:
    """A text in an argument of a field."""

    type_name: str
    field: str
    argument: str
    path: Path

    def __str__(self) -> str:
        return ".".join(map(str, (self.type_name, self.field, self.argument, *self.path)))

    @property
    def type(self) -> GraphQLInputType:
        owner = SCHEMA.type_map[self.type_name]
        assert isinstance(owner, GraphQLObjectType)
        type_: GraphQLInputType = owner.fields[self.field].args[self.argument].type
        return type_

    @property
    def query(self) -> str:
        others = OTHERS.get((self.field, self.argument), "")
        call = f"{self.field}({others}{self.argument}: $v) {{ __typename }}"
        if self.type_name == "Mutation":
            call = call.replace("__typename", "errors { code message path }")
        kind = {"Mutation": "mutation", "Agent": "query"}.get(self.type_name, "query")
        return f"{kind}($v: {self.type}) {{ {f'agents {{ {call} }}' if self.type_name == 'Agent' else call} }}"


def find_places() -> Iterator[Place]:
    for name in ("Query", "Agent", "Mutation"):
        owner = SCHEMA.type_map[name]
        assert isinstance(owner, GraphQLObjectType)
        for field, definition in owner.fields.items():
            for argument, its in definition.args.items():
                yield from (Place(name, field, argument, path) for path in find_texts(its.type))


PLACES = list(find_places())


def takes_anything(place: Place, text: str) -> bool:
    """Return whether a text is repaired or unknown there instead of wrong.

    A record is taken with a warning, unless its identity would be wrong; what is compared with stored texts matches
    none, unless an empty text or too long a search is wrong.
    """
    last = [name for name in (place.field, place.argument, *place.path) if isinstance(name, str)][-1]
    if place.field in ("recordSession", "recordSessions"):
        return last in REPAIRED or (last in IDENTIFIERS and "x" not in text)
    return last in COMPARED or (last == "search" and "x" not in text)


REPAIRED = {
    *("sessionType", "integration", "connector", "contactName", "phone", "email", "otherContact", "summary"),
    *("actualResult", "expectedResult", "utm_source", "tags", "text", "name", "endReason", "language", "recordingUrl"),
    "agentContact",
}
IDENTIFIERS = {"externalId", "source", "sourceId"}
COMPARED = {
    *("sessionTypes", "integrations", "connectors", "externalIds", "tags", "key", "value", "integration", "idn"),
    *("contact", "reviewedBy", "sources", "sourceIds", "endReasons", "languages", "source", "sourceId"),
}


TEXTS_TO_TRY = {"long": long_text(), "NUL": "a\x00b", "control": "a\x1bb\x9f"}
WRONG, UNKNOWN = [], []
for _place, (_name, _text) in product(PLACES, TEXTS_TO_TRY.items()):
    if not takes_anything(_place, _text):
        WRONG.append(pytest.param(_place, _text, id=f"{_name}-{_place}"))
    elif _place.type_name in ("Query", "Agent"):
        UNKNOWN.append(pytest.param(_place, _text, id=f"{_name}-{_place}"))


@pytest.mark.parametrize(("place_", "text"), UNKNOWN)
async def test_what_no_session_has_matches_nothing(admin: Admin, place_: Place, text: str) -> None:
    answer = await admin.ask(place_.query, v=put_session(build(place_.type, place_.path, text), admin))

    assert (answer.status, answer.errors) == (200, [])


@pytest.mark.parametrize(("place_", "text"), WRONG)
async def test_no_text_is_taken_that_is_too_long_or_cannot_be_printed(admin: Admin, place_: Place, text: str) -> None:
    answer = await admin.ask(place_.query, v=put_session(build(place_.type, place_.path, text), admin))

    assert answer.status in (200, 400)
    payload = (answer.body.get("data") or {}).get(place_.field, {})
    errors = [*answer.errors, *(payload or {}).get("errors", ())]
    assert errors
    for error in errors:
        assert_clear(error["message"])
        assert error.get("extensions", error)["code"] in ("BAD_USER_INPUT", "CURSOR_INVALID", "INVALID", "NOT_FOUND")


def test_every_text_of_the_schema_is_tried() -> None:
    """`find_places` finds new arguments by itself; these are a sample of those of today."""
    names = {str(place_) for place_ in PLACES}

    assert len(names) == len(PLACES) > 150
    assert {
        "Query.session.id",
        "Query.sessions.after",
        "Query.dashboard.timeZone",
        "Query.sessions.filter.utms.0.key",
        "Agent.sessions.before",
        "Mutation.updateSessions.input.target.filter.search",
        "Mutation.recordSessions.input.records.0.utms.utm_source",
        "Mutation.createAgent.input.workingHours.MON.0.0",
    } <= names
