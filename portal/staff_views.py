"""What the staff's pages show: one frozen view a page, as in `portal.views`."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from envelopes.rules.changes import Change
from portal.views import (
    Confirmation,
    DocumentTab,
    DocumentView,
    Drawing,
    FieldError,
    File,
    Happening,
    Kind,
    Page,
    Party,
    StaffNav,
)


class Phase(StrEnum):
    """The state of an envelope in the words of the staff's pages."""

    DRAFT = "draft"
    PREPARING = "preparing"
    CONTRACTOR = "contractor"
    VILLAGE = "village"
    SIGNING = "signing"
    STAMPING = "stamping"
    COMPLETED = "completed"
    RETURNED = "returned"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"


class Delivery(StrEnum):
    """What became of a mail: the receiving server's own answer."""

    SENDING = "sending"
    ACCEPTED = "accepted"
    DELAYED = "delayed"
    UNDELIVERED = "undelivered"


class Seat(StrEnum):
    """Where one signer stands in the order."""

    WAITING = "waiting"
    CURRENT = "current"
    CONSENTED = "consented"  # and the signature is being made
    SIGNED = "signed"
    REFUSED = "refused"
    NOT_SIGNED = "not-signed"  # and the request is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in yen; None is a contract without an amount (単価契約). `tax` is 税込 or 税抜 or empty."""

    amount: int | None
    tax: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(Page):
    """Posts `address` and `password`."""

    post_url: str
    address: str = ""
    notice: str | None = None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut(Page):
    """A form came after the sign-in had run out: posts what was *typed*, field by field, once more to *post_url*.

    Only whoever typed it, *name*, can send it.
    """

    name: str
    post_url: str
    sign_in_url: str
    typed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInCode(Page):
    """Posts `code`: six digits of the authenticator, or a recovery code."""

    post_url: str
    back_url: str
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment(Page):
    """One-time link: posts `password`, `password_again`, `code`. `qr_url` is an image, `secret` the same in text."""

    name: str
    address: str
    post_url: str
    qr_url: str
    secret: str
    password_characters: int
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySample:
    """One order as it is written in a reply, in Japanese for every reader, and what it does."""

    written: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCommands(Page):
    """返信での指示 for the member of staff who is signed in: on, or with a seed to set up. Posts `code`.

    `why` says what keeps replies from ordering anything, whether set up or not.
    """

    nav: StaffNav
    samples: tuple[ReplySample, ...]
    on: bool
    why: str = ""
    qr_url: str = ""
    secret: str = ""
    start_url: str
    stop_url: str
    tries: int
    minutes: int
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodes(Page):
    """Shown once, after enrolment."""

    codes: tuple[str, ...]
    next_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRow:
    """One envelope on the desk. `drafter` is the member of staff; `note` says what is special about it."""

    number: str
    title: str
    party: str
    money: Money
    phase: Phase
    kind: Kind
    url: str
    deadline_on: date | None = None
    concluded_on: date | None = None
    drafter: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Work that keeps failing; a POST to `retry_url`, where given, tries again now."""

    what: str
    since: datetime
    trouble: str
    retry_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk(Page):
    """What needs doing, by what needs doing. `near` lists what ends within a few days.

    `spent` lists what waits for a new access code. `asides` counts the mails that led to nothing; only administrators
    get `asides_url`. `applications`: those that this person may decide about.
    """

    nav: StaffNav
    search_url: str = ""
    intake_address: str
    drafts: tuple[DeskRow, ...] = ()
    village: tuple[DeskRow, ...] = ()
    contractor: tuple[DeskRow, ...] = ()
    near: tuple[DeskRow, ...] = ()
    undelivered: tuple[DeskRow, ...] = ()
    changes: tuple[DeskRow, ...] = ()
    spent: tuple[DeskRow, ...] = ()
    recent: tuple[DeskRow, ...] = ()
    stuck: tuple[Stuck, ...] = ()
    notice: str | None = None
    asides: int = 0
    asides_url: str | None = None
    applications: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFields:
    """What was typed into the search, as it was typed."""

    words: str = ""
    party: str = ""
    since: str = ""
    until: str = ""
    least: str = ""
    most: str = ""
    without_amount: str = ""
    standing: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Page):
    """S6: envelopes by day, party, amount and words. Gets the fields in *typed*; `rows` begin with number *first*.

    `standings` and `kinds` are the choices of `standing` and `kind`, each with its label and a note.
    """

    nav: StaffNav
    here_url: str
    typed: SearchFields
    standings: tuple[tuple[str, str, str], ...]
    standing: str
    kinds: tuple[tuple[str, str, str], ...]
    kind: str
    count: int
    rows: tuple[DeskRow, ...]
    first: int = 1
    before_url: str | None = None
    after_url: str | None = None
    export_url: str | None = None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideRow:
    """One mail that led to nothing; a POST to `again_url`, where there is one, has it read again.

    `claims` is the member of staff whose address stands in From; `size` is 0 where it is not known.
    """

    at: datetime
    failed: bool
    why: str
    sender: str = ""
    claims: str = ""
    size: int = 0
    again_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreachedRow:
    """A mail to staff or about the registry that did not arrive. *answer* is the server's own words."""

    at: datetime
    address: str
    why: str
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asides(Page):
    """保留・失敗したメール, for administrators: the newest `most`, kept for `days`; and what our own people missed."""

    nav: StaffNav
    rows: tuple[AsideRow, ...]
    unreached: tuple[UnreachedRow, ...] = ()
    days: int
    most: int
    notice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One thing that was read, and in words where it stood."""

    label: str
    value: str
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several; `note` says why somebody cannot be chosen, or what to know."""

    value: str
    label: str
    chosen: bool = False
    disabled: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A question of 対象外の確認: what speaks against an electronic contract, and what staff say to it."""

    name: str
    text: str
    answer: str
    ticked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A field in which something that was read can be written anew, as in a mail. `rows`: 1 is a single line."""

    name: str
    label: str
    value: str
    hint: str = ""
    rows: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSigner:
    """A contractor who will be asked, in order. `identity`: by what he may be asked to prove who he is."""

    position: int
    party: Party
    address: str
    note: str = ""
    identity: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft(Page):
    """S4: what was read beside the documents.

    Posts `identity_N` for the signer at position N, `village_signer` (where there are choices), `acknowledged` (where
    there are warnings), each exclusion's name, `version` to `confirm_url`; each correction's name, `version` to
    `revise_url`; `version` to `discard_url`. None where this person may not, `blocked` says why.
    """

    nav: StaffNav
    number: str
    title: str
    kind: Kind
    phase: Phase
    received_at: datetime
    drafter: str
    readings: tuple[Reading, ...]
    signers: tuple[DraftSigner, ...]
    village_signers: tuple[Choice, ...]
    documents: tuple[DocumentView, ...]
    version: int
    confirm_url: str | None
    discard_url: str | None
    revise_url: str | None = None
    corrections: tuple[Correction, ...] = ()
    correcting: bool = False
    exclusions: tuple[Exclusion, ...] = ()
    drawing: Drawing | None = None
    warnings: tuple[str, ...] = ()
    acknowledged: bool = False
    blocked: tuple[str, ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerLine:
    """One signer on the envelope's page. `at`: when signed or refused. `trouble`: what to do about the mail.

    `progress`: how far a correction of the address is; `correct_url`: where one is put forward. `identity`: what is
    asked for besides the mail. A POST to `code_url` shows the access code; where only `new_code_url` is given, it is
    spent. `before`: who had the place, and until when. `change_url`: paused for a change, which is decided there.
    `opened`: how often his link was, last on `opened_on`. `sms_trouble`: why the last SMS could not be sent.
    `identity_url`: where the way to prove himself is changed.
    """

    position: int
    party: Party
    address: str
    seat: Seat
    at: datetime | None = None
    delivery: Delivery | None = None
    why: str = ""
    delivered_at: datetime | None = None
    opened_on: date | None = None
    opened: int = 0
    trouble: str = ""
    progress: str = ""
    correct_url: str | None = None
    identity: str = ""
    identity_url: str | None = None
    sms_trouble: str = ""
    code_url: str | None = None
    new_code_url: str | None = None
    before: tuple[tuple[Party, datetime], ...] = ()
    change_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessCode(Page):
    """The digits to tell a contractor by telephone. `call_back`: what the registry notes of a call before."""

    nav: StaffNav
    number: str
    title: str
    party: Party
    digits: str
    renew_url: str
    envelope_url: str
    call_back: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedIdentity:
    """Less that somebody has put forward; `hindrance` says why this person cannot approve it."""

    n: int
    method: str
    reason: str
    by: str
    at: datetime
    hindrance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Page):
    """本人確認の変更: by what a contractor proves who he is, and what may be asked for instead.

    Posts `identity` and, for less, `reason` to `post_url`; `n` and `code` (the authenticator's digits) to
    `approve_url`; `n` to `refuse_url`.
    """

    nav: StaffNav
    number: str
    title: str
    envelope_url: str
    party: Party
    address: str
    present: str
    choices: tuple[Choice, ...]
    post_url: str
    approve_url: str
    refuse_url: str
    proposed: ProposedIdentity | None = None
    reason_limit: int = 400
    reason: str = ""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope(Page):
    """S3: one envelope. Every form posts `version` besides its own field.

    `extend_url`: `deadline_on`, a day from `extend_from` to `extend_until`. `cancel_url`: `reason`.
    `reissue_url`: nothing more. A URL is None where the state or the role does not allow the act.
    """

    nav: StaffNav
    number: str
    title: str
    kind: Kind
    phase: Phase
    money: Money
    section: str
    drafter: str
    deadline_on: date
    documents: tuple[File, ...]
    signers: tuple[SignerLine, ...]
    history: tuple[Happening, ...]
    version: int
    reason: str = ""
    certificate_id: str = ""
    concluded_on: date | None = None
    signed_files: tuple[File, ...] = ()
    window_over: bool = False
    sign_url: str | None = None
    extend_url: str | None = None
    extend_from: date | None = None
    extend_until: date | None = None
    typed_deadline: str = ""
    remind_url: str | None = None
    reissue_url: str | None = None
    cancel_url: str | None = None
    evidence_url: str | None = None
    reason_limit: int = 400
    typed_reason: str = ""
    drawing: Drawing | None = None
    notice: str | None = None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Readdress(Page):
    """台帳のアドレスを直す. Posts `email` and `reason` to `here_url`; once approved, the new address waits *hours*."""

    nav: StaffNav
    number: str
    title: str
    envelope_url: str
    here_url: str
    company: str
    person: str
    address: str
    hours: int
    progress: str = ""
    reason_limit: int = 400
    email: str = ""
    reason: str = ""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideChange(Page):
    """変更の申出 of one request: posts `why` to `forward_url` to put it forward, `reason` to `refuse_url` to refuse it.

    A free-mail or carrier address `needs_why`; `kind` says what the new address is. `progress`: how far it is;
    once approved, it waits *hours*. A URL is None where that cannot be done (any more).
    """

    nav: StaffNav
    number: str
    title: str
    envelope_url: str
    change: Change
    at: datetime
    party: Party
    address: str
    deadline_on: date
    person: str = ""
    office: str = ""
    email: str = ""
    kind: str = ""
    needs_why: bool = False
    note: str = ""
    hours: int
    progress: str = ""
    forward_url: str | None = None
    refuse_url: str | None = None
    reason_limit: int = 400
    why: str = ""
    reason: str = ""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Page):
    """証拠一式 of one envelope; a POST to `ask_url` has it made.

    `waiting`: one is being made. `file` can be had until `until`. `envelope_url` is None for who may not see that page.
    """

    nav: StaffNav
    number: str
    title: str
    envelope_url: str | None
    here_url: str
    ask_url: str
    waiting: bool
    days: int
    file: File | None = None
    made_at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffViewer(Page):
    """The documents as the village's signer reads them; `confirm_url` is the page StaffSign."""

    nav: StaffNav
    number: str
    title: str
    deadline_on: date
    envelope_url: str
    tabs: tuple[DocumentTab, ...]
    document: DocumentView
    confirm_url: str | None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSign(Page):
    """The village signs: posts `code` (the authenticator's six digits), `offer` to `complete_url`."""

    nav: StaffNav
    number: str
    title: str
    counterparty: str
    money: Money
    confirmation: Confirmation
    errors: tuple[FieldError, ...] = ()
