"""Time zones: which there are, and their offsets from UTC, all from the pinned package `tzdata`.

The only module that uses `zoneinfo`, whose constructor prefers the operating system's files. Those, PostgreSQL's and
the browser's differ from the package's when a country has changed its rules (domain.md, "One time-zone database").
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_STEP = timedelta(days=5)
"""Shorter than any two changes of a zone are apart: the closest, of America/Cambridge_Bay, are a week apart."""
_FIRST = datetime.min.replace(tzinfo=UTC) + _DAY
_LAST = datetime.max.replace(tzinfo=UTC, microsecond=0) - _DAY
_PACKAGE = files("tzdata")

NAMES = frozenset(
    name for name in _PACKAGE.joinpath("zones").read_text("ascii").split() if "/" in name or name == "UTC"
)
"""The names of the form `Area/Location`, and UTC. Abbreviations such as CET and PST8PDT are left out."""


@dataclass(frozen=True, slots=True)
class Offset:
    """The offset from UTC that is in force from `start` on, and what people call the zone then: `EDT`, or `-03`."""

    start: datetime
    utc_offset: timedelta
    abbreviation: str


def check_time_zone(name: str) -> str:
    """Return the name unchanged. Raises ValueError unless it is one of NAMES."""
    if name not in NAMES:
        raise ValueError("must be a time zone of the IANA database, such as America/New_York")
    return name


@cache
def zone_of(name: str) -> ZoneInfo:
    """Return the zone. Raises ValueError unless its name is one of NAMES."""
    path = _PACKAGE.joinpath("zoneinfo", *check_time_zone(name).split("/"))
    with path.open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def find_offset(name: str, moment: datetime) -> Offset:
    """Return the offset of the zone that is in force at the moment."""
    return Offset(moment, *_rule_at(moment, zone_of(name)))


def find_offsets(name: str, start: datetime, end: datetime) -> list[Offset]:
    """Return the offsets of the zone in [start, end], in order; the first is the one in force at `start`."""
    zone = zone_of(name)
    years = range(start.year, end.year + 1)
    changes = [moment for year in years for moment in _changes_in(name, year) if start < moment <= end]
    return [Offset(moment, *_rule_at(moment, zone)) for moment in (start, *changes)]


def write_offset(utc_offset: timedelta) -> str:
    """Return the offset as RFC 3339 writes it: `-05:00`. Before standard time some have seconds: `-04:56:02`."""
    return datetime.min.replace(tzinfo=timezone(utc_offset)).isoformat()[len("0001-01-01T00:00:00") :]


@lru_cache(maxsize=50_000)
def _changes_in(name: str, year: int) -> tuple[datetime, ...]:
    """Return the instants in a year of UTC from which on the zone has another offset or abbreviation."""
    zone = zone_of(name)
    start = max(datetime(year, 1, 1, tzinfo=UTC), _FIRST)
    end = min(datetime(year, 12, 31, tzinfo=UTC), _LAST) + _DAY
    return tuple(_search_changes(start, end, zone))


def _search_changes(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the changes in [start, end); of a zone that changes within a step and back, none."""
    moment, last = start - _SECOND, end - _SECOND
    rule = _rule_at(moment, zone)
    while moment < last:
        following = moment + min(_STEP, last - moment)
        if _rule_at(following, zone) != rule:
            following = _bisect(moment, following, zone)
            rule = _rule_at(following, zone)
            yield following
        moment = following


def _bisect(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first whole second after `before` that has another rule."""
    rule = _rule_at(before, zone)
    low, high = 0, round((after - before) / _SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if _rule_at(before + middle * _SECOND, zone) == rule:
            low = middle
        else:
            high = middle
    return before + high * _SECOND


def _rule_at(moment: datetime, zone: ZoneInfo) -> tuple[timedelta, str]:
    """Return the offset and the abbreviation; at an end of the calendar, those of a day away from it."""
    local = min(max(moment, _FIRST), _LAST).astimezone(zone)
    utc_offset, abbreviation = local.utcoffset(), local.tzname()
    assert utc_offset is not None
    assert abbreviation is not None
    return utc_offset, abbreviation
