"""Envelopes with their documents, pages, signers and signed segments."""

from datetime import date, datetime

from tortoise import fields
from tortoise.indexes import Index

from envelopes.records.fields import Row, sealed, utc
from envelopes.records.models.mails import File, Mail
from envelopes.records.models.registry import Contact
from envelopes.records.models.sizes import REF, SHA256
from envelopes.records.models.town import Section, Staff

CERTIFICATE = 0  # the position of an envelope's completion certificate; its documents are counted from 1


class Envelope(Row):
    """One 封筒. `state` and `version` change only through `envelopes.records.store.apply`."""

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    draft_number = fields.CharField(max_length=20)
    number = fields.CharField(max_length=40, unique=True, null=True)
    certificate_id = fields.CharField(max_length=40, unique=True)
    kind = fields.CharField(max_length=20)
    state = fields.CharField(max_length=20)
    version = fields.IntField(db_default=0)
    section: fields.ForeignKeyRelation[Section] = fields.ForeignKeyField(
        "fukan.Section", on_delete=fields.RESTRICT
    )
    section_id: int
    drafter: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField(
        "fukan.Staff", related_name="drafted", on_delete=fields.RESTRICT
    )
    drafter_id: int
    confirmer: fields.ForeignKeyNullableRelation[Staff] = fields.ForeignKeyField(
        "fukan.Staff", related_name="confirmed", null=True, on_delete=fields.RESTRICT
    )
    confirmer_id: int | None
    mail: fields.ForeignKeyNullableRelation[Mail] = fields.ForeignKeyField(
        "fukan.Mail", null=True, on_delete=fields.RESTRICT
    )
    mail_id: int | None
    title = fields.CharField(max_length=200)
    party = fields.CharField(max_length=400)
    party_search = fields.CharField(max_length=400)
    amount: int | None = fields.BigIntField(null=True)
    tax = fields.CharField(max_length=20)
    transaction_on = fields.DateField(null=True)
    deadline_on = fields.DateField()
    reading: str = sealed()
    policy = fields.TextField()
    end_reason: str | None = sealed(null=True)
    ended_on: datetime | None = utc(null=True)
    trouble = fields.CharField(max_length=40, null=True)
    opened_at: datetime = utc()
    out_at: datetime | None = utc(null=True)
    completed_at: datetime | None = utc(null=True)
    window_ends_at: datetime | None = utc(null=True)
    replaces: fields.ForeignKeyNullableRelation["Envelope"] = fields.ForeignKeyField(
        "fukan.Envelope", null=True, on_delete=fields.RESTRICT
    )
    replaces_id: int | None

    class Meta:
        table = "envelopes"
        indexes = (
            Index(fields=("state", "deadline_on")),
            Index(fields=("transaction_on", "amount")),
            Index(fields=("party_search", "transaction_on")),
        )


class Document(Row):
    """One PDF of an envelope. Its bytes are its segments in order.

    At position `CERTIFICATE` it is the completion certificate, which nobody has sent in: `original` and `base` are then
    the paper as it was typeset.

    `stands_until` and `algorithms` (names with spaces between) are what its last document timestamp rests on; None
    before the first, and where nobody has looked yet.
    """

    id: int = fields.BigIntField(primary_key=True)
    envelope: fields.ForeignKeyRelation[Envelope] = fields.ForeignKeyField(
        "fukan.Envelope", on_delete=fields.CASCADE
    )
    envelope_id: int
    position = fields.IntField()
    title = fields.CharField(max_length=200)
    file_name: str = sealed()
    page_count = fields.IntField()
    warnings = fields.CharField(max_length=200)
    original: fields.ForeignKeyRelation[File] = fields.ForeignKeyField(
        "fukan.File", related_name="original_of", on_delete=fields.RESTRICT
    )
    original_id: int
    base: fields.ForeignKeyRelation[File] = fields.ForeignKeyField(
        "fukan.File", related_name="base_of", on_delete=fields.RESTRICT
    )
    base_id: int
    text: fields.ForeignKeyNullableRelation[File] = fields.ForeignKeyField(
        "fukan.File", related_name="text_of", null=True, on_delete=fields.RESTRICT
    )
    text_id: int | None
    pages_sha256 = fields.CharField(max_length=SHA256, null=True)
    stands_until: datetime | None = utc(null=True)
    algorithms = fields.CharField(max_length=100, db_default="")

    class Meta:
        table = "documents"
        unique_together = (("envelope_id", "position"),)
        indexes = (Index(fields=("stands_until",)),)


