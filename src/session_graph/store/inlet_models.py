"""The tables of sources and of what their inlets were delivered, as Tortoise models; see `models`."""

from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField

from session_graph.store.ids import new_id
from session_graph.store.models import TenantModel


class Source(TenantModel):
    """A vendor's system, whose webhooks an inlet takes: `token` is the secret part of the inlet's address.

    `mapping_text` is that of a mapping that is not shipped. `secret` signs the vendor's requests.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    name = fields.TextField()
    token = fields.BinaryField()
    mapping = fields.TextField()
    mapping_text = fields.TextField(null=True)
    agent_map: fields.Field[dict[str, str]] = fields.JSONField()
    unknown_agents = fields.TextField()
    secret = fields.BinaryField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "source"


class InletDelivery(TenantModel):
    """What an inlet was delivered, as it came, and what became of it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    source_id = fields.UUIDField()
    digest = fields.BinaryField()
    payload = fields.BinaryField()
    received_at = fields.DatetimeField(auto_now_add=True)
    outcome = fields.TextField(default="WAITING")
    run_at = fields.DatetimeField(auto_now_add=True)
    attempts = fields.IntField(default=0)
    claims = fields.IntField(default=0)
    finished_at = fields.DatetimeField(null=True)
    session_ids = ArrayField("uuid", default=list)
    problems: fields.Field[list[Any]] = fields.JSONField()
    warnings: fields.Field[list[Any]] = fields.JSONField()

    class Meta:
        table = "inlet_delivery"


class InletTurn(TenantModel):
    """When an account's deliveries were last claimed."""

    account_id = fields.UUIDField(primary_key=True)
    at = fields.DatetimeField()

    class Meta:
        table = "inlet_turn"
