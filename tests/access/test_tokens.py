import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from pydantic import SecretStr

from session_graph.access import tokens
from session_graph.access.accounts import facts_of
from session_graph.access.authentication import HEADER_LIMIT, Authenticator
from session_graph.access.tokens import TokenVerifier, read_key, read_key_set
from session_graph.access.viewer import Role, Viewer
from session_graph.errors import SettingError, Unauthenticated
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

ISSUER = "https://login.example.com/"
AUDIENCE = "session-graph"
SECRET = "correct horse battery staple, and 64 bytes or more in all, please"


@dataclass(frozen=True)
class In:
    """So many seconds from the moment at which the token is made."""

    seconds: int


PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Claims = dict[str, Any]


@cache
def private_key(kind: str) -> PrivateKey:
    """One of each kind for the whole run; RSA keys take long to make."""
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
    """The public half as a member of a key set."""
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


def using(**values: str) -> TokenVerifier:
    return TokenVerifier(settings_of(**values))


def settings_of(**values: str) -> Settings:
    return Settings(
        jwt_key=SecretStr(values["key"]) if "key" in values else None,
        jwt_jwks=values.get("jwks"),
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
    )


def claims_of(account: Account, /, **claims: object) -> Claims:
    """The least that admits, and `claims` beside or instead; a claim that is ... is left out."""
    least = {"iss": ISSUER, "aud": AUDIENCE, "exp": In(600), "sub": "ana", "account": account.idn, "role": "BUILDER"}
    now = int(datetime.now(UTC).timestamp())
    given = {name: value for name, value in (least | claims).items() if value is not ...}
    return {name: now + value.seconds if isinstance(value, In) else value for name, value in given.items()}


def sign(claims: Claims, kind: str = "RSA", algorithm: str = "RS256", kid: str | None = None) -> str:
    return jwt.encode(claims, private_key(kind), algorithm, headers={"kid": kid} if kid is not None else None)


def encode(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def refusal_of(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        await verifier.verify(token)
    return refusal.value.message


async def is_taken(verifier: TokenVerifier, token: str) -> bool:
    try:
        await verifier.verify(token)
    except Unauthenticated:
        return False
    return True


async def test_a_token_becomes_the_viewer_that_its_claims_name(account: Account) -> None:
    token = sign(claims_of(account, role="PORTAL", agents=["hostess", "sommelier", "hostess"]))

    viewer = await using(key=public_pem("RSA")).verify(token)

    assert viewer == Viewer(facts_of(account), Role.PORTAL, "ana", None, (), ("hostess", "sommelier"))


async def test_a_partner_is_limited_to_the_integrations_of_its_token(account: Account) -> None:
    token = sign(claims_of(account, role="PARTNER", integrations=["hubspot"]))

    assert (await using(key=public_pem("RSA")).verify(token)).integrations == ("hubspot",)


@pytest.mark.parametrize("role", ["BUILDER", "PORTAL", "RECORDER", "ADMIN"])
async def test_each_role_but_the_partner_needs_no_limit(account: Account, role: str) -> None:
    viewer = await using(key=public_pem("RSA")).verify(sign(claims_of(account, role=role)))

    assert (viewer.role, viewer.integrations, viewer.agents) == (Role(role), (), ())


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "ana@example.com", "email_verified": True}, "ana@example.com"),
        ({"email": "ana@example.com", "email_verified": False}, None),
        ({"email": "ana@example.com", "email_verified": "true"}, None),
        ({"email": "ana@example.com", "email_verified": 1}, None),
        ({"email": "ana@example.com"}, None),
        ({"email": "not an address"}, None),
        ({"email_verified": True}, None),
    ],
)
async def test_only_a_verified_address_is_the_bearers(account: Account, claims: Claims, email: str | None) -> None:
    viewer = await using(key=public_pem("RSA")).verify(sign(claims_of(account, **claims)))

    assert viewer.email == email


