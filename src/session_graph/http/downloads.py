"""Download of an export's file, by the signed link of its mail or of the API, or with a key or token.

A key that is not valid gets 401. Every other reason to refuse (no such export, another account's, a wrong signature,
cancelled, expired, the rights of the requester or of the link's bearer have ended, a recipient who is not on the list
any more) gets the same 404, so that nothing is given away. A file with
missing chunks gets 410; one whose damage shows only while it is read ends before its last piece. Every download is
recorded in `export_download`.
"""

import logging
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from session_graph.access.accounts import facts_of
from session_graph.access.api_keys import find_bearer
from session_graph.access.authentication import Authenticator
from session_graph.access.viewer import Viewer
from session_graph.errors import Unauthenticated
from session_graph.exports.csv_file import DamagedFile, check_chunks, read_file
from session_graph.exports.links import LinkBearer, LinkSigner
from session_graph.exports.message import file_name
from session_graph.exports.recipients import find_unlisted
from session_graph.exports.requester_rights import find_requester
from session_graph.exports.requests import find_export
from session_graph.http.negotiation import SAFE_HEADERS, header_fields
from session_graph.store.database import Database, Row
from session_graph.store.models import Account

LOGGER = logging.getLogger(__name__)

HEADERS = SAFE_HEADERS | {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
}
EXPORT = "/exports/{account_id:uuid}/{export_id:uuid}"
NOT_FOUND = "There is no such file, or it is not there any more."

_FIND = """
select e.*, a.time_zone as account_time_zone from session_export e join account a on a.id = e.account_id
where e.account_id = $1 and e.id = $2 and e.file_claim is not null and e.status in ('SENDING', 'DONE', 'FAILED')
    and e.expires_at > now()
"""
_HAS_LINK = """
select from export_delivery d
where d.account_id = $1 and d.export_id = $2 and d.recipient = $3
    and (d.link_expires_at is null or d.link_expires_at > now())
"""
_RECORD = "insert into export_download (account_id, export_id, at, by) values ($1, $2, now(), $3)"
CONTENT_TYPE = "text/csv; charset=utf-8; header=present"


@dataclass(frozen=True, slots=True)
class Downloads:
    """The three routes to a file."""

    database: Database
    authenticator: Authenticator
    signer: LinkSigner

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"{EXPORT}/{{name}}/{{signature}}", self._open_mail_link, methods=["GET"]),
            Route(f"{EXPORT}/{{bearer}}/{{expires}}/{{signature}}", self._open_bearer_link, methods=["GET"]),
            Route("/exports/{export_id:uuid}", self._open_with_key, methods=["GET"]),
        ]

    async def _open_mail_link(self, request: Request) -> Response:
        parts = request.path_params
        ids = parts["account_id"], parts["export_id"]
        recipient = await self.signer.read_link(*ids, parts["name"], parts["signature"])
        if recipient is None or await self.database.fetchrow(_HAS_LINK, *ids, recipient) is None:
            return _not_found()
        return await self._open(request, *ids, f"link of {recipient}", recipient)

    async def _open_bearer_link(self, request: Request) -> Response:
        parts = request.path_params
        ids = parts["account_id"], parts["export_id"]
        bearer = await self.signer.read_bearer_link(*ids, parts["bearer"], parts["expires"], parts["signature"])
        viewer = await _find_viewer(ids[0], bearer) if bearer else None
        if viewer is None or await find_export(self.database, viewer, ids[1]) is None:
            return _not_found()
        return await self._open(request, *ids, f"link of {viewer.author}")

    async def _open_with_key(self, request: Request) -> Response:
        try:
            viewer = await self.authenticator.authenticate(header_fields(request.scope).get("authorization"))
        except Unauthenticated as error:
            body = {"errors": [{"message": error.message, "extensions": error.extensions}]}
            return JSONResponse(body, error.status, HEADERS | {"WWW-Authenticate": "Bearer"})
        export = await find_export(self.database, viewer, request.path_params["export_id"])
        if export is None:
            return _not_found()
        return await self._open(request, export["account_id"], export["id"], viewer.author)

    async def _open(
        self, request: Request, account_id: UUID, export_id: UUID, by: str, recipient: str | None = None
    ) -> Response:
        """Send the file, to a recipient only if the export could still be sent there."""
        export = await self.database.fetchrow(_FIND, account_id, export_id)
        requester = await find_requester(export) if export else None
        if export is None or requester is None or (recipient and await find_unlisted(requester, [recipient])):
            return _not_found()
        try:
            await check_chunks(self.database, export)
        except DamagedFile as error:
            LOGGER.error("the file of export %s is damaged", export_id)
            return PlainTextResponse(error.message, 410, HEADERS)
        if request.method == "HEAD":
            return Response(headers=_headers(export))
        await self.database.execute(_RECORD, account_id, export_id, by)
        return StreamingResponse(read_file(self.database, export), headers=_headers(export))


async def _find_viewer(account_id: UUID, bearer: LinkBearer) -> Viewer | None:
    """Return the bearer with the rights of now, or None if the key is revoked or expired, or the account gone."""
    if bearer.key_id:
        viewer = await find_bearer(bearer.key_id)
        return viewer if viewer and viewer.account.id == account_id else None
    account = await Account.get_or_none(id=account_id)
    if account is None or bearer.role is None:
        return None
    return Viewer(facts_of(account), bearer.role, bearer.name, integrations=bearer.integrations, agents=bearer.agents)


def _headers(export: Row) -> dict[str, str]:
    return {
        "Content-Type": CONTENT_TYPE,
        "Content-Disposition": f'attachment; filename="{file_name(export, export["account_time_zone"])}"',
        "Content-Length": str(export["bytes"]),
        **HEADERS,
    }


def _not_found() -> Response:
    return PlainTextResponse(NOT_FOUND, 404, HEADERS)
