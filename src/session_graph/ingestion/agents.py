"""Which agent a vendor means: by the agent map, else by idn, else by name; an unknown one may be created."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from session_graph.errors import AlreadyThere, InvalidInput, Problem
from session_graph.ingestion.mapping import MappedRecord
from session_graph.parsing import write_on_one_line
from session_graph.sessions.agents import check_idn, create_agent, parse_agent
from session_graph.store.models import Account, Agent

ANY = "*"
"""The entry of an agent map for every agent that it does not name."""
IDN_LIMIT = 100
NAME_LIMIT = 200

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class UnknownAgents(StrEnum):
    """What becomes of an agent that the account does not have."""

    CREATE = "create"
    REFUSE = "refuse"


@dataclass(slots=True)
class AgentDirectory:
    """Finds the agents of an account, once each; `agent_map` has the idn by the vendor's id or name."""

    account_id: UUID
    agent_map: Mapping[str, str]
    unknown: UnknownAgents
    created: list[str] = field(default_factory=list)
    _known: dict[str, bool] = field(default_factory=dict)

    async def resolve(self, records: Iterable[MappedRecord]) -> list[MappedRecord]:
        """Return each record with its agent's idn, or with a problem if it cannot be told; create agents if it may."""
        records = list(records)
        await self._look_up({name for record in records for name in self._candidates(record)})
        return [await self._with_agent(record) for record in records]

    def _candidates(self, record: MappedRecord) -> list[str]:
        """Return the idns that may be meant, the first that exists counts; a mapped one alone if there is one."""
        names = [name for name in (record.agent, record.agent_name) if name]
        mapped = [self.agent_map[name] for name in (*names, ANY) if name in self.agent_map]
        return mapped[:1] or [idn for name in names if (idn := _idn(name))]

    async def _look_up(self, idns: set[str]) -> None:
        new = [idn for idn in idns if not self._known.get(idn)]
        if not new:
            return
        found = {agent.idn for agent in await Agent.filter(account_id=self.account_id, idn__in=new).only("id", "idn")}
        self._known.update({idn: idn in found for idn in new})

    async def _with_agent(self, record: MappedRecord) -> MappedRecord:
        if record.problems:
            return record
        candidates = self._candidates(record)
        if not candidates:
            return _refuse(record, 'is not in the payload; an entry "*" of the agent map says which is meant')
        idn = next((each for each in candidates if self._known.get(each)), candidates[0])
        if not self._known.get(idn):
            if self.unknown is UnknownAgents.REFUSE:
                return _refuse(record, f'is "{idn}", which is not the idn of an agent of this account')
            await self._create(idn, record.agent_name or idn)
        return replace(record, raw={**record.raw, "agent": idn})

    async def _create(self, idn: str, name: str) -> None:
        account = await Account.get(id=self.account_id)
        shown = write_on_one_line(name, NAME_LIMIT) or idn
        definition = parse_agent({"idn": idn, "name": shown, "timeZone": account.time_zone})
        try:
            await create_agent(self.account_id, definition)
            self.created.append(idn)
        except AlreadyThere:
            pass  # another worker was first
        self._known[idn] = True


def _refuse(record: MappedRecord, message: str) -> MappedRecord:
    return replace(record, problems=(Problem(("agent",), message),))


def _idn(name: str) -> str:
    """Return the idn that the vendor's name of an agent makes: `+1 415 555 0100` → `1-415-555-0100`."""
    return name if _is_idn(name) else _UNFIT.sub("-", name).strip("-._")[:IDN_LIMIT]


def _is_idn(text: str) -> bool:
    try:
        check_idn(text)
    except ValueError:
        return False
    return True


def read_agent_map(values: object, path: str) -> dict[str, str]:
    """Return the map if it has a valid idn for each name. Raises InvalidInput with each problem."""
    if not isinstance(values, dict):
        raise InvalidInput.at("must be an object that has an agent's idn for each of the vendor's agents", [path])
    problems = [
        Problem((str(name),), "must be the idn of an agent")
        for name, idn in values.items()
        if not isinstance(idn, str) or not _is_idn(idn)
    ]
    if problems:
        raise InvalidInput(problems).in_file(path)
    return dict(values)
