"""Whose request it is: the address of the client, also behind proxies that the operator trusts.

A header is believed only if the peer is a trusted proxy, and of the addresses in it only the right-most one that is
not a trusted proxy itself: everything to the left of it is whatever the client has sent. A proxy writes one of
`Forwarded` (RFC 7239) and `X-Forwarded-For`, and passes the other on; so if a request has both and they name different
clients, neither is believed.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_network

from starlette.types import Scope

from session_graph.access.addresses import address_group, parse_address

MAX_FORWARDED_BYTES = 1024
"""Of both headers; longer ones name nobody."""

_NAMES = (b"forwarded", b"x-forwarded-for")
_FORWARDED_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]+)(?::\d+)?")


Fields = tuple[tuple[bytes, bytes], ...]
"""Names and values of headers."""


class ClientAddresses:
    """Finds the address of a request's client. `trusted` are the addresses and networks of proxies."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._networks = [ip_network(each) for each in trusted]
        self._find = lru_cache(4096)(self._find_behind)
        self._is_trusted = lru_cache(4096)(self._compare)

    def find(self, scope: Scope) -> str:
        """Return the client's address; empty if there is none, as over a Unix socket."""
        client = scope.get("client")
        peer: str = client[0] if client else ""
        if not self._networks or not self._is_trusted(peer):
            return peer
        headers = tuple(each for each in scope["headers"] if each[0] in _NAMES)
        return self._find(peer, headers) if sum(len(value) for _, value in headers) <= MAX_FORWARDED_BYTES else peer

    def group(self, address: str) -> str | None:
        """Return what limits of connections count the address by; None for trusted proxies, which have no limit."""
        return None if not address or self._is_trusted(address) else address_group(address)

    def _compare(self, address: str) -> bool:
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def _find_behind(self, peer: str, headers: Fields) -> str:
        chains = [_read_chain(headers, name) for name in _NAMES]
        found = {self._last_untrusted(peer, chain) for chain in chains if chain}
        return found.pop() if len(found) == 1 else peer

    def _last_untrusted(self, peer: str, chain: Sequence[str]) -> str:
        """Return the first address from the right that is not a proxy's; what is no address ends the search."""
        address = peer
        for text in reversed(chain):
            if not self._is_trusted(address) or (parsed := parse_address(text)) is None:
                break
            address = str(parsed)
        return address


def _read_chain(headers: Fields, name: bytes) -> list[str]:
    """Return the addresses without ports of all headers of this name, the nearest last."""
    text = ",".join(value.decode("latin-1") for found, value in headers if found == name)
    parts = text.split(",") if text else []
    return [_without_port(_node(part) if name == _NAMES[0] else part.strip()) for part in parts]


def _node(element: str) -> str:
    """Return the `for` of an element of Forwarded; empty if it has none."""
    found = _FORWARDED_FOR.search(element)
    return found[1].strip().strip('"') if found else ""


def _without_port(node: str) -> str:
    form = _WITH_PORT.fullmatch(node)
    return (form[1] or form[2]) if form else node
