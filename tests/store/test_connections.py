"""How connections are opened: bounded, kept alive, and to the first of several hosts that will do."""

import asyncio
import gc
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from session_graph.settings import load_settings
from session_graph.store import connections
from session_graph.store.background import NoAnswer, NotConnected
from session_graph.store.connections import Limits, connect
from session_graph.store.internals import socket_of
from support.proxy import Proxy, proxied

pytestmark = pytest.mark.anyio


@pytest.fixture
def proxy_and_url(database_url: str) -> Iterator[tuple[Proxy, str]]:
    with proxied(database_url) as found:
        yield found


def with_hosts(url: str, *ports: int) -> str:
    """Return the address of several ports of this machine, tried in this order."""
    start, _, rest = url.partition("@")
    _, _, path = rest.partition("/")
    return f"{start}@{','.join(f'127.0.0.1:{port}' for port in ports)}/{path}"


async def test_a_server_that_accepts_and_never_answers_is_given_up(
    proxy_and_url: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.3)
    proxy, url = proxy_and_url
    proxy.is_dark = True
    began = time.monotonic()

    with pytest.raises(NoAnswer):
        await connect(url)

    assert time.monotonic() - began < 5


async def test_hosts_of_a_list_may_be_socket_folders(server_url: str, database_url: str) -> None:
    folder = parse_qs(urlsplit(server_url).query).get("host", [""])[0]
    if not folder.startswith("/"):
        pytest.skip("needs a server with a Unix socket")
    start, _, path = database_url.partition("?")[0].partition("@")
    hosts = ",".join([f"{quote(folder, safe='')}:5432"] * 2)

    connection = await connect(f"{start}@{hosts}{path}")
    await connection.close()


async def test_a_server_that_refuses_is_said_so() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(NotConnected, match=str(port)):
        await connect(f"postgresql://nobody@127.0.0.1:{port}/none")


async def test_the_next_host_is_tried_while_one_does_not_answer(proxy_and_url: tuple[Proxy, str]) -> None:
    proxy, url = proxy_and_url
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        began = time.monotonic()

        connection = await connect(with_hosts(url, silent.getsockname()[1], proxy.port))

        assert connections.NEXT_HOST_SECONDS <= time.monotonic() - began < connections.CONNECT_SECONDS
        assert await connection.fetchval("select 1") == 1
        await connection.close()


async def test_the_next_host_is_tried_at_once_when_one_refuses(proxy_and_url: tuple[Proxy, str]) -> None:
    proxy, url = proxy_and_url
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        closed = listening.getsockname()[1]

    connection = await connect(f"{with_hosts(url, closed, proxy.port)}?target_session_attrs=primary")

    assert await connection.fetchval("select 1") == 1
    await connection.close()


async def test_no_host_of_a_list_has_what_is_asked_for(proxy_and_url: tuple[Proxy, str]) -> None:
    proxy, url = proxy_and_url

    with pytest.raises(Exception, match="target attribute"):
        await connect(f"{with_hosts(url, proxy.port, proxy.port)}?target_session_attrs=standby")


async def test_connections_are_kept_alive(proxy_and_url: tuple[Proxy, str]) -> None:
    connection = await connect(proxy_and_url[1])
    own_socket = socket_of(connection)
    assert own_socket
    assert own_socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    for name, value in connections.KEEP_ALIVE.items():
        if hasattr(socket, name):
            assert own_socket.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
    await connection.close()


async def test_a_connection_attempt_that_lost_is_closed(proxy_and_url: tuple[Proxy, str]) -> None:
    """Nothing is left behind where two hosts answered."""
    proxy, url = proxy_and_url
    before = len(asyncio.all_tasks())
    proxy.delay_seconds = 0.2

    connection = await connect(with_hosts(url, proxy.port, proxy.port))
    await connection.close()

    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def test_behind_a_pooler_nothing_is_asked_for_that_it_may_refuse() -> None:
    direct, pooled = (Limits.of(load_settings(statement_cache_size=size)) for size in (200, 0))

    assert set(pooled.options["server_settings"]) == {"application_name", "timezone", "datestyle"}
    assert set(direct.options["server_settings"]) > set(pooled.options["server_settings"])
    assert (pooled.command, direct.command) == (10.0, 11.0)


async def test_an_attempt_cancelled_at_any_step_leaves_no_error_behind(proxy_and_url: tuple[Proxy, str]) -> None:
    _, url = proxy_and_url
    loop = asyncio.get_running_loop()
    reported: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    try:
        for steps in range(40):
            attempt = asyncio.create_task(connect(url))
            for _ in range(steps):
                await asyncio.sleep(0)
            attempt.cancel()
            await asyncio.wait([attempt])
            if not attempt.cancelled() and attempt.exception() is None:
                attempt.result().terminate()
            del attempt
            await asyncio.sleep(0.01)  # the transport is closed in a later turn
            gc.collect()
    finally:
        loop.set_exception_handler(None)

    assert reported == []
