"""The keys of a mapping's file, and what each of them may hold."""

from collections.abc import Mapping
from enum import Enum, auto
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from session_graph.errors import InvalidInput, Problem
from session_graph.ingestion.expressions import Expression, compile_expression
from session_graph.ingestion.signatures import SCHEMES
from session_graph.sessions.record import SessionRecord


class Kind(Enum):
    """How the value of an expression is written into a record."""

    TEXT = auto()
    NUMBER = auto()
    SECONDS = auto()
    FLAG = auto()
    JSON = auto()
    ANY = auto()


_LEFT_TO_US = frozenset({"id", "source", "agent", "transcript", "whenKnown"})
_TURN = frozenset({"speaker", "name", "text", "at"})
_AGENT = frozenset({"id", "name"})


@cache
def _kinds() -> dict[str, Kind]:
    properties = SessionRecord.model_json_schema()["properties"]
    return {name: _kind(name, schema) for name, schema in properties.items() if name not in _LEFT_TO_US}


def _kind(name: str, schema: Mapping[str, Any]) -> Kind:
    if name == "durationSeconds":
        return Kind.SECONDS
    if name in ("leadValue", "units"):
        return Kind.NUMBER
    types = {each.get("type") for each in (schema, *schema.get("anyOf", ()))} - {None, "null"}
    if types == {"boolean"}:
        return Kind.FLAG
    return Kind.TEXT if types == {"string"} or not types else Kind.ANY


KINDS = _kinds()
"""The fields of a record that a mapping may fill."""

Text = Annotated[str, Field(strict=True, min_length=1)]
Expressions = dict[str, Text]


class MappingFile(BaseModel):
    """A mapping's file. The tables `record`, `agent` and `turn` have an expression for each field."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    source: Annotated[str, Field(strict=True, min_length=1, max_length=100)]
    signature: Text | None = None
    format: Literal["json", "form"] = "json"
    ignore: Text | None = None
    records: Text = "[@]"
    record: Expressions
    agent: Expressions = {}
    transcript: Text | None = None
    turn: Expressions = {}
    lookup: dict[Text, dict[Text, str | bool | int]] = {}


def read_mapping_file(values: Mapping[str, Any]) -> tuple[MappingFile, dict[str, Expression]]:
    """Return the file and its expressions by key. Raises InvalidInput with all problems, each with its key."""
    try:
        file = MappingFile.model_validate(values)
    except ValidationError as error:
        problems = [Problem(tuple(each["loc"]), _message(each["type"], each["msg"])) for each in error.errors()]
        raise InvalidInput(problems) from None
    problems = [*_unknown_keys(file), *_missing_keys(file)]
    expressions = {}
    for key, text in _texts(file).items():
        try:
            expressions[key] = compile_expression(text, file.lookup)
        except ValueError as error:
            problems.append(Problem(tuple(key.split(".")), str(error)))
    if problems:
        raise InvalidInput(problems)
    return file, expressions


def _texts(file: MappingFile) -> dict[str, str]:
    single = {key: getattr(file, key) for key in ("ignore", "records", "transcript")}
    tables = {
        f"{table}.{key}": text for table in ("record", "agent", "turn") for key, text in getattr(file, table).items()
    }
    return {key: text for key, text in {**single, **tables}.items() if text}


def _unknown_keys(file: MappingFile) -> list[Problem]:
    known = {"record": KINDS.keys(), "agent": _AGENT, "turn": _TURN}
    return [
        Problem((table, key), f"is not one of {', '.join(sorted(names))}")
        for table, names in known.items()
        for key in getattr(file, table)
        if key not in names
    ]


def _missing_keys(file: MappingFile) -> list[Problem]:
    needed = [("record", key) for key in ("sourceId", "channel", "startedAt") if key not in file.record]
    if not {"endedAt", "durationSeconds"} & file.record.keys():
        needed.append(("record", "endedAt"))
    if file.transcript:
        needed += [("turn", key) for key in ("speaker", "text") if key not in file.turn]
    problems = [Problem(path, "is missing") for path in needed]
    if file.signature and file.signature not in SCHEMES:
        problems.append(Problem(("signature",), f"is not one of {', '.join(sorted(SCHEMES))}"))
    return problems


def _message(kind: str, message: str) -> str:
    match kind:
        case "extra_forbidden":
            return "is not a key of a mapping"
        case "missing":
            return "is missing"
    return f"is wrong: {message[0].lower()}{message[1:]}"
