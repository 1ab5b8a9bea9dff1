"""What a newcomer writes from the documentation of Strawberry and Tortoise: types, a queryset, the stock view.

PGURL=… uvicorn bench.peers.obvious:app
"""

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import strawberry
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.scalars import JSON
from tortoise import Tortoise, fields
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet


class Session(Model):
    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField()
    agent_id = fields.UUIDField()
    channel = fields.TextField()
    started_at = fields.DatetimeField()
    ended_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    duration_seconds = fields.IntField()
    session_type = fields.TextField(null=True)
    integration = fields.TextField(null=True)
    external_id = fields.TextField(null=True)
    contact_name = fields.TextField(null=True)
    contact_folded = fields.TextField(null=True)
    phone = fields.TextField(null=True)
    phone_search = fields.TextField(null=True)
    email = fields.TextField(null=True)
    summary = fields.TextField(null=True)
    lead_value = fields.DecimalField(20, 2)
    asr = fields.DecimalField(20, 2)
    conversion_rate = fields.DecimalField(10, 4)
    recognition = fields.DecimalField(10, 4)
    session_length = fields.TextField()
    auto_assessment = fields.TextField(null=True)
    human_assessment = fields.TextField(null=True)
    assessment = fields.TextField(null=True)
    conversation_quality = fields.SmallIntField(null=True)
    working_hours = fields.BooleanField()
    comment = fields.TextField(null=True)
    units = fields.DecimalField(20, 2, null=True)
    is_lead = fields.BooleanField()
    is_opportunity = fields.BooleanField()
    is_test = fields.BooleanField()
    is_todo = fields.BooleanField()
    utms: fields.Field[Any] = fields.JSONField()

    class Meta:
        table = "session"


@strawberry.type(name="Session")
class SessionType:
    id: UUID
    started_at: datetime
    ended_at: datetime
    updated_at: datetime
    duration_seconds: int
    channel: str
    session_type: str | None
    integration: str | None
    external_id: str | None
    contact_name: str | None
    phone: str | None
    email: str | None
    summary: str | None
    lead_value: Decimal
    asr: Decimal
    conversion_rate: Decimal
    recognition: Decimal
    session_length: str
    auto_assessment: str | None
    human_assessment: str | None
    assessment: str | None
    conversation_quality: int | None
    working_hours: bool
    comment: str | None
    units: Decimal | None
    is_lead: bool
    is_opportunity: bool
    is_test: bool
    is_todo: bool
    utms: JSON


@strawberry.type
class SessionEdge:
    cursor: str
    node: SessionType


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class SessionPage:
    edges: list[SessionEdge]
    nodes: list[SessionType]
    page_info: PageInfo
    chosen: strawberry.Private[QuerySet[Session]]

    @strawberry.field
    async def total_count(self) -> int:
        return await self.chosen.count()


@strawberry.enum
class Order(Enum):
    STARTED_AT = "started_at"
    DURATION = "duration_seconds"


@strawberry.enum
class Channel(Enum):
    VOICE = "VOICE"
    SMS = "SMS"
    CHAT = "CHAT"


@strawberry.input
class SessionFilter:
    agent_id: UUID | None = None
    start: datetime | None = strawberry.field(name="from", default=None)
    end: datetime | None = strawberry.field(name="to", default=None)
    todo_or_poor: bool | None = None
    not_channel: Channel | None = None
    phone: str | None = None
    contact: str | None = None


def choose(account_id: UUID, wanted: SessionFilter | None) -> QuerySet[Session]:
    chosen = Session.filter(account_id=account_id)
    if wanted is None:
        return chosen
    if wanted.agent_id:
        chosen = chosen.filter(agent_id=wanted.agent_id)
    if wanted.start:
        chosen = chosen.filter(started_at__gte=wanted.start)
    if wanted.end:
        chosen = chosen.filter(started_at__lt=wanted.end)
    if wanted.todo_or_poor:
        chosen = chosen.filter(Q(is_todo=True) | Q(conversation_quality__gte=1, conversation_quality__lte=2))
    if wanted.not_channel:
        chosen = chosen.filter(channel__not=wanted.not_channel.value)
    if wanted.phone:
        chosen = chosen.filter(phone_search__contains=wanted.phone)
    if wanted.contact:
        chosen = chosen.filter(contact_folded__contains=wanted.contact)
    return chosen


def write_cursor(session: Session) -> str:
    return base64.b64encode(f"{session.started_at.isoformat()} {session.id}".encode()).decode()


@strawberry.type
class Query:
    @strawberry.field
    async def sessions(self, account_id: UUID, first: int) -> list[SessionType]:
        return await choose(account_id, None).order_by("-started_at", "-id").limit(first)  # type: ignore[return-value]

    @strawberry.field
    async def session_page(
        self, account_id: UUID, first: int, filter: SessionFilter | None = None, order_by: Order = Order.STARTED_AT
    ) -> SessionPage:
        chosen = choose(account_id, filter)
        found: Any = await chosen.order_by(f"-{order_by.value}", "-id").limit(first + 1)
        rows = found[:first]
        return SessionPage(
            edges=[SessionEdge(cursor=write_cursor(row), node=row) for row in rows],
            nodes=rows,
            page_info=PageInfo(has_next_page=len(found) > first, end_cursor=write_cursor(rows[-1]) if rows else None),
            chosen=chosen,
        )

    @strawberry.field
    async def sessions_by_external_id(self, account_id: UUID, external_ids: list[str]) -> list[SessionType]:
        return await Session.filter(account_id=account_id, external_id__in=external_ids)  # type: ignore[return-value]


def read_credentials(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return {
        "host": asked.get("host", parts.hostname),
        "port": int(asked.get("port", parts.port or 5432)),
        "user": parts.username,
        "password": parts.password,
        "database": parts.path[1:],
        "minsize": 10,
        "maxsize": 10,
    }


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    connections = {
        "default": {"engine": "tortoise.backends.asyncpg", "credentials": read_credentials(os.environ["PGURL"])}
    }
    apps = {"models": {"models": [__name__], "default_connection": "default"}}
    await Tortoise.init(config={"connections": connections, "apps": apps}, use_tz=True, _enable_global_fallback=True)
    yield
    await Tortoise.close_connections()


app = Starlette(
    routes=[Route("/graphql", GraphQL(strawberry.Schema(Query), graphql_ide=None))],
    lifespan=lifespan,
)
