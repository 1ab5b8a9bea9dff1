"""Whether connections to PostgreSQL are encrypted, and whom they would believe to be the server.

asyncpg decides, from the address and from libpq's variables and files (`PGSSLMODE`, `PGHOST`, `PGSERVICE`,
`~/.postgresql`); this module asks it. Networks are not judged: a private one counts like any other.
"""

import ipaddress
import logging
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from session_graph.settings import PREFIX, Settings
from session_graph.store.internals import parse_address

ADVICE = "add sslmode=verify-full to the address (docs/database.md, TLS)."


@dataclass(frozen=True, slots=True)
class Remark:
    """What an operator should know about an address of the database."""

    level: int
    """One of `logging`."""
    text: str


def describe_transport(settings: Settings) -> Iterator[Remark]:
    """Yield a remark for each address of the settings that reaches another machine without TLS and all its checks."""
    for name in ("database_url", "listen_url"):
        address = getattr(settings, name)
        if address and (remark := judge_address(address.get_secret_value())):
            yield Remark(remark.level, f"{PREFIX}{name.upper()}: {remark.text}")


def judge_address(url: str) -> Remark | None:
    """Return a remark on an address; None if all is well, or if connecting is going to say what is wrong with it."""
    try:
        hosts, context = parse_address(url)
    except (ValueError, OSError):
        return None
    remote = ", ".join(host for host in hosts if not is_local(host))
    if not remote:
        return None
    if context is None:
        return Remark(logging.WARNING, f"the connection to {remote} need not be encrypted: {ADVICE}")
    if context.verify_mode != ssl.CERT_REQUIRED:
        text = f"the connection to {remote} is encrypted, but the server's certificate is not checked: {ADVICE}"
        return Remark(logging.INFO, text)
    if not context.check_hostname:
        text = f"the certificate of {remote} is checked, but not whether it is of that host: {ADVICE}"
        return Remark(logging.INFO, text)
    return None


def is_local(host: str) -> bool:
    """Return whether a host of an address is this machine: a socket's path, a loopback address or its name."""
    name = host.lower().rstrip(".")
    if host.startswith("/") or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
