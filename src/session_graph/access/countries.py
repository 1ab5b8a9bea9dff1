"""Countries by ISO 3166-1 alpha-2 code, and the country of a time zone. Source: the tables of the package tzdata."""

from functools import cache
from importlib import resources


def check_country(code: str) -> str:
    """Return the code in upper case. Raises ValueError if it is not a country's."""
    country = code.strip().upper()
    if country not in _countries():
        raise ValueError("must be a country by ISO 3166-1 alpha-2, such as GB")
    return country


def country_of_zone(time_zone: str) -> str | None:
    """Return the country of a time zone, also by an older name of it; None if it is no country's, as UTC."""
    zones = _countries_of_zones()
    return zones.get(time_zone) or zones.get(_current_names().get(time_zone, ""))


@cache
def _countries() -> frozenset[str]:
    return frozenset(line.split("\t")[0] for line in _read_lines("iso3166.tab"))


@cache
def _countries_of_zones() -> dict[str, str]:
    rows = [line.split("\t") for line in _read_lines("zone.tab")]
    return {row[2]: row[0] for row in rows}


@cache
def _current_names() -> dict[str, str]:
    """Return the name that replaced each older one."""
    links = [line.split() for line in _read_lines("tzdata.zi") if line.startswith("L ")]
    return {older: current for _, current, older in links}


def _read_lines(name: str) -> list[str]:
    text = (resources.files("tzdata") / "zoneinfo" / name).read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
