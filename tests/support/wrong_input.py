"""What the tests of wrong input share: an admin to send it, and what is asserted of the refusal."""

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx

from session_graph.http.negotiation import GRAPHQL
from session_graph.store.models import Account
from support.api import Answer
from support.schema import SCHEMA
from support.statements import Statements

PYTHON = re.compile(
    r"\b(None|NoneType|True|False|UNSET|dict|tuple|str|bool|datetime|UUID\()\b|__\w+__|<\w+[ .]|Maybe\[|\wError\b|sys\."
    r"|pydantic|asyncpg|strawberry|should match|Traceback|\.py\b"
)
"""Words that only Python would use."""

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


def assert_refused(answer: Answer, phrase: str, statements: Statements) -> None:
    """Before anything was executed: status 400, one code, a sentence, and no statement but the key's."""
    assert answer.status == 400
    assert answer.body.keys() == {"errors"}
    assert {error["extensions"]["code"] for error in answer.errors} == {"BAD_USER_INPUT"}
    assert phrase in answer.errors[0]["message"]
    for error in answer.errors:
        assert_clear(error["message"])
    assert [statement for statement in statements if "api_key" not in statement] == []


def assert_clear(message: str) -> None:
    assert 0 < len(message) <= 500
    assert not PYTHON.search(message), message


OFFSET = "must be an RFC 3339 date and time with an offset, such as 2026-11-21T14:03:05Z"
PLAIN = 'must be a plain decimal number, such as "70.20"'
QUOTED = 'must be a decimal in a string, such as "70.20", or a whole number'
NO_NULL = "must not be null; leave it out to ask nothing"


UUID = "must be a UUID, such as 018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"


DAY = {"startedAt": "2026-11-16T15:00:00Z", "endedAt": "2026-11-16T15:02:00Z"}
RECORD = {"agent": "bistro", "channel": "VOICE", **DAY}
TURN = {"speaker": "USER", "text": "Hello?"}


def mutation_of(name: str) -> tuple[str]:
    mutation = SCHEMA.mutation_type
    assert mutation
    ((argument, its),) = mutation.fields[name].args.items()
    return (f"mutation($i: {its.type}) {{ {name}({argument}: $i) {{ errors {{ code message path }} }} }}",)


def place(given: Json, admin: Admin) -> Json:
    """The session's own id in the place of @session."""
    return json.loads(json.dumps(given).replace("@session", admin.session))
