"""Download links: a browser opens them without a key.

The link in a mail is signed for one export and one recipient. A link that the API gives is signed for one export, for
the key or token that asked for it, and until an instant, in seconds since 1970.
"""

import base64
import hmac
import secrets
from dataclasses import dataclass
from math import inf
from time import time
from typing import Any
from uuid import UUID

import orjson

from session_graph.access.viewer import Role, Viewer
from session_graph.settings import Settings
from session_graph.store.database import Database

_CREATE = "insert into signing_key (id, secret) values (1, $1) on conflict (id) do nothing"
_READ = "select k.secret from signing_key k where k.id = 1"


@dataclass(frozen=True, slots=True)
class LinkBearer:
    """Whom a link of the API was given to: a key by its id; the subject of a token with the rights of that token."""

    key_id: UUID | None
    name: str = ""
    role: Role | None = None
    integrations: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()


class LinkSigner:
    """Signs and verifies links with the installation's secret, created on first use and stored in the database."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._public_url = (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
        self._seconds = settings.export_link_seconds
        self._secret: bytes | None = None

    async def make_link(self, account_id: UUID, export_id: UUID, recipient: str) -> str:
        """Return the download link for the mail to the recipient."""
        signature = await self._sign(_text_for_mail(account_id, export_id, recipient))
        return f"{self._public_url}/exports/{account_id}/{export_id}/{_encode(recipient.encode())}/{signature}"

    async def read_link(self, account_id: UUID, export_id: UUID, name: str, signature: str) -> str | None:
        """Return the recipient that the link was signed for, or None if the signature is not valid."""
        try:
            recipient = _decode(name).decode()
        except ValueError:
            return None
        is_valid = await self._verify(_text_for_mail(account_id, export_id, recipient), signature)
        return recipient if is_valid and name == _encode(recipient.encode()) else None

    async def make_bearer_link(self, viewer: Viewer, export_id: UUID) -> str:
        """Return the download link for the viewer, which ends soon, and no later than the viewer's token."""
        account_id, bearer = viewer.account.id, _encode(_dump_bearer(viewer))
        expires = str(int(min(time() + self._seconds, viewer.expires_at or inf)))
        signature = await self._sign(_text_for_bearer(account_id, export_id, bearer, expires))
        return f"{self._public_url}/exports/{account_id}/{export_id}/{bearer}/{expires}/{signature}"

    async def read_bearer_link(
        self, account_id: UUID, export_id: UUID, bearer: str, expires: str, signature: str
    ) -> LinkBearer | None:
        """Return whom the link was given to, or None if the signature is not valid or the link has ended."""
        if not await self._verify(_text_for_bearer(account_id, export_id, bearer, expires), signature):
            return None
        return _load_bearer(_decode(bearer)) if time() < int(expires) else None

    async def _verify(self, text: str, signature: str) -> bool:
        return hmac.compare_digest((await self._sign(text)).encode(), signature.encode())

    async def _sign(self, text: str) -> str:
        if self._secret is None:
            await self._database.execute(_CREATE, secrets.token_bytes(32))
            row = await self._database.fetchrow(_READ)
            assert row is not None
            self._secret = bytes(row["secret"])
        return _encode(hmac.digest(self._secret, text.encode(), "sha256"))


def _text_for_mail(account_id: UUID, export_id: UUID, recipient: str) -> str:
    return f"{account_id} {export_id} {recipient}"


def _text_for_bearer(account_id: UUID, export_id: UUID, bearer: str, expires: str) -> str:
    """The first word tells it from the text for a mail, which begins with an id."""
    return f"bearer {account_id} {export_id} {bearer} {expires}"


def _dump_bearer(viewer: Viewer) -> bytes:
    if viewer.key_id:
        return orjson.dumps({"key_id": str(viewer.key_id)})
    limits = {"integrations": viewer.integrations, "agents": viewer.agents}
    return orjson.dumps({"name": viewer.name, "role": viewer.role.value} | limits)


def _load_bearer(data: bytes) -> LinkBearer:
    raw: dict[str, Any] = orjson.loads(data)
    if "key_id" in raw:
        return LinkBearer(UUID(raw["key_id"]))
    return LinkBearer(None, raw["name"], Role(raw["role"]), tuple(raw["integrations"]), tuple(raw["agents"]))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
