"""Who asks: the account, role and limits that everything else is decided by."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a key or token is for. What each may see and do is in `docs/access.md`."""

    BUILDER = "BUILDER"
    PORTAL = "PORTAL"
    PARTNER = "PARTNER"
    RECORDER = "RECORDER"
    ADMIN = "ADMIN"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What every request needs to know of its account; `money_scale` is the currency's number of decimals."""

    id: UUID
    idn: str
    name: str
    currency: str
    money_scale: int
    time_zone: str


@dataclass(frozen=True, slots=True)
class Viewer:
    """Made at the door from an API key or a signed token.

    `name` is the key's name or the token's subject; `email` is verified. `integrations` limit a PARTNER; `agents` (idn)
    limit the bearer to these agents, empty is all. `key_id` is None for the bearer of a token.
    """

    account: AccountFacts
    role: Role
    name: str
    email: str | None = None
    integrations: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    key_id: UUID | None = None

    @property
    def identity(self) -> str:
        """Who it is, whatever a key is called or whoever else has the same name."""
        return f"key {self.key_id}" if self.key_id else f"token {self.name}"
