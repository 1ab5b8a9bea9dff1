"""The zones come from the package `tzdata` alone, and their offsets are found exactly."""

import ast
import os
import re
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from session_graph import zones
from session_graph.zones import NAMES, check_time_zone, find_offset, find_offsets, write_offset, zone_of

SOURCE = Path(zones.__file__).parent
SECOND = timedelta(seconds=1)
START, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
WIDELY_WRONG = (
    *(("America/Vancouver", "2026-12-15T12:00Z", "-07:00"), ("America/Edmonton", "2026-12-15T12:00Z", "-06:00")),
    *(("America/Winnipeg", "2026-12-15T12:00Z", "-05:00"), ("America/Havana", "2026-12-15T12:00Z", "-04:00")),
    *(("Africa/Casablanca", "2026-12-15T12:00Z", "+00:00"), ("America/Ojinaga", "2026-03-08T08:30Z", "-05:00")),
    ("Europe/Chisinau", "2026-03-29T00:30Z", "+02:00"),
)
"""Zones that other databases get wrong, those of operating systems, PostgreSQL and browsers: with the right offset."""


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kathmandu", "Etc/GMT+3", "UTC"]
)
def test_time_zones_of_the_package_are_known(name: str) -> None:
    assert check_time_zone(name) == name
    assert zone_of(name).key == name


@pytest.mark.parametrize(
    "name",
    ["", "europe/berlin", "Mars/Olympus", "+03:00", "PST", "CET", "EET", "localtime", "Factory", "../etc/passwd"],
)
def test_other_time_zones_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        check_time_zone(name)
    with pytest.raises(ValueError, match="IANA"):
        zone_of(name)


@pytest.mark.parametrize(("name", "moment", "offset"), WIDELY_WRONG)
def test_the_zones_that_changed_lately_have_their_new_offsets(name: str, moment: str, offset: str) -> None:
    assert write_offset(find_offset(name, datetime.fromisoformat(moment)).utc_offset) == offset


def test_the_operating_systems_zones_do_not_matter(tmp_path: Path) -> None:
    """The folder in which Python looks first has Tokyo's data under the name of Vancouver."""
    wrong = tmp_path / "America" / "Vancouver"
    wrong.parent.mkdir()
    wrong.write_bytes(files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    program = (
        "from datetime import datetime, UTC; from zoneinfo import ZoneInfo; from session_graph.zones import zone_of\n"
        "for zone in (ZoneInfo('America/Vancouver'), zone_of('America/Vancouver')):\n"
        "    print(datetime(2026, 12, 15, tzinfo=UTC).astimezone(zone).utcoffset())"
    )
    environment = {**os.environ, "PYTHONTZPATH": str(tmp_path), "PYTHONPATH": str(SOURCE.parent)}

    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["9:00:00", "-1 day, 17:00:00"]


def imports_zoneinfo(source: str) -> bool:
    return any(
        (isinstance(node, ast.Import) and any(alias.name.partition(".")[0] == "zoneinfo" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "zoneinfo")
        for node in ast.walk(ast.parse(source))
    )


def test_no_other_module_uses_zoneinfo() -> None:
    users = [path for path in SOURCE.rglob("*.py") if imports_zoneinfo(path.read_text("utf-8"))]

    assert users == [Path(zones.__file__)]


def test_no_statement_names_a_zone_but_utc() -> None:
    """PostgreSQL has zones of its own; `z.offsets` are those that the process gave it."""
    sources = [path.read_text("utf-8") for path in (*SOURCE.rglob("*.py"), *SOURCE.rglob("*.sql"))]
    named = [name for source in sources for name in re.findall(r"at time zone (\S+)", source)]

    assert set(named) <= {"'UTC')", "'UTC')::text,", "'UTC',", "z.offsets[{_number_sql(instant)}],"}
    assert not any(re.search(r"date_trunc|pg_timezone|timezone\('", source) for source in sources)


def test_the_page_uses_no_zone_of_the_browser() -> None:
    sources = {path.name: path.read_text("utf-8") for path in (SOURCE / "web" / "assets").rglob("*.js")}
    zones_named = {name: re.findall(r"timeZone: ([^,} ]+)", text) for name, text in sources.items() if "Intl." in text}

    assert {zone for found in zones_named.values() for zone in found} == {'"UTC"'}
    assert not any(re.search(r"timeZoneName:|supportedValuesOf|toLocale\w*String", text) for text in sources.values())


def explicit_changes(name: str) -> list[int]:
    """Return the instants that the zone's file lists (RFC 9636) at which its offset or its abbreviation changes."""
    data = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    *_, times, types, letters = struct.unpack(">6I", data[20:44])
    skipped = 44 + 5 * times + 6 * types + letters
    isut, isstd, leaps, times, types, letters = struct.unpack(">6I", data[skipped + 20 : skipped + 44])
    begin = skipped + 44
    moments = struct.unpack(f">{times}q", data[begin : begin + 8 * times])
    numbers = data[begin + 8 * times : begin + 9 * times]
    kinds = list(struct.iter_unpack(">ibB", data[begin + 9 * times : begin + 9 * times + 6 * types]))
    abbreviations = data[begin + 9 * times + 6 * types :][:letters]
    assert (isut, isstd, leaps) == (isut, isstd, 0)
    rules = [(offset, abbreviations[place:].partition(b"\0")[0]) for offset, _, place in kinds]
    before = [0, *numbers[:-1]] if numbers else []
    changes = zip(moments, before, numbers, strict=True)
    return [moment for moment, old, new in changes if rules[old] != rules[new]]


def test_no_two_changes_of_a_zone_are_closer_than_the_step_of_the_search() -> None:
    gaps = [after - before for name in NAMES for before, after in pairwise(explicit_changes(name))]

    assert timedelta(seconds=min(gaps)) > timedelta(days=5)


def test_the_offsets_of_every_zone_are_those_of_the_package() -> None:
    """Every change that a file lists is found, and between changes the offset is the package's, also after the list."""
    for name in NAMES:
        zone = ZoneInfo(name)
        offsets = find_offsets(name, START, END)
        starts = [round(offset.start.timestamp()) for offset in offsets]
        listed = {moment for moment in explicit_changes(name) if START.timestamp() < moment <= END.timestamp()}
        assert listed <= set(starts), name
        for offset, following in pairwise([*offsets, find_offset(name, END)]):
            moment = offset.start
            while moment < following.start:
                local = moment.astimezone(zone)
                assert (local.utcoffset(), local.tzname()) == (offset.utc_offset, offset.abbreviation), (name, moment)
                moment = min(moment + timedelta(days=20), max(moment + SECOND, following.start - SECOND))


@pytest.mark.parametrize(
    ("utc_offset", "written"),
    [
        (timedelta(0), "+00:00"),
        (timedelta(hours=-5), "-05:00"),
        (timedelta(hours=5, minutes=45), "+05:45"),
        (-timedelta(hours=4, minutes=56, seconds=2), "-04:56:02"),
    ],
)
def test_an_offset_is_written_as_in_rfc_3339(utc_offset: timedelta, written: str) -> None:
    assert write_offset(utc_offset) == written


@pytest.mark.parametrize("name", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_the_ends_of_the_calendar_have_an_offset(name: str) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    assert find_offsets(name, first, first)[0].start == first
    assert find_offsets(name, last, last)[0].utc_offset == find_offset(name, last).utc_offset
