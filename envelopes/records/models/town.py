"""The town hall: its sections, staff, and the browsers they and contractors use."""

from datetime import datetime

from tortoise import fields
from tortoise.indexes import Index

from envelopes.records.fields import Row, sealed, utc
from envelopes.records.models.sizes import REF, SHA256


class Section(Row):
    """A section of the town hall (課)."""

    id: int = fields.BigIntField(primary_key=True)
    code = fields.CharField(max_length=40, unique=True)
    name = fields.CharField(max_length=100)
    name_english = fields.CharField(
        max_length=100, db_default=""
    )  # empty: the Japanese name stands there too
    phone = fields.CharField(max_length=40)
    hours = fields.CharField(max_length=100)
    hours_english = fields.CharField(max_length=100, db_default="")
    email = fields.CharField(max_length=320)

    class Meta:
        table = "sections"


class Staff(Row):
    """A member of staff. `roles` is a comma-separated list of `envelopes.rules.people.Role`."""

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    section: fields.ForeignKeyRelation[Section] = fields.ForeignKeyField(
        "fukan.Section", on_delete=fields.RESTRICT
    )
    section_id: int
    office = fields.CharField(max_length=100)
    name: str = sealed()
    email: str = sealed()
    email_look_up = fields.CharField(max_length=SHA256, unique=True)
    roles = fields.CharField(max_length=200)
    active = fields.BooleanField(db_default=True)
    enrolment = fields.IntField(db_default=0)
    enrolled_at: datetime | None = utc(null=True)
    reply_enrolment = fields.IntField(db_default=0)
    created_at: datetime = utc()

    class Meta:
        table = "staff"


class Credential(Row):
    """What a member of staff proves himself with: password hash, authenticator seed, recovery code hash.

    `last_step` is the last time step whose digits were used, `used_by` the mail that brought them; `wrong` counts wrong
    digits in mails on the day `wrong_on`.
    """

    id: int = fields.BigIntField(primary_key=True)
    staff: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField("fukan.Staff", on_delete=fields.CASCADE)
    staff_id: int
    kind = fields.CharField(max_length=20)
    secret: str = sealed()
    last_step: int = fields.BigIntField(db_default=0)
    used_at: datetime | None = utc(null=True)
    used_by: int | None = fields.BigIntField(null=True)
    wrong = fields.IntField(db_default=0)
    wrong_on = fields.DateField(null=True)
    created_at: datetime = utc()

    class Meta:
        table = "credentials"
        indexes = (Index(fields=("staff_id", "kind")),)


class Session(Row):
    """A browser that has proved something. The cookie's value is stored only as SHA-256."""

    id: int = fields.BigIntField(primary_key=True)
    digest = fields.CharField(max_length=SHA256, unique=True)
    staff: fields.ForeignKeyNullableRelation[Staff] = fields.ForeignKeyField(
        "fukan.Staff", null=True, on_delete=fields.CASCADE
    )
    staff_id: int | None
    proved_at: datetime | None = utc(null=True)
    bond: str | None = sealed(null=True)
    created_at: datetime = utc()
    used_at: datetime = utc()
    ended_at: datetime | None = utc(null=True)

    class Meta:
        table = "sessions"
