"""Time zones for clients that show local times: the same offsets by which the server counts days and writes cells."""

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from session_graph.engine.fields import reader
from session_graph.errors import BadUserInput
from session_graph.parsing import at_path
from session_graph.schema.arguments import Request, argument
from session_graph.schema.context import Context, Info
from session_graph.sessions.agents import list_agents
from session_graph.zones import check_time_zone, find_offsets

MAX_ZONES = 100
SINCE = datetime(2000, 1, 1, tzinfo=UTC)
"""No session is older (domain.md, "What is recorded")."""
YEARS_AHEAD = 2


@strawberry.type(description="An offset of a time zone from UTC.")
class ZoneOffset:
    start: datetime = strawberry.field(name="from", description="When it begins; it ends where the next begins.")
    seconds: int = strawberry.field(description="The seconds to add to UTC.")
    abbreviation: str = strawberry.field(description="What people call the zone then: EDT. Without a name, -03.")


@strawberry.type(description="A time zone, by the database of this server; yours may be older.")
class TimeZone:
    name: str = strawberry.field(description="Its name (IANA).")

    @strawberry.field(description="Its offsets since the year 2000, and for the next two years; oldest first.")
    def offsets(self, info: Info) -> list[ZoneOffset]:
        end = datetime(info.context.now.year + YEARS_AHEAD + 1, 1, 1, tzinfo=UTC)
        return [
            ZoneOffset(
                start=offset.start,
                seconds=round(offset.utc_offset.total_seconds()),
                abbreviation=offset.abbreviation,
            )
            for offset in find_offsets(self.name, SINCE, end)
        ]


@reader()
def read_zone_names(
    request: Request, names: Annotated[list[str] | None, argument("The zones, at most 100 (IANA).")] = None
) -> list[str] | None:
    if names is None:
        return None
    if len(names) > MAX_ZONES:
        raise BadUserInput(f"must have at most {MAX_ZONES} entries", ["names"])
    for index, name in enumerate(names):
        with at_path("names", index):
            check_time_zone(name)
    return list(dict.fromkeys(names))


async def find_own_zones(context: Context) -> list[str]:
    """Return the zones of the viewer's account and of the agents that the viewer may see, ordered by name."""
    agents = await list_agents(context.viewer)
    return sorted({context.viewer.account.time_zone, *(agent.time_zone for agent in agents)})
