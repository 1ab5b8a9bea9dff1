"""Download links, signed for one export and one recipient: a browser opens them without a key."""

import base64
import hmac
import secrets
from uuid import UUID

from session_graph.settings import Settings
from session_graph.store.database import Database

_CREATE = "insert into signing_key (id, secret) values (1, $1) on conflict (id) do nothing"
_READ = "select k.secret from signing_key k where k.id = 1"


class LinkSigner:
    """Signs and verifies links with the installation's secret, created on first use and stored in the database."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._public_url = (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
        self._secret: bytes | None = None

    async def make_link(self, account_id: UUID, export_id: UUID, recipient: str) -> str:
        """Return the download link for the mail to the recipient."""
        signature = await self._sign(account_id, export_id, recipient)
        return f"{self._public_url}/exports/{account_id}/{export_id}/{_encode(recipient.encode())}/{signature}"

    async def read_link(self, account_id: UUID, export_id: UUID, name: str, signature: str) -> str | None:
        """Return the recipient that the link was signed for, or None if the signature is not valid."""
        try:
            recipient = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
        except ValueError:
            return None
        expected = await self._sign(account_id, export_id, recipient)
        is_valid = hmac.compare_digest(expected.encode(), signature.encode())
        return recipient if is_valid and name == _encode(recipient.encode()) else None

    async def _sign(self, account_id: UUID, export_id: UUID, recipient: str) -> str:
        if self._secret is None:
            await self._database.execute(_CREATE, secrets.token_bytes(32))
            row = await self._database.fetchrow(_READ)
            assert row is not None
            self._secret = bytes(row["secret"])
        text = f"{account_id} {export_id} {recipient}"
        return _encode(hmac.digest(self._secret, text.encode(), "sha256"))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
