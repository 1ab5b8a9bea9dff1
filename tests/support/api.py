"""Callers of the API: each has a key of a role and sends its requests by HTTP."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role
from session_graph.http.negotiation import GRAPHQL
from session_graph.store.models import Account


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a GraphQL response."""

    status: int
    body: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """Return the data; fail if there are errors."""
        assert "errors" not in self.body, self.body["errors"]
        data: dict[str, Any] = self.body["data"]
        return data

    @property
    def errors(self) -> list[dict[str, Any]]:
        errors: list[dict[str, Any]] = self.body.get("errors", [])
        return errors

    @property
    def code(self) -> str:
        """Return the code of the only error."""
        (error,) = self.errors
        code: str = error["extensions"]["code"]
        return code


@dataclass(frozen=True, slots=True)
class Caller:
    """`await caller(query, name=value, …)` sends a request with these variables."""

    client: httpx.AsyncClient
    key: str

    async def __call__(self, query: str, **variables: Any) -> Answer:
        response = await self.client.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {self.key}", "Accept": GRAPHQL},
        )
        await asyncio.sleep(0)  # asyncpg logs a statement one turn of the event loop after its rows
        return Answer(response.status_code, response.json())


async def make_caller(
    client: httpx.AsyncClient, account: Account, role: Role, limits: Mapping[str, Any] | None = None
) -> Caller:
    """Return a caller with a new key; `limits` as in `make_key`."""
    return Caller(client, await make_key(account, role, **(limits or {})))


async def make_key(account: Account, role: Role = Role.ADMIN, **limits: Any) -> str:
    """Return the text of a new key; `limits` are those of `create_key`, a PARTNER's integration is `crm` by default."""
    limits = limits or ({"integrations": ["crm"]} if role is Role.PARTNER else {})
    return (await create_key(account, role, **limits))[0]
