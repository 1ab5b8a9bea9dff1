"""ariadne-codegen: pages, a mutation, errors and a subscription through the client that it generated in .build."""

import asyncio
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / ".build"))

from session_graph_client import (
    Assessment,
    Client,
    GraphQLClientError,
    GraphQLClientHttpError,
    OverrideAssessmentInput,
    SessionFilter,
    SessionPatch,
    UpdateSessionInput,
)

URL = f"{os.environ['SERVER']}/graphql"
KEY = {"Authorization": f"Bearer {os.environ['KEY']}"}
WRONG_KEY = {"Authorization": "Bearer sg_wrong"}
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def connect(headers: dict[str, str]) -> Any:
    return Client(url=URL, headers=headers, ws_url=URL.replace("http", "ws", 1), ws_connection_init_payload=headers)


async def read_pages(client: Any) -> list[Any]:
    pages = [(await client.sessions(first=10)).sessions]
    while pages[-1].page_info.has_next_page:
        pages.append((await client.sessions(first=10, after=pages[-1].page_info.end_cursor)).sessions)
    return pages


async def describe_error(asking: Any) -> dict[str, Any]:
    try:
        await asking
    except GraphQLClientError as error:
        answer = error.response.json() if isinstance(error, GraphQLClientHttpError) else {"errors": []}
        messages = [each["message"] for each in answer["errors"]]
        return {"name": type(error).__name__, "message": str(error), "messages": messages}
    return {}


async def receive(client: Any) -> Any:
    """Return the first event that is no CHECKPOINT."""
    async for answer in client.session_events():
        if answer.session_events.kind.value != "CHECKPOINT":
            return answer.session_events
    return None


async def watch(client: Any, session_id: str) -> dict[str, Any]:
    event = asyncio.create_task(receive(client))
    for count in itertools.count(1):  # until it has come: the client does not say when the subscription has begun
        await asyncio.sleep(0.2)
        patch = SessionPatch(comment=f"Seen {count}")
        await client.update_session(UpdateSessionInput(session_id=session_id, patch=patch))
        if event.done():
            break
    seen = event.result()
    return {"kind": seen.kind.value, "sameSession": seen.session_id == session_id}


async def main() -> None:
    async with connect(KEY) as client, connect(WRONG_KEY) as stranger:
        pages = await read_pages(client)
        row = pages[0].edges[0].node
        edit = OverrideAssessmentInput(session_id=row.id, human_assessment=Assessment.NO)
        overridden = (await client.override_assessment(edit)).override_assessment
        unknown = edit.model_copy(update={"session_id": UNKNOWN_ID})
        refused = (await client.override_assessment(unknown)).override_assessment
        live = await client.sessions(first=1, filter_=SessionFilter(is_test=False))
        found = {
            "pages": [len(page.edges) for page in pages],
            "types": {"startedAt": type(row.started_at).__name__, "asr": type(row.asr).__name__},
            "overridden": overridden.model_dump(mode="json"),
            "refused": refused.model_dump(mode="json"),
            "filtered": len(live.sessions.edges),
            "explicitNull": await describe_error(client.sessions(first=1, filter_=SessionFilter(is_test=None))),
            "unknownField": await describe_error(ask(client, "query UnknownField { viewer { weather } }")),
            "wrongKey": await describe_error(stranger.sessions(first=1)),
            "wrongKeyOverSocket": await refuse_socket(stranger),
            "event": await watch(client, row.id),
        }
    print(json.dumps(found))


async def ask(client: Any, text: str) -> Any:
    return client.get_data(await client.execute(text))


async def refuse_socket(stranger: Any) -> str:
    try:
        await receive(stranger)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


asyncio.run(main())
