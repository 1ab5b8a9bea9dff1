"""Local times as SQL. The statement is given the offsets of each zone, so PostgreSQL's own time zones do not matter.

`join_offsets` adds the row `z` of a session's zone; the other functions write an instant by it.
"""

from collections.abc import Iterable
from datetime import datetime

from session_graph.sessions.parameters import Parameters
from session_graph.zones import find_offsets, write_offset

_JOIN = """ left join (
    select z.name, array_agg(z.begins order by z.begins) as begins, array_agg(z.written order by z.begins) as written,
        array_agg(make_interval(secs => z.seconds) order by z.begins) as offsets
    from unnest({names}::text[], {begins}::timestamptz[], {seconds}::integer[], {written}::text[])
        z (name, begins, seconds, written)
    group by z.name
) z on z.name = {zone}"""
"""A left join, though no zone is missing: with it PostgreSQL expects every row, and reads them in the order of an index
instead of sorting the finished cells."""


def join_offsets(zone_sql: str, names: Iterable[str], first: datetime, last: datetime, values: Parameters) -> str:
    """Return a join of `z`, the zone named by `zone_sql`, with its offsets for instants in [first, last].

    Raises ValueError if one of `names`, the zones that may occur, is not a time zone.
    """
    rows = [(name, offset) for name in names for offset in find_offsets(name, first, last)]
    return _JOIN.format(
        names=values.bind([name for name, _ in rows]),
        begins=values.bind([offset.start for _, offset in rows]),
        seconds=values.bind([round(offset.utc_offset.total_seconds()) for _, offset in rows]),
        written=values.bind([write_offset(offset.utc_offset) for _, offset in rows]),
        zone=zone_sql,
    )


def local_time_sql(instant: str) -> str:
    """Return SQL for the local date and time of an instant: `2026-11-21 14:03:05`."""
    return f"to_char({instant} at time zone z.offsets[{_number_sql(instant)}], 'YYYY-MM-DD HH24:MI:SS')"


def utc_offset_sql(instant: str) -> str:
    """Return SQL for the offset from UTC at an instant: `-05:00`."""
    return f"z.written[{_number_sql(instant)}]"


def _number_sql(instant: str) -> str:
    return f"width_bucket({instant}, z.begins)"
