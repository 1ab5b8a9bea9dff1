"""The walk of a request through the rooms of the house: every call from one room into another, traced."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType

import session_graph

_HOUSE = Path(session_graph.__file__).parent

Step = tuple[int, str, str]
"""How deep the call is, the module that is called (`sessions/reading.py`), and the function."""


@dataclass
class Walk:
    """The calls from room to room, in order; `floors` says how high each room is."""

    floors: dict[str, int]
    steps: list[Step] = field(default_factory=list)
    leaves: Counter[str] = field(default_factory=Counter)
    """How often each room is left, by a call into another."""
    ups: int = 0
    """How often the walk goes up a floor: by a call to a higher room, or by returning to one."""

    def add(self, depth: int, caller: str, module: str, function: str) -> None:
        left, entered = room_of(caller), room_of(module)
        self.steps.append((depth, module, function))
        self.leaves[left] += 1
        self.ups += self.floors[left] != self.floors[entered]  # the call goes up, or its return does

    def describe(self) -> str:
        return "\n".join(f"{'  ' * depth}{module} {function}" for depth, module, function in self.steps)


def room_of(module: str) -> str:
    return module.partition("/")[0].removesuffix(".py")


@contextmanager
def tracing(floors: dict[str, int]) -> Iterator[Walk]:
    """Trace what this thread calls. A coroutine is called once, however often it waits."""
    walk = Walk(floors)
    entered: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, argument: object) -> None:
        if event != "call" or frame in entered or not (module := _module(frame.f_code)):
            return
        caller = _find_caller(frame)
        above = entered.get(caller, 0) if caller else 0
        entered[frame] = above
        if caller and room_of(origin := str(_module(caller.f_code))) != room_of(module):
            entered[frame] = above + 1
            walk.add(above, origin, module, frame.f_code.co_name)

    sys.setprofile(trace)
    try:
        yield walk
    finally:
        sys.setprofile(None)


def _find_caller(frame: FrameType) -> FrameType | None:
    """Return the nearest frame of the house below this one."""
    caller = frame.f_back
    while caller is not None and not _module(caller.f_code):
        caller = caller.f_back
    return caller


def _module(code: CodeType) -> str | None:
    path = Path(code.co_filename)
    return path.relative_to(_HOUSE).as_posix() if path.is_relative_to(_HOUSE) else None
