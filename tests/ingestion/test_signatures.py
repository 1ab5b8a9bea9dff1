"""Signatures of vendors: right ones, wrong ones, altered bodies, old ones."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from session_graph.ingestion.signatures import SCHEMES, SignedRequest, WrongSignature, check_secret, verify

NOW = 1793700000.0
SECRET = b"a secret of the tests"
STANDARD_KEY = b"\x01\x02\x03 a key of 24 bytes.."
BODY = b'{"event": "call_ended"}'
FORM = b"CallSid=CA1&From=%2B1415&To=&To=%2B1&To=%2B1"
URL = "https://sessions.example.com/inlets/abc?x=1"

Sign = Callable[[bytes, float], dict[str, str]]


def hexed(message: bytes, key: bytes = SECRET, algorithm: str = "sha256") -> str:
    return hmac.new(key, message, algorithm).hexdigest()


def sign_retell(body: bytes, now: float) -> dict[str, str]:
    time = str(int(now * 1000))
    return {"x-retell-signature": f"v={time},d={hexed(body + time.encode())}"}


def sign_elevenlabs(body: bytes, now: float) -> dict[str, str]:
    return {"elevenlabs-signature": f"t={now:.0f},v0={hexed(f'{now:.0f}.'.encode() + body)}"}


def sign_twilio(body: bytes, now: float) -> dict[str, str]:
    fields = b"CallSidCA1From+1415ToTo+1" if body == FORM else body
    digest = hmac.new(SECRET, URL.encode() + fields, "sha1").digest()
    return {"x-twilio-signature": base64.b64encode(digest).decode()}


def sign_vapi(body: bytes, now: float) -> dict[str, str]:
    return {"x-vapi-signature": hexed(body)}


def sign_bland(body: bytes, now: float) -> dict[str, str]:
    return {"x-webhook-signature": hexed(body)}


def sign_intercom(body: bytes, now: float) -> dict[str, str]:
    return {"x-hub-signature": f"sha1={hexed(body, algorithm='sha1')}"}


def sign_chatwoot(body: bytes, now: float) -> dict[str, str]:
    time = f"{now:.0f}"
    return {"x-chatwoot-timestamp": time, "x-chatwoot-signature": f"sha256={hexed(f'{time}.'.encode() + body)}"}


def sign_standard(body: bytes, now: float) -> dict[str, str]:
    signed = f"msg_1.{now:.0f}.".encode() + body
    digest = base64.b64encode(hmac.new(STANDARD_KEY, signed, "sha256").digest()).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": f"{now:.0f}", "webhook-signature": f"v1,AAAA v1,{digest}"}


SIGNERS: dict[str, Sign] = {
    "retell": sign_retell,
    "elevenlabs": sign_elevenlabs,
    "twilio": sign_twilio,
    "vapi": sign_vapi,
    "bland": sign_bland,
    "intercom": sign_intercom,
    "chatwoot": sign_chatwoot,
    "standard-webhooks": sign_standard,
}
TIMED = ["retell", "elevenlabs", "chatwoot", "standard-webhooks"]


def secret_of(scheme: str) -> bytes:
    return b"whsec_" + base64.b64encode(STANDARD_KEY) if scheme == "standard-webhooks" else SECRET


def signed(scheme: str, now: float = NOW) -> SignedRequest:
    body = FORM if scheme == "twilio" else BODY
    return SignedRequest(URL, SIGNERS[scheme](body, now), body)


def test_every_scheme_is_tried() -> None:
    assert set(SIGNERS) == set(SCHEMES)


@pytest.mark.parametrize("scheme", SIGNERS)
def test_a_right_signature_is_accepted(scheme: str) -> None:
    verify(scheme, signed(scheme), secret_of(scheme), NOW)


@pytest.mark.parametrize("scheme", SIGNERS)
def test_another_secret_is_refused(scheme: str) -> None:
    other = b"whsec_" + base64.b64encode(b"another key") if scheme == "standard-webhooks" else b"another secret"

    with pytest.raises(WrongSignature):
        verify(scheme, signed(scheme), other, NOW)


@pytest.mark.parametrize("scheme", SIGNERS)
def test_an_altered_body_is_refused(scheme: str) -> None:
    request = signed(scheme)

    for body in (request.body.replace(b"1", b"2") + b"x=1", request.body[:-1], b""):
        with pytest.raises(WrongSignature):
            verify(scheme, replace(request, body=body), secret_of(scheme), NOW)


@pytest.mark.parametrize("scheme", SIGNERS)
def test_a_header_that_is_missing_or_damaged_is_refused(scheme: str) -> None:
    request = signed(scheme)

    for name, value in request.headers.items():
        for damaged in (None, "", value[:-1], value.swapcase() + "!", "é" * 10, "\x00", "1" * 9000):
            headers = {**request.headers, name: damaged} if damaged is not None else {}
            with pytest.raises(WrongSignature):
                verify(scheme, replace(request, headers=headers), secret_of(scheme), NOW)


@pytest.mark.parametrize("scheme", TIMED)
def test_an_old_signature_or_one_of_the_future_is_refused(scheme: str) -> None:
    for then in (NOW - 2000, NOW + 2000, 0.0):
        with pytest.raises(WrongSignature, match="seconds from now"):
            verify(scheme, signed(scheme, then), secret_of(scheme), NOW)


@pytest.mark.parametrize("scheme", TIMED)
def test_the_time_is_signed_too(scheme: str) -> None:
    request = signed(scheme, NOW - 20_000)
    old, new = f"{NOW - 20_000:.0f}", f"{NOW:.0f}"
    headers = {name: value.replace(old, new) for name, value in request.headers.items()}

    with pytest.raises(WrongSignature, match="another"):
        verify(scheme, replace(request, headers=headers), secret_of(scheme), NOW)


def test_a_request_to_another_address_is_not_twilios() -> None:
    with pytest.raises(WrongSignature):
        verify("twilio", replace(signed("twilio"), url="https://sessions.example.com/inlets/abd?x=1"), SECRET, NOW)


def test_a_body_of_twilio_that_is_no_form_is_signed_by_its_digest() -> None:
    url = f"https://sessions.example.com/inlets/abc?bodySHA256={hashlib.sha256(BODY).hexdigest()}"
    signature = base64.b64encode(hmac.new(SECRET, url.encode(), "sha1").digest()).decode()
    request = SignedRequest(url, {"x-twilio-signature": signature}, BODY)

    verify("twilio", request, SECRET, NOW)
    with pytest.raises(WrongSignature):
        verify("twilio", replace(request, body=BODY + b" "), SECRET, NOW)


def test_a_form_with_too_many_fields_is_not_read() -> None:
    body = b"a=1&" * 1001

    with pytest.raises(WrongSignature, match="more than 1,000 fields"):
        verify("twilio", replace(signed("twilio"), body=body), SECRET, NOW)


def test_vapi_may_send_the_secret_itself() -> None:
    verify("vapi", SignedRequest(URL, {"x-vapi-secret": SECRET.decode()}, BODY), SECRET, NOW)
    with pytest.raises(WrongSignature):
        verify("vapi", SignedRequest(URL, {"x-vapi-secret": "another"}, BODY), SECRET, NOW)


def test_the_example_of_twilios_documentation() -> None:
    form = b"CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212"
    request = SignedRequest(
        "https://mycompany.com/myapp.php?foo=1&bar=2", {"x-twilio-signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="}, form
    )

    verify("twilio", request, b"12345", NOW)


@pytest.mark.parametrize(
    ("scheme", "secret", "message"),
    [
        ("retell", b" ", "blank"),
        ("standard-webhooks", b"whsec_not Base64", "whsec_ and Base64"),
        ("standard-webhooks", b"whsec_", "blank"),
    ],
)
def test_a_secret_that_cannot_be_one_is_refused(scheme: str, secret: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_secret(scheme, secret)


def test_what_is_refused_tells_no_secret() -> None:
    said: list[Any] = []
    for scheme in SIGNERS:
        try:
            verify(scheme, replace(signed(scheme), body=b"other"), secret_of(scheme), NOW)
        except WrongSignature as error:
            said.append(str(error))

    assert len(said) == len(SIGNERS)
    assert not any("secret" in text.replace("another", "") for text in said)