async def test_the_names_of_claims_are_settings(account: Account) -> None:
    renamed = settings_of(key=public_pem("RSA")).model_copy(
        update={
            "jwt_account_claim": "https://example.com/tenant",
            "jwt_role_claim": "part",
            "jwt_integrations_claim": "crm",
            "jwt_agents_claim": "who",
        }
    )
    claims = {
        "https://example.com/tenant": account.idn,
        "part": "PARTNER",
        "crm": ["hubspot"],
        "account": ...,
        "role": ...,
    }

    viewer = await TokenVerifier(renamed).verify(sign(claims_of(account, **claims)))

    assert (viewer.account.id, viewer.role, viewer.integrations) == (account.id, Role.PARTNER, ("hubspot",))
    assert not await is_taken(TokenVerifier(renamed), sign(claims_of(account)))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": ...},
        {"exp": None},
        {"exp": "soon"},
        {"exp": In(-60)},
        {"exp": float("inf")},
        {"nbf": In(60)},
        {"nbf": None},
        {"iat": In(60)},
        {"iss": ...},
        {"iss": "https://login.example.com"},
        {"aud": ...},
        {"aud": "another"},
        {"aud": []},
        {"aud": ["another"]},
        {"aud": {"session-graph": True}},
        {"sub": ...},
        {"sub": ""},
        {"sub": " "},
        {"sub": 7},
        {"sub": "a\nb"},
        {"sub": "a" * 256},
        {"account": ...},
        {"account": ""},
        {"account": "no-such-account"},
        {"account": ["default"]},
        {"account": "a\x00b"},
        {"role": ...},
        {"role": "builder"},
        {"role": "OWNER"},
        {"role": ["ADMIN"]},
        {"role": None},
        {"role": "PARTNER"},
        {"role": "PARTNER", "integrations": []},
        {"role": "PARTNER", "integrations": None},
        {"role": "PARTNER", "integrations": "hubspot"},
        {"role": "PARTNER", "integrations": [""]},
        {"role": "PARTNER", "integrations": ["hubspot", 7]},
        {"role": "PARTNER", "integrations": ["a\x00b"]},
        {"role": "PARTNER", "integrations": ["hubspot"], "agents": ["hostess"]},
        {"role": "ADMIN", "integrations": ["hubspot"]},
        {"role": "ADMIN", "agents": ["hostess"]},
        {"role": "RECORDER", "agents": ["hostess"]},
        {"agents": []},
        {"agents": None},
        {"agents": "hostess"},
        {"agents": {"hostess": True}},
        {"agents": [None]},
        {"agents": [["hostess"]]},
        {"email": "Ana <ana@example.com>", "email_verified": True},
        {"email": "ana@example.com\r\nBcc: eve@example.com", "email_verified": True},
        {"email": None, "email_verified": True},
    ],
)
async def test_claims_that_do_not_admit_are_all_refused_in_the_same_words(account: Account, claims: Claims) -> None:
    verifier = using(key=public_pem("RSA"))

    assert await refusal_of(verifier, sign(claims_of(account, **claims))) == Unauthenticated.__doc__
    assert not await Account.filter(idn="no-such-account").exists()


@pytest.mark.parametrize("claims", [{"exp": In(-4)}, {"nbf": In(4)}, {"iat": In(4)}, {"aud": ["x", AUDIENCE]}])
async def test_clocks_may_differ_a_little_and_a_token_may_be_for_several(account: Account, claims: Claims) -> None:
    assert await is_taken(using(key=public_pem("RSA")), sign(claims_of(account, **claims)))


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
    verifier = using(key=public_pem(kind))

    for algorithm in algorithms:
        assert await is_taken(verifier, sign(claims_of(account), kind, algorithm)), algorithm
    assert set(read_key(public_pem(kind)).algorithms) == algorithms


@pytest.mark.parametrize(
    ("length", "algorithms"), [(32, ["HS256"]), (48, ["HS256", "HS384"]), (64, ["HS256", "HS384", "HS512"])]
)
async def test_a_secret_takes_the_hashes_it_is_long_enough_for(
    account: Account, length: int, algorithms: list[str]
) -> None:
    verifier = using(key=SECRET[:length])

    for algorithm in ("HS256", "HS384", "HS512"):
        token = sign_by_hand(SECRET[:length].encode(), claims_of(account), algorithm)
        assert await is_taken(verifier, token) == (algorithm in algorithms)


def sign_by_hand(secret: bytes, claims: Claims, algorithm: str = "HS256", **header: object) -> str:
    """As an attacker would, whom no library keeps from using a public key as a secret."""
    content = f"{encode({'alg': algorithm} | header)}.{encode(claims)}"
    return f"{content}.{encode(hmac.digest(secret, content.encode(), f'sha{algorithm[2:]}'))}"


