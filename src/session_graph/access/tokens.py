"""Signed tokens: a JWT of the operator's own identity provider becomes a Viewer.

Which algorithms may have signed follows from the kind of key, never from the token (RFC 8725, section 3.1). Whatever is
wrong with a token, its bearer hears the same sentence; the reason goes to the log, without anything of the token.
"""

import asyncio
import json
import logging
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key
from jwt.algorithms import HMACAlgorithm

from session_graph.access.accounts import find_facts
from session_graph.access.api_keys import limit_problems
from session_graph.access.viewer import Role, Viewer
from session_graph.errors import SettingError, Unauthenticated
from session_graph.parsing import check_email, check_name, check_text
from session_graph.settings import PREFIX, Settings

LEEWAY = 10
"""Seconds by which clocks may differ."""

SUBJECT_LIMIT = 255
"""OpenID Connect Core 1.0, section 2."""

REFRESH_PAUSE = 30.0
"""Seconds between two attempts to fetch a key set, whatever came of the first."""

REFRESH_AFTER = 300.0
"""Seconds after which a key set is fetched anew though it has the key, so that a withdrawn key ends."""

FETCH_TIMEOUT = 5.0

RSA_BITS = 2048
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVE_ALGORITHMS = {"secp256r1": ("ES256",), "secp384r1": ("ES384",)}
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""A secret is at least as long as the hash (RFC 7518, section 3.2)."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]
_UNREADABLE = (jwt.PyJWTError, UnsupportedAlgorithm, OSError, TimeoutError, ValueError, TypeError, KeyError)
"""What reading a key set can come to, whatever it holds."""

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
Clock = Callable[[], float]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key and the algorithms it verifies."""

    key: PublicKey | bytes = field(repr=False)
    algorithms: tuple[str, ...]


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


class KeySet:
    """An issuer's public keys by `kid`, as its JSON Web Key Set has them (RFC 7517): from a file, or an address.

    Kept, and read anew when an unknown `kid` comes or they are old: one attempt at a time, with a pause after each, off
    the event loop. While an attempt fails, the keys that are there go on serving. Raises SettingError for a source that
    cannot be used: a file is read at once, an address when the first token comes.
    """

    def __init__(self, source: str, clock: Clock = monotonic) -> None:
        self._clock = clock
        self._read = _reader_of(source)
        self._keys: dict[str, VerifyingKey] = {}
        self._tried_at = -inf
        self._read_at = -inf
        self._attempt: asyncio.Task[None] | None = None
        if not _is_address(source):
            self._read_now()

    async def find(self, kid: object) -> VerifyingKey | None:
        """The key of exactly this `kid`."""
        if not isinstance(kid, str):
            return None
        attempt = self._begin_attempt() if kid not in self._keys or self._is_old() else None
        if attempt and kid not in self._keys:
            await asyncio.shield(attempt)  # others wait for it too
        return self._keys.get(kid)

    def _is_old(self) -> bool:
        return self._clock() - self._read_at > REFRESH_AFTER

    def _begin_attempt(self) -> asyncio.Task[None] | None:
        """The attempt that is under way, or a new one; None during the pause."""
        if self._attempt and not self._attempt.done():
            return self._attempt
        if self._clock() - self._tried_at < REFRESH_PAUSE:
            return None
        self._tried_at = self._clock()
        self._attempt = asyncio.create_task(self._refresh())
        return self._attempt

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(2 * FETCH_TIMEOUT):
                keys = await asyncio.to_thread(lambda: read_key_set(self._read()))
        except _UNREADABLE as error:
            logger.warning("The key set could not be read: %s", type(error).__name__)
        else:
            self._keys, self._read_at = keys, self._clock()

    def _read_now(self) -> None:
        try:
            self._keys = read_key_set(self._read())
        except _UNREADABLE as error:
            raise SettingError(f"{PREFIX}JWT_JWKS: the file cannot be used ({type(error).__name__})") from None
        self._tried_at = self._read_at = self._clock()


def read_key(text: str) -> VerifyingKey:
    """A public key in PEM (its line breaks may be written `\\n`), or a shared secret. Raises SettingError for the rest.

    A public key in another form is refused: taken for a secret, it would be one that everybody knows.
    """
    if "-----BEGIN" in text:
        return _read_pem(text.replace("\\n", "\n"))
    secret = text.encode()
    algorithms = tuple(name for name, length in SECRET_BYTES.items() if len(secret) >= length)
    if not algorithms:
        raise _unusable_key("must be a PEM public key or a secret of 32 bytes or more")
    if _is_bare_public_key(text):
        raise _unusable_key("is a public key without its BEGIN and END lines")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.InvalidKeyError:
        raise _unusable_key("is neither a PEM public key nor a secret") from None
    return VerifyingKey(secret, algorithms)


def read_key_set(document: object) -> dict[str, VerifyingKey]:
    """The keys that can verify, by `kid`; of two with the same, the first. Raises ValueError where there are none."""
    members = document.get("keys") if isinstance(document, dict) else None
    keys: dict[str, VerifyingKey] = {}
    for member in members if isinstance(members, list) else []:
        if key := _read_member(member):
            keys.setdefault(member["kid"], key)
    if not keys:
        raise ValueError("no usable key")
    return keys


def algorithms_of(key: object) -> tuple[str, ...]:
    """What may have signed for this key (RFC 7518, section 3.1; RFC 8037); nothing for a weak, private or other key."""
    match key:
        case RSAPublicKey() if key.key_size >= RSA_BITS:
            return RSA_ALGORITHMS
        case EllipticCurvePublicKey():
            return CURVE_ALGORITHMS.get(key.curve.name, ())
        case Ed25519PublicKey():
            return ("EdDSA",)
    return ()


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


def _unusable_key(what: str) -> SettingError:
    return SettingError(f"{PREFIX}JWT_KEY: {what}")


def _read_pem(text: str) -> VerifyingKey:
    if "PRIVATE KEY-----" in text:
        raise _unusable_key("must be the public key; the private one is the issuer's alone")
    try:
        key = load_pem_public_key(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable_key("is not a public key in PEM") from None
    if verifying := _verifying(key):
        return verifying
    raise _unusable_key("must be RSA of 2048 bits or more, EC on P-256 or P-384, or Ed25519")


def _is_bare_public_key(text: str) -> bool:
    """Whether the text is a public key in base64: the body of a PEM, or all of one."""
    try:
        data = b64decode(text)
        return b"-----BEGIN" in data or bool(load_der_public_key(data))
    except (ValueError, UnsupportedAlgorithm):
        return False


def _read_member(member: Any) -> VerifyingKey | None:
    """A member of a key set, told by its kind; None for what is not a named public key for signatures, as a secret."""
    if not isinstance(member, dict) or not isinstance(member.get("kid"), str):
        return None
    try:
        if member.get("use", "sig") != "sig" or "verify" not in member.get("key_ops", ["verify"]):
            return None
        return _verifying(jwt.PyJWK({**member, "alg": None}).key, member.get("alg"))
    except _UNREADABLE:
        return None


def _verifying(key: object, algorithm: object = None) -> VerifyingKey | None:
    """The key with what may have signed for it: just `algorithm` where the key set names one."""
    allowed = tuple(name for name in algorithms_of(key) if algorithm in (None, name))
    return VerifyingKey(cast(PublicKey, key), allowed) if allowed else None


def _is_address(source: str) -> bool:
    return "://" in source


def _reader_of(source: str) -> Callable[[], object]:
    """What reads the key set, blocking. An address is https, or http to this machine; redirects are not followed."""
    if not _is_address(source):
        return lambda: json.loads(Path(source).read_bytes())
    try:
        address = urlsplit(source)
        is_safe = address.scheme == "https" or (address.scheme == "http" and address.hostname in _LOOPBACK)
    except ValueError:
        is_safe = False
    if not is_safe or not address.hostname:
        raise SettingError(f"{PREFIX}JWT_JWKS: must be a file, or an address that begins with https://")
    return jwt.PyJWKClient(source, cache_jwk_set=False, timeout=FETCH_TIMEOUT).fetch_data
