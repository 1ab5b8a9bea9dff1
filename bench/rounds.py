"""All cells in turns: a round measures every server with a case before the next case, in alternating order."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from bench.agreement import compare
from bench.cases import Case
from bench.load import Load, Measurement, measure
from bench.servers import Server

DECISIVE = ("small", "wide", "connection", "far")
"""Cases that have bars; the last of several rounds leaves out the others."""


@dataclass(slots=True)
class Cell:
    """A case with a server: the measurement of each round, or a note why there is none."""

    rounds: list[Measurement] = field(default_factory=list)
    note: str = ""

    @property
    def per_second(self) -> float | None:
        return statistics.median(m.per_second for m in self.rounds) if self.rounds else None

    def summary(self) -> dict[str, object]:
        if not self.rounds:
            return {"note": self.note}
        rounds = [asdict(m) for m in self.rounds]
        found: dict[str, object] = {}
        for name in rounds[0]:
            values = [r[name] for r in rounds if r[name] is not None]
            found[name] = round(statistics.median(values), 4) if values else None
        return found | {"rounds": [round(m.per_second, 1) for m in self.rounds]}


Table = dict[str, dict[str, Cell]]
"""Cells by case and server name."""


async def fill_table(
    cases: Sequence[Case], servers: Mapping[str, Server], rounds: int, load: Load, database: int | None
) -> Table:
    """Measure all cells, except those in which a server's answer differs from the product's."""
    table: Table = {case.name: {name: Cell(note=case.notes.get(name, "")) for name in servers} for case in cases}
    for case in cases:
        for name, wrong in (await compare(case, servers)).items():
            table[case.name][name].note = wrong
            print(f"  {case.name}, {name}: not measured: {wrong}", flush=True)
    for number in range(rounds):
        for case in cases:
            if case.name not in DECISIVE and 1 < rounds == number + 1:
                continue
            names = [name for name in servers if name in case.requests and not table[case.name][name].note]
            for name in names[:: -1 if number % 2 else 1]:
                cell = table[case.name][name]
                try:
                    found = await measure(servers[name], case.requests[name], case.is_fresh, load, database)
                except RuntimeError as error:
                    cell.note = str(error)
                    continue
                cell.rounds.append(found)
                print(f"  {number + 1}/{rounds} {case.name:18} {name:22} {found.per_second:9.1f}/s", flush=True)
    return table