@pytest.mark.parametrize("kind", ["RSA", "P-256", "Ed25519"])
async def test_a_public_key_is_never_taken_for_a_secret(account: Account, kind: str) -> None:
    key = private_key(kind).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = [public_pem(kind).encode(), public_pem(kind).strip().encode(), der, base64.b64encode(der)]
    verifier = using(key=public_pem(kind))

    for secret in raw:
        for algorithm in ("HS256", "HS384", "HS512"):
            assert not await is_taken(verifier, sign_by_hand(secret, claims_of(account), algorithm))


async def test_a_token_that_nobody_signed_is_refused(account: Account) -> None:
    for verifier in (using(key=public_pem("RSA")), using(key=SECRET)):
        for name in ("none", "None", "NONE", "", None):
            unsigned = f"{encode({'alg': name})}.{encode(claims_of(account))}."
            assert not await is_taken(verifier, unsigned)


async def test_a_token_of_another_key_is_refused(account: Account) -> None:
    claims = claims_of(account)

    assert not await is_taken(using(key=public_pem("RSA")), sign(claims, "other RSA"))
    assert not await is_taken(using(key=public_pem("RSA")), sign(claims, "P-256", "ES256"))
    assert not await is_taken(using(key=SECRET), sign_by_hand(SECRET[1:].encode(), claims))


async def test_a_token_cannot_bring_its_own_key(account: Account) -> None:
    header = {
        "jwk": jwk("other RSA", "mine"),
        "jku": "https://evil.example.com/keys",
        "x5u": "https://evil.example.com",
    }
    token = jwt.encode(claims_of(account), private_key("other RSA"), "RS256", headers=header)

    assert not await is_taken(using(key=public_pem("RSA")), token)


async def test_a_changed_token_is_refused(account: Account) -> None:
    header, _, signature = sign(claims_of(account)).split(".")
    promoted = encode(claims_of(account, role="ADMIN"))

    assert not await is_taken(using(key=public_pem("RSA")), f"{header}.{promoted}.{signature}")


async def test_what_is_no_token_is_refused(database: Database) -> None:
    verifier = using(key=public_pem("RSA"))

    for text in ("", ".", "..", "...", "a.b.c", "e30.e30.e30", f"{encode([])}.{encode([])}.", "\x00", "ü", "\ud800"):
        assert await refusal_of(verifier, text) == Unauthenticated.__doc__


HEADER_PARAMETERS = ("typ", "kid", "crit", "b64", "cty")
CLAIMS = ("iss", "aud", "exp", "nbf", "iat", "jti", "sub", "account", "role", "agents", "integrations", "email")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.fixed_dictionaries({}, optional=dict.fromkeys(HEADER_PARAMETERS, JSON)),
    claims=st.fixed_dictionaries({}, optional=dict.fromkeys(CLAIMS, JSON)),
)
async def test_a_signed_token_admits_or_is_refused_whatever_it_says(
    account: Account, header: Claims, claims: Claims
) -> None:
    told = claims_of(account) | {"email_verified": True} | claims
    content = f"{encode({'alg': 'HS256'} | header)}.{encode(told)}"
    token = f"{content}.{encode(hmac.digest(SECRET.encode(), content.encode(), hashlib.sha256))}"

    await is_taken(using(key=SECRET), token)


class Issuer:
    """A server of a key set on this machine: what it says can change, fail or take its time."""

    def __init__(self, *members: object) -> None:
        self.members: list[object] = list(members)
        self.status = 200
        self.body: bytes | None = None
        self.location: str | None = None
        self.requests = 0
        self.may_answer = Event()
        self.may_answer.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/keys.json"

    def close(self) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            issuer: ClassVar[Issuer] = self

            def do_GET(self) -> None:
                issuer = self.issuer
                issuer.requests += 1
                issuer.may_answer.wait(10)
                body = json.dumps({"keys": issuer.members}).encode() if issuer.body is None else issuer.body
                self.send_response(issuer.status)
                self.send_header("Content-Length", str(len(body)))
                if issuer.location:
                    self.send_header("Location", issuer.location)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve() -> Iterator[Callable[..., Issuer]]:
    issuers: list[Issuer] = []

    def start(*members: object) -> Issuer:
        issuers.append(Issuer(*members))
        return issuers[-1]

    yield start
    for issuer in issuers:
        issuer.close()


