"""The keys that verify tokens: one from the settings, or an issuer's JSON Web Key Set (RFC 7517)."""

import asyncio
import json
import logging
from base64 import b64decode
from collections.abc import Callable
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

from session_graph.errors import SettingError
from session_graph.settings import PREFIX

LOGGER = logging.getLogger(__name__)

REFRESH_PAUSE = 30.0
"""Seconds between two attempts to fetch a key set, whether or not the first succeeded."""

REFRESH_AFTER = 300.0
"""Seconds after which a key set is fetched again even for a known key, so that a withdrawn key stops working."""

STALE_AFTER = 2 * REFRESH_AFTER
"""Seconds after which a key set verifies nothing before the attempt to fetch it again has ended."""

ATTEMPT_POLL = 1.0
"""Seconds between two looks of an open connection at a key set that is being fetched."""

FETCH_TIMEOUT = 5.0

RSA_BITS = 2048
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVE_ALGORITHMS = {"secp256r1": ("ES256",), "secp384r1": ("ES384",)}
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""A secret has at least the length of the hash (RFC 7518, section 3.2)."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_UNREADABLE = (jwt.PyJWTError, UnsupportedAlgorithm, OSError, TimeoutError, ValueError, TypeError, KeyError)
"""What reading a key set can raise, whatever its content."""

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key and the algorithms whose signatures it verifies."""

    key: PublicKey | bytes = field(repr=False)
    algorithms: tuple[str, ...]


class KeySet:
    """An issuer's public keys by `kid`, from its JSON Web Key Set (RFC 7517) in a file or at an address.

    The keys are cached, and read again for an unknown `kid` or when they are older than REFRESH_AFTER: in a thread, by
    one attempt at a time (single-flight), with a pause after each. Keys that are older than STALE_AFTER wait for the
    attempt. If it fails, the cached keys stay in use, so that tokens work while the issuer does not answer.
    Raises SettingError for an unusable source: a file is read at once, an address when the first token arrives.
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
        """Return the key with exactly this `kid`; None if there is none."""
        if not isinstance(kid, str):
            return None
        age = self._clock() - self._read_at
        attempt = self._begin_attempt() if kid not in self._keys or age > REFRESH_AFTER else None
        if attempt and (kid not in self._keys or age > STALE_AFTER):
            await asyncio.shield(attempt)  # other requests wait for it too
        return self._keys.get(kid)

    def seconds_until_due(self) -> float:
        """Return in how many seconds `find` may answer differently, because the keys are due to be fetched again."""
        if self._attempt and not self._attempt.done():
            return ATTEMPT_POLL
        now = self._clock()
        return max(self._read_at + REFRESH_AFTER - now, self._tried_at + REFRESH_PAUSE - now, ATTEMPT_POLL)

    def _begin_attempt(self) -> asyncio.Task[None] | None:
        """Return the running attempt or a new one; None during the pause."""
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
            LOGGER.warning("The key set could not be read: %s", type(error).__name__)
        else:
            self._keys, self._read_at = keys, self._clock()

    def _read_now(self) -> None:
        try:
            self._keys = read_key_set(self._read())
        except _UNREADABLE as error:
            raise SettingError(f"{PREFIX}JWT_JWKS: the file cannot be used ({type(error).__name__})") from None
        self._tried_at = self._read_at = self._clock()


def read_key(text: str) -> VerifyingKey:
    """Return the key of a PEM public key (with line breaks, or `\\n` for them) or of a shared secret.

    Raises SettingError for anything else, and for a public key in another form: as a secret it would be known to all.
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
    """Return the keys that can verify, by `kid`; the first of duplicates. Raises ValueError if there are none."""
    members = document.get("keys") if isinstance(document, dict) else None
    keys: dict[str, VerifyingKey] = {}
    for member in members if isinstance(members, list) else []:
        if key := _read_member(member):
            keys.setdefault(member["kid"], key)
    if not keys:
        raise ValueError("no usable key")
    return keys


def algorithms_of(key: object) -> tuple[str, ...]:
    """Return the algorithms of this key (RFC 7518, section 3.1; RFC 8037); none if it is weak, private or unknown."""
    match key:
        case RSAPublicKey() if key.key_size >= RSA_BITS:
            return RSA_ALGORITHMS
        case EllipticCurvePublicKey():
            return CURVE_ALGORITHMS.get(key.curve.name, ())
        case Ed25519PublicKey():
            return ("EdDSA",)
    return ()


def _unusable_key(reason: str) -> SettingError:
    return SettingError(f"{PREFIX}JWT_KEY: {reason}")


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
    """Return whether the text is a public key in base64: the body of a PEM, or all of one."""
    try:
        data = b64decode(text)
        return b"-----BEGIN" in data or bool(load_der_public_key(data))
    except (ValueError, UnsupportedAlgorithm):
        return False


def _read_member(member: Any) -> VerifyingKey | None:
    """Return the key of a member of a key set; None unless it is a public key with a `kid`, for signatures."""
    if not isinstance(member, dict) or not isinstance(member.get("kid"), str):
        return None
    try:
        if member.get("use", "sig") != "sig" or "verify" not in member.get("key_ops", ["verify"]):
            return None
        return _verifying(jwt.PyJWK({**member, "alg": None}).key, member.get("alg"))
    except _UNREADABLE:
        return None


def _verifying(key: object, algorithm: object = None) -> VerifyingKey | None:
    """Return the key with its algorithms, or with `algorithm` alone if the key set names one."""
    allowed = tuple(name for name in algorithms_of(key) if algorithm in (None, name))
    return VerifyingKey(cast(PublicKey, key), allowed) if allowed else None


def _is_address(source: str) -> bool:
    return "://" in source


def _reader_of(source: str) -> Callable[[], object]:
    """Return the blocking reader of the source. An address is https, or http to this machine; no redirects."""
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
