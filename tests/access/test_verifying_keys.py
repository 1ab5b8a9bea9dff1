"""Which keys verify a token, with which algorithms, and how a setting with an unusable key is refused."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from session_graph.access.tokens import TokenVerifier, read_key
from session_graph.errors import SettingError
from session_graph.settings import Settings
from session_graph.store.models import Account
from support.tokens import (
    SECRET,
    claims_of,
    encode,
    is_accepted,
    jwk,
    private_key,
    private_pem,
    public_pem,
    settings_of,
    sign,
    sign_by_hand,
    verifier_with,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@pytest.mark.parametrize(
    ("kind", "algorithms"),
    [
        ("RSA", {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ("P-256", {"ES256"}),
        ("P-384", {"ES384"}),
        ("Ed25519", {"EdDSA"}),
    ],
)
async def test_a_public_key_takes_the_algorithms_of_its_kind(account: Account, kind: str, algorithms: set[str]) -> None:
    verifier = verifier_with(key=public_pem(kind))

    for algorithm in algorithms:
        assert await is_accepted(verifier, sign(claims_of(account), kind, algorithm)), algorithm
    assert set(read_key(public_pem(kind)).algorithms) == algorithms


@pytest.mark.parametrize(
    ("length", "algorithms"), [(32, ["HS256"]), (48, ["HS256", "HS384"]), (64, ["HS256", "HS384", "HS512"])]
)
async def test_a_secret_takes_the_hashes_it_is_long_enough_for(
    account: Account, length: int, algorithms: list[str]
) -> None:
    verifier = verifier_with(key=SECRET[:length])

    for algorithm in ("HS256", "HS384", "HS512"):
        token = sign_by_hand(SECRET[:length].encode(), claims_of(account), algorithm)
        assert await is_accepted(verifier, token) == (algorithm in algorithms)


@pytest.mark.parametrize("kind", ["RSA", "P-256", "Ed25519"])
async def test_a_public_key_is_never_taken_for_a_secret(account: Account, kind: str) -> None:
    key = private_key(kind).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = [public_pem(kind).encode(), public_pem(kind).strip().encode(), der, base64.b64encode(der)]
    verifier = verifier_with(key=public_pem(kind))

    for secret in raw:
        for algorithm in ("HS256", "HS384", "HS512"):
            assert not await is_accepted(verifier, sign_by_hand(secret, claims_of(account), algorithm))


async def test_a_token_that_nobody_signed_is_refused(account: Account) -> None:
    for verifier in (verifier_with(key=public_pem("RSA")), verifier_with(key=SECRET)):
        for name in ("none", "None", "NONE", "", None):
            unsigned = f"{encode({'alg': name})}.{encode(claims_of(account))}."
            assert not await is_accepted(verifier, unsigned)


async def test_a_token_of_another_key_is_refused(account: Account) -> None:
    claims = claims_of(account)

    assert not await is_accepted(verifier_with(key=public_pem("RSA")), sign(claims, "other RSA"))
    assert not await is_accepted(verifier_with(key=public_pem("RSA")), sign(claims, "P-256", "ES256"))
    assert not await is_accepted(verifier_with(key=SECRET), sign_by_hand(SECRET[1:].encode(), claims))


async def test_a_token_cannot_bring_its_own_key(account: Account) -> None:
    header = {
        "jwk": jwk("other RSA", "mine"),
        "jku": "https://evil.example.com/keys",
        "x5u": "https://evil.example.com",
    }
    token = jwt.encode(claims_of(account), private_key("other RSA"), "RS256", headers=header)

    assert not await is_accepted(verifier_with(key=public_pem("RSA")), token)


async def test_a_changed_token_is_refused(account: Account) -> None:
    header, _, signature = sign(claims_of(account)).split(".")
    promoted = encode(claims_of(account, role="ADMIN"))

    assert not await is_accepted(verifier_with(key=public_pem("RSA")), f"{header}.{promoted}.{signature}")


@pytest.mark.parametrize(
    "key",
    [
        "too short",
        SECRET[:31],
        "-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
        private_pem("P-256"),
        public_pem("weak RSA"),
        public_pem("secp256k1"),
        "".join(public_pem("RSA").splitlines()[1:-1]),
        base64.b64encode(public_pem("RSA").encode()).decode(),
        json.dumps(jwk("RSA", "a")),
        private_key("RSA").public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    ],
    ids=range(11),
)
def test_a_key_that_cannot_be_used_ends_the_start_with_the_name_of_its_setting(key: str) -> None:
    with pytest.raises(SettingError, match=r"^SESSION_GRAPH_JWT_KEY: ") as refusal:
        verifier_with(key=key)

    assert key not in str(refusal.value)


def test_without_a_key_there_is_no_verifier() -> None:
    assert TokenVerifier.from_settings(Settings()) is None
    assert TokenVerifier.from_settings(settings_of(key=SECRET)) is not None
    with pytest.raises(SettingError, match="SESSION_GRAPH_JWT_ISSUER"):
        TokenVerifier(Settings())
    with pytest.raises(SettingError, match="SESSION_GRAPH_JWT_KEY"):
        TokenVerifier(settings_of())


def test_the_operator_is_told_that_a_private_key_does_not_belong_here() -> None:
    with pytest.raises(SettingError, match="private"):
        verifier_with(key=private_pem("RSA"))


async def test_the_line_breaks_of_a_pem_may_be_written_in_one_line(account: Account) -> None:
    verifier = verifier_with(key=public_pem("RSA").replace("\n", "\\n"))

    assert await is_accepted(verifier, sign(claims_of(account)))
