"""The requests of `bench.faults.loop`: large, deep and legal ones, each by the name of what it attacks."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

MEGABYTE = 1024 * 1024
LARGEST = 16 * MEGABYTE - 1024

FILTER = "query ($f: SessionFilter) { sessions(filter: $f, first: 1) { totalCount } }"
TINY = "{ viewer { role } }"
RECORD = "mutation ($i: RecordSessionsInput!) { recordSessions(input: $i) { recordedCount errors { message } } }"
UPDATE = """
mutation ($i: [ID!]) { updateSessions(input: {target: {ids: $i}, patch: {isTodo: true}}) { errors { message } } }
"""
FEED = "subscription ($f: SessionFilter, $a: String) { sessionEvents(filter: $f, after: $a) { kind } }"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attack:
    """One request: `make` returns its body, which is written to a file before anything is measured."""

    role: str
    transport: str
    make: Callable[[], bytes]
    headers: tuple[str, ...] = ()


def request(query: str, variables: object) -> bytes:
    return json.dumps({"query": query, "variables": variables}).encode()


def many(query: str, before: str, entry: str, after: str, size: int = LARGEST) -> bytes:
    """Return a request whose variables have as many entries as fit."""
    envelope = f'{{"query":{json.dumps(query)},"variables":{before}%s{after}}}'
    room = size - len(envelope)
    return (envelope % ",".join([entry] * (room // (len(entry) + 1)))).encode()


def filtered(entry: str, size: int = LARGEST, field: str = "anyOf") -> Callable[[], bytes]:
    return lambda: many(FILTER, f'{{"f":{{"{field}":[', entry, "]}}", size)


def unread(value: Callable[[], str]) -> Callable[[], bytes]:
    """Return a tiny query with a member that nobody reads."""
    return lambda: f'{{"query":{json.dumps(TINY)},"junk":{value()}}}'.encode()


def make_record(**more: object) -> Json:
    times = {"startedAt": "2026-11-16T15:00:00Z", "endedAt": "2026-11-16T15:02:00Z"}
    return {"id": str(uuid4()), "agent": "desk", "channel": "VOICE", **times, **more}


def turns(count: int, text: str) -> list[Json]:
    return [{"speaker": "USER", "text": text}] * count


def batch(count: int, **more: object) -> Callable[[], bytes]:
    return lambda: request(RECORD, {"i": {"records": [make_record(**more) for _ in range(count)]}})


def lines(count: int, **more: object) -> Callable[[], bytes]:
    return lambda: b"".join(json.dumps(make_record(**more)).encode() + b"\n" for _ in range(count))


def one_line(before: str, entry: str, after: str) -> Callable[[], bytes]:
    def make() -> bytes:
        count = (LARGEST - 2000) // (len(entry) + 1)
        record = json.dumps(make_record())[:-1]
        return f"{record},{before}{','.join([entry] * count)}{after}}}\n".encode()

    return make


def keys(count: int, width: int = 0) -> str:
    return "{" + ",".join(f'"{number:0{width}}":0' for number in range(count)) + "}"


def nested(depth: int) -> Json:
    value: Json = {"isTodo": True}
    for _ in range(depth):
        value = {"not": value}
    return value


def literals(depth: int) -> str:
    return "{ sessions(filter: " + "{not: " * depth + "{isTodo: true}" + "}" * depth + ") { totalCount } }"


def attacks() -> Iterator[tuple[str, Attack]]:
    yield from _variables()
    yield from _json()
    yield from _recording()
    yield from _documents_and_answers()


def _variables() -> Iterator[tuple[str, Attack]]:
    for role in ("PORTAL", "ADMIN"):
        for size in (MEGABYTE // 20, MEGABYTE - 1024, LARGEST):
            name = f"{size / MEGABYTE:.2f} MB, {role}"
            yield f"anyOf [{{}},…] {name}", Attack(role, "http", filtered("{}", size))
            yield f"anyOf [{{isTodo}},…] {name}", Attack(role, "http", filtered('{"isTodo":true}', size))
            yield f"tags ['',…] {name}", Attack(role, "http", filtered('""', size, "tags"))
            yield f"ids [1,…] {name}", Attack(role, "http", lambda size=size: many(UPDATE, '{"i":[', "1", "]}", size))
    ids = [str(uuid4()) for _ in range(1000)]
    full = dict.fromkeys(("ids", "agents", "sessionTypes", "integrations", "connectors"), ids)
    yield "anyOf of 1000 with 19 tags", Attack("PORTAL", "http", lambda: _filter([{"tags": ["x"] * 17}] * 1000))
    yield (
        "anyOf of 1000 with 9 entries",
        Attack("PORTAL", "http", lambda: _filter([{"utms": [{"key": "k"}] * 9}] * 1000)),
    )
    yield "five lists of 1000 ids", Attack("PORTAL", "http", lambda: request(FILTER, {"f": full}))
    yield "not five lists of 1000 ids", Attack("PORTAL", "http", lambda: request(FILTER, {"f": {"not": full}}))
    yield "wrong ids", Attack("PORTAL", "http", lambda: request(FILTER, {"f": {"ids": ["x"] * 19_000}}))
    yield "wrong types", Attack("PORTAL", "http", lambda: request(FILTER, {"f": {"ids": [{}] * 19_000}}))
    yield (
        "unknown fields",
        Attack("PORTAL", "http", lambda: request(FILTER, {"f": {f"x{i}": 0 for i in range(19_000)}})),
    )
    yield "variables nobody names", Attack("PORTAL", "http", lambda: request(TINY, {f"x{i}": 0 for i in range(19_000)}))
    for depth in (3, 100, 400):
        yield (
            f"variables {depth} deep",
            Attack("PORTAL", "http", lambda depth=depth: request(FILTER, {"f": nested(depth)})),
        )
    deep = "[" * 900 + "]" * 900
    yield "900 lists in one", Attack("PORTAL", "http", lambda: many(FILTER, '{"f":{"tags":', deep, "}}", 10_000))
    for transport in ("socket", "sse"):
        yield f"anyOf [{{}},…] 0.05 MB by {transport}", Attack("PORTAL", transport, filtered("{}", MEGABYTE // 20))
        yield f"anyOf [{{}},…] 1 MB by {transport}", Attack("PORTAL", transport, filtered("{}", MEGABYTE - 1024))
        yield f"anyOf [{{}},…] 16 MB by {transport}", Attack("ADMIN", transport, filtered("{}"))
    feed = {"f": {"anyOf": [{"tags": ["x"] * 17}] * 1000}}
    yield "subscription with 19,000 values", Attack("PORTAL", "sse", lambda: request(FEED, feed))
    yield "a cursor of 900 kB", Attack("PORTAL", "sse", lambda: request(FEED, {"a": "x" * 900_000}))
    yield (
        "Last-Event-ID of 50 kB",
        Attack("PORTAL", "sse", lambda: request(FEED, {}), ("Last-Event-ID=" + "x" * 50_000,)),
    )
    yield (
        "a key of 50 kB",
        Attack("PORTAL", "http", lambda: request(TINY, {}), ("Authorization=Bearer " + "x" * 50_000,)),
    )


def _filter(filters: list[Json]) -> bytes:
    return request(FILTER, {"f": {"anyOf": filters}})


def _json() -> Iterator[tuple[str, Attack]]:
    made: dict[str, Callable[[], bytes]] = {
        "1.2 M keys": unread(lambda: keys(1_200_000)),
        "240,000 long keys": unread(lambda: keys(240_000, 60)),
        "8 M zeros": unread(lambda: "[" + "0," * 8_000_000 + "0]"),
        "290,000 objects": unread(lambda: "[" + "{}," * 290_000 + "0]"),
        "one number of 16 M digits": unread(lambda: "1" * 16_000_000),
        "16 M digits behind a point": unread(lambda: "0." + "1" * 16_000_000),
        "whole numbers of 19 digits": unread(lambda: "[" + "1111111111111111111," * 290_000 + "0]"),
        "300,000 pairs of surrogates": unread(lambda: '"' + "\\ud83d\\ude00" * 300_000 + '"'),
        "2 M lone surrogates": unread(lambda: '"' + "\\ud800" * 2_000_000 + '"'),
        "5 M escapes": unread(lambda: '"' + "\\n" * 5_000_000 + '"'),
        "two queries": unread(lambda: json.dumps(["query", 1111111111111111111] + ["query"] * 290_000)),
        "an error at the end": unread(lambda: '"' + "x" * 15_000_000 + '" nonsense'),
        "nested 1,000 deep": unread(lambda: "[" * 1000 + "]" * 1000),
        "nested 100,000 deep": unread(lambda: "[" * 100_000),
    }
    for name, make in made.items():
        yield name, Attack("ADMIN", "http", make)
        yield f"{name} by socket", Attack("ADMIN", "socket", make)


def _recording() -> Iterator[tuple[str, Attack]]:
    ligatures = "\ufdfa" * 5000
    long = "hello " * (500 // 6)
    yield "500 records of 30,000 characters", Attack("RECORDER", "http", batch(500, transcript=turns(60, long)))
    yield "500 summaries that expand", Attack("RECORDER", "http", batch(500, summary=ligatures))
    yield "500 names that expand", Attack("RECORDER", "http", batch(500, contactName="\ufdfa" * 200))
    yield (
        "160,000 records",
        Attack("RECORDER", "http", lambda: many(RECORD, '{"i":{"records":[', json.dumps(make_record()), "]}}")),
    )
    yield "150,000 turns", Attack("RECORDER", "http", batch(1, transcript=turns(150_000, "hello")))
    yield "95,000 turns", Attack("RECORDER", "http", batch(1, transcript=turns(95_000, "hello")))
    yield "500 records of 200 turns", Attack("RECORDER", "http", batch(500, transcript=turns(190, "x")))
    yield "500 records with 500 fields", Attack("RECORDER", "http", batch(500, **{f"x{i}": 0 for i in range(500)}))
    yield (
        "500 records with 90 entries",
        Attack("RECORDER", "http", batch(500, metadata={f"x{i}": "y" for i in range(500)})),
    )
    yield "lines of 30,000 characters", Attack("RECORDER", "records", lines(500, transcript=turns(60, long)))
    yield "lines with summaries that expand", Attack("RECORDER", "records", lines(500, summary=ligatures))
    yield "a line of 150,000 turns", Attack("RECORDER", "records", lines(1, transcript=turns(150_000, "hello")))
    yield "a line of 16 MB of text", Attack("RECORDER", "records", lines(1, summary="x" * 16_000_000))
    yield "a line of 16 MB of ligatures", Attack("RECORDER", "records", lambda: _line_of("\ufdfa" * 5_000_000))
    yield "a line of 8 M zeros", Attack("RECORDER", "records", one_line('"tags":[', "0", "]"))
    yield "a line of 5 M texts", Attack("RECORDER", "records", one_line('"tags":[', '""', "]"))
    yield "a line of 5 M objects", Attack("RECORDER", "records", one_line('"transcript":[', "{}", "]"))
    yield "a line of 1 M fields", Attack("RECORDER", "records", lambda: f'{{"a":{keys(1_000_000)}}}\n'.encode())
    yield "a line of lone surrogates", Attack("RECORDER", "records", lines(1, summary="\ud800" * 2_000_000))
    yield "a line of 16 M digits", Attack("RECORDER", "records", lambda: b'{"units":' + b"1" * 16_000_000 + b"}\n")
    yield "a line of 17 MB without an end", Attack("RECORDER", "records", lambda: b"x" * 17_000_000)
    yield "16 M empty lines", Attack("RECORDER", "records", lambda: b"\n" * 16_000_000)
    yield "1 M bad lines", Attack("RECORDER", "records", lambda: b"{}\n" * 1_000_000)
    yield (
        "a CSV file",
        Attack("RECORDER", "records", lambda: b"agent,channel,startedAt\n" + b"desk,VOICE,x\n" * 300_000),
    )
    yield (
        "a JSON array",
        Attack("RECORDER", "records", lambda: json.dumps([make_record() for _ in range(80_000)]).encode()),
    )


def _line_of(text: str) -> bytes:
    return json.dumps(make_record(summary=text), ensure_ascii=False).encode() + b"\n"


def _documents_and_answers() -> Iterator[tuple[str, Attack]]:
    same = "agent { sessions { nodes { id } } } " * 390
    columns = "id summary comment actualResult expectedResult contactInformation tags metadata utms"
    pages = " ".join(f"a{i}: sessions(first: 200) {{ nodes {{ {columns} }} }}" for i in range(8))
    texts = "{ sessions(first: 50) { nodes { id transcript { text } } } }"
    documents = {
        "390 equal selections": f"query Q1 {{ sessions {{ nodes {{ {same} }} }} }}",
        "19 lists of literal ids": "{"
        + " ".join(f"a{i}: sessions(filter: {{ids: [{'1 ' * 190}]}}) {{ totalCount }}" for i in range(19))
        + "}",
        "3,900 unknown fields": "{ " + " ".join(f"f{i}" for i in range(1900)) + " }",
        "eight pages of 200 with texts": f"{{ {pages} }}",
        "twenty pages of transcripts": "{" + " ".join(f"a{i}: {texts[2:-2]}" for i in range(20)) + "}",
        "eighty thousand characters of escapes": '{ agent(by: {idn: "' + "\\n" * 30_000 + '"}) { idn } }',
        "transcripts of 30,000 characters": texts,
        "1,000 wrong literals": "{ sessions(filter: {ids: [" + '"x" ' * 3000 + "]}) { totalCount } }",
        **{f"literals {depth} deep": literals(depth) for depth in (3, 60, 190, 600)},
    }
    for name, query in documents.items():
        for transport in ("http", "socket", "sse"):
            yield f"{name} by {transport}", Attack("ADMIN", transport, lambda query=query: request(query, {}))
    long = "{ viewer { role } } #" + "x" * 65_000
    yield "a document of 65 kB", Attack("PORTAL", "http", lambda: request(long, {}))
    yield "a hash of 900 kB", Attack("PORTAL", "http", lambda: _hashed("0" * 900_000))
    errors = [{"agent": "nobody"}] * 500
    yield (
        "500 records with many errors",
        Attack("RECORDER", "http", lambda: request(RECORD, {"i": {"records": errors}})),
    )
    wrong = [{**make_record(), "channel": 1, "tags": [1] * 90}] * 500
    yield "45,000 wrong values", Attack("RECORDER", "http", lambda: request(RECORD, {"i": {"records": wrong}}))


def _hashed(text: str) -> bytes:
    return json.dumps({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": text}}}).encode()
