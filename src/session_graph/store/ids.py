"""The ids we make: UUIDs of version 7, which sort by the moment they were made."""

import os
from time import time_ns
from uuid import UUID

_VARIANT = 0xFFFF_FFFF_FFFF_0FFF_3FFF_FFFF_FFFF_FFFF
_VERSION = 7 << 76 | 2 << 62


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, 74 of chance."""
    return _make_id(int.from_bytes(os.urandom(10)))


def _make_id(chance: int) -> UUID:
    return UUID(int=(time_ns() // 1_000_000 << 80 | chance) & _VARIANT | _VERSION)
