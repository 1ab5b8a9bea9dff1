"""The attacks on tokens that RFC 8725 and RFC 7515 warn of: each is refused, in the same words as any other token."""

import hashlib
import hmac
import json
from pathlib import Path

import jwt
import pytest

from session_graph.access.authentication import HEADER_LIMIT, Authenticator
from session_graph.access.tokens import TokenVerifier
from session_graph.errors import Unauthenticated
from session_graph.settings import load_settings
from session_graph.store.models import Account
from support.tokens import (
    SECRET,
    Claims,
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


def sign_text(payload: str, **header: object) -> str:
    """Sign a payload that Python's own JSON cannot write, with a valid signature."""
    content = f"{encode({'alg': 'HS256'} | header)}.{encode(payload.encode())}"
    return f"{content}.{encode(hmac.digest(SECRET.encode(), content.encode(), hashlib.sha256))}"


def with_raw_claim(account: Account, name: str, value: str) -> str:
    """Return a signed token whose claim is written exactly so."""
    claims = {key: each for key, each in claims_of(account).items() if key != name}
    return sign_text(json.dumps(claims)[:-1] + f', "{name}": {value}}}')


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "none ", "", None, ["none"], {"none": 1}, 0])
@pytest.mark.parametrize("signature", ["", "AA"])
async def test_the_algorithm_none_is_refused_however_it_is_spelt(
    account: Account, algorithm: object, signature: str
) -> None:
    token = f"{encode({'alg': algorithm})}.{encode(claims_of(account))}.{signature}"

    for verifier in (verifier_with(key=public_pem("RSA")), verifier_with(key=SECRET)):
        assert await refusal_of(verifier, token) == Unauthenticated.__doc__


@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "Ed25519"])
async def test_an_issuers_public_key_is_no_secret_that_a_key_set_accepts(
    account: Account, kind: str, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk(kind, "a")]}))
    verifier = verifier_with(jwks=str(file))

    for secret in (public_pem(kind), public_pem(kind).strip(), json.dumps(jwk(kind, "a"))):
        for algorithm in ("HS256", "HS384", "HS512"):
            token = sign_by_hand(secret.encode(), claims_of(account), algorithm, kid="a")
            assert await refusal_of(verifier, token) == Unauthenticated.__doc__


@pytest.mark.parametrize(
    "kid",
    [
        *("", "A", "a ", "a\x00", "../../etc/passwd", "/dev/null", "a' or '1'='1", "a' union select 'x", "*", "%"),
        *("https://evil.example.com/a", "a" * 5000, 1, 1.5, True, None, ["a"], {"a": 1}),
    ],
)
async def test_only_the_exact_kid_names_a_key(account: Account, kid: object, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk("RSA", "a")]}))
    _header, payload, _ = sign(claims_of(account)).split(".")
    content = f"{encode({'alg': 'RS256', 'kid': kid})}.{payload}"
    key = private_key("RSA")
    signature = jwt.get_algorithm_by_name("RS256").sign(content.encode(), key)

    verifier = verifier_with(jwks=str(file))

    assert await refusal_of(verifier, f"{content}.{encode(signature)}") == Unauthenticated.__doc__
    assert await is_accepted(verifier, sign(claims_of(account), kid="a"))


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"])
async def test_a_key_or_its_address_in_the_header_is_never_used(account: Account, name: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk("RSA", "a")]}))
    values: dict[str, object] = {"jwk": jwk("other RSA", "a"), "x5c": [encode(public_pem("other RSA").encode())]}
    header = {"kid": "a", name: values.get(name, "http://127.0.0.1:1/keys.json")}
    forged = jwt.encode(claims_of(account), private_key("other RSA"), "RS256", headers=header)

    for verifier in (verifier_with(key=public_pem("RSA")), verifier_with(jwks=str(file))):
        assert await refusal_of(verifier, forged) == Unauthenticated.__doc__


