"""New ids: UUIDs of version 7, which sort by the time of their creation."""

import os
from time import time_ns
from uuid import UUID

_VARIANT = 0xFFFF_FFFF_FFFF_0FFF_3FFF_FFFF_FFFF_FFFF
_VERSION = 7 << 76 | 2 << 62


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, 74 random bits."""
    bits = time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    return UUID(int=bits & _VARIANT | _VERSION)