def fetching(issuer: Issuer, clock: Clock) -> TokenVerifier:
    return TokenVerifier(settings_of(jwks=issuer.address), clock)


async def test_a_key_set_in_a_file_verifies_by_kid(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk("RSA", "a"), jwk("P-256", "b"), jwk("Ed25519", "c")]}))
    verifier = using(jwks=str(file))
    claims = claims_of(account)

    assert await is_taken(verifier, sign(claims, "RSA", "PS512", "a"))
    assert await is_taken(verifier, sign(claims, "P-256", "ES256", "b"))
    assert await is_taken(verifier, sign(claims, "Ed25519", "EdDSA", "c"))
    for kid in ("b", "A", "", "d", None):
        assert not await is_taken(verifier, sign(claims, "RSA", "RS256", kid))


async def test_a_key_set_in_a_file_is_read_anew_when_a_key_is_added(
    account: Account, tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk("RSA", "a")]}))
    verifier = TokenVerifier(settings_of(jwks=str(file)), clock)
    file.write_text(json.dumps({"keys": [jwk("RSA", "a"), jwk("P-256", "b")]}))
    clock.now += 31

    assert await is_taken(verifier, sign(claims_of(account), "P-256", "ES256", "b"))


async def test_a_key_set_is_fetched_when_the_first_token_comes(account: Account, serve: Callable[..., Issuer]) -> None:
    issuer = serve(jwk("RSA", "a"))
    verifier = using(jwks=issuer.address)
    assert issuer.requests == 0

    for _ in range(3):
        assert await is_taken(verifier, sign(claims_of(account), kid="a"))

    assert issuer.requests == 1


