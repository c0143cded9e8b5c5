"""Tables, no behaviour.

Keys inside are BigInt; what the outside sees is a random `ref`. In the clear: ids, states, instants, kinds, titles,
company names with their search form, amounts, dates. `Sealed`: persons' names, addresses, phones, reasons, notes,
seeds. One town per installation.
"""

from datetime import datetime

from tortoise import fields
from tortoise.indexes import Index

from envelopes.records.fields import Row, sealed, utc

REF = 16  # characters of a reference: 80 bits in base32
SHA256 = 64  # hex digits
CERTIFICATE = 0  # the position of an envelope's completion certificate; its documents are counted from 1


class Section(Row):
    """A section of the town hall (課)."""

    id: int = fields.BigIntField(primary_key=True)
    code = fields.CharField(max_length=40, unique=True)
    name = fields.CharField(max_length=100)
    phone = fields.CharField(max_length=40)
    hours = fields.CharField(max_length=100)
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
    created_at: datetime = utc()

    class Meta:
        table = "staff"


class Credential(Row):
    """What a member of staff proves himself with: password hash, authenticator seed, recovery code hash."""

    id: int = fields.BigIntField(primary_key=True)
    staff: fields.ForeignKeyRelation[Staff] = fields.ForeignKeyField("fukan.Staff", on_delete=fields.CASCADE)
    staff_id: int
    kind = fields.CharField(max_length=20)
    secret: str = sealed()
    last_step: int = fields.BigIntField(db_default=0)
    used_at: datetime | None = utc(null=True)
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


class Contact(Row):
    """One revision of a registered address of a contractor (台帳)."""

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
    ended_at: datetime | None = utc(null=True)
    created_at: datetime = utc()

    class Meta:
        table = "contacts"
        indexes = (Index(fields=("email_look_up", "state")), Index(fields=("company_search",)))


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

    `draft_number` is that of the draft which replies to its answer may still complete.
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
    arrived_at: datetime = utc()
    read_at: datetime | None = utc(null=True)

    class Meta:
        table = "mails"
        indexes = (Index(fields=("status", "arrived_at")), Index(fields=("sender_look_up", "status")))


class Sighting(Row):
    """One copy of a mail in one mailbox, and how often reading it failed."""

    id: int = fields.BigIntField(primary_key=True)
    mailbox = fields.CharField(max_length=120)
    uidvalidity: int = fields.BigIntField()
    uid: int = fields.BigIntField()
    tries = fields.IntField(db_default=0)
    mail: fields.ForeignKeyNullableRelation[Mail] = fields.ForeignKeyField(
        "fukan.Mail", null=True, on_delete=fields.CASCADE
    )
    mail_id: int | None

    class Meta:
        table = "sightings"
        unique_together = (("mailbox", "uidvalidity", "uid"),)


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


class Proof(Row):
    """A session in which one signer has proved who is there. Bound to the link's generation."""

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
