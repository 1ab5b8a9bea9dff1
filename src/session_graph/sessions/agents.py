"""The AI employees of an account: their attributes, and how they are found, created and changed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from cachetools import LRUCache
from pydantic import AfterValidator, Field, model_validator
from pydantic.alias_generators import to_camel
from tortoise.exceptions import IntegrityError
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from session_graph.access.countries import check_country, country_of_zone
from session_graph.access.viewer import Role, Viewer
from session_graph.errors import AlreadyThere, InvalidInput, PathSegment, Problem
from session_graph.parsing import at_path, plain
from session_graph.sessions.closing import MIDNIGHT, WEEKDAYS, AgentTerms
from session_graph.sessions.columns import ALL, ANALYST, NOT_PARTNER
from session_graph.sessions.contacts import read_contact, spell_contact
from session_graph.sessions.enums import Redirection
from session_graph.sessions.input_model import Amount, InputModel, Name, OptionalName, Ratio, parse_input, problem
from session_graph.store.models import Agent
from session_graph.zones import check_time_zone

_IDN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_WEEK_MINUTES = 7 * 24 * 60

_KNOWN: LRUCache[tuple[UUID, str], bool] = LRUCache(10_000)
"""The agents that exist, by account and idn."""

Span = tuple[str, str]


def check_idn(idn: str) -> str:
    """Return the idn unchanged. Raises ValueError if an agent cannot have it."""
    if not _IDN.fullmatch(idn):
        raise ValueError(
            "must be 1 to 100 letters, digits, dots, hyphens and underscores; the first a letter or a digit"
        )
    return idn


def _contacts(contacts: list[str]) -> list[str]:
    return sorted({spell_contact(contact) for contact in contacts})


def _check_hours(hours: dict[str, list[Span]]) -> dict[str, list[Span]]:
    for day, spans in hours.items():
        if day not in WEEKDAYS:
            raise ValueError(f"{day!r} is not one of {', '.join(WEEKDAYS)}")
        for start, end in spans:
            if not _CLOCK.fullmatch(start) or not (_CLOCK.fullmatch(end) or end == MIDNIGHT) or start == end:
                raise ValueError(f'{day}: ["{start}", "{end}"] is not a span such as ["09:00", "17:00"]')
    return _without_overlap(hours)


def _without_overlap(hours: dict[str, list[Span]]) -> dict[str, list[Span]]:
    covered = sorted((*_minutes(day, span), day) for day, spans in hours.items() for span in spans)
    if covered:
        first = (covered[0][0] + _WEEK_MINUTES, 0, covered[0][2])
        for (_, end, day), (start, _, next_day) in zip(covered, [*covered[1:], first], strict=True):
            if start < end:
                raise ValueError(
                    f"the spans of {day} and {next_day} overlap" if day != next_day else f"the spans of {day} overlap"
                )
    return hours


def _minutes(day: str, span: Span) -> tuple[int, int]:
    midnight = WEEKDAYS.index(day) * 24 * 60
    start, end = (midnight + int(clock[:2]) * 60 + int(clock[3:]) for clock in span)
    return start, end if end > start else end + 24 * 60


Idn = Annotated[str, Field(strict=True), AfterValidator(check_idn)]
Country = Annotated[str, Field(strict=True), AfterValidator(check_country)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=86_400)]


@dataclass(frozen=True, slots=True)
class ReadableBy:
    """Metadata of an agent's attribute: the roles that may read it."""

    roles: frozenset[Role]


class AgentDefinition(InputModel):
    """The attributes of an agent; one that is left out has its default.

    Each is a column of `agent` of the same name, a field of the inputs, and a field of the type Agent, readable by
    ANALYST unless it says otherwise (access.md).
    """

    idn: Annotated[Idn, ReadableBy(ALL)] = Field(description="Its short identifier, unique in the account.")
    name: Annotated[Name, ReadableBy(ALL)] = Field(description="Its name.")
    time_zone: Annotated[Name, ReadableBy(ALL)] = Field(description="Its time zone (IANA).")
    country: Country | None = Field(
        None,
        description="The country (ISO 3166-1 alpha-2) in which a phone number without a country code is dialled; the"
        " account's if null, else the time zone's.",
    )
    industry: OptionalName = Field(None, description="Its industry.")
    working_hours: Annotated[dict[str, list[Span]], AfterValidator(_check_hours), ReadableBy(NOT_PARTNER)] = Field(
        {}, description="When it is open; without any day it always is."
    )
    redirection: Redirection = Field(Redirection.AGENT_FIRST, description="Who answers first in working hours.")
    conversion_ratio: Ratio = Field(Decimal(1), description="The share of leads that convert, 0 to 1.")
    recognition: Ratio = Field(
        Decimal(1),
        description="The share of calls that used to be missed, 0 to 1; credited to the agent in working hours.",
    )
    average_lead_value: Amount | None = Field(None, description="What a lead is worth if its units do not tell.")
    unit_name: OptionalName = Field(None, description="What its units are, such as guests.")
    unit_value: Amount | None = Field(None, description="What a unit is worth.")
    test_contacts: Annotated[list[Name], Field(max_length=1000), AfterValidator(_contacts)] = Field(
        [], description="Phones and e-mails whose sessions are tests."
    )
    short_under_seconds: Seconds = Field(60, description="A shorter session is SHORT.")
    long_from_seconds: Seconds = Field(300, description="A session of this length or more is LONG.")

    @model_validator(mode="after")
    def _thresholds_in_order(self) -> "AgentDefinition":
        if self.long_from_seconds < self.short_under_seconds:
            raise problem("longFromSeconds", "must not be below shortUnderSeconds")
        return self


