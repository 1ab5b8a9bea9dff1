"""What we read and mend of asyncpg's connections that it keeps to itself, here alone: an upgrade of it is one review.

`tortoise_client` is the other such file, for Tortoise and for asyncpg's pool.
"""

from socket import socket
from ssl import SSLContext
from typing import Any, cast

import asyncpg
from asyncpg import connect_utils
from asyncpg.pool import PoolConnectionProxy


class _TLSUpgrade(connect_utils.TLSUpgradeProto):
    """Asks a server for TLS. If the attempt to connect was cancelled meanwhile, nobody reads that it failed."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.on_data.cancelled():
            self.on_data.exception()  # counts as read, or asyncio would report it; who waits for it still gets it


connect_utils.TLSUpgradeProto = _TLSUpgrade  # type: ignore[misc]  # of connections and of requests to cancel


def parse_address(url: str) -> tuple[list[str], SSLContext | None]:
    """Return the hosts of an address, and how connections to them are encrypted; None if they need not be.

    A socket's host is its path. Reads what asyncpg reads when it connects, and raises what it raises then:
    ClientConfigurationError, which is a ValueError, and OSError for certificates.
    """
    others = "host port user passfile database ssl service servicefile direct_tls server_settings"
    given = dict.fromkeys([*others.split(), "target_session_attrs", "krbsrvname", "gsslib"])
    addresses, parameters = cast(Any, connect_utils)._parse_connect_dsn_and_args(dsn=url, password="", **given)
    hosts = [address if isinstance(address, str) else address[0] for address in addresses]
    return hosts, parameters.ssl if parameters.sslmode >= connect_utils.SSLMode.require else None


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
