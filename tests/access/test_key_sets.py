"""Key sets of an issuer, from a file and from a server: which keys of a set are used, and when it is fetched."""

import asyncio
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from session_graph.access import key_sets
from session_graph.access.key_sets import read_key_set
from session_graph.access.tokens import TokenVerifier
from session_graph.errors import SettingError, Unauthenticated
from session_graph.store.models import Account
from support.tokens import (
    SECRET,
    SecondsFromNow,
    claims_of,
    encode,
    is_accepted,
    jwk,
    private_key,
    public_pem,
    refusal_of,
    settings_of,
    sign,
    sign_by_hand,
    verifier_with,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


class Issuer:
    """A local HTTP server of a key set, whose answer can change, fail or be held back."""

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
def start_issuer() -> Iterator[Callable[..., Issuer]]:
    issuers: list[Issuer] = []

    def start(*members: object) -> Issuer:
        issuers.append(Issuer(*members))
        return issuers[-1]

    yield start
    for issuer in issuers:
        issuer.close()


def fetching_verifier(issuer: Issuer, clock: Clock) -> TokenVerifier:
    return TokenVerifier(settings_of(jwks=issuer.address), clock)


async def test_a_key_set_in_a_file_verifies_by_kid(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk("RSA", "a"), jwk("P-256", "b"), jwk("Ed25519", "c")]}))
    verifier = verifier_with(jwks=str(file))
    claims = claims_of(account)

    assert await is_accepted(verifier, sign(claims, "RSA", "PS512", "a"))
    assert await is_accepted(verifier, sign(claims, "P-256", "ES256", "b"))
    assert await is_accepted(verifier, sign(claims, "Ed25519", "EdDSA", "c"))
    for kid in ("b", "A", "", "d", None):
        assert not await is_accepted(verifier, sign(claims, "RSA", "RS256", kid))


async def test_a_key_set_in_a_file_is_read_anew_when_a_key_is_added(
    account: Account, tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk("RSA", "a")]}))
    verifier = TokenVerifier(settings_of(jwks=str(file)), clock)
    file.write_text(json.dumps({"keys": [jwk("RSA", "a"), jwk("P-256", "b")]}))
    clock.now += 31

    assert await is_accepted(verifier, sign(claims_of(account), "P-256", "ES256", "b"))


async def test_a_key_set_is_fetched_when_the_first_token_comes(
    account: Account, start_issuer: Callable[..., Issuer]
) -> None:
    issuer = start_issuer(jwk("RSA", "a"))
    verifier = verifier_with(jwks=issuer.address)
    assert issuer.requests == 0

    for _ in range(3):
        assert await is_accepted(verifier, sign(claims_of(account), kid="a"))

    assert issuer.requests == 1


