"""Agreement of answers: the same rows in the same order with the same values, however they are written."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from bench.cases import LIMIT, PRODUCT, Case
from bench.servers import Server

Row = dict[str, Any]
CURSORS = ("cursor", "endCursor")


async def compare(case: Case, servers: Mapping[str, Server]) -> dict[str, str]:
    """Return what is wrong with the answers, by server. Raises AssertionError if the product's own is empty."""
    expected = await servers[PRODUCT].ask(case.requests[PRODUCT])
    wrong = {}
    for name, request in case.requests.items():
        if name not in servers or name == PRODUCT:
            continue
        try:
            answer = await servers[name].ask(request)
        except RuntimeError as error:
            wrong[name] = str(error)
            continue
        if difference := _difference(case, expected, answer, exact=name == LIMIT):
            wrong[name] = difference
    return wrong


def _difference(case: Case, expected: Any, answer: Any, *, exact: bool) -> str:
    if exact:
        expected, answer = _without_moments(expected), _without_moments(answer)
        return "" if expected == answer else _first_difference(expected, answer)
    wanted, found = (_ordered(case, list(_rows(each))) for each in (expected, answer))
    assert wanted, f"{case.name} finds nothing"
    if [row["id"] for row in wanted] != [row["id"] for row in found]:
        return f"other rows: {len(found)} instead of {len(wanted)}"
    for one, other in zip(wanted, found, strict=True):
        for name, value in one.items():
            if name in other and _plain(value) != _plain(other[name]):
                return f"{name} of {one['id']}: {other[name]!r} instead of {value!r}"
    if case.name == "connection" and _total(expected) != _total(answer):
        return f"another total: {_total(answer)} instead of {_total(expected)}"
    return ""


def _without_moments(value: Any) -> Any:
    """Remove the time of the request from cursors."""
    if isinstance(value, list):
        return [_without_moments(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: _place(inner) if key in CURSORS else _without_moments(inner) for key, inner in value.items()}


def _place(cursor: str) -> tuple[str, str]:
    binding, _, place = cursor.split(".", 2)
    return binding, place


def _first_difference(expected: Any, answer: Any, path: str = "") -> str:
    if isinstance(expected, dict) and isinstance(answer, dict) and expected.keys() == answer.keys():
        pairs = [(f"{path}.{key}", expected[key], answer[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(answer, list) and len(expected) == len(answer):
        pairs = [(f"{path}[{i}]", one, other) for i, (one, other) in enumerate(zip(expected, answer, strict=True))]
    else:
        return f"{path}: {str(answer)[:100]} instead of {str(expected)[:100]}"
    return next((_first_difference(one, other, where) for where, one, other in pairs if one != other), "")


def _rows(value: Any) -> Iterator[Row]:
    """Yield every object with an id, in order."""
    if isinstance(value, dict):
        if "id" in value:
            yield value
        else:
            for inner in value.values():
                yield from _rows(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _rows(inner)


def _ordered(case: Case, rows: list[Row]) -> list[Row]:
    return rows if case.is_ordered else sorted(rows, key=lambda row: row["id"])


def _total(data: Mapping[str, Any]) -> int:
    (connection,) = data.values()
    return int(connection["totalCount"])


def _plain(value: Any) -> Any:
    """Return instants and decimals as values that compare."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except ValueError:
        pass
    try:
        return Decimal(value)
    except InvalidOperation:
        return value