async def test_a_rotated_key_is_found_but_nobody_can_make_us_hammer_the_issuer(
    account: Account, serve: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = serve(jwk("RSA", "old"))
    verifier = fetching(issuer, clock)
    assert await is_taken(verifier, sign(claims_of(account), kid="old"))
    issuer.members = [jwk("other RSA", "new")]
    new = sign(claims_of(account), "other RSA", kid="new")

    assert not await is_taken(verifier, new)
    for number in range(20):
        assert not await is_taken(verifier, sign(claims_of(account), kid=f"invented {number}"))
    assert issuer.requests == 1

    clock.now += 31
    assert await is_taken(verifier, new)
    assert not await is_taken(verifier, sign(claims_of(account), kid="old"))
    assert issuer.requests == 2


async def test_many_tokens_at_once_make_one_fetch(account: Account, serve: Callable[..., Issuer], clock: Clock) -> None:
    issuer = serve(jwk("RSA", "a"))
    issuer.may_answer.clear()
    verifier = fetching(issuer, clock)
    token = sign(claims_of(account), kid="a")

    waiting = [asyncio.create_task(is_taken(verifier, token)) for _ in range(20)]
    await asyncio.sleep(0.05)
    waiting.pop().cancel()
    issuer.may_answer.set()

    assert await asyncio.gather(*waiting) == [True] * 19
    assert issuer.requests == 1


async def test_the_event_loop_goes_on_while_keys_are_fetched(
    account: Account, serve: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = serve(jwk("RSA", "a"))
    issuer.may_answer.clear()
    waiting = asyncio.create_task(is_taken(fetching(issuer, clock), sign(claims_of(account), kid="a")))

    while issuer.requests == 0:  # noqa: ASYNC110
        await asyncio.sleep(0.001)

    assert not waiting.done()
    issuer.may_answer.set()
    assert await waiting


@pytest.mark.parametrize("failure", ["status", "no JSON", "no keys", "redirect", "gone"])
async def test_while_the_issuer_fails_the_known_keys_go_on_serving(
    account: Account, serve: Callable[..., Issuer], clock: Clock, failure: str
) -> None:
    issuer, elsewhere = serve(jwk("RSA", "a")), serve(jwk("other RSA", "b"))
    verifier = fetching(issuer, clock)
    known, unknown = sign(claims_of(account), kid="a"), sign(claims_of(account), "other RSA", kid="b")
    assert await is_taken(verifier, known)

    match failure:
        case "status":
            issuer.status = 503
        case "no JSON":
            issuer.body = b"<html>"
        case "no keys":
            issuer.members = []
        case "redirect":
            issuer.status, issuer.location = 302, elsewhere.address
        case "gone":
            issuer.close()
    clock.now += 3600

    assert not await is_taken(verifier, unknown)
    assert await is_taken(verifier, known)
    assert elsewhere.requests == 0


async def test_a_failing_issuer_is_not_hammered_and_forgiven(
    account: Account, serve: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = serve(jwk("RSA", "a"))
    issuer.status = 500
    verifier, token = fetching(issuer, clock), sign(claims_of(account), kid="a")

    for _ in range(5):
        assert await refusal_of(verifier, token) == Unauthenticated.__doc__
    assert issuer.requests == 1

    issuer.status = 200
    clock.now += 31
    assert await is_taken(verifier, token)


async def test_a_slow_issuer_is_given_up(
    account: Account, serve: Callable[..., Issuer], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "FETCH_TIMEOUT", 0.05)
    issuer = serve(jwk("RSA", "a"))
    issuer.may_answer.clear()

    assert not await is_taken(fetching(issuer, clock), sign(claims_of(account), kid="a"))


async def test_a_withdrawn_key_ends_within_minutes(
    account: Account, serve: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = serve(jwk("RSA", "a"), jwk("P-256", "b"))
    verifier, token = fetching(issuer, clock), sign(claims_of(account), kid="a")
    assert await is_taken(verifier, token)
    issuer.members = [jwk("P-256", "b")]

    clock.now += 301
    assert await is_taken(verifier, token), "served while the set is fetched anew"
    for _ in range(500):
        if not await is_taken(verifier, token):
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("the withdrawn key still verifies")
    assert issuer.requests == 2


def test_of_a_key_set_only_named_public_keys_for_signatures_are_used() -> None:
    rsa_key = jwk("RSA", "x")
    unusable = [
        {"kty": "oct", "kid": "a", "k": encode(SECRET.encode()), "alg": "HS256"},
        {"kty": "oct", "kid": "a", "k": encode(SECRET.encode())},
        jwk("RSA", None),
        rsa_key | {"kid": 7},
        rsa_key | {"use": "enc"},
        rsa_key | {"key_ops": ["encrypt"]},
        rsa_key | {"key_ops": None},
        rsa_key | {"alg": "HS256"},
        rsa_key | {"alg": "none"},
        rsa_key | {"alg": "ES256"},
        rsa_key | {"alg": ["RS256"]},
        rsa_key | {"alg": "RSA-OAEP"},
        rsa_key | {"n": 7},
        rsa_key | {"kty": "?"},
        {"kty": "RSA", "kid": "a"},
        {"kty": "EC", "kid": "a", "crv": "P-256", "x": "AA", "y": "AA"},
        jwk("weak RSA", "a"),
        jwk("secp256k1", "a"),
        RSAAlgorithm.to_jwk(rsa_private(), as_dict=True) | {"kid": "a"},
        None,
        "RSA",
    ]
    for member in unusable:
        with pytest.raises(ValueError, match="no usable key"):
            read_key_set({"keys": [member]})

    assert list(read_key_set({"keys": [*unusable, jwk("P-384", "good")]})) == ["good"]
    documents: list[object] = [None, [], {}, {"keys": None}, {"keys": {}}, {"keys": []}]
    for document in documents:
        with pytest.raises(ValueError, match="no usable key"):
            read_key_set(document)


def rsa_private() -> rsa.RSAPrivateKey:
    key = private_key("RSA")
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def test_a_key_set_may_name_the_one_algorithm_of_a_key() -> None:
    keys = read_key_set({"keys": [jwk("RSA", "a", alg="PS256", use="sig"), jwk("RSA", "b", key_ops=["verify"])]})

    assert keys["a"].algorithms == ("PS256",)
    assert keys["b"].algorithms == tokens.RSA_ALGORITHMS


def test_of_two_keys_with_one_name_the_first_is_used() -> None:
    keys = read_key_set({"keys": [jwk("P-256", "a"), jwk("P-384", "a")]})

    assert keys["a"].algorithms == ("ES256",)


async def test_a_symmetric_key_of_a_key_set_verifies_nothing(account: Account, serve: Callable[..., Issuer]) -> None:
    issuer = serve(jwk("RSA", "a"), {"kty": "oct", "kid": "s", "k": encode(SECRET.encode()), "alg": "HS256"})
    pem = public_pem("RSA").encode()

    verifier = using(jwks=issuer.address)

    assert not await is_taken(verifier, sign_by_hand(SECRET.encode(), claims_of(account), kid="s"))
    assert not await is_taken(verifier, sign_by_hand(pem, claims_of(account), kid="a"))


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
        using(key=key)

    assert key not in str(refusal.value)


@pytest.mark.parametrize(
    "source",
    [
        "http://login.example.com/keys",
        "http://127.0.0.1.example.com/keys",
        "https://",
        "https://[::1/keys",
        "ftp://login.example.com/keys",
        "file:///etc/passwd",
        "/no/such/file.json",
        "/",
        __file__,
    ],
)
def test_a_key_set_that_cannot_be_used_ends_the_start_with_the_name_of_its_setting(source: str) -> None:
    with pytest.raises(SettingError, match=r"^SESSION_GRAPH_JWT_JWKS: "):
        using(jwks=source)


@pytest.mark.parametrize(
    "address", ["https://login.example.com/keys", "http://localhost:1/keys", "http://[::1]:1/keys"]
)
def test_a_key_set_may_be_at_a_safe_address(address: str) -> None:
    assert using(jwks=address)


def test_without_a_key_there_is_no_verifier() -> None:
    assert TokenVerifier.from_settings(Settings()) is None
    assert TokenVerifier.from_settings(settings_of(key=SECRET)) is not None
    with pytest.raises(SettingError, match="SESSION_GRAPH_JWT_ISSUER"):
        TokenVerifier(Settings())
    with pytest.raises(SettingError, match="SESSION_GRAPH_JWT_KEY"):
        TokenVerifier(settings_of())


def test_the_operator_is_told_that_a_private_key_does_not_belong_here() -> None:
    with pytest.raises(SettingError, match="the private one is the issuer's alone"):
        using(key=private_pem("RSA"))


async def test_the_line_breaks_of_a_pem_may_be_written_in_one_line(account: Account) -> None:
    verifier = using(key=public_pem("RSA").replace("\n", "\\n"))

    assert await is_taken(verifier, sign(claims_of(account)))


async def test_no_log_and_no_representation_shows_a_token_a_claim_or_a_secret(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    verifier = using(key=SECRET)
    personal = {"sub": "ana maria", "email": "ana@example.com", "email_verified": True}
    odd: list[Claims] = [{}, {"role": "ana maria"}, {"agents": "ana maria"}, {"account": "ana-maria"}, {"exp": 1}]
    told = [sign_by_hand(SECRET.encode(), claims_of(account, **personal, **claims)) for claims in odd]
    told.append(sign_by_hand(SECRET.encode(), claims_of(account, **personal), crit=["ana maria"]))
    with caplog.at_level(logging.INFO):
        taken = [await is_taken(verifier, token) for token in told]

    assert taken == [True, *[False] * 5]
    assert caplog.text.count("Token refused: ") == 5
    for private in ("ana", SECRET, *(part for token in told for part in token.split("."))):
        assert private not in caplog.text
    assert SECRET not in f"{verifier!r} {read_key(SECRET)!r}"


async def test_the_log_says_why_a_token_was_refused(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    verifier = using(key=SECRET)
    odd: list[Claims] = [{"exp": 1}, {"role": "OWNER"}, {"agents": []}, {"account": "nowhere"}, {"role": "PARTNER"}]
    with caplog.at_level(logging.INFO):
        for wrong in odd:
            await is_taken(verifier, sign_by_hand(SECRET.encode(), claims_of(account, **wrong)))

    assert [record.getMessage().removeprefix("Token refused: ") for record in caplog.records] == [
        "ExpiredSignatureError",
        "the claim role must be a role",
        "the claim agents must be a list of texts that is not empty",
        "its account does not exist",
        "integrations a PARTNER needs at least one integration",
    ]


async def test_the_door_admits_a_token_only_where_there_is_a_verifier(account: Account) -> None:
    header = f"Bearer {sign(claims_of(account))}"

    assert (await Authenticator(using(key=public_pem("RSA"))).authenticate(header)).account == facts_of(account)
    with pytest.raises(Unauthenticated):
        await Authenticator(None).authenticate(header)


async def test_the_door_does_not_look_at_what_is_too_long(account: Account) -> None:
    verifier = using(key=SECRET)
    token = sign_by_hand(SECRET.encode(), claims_of(account, more="a" * HEADER_LIMIT))
    assert await is_taken(verifier, token)

    with pytest.raises(Unauthenticated):
        await Authenticator(verifier).authenticate(f"Bearer {token}")
