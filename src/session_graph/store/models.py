"""The tables as Tortoise models. The migrations create the tables; a test compares the two.

Tenant tables have the key `(account_id, id)`. Tortoise has only single-column keys, so `id` is declared as the key,
and every look-up and update also names `account_id`: `Agent.filter(account_id=…, id=…).update(…)`.
"""

from decimal import Decimal
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

from session_graph.store.ids import new_id


class Account(Model):
    """The tenant: a business that owns agents."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    idn = fields.TextField()
    name = fields.TextField()
    currency = fields.TextField(default="USD")
    money_scale = fields.IntField(default=2)
    time_zone = fields.TextField(default="UTC")
    country = fields.TextField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "account"


class ApiKey(Model):
    """The hash of an API key, with its role and limits. The key itself is not stored."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "session_graph.Account", related_name=False, db_constraint=False
    )
    account_id: UUID
    name = fields.TextField()
    role = fields.TextField()
    prefix = fields.TextField()
    secret_hash = fields.BinaryField()
    integrations = ArrayField("text", default=list)
    agents = ArrayField("text", default=list)
    email = fields.TextField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_key"


class TenantModel(Model):
    """A row that belongs to an account. Methods that would find or change it by `id` alone raise TypeError."""

    account_id = fields.UUIDField()

    class Meta:
        abstract = True

    async def save(self, *args: Any, **kwargs: Any) -> None:
        if self._saved_in_db:
            raise TypeError("update a tenant's row with filter(account_id=…, id=…).update(…)")
        await super().save(*args, **kwargs)

    async def delete(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("delete a tenant's row with filter(account_id=…, id=…).delete()")

    async def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("read a tenant's row with get(account_id=…, id=…)")


class Agent(TenantModel):
    """An AI employee, with the settings that a closing session computes its metrics from."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    idn = fields.TextField()
    name = fields.TextField()
    industry = fields.TextField(null=True)
    time_zone = fields.TextField()
    country = fields.TextField(null=True)
    working_hours: fields.Field[dict[str, list[list[str]]]] = fields.JSONField(default=dict)
    redirection = fields.TextField(default="AGENT_FIRST")
    conversion_ratio = fields.DecimalField(30, 10, default=1)
    recognition = fields.DecimalField(30, 10, default=1)
    average_lead_value = fields.DecimalField(30, 10, null=True)
    unit_name = fields.TextField(null=True)
    unit_value = fields.DecimalField(30, 10, null=True)
    test_contacts = ArrayField("text", default=list)
    short_under_seconds = fields.IntField(default=60)
    long_from_seconds = fields.IntField(default=300)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "agent"


class DerivedText(fields.TextField):
    allows_generated = True


class DerivedInt(fields.IntField[int]):
    allows_generated = True


class DerivedFlag(fields.BooleanField[bool]):
    allows_generated = True


class DerivedDecimal(fields.DecimalField[Decimal]):
    allows_generated = True


class Session(TenantModel):
    """One conversation. The derived fields are generated columns, never written by the application."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    channel = fields.TextField()
    started_at = fields.DatetimeField()
    ended_at = fields.DatetimeField()
    session_type = fields.TextField(null=True)
    integration = fields.TextField(null=True)
    connector = fields.TextField(null=True)
    external_id = fields.TextField(null=True)
    contact_name = fields.TextField(null=True)
    phone = fields.TextField(null=True)
    phone_display = fields.TextField(null=True)
    phone_search = fields.TextField(null=True)
    email = fields.TextField(null=True)
    other_contact = fields.TextField(null=True)
    summary = fields.TextField(null=True)
    refused = fields.BooleanField(default=False)
    unavailable = fields.BooleanField(default=False)
    units = fields.DecimalField(30, 10, null=True)
    auto_assessment = fields.TextField(null=True)
    source = fields.TextField(null=True)
    source_id = fields.TextField(null=True)
    direction = fields.TextField(null=True)
    end_reason = fields.TextField(null=True)
    language = fields.TextField(null=True)
    recording_url = fields.TextField(null=True)
    agent_contact = fields.TextField(null=True)
    metadata: fields.Field[dict[str, str]] = fields.JSONField(default=dict)
    actual_result = fields.TextField(null=True)
    expected_result = fields.TextField(null=True)
    utms: fields.Field[dict[str, str]] = fields.JSONField(default=dict)
    intent_to_buy = fields.BooleanField(null=True)
    stated_test = fields.BooleanField(null=True)
    stated_lead_value = fields.DecimalField(30, 10, null=True)
    terms_id = fields.UUIDField(null=True)
    content_hash = fields.BinaryField(default=b"")
    potential_value = fields.DecimalField(40, 20, default=0)
    conversion_rate = fields.DecimalField(30, 10, default=1)
    recognition = fields.DecimalField(30, 10, default=1)
    money_scale = fields.IntField(default=2)
    working_hours = fields.BooleanField(default=True)
    session_length = fields.TextField()
    is_lead = fields.BooleanField(default=False)
    is_opportunity = fields.BooleanField(default=False)
    is_test = fields.BooleanField(default=False)
    is_todo = fields.BooleanField(default=False)
    is_done = fields.BooleanField(default=False)
    is_archived = fields.BooleanField(default=False)
    human_assessment = fields.TextField(null=True)
    conversation_quality = fields.SmallIntField(null=True)
    comment = fields.TextField(null=True)
    tags = ArrayField("text", default=list)
    session_type_folded = fields.TextField(null=True)
    external_id_folded = fields.TextField(null=True)
    contact_folded = fields.TextField(null=True)
    summary_folded = fields.TextField(null=True)
    comment_folded = fields.TextField(null=True)
    duration_seconds = DerivedInt(generated=True)
    assessment = DerivedText(null=True, generated=True)
    is_success = DerivedFlag(generated=True)
    lead_value = DerivedDecimal(40, 20, generated=True)
    asr = DerivedDecimal(40, 20, generated=True)
    additional_deals = DerivedDecimal(40, 20, generated=True)
    version = fields.IntField(default=1)
    recorded_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "session"


class Transcript(TenantModel):
    """The turns of a session in order, as one value that is written once and read whole."""

    session_id = fields.UUIDField(primary_key=True)
    turns: fields.Field[list[dict[str, str | None]]] = fields.JSONField()

    class Meta:
        table = "transcript"


class AgentTerms(TenantModel):
    """The attributes of an agent that were in force when sessions closed; the id follows from the content."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    terms: fields.Field[dict[str, Any]] = fields.JSONField()

    class Meta:
        table = "agent_terms"


class FactTimes(TenantModel):
    """When the source knew each field of a session, by the field's name; only of records that name a time."""

    session_id = fields.UUIDField(primary_key=True)
    times: fields.Field[dict[str, str]] = fields.JSONField()

    class Meta:
        table = "fact_times"


class SessionChange(TenantModel):
    """One field of a change; `version` is the session's version after it. `kind` is SET, FOLLOWED or AMENDED."""

    session_id = fields.UUIDField(primary_key=True)
    version = fields.IntField()
    field = fields.TextField()
    before = fields.TextField(null=True)
    after = fields.TextField(null=True)
    changed_at = fields.DatetimeField()
    changed_by = fields.TextField()
    kind = fields.TextField(default="SET")

    class Meta:
        table = "session_change"


class TransactionId(fields.BigIntField):
    """PostgreSQL's 64-bit transaction id (xid8), which grows and is never reused."""


class EventHistory(Model):
    """The events that one server wrote; `settled` is the mark that copies of the database are compared with."""

    number = fields.SmallIntField(primary_key=True, generated=False)
    id = fields.TextField()
    identity = fields.TextField()
    started_at = fields.DatetimeField(auto_now_add=True)
    settled = TransactionId()

    class Meta:
        table = "event_history"


class EventCompaction(Model):
    """The one row says up to where the event log is compacted."""

    id = fields.SmallIntField(primary_key=True, generated=False)
    history = fields.SmallIntField()
    xid = TransactionId()
    seq = fields.BigIntField()

    class Meta:
        table = "event_compaction"


class SessionEvent(TenantModel):
    """A session was recorded or changed, by the transaction `xid` of the history with this number."""

    history = fields.SmallIntField()
    xid = TransactionId()
    seq = fields.BigIntField(primary_key=True, generated=False)
    session_id = fields.UUIDField()
    kind = fields.TextField()
    at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "session_event"


class SavedView(TenantModel):
    """A filter, an order and columns under a name; `identity` is that of the viewer who saved them."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    identity = fields.TextField()
    owner = fields.TextField()
    name = fields.TextField()
    is_shared = fields.BooleanField()
    stored_filter: fields.Field[dict[str, Any]] = fields.JSONField()
    order_field = fields.TextField()
    direction = fields.TextField()
    columns = ArrayField("text")
    updated_at = fields.DatetimeField()

    class Meta:
        table = "saved_view"
