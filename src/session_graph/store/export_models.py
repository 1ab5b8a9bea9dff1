"""The tables of exports, their files, their deliveries and links, as Tortoise models; see `models`."""

from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

from session_graph.store.ids import new_id
from session_graph.store.models import TenantModel


class ExportRecipient(TenantModel):
    """An address or a domain that the account's exports may be sent to."""

    recipient = fields.CharField(320, primary_key=True)

    class Meta:
        table = "export_recipient"


class SessionExport(TenantModel):
    """An export of sessions, and the job that writes and delivers it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    requested_by = fields.TextField()
    identity = fields.TextField()
    requester: fields.Field[dict[str, Any]] = fields.JSONField()
    requested_at = fields.DatetimeField()
    stored_filter: fields.Field[dict[str, Any]] = fields.JSONField()
    filter_now = fields.DatetimeField()
    order_field = fields.TextField()
    direction = fields.TextField()
    columns = ArrayField("text")
    time_zone = fields.TextField(null=True)
    time_zone_label = fields.TextField()
    escape_formulas = fields.BooleanField(default=True)
    idempotency_key = fields.TextField(null=True)
    content_hash = fields.BinaryField()
    status = fields.TextField(default="QUEUED")
    attempts = fields.IntField(default=0)
    run_at = fields.DatetimeField()
    claims = fields.IntField(default=0)
    lease_until = fields.DatetimeField(null=True)
    as_of = fields.DatetimeField(null=True)
    row_count = fields.IntField(null=True)
    rows_written = fields.IntField(default=0)
    bytes = fields.BigIntField(null=True)
    sha256 = fields.TextField(null=True)
    file_claim = fields.IntField(null=True)
    has_chunks = fields.BooleanField(default=False)
    error = fields.TextField(null=True)
    finished_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)
    place = fields.IntField(null=True)
    chunk_count = fields.IntField(null=True)
    reads = ArrayField("text", null=True)

    class Meta:
        table = "session_export"


class ExportTurn(TenantModel):
    """When an account's exports were last written or sent."""

    task = fields.CharField(5, primary_key=True)
    at = fields.DatetimeField()

    class Meta:
        table = "export_turn"


class ExportChunk(TenantModel):
    """A compressed piece of an export's CSV; the pieces of one claim form one zlib stream."""

    export_id = fields.UUIDField()
    claim = fields.IntField()
    position = fields.IntField(primary_key=True, generated=False)
    data = fields.BinaryField()

    class Meta:
        table = "export_chunk"


class ExportDelivery(TenantModel):
    """The delivery of an export to one recipient."""

    export_id = fields.UUIDField()
    recipient = fields.CharField(320, primary_key=True)
    status = fields.TextField(default="WAITING")
    attempts = fields.IntField(default=0)
    run_at = fields.DatetimeField()
    at = fields.DatetimeField(null=True)
    error = fields.TextField(null=True)
    link_expires_at = fields.DatetimeField(null=True)

    class Meta:
        table = "export_delivery"


class ExportRun(TenantModel):
    """One time that an export was queued, by its request or by a retry."""

    export_id = fields.UUIDField(primary_key=True)
    identity = fields.TextField()
    at = fields.DatetimeField()
    is_retry = fields.BooleanField()

    class Meta:
        table = "export_run"


class ExportDownload(TenantModel):
    """One download of an export's file."""

    export_id = fields.UUIDField(primary_key=True)
    at = fields.DatetimeField()
    by = fields.TextField()

    class Meta:
        table = "export_download"


class SigningKey(Model):
    """The secret that signs download links, created on first use."""

    id = fields.IntField(primary_key=True, generated=False)
    secret = fields.BinaryField()

    class Meta:
        table = "signing_key"
