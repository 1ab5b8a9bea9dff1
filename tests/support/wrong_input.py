"""An admin who sends wrong input, and the checks of its refusal."""

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx

from session_graph.errors import join_path
from session_graph.http.negotiation import GRAPHQL
from session_graph.store.models import Account
from support.api import Answer
from support.schema import SCHEMA
from support.statements import Statements

PYTHON = re.compile(
    r"\b(None|NoneType|True|False|UNSET|dict|tuple|str|bool|datetime|UUID\()\b|__\w+__|<\w+[ .]|Maybe\[|\wError\b|sys\."
    r"|pydantic|asyncpg|strawberry|should match|Traceback|\.py\b"
)
"""Words of Python's own that no message may have."""

Json = Any


@dataclass(frozen=True, slots=True)
class Admin:
    """An account with the bistro and one session, and its owner's key."""

    client: httpx.AsyncClient
    account: Account
    key: str
    session: str

    async def send(self, body: bytes | Json) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Accept": GRAPHQL, "Content-Type": "application/json"}
        response = await self.client.post("/graphql", content=content, headers=headers)
        return Answer(response.status_code, response.json())

    async def ask(self, query: str, **variables: Json) -> Answer:
        return await self.send({"query": query, "variables": variables})


def assert_refused(answer: Answer, keyword: str, statements: Statements, path: str = "") -> None:
    """Check for a refusal with status 400, and BAD_USER_INPUT or CURSOR_INVALID. Only the lookup of the key ran.

    `path` is the end of `extensions.path`, joined by dots. Of the message only a keyword is checked.
    """
    assert answer.status == 400
    assert answer.body.keys() == {"errors"}
    for error in answer.errors:
        is_cursor = "is not a cursor of" in error["message"]
        assert error["extensions"]["code"] == ("CURSOR_INVALID" if is_cursor else "BAD_USER_INPUT")
    assert keyword in answer.errors[0]["message"]
    if path:
        assert f".{join_path(answer.errors[0]['extensions']['path'])}".endswith(f".{path}")
    for error in answer.errors:
        assert_clear(error["message"])
    assert [statement for statement in statements if "api_key" not in statement] == []


def assert_clear(message: str) -> None:
    assert 0 < len(message) <= 500
    assert not PYTHON.search(message), message


OFFSET = "RFC 3339"
PLAIN = "plain decimal"
QUOTED = "decimal in a string"
NOT_NULL = "null"
UUID = "UUID"
"""Keywords of messages that several tests expect."""

DAY = {"startedAt": "2026-11-16T15:00:00Z", "endedAt": "2026-11-16T15:02:00Z"}
RECORD = {"agent": "bistro", "channel": "VOICE", **DAY}
TURN = {"speaker": "USER", "text": "Hello?"}


def mutation_of(name: str) -> tuple[str]:
    mutation = SCHEMA.mutation_type
    assert mutation
    ((argument, its),) = mutation.fields[name].args.items()
    return (f"mutation($i: {its.type}) {{ {name}({argument}: $i) {{ errors {{ code message path }} }} }}",)


def put_session(value: Json, admin: Admin) -> Json:
    """Return the value with the id of the admin's session in place of each "@session"."""
    return json.loads(json.dumps(value).replace("@session", admin.session))
