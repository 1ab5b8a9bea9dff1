"""The times at which conversations begin and their turns are spoken."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from session_graph.demo.scenario import Business

WEEKS = timedelta(days=35)
_HOUR = timedelta(hours=1)
_LATEST = timedelta(minutes=6)
_RECENT = (timedelta(minutes=27), timedelta(minutes=13), _LATEST)
"""Ages of the last conversations, so that there is always something new to see."""

_WORDS_A_SECOND = 2.3
_LONGEST = {"VOICE": 480, "SMS": 2400, "CHAT": 2400}
_SHORTEST = {"VOICE": 20, "SMS": 15, "CHAT": 15}
_TYPICAL_GAP = {"SMS": 55, "CHAT": 22}
"""Seconds until a person answers in writing."""


def plan_starts(businesses: Sequence[Business], now: datetime, rng: Random) -> list[tuple[datetime, Business]]:
    """Return the start and the business of each conversation, oldest first, in the rhythm of the local days."""
    begin = now - WEEKS
    hours = [begin + n * _HOUR for n in range(WEEKS // _HOUR)]
    starts: list[tuple[datetime, Business]] = []
    for business in businesses:
        growth = (0.8 + 0.4 * n / len(hours) for n in range(len(hours)))
        weights = [_business_at(business, hour) * factor for hour, factor in zip(hours, growth, strict=True)]
        for hour in rng.choices(hours, weights, k=business.sessions):
            start = hour + timedelta(seconds=rng.randrange(3600))
            starts.append((start if start <= now - _LATEST else start - _HOUR, business))
    for ago in _RECENT:
        start = now - ago
        (business,) = rng.choices(businesses, [_business_at(b, start) for b in businesses])
        starts.append((start, business))
    return sorted(starts, key=lambda planned: planned[0])


def time_turns(turns: Sequence[tuple[str, str]], channel: str, pace: float, longest: int, rng: Random) -> list[int]:
    """Return the second at which each turn (speaker, text) begins, increasing, and as the last one the end."""
    if channel == "VOICE":
        gaps = [_speak(speaker, text, rng) for speaker, text in turns]
    else:
        gaps = [_write(speaker, _TYPICAL_GAP[channel], rng) for speaker, _ in [*turns[1:], ("AGENT", "")]]
    longest = min(longest, _LONGEST[channel])
    factor = pace * _tempo(rng)
    if channel != "VOICE":
        factor = min(factor, 2.0)
    total = sum(gaps) * factor
    factor *= max(_SHORTEST[channel], min(total, longest - len(gaps))) / total
    moments, passed = [0], 0.0
    for gap in gaps:
        passed += gap * factor
        moments.append(max(moments[-1] + 1, round(passed)))
    return moments


def _business_at(business: Business, moment: datetime) -> float:
    local = moment.astimezone(business.zone)
    return business.hourly[local.hour] * business.daily[local.weekday()]


def _tempo(rng: Random) -> float:
    return rng.uniform(2.0, 4.0) if rng.random() < 0.16 else rng.uniform(0.85, 1.6)


def _speak(speaker: str, text: str, rng: Random) -> float:
    """Return the seconds until the next turn: speech and a breath; an event outside the call takes longer."""
    if speaker == "SYSTEM":
        return rng.uniform(3, 14)
    return len(text.split()) / _WORDS_A_SECOND + rng.uniform(0.8, 4.0)


def _write(speaker: str, typical: int, rng: Random) -> float:
    """Return the seconds until the next speaker has written: the agent answers at once, people take their time."""
    if speaker == "USER":
        return min(rng.lognormvariate(0, 1) * typical, 900) + 4
    return rng.uniform(2, 7)
