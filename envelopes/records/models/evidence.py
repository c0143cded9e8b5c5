"""Uses of keys, the history with its anchors, and what was verified."""

from datetime import datetime

from tortoise import fields
from tortoise.indexes import Index

from envelopes.records.fields import Row, sealed, utc
from envelopes.records.models.consents import Consent
from envelopes.records.models.envelopes import Document, Envelope
from envelopes.records.models.mails import File
from envelopes.records.models.sizes import REF, SHA256


class KeyUse(Row):
    """Written before a signing key is used, `done_at` when the signature was committed."""

    id: int = fields.BigIntField(primary_key=True)
    document: fields.ForeignKeyRelation[Document] = fields.ForeignKeyField(
        "fukan.Document", on_delete=fields.CASCADE
    )
    document_id: int
    consent: fields.ForeignKeyRelation[Consent] = fields.ForeignKeyField(
        "fukan.Consent", on_delete=fields.RESTRICT
    )
    consent_id: int
    sha256 = fields.CharField(max_length=SHA256)
    at: datetime = utc()
    done_at: datetime | None = utc(null=True)

    class Meta:
        table = "key_uses"


class CertificateUse(Row):
    """Written before the signing key seals a completion certificate, `done_at` when that was committed.

    `sha256` is of the prepared certificate.
    """

    id: int = fields.BigIntField(primary_key=True)
    envelope: fields.ForeignKeyRelation[Envelope] = fields.ForeignKeyField(
        "fukan.Envelope", on_delete=fields.CASCADE
    )
    envelope_id: int
    sha256 = fields.CharField(max_length=SHA256)
    at: datetime = utc()
    done_at: datetime | None = utc(null=True)

    class Meta:
        table = "certificate_uses"


class Fact(Row):
    """One line of a subject's history: hash = SHA-256(prev ‖ n ‖ at ‖ kind ‖ actor ‖ digest)."""

    id: int = fields.BigIntField(primary_key=True)
    subject = fields.CharField(max_length=20)
    subject_id: int = fields.BigIntField()
    n = fields.IntField()
    at: datetime = utc()
    kind = fields.CharField(max_length=40)
    actor = fields.CharField(max_length=60)
    digest = fields.CharField(max_length=SHA256)
    hash = fields.CharField(max_length=SHA256)

    class Meta:
        table = "facts"
        unique_together = (("subject", "subject_id", "n"),)


class FactDetail(Row):
    """The erasable part of a fact. Without it the chain still verifies, with it the digest can be made again."""

    id: int = fields.BigIntField(primary_key=True)
    fact: fields.OneToOneRelation[Fact] = fields.OneToOneField("fukan.Fact", on_delete=fields.CASCADE)
    fact_id: int
    salt = fields.CharField(max_length=64)
    payload: str = sealed()

    class Meta:
        table = "fact_details"


class Anchor(Row):
    """A timestamped Merkle root over the facts from `first_id` to `last_id`, and the line of each as it was.

    `previous` is the SHA-256 of the token before; `token` is base64, `at` its time. Nothing in it names a person.
    """

    id: int = fields.BigIntField(primary_key=True)
    n = fields.IntField(unique=True)
    first_id: int = fields.BigIntField()
    last_id: int = fields.BigIntField()
    count = fields.IntField()
    root = fields.CharField(max_length=SHA256)
    previous = fields.CharField(max_length=SHA256)
    lines = fields.TextField()
    token = fields.TextField()
    at: datetime = utc()

    class Meta:
        table = "anchors"
        indexes = (Index(fields=("first_id", "last_id")),)


class Verification(Row):
    """A stranger's PDF that is to be judged, and for some minutes what was found. The result is kept as JSON."""

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    file: fields.ForeignKeyNullableRelation[File] = fields.ForeignKeyField(
        "fukan.File", null=True, on_delete=fields.RESTRICT
    )
    file_id: int | None
    result: str | None = sealed(null=True)
    created_at: datetime = utc()
    done_at: datetime | None = utc(null=True)

    class Meta:
        table = "verifications"
        indexes = (Index(fields=("created_at",)),)
