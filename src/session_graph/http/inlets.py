"""`POST /inlets/{id}`: takes a vendor's webhook, once its sender is known, and answers as soon as it is stored.

The vendor's own signature authenticates the sender if the source has a secret, else an API key of a RECORDER or an
ADMIN of the account. A payload that was delivered before is not stored again. `HEAD` says whether there is such an
inlet: some vendors ask that when an address is entered.
"""

import logging
from dataclasses import dataclass
from time import time

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from session_graph.access.authentication import Authenticator
from session_graph.engine.error_format import as_request_error, translate_error
from session_graph.errors import Forbidden, InvalidInput, Unauthenticated
from session_graph.http.access_log import CLIENT_CLOSED_REQUEST, AccessRecord, access_record_of
from session_graph.http.bodies import Bodies, BodyReading
from session_graph.http.negotiation import JSON, HeaderFields, header_fields
from session_graph.http.refusals import headers_of
from session_graph.http.request import MethodNotAllowed
from session_graph.http.response import GraphQLResponse
from session_graph.ingestion.deliveries import store_delivery
from session_graph.ingestion.signatures import SignedRequest, WrongSignature, verify
from session_graph.ingestion.sources import PATH, Source, find_by_inlet
from session_graph.schema.mutation import RECORDERS
from session_graph.settings import Settings
from session_graph.store.database import Database

LOGGER = logging.getLogger(__name__)

ROUTE = f"{PATH}/{{inlet}}"


class OnlyWebhooksByPost(MethodNotAllowed):
    """Webhooks are sent by POST."""

    allow = ("POST", "HEAD")


class NoSuchInlet(Unauthenticated):
    """There is no inlet with this id."""

    code = "NOT_FOUND"
    status = 404


class WrongSender(Unauthenticated):
    """The request is not signed with the secret of this source."""


@dataclass(frozen=True, slots=True)
class Inlets:
    """The ASGI endpoint."""

    database: Database
    authenticator: Authenticator
    bodies: Bodies
    settings: Settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = access_record_of(scope)
        try:
            body = await self._take(scope, receive, record)
            response = GraphQLResponse(body, 200, JSON)
        except ClientDisconnect:
            record.status = CLIENT_CLOSED_REQUEST
            return
        except Exception as error:
            refusal = as_request_error(error)
            record.add_codes([refusal.code])
            refused = orjson.dumps({"errors": [translate_error(refusal)]})
            response = GraphQLResponse(refused, refusal.status, JSON, {**headers_of(refusal), "Connection": "close"})
        await response(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive, record: AccessRecord) -> bytes:
        """Return the body of the response, once the payload is stored."""
        if scope["method"] not in OnlyWebhooksByPost.allow:
            raise OnlyWebhooksByPost
        inlet = scope["path_params"]["inlet"]
        with self.authenticator.attempt(record.client, inlet):
            source = await find_by_inlet(self.database, inlet)
            if source is None:
                raise NoSuchInlet
            if scope["method"] == "HEAD":
                return b""
            payload = await self._read(source, scope, receive, record)
        if not payload.strip():
            return orjson.dumps({"status": "EMPTY"})
        is_new = await store_delivery(self.database, source, payload)
        return orjson.dumps({"status": "STORED" if is_new else "ALREADY_STORED"})

    async def _read(self, source: Source, scope: Scope, receive: Receive, record: AccessRecord) -> bytes:
        """Return the payload, once its sender is known. Raises Unauthenticated and Forbidden."""
        headers, reading = header_fields(scope), BodyReading(self.bodies)
        if source.secret is None:
            await self._authenticate(source, headers, record)
        try:
            payload = await reading.read(receive, headers, source.id, self.settings.max_record_body_bytes)
        finally:
            reading.release()
        if source.secret is not None:
            self._verify(source, source.secret, SignedRequest(self._address(scope), headers, payload))
            record.set_source(source.id)
        return payload

    async def _authenticate(self, source: Source, headers: HeaderFields, record: AccessRecord) -> None:
        viewer = await self.authenticator.authenticate(headers.get("authorization"), record.client)
        record.set_viewer(viewer)
        if viewer.account.id != source.account_id:
            raise Unauthenticated
        if viewer.role not in RECORDERS:
            raise Forbidden

    def _verify(self, source: Source, secret: bytes, request: SignedRequest) -> None:
        try:
            scheme = source.mapping().file.signature
            if scheme is None:
                raise WrongSignature("the mapping names no signature any more")
            verify(scheme, request, secret, time())
        except (WrongSignature, InvalidInput) as error:
            LOGGER.warning("a webhook of the source %s (%s) is refused: %s", source.id, source.name, error)
            raise WrongSender from None

    def _address(self, scope: Scope) -> str:
        """Return the address as the sender knows it."""
        query = scope["query_string"].decode("latin-1")
        return f"{(self.settings.public_url or '').rstrip('/')}{scope['path']}{'?' if query else ''}{query}"
