"""What waits to be done, deliveries, limits, and numbers."""

from datetime import datetime

from tortoise import fields
from tortoise.indexes import Index

from envelopes.records.fields import Row, sealed, utc
from envelopes.records.models.mails import File
from envelopes.records.models.sizes import REF, SHA256


class Task(Row):
    """Work that is due. Holds ids only, never dies, only waits longer."""

    id: int = fields.BigIntField(primary_key=True)
    kind = fields.CharField(max_length=40)
    lane = fields.CharField(max_length=10)
    key = fields.CharField(max_length=120, unique=True)
    envelope_id: int | None = fields.BigIntField(null=True)
    ids = fields.TextField()
    state = fields.CharField(max_length=10, db_default="ready")
    run_at: datetime = utc()
    attempts = fields.IntField(db_default=0)
    token = fields.CharField(max_length=32, null=True)
    error = fields.CharField(max_length=200, null=True)
    created_at: datetime = utc()
    failing_since: datetime | None = utc(null=True)
    told_at: datetime | None = utc(null=True)
    done_at: datetime | None = utc(null=True)

    class Meta:
        table = "tasks"
        indexes = (Index(fields=("state", "lane", "run_at")), Index(fields=("envelope_id",)))


class Delivery(Row):
    """One mail to one recipient, and the SMTP server's own answer."""

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    task: fields.ForeignKeyRelation[Task] = fields.ForeignKeyField("fukan.Task", on_delete=fields.RESTRICT)
    task_id: int
    mail = fields.CharField(max_length=40)
    envelope_id: int | None = fields.BigIntField(null=True)
    signer_id: int | None = fields.BigIntField(null=True)
    staff_id: int | None = fields.BigIntField(null=True)
    recipient: str = sealed()
    recipient_look_up = fields.CharField(max_length=SHA256)
    message_id = fields.CharField(max_length=200)
    file: fields.ForeignKeyNullableRelation[File] = fields.ForeignKeyField(
        "fukan.File", null=True, on_delete=fields.RESTRICT
    )
    file_id: int | None
    attached = fields.BooleanField(db_default=False)
    why_link = fields.CharField(max_length=40, null=True)
    state = fields.CharField(max_length=20)
    code = fields.CharField(max_length=20, null=True)
    answer: str | None = sealed(null=True)
    attempts = fields.IntField(db_default=0)
    created_at: datetime = utc()
    updated_at: datetime = utc()

    class Meta:
        table = "deliveries"
        unique_together = (("task_id", "recipient_look_up"),)
        indexes = (Index(fields=("envelope_id",)),)


class Limit(Row):
    """A leaky bucket (GCRA): the theoretical arrival time of the next event, in Unix seconds."""

    key = fields.CharField(max_length=SHA256, primary_key=True)
    tat = fields.FloatField()

    class Meta:
        table = "limits"


class Number(Row):
    """The last number given out in one series."""

    series = fields.CharField(max_length=40, primary_key=True)
    value: int = fields.BigIntField()

    class Meta:
        table = "numbers"


class Lease(Row):
    """Who looks after a thing that only one process may look after, until when."""

    name = fields.CharField(max_length=120, primary_key=True)
    holder = fields.CharField(max_length=40)
    until: datetime = utc()

    class Meta:
        table = "leases"
