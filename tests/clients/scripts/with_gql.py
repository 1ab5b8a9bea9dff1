"""gql: pages, a mutation and errors over aiohttp and httpx, and a subscription over a WebSocket."""

import asyncio
import itertools
import json
import os
from pathlib import Path
from typing import Any

from gql import Client, GraphQLRequest, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError

URL = f"{os.environ['SERVER']}/graphql"
SOCKET_URL = URL.replace("http", "ws", 1)
HEADERS = {"Authorization": f"Bearer {os.environ['KEY']}"}
WRONG = {"Authorization": "Bearer sg_wrong"}
OPERATIONS = (Path(__file__).parents[1] / "operations.graphql").read_text()
UNKNOWN_FIELD = "query UnknownField { viewer { weather } }"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def request(operation: str, **variables: Any) -> GraphQLRequest:
    return GraphQLRequest(OPERATIONS, variable_values=variables, operation_name=operation)


async def read_pages(session: Any) -> list[dict[str, Any]]:
    pages = []
    position: dict[str, str] = {}  # a null filter or cursor is not the same as none: leave the variable out
    while True:
        answer = await session.execute(request("Sessions", first=10, **position))
        pages.append(answer["sessions"])
        if not pages[-1]["pageInfo"]["hasNextPage"]:
            return pages
        position = {"after": pages[-1]["pageInfo"]["endCursor"]}


async def describe_error(session: Any, asked: GraphQLRequest) -> dict[str, Any]:
    try:
        await session.execute(asked)
    except GraphQLError as error:  # found by the schema, before sending
        return {"name": type(error).__name__, "messages": [error.message]}
    except TransportQueryError as error:
        return {
            "name": type(error).__name__,
            "messages": [each["message"] for each in error.errors or []],
            "codes": [each["extensions"]["code"] for each in error.errors or []],
        }
    return {}


async def use(transport: Any) -> dict[str, Any]:
    """Use a transport over HTTP; the schema is read with the key and checks the requests before they are sent."""
    client = Client(transport=transport(url=URL, headers=HEADERS), fetch_schema_from_transport=True)
    async with client as session:
        pages = await read_pages(session)
        session_id = pages[0]["edges"][0]["node"]["id"]
        edit = {"sessionId": session_id, "humanAssessment": "NO"}
        overridden = await session.execute(request("OverrideAssessment", input=edit))
        refused = await session.execute(request("OverrideAssessment", input={**edit, "sessionId": UNKNOWN_ID}))
        unsent = await describe_error(session, gql(UNKNOWN_FIELD))
        explicit_null = await describe_error(session, request("Sessions", first=10, filter={"isTest": None}))
    async with Client(transport=transport(url=URL, headers=HEADERS)) as session:
        unknown_field = await describe_error(session, gql(UNKNOWN_FIELD))
    async with Client(transport=transport(url=URL, headers=WRONG)) as session:
        wrong_key = await describe_error(session, request("Sessions", first=10))
    return {
        "pages": [len(page["edges"]) for page in pages],
        "overridden": overridden["overrideAssessment"],
        "refused": refused["overrideAssessment"],
        "explicitNull": explicit_null,
        "unknownField": unknown_field,
        "unknownFieldOfSchema": unsent,
        "wrongKey": wrong_key,
    }


async def next_change(events: Any) -> Any:
    """Return the next event that is no CHECKPOINT."""
    while (event := (await anext(events))["sessionEvents"])["kind"] == "CHECKPOINT":
        pass
    return event


async def watch() -> dict[str, Any]:
    """Edit and receive the event, over one WebSocket."""
    async with Client(transport=WebsocketsTransport(url=SOCKET_URL, init_payload=HEADERS)) as session:
        (first,) = (await session.execute(request("Sessions", first=1)))["sessions"]["edges"]
        events = session.subscribe(request("SessionEvents"))
        event = asyncio.create_task(next_change(events))
        for count in itertools.count(1):  # until it has come: the client does not say when the subscription has begun
            await asyncio.sleep(0.2)
            edit = {"sessionId": first["node"]["id"], "patch": {"comment": f"Seen {count}"}}
            await session.execute(request("UpdateSession", input=edit))
            if event.done():
                break
        seen = event.result()
        await events.aclose()
    return {"kind": seen["kind"], "sameSession": seen["sessionId"] == first["node"]["id"]}


async def refuse_socket() -> dict[str, Any]:
    try:
        async with Client(transport=WebsocketsTransport(url=SOCKET_URL, init_payload=WRONG)):
            return {}
    except TransportConnectionFailed as error:
        return {"name": type(error).__name__, "message": str(error), "cause": str(error.__cause__)}


async def main() -> None:
    found = {
        "aiohttp": await use(AIOHTTPTransport),
        "httpx": await use(HTTPXAsyncTransport),
        "event": await watch(),
        "wrongKeyOverSocket": await refuse_socket(),
    }
    print(json.dumps(found))


asyncio.run(main())
