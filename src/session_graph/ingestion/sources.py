"""Sources: the vendors' systems of an account, each with an inlet that its webhooks are pointed at.

The id of an inlet names the account and cannot be guessed: it is Base64 of the account's id and of 160 random bits.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from cachetools import LRUCache
from tortoise.exceptions import IntegrityError

from session_graph.errors import AlreadyThere, InvalidInput, NotFound, Problem
from session_graph.ingestion.agents import AgentDirectory, UnknownAgents
from session_graph.ingestion.mapping import Mapping, parse_mapping, shipped_names, shipped_text
from session_graph.ingestion.signatures import check_secret
from session_graph.parsing import at_path, check_name
from session_graph.store import inlet_models
from session_graph.store.database import Database, Row

PATH = "/inlets"
TOKEN_BYTES = 20
INLET_LENGTH = 48
"""Of the id: 36 bytes in Base64."""

_COLUMNS = "s.account_id, s.id, s.name, s.token, s.mapping, s.mapping_text, s.agent_map, s.unknown_agents, s.secret"
_FIND_BY_TOKEN = f"select {_COLUMNS} from source s where s.account_id = $1 and s.token = $2"
_FIND_BY_ID = f"select {_COLUMNS} from source s where s.account_id = $1 and s.id = $2"
_DELETE = """
with gone as (delete from source s where s.account_id = $1 and s.name = $2 returning s.account_id, s.id),
    deliveries as (
        delete from inlet_delivery d using gone where d.account_id = gone.account_id and d.source_id = gone.id
    )
select gone.id from gone
"""

_MAPPINGS: LRUCache[tuple[str, str], Mapping] = LRUCache(100)


@dataclass(frozen=True, slots=True)
class Source:
    """A source as the inlet and the worker need it."""

    account_id: UUID
    id: UUID
    name: str
    token: bytes
    mapping_name: str
    mapping_text: str | None
    agent_map: MappingType[str, str]
    unknown_agents: UnknownAgents
    secret: bytes | None

    @property
    def inlet(self) -> str:
        """Return the id of the inlet."""
        return base64.urlsafe_b64encode(self.account_id.bytes + self.token).decode()

    def mapping(self) -> Mapping:
        """Return the source's mapping. Raises InvalidInput if it is shipped no more."""
        if self.mapping_text is None and self.mapping_name not in shipped_names():
            raise InvalidInput.at("is a mapping that is not shipped any more", [self.mapping_name])
        text = shipped_text(self.mapping_name) if self.mapping_text is None else self.mapping_text
        key = self.mapping_name, text
        if key not in _MAPPINGS:
            _MAPPINGS[key] = parse_mapping(*key)
        return _MAPPINGS[key]

    def directory(self) -> AgentDirectory:
        return AgentDirectory(self.account_id, self.agent_map, self.unknown_agents)


@dataclass(frozen=True, slots=True)
class SourceInput:
    """What a source is made of."""

    name: str
    mapping: Mapping
    agent_map: MappingType[str, str]
    unknown_agents: UnknownAgents
    secret: bytes | None


@dataclass(frozen=True, slots=True)
class SourceChange:
    """What a source is given anew; what is None stays as it is."""

    mapping: Mapping | None = None
    agent_map: MappingType[str, str] | None = None
    unknown_agents: UnknownAgents | None = None
    secret: bytes | None = None


async def create_source(account_id: UUID, given: SourceInput) -> Source:
    """Return the new source. Raises InvalidInput, and AlreadyThere if the account has one of this name."""
    with at_path("name", error=InvalidInput.at):
        name = check_name(given.name)
    _check_secret(given.mapping, given.secret)
    values: dict[str, Any] = {
        **_mapping_columns(given.mapping),
        "name": name,
        "agent_map": dict(given.agent_map),
        "unknown_agents": given.unknown_agents.value,
        "secret": given.secret,
    }
    try:
        row = await inlet_models.Source.create(account_id=account_id, token=secrets.token_bytes(TOKEN_BYTES), **values)
    except IntegrityError:
        raise AlreadyThere([Problem(("name",), f"{name} is already the name of a source of this account")]) from None
    return _of_model(row)


