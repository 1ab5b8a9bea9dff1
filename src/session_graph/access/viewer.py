"""The viewer: the caller's account, role and limits, by which every access is decided."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """The role of a key or token. `docs/access.md` says what each role may see and do."""

    BUILDER = "BUILDER"
    PORTAL = "PORTAL"
    PARTNER = "PARTNER"
    RECORDER = "RECORDER"
    ADMIN = "ADMIN"


SIGNED = "token "
"""Begins what names a token's subject in histories; no key's name begins so."""


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What every request needs of its account; `money_scale` is the currency's number of decimals."""

    id: UUID
    idn: str
    name: str
    currency: str
    money_scale: int
    time_zone: str
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Viewer:
    """The caller, as an API key or a signed token authenticates it.

    `name` is the key's name or the token's subject; `email` is verified. A PARTNER sees the
    sessions of its `integrations` only; a viewer with `agents` (idn) sees those of these agents only. `key_id` is None
    if a token authenticated the viewer; `expires_at` is then the token's `exp`, in seconds since 1970.
    """

    account: AccountFacts
    role: Role
    name: str
    email: str | None = None
    integrations: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    key_id: UUID | None = None
    expires_at: float | None = field(default=None, compare=False)

    @property
    def identity(self) -> str:
        """Return what identifies the viewer: a key by its id, as names of keys are not unique."""
        return f"key {self.key_id}" if self.key_id else f"token {self.name}"

    @property
    def author(self) -> str:
        """Return how histories name the viewer: a key by its name, a token as `token` and its subject."""
        return self.name if self.key_id else f"{SIGNED}{self.name}"
