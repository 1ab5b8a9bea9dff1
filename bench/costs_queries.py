"""The queries of `bench.costs`: a case for each weight, and random ones."""

import json
import random

from graphql import GraphQLInterfaceType, GraphQLObjectType, get_introspection_query, get_named_type

from session_graph.engine.internals import graphql_schema
from session_graph.schema.schema import build_schema
from session_graph.sessions.metrics import METRICS

_SCHEMA = graphql_schema(build_schema())
_SESSION = _SCHEMA.type_map["Session"]
assert isinstance(_SESSION, GraphQLObjectType)
PLAIN = " ".join(n for n, f in _SESSION.fields.items() if not isinstance(get_named_type(f.type), GraphQLObjectType))
FIGURES = " ".join(metric.field for metric in METRICS.values())
SPAN = 'filter: {from: "2026-10-10T00:00:00Z", to: "2026-11-20T00:00:00Z"}'


def _page(below: str, arguments: str = "first: 200") -> str:
    return f"{{ sessions({arguments}) {{ nodes {{ {below} }} }} }}"


def _count(filter_: str) -> str:
    return f"{{ sessions(first: 1, filter: {{{filter_}}}) {{ totalCount }} }}"


def _order(field: str) -> str:
    return _page("id", f"first: 200, orderBy: {{field: {field}}}")


def _dashboard(below: str, arguments: str = "") -> str:
    return f"{{ dashboard{f'({arguments})' if arguments else ''} {{ {below} }} }}"


def _texts(start: str, count: int) -> str:
    return json.dumps([f"{start}{number}" for number in range(count)])


_TOTALS = f"totals {{ {FIGURES} }}"
CASES: dict[str, str] = {
    "page of 200, id": _page("id"),
    "page of 200, all columns": _page(PLAIN),
    "page of 50, transcripts": _page("id transcript { text }", "first: 50"),
    "page of 200, history": _page("id history { by before after }"),
    "page of 200, offsets": _page("id utcOffset"),
    "edges": "{ sessions(first: 200) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage } } }",
    "agents": _page("id agent { idn name }"),
    "count, everything": "{ sessions(first: 1) { totalCount } }",
    "count, not": _count("not: {isLead: true}"),
    "count, channels and assessments": _count("channels: [VOICE, CHAT], assessments: [YES_A]"),
    "count, search of a part of a name": _count('search: "guest12"'),
    "count, search of digits": _count('search: "2345"'),
    "count, not search": _count('not: {search: "guest12"}'),
    "count, UTMs": _count('utms: [{key: "utm_source", value: "ads"}]'),
    "count, not a thousand texts": _count(f"not: {{sessionTypes: {_texts('0' * 470, 400)}}}"),
    "page, search of nothing": _page("id", 'first: 50, filter: {search: "zzzzqq"}'),
    "page, metadata of nothing": _page("id", 'first: 50, filter: {metadata: [{key: "x"}]}'),
    "page, contact of nobody": _page("id", 'first: 50, filter: {contact: "+12345678900"}'),
    **{f"order by {name}": _order(name) for name in ("CONTACT", "SESSION_TYPE", "DURATION", "ENDED_AT", "EXTERNAL_ID")},
    **{f"order by {name}": _order(name) for name in ("ASR", "UPDATED_AT", "CONVERSATION_QUALITY", "AUTO_ASSESSMENT")},
    **{
        f"options, {name}": f"{{ viewer {{ account {{ filterOptions {{ {name} }} }} }} }}"
        for name in ("sessionTypes", "integrations", "tags", "utmKeys")
    },
    "dashboard, one figure": _dashboard("totalAsr"),
    "dashboard, all figures": _dashboard(FIGURES),
    "dashboard, previous": _dashboard(f"previous {{ {FIGURES} }}", SPAN),
    "dashboard, weeks": _dashboard(f"series(interval: WEEK) {{ from {_TOTALS} }}"),
    "dashboard, hours of 41 days": _dashboard(f"series(interval: HOUR) {{ from to {_TOTALS} }}", SPAN),
    "dashboard, a group": _dashboard(f"groups(by: AGENT) {{ key {_TOTALS} }}"),
    "dashboard, two groups": _dashboard(
        f"a: groups(by: AGENT) {{ key {_TOTALS} }} b: groups(by: CHANNEL) {{ key {_TOTALS} }}"
    ),
    "each agent's page": f"{{ agents {{ sessions(first: 20) {{ nodes {{ {PLAIN} }} }} }} }}",
    "each agent's ids": "{ agents { sessions(first: 200) { nodes { id } } } }",
    "each agent's dashboard": f"{{ agents {{ dashboard {{ {FIGURES} }} }} }}",
    "two levels of ids": _page("agent { sessions(first: 200) { nodes { id } } }"),
    "introspection": get_introspection_query(),
}

