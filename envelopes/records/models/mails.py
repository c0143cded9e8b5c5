"""Mails that came and mails that go, and what is kept of both."""

from datetime import datetime

from tortoise import fields
from tortoise.indexes import Index

from envelopes.records.fields import Row, sealed, utc
from envelopes.records.models.sizes import REF, SHA256


class File(Row):
    """One immutable encrypted blob. A data key that is wrapped for a reader makes it readable for that reader."""

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    purpose = fields.CharField(max_length=20)
    envelope_ref = fields.CharField(max_length=REF, db_default="")
    size: int = fields.BigIntField()
    sha256 = fields.CharField(max_length=SHA256)
    view_wrap = fields.CharField(max_length=120, null=True)
    archive_wrap = fields.CharField(max_length=120, null=True)
    created_at: datetime = utc()

    class Meta:
        table = "files"
        indexes = (Index(fields=("envelope_ref", "purpose")),)


class Mail(Row):
    """One mail that came in: its bytes, who sent it, what became of it.

    `draft_number` is that of the draft which replies to its answer may still complete. `whole`: not the head alone, of
    a mail that is too big. `proof` says whose word there is for its sender (`envelopes.rules.provenance.Why`),
    `proof_key` which key verified it, with its record as it stood in DNS.
    """

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    digest = fields.CharField(max_length=SHA256, unique=True)
    file: fields.ForeignKeyRelation[File] = fields.ForeignKeyField("fukan.File", on_delete=fields.RESTRICT)
    file_id: int
    status = fields.CharField(max_length=20)
    reason = fields.CharField(max_length=40, null=True)
    subject: str | None = sealed(null=True)
    sender: str | None = sealed(null=True)
    sender_look_up = fields.CharField(max_length=SHA256, null=True)
    message_id: str | None = sealed(null=True)
    answer: str | None = sealed(null=True)
    draft_number = fields.CharField(max_length=20, null=True)
    whole = fields.BooleanField(db_default=True)
    proof = fields.CharField(max_length=40, null=True)
    proof_key = fields.TextField(null=True)
    arrived_at: datetime = utc()
    read_at: datetime | None = utc(null=True)

    class Meta:
        table = "mails"
        indexes = (Index(fields=("status", "arrived_at")), Index(fields=("sender_look_up", "status")))


class Sighting(Row):
    """One copy of a mail in one mailbox, and how often reading it failed.

    `failed_at`: when taking it in was given up, so that it lies in the mailbox's folder for failed mails alone.
    """

    id: int = fields.BigIntField(primary_key=True)
    mailbox = fields.CharField(max_length=120)
    uidvalidity: int = fields.BigIntField()
    uid: int = fields.BigIntField()
    tries = fields.IntField(db_default=0)
    failed_at: datetime | None = utc(null=True)
    mail: fields.ForeignKeyNullableRelation[Mail] = fields.ForeignKeyField(
        "fukan.Mail", null=True, on_delete=fields.CASCADE
    )
    mail_id: int | None

    class Meta:
        table = "sightings"
        unique_together = (("mailbox", "uidvalidity", "uid"),)


class MailVerdict(Row):
    """What the last examination of servers and DNS found wrong: JSON, sealed, so that only the service says it."""

    id: int = fields.BigIntField(primary_key=True)
    said: str = sealed()

    class Meta:
        table = "mail_verdicts"