async def change_source(account_id: UUID, name: str, change: SourceChange) -> Source:
    """Change the source of this name, and return it.

    Raises NotFound if there is no such source, and InvalidInput if its mapping and secret do not go together.
    """
    source = await find_source(account_id, name)
    columns: dict[str, Any] = {}
    if change.mapping is not None:
        columns |= _mapping_columns(change.mapping)
    if change.agent_map is not None:
        columns["agent_map"] = dict(change.agent_map)
    if change.unknown_agents is not None:
        columns["unknown_agents"] = change.unknown_agents.value
    if change.secret is not None:
        columns["secret"] = change.secret
    if change.mapping is not None or change.secret is not None:
        secret = source.secret if change.secret is None else change.secret
        _check_secret(change.mapping or source.mapping(), secret)
    if columns:
        await inlet_models.Source.filter(account_id=account_id, id=source.id).update(**columns)
    return await find_source(account_id, name)


async def list_sources(account_id: UUID) -> list[Source]:
    """Return the sources of the account by name."""
    return [_of_model(row) for row in await inlet_models.Source.filter(account_id=account_id).order_by("name")]


async def find_source(account_id: UUID, name: str) -> Source:
    """Return the source of this name. Raises NotFound."""
    row = await inlet_models.Source.get_or_none(account_id=account_id, name=name)
    if row is None:
        raise _unknown(name)
    return _of_model(row)


async def delete_source(database: Database, account_id: UUID, name: str) -> None:
    """Delete the source and what its inlet was delivered; its sessions stay. Raises NotFound."""
    if await database.fetchrow(_DELETE, account_id, name) is None:
        raise _unknown(name)


async def find_by_inlet(database: Database, inlet: str) -> Source | None:
    """Return the source whose inlet has this id."""
    try:
        found = base64.b64decode(inlet, altchars=b"-_", validate=True) if len(inlet) == INLET_LENGTH else b""
    except (binascii.Error, ValueError):
        return None
    if len(found) != 16 + TOKEN_BYTES:
        return None
    row = await database.fetchrow(_FIND_BY_TOKEN, UUID(bytes=found[:16]), found[16:])
    return _of_row(row) if row else None


async def find_by_id(database: Database, account_id: UUID, id_: UUID) -> Source | None:
    row = await database.fetchrow(_FIND_BY_ID, account_id, id_)
    return _of_row(row) if row else None


def _mapping_columns(mapping: Mapping) -> dict[str, str | None]:
    return {"mapping": mapping.name, "mapping_text": None if mapping.name in shipped_names() else mapping.text}


def _check_secret(mapping: Mapping, secret: bytes | None) -> None:
    if secret is None:
        return
    scheme = mapping.file.signature
    if scheme is None:
        raise InvalidInput.at("is of no use: the mapping names no signature; an API key authenticates it", ["secret"])
    with at_path("secret", error=InvalidInput.at):
        check_secret(scheme, secret)


def _unknown(name: str) -> NotFound:
    return NotFound([Problem(("name",), f"{name} is not the name of a source of this account")])


def _of_model(row: inlet_models.Source) -> Source:
    return Source(
        row.account_id,
        row.id,
        row.name,
        bytes(row.token),
        row.mapping,
        row.mapping_text,
        row.agent_map,
        UnknownAgents(row.unknown_agents),
        row.secret and bytes(row.secret),
    )


def _of_row(row: Row) -> Source:
    return Source(
        row["account_id"],
        row["id"],
        row["name"],
        row["token"],
        row["mapping"],
        row["mapping_text"],
        orjson.loads(row["agent_map"]),
        UnknownAgents(row["unknown_agents"]),
        row["secret"],
    )
