"""The registry of contractors' addresses: entries, applications, telephones, authenticators."""

from datetime import datetime

from tortoise import fields
from tortoise.indexes import Index

from envelopes.records.fields import Row, sealed, utc
from envelopes.records.models.sizes import REF, SHA256
from envelopes.records.models.town import Staff


class Contact(Row):
    """One revision of a registered address of a contractor (台帳).

    `refusals` counts what came back for good since the last sign of life; `dead_at`: so much that it is not used.
    """

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    company = fields.CharField(max_length=200)
    company_search = fields.CharField(max_length=200)
    office = fields.CharField(max_length=100)
    person: str = sealed()
    email: str = sealed()
    email_look_up = fields.CharField(max_length=SHA256)
    kind = fields.CharField(max_length=20)
    reason: str | None = sealed(null=True)
    language = fields.CharField(max_length=8, db_default="ja")
    identity = fields.CharField(max_length=20, db_default="")  # a Method; empty: by what is registered
    state = fields.CharField(max_length=20)
    revision = fields.IntField(db_default=1)
    consented_on = fields.DateField()
    consent_note: str = sealed()
    registrar: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField(
        "fukan.Staff", related_name="registered", on_delete=fields.RESTRICT
    )
    registrar_id: int
    approver: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField(
        "fukan.Staff", related_name="approved", on_delete=fields.RESTRICT
    )
    approver_id: int
    call_back: str = sealed()
    works_from: datetime = utc()
    works_until: datetime | None = utc(null=True)
    withdrawn_at: datetime | None = utc(null=True)
    application_id: int | None = fields.BigIntField(null=True)
    ended_at: datetime | None = utc(null=True)
    refusals = fields.IntField(db_default=0)
    dead_at: datetime | None = utc(null=True)
    created_at: datetime = utc()

    class Meta:
        table = "contacts"
        indexes = (Index(fields=("email_look_up", "state")), Index(fields=("company_search",)))


class Authenticator(Row):
    """An app on a phone with which the person of an entry proves who he is, one at a time.

    `envelope_id`: the request in which it was set up, for which it does not count. `last_step` is the last time step
    whose digits were used. A lost one is reported by `reporter_id` and ended by `approver_id`, who has called back.
    """

    id: int = fields.BigIntField(primary_key=True)
    contact: fields.ForeignKeyRelation[Contact] = fields.ForeignKeyField(
        "fukan.Contact", on_delete=fields.CASCADE
    )
    contact_id: int
    envelope_id: int = fields.BigIntField()
    secret: str = sealed()
    last_step: int = fields.BigIntField(db_default=0)
    set_up_at: datetime = utc()
    lost_at: datetime | None = utc(null=True)
    lost_note: str | None = sealed(null=True)
    reporter_id: int | None = fields.BigIntField(null=True)
    approver_id: int | None = fields.BigIntField(null=True)
    call_back: str | None = sealed(null=True)
    ended_at: datetime | None = utc(null=True)

    class Meta:
        table = "authenticators"
        indexes = (Index(fields=("contact_id", "ended_at")),)


class Application(Row):
    """An address that somebody wishes to have in the registry (申請), until staff have decided about it.

    `serial`, `wrong` and `sent_at` are those of its newest code. `terms` are, word for word, what was shown to whoever
    agreed to contracts by electronic means (承諾). `replaces_id` is the entry that ends when this one works,
    `contact_id` the entry that came of it.
    """

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    number = fields.CharField(max_length=40, unique=True, null=True)
    door = fields.CharField(max_length=20)
    stage = fields.CharField(max_length=20)
    company = fields.CharField(max_length=200)
    company_search = fields.CharField(max_length=200)
    office = fields.CharField(max_length=100)
    person: str = sealed()
    email: str = sealed()
    email_look_up = fields.CharField(max_length=SHA256)
    kind = fields.CharField(max_length=20)
    reason: str | None = sealed(null=True)
    language = fields.CharField(max_length=8, db_default="ja")
    previous: str | None = sealed(null=True)
    replaces_id: int | None = fields.BigIntField(null=True)
    terms_version = fields.CharField(max_length=20, null=True)
    terms: str | None = fields.TextField(null=True)
    agreed_at: datetime | None = utc(null=True)
    note: str | None = sealed(null=True)
    serial = fields.IntField(db_default=0)
    wrong = fields.IntField(db_default=0)
    sent_at: datetime | None = utc(null=True)
    proved_at: datetime | None = utc(null=True)
    registrar: fields.ForeignKeyNullableRelation[Staff] = fields.ForeignKeyField(
        "fukan.Staff", related_name="taken_up", null=True, on_delete=fields.RESTRICT
    )
    registrar_id: int | None
    approver: fields.ForeignKeyNullableRelation[Staff] = fields.ForeignKeyField(
        "fukan.Staff", related_name="decided", null=True, on_delete=fields.RESTRICT
    )
    approver_id: int | None
    call_back: str | None = sealed(null=True)
    answer: str | None = sealed(null=True)
    decided_at: datetime | None = utc(null=True)
    contact_id: int | None = fields.BigIntField(null=True)
    mobile: str | None = sealed(null=True)
    created_at: datetime = utc()

    class Meta:
        table = "applications"
        indexes = (Index(fields=("stage", "created_at")), Index(fields=("email_look_up", "stage")))


class Mobile(Row):
    """A mobile number of an entry of the registry, for codes by SMS: put forward by one of the staff, then approved.

    `bond` is written with the approval; without it nothing is sent there. `ended_at`: sent back, or not to be used.
    """

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    contact: fields.ForeignKeyRelation[Contact] = fields.ForeignKeyField(
        "fukan.Contact", on_delete=fields.CASCADE
    )
    contact_id: int
    number: str = sealed()
    look_up = fields.CharField(max_length=SHA256)
    source: str = sealed()
    registrar: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField(
        "fukan.Staff", related_name="mobiles_put_forward", on_delete=fields.RESTRICT
    )
    registrar_id: int
    approver: fields.ForeignKeyNullableRelation[Staff] = fields.ForeignKeyField(
        "fukan.Staff", related_name="mobiles_approved", null=True, on_delete=fields.RESTRICT
    )
    approver_id: int | None
    call_back: str | None = sealed(null=True)
    bond: str | None = sealed(null=True)
    works_from: datetime | None = utc(null=True)
    ended_at: datetime | None = utc(null=True)
    created_at: datetime = utc()

    class Meta:
        table = "mobiles"
        indexes = (Index(fields=("contact_id", "ended_at")),)
