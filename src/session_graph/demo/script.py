"""Scripts: dialogues written as a play, and how one performance is chosen from them.

    USER: Could I get a table for {party} {day}?
      or: Do you have room for {party} {day}?
    AGENT/chat: And which number may we use?
    USER/maybe: Is there parking?
    AGENT/maybe: There is a garage around the corner.
    (contact)

`or:` is another wording of the turn above it. The word after a slash says when a turn is spoken: only on that channel,
only in writing (`text`), or `maybe`: neighbours with this mark are spoken or left out together. A stage direction in
brackets stands for a passage that many scripts share. A line that begins with none of these continues the one above.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from random import Random
from string import Formatter

from session_graph.demo.passages import PASSAGES

_CUE = re.compile(r"(USER|AGENT|SYSTEM|or)(?:/(voice|sms|chat|text|maybe))?: *(.*)")
_DIRECTION = re.compile(r"\((\w+)\)")


@dataclass
class Line:
    """One turn of a script: its speaker, when it is spoken, and the wordings to choose from."""

    speaker: str
    when: str
    wordings: list[str]

    def is_for(self, channel: str) -> bool:
        medium = "voice" if channel == "VOICE" else "text"
        return self.when in ("", "maybe", medium, channel.lower())


@cache
def read_script(script: str) -> tuple[Line, ...]:
    """Return the lines of a script and its passages. Raises ValueError if it does not begin with a speaker."""
    lines: list[Line] = []
    for text in filter(None, map(str.strip, script.splitlines())):
        if direction := _DIRECTION.fullmatch(text):
            lines.extend(read_script(PASSAGES[direction[1]]))
        elif cue := _CUE.fullmatch(text):
            speaker, when, wording = cue.groups()
            if speaker == "or":
                lines[-1].wordings.append(wording)
            else:
                lines.append(Line(speaker, when or "", [wording]))
        elif lines:
            lines[-1].wordings[-1] += f" {text}"
        else:
            raise ValueError(f"a script begins with a speaker, not with {text!r}")
    return tuple(lines)


def perform(script: str, channel: str, rng: Random) -> Iterator[tuple[str, str]]:
    """Yield the speaker and the wording, with open slots, of each turn of a performance on a channel."""
    lines = (line for line in read_script(script) if line.is_for(channel))
    for when, neighbours in groupby(lines, key=lambda line: line.when):
        if when != "maybe" or rng.random() < 0.5:
            for line in neighbours:
                yield line.speaker, rng.choice(line.wordings)


def slots_of(text: str) -> set[str]:
    """Return the names of the slots in a text."""
    return {field for _, field, _, _ in Formatter().parse(text) if field}
