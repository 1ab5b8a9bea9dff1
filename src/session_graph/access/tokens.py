"""Signed tokens: a JWT of the operator's identity provider becomes a Viewer.

The kind of key decides which algorithms are accepted, never the token (RFC 8725, section 3.1), and the settings decide
which types of token (section 3.11). Every refusal has the same message; its reason is logged, without any part of the
token.
"""

import logging
from collections.abc import Callable, Mapping
from math import inf
from time import monotonic, time
from typing import Any

import jwt

from session_graph.access.accounts import find_facts
from session_graph.access.api_keys import limit_problems
from session_graph.access.key_sets import Clock, KeySet, read_key
from session_graph.access.viewer import AccountFacts, Role, Viewer
from session_graph.errors import SettingError, Unauthenticated
from session_graph.parsing import check_email, check_name, check_text
from session_graph.settings import PREFIX, Settings

LEEWAY = 10
"""Seconds by which the clocks of issuer and server may differ."""

SUBJECT_LIMIT = 255
"""OpenID Connect Core 1.0, section 2."""

LATEST_TIME = 253_402_300_800
"""The start of the year 10000, in seconds since 1970. No instant of a token is that late."""

UNTYPED = "jwt"
"""The type of a token that names none (RFC 7519, section 5.1)."""

_REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]
_INSTANTS = ("exp", "nbf", "iat")
_CLAIMS_OF_OTHER_KINDS = {
    "nonce": "an ID token",
    "at_hash": "an ID token",
    "c_hash": "an ID token",
    "events": "a security event",
}
"""Claims that no access token has (OpenID Connect Core 1.0, sections 2 and 3.3.2.11; RFC 8417, section 2.2)."""

LOGGER = logging.getLogger(__name__)


class TokenVerifier:
    """Turns a token into its Viewer, with the key or key set of the settings.

    Raises SettingError, which names the variable, if these cannot be used.
    """

    def __init__(self, settings: Settings, clock: Clock = monotonic) -> None:
        if not (settings.jwt_issuer and settings.jwt_audience):
            raise SettingError(f"Tokens need {PREFIX}JWT_ISSUER and {PREFIX}JWT_AUDIENCE.")
        self._settings = settings
        self._key = read_key(settings.jwt_key.get_secret_value()) if settings.jwt_key else None
        self._key_set = KeySet(settings.jwt_jwks, clock) if settings.jwt_jwks else None
        self._types = frozenset(map(_plain_type, settings.jwt_types))
        if not (self._key or self._key_set):
            raise SettingError(f"Tokens need {PREFIX}JWT_KEY or {PREFIX}JWT_JWKS.")

    @classmethod
    def from_settings(cls, settings: Settings) -> "TokenVerifier | None":
        """Return None if the settings have neither key nor key set: then no token is accepted."""
        return cls(settings) if settings.jwt_key or settings.jwt_jwks else None

    async def verify(self, token: str) -> tuple[Viewer, float]:
        """Return the viewer and the seconds until the token must be verified again, by the clock it is verified by.

        That is when it expires, or earlier when the key set is due to be read again. Raises Unauthenticated, with one
        message for every reason.
        """
        try:
            claims = await self._read_claims(token)
            account_idn = _text(claims, self._settings.jwt_account_claim)
            make_viewer = self._read_viewer(claims)
        except jwt.PyJWTError as error:
            raise _refused(type(error).__name__) from None
        except ValueError as error:
            raise _refused(str(error)) from None
        account = await find_facts(account_idn)
        if account is None:
            raise _refused("its account does not exist")
        seconds_left = float(claims["exp"]) + LEEWAY - time()
        return make_viewer(account), min(seconds_left, self._key_set.seconds_until_due() if self._key_set else inf)

    async def _read_claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if _plain_type(header.get("typ", UNTYPED)) not in self._types:
            raise ValueError("its type is not accepted")
        key = await self._key_set.find(header.get("kid")) if self._key_set else self._key
        if key is None:
            raise ValueError("no such key in the key set")
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=key.algorithms,
            audience=self._settings.jwt_audience,
            issuer=self._settings.jwt_issuer,
            leeway=LEEWAY,
            options={"require": _REQUIRED_CLAIMS},
        )
        _check_instants(claims)
        for name, kind in _CLAIMS_OF_OTHER_KINDS.items():
            if name in claims:
                raise ValueError(f"it is {kind}, as its claim {name} shows")
        return claims

    def _read_viewer(self, claims: Mapping[str, Any]) -> Callable[[AccountFacts], Viewer]:
        """Return what makes the viewer of its account. Raises ValueError, whose message has no part of the token."""
        role = _role(claims, self._settings.jwt_role_claim)
        name = check_name(_text(claims, "sub"), SUBJECT_LIMIT)
        email = check_email(_text(claims, "email")) if _has_email(claims) else None
        integrations = _texts(claims, self._settings.jwt_integrations_claim)
        agents = _texts(claims, self._settings.jwt_agents_claim)
        for problem in limit_problems(role, integrations, agents):
            raise ValueError(str(problem))
        expires_at = float(claims["exp"])
        return lambda account: Viewer(account, role, name, email, integrations, agents, expires_at=expires_at)


def _refused(reason: str) -> Unauthenticated:
    LOGGER.info("Token refused: %s", reason)
    return Unauthenticated()


def _plain_type(value: object) -> str | None:
    """Return a media type as types are compared: in lower case, without `application/` (RFC 7515, section 4.1.9)."""
    return value.lower().removeprefix("application/") if isinstance(value, str) else None


def _check_instants(claims: Mapping[str, Any]) -> None:
    """Raise ValueError unless each instant is a NumericDate (RFC 7519, section 2) of this era: no text, no NaN."""
    for name in _INSTANTS:
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST_TIME:
            raise ValueError(f"the claim {name} must be a number of seconds since 1970")


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"the claim {name} must be a text")
    return check_text(value)


def _texts(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the values of a limit without duplicates, or none if the claim is absent.

    Raises ValueError for an empty list and for other types, which must not mean "no limit".
    """
    if name not in claims:
        return ()
    texts = claims[name]
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"the claim {name} must be a list of texts that is not empty")
    return tuple(dict.fromkeys(map(check_text, texts)))


def _role(claims: Mapping[str, Any], name: str) -> Role:
    value = _text(claims, name)
    if value not in Role.__members__:
        raise ValueError(f"the claim {name} must be a role")
    return Role(value)


def _has_email(claims: Mapping[str, Any]) -> bool:
    """An `email` counts only if `email_verified` is true (OpenID Connect Core 1.0, section 5.1)."""
    return claims.get("email_verified") is True and "email" in claims