@pytest.mark.parametrize("crit", [["exp"], ["made-up"], ["b64", "exp"], [], "exp", None, [7], {"exp": True}])
async def test_extensions_that_must_be_understood_are_refused(account: Account, crit: object) -> None:
    token = sign_by_hand(SECRET.encode(), claims_of(account), crit=crit, b64=True, exp=1)

    assert await refusal_of(verifier_with(key=SECRET), token) == Unauthenticated.__doc__


@pytest.mark.parametrize("b64", [False, "false", 0, None])
async def test_a_payload_apart_from_its_token_is_never_accepted(account: Account, b64: object) -> None:
    content = f"{encode({'alg': 'HS256', 'b64': b64, 'crit': ['b64']})}."
    signature = encode(hmac.digest(SECRET.encode(), content.encode(), hashlib.sha256))

    assert await refusal_of(verifier_with(key=SECRET), f"{content}.{signature}") == Unauthenticated.__doc__


async def test_a_token_in_a_token_and_an_encrypted_one_are_refused(account: Account) -> None:
    verifier, inner = verifier_with(key=SECRET), sign_by_hand(SECRET.encode(), claims_of(account))
    nested = sign_text(inner, cty="JWT")
    quoted = sign_text(json.dumps(inner), cty="JWT")
    encrypted = (
        f"{encode({'alg': 'dir', 'enc': 'A256GCM'})}..{encode(b'x' * 12)}.{encode(b'x' * 64)}.{encode(b'x' * 16)}"
    )

    for token in (nested, quoted, encrypted, f"{inner}.{inner}", f"{inner}."):
        assert await refusal_of(verifier, token) == Unauthenticated.__doc__


@pytest.mark.parametrize("size", [HEADER_LIMIT, 60_000, 1_000_000])
async def test_a_huge_token_is_refused_unread(account: Account, size: int) -> None:
    authenticator = Authenticator(verifier_with(key=SECRET))
    token = sign_by_hand(SECRET.encode(), claims_of(account, padding="a" * size))

    with pytest.raises(Unauthenticated) as refusal:
        await authenticator.authenticate(f"Bearer {token}")

    assert refusal.value.message == Unauthenticated.__doc__


@pytest.mark.parametrize("opening", ["[", '{"a":'])
async def test_deep_nesting_in_a_token_is_refused(account: Account, opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    deep = opening * 900 + "1" + closing * 900
    verifier = verifier_with(key=SECRET)

    for payload in (deep, opening * 5000):
        assert await refusal_of(verifier, sign_text(payload)) == Unauthenticated.__doc__
    await is_accepted(verifier, with_raw_claim(account, "more", deep))


NO_INSTANTS = (
    *("1" + "0" * 400, "1" * 5000, "1e400", "-1e400", "1e30", "1e12", "Infinity", "-Infinity", "NaN", "-1"),
    *('"1999999999"', '"soon"', '""', "true", "false", "[1999999999]", '{"exp": 1999999999}', "null"),
)


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", NO_INSTANTS)
async def test_a_time_that_is_no_instant_is_refused(account: Account, claim: str, value: str) -> None:
    verifier, token = verifier_with(key=SECRET), with_raw_claim(account, claim, value)

    assert await refusal_of(verifier, token) == Unauthenticated.__doc__


@pytest.mark.parametrize("value", ["7", "1.5", "true", "[]", "{}", "null", "NaN", '"\\ud800"', '"\\u0000"', '""'])
@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "account", "role", "integrations", "agents"])
async def test_a_claim_of_the_wrong_type_is_refused(account: Account, claim: str, value: str) -> None:
    token = with_raw_claim(account, claim, value)

    assert await refusal_of(verifier_with(key=SECRET), token) == Unauthenticated.__doc__


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"])
async def test_access_tokens_are_accepted_by_their_type(account: Account, typ: str) -> None:
    assert await is_accepted(verifier_with(key=SECRET), sign_by_hand(SECRET.encode(), claims_of(account), typ=typ))


