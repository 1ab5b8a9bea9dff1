"""What we read of asyncpg's connections that it keeps to itself, here alone, so that an upgrade of it is one review.

`tortoise_client` is the other such file, for Tortoise and for asyncpg's pool.
"""

from socket import socket
from typing import Any, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy


def socket_of(connection: asyncpg.Connection) -> socket | None:
    """Return the socket of an open connection."""
    transport = cast(Any, connection)._transport
    return cast(socket | None, transport.get_extra_info("socket"))


def is_cancelling(connection: asyncpg.Connection | PoolConnectionProxy) -> bool:
    """Return whether the server was asked to end the connection's statement and has not done so."""
    return is_open(connection) and bool(cast(Any, connection)._protocol._is_cancelling())


def is_open(connection: asyncpg.Connection | PoolConnectionProxy) -> bool:
    """Return whether the connection can be used; a proxy of a pool cannot once its connection was closed."""
    return getattr(connection, "_con", connection) is not None and not connection.is_closed()


async def wait_for_cancellation(connection: asyncpg.Connection) -> None:
    """Wait until the server has ended the statement that it was asked to end."""
    protocol = cast(Any, connection)._protocol
    if protocol is not None:
        await protocol._wait_for_cancellation(None)
