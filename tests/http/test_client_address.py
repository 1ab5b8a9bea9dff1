"""The client's address is believed only from trusted proxies, and never what the client has written itself."""

import pytest

from session_graph.access.addresses import address_group
from session_graph.errors import SettingError
from session_graph.http.client_address import MAX_FORWARDED_BYTES, ClientAddresses
from session_graph.settings import load_settings

PROXIES = ClientAddresses(("10.0.0.1", "192.168.0.0/16", "2001:db8:1::/48"))


def find(peer: str, *headers: tuple[str, str], clients: ClientAddresses = PROXIES) -> str:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return clients.find({"type": "http", "client": (peer, 1234), "headers": raw})


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5:4711", "203.0.113.5"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.5, 192.168.3.4", "203.0.113.5"),
        ("192.168.3.4", "203.0.113.5,10.0.0.1", "203.0.113.5"),
        ("10.0.0.1", "2001:db8:9::1", "2001:db8:9::1"),
        ("10.0.0.1", "[2001:db8:9::1]:80", "2001:db8:9::1"),
        ("2001:db8:1::7", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("203.0.113.9", "203.0.113.5", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5, unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5, \u2028, ::ffff:192.168.1.1", "192.168.1.1"),
        ("10.0.0.1", "1.2.3.4," * 400 + "203.0.113.5", "10.0.0.1"),
    ],
)
def test_x_forwarded_for(peer: str, forwarded: str, client: str) -> None:
    assert find(peer, ("X-Forwarded-For", forwarded)) == client


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("for=203.0.113.5;proto=http;by=10.0.0.1", "203.0.113.5"),
        ('proto=https; For="203.0.113.5:80"', "203.0.113.5"),
        ('for="[2001:db8:9::1]:4711"', "2001:db8:9::1"),
        ("for=1.2.3.4, for=203.0.113.5, for=192.168.1.1", "203.0.113.5"),
        ("for=203.0.113.5, for=_hidden", "10.0.0.1"),
        ("for=unknown", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
    ],
)
def test_forwarded(forwarded: str, client: str) -> None:
    """RFC 7239, section 4."""
    assert find("10.0.0.1", ("Forwarded", forwarded)) == client


def test_a_header_that_the_client_adds_to_the_proxys_is_not_believed() -> None:
    written, forged = ("X-Forwarded-For", "203.0.113.5"), ("Forwarded", "for=1.2.3.4")

    assert find("10.0.0.1", written, forged) == "10.0.0.1"
    assert find("10.0.0.1", written, ("Forwarded", "for=203.0.113.5")) == "203.0.113.5"


def test_headers_of_one_name_are_one_list() -> None:
    assert find("10.0.0.1", ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "203.0.113.5")) == "203.0.113.5"


def test_without_trusted_proxies_headers_are_not_read() -> None:
    assert find("10.0.0.1", ("X-Forwarded-For", "203.0.113.5"), clients=ClientAddresses()) == "10.0.0.1"


def test_headers_of_other_peers_are_not_kept() -> None:
    clients = ClientAddresses(("10.0.0.1",))
    for number in range(100):
        find("203.0.113.9", ("X-Forwarded-For", f"203.0.113.{number}"), clients=clients)
        find("10.0.0.1", ("X-Forwarded-For", "x" * (MAX_FORWARDED_BYTES + 1)), clients=clients)

    assert clients._find.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8:9:1:2:3:4:5", "2001:db8:9:1::/64"),
        ("no address", "no address"),
    ],
)
def test_the_hosts_of_a_network_are_one_client(address: str, group: str) -> None:
    assert address_group(address) == group


def test_trusted_proxies_are_of_no_group() -> None:
    assert PROXIES.group("192.168.1.1") is None
    assert PROXIES.group("") is None
    assert PROXIES.group("203.0.113.5") == "203.0.113.5"


def test_trusted_proxies_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_GRAPH_TRUSTED_PROXIES", "10.0.0.1, 192.168.0.0/16,,2001:db8:1::/48 ")

    assert load_settings().trusted_proxies == ("10.0.0.1", "192.168.0.0/16", "2001:db8:1::/48")


@pytest.mark.parametrize("proxy", ["*", "proxy.example", "10.0.0.1/8", "10.0.0.256"])
def test_a_proxy_that_is_no_address_ends_the_start(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("SESSION_GRAPH_TRUSTED_PROXIES", proxy)

    with pytest.raises(SettingError, match=r"SESSION_GRAPH_TRUSTED_PROXIES: .* is neither an address nor a network"):
        load_settings()
