"""Signed tokens to test with: keys of every kind, claims, and verifiers of the tokens."""

import base64
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from pydantic import SecretStr

from session_graph.access.tokens import TokenVerifier
from session_graph.errors import Unauthenticated
from session_graph.settings import Settings
from session_graph.store.models import Account

ISSUER = "https://login.example.com/"
AUDIENCE = "session-graph"
SECRET = "correct horse battery staple, and 64 bytes or more in all, please"


@dataclass(frozen=True)
class SecondsFromNow:
    """A time, in seconds after the token is made."""

    seconds: int


PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Claims = dict[str, Any]


@cache
def private_key(kind: str) -> PrivateKey:
    """Return the one key of this kind; RSA keys take long to make, so each is made once in a run."""
    match kind:
        case "RSA" | "other RSA":
            return rsa.generate_private_key(65537, 2048)
        case "weak RSA":
            return rsa.generate_private_key(65537, 1024)
        case "P-256":
            return ec.generate_private_key(ec.SECP256R1())
        case "P-384":
            return ec.generate_private_key(ec.SECP384R1())
        case "secp256k1":
            return ec.generate_private_key(ec.SECP256K1())
    return ed25519.Ed25519PrivateKey.generate()


def public_pem(kind: str) -> str:
    return private_key(kind).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(kind: str) -> str:
    return private_key(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def jwk(kind: str, kid: str | None, **more: object) -> dict[str, object]:
    """Return the public key as a member of a key set (RFC 7517)."""
    key = private_key(kind).public_key()
    match key:
        case rsa.RSAPublicKey():
            member = RSAAlgorithm.to_jwk(key, as_dict=True)
        case ec.EllipticCurvePublicKey():
            member = ECAlgorithm.to_jwk(key, as_dict=True)
        case _:
            member = OKPAlgorithm.to_jwk(key, as_dict=True)
    member.pop("key_ops", None)
    return member | ({"kid": kid} if kid is not None else {}) | more


def verifier_with(**values: str) -> TokenVerifier:
    return TokenVerifier(settings_of(**values))


def settings_of(**values: str) -> Settings:
    return Settings(
        jwt_key=SecretStr(values["key"]) if "key" in values else None,
        jwt_jwks=values.get("jwks"),
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
    )


def claims_of(account: Account, /, **claims: object) -> Claims:
    """Return the fewest claims that are accepted, updated with `claims`; a claim whose value is ... is left out."""
    least = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": SecondsFromNow(600),
        "sub": "ana",
        "account": account.idn,
        "role": "BUILDER",
    }
    now = int(datetime.now(UTC).timestamp())
    kept = {name: value for name, value in (least | claims).items() if value is not ...}
    return {name: now + value.seconds if isinstance(value, SecondsFromNow) else value for name, value in kept.items()}


def sign(claims: Claims, kind: str = "RSA", algorithm: str = "RS256", kid: str | None = None) -> str:
    return jwt.encode(claims, private_key(kind), algorithm, headers={"kid": kid} if kid is not None else None)


def encode(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def refusal_of(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        await verifier.verify(token)
    return refusal.value.message


async def is_accepted(verifier: TokenVerifier, token: str) -> bool:
    try:
        await verifier.verify(token)
    except Unauthenticated:
        return False
    return True


def sign_by_hand(secret: bytes, claims: Claims, algorithm: str = "HS256", **header: object) -> str:
    """Sign without a library, as an attacker can: a library refuses a public key as a secret."""
    content = f"{encode({'alg': algorithm} | header)}.{encode(claims)}"
    return f"{content}.{encode(hmac.digest(secret, content.encode(), f'sha{algorithm[2:]}'))}"