class Image(Row):
    """One page at one width."""

    id: int = fields.BigIntField(primary_key=True)
    document: fields.ForeignKeyRelation[Document] = fields.ForeignKeyField(
        "fukan.Document", on_delete=fields.CASCADE
    )
    document_id: int
    page = fields.IntField()
    width = fields.IntField()
    height = fields.IntField()
    file: fields.ForeignKeyRelation[File] = fields.ForeignKeyField("fukan.File", on_delete=fields.RESTRICT)
    file_id: int

    class Meta:
        table = "images"
        unique_together = (("document_id", "page", "width"),)


class Signer(Row):
    """One party of an envelope in its place, as the registry or the staff list said when the envelope was opened."""

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    envelope: fields.ForeignKeyRelation[Envelope] = fields.ForeignKeyField(
        "fukan.Envelope", on_delete=fields.CASCADE
    )
    envelope_id: int
    position = fields.IntField()
    party = fields.CharField(max_length=20)
    contact: fields.ForeignKeyNullableRelation[Contact] = fields.ForeignKeyField(
        "fukan.Contact", null=True, on_delete=fields.RESTRICT
    )
    contact_id: int | None
    staff: fields.ForeignKeyNullableRelation[Staff] = fields.ForeignKeyField(
        "fukan.Staff", null=True, on_delete=fields.RESTRICT
    )
    staff_id: int | None
    company = fields.CharField(max_length=200)
    office = fields.CharField(max_length=100)
    person: str = sealed()
    email: str = sealed()
    email_look_up = fields.CharField(max_length=SHA256)
    address_kind = fields.CharField(max_length=20)
    registry_revision = fields.IntField(db_default=0)
    bond: str = sealed()
    language = fields.CharField(max_length=8, db_default="ja")
    proof = fields.CharField(max_length=20)
    generation = fields.IntField(db_default=0)
    download_generation = fields.IntField(db_default=0)
    wrong_codes = fields.IntField(db_default=0)
    asked_at: datetime | None = utc(null=True)
    proved_at: datetime | None = utc(null=True)
    consented_at: datetime | None = utc(null=True)
    signed_at: datetime | None = utc(null=True)
    paused_at: datetime | None = utc(null=True)
    remind_on: date | None = fields.DateField(null=True)

    class Meta:
        table = "signers"
        unique_together = (("envelope_id", "position"),)


class Segment(Row):
    """One revision of a document: 0 is the prepared file, each later one a tail.

    Hash and length are of the whole file up to and including it. `plan` stands with the prepared file: where in it
    signatures go, sealed by the worker for the worker; None where revisions are written without one.
    """

    id: int = fields.BigIntField(primary_key=True)
    document: fields.ForeignKeyRelation[Document] = fields.ForeignKeyField(
        "fukan.Document", on_delete=fields.CASCADE
    )
    document_id: int
    number = fields.IntField()
    kind = fields.CharField(max_length=20)
    file: fields.ForeignKeyRelation[File] = fields.ForeignKeyField("fukan.File", on_delete=fields.RESTRICT)
    file_id: int
    signer: fields.ForeignKeyNullableRelation[Signer] = fields.ForeignKeyField(
        "fukan.Signer", null=True, on_delete=fields.RESTRICT
    )
    signer_id: int | None
    length: int = fields.BigIntField()
    sha256 = fields.CharField(max_length=SHA256)
    time_stamped_at: datetime | None = utc(null=True)
    plan: str | None = fields.TextField(null=True)

    class Meta:
        table = "segments"
        unique_together = (("document_id", "number"),)
