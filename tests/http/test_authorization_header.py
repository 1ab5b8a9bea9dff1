"""Every way in reads the Authorization header alike: one value, blanks around it left out, and never two."""

import asyncio
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from session_graph.access.viewer import Role
from session_graph.store.models import Account
from support.api import make_key
from support.live import Served, opened

pytestmark = pytest.mark.anyio

QUERY = '{"query": "{ viewer { name } }"}'
SUBSCRIPTION = '{"query": "subscription { sessionEvents { kind } }"}'
UNKNOWN = f"GET /exports/{uuid4()}"
WAYS = {
    "GraphQL": ("POST /graphql", "Content-Type: application/json", QUERY, 200),
    "events": ("POST /graphql", "Accept: text/event-stream\r\nContent-Type: application/json", SUBSCRIPTION, 200),
    "records": ("POST /records", "Content-Type: application/x-ndjson", "", 200),
    "download": (UNKNOWN, "Accept: */*", "", 404),
}
"""By name: the request line, more headers, the body, and the status of the answer to a valid key."""


async def status_of(served: Served, way: str, fields: list[bytes]) -> int:
    """Send a request with exactly these header fields, and return the status of the answer."""
    address = urlsplit(served.address)
    line, more, body, _ = WAYS[way]
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\nContent-Length: {len(body)}\r\n"
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(head.encode() + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body.encode())
        answer = await reader.readline()
        writer.close()
    return int(answer.split()[1])


@pytest.mark.parametrize("way", WAYS)
async def test_blanks_around_the_key_are_no_part_of_it(served: Served, bistro: Account, way: str) -> None:
    key = (await make_key(bistro)).encode()

    for value in (b"%b", b" %b", b"\t %b", b"%b ", b"%b\t", b"  %b \t "):
        field = b"Authorization:" + value % (b"Bearer " + key)
        assert await status_of(served, way, [field]) == WAYS[way][3], value


@pytest.mark.parametrize("way", WAYS)
async def test_two_keys_are_refused_in_either_order(served: Served, bistro: Account, way: str) -> None:
    valid = f"Authorization: Bearer {await make_key(bistro)}".encode()
    other = f"authorization: Bearer {await make_key(bistro, Role.RECORDER)}".encode()

    for fields in ([valid, b"Authorization: Bearer x"], [b"Authorization: x", valid], [valid, other], [valid, valid]):
        assert await status_of(served, way, fields) == 401


async def test_a_socket_refuses_two_keys_in_its_headers(served: Served, bistro: Account) -> None:
    key = f"Bearer {await make_key(bistro)}"

    for headers in ({"Authorization": key, "authorization": "Bearer x"}, {"Authorization": "x", "authorization": key}):
        async with opened(served.address, **headers) as socket:
            await socket.send(type="connection_init")

            assert await socket.closing_code() in (4401, 4403)


@pytest.mark.parametrize("second", ["Bearer x", "", 7, None])
async def test_a_socket_refuses_a_first_message_that_names_two_keys(
    served: Served, bistro: Account, second: object
) -> None:
    key = f"Bearer {await make_key(bistro)}"
    async with opened(served.address, Authorization=key) as socket:
        await socket.send(type="connection_init", payload={"Authorization": key, "authorization": second})

        if second is None:
            assert await socket.receive() == {"type": "connection_ack"}
        else:
            assert await socket.closing_code() in (4401, 4403)
