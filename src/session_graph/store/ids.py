"""The ids we make: UUIDs of version 7, which sort by the moment they were made."""

from random import SystemRandom
from time import time_ns
from uuid import UUID

_random = SystemRandom()


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, 74 of chance."""
    milliseconds = time_ns() // 1_000_000
    return UUID(int=milliseconds << 80 | 7 << 76 | _random.getrandbits(12) << 64 | 2 << 62 | _random.getrandbits(62))
