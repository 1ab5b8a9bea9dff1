"""Signed tokens: a JWT of the operator's own identity provider becomes a Viewer.

Which algorithms may have signed follows from the kind of key, never from the token (RFC 8725, section 3.1). Whatever is
wrong with a token, its bearer hears the same sentence; the reason goes to the log, without anything of the token.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import jwt

from session_graph.access.accounts import find_facts
from session_graph.access.api_keys import limit_problems
from session_graph.access.key_sets import Clock, KeySet, read_key
from session_graph.access.viewer import Role, Viewer
from session_graph.errors import SettingError, Unauthenticated
from session_graph.parsing import check_email, check_name, check_text
from session_graph.settings import PREFIX, Settings

LEEWAY = 10
"""Seconds by which clocks may differ."""

SUBJECT_LIMIT = 255
"""OpenID Connect Core 1.0, section 2."""

_REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Bearer:
    """What a token says of who bears it; the account by its idn."""

    account: str
    role: Role
    name: str
    email: str | None
    integrations: tuple[str, ...]
    agents: tuple[str, ...]


class TokenVerifier:
    """Turns a token into its Viewer, by the key or key set of the settings.

    Raises SettingError, which names the variable, where these cannot be used.
    """

    def __init__(self, settings: Settings, clock: Clock = monotonic) -> None:
        if not (settings.jwt_issuer and settings.jwt_audience):
            raise SettingError(f"Tokens need {PREFIX}JWT_ISSUER and {PREFIX}JWT_AUDIENCE.")
        self._settings = settings
        self._key = read_key(settings.jwt_key.get_secret_value()) if settings.jwt_key else None
        self._key_set = KeySet(settings.jwt_jwks, clock) if settings.jwt_jwks else None
        if not (self._key or self._key_set):
            raise SettingError(f"Tokens need {PREFIX}JWT_KEY or {PREFIX}JWT_JWKS.")

    @classmethod
    def from_settings(cls, settings: Settings) -> "TokenVerifier | None":
        """None where the settings have neither key nor key set: then no token is taken."""
        return cls(settings) if settings.jwt_key or settings.jwt_jwks else None

    async def verify(self, token: str) -> Viewer:
        """Raises Unauthenticated, in the same words for every reason."""
        try:
            bearer = self._read_bearer(await self._read_claims(token))
        except jwt.PyJWTError as error:
            raise _refused(type(error).__name__) from None
        except ValueError as error:
            raise _refused(str(error)) from None
        account = await find_facts(bearer.account)
        if account is None:
            raise _refused("its account does not exist")
        return Viewer(account, bearer.role, bearer.name, bearer.email, bearer.integrations, bearer.agents)

    async def find_expiry(self, token: str) -> float:
        """Until when a token that was verified is taken; seconds since 1970."""
        claims = await self._read_claims(token)
        return float(claims["exp"]) + LEEWAY

    async def _read_claims(self, token: str) -> dict[str, Any]:
        key = self._key
        if self._key_set:
            key = await self._key_set.find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise ValueError("no such key in the key set")
        return jwt.decode(
            token,
            key.key,
            algorithms=key.algorithms,
            audience=self._settings.jwt_audience,
            issuer=self._settings.jwt_issuer,
            leeway=LEEWAY,
            options={"require": _REQUIRED_CLAIMS},
        )

    def _read_bearer(self, claims: Mapping[str, Any]) -> _Bearer:
        """Raises ValueError, whose sentence repeats nothing of the token."""
        settings = self._settings
        bearer = _Bearer(
            account=_text(claims, settings.jwt_account_claim),
            role=_role(claims, settings.jwt_role_claim),
            name=check_name(_text(claims, "sub"), SUBJECT_LIMIT),
            email=check_email(_text(claims, "email")) if _has_email(claims) else None,
            integrations=_texts(claims, settings.jwt_integrations_claim),
            agents=_texts(claims, settings.jwt_agents_claim),
        )
        for problem in limit_problems(bearer.role, bearer.integrations, bearer.agents):
            raise ValueError(str(problem))
        return bearer


def _refused(reason: str) -> Unauthenticated:
    logger.info("Token refused: %s", reason)
    return Unauthenticated()


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"the claim {name} must be a text")
    return check_text(value)


def _texts(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A limit, each option once; none without the claim. An empty or odd one is refused: it must not mean "all"."""
    if name not in claims:
        return ()
    values = claims[name]
    if not isinstance(values, list) or not values or not all(isinstance(value, str) and value for value in values):
        raise ValueError(f"the claim {name} must be a list of texts that is not empty")
    return tuple(dict.fromkeys(map(check_text, values)))


def _role(claims: Mapping[str, Any], name: str) -> Role:
    value = _text(claims, name)
    if value not in Role.__members__:
        raise ValueError(f"the claim {name} must be a role")
    return Role(value)


def _has_email(claims: Mapping[str, Any]) -> bool:
    """OpenID Connect Core 1.0, section 5.1: `email` says who someone is only where `email_verified` is true."""
    return claims.get("email_verified") is True and "email" in claims
