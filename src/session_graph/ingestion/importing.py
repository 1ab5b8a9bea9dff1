"""Imports payloads of a vendor from a file: each becomes records by a mapping, and these amend what is known."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from session_graph.errors import InvalidInput
from session_graph.ingestion.agents import AgentDirectory
from session_graph.ingestion.mapping import ESSENTIAL, MappedRecord, Mapping, left_out
from session_graph.ingestion.payload_files import read_payloads
from session_graph.sessions.importing import Report, Tally, Warn, import_records
from session_graph.sessions.json_lines import RawRecord
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.record_batch import Notice
from session_graph.sessions.record_files import STANDARD_INPUT, Progress
from session_graph.sessions.record_reading import parse_history
from session_graph.store.database import Database


async def import_payloads(
    database: Database,
    path: Path,
    mapping: Mapping,
    agents: AgentDirectory,
    report: Report,
    progress: Progress,
    warn: Warn,
    notice: Notice,
) -> Tally:
    """Record what the payloads of the file tell of, as `import_sessions` does; the numbers are those of the payloads.

    A payload that says no time counts as received when the file was last written.
    """
    payloads = _Payloads(path, mapping, agents)
    records = payloads.read(progress)
    tally = await import_records(database, agents.account_id, records, parse_mapped, report, warn, notice)
    tally.ignored = payloads.ignored
    return tally


def parse_mapped(mapped: object) -> SessionRecord:
    """Return the session record of a mapped one, with the warnings of both readings.

    A field that is wrong and not essential is left out. Raises InvalidInput if an essential one is wrong.
    """
    assert isinstance(mapped, MappedRecord)
    try:
        record = parse_history(mapped.raw)
    except InvalidInput as error:
        wrong = {str(problem.path[0]): problem.message for problem in error.problems if problem.path}
        if not wrong or ESSENTIAL & wrong.keys():
            raise
        record = parse_history({name: value for name, value in mapped.raw.items() if name not in wrong})
        record.warn(*(left_out(name, message) for name, message in wrong.items()))
    record.warn(*mapped.warnings)
    return record


class _Payloads:
    def __init__(self, path: Path, mapping: Mapping, agents: AgentDirectory) -> None:
        self._path = path
        self._mapping = mapping
        self._agents = agents
        is_input = path == STANDARD_INPUT
        self._received = datetime.now(UTC) if is_input else datetime.fromtimestamp(path.stat().st_mtime, UTC)
        self.ignored = 0

    async def read(self, progress: Progress) -> AsyncIterator[RawRecord]:
        """Yield the records of each payload, with its number."""
        for payload in read_payloads(self._path, progress, self._mapping):
            for record in await self._expand(payload):
                yield record

    async def _expand(self, payload: RawRecord) -> list[RawRecord]:
        if payload.problems:
            return [payload]
        mapped = self._mapping.apply(payload.raw, self._received)
        if mapped.problems:
            return [RawRecord(payload.number, payload.size, problems=mapped.problems)]
        self.ignored += mapped.is_ignored
        records = await self._agents.resolve(await mapped.records())
        return [RawRecord(payload.number, payload.size // len(records), each, each.problems) for each in records]