async def test_a_rotated_key_is_found_but_nobody_can_make_us_hammer_the_issuer(
    account: Account, start_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = start_issuer(jwk("RSA", "old"))
    verifier = fetching_verifier(issuer, clock)
    assert await is_accepted(verifier, sign(claims_of(account), kid="old"))
    issuer.members = [jwk("other RSA", "new")]
    new = sign(claims_of(account), "other RSA", kid="new")

    assert not await is_accepted(verifier, new)
    for number in range(20):
        assert not await is_accepted(verifier, sign(claims_of(account), kid=f"invented {number}"))
    assert issuer.requests == 1

    clock.now += 31
    assert await is_accepted(verifier, new)
    assert not await is_accepted(verifier, sign(claims_of(account), kid="old"))
    assert issuer.requests == 2


async def test_many_tokens_at_once_make_one_fetch(
    account: Account, start_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = start_issuer(jwk("RSA", "a"))
    issuer.may_answer.clear()
    verifier = fetching_verifier(issuer, clock)
    token = sign(claims_of(account), kid="a")

    waiting = [asyncio.create_task(is_accepted(verifier, token)) for _ in range(20)]
    await asyncio.sleep(0.05)
    waiting.pop().cancel()
    issuer.may_answer.set()

    assert await asyncio.gather(*waiting) == [True] * 19
    assert issuer.requests == 1


async def test_the_event_loop_goes_on_while_keys_are_fetched(
    account: Account, start_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = start_issuer(jwk("RSA", "a"))
    issuer.may_answer.clear()
    waiting = asyncio.create_task(is_accepted(fetching_verifier(issuer, clock), sign(claims_of(account), kid="a")))

    while issuer.requests == 0:  # noqa: ASYNC110
        await asyncio.sleep(0.001)

    assert not waiting.done()
    issuer.may_answer.set()
    assert await waiting


@pytest.mark.parametrize("failure", ["status", "no JSON", "no keys", "redirect", "gone"])
async def test_while_the_issuer_fails_the_known_keys_go_on_serving(
    account: Account, start_issuer: Callable[..., Issuer], clock: Clock, failure: str
) -> None:
    issuer, elsewhere = start_issuer(jwk("RSA", "a")), start_issuer(jwk("other RSA", "b"))
    verifier = fetching_verifier(issuer, clock)
    known, unknown = sign(claims_of(account), kid="a"), sign(claims_of(account), "other RSA", kid="b")
    assert await is_accepted(verifier, known)

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

    assert not await is_accepted(verifier, unknown)
    assert await is_accepted(verifier, known)
    assert elsewhere.requests == 0


async def test_a_failing_issuer_is_not_hammered_and_forgiven(
    account: Account, start_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = start_issuer(jwk("RSA", "a"))
    issuer.status = 500
    verifier, token = fetching_verifier(issuer, clock), sign(claims_of(account), kid="a")

    for _ in range(5):
        assert await refusal_of(verifier, token) == Unauthenticated.__doc__
    assert issuer.requests == 1

    issuer.status = 200
    clock.now += 31
    assert await is_accepted(verifier, token)


async def test_a_slow_issuer_is_given_up(
    account: Account, start_issuer: Callable[..., Issuer], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "FETCH_TIMEOUT", 0.05)
    issuer = start_issuer(jwk("RSA", "a"))
    issuer.may_answer.clear()

    assert not await is_accepted(fetching_verifier(issuer, clock), sign(claims_of(account), kid="a"))


async def test_a_withdrawn_key_ends_within_minutes(
    account: Account, start_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = start_issuer(jwk("RSA", "a"), jwk("P-256", "b"))
    verifier, token = fetching_verifier(issuer, clock), sign(claims_of(account), kid="a")
    assert await is_accepted(verifier, token)
    issuer.members = [jwk("P-256", "b")]

    clock.now += 301
    assert await is_accepted(verifier, token), "served while the set is fetched anew"
    for _ in range(500):
        if not await is_accepted(verifier, token):
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("the withdrawn key still verifies")
    assert issuer.requests == 2


async def test_a_key_set_that_nobody_used_for_long_verifies_nothing_before_it_is_read_again(
    account: Account, start_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    issuer = start_issuer(jwk("RSA", "a"), jwk("P-256", "b"))
    verifier, token = fetching_verifier(issuer, clock), sign(claims_of(account), kid="a")
    assert await is_accepted(verifier, token)
    issuer.members = [jwk("P-256", "b")]

    clock.now += 601

    assert not await is_accepted(verifier, token)
    assert await is_accepted(verifier, sign(claims_of(account), "P-256", "ES256", "b"))
    assert issuer.requests == 2


async def test_a_token_of_a_key_set_is_due_again_when_the_set_is(
    account: Account, start_issuer: Callable[..., Issuer], clock: Clock
) -> None:
    verifier = fetching_verifier(start_issuer(jwk("RSA", "a")), clock)
    token = sign(claims_of(account, exp=SecondsFromNow(3600)), kid="a")
    assert await is_accepted(verifier, token)

    clock.now += 100
    _, seconds_left = await verifier.verify(token)
    assert 190 < seconds_left <= 200
    short = sign(claims_of(account, exp=SecondsFromNow(20)), kid="a")
    _, seconds_left = await verifier.verify(short)
    assert 20 < seconds_left <= 30


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
    assert keys["b"].algorithms == key_sets.RSA_ALGORITHMS


def test_of_two_keys_with_one_name_the_first_is_used() -> None:
    keys = read_key_set({"keys": [jwk("P-256", "a"), jwk("P-384", "a")]})

    assert keys["a"].algorithms == ("ES256",)


async def test_a_symmetric_key_of_a_key_set_verifies_nothing(
    account: Account, start_issuer: Callable[..., Issuer]
) -> None:
    issuer = start_issuer(jwk("RSA", "a"), {"kty": "oct", "kid": "s", "k": encode(SECRET.encode()), "alg": "HS256"})
    pem = public_pem("RSA").encode()

    verifier = verifier_with(jwks=issuer.address)

    assert not await is_accepted(verifier, sign_by_hand(SECRET.encode(), claims_of(account), kid="s"))
    assert not await is_accepted(verifier, sign_by_hand(pem, claims_of(account), kid="a"))


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
        verifier_with(jwks=source)


@pytest.mark.parametrize(
    "address", ["https://login.example.com/keys", "http://localhost:1/keys", "http://[::1]:1/keys"]
)
def test_a_key_set_may_be_at_a_safe_address(address: str) -> None:
    assert verifier_with(jwks=address)
