"""Which claims of a signed token are accepted, and which Viewer they become."""

import hashlib
import hmac
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session_graph.access.accounts import facts_of
from session_graph.access.authentication import HEADER_LIMIT, Authenticator
from session_graph.access.key_sets import read_key
from session_graph.access.tokens import TokenVerifier
from session_graph.access.viewer import Role, Viewer
from session_graph.errors import Unauthenticated
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.tokens import (
    AUDIENCE,
    SECRET,
    Claims,
    SecondsFromNow,
    claims_of,
    encode,
    is_accepted,
    public_pem,
    refusal_of,
    settings_of,
    sign,
    sign_by_hand,
    verifier_with,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def test_a_token_becomes_the_viewer_that_its_claims_name(account: Account) -> None:
    claims = claims_of(account, role="PORTAL", agents=["hostess", "sommelier", "hostess"])

    viewer, _ = await verifier_with(key=public_pem("RSA")).verify(sign(claims))

    assert viewer == Viewer(facts_of(account), Role.PORTAL, "ana", None, (), ("hostess", "sommelier"))
    assert viewer.expires_at == claims["exp"]


async def test_a_partner_is_limited_to_the_integrations_of_its_token(account: Account) -> None:
    token = sign(claims_of(account, role="PARTNER", integrations=["hubspot"]))

    viewer, _ = await verifier_with(key=public_pem("RSA")).verify(token)
    assert viewer.integrations == ("hubspot",)


@pytest.mark.parametrize("role", ["BUILDER", "PORTAL", "RECORDER", "ADMIN"])
async def test_each_role_but_the_partner_needs_no_limit(account: Account, role: str) -> None:
    viewer, _ = await verifier_with(key=public_pem("RSA")).verify(sign(claims_of(account, role=role)))

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
    viewer, _ = await verifier_with(key=public_pem("RSA")).verify(sign(claims_of(account, **claims)))

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

    viewer, _ = await TokenVerifier(renamed).verify(sign(claims_of(account, **claims)))

    assert (viewer.account.id, viewer.role, viewer.integrations) == (account.id, Role.PARTNER, ("hubspot",))
    assert not await is_accepted(TokenVerifier(renamed), sign(claims_of(account)))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": ...},
        {"exp": None},
        {"exp": "soon"},
        {"exp": SecondsFromNow(-60)},
        {"exp": float("inf")},
        {"nbf": SecondsFromNow(60)},
        {"nbf": None},
        {"iat": SecondsFromNow(60)},
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
        {"email": "=?utf-8?q?a=0Ab?=@example.com", "email_verified": True},
        {"email": "ana@localhost", "email_verified": True},
        {"email": None, "email_verified": True},
    ],
)
async def test_claims_that_do_not_admit_are_all_refused_in_the_same_words(account: Account, claims: Claims) -> None:
    verifier = verifier_with(key=public_pem("RSA"))

    assert await refusal_of(verifier, sign(claims_of(account, **claims))) == Unauthenticated.__doc__
    assert not await Account.filter(idn="no-such-account").exists()


@pytest.mark.parametrize(
    "claims",
    [{"exp": SecondsFromNow(-4)}, {"nbf": SecondsFromNow(4)}, {"iat": SecondsFromNow(4)}, {"aud": ["x", AUDIENCE]}],
)
async def test_clocks_may_differ_a_little_and_a_token_may_be_for_several(account: Account, claims: Claims) -> None:
    assert await is_accepted(verifier_with(key=public_pem("RSA")), sign(claims_of(account, **claims)))


async def test_what_is_no_token_is_refused(database: Database) -> None:
    verifier = verifier_with(key=public_pem("RSA"))

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
    payload = claims_of(account) | {"email_verified": True} | claims
    content = f"{encode({'alg': 'HS256'} | header)}.{encode(payload)}"
    token = f"{content}.{encode(hmac.digest(SECRET.encode(), content.encode(), hashlib.sha256))}"

    await is_accepted(verifier_with(key=SECRET), token)


async def test_no_log_and_no_representation_shows_a_token_a_claim_or_a_secret(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    verifier = verifier_with(key=SECRET)
    personal = {"sub": "ana maria", "email": "ana@example.com", "email_verified": True}
    variants: list[Claims] = [{}, {"role": "ana maria"}, {"agents": "ana maria"}, {"account": "ana-maria"}, {"exp": 1}]
    tokens = [sign_by_hand(SECRET.encode(), claims_of(account, **personal, **claims)) for claims in variants]
    tokens.append(sign_by_hand(SECRET.encode(), claims_of(account, **personal), crit=["ana maria"]))
    with caplog.at_level(logging.INFO):
        accepted = [await is_accepted(verifier, token) for token in tokens]

    assert accepted == [True, *[False] * 5]
    assert caplog.text.count("Token refused: ") == 5
    for private in ("ana", SECRET, *(part for token in tokens for part in token.split("."))):
        assert private not in caplog.text
    assert SECRET not in f"{verifier!r} {read_key(SECRET)!r}"


async def test_the_log_says_why_a_token_was_refused(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    verifier = verifier_with(key=SECRET)
    refused: list[Claims] = [{"exp": 1}, {"role": "OWNER"}, {"agents": []}, {"account": "nowhere"}, {"role": "PARTNER"}]
    with caplog.at_level(logging.INFO):
        for wrong in refused:
            await is_accepted(verifier, sign_by_hand(SECRET.encode(), claims_of(account, **wrong)))

    keywords = ["Expired", "role", "agents", "account", "integration"]
    for keyword, record in zip(keywords, caplog.records, strict=True):
        assert keyword in record.getMessage()


async def test_a_token_is_accepted_only_if_there_is_a_verifier(account: Account) -> None:
    header = f"Bearer {sign(claims_of(account))}"

    assert (await Authenticator(verifier_with(key=public_pem("RSA"))).authenticate(header)).account == facts_of(account)
    with pytest.raises(Unauthenticated):
        await Authenticator(None).authenticate(header)


async def test_a_header_that_is_too_long_is_refused_unread(account: Account) -> None:
    verifier = verifier_with(key=SECRET)
    token = sign_by_hand(SECRET.encode(), claims_of(account, more="a" * HEADER_LIMIT))
    assert await is_accepted(verifier, token)

    with pytest.raises(Unauthenticated):
        await Authenticator(verifier).authenticate(f"Bearer {token}")
