"""Who sent a webhook: the signature schemes of vendors, each by its public documentation.

Every comparison takes the same time wherever the texts differ. A scheme that signs a time refuses one that is too far
from now, so that a recorded request cannot be sent again later.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

FIVE_MINUTES = 300.0
HALF_AN_HOUR = 1800.0
MAX_FIELDS = 1000
"""Of a form; many more than a vendor sends, and few enough to be read before the sender is known."""

_RETELL = re.compile(r"v=(\d{1,16}),d=([0-9a-f]{64})")
_STANDARD_SECRET = "whsec_"  # noqa: S105


class WrongSignature(ValueError):
    """The request is not signed as its source signs; the message says what is wrong, and holds nothing secret."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it was received. `url` is the address that the sender used; names of headers are in lower case."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Raises WrongSignature if there is none."""
        if value := self.headers.get(name):
            return value
        raise WrongSignature(f"there is no header {name}")


Verify = Callable[[SignedRequest, bytes, float], None]
"""Checks a request by the source's secret and the time now, in Unix seconds. Raises WrongSignature."""


def _retell(request: SignedRequest, secret: bytes, now: float) -> None:
    """`x-retell-signature: v=<milliseconds>,d=<hex>`: HMAC-SHA256 of body and time, keyed with the API key."""
    form = _RETELL.fullmatch(request.header("x-retell-signature"))
    if form is None:
        raise WrongSignature("x-retell-signature has another form")
    _check_time(int(form[1]) / 1000, now, FIVE_MINUTES)
    _compare(_hex(secret, request.body + form[1].encode()), form[2])


def _elevenlabs(request: SignedRequest, secret: bytes, now: float) -> None:
    """`ElevenLabs-Signature: t=<seconds>,v0=<hex>`: HMAC-SHA256 of `<seconds>.<body>`."""
    parts = dict(part.strip().partition("=")[::2] for part in request.header("elevenlabs-signature").split(","))
    time = parts.get("t", "")
    _check_time(_seconds(time), now, HALF_AN_HOUR)
    _compare(_hex(secret, time.encode() + b"." + request.body), parts.get("v0", ""))


def _twilio(request: SignedRequest, secret: bytes, now: float) -> None:
    """`X-Twilio-Signature`: Base64 of HMAC-SHA1 of the address and the sorted fields of the form.

    A body that is no form has its SHA-256 in the address, as `bodySHA256`.
    """
    sent = request.header("x-twilio-signature")
    digest = parse_qs(urlsplit(request.url).query).get("bodySHA256")
    fields = ""
    if digest:
        _compare(hashlib.sha256(request.body).hexdigest(), digest[0])
    else:
        form = _read_form(request.body)
        fields = "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    signature = hmac.digest(secret, (request.url + fields).encode(), "sha1")
    _compare(base64.b64encode(signature).decode(), sent)


def _vapi(request: SignedRequest, secret: bytes, now: float) -> None:
    """`X-Vapi-Secret` holds the secret itself; `X-Vapi-Signature` the hex HMAC-SHA256 of the body."""
    if sent := request.headers.get("x-vapi-signature"):
        _compare(_hex(secret, request.body), sent.removeprefix("sha256="))
    else:
        _compare(secret.decode("utf-8", "replace"), request.header("x-vapi-secret"))


def _bland(request: SignedRequest, secret: bytes, now: float) -> None:
    """`X-Webhook-Signature`: the hex HMAC-SHA256 of the body."""
    _compare(_hex(secret, request.body), request.header("x-webhook-signature"))


def _intercom(request: SignedRequest, secret: bytes, now: float) -> None:
    """`X-Hub-Signature: sha1=<hex>`: HMAC-SHA1 of the body, keyed with the app's client secret."""
    expected = hmac.digest(secret, request.body, "sha1").hex()
    _compare(f"sha1={expected}", request.header("x-hub-signature"))


def _chatwoot(request: SignedRequest, secret: bytes, now: float) -> None:
    """`X-Chatwoot-Signature: sha256=<hex>`: HMAC-SHA256 of `<X-Chatwoot-Timestamp>.<body>`."""
    time = request.header("x-chatwoot-timestamp")
    _check_time(_seconds(time), now, FIVE_MINUTES)
    expected = _hex(secret, time.encode() + b"." + request.body)
    _compare(f"sha256={expected}", request.header("x-chatwoot-signature"))


def _standard(request: SignedRequest, secret: bytes, now: float) -> None:
    """Standard Webhooks: one of `webhook-signature: v1,<Base64> …` is the HMAC-SHA256 of `<id>.<time>.<body>`."""
    id_, time = request.header("webhook-id"), request.header("webhook-timestamp")
    _check_time(_seconds(time), now, FIVE_MINUTES)
    signed = f"{id_}.{time}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(_standard_key(secret), signed, "sha256")).decode()
    if not any(_is_equal(f"v1,{expected}", each) for each in request.header("webhook-signature").split()):
        raise WrongSignature("the signature is another")


SCHEMES: dict[str, Verify] = {
    "retell": _retell,
    "elevenlabs": _elevenlabs,
    "twilio": _twilio,
    "vapi": _vapi,
    "bland": _bland,
    "intercom": _intercom,
    "chatwoot": _chatwoot,
    "standard-webhooks": _standard,
}


def verify(scheme: str, request: SignedRequest, secret: bytes, now: float) -> None:
    """Check the request by its scheme. Raises WrongSignature."""
    SCHEMES[scheme](request, secret, now)


def check_secret(scheme: str, secret: bytes) -> None:
    """Raise ValueError if the scheme cannot use the secret."""
    if not secret.strip():
        raise ValueError("must not be blank")
    if scheme == "standard-webhooks" and not _standard_key(secret):
        raise ValueError("must not be blank")


def _standard_key(secret: bytes) -> bytes:
    text = secret.decode("ascii", "replace").removeprefix(_STANDARD_SECRET)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("must be whsec_ and Base64") from None


def _read_form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise WrongSignature(f"it has more than {MAX_FIELDS:,} fields") from None


def _hex(secret: bytes, message: bytes) -> str:
    return hmac.digest(secret, message, "sha256").hex()


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise WrongSignature("the time of the signature has another form")
    return float(text)


def _check_time(signed: float, now: float, tolerance: float) -> None:
    if abs(now - signed) > tolerance:
        raise WrongSignature(f"it was signed more than {tolerance:.0f} seconds from now")


def _compare(expected: str, sent: str) -> None:
    if not _is_equal(expected, sent):
        raise WrongSignature("the signature is another")


def _is_equal(expected: str, sent: str) -> bool:
    return hmac.compare_digest(expected.encode("utf-8", "replace"), sent.encode("utf-8", "replace"))
