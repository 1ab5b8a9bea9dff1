"""Addresses of clients, as far as limits count by them."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

SITE_BITS = 64
"""The part of an IPv6 address that one network has in common (RFC 4291, section 2.5.4): its hosts choose the rest."""


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address, as IPv4 if it is one that is mapped to IPv6; None if the text is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(4096)
def address_group(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the network of an IPv6 address."""
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((int(parsed) >> SITE_BITS << SITE_BITS, SITE_BITS)))
    return address if parsed is None else str(parsed)
