"""How a signer opened, proved, looked and consented."""

from datetime import datetime

from tortoise import fields

from envelopes.records.fields import Row, sealed, utc
from envelopes.records.models.envelopes import Document, Envelope, Signer
from envelopes.records.models.registry import Mobile
from envelopes.records.models.sizes import REF, SHA256
from envelopes.records.models.town import Session


class Access(Row):
    """How often a link was opened without a proof, per day. Outside the history: scanners open links too.

    Kind `download`: signed files were taken.
    """

    id: int = fields.BigIntField(primary_key=True)
    signer: fields.ForeignKeyRelation[Signer] = fields.ForeignKeyField(
        "fukan.Signer", on_delete=fields.CASCADE
    )
    signer_id: int
    kind = fields.CharField(max_length=20)
    day = fields.DateField()
    count = fields.IntField(db_default=0)

    class Meta:
        table = "accesses"
        unique_together = (("signer_id", "kind", "day"),)


class Code(Row):
    """A confirmation code that was asked for. The digits are derived when needed and stored nowhere."""

    id: int = fields.BigIntField(primary_key=True)
    signer: fields.ForeignKeyRelation[Signer] = fields.ForeignKeyField(
        "fukan.Signer", on_delete=fields.CASCADE
    )
    signer_id: int
    purpose = fields.CharField(max_length=20)
    generation = fields.IntField()
    serial = fields.IntField()
    wrong = fields.IntField(db_default=0)
    # SHA-256 of a random value that only the browser has in which the code was asked for.
    asked_in = fields.CharField(max_length=64, null=True)
    sent_at: datetime = utc()
    used_at: datetime | None = utc(null=True)

    class Meta:
        table = "codes"
        unique_together = (("signer_id", "serial"),)


class Sms(Row):
    """A code by SMS on its way to the hook: what came of it. Text and number are put together when it is sent.

    `ref` names it to the hook, the same however often it is tried; `note` is the last answer (`HTTP 503`, `timeout`).
    """

    id: int = fields.BigIntField(primary_key=True)
    ref = fields.CharField(max_length=REF, unique=True)
    code: fields.OneToOneRelation[Code] = fields.OneToOneField("fukan.Code", on_delete=fields.CASCADE)
    code_id: int
    mobile: fields.ForeignKeyRelation[Mobile] = fields.ForeignKeyField(
        "fukan.Mobile", on_delete=fields.CASCADE
    )
    mobile_id: int
    state = fields.CharField(max_length=20)
    note = fields.CharField(max_length=40, db_default="")
    attempts = fields.IntField(db_default=0)
    created_at: datetime = utc()
    updated_at: datetime = utc()

    class Meta:
        table = "sms"


class Proof(Row):
    """A session in which one signer has proved who is there. Bound to the link's generation.

    `factor` and `factor_at`: the second proof that staff asked for, and when it was given.
    """

    id: int = fields.BigIntField(primary_key=True)
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "fukan.Session", on_delete=fields.CASCADE
    )
    session_id: int
    signer: fields.ForeignKeyRelation[Signer] = fields.ForeignKeyField(
        "fukan.Signer", on_delete=fields.CASCADE
    )
    signer_id: int
    generation = fields.IntField()
    method = fields.CharField(max_length=20)
    factor = fields.CharField(max_length=20, null=True)
    factor_at: datetime | None = utc(null=True)
    bond: str = sealed()
    at: datetime = utc()

    class Meta:
        table = "proofs"
        unique_together = (("session_id", "signer_id"),)


class Viewing(Row):
    """A document that a proved signer had before him. Completion waits for one of each."""

    id: int = fields.BigIntField(primary_key=True)
    signer: fields.ForeignKeyRelation[Signer] = fields.ForeignKeyField(
        "fukan.Signer", on_delete=fields.CASCADE
    )
    signer_id: int
    document: fields.ForeignKeyRelation[Document] = fields.ForeignKeyField(
        "fukan.Document", on_delete=fields.CASCADE
    )
    document_id: int
    generation = fields.IntField()
    at: datetime = utc()

    class Meta:
        table = "viewings"
        unique_together = (("signer_id", "document_id", "generation"),)


class Consent(Row):
    """A consent as it was signed by the portal: canonical bytes (sealed, base64), signature, key."""

    id: int = fields.BigIntField(primary_key=True)
    envelope: fields.ForeignKeyRelation[Envelope] = fields.ForeignKeyField(
        "fukan.Envelope", on_delete=fields.CASCADE
    )
    envelope_id: int
    signer: fields.ForeignKeyRelation[Signer] = fields.ForeignKeyField(
        "fukan.Signer", on_delete=fields.CASCADE
    )
    signer_id: int
    generation = fields.IntField()
    record: str = sealed()
    sha256 = fields.CharField(max_length=SHA256)
    signature = fields.CharField(max_length=128)
    key_id = fields.CharField(max_length=16)
    at: datetime = utc()

    class Meta:
        table = "consents"
        unique_together = (("envelope_id", "generation", "signer_id"),)