_CONDITIONS = [
    'search: "guest12"',
    'search: "2345"',
    'not: {search: "q"}',
    "isLead: true",
    "channels: [VOICE]",
    'anyOf: [{search: "zz"}, {utms: [{key: "utm_source", value: "x"}]}]',
    'from: "2026-10-10T00:00:00Z", to: "2026-11-20T00:00:00Z"',
    "period: LAST_30_DAYS",
    'metadata: [{key: "x"}]',
]

_INTERVALS = ["HOUR", "DAY", "WEEK", "MONTH"]
_GROUPS = ["AGENT", "CHANNEL", "SESSION_TYPE", "ASSESSMENT", "WORKING_HOURS"]


def grow() -> str:
    """Return a random query: up to four root fields of the same kind, each with a random selection below it."""
    roots = ["sessions", "sessions", "agents", "agents", "dashboard", "viewer", "sessionsByExternalId", "timeZones"]
    name = random.choice(roots)  # noqa: S311
    depth = random.randint(2, 6)  # noqa: S311
    field = _field("Query", name, depth)
    return "{ " + " ".join(f"a{number}: {field}" for number in range(random.choice([1, 1, 1, 2, 3, 8]))) + " }"  # noqa: S311


def _field(type_name: str, name: str, depth: int) -> str:
    type_ = _SCHEMA.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    below = get_named_type(type_.fields[name].type)
    text = name + _arguments(name)
    if isinstance(below, GraphQLObjectType | GraphQLInterfaceType):
        return f"{text} {{ {_selection(below.name, depth - 1)} }}"
    return text


def _selection(type_name: str, depth: int) -> str:
    type_ = _SCHEMA.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    objects = [n for n, f in type_.fields.items() if isinstance(get_named_type(f.type), GraphQLObjectType)]
    plain = [name for name in type_.fields if name not in objects]
    size = random.choice([1, 2, len(plain), len(plain)])  # noqa: S311
    chosen = random.sample(plain, min(size, len(plain)))
    if objects and depth > 0:
        chosen += random.sample(objects, random.randint(1, min(2, len(objects))))  # noqa: S311
    if not chosen:
        chosen = objects[:1]
    return " ".join(_field(type_name, name, depth) for name in chosen)


def _arguments(name: str) -> str:
    def maybe(text: str, share: float = 0.5) -> list[str]:
        return [text] if random.random() < share else []  # noqa: S311

    filter_ = f"filter: {{{random.choice(_CONDITIONS)}}}"  # noqa: S311
    parts: list[str] = []
    match name:
        case "sessions":
            parts = [f"first: {random.choice([20, 50, 100])}", *maybe(filter_, 0.3)]  # noqa: S311
        case "dashboard":
            parts = maybe(filter_, 0.7)
        case "series":
            parts = [f"interval: {random.choice(_INTERVALS)}"]  # noqa: S311
        case "groups":
            parts = [f"by: {random.choice(_GROUPS)}"]  # noqa: S311
        case "sessionsByExternalId":
            parts = [f"externalIds: {_texts('CRM-', 100)}"]
    return f"({', '.join(parts)})" if parts else ""
