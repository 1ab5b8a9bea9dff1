"""The results, as a Markdown table and as JSON."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import orjson

from bench.cases import KEYED, LIMIT, MERCURIUS, OBVIOUS, POSTGRAPHILE, PRODUCT, Case
from bench.load import Load
from bench.rounds import Cell, Table

PACKAGES = ("strawberry-graphql", "graphql-core", "tortoise-orm", "asyncpg", "uvicorn", "uvloop", "orjson", "starlette")


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: the product's requests per second as a multiple of another server's, at least."""

    case: str
    other: str
    least: float


BARS = (
    *(Bar(case, LIMIT, 0.85) for case in ("wide", "connection")),
    *(Bar(case, POSTGRAPHILE, 3) for case in ("wide", "connection")),
    *(Bar(case, MERCURIUS, 2) for case in ("wide", "connection")),
    *(Bar(case, OBVIOUS, 20) for case in ("wide", "connection")),
    Bar("small", LIMIT, 0.75),
    Bar("small", POSTGRAPHILE, 2.5),
)
MOST_FAR = 1.15
"""How many times as long as the first page the far page may take."""


@dataclass(frozen=True, slots=True)
class Result:
    cases: Sequence[Case]
    table: Table
    facts: dict[str, object]
    absent: dict[str, str]
    rows: int
    load: Load
    rounds: int


def read_machine() -> dict[str, object]:
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    packages: dict[str, object] = {name: version(name) for name in PACKAGES}
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu[0].split(":", 1)[1].strip() if cpu else platform.processor(),
        "cores": len(cpu),
        "python": platform.python_version(),
        **packages,
    }


def print_table(result: Result) -> str:
    """Return a Markdown table: requests per second, latency and CPU time of each case and server."""
    names = [name for name in (PRODUCT, LIMIT, KEYED, OBVIOUS, POSTGRAPHILE, MERCURIUS) if _is_used(result, name)]
    lines = [
        f"Requests a second at {result.load.connections} connections, {result.rows:,} sessions, medians of"
        f" {result.rounds} rounds; in brackets the median latency; CPU of server + PostgreSQL a request; all in ms.",
        "",
        f"| case | {' | '.join(names)} |",
        f"|---|{'---:|' * len(names)}",
    ]
    for case in result.cases:
        cells = [_print_cell(result.table[case.name].get(name)) for name in names]
        lines.append(f"| {case.title} | {' | '.join(cells)} |")
    notes = _list_notes(result)
    return "\n".join([*lines, "", *_print_bars(result), *(["", *notes] if notes else [])])


def write_json(result: Result) -> bytes:
    cells = {case: {name: cell.summary() for name, cell in row.items()} for case, row in result.table.items()}
    titles = {case.name: case.title for case in result.cases}
    whole = {
        "facts": result.facts,
        "rows": result.rows,
        "rounds": result.rounds,
        "load": asdict(result.load),
        "absent": result.absent,
        "titles": titles,
        "cells": cells,
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _is_used(result: Result, name: str) -> bool:
    return any(name in row and row[name].rounds for row in result.table.values())


def _print_cell(cell: Cell | None) -> str:
    if cell is None or not cell.rounds:
        return "–"
    found = cell.summary()
    database = found["database_cpu"]
    cpu = f"{found['server_cpu']:.2f} + {database:.2f}" if database is not None else f"{found['server_cpu']:.2f}"
    return f"{found['per_second']:,.0f} ({found['median_ms']:.1f}; {cpu})"


def _print_bars(result: Result) -> list[str]:
    lines = ["| case | beside | asked | measured | |", "|---|---|---:|---:|---|"]
    for bar in BARS:
        row = result.table.get(bar.case, {})
        own, other = (row[name].per_second if name in row else None for name in (PRODUCT, bar.other))
        if own and other:
            ratio = own / other
            verdict = "holds" if ratio >= bar.least else "FAILS"
            lines.append(f"| {bar.case} | {bar.other} | ≥ {bar.least} | {ratio:.2f} | {verdict} |")
    if {"small", "far"} <= result.table.keys():
        near, far = (result.table[name][PRODUCT].per_second for name in ("small", "far"))
        if near and far:
            ratio = near / far
            lines.append(f"| far | page 1 | ≤ {MOST_FAR} | {ratio:.2f} | {'holds' if ratio <= MOST_FAR else 'FAILS'} |")
    return lines if len(lines) > 2 else []


def _list_notes(result: Result) -> list[str]:
    notes = [f"- {name} did not run: {why}" for name, why in result.absent.items()]
    notes += [
        f"- {case}, {name}: {cell.note}"
        for case, row in result.table.items()
        for name, cell in row.items()
        if cell.note
    ]
    return notes