def attribute_roles() -> dict[str, frozenset[Role]]:
    """Return the roles that may read each attribute, by its GraphQL name."""
    fields = AgentDefinition.model_fields.items()
    own = {name: [each.roles for each in field.metadata if isinstance(each, ReadableBy)] for name, field in fields}
    return {to_camel(name): roles[0] if roles else ANALYST for name, roles in own.items()}


def parse_agent(raw: object) -> AgentDefinition:
    """Raises InvalidInput with every problem, each with its path by GraphQL name."""
    return parse_input(AgentDefinition, raw)


async def create_agent(account_id: UUID, definition: AgentDefinition) -> Agent:
    """Raises InvalidInput if the time zone is unknown, AlreadyThere if the account has an agent with this idn."""
    _check_zone(definition)
    try:
        return await Agent.create(account_id=account_id, **definition.model_dump())
    except IntegrityError:
        raise AlreadyThere([Problem(("idn",), "is already the idn of an agent of this account")]) from None


async def change_agent(account_id: UUID, idn: str, changes: Mapping[str, Any]) -> Agent | None:
    """Set the attributes in `changes`, by GraphQL name; null clears one. Return None if there is no such agent.

    Closed sessions keep the attributes that they closed with. Raises InvalidInput.
    """
    if not _IDN.fullmatch(idn):
        return None
    async with in_transaction():
        agent = await Agent.filter(account_id=account_id, idn=idn).select_for_update().get_or_none()
        if agent is None:
            return None
        definition = parse_agent({**_describe(agent), **changes})
        _check_zone(definition)
        values = {**definition.model_dump(exclude={"idn"}), "updated_at": datetime.now(UTC)}
        await Agent.filter(account_id=account_id, id=agent.id).update(**values)
        return await Agent.get(account_id=account_id, id=agent.id)


def _describe(agent: Agent) -> dict[str, Any]:
    """Return the agent's attributes by GraphQL name."""
    return {field.alias or name: getattr(agent, name) for name, field in AgentDefinition.model_fields.items()}


def _check_zone(definition: AgentDefinition) -> None:
    with at_path("timeZone", error=InvalidInput.at):
        check_time_zone(definition.time_zone)


async def create_missing_agents(account_id: UUID, definitions: Sequence[AgentDefinition]) -> list[Agent]:
    """Create the agents whose idn is new to the account; the others stay as they are."""
    idns = [definition.idn for definition in definitions]
    known = {agent.idn for agent in await Agent.filter(account_id=account_id, idn__in=idns).only("id", "idn")}
    async with in_transaction():
        return [await create_agent(account_id, definition) for definition in definitions if definition.idn not in known]


async def list_agents(viewer: Viewer) -> list[Agent]:
    """Return the agents that the viewer may see, ordered by idn."""
    return await _visible(viewer).order_by("idn")


async def find_agent(viewer: Viewer, *, id: UUID | None = None, idn: str | None = None) -> Agent | None:
    """Return the agent with this id or idn, or None if the viewer may see none."""
    chosen = {"id": id} if id else {"idn": idn}
    return await _visible(viewer).get_or_none(**chosen)


async def find_visible_agents(viewer: Viewer, ids: Sequence[UUID]) -> dict[UUID, Agent]:
    """Return the agents with these ids that the viewer may see, by id; one statement."""
    return {agent.id: agent for agent in await _visible(viewer).filter(id__in=list(ids))}


async def find_agents(account_id: UUID, ids: Iterable[UUID]) -> dict[UUID, Agent]:
    """Return the agents by id, read in one statement."""
    return {agent.id: agent for agent in await Agent.filter(account_id=account_id, id__in=list(ids))}


async def check_agents(viewer: Viewer, named: Sequence[tuple[Sequence[PathSegment], str]]) -> None:
    """Check that the viewer may see the agents that a request names, each as the path and the idn.

    Agents are never deleted, so an idn that is known to exist needs no statement again. Raises InvalidInput with a
    problem for each unknown agent; one of another account, or beyond the viewer's limits, is as unknown as any.
    """
    account_id = viewer.account.id
    idns = {idn for _, idn in named}
    known = {idn for idn in idns if (account_id, idn) in _KNOWN}
    if new := idns - known:
        found = {agent.idn for agent in await Agent.filter(account_id=account_id, idn__in=new).only("id", "idn")}
        _KNOWN.update({(account_id, idn): True for idn in found})
        known |= found
    visible = known.intersection(viewer.agents) if viewer.agents else known
    if unknown := [(path, idn) for path, idn in named if idn not in visible]:
        message = 'is "{}", which is not the idn of an agent that you may see'
        raise InvalidInput([Problem(tuple(path), message.format(idn)) for path, idn in unknown])


def terms_of(agent: Agent, account_country: str | None) -> AgentTerms:
    """Return the attributes that apply to a session that closes now."""
    country = agent.country or account_country or country_of_zone(agent.time_zone)
    return AgentTerms(
        time_zone=agent.time_zone,
        country=country,
        working_hours={day: [(start, end) for start, end in spans] for day, spans in agent.working_hours.items()},
        redirection=Redirection(agent.redirection),
        conversion_ratio=plain(agent.conversion_ratio),
        recognition=plain(agent.recognition),
        average_lead_value=agent.average_lead_value,
        unit_value=agent.unit_value,
        test_contacts=frozenset(read_contact(each, country) or each for each in agent.test_contacts),
        short_under_seconds=agent.short_under_seconds,
        long_from_seconds=agent.long_from_seconds,
    )


def _visible(viewer: Viewer) -> QuerySet[Agent]:
    agents = Agent.filter(account_id=viewer.account.id)
    if viewer.role is Role.RECORDER:
        return agents.filter(idn__in=[])
    return agents.filter(idn__in=viewer.agents) if viewer.agents else agents
