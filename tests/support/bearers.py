"""Servers that accept signed tokens, by a key or by a key set, and the callers that such tokens make."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import orjson
from pydantic import SecretStr

from session_graph.access.accounts import facts_of
from session_graph.access.viewer import Role, Viewer
from session_graph.settings import Settings
from session_graph.store.models import Account
from support.api import Caller
from support.tokens import AUDIENCE, ISSUER, claims_of, jwk, public_pem, sign

KINDS = ("key", "key set")


def accept_tokens(settings: Settings, kind: str, folder: Path) -> Settings:
    """Return the settings with what verifies tokens of `Bearers`."""
    key_set = folder / "jwks.json"
    key_set.write_bytes(orjson.dumps({"keys": [jwk("RSA", "k1")]}))
    source: dict[str, Any] = {"jwt_key": SecretStr(public_pem("RSA"))} if kind == "key" else {"jwt_jwks": str(key_set)}
    return settings.model_copy(update={"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, **source})


@dataclass(frozen=True, slots=True)
class Bearers:
    """Makes callers of a server by tokens; `mallory`, with a verified address, is their subject."""

    client: httpx.AsyncClient

    def token(self, account: Account, /, role: str, **claims: Any) -> Caller:
        known = {"sub": "mallory", "email": "mallory@example.com", "email_verified": True}
        return Caller(self.client, sign(claims_of(account, role=role, **known | claims), kid="k1"))


def viewer_of_token(caller: Caller, account: Account) -> Viewer:
    """Return the viewer that the caller's token makes."""
    claims = jwt.decode(caller.key, options={"verify_signature": False})
    integrations, agents = (tuple(claims.get(name, ())) for name in ("integrations", "agents"))
    role, email = Role(claims["role"]), claims["email"]
    return Viewer(facts_of(account), role, claims["sub"], email, integrations, agents, expires_at=claims["exp"])