@pytest.mark.parametrize(
    "typ",
    [
        *("JWE", "jwe", "JOSE", "id_token", "logout+jwt", "secevent+jwt", "dpop+jwt", "token-introspection+jwt"),
        *("", " ", "JWT ", "application/", None, 7, True, ["JWT"], {"JWT": 1}),
    ],
)
async def test_tokens_of_other_types_are_refused(account: Account, typ: object) -> None:
    token = sign_by_hand(SECRET.encode(), claims_of(account), typ=typ)

    assert await refusal_of(verifier_with(key=SECRET), token) == Unauthenticated.__doc__


async def test_an_operator_may_accept_explicitly_typed_access_tokens_alone(account: Account) -> None:
    verifier = TokenVerifier(settings_of(key=SECRET).model_copy(update={"jwt_types": ("at+jwt",)}))
    claims = claims_of(account)

    assert await is_accepted(verifier, sign_by_hand(SECRET.encode(), claims, typ="at+jwt"))
    assert not await is_accepted(verifier, sign_by_hand(SECRET.encode(), claims, typ="JWT"))
    assert not await is_accepted(verifier, sign_by_hand(SECRET.encode(), claims))


def test_types_are_read_from_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_GRAPH_JWT_TYPES", "at+jwt, JWT")

    assert load_settings().jwt_types == ("at+jwt", "JWT")


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "n-0S6_WzA2Mj"},
        {"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"},
        {"c_hash": "LDktKdoQak3Pk0cnXxCltA"},
        {"nonce": None},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    ],
)
async def test_an_id_token_for_our_audience_is_no_access_token(account: Account, claims: Claims) -> None:
    token = sign_by_hand(SECRET.encode(), claims_of(account, **claims), typ="JWT")

    assert await refusal_of(verifier_with(key=SECRET), token) == Unauthenticated.__doc__


@pytest.mark.parametrize(
    ("claim", "seconds", "accepted"),
    [
        *(("exp", -20, False), ("exp", -5, True), ("exp", 0, True)),
        *(("nbf", 5, True), ("nbf", 20, False), ("iat", 5, True), ("iat", 20, False)),
    ],
)
async def test_clocks_may_differ_by_ten_seconds_and_no_more(
    account: Account, claim: str, seconds: int, accepted: bool
) -> None:
    token = sign_by_hand(SECRET.encode(), claims_of(account, **{claim: SecondsFromNow(seconds)}))

    assert await is_accepted(verifier_with(key=SECRET), token) == accepted


async def test_an_expiry_is_a_finite_time_a_little_after_the_claim(account: Account) -> None:
    token = sign_by_hand(SECRET.encode(), claims_of(account, exp=SecondsFromNow(100)))

    _, seconds_left = await verifier_with(key=SECRET).verify(token)

    assert 100 <= seconds_left <= 111


@pytest.mark.parametrize("blanks", [" ", "\t", " \t  "])
async def test_blanks_around_the_header_are_no_part_of_it(account: Account, blanks: str) -> None:
    authenticator = Authenticator(verifier_with(key=SECRET))
    header = f"Bearer {sign_by_hand(SECRET.encode(), claims_of(account))}"

    assert await authenticator.authenticate(header + blanks)
    assert await authenticator.authenticate(blanks + header)


@pytest.mark.parametrize("blank", ["\n", "\r\n", "\x0b", "\x0c", "\xa0", "\u2003", "\x00", ",", ";"])
async def test_nothing_else_may_follow_the_token(account: Account, blank: str) -> None:
    header = f"Bearer {sign_by_hand(SECRET.encode(), claims_of(account))}"

    for wrong in (header + blank, f"{header}{blank}x", f"{header}, {header}", header.replace(" ", f" {blank}", 1)):
        with pytest.raises(Unauthenticated):
            await Authenticator(verifier_with(key=SECRET)).authenticate(wrong)
