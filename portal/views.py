"""What every page shows: one frozen view a page.

Handlers fill these; templates read nothing else, so a page can show only what stands here. Values are plain:
text, numbers, dates, aware instants in UTC, tuples. Addresses of pages (`…_url`) are made by the handlers, words
for states by the templates. The template of a view has the view's name in snake case (`CodeEntry`:
`code_entry.html`). Which view a request gets is decided in the handlers, not here.

Fields that a form posts back are named in the docstring of the view that has the form. `key` is the idempotency
key of one form, `offer` the digest of what was offered, `version` the envelope's version the form was made for.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Kind(StrEnum):
    """契約書 (both sign) or 請書 (only the contractor signs)."""

    CONTRACT = "contract"
    ACCEPTANCE = "acceptance"


class CodeFor(StrEnum):
    """What a confirmation code is for; page and mail say the same."""

    SIGN = "sign"
    DECLINE = "decline"
    DOWNLOAD = "download"


class Refusal(StrEnum):
    """差戻し or 辞退."""

    RETURN = "return"
    DECLINE = "decline"


class Standing(StrEnum):
    """Where a signer stands who opens the link when there is nothing to sign."""

    NOT_YOUR_TURN = "not-your-turn"
    IN_PROGRESS = "in-progress"
    SIGNED = "signed"
    COMPLETED = "completed"


class DeadLink(StrEnum):
    """Why a link leads nowhere. An unknown link and a forged one look the same."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REPLACED = "replaced"
    SPENT = "spent"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    DECLINED = "declined"
    RETURNED = "returned"


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
    SIGNED = "signed"
    REFUSED = "refused"
    NOT_SIGNED = "not-signed"  # and the request is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The town and its service, the same on every page. `phone` is written with hyphens."""

    town: str
    section: str
    phone: str
    hours: str
    domain: str
    public_url: str
    sender: str
    demo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Root of all pages; the renderer takes nothing else."""


# Parts that several pages share


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One thing to mend. `field` is the id of the input, or empty where no input is to blame."""

    text: str
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who signs: company or town, office, person. Office and person may be empty."""

    company: str
    office: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in yen; None is a contract without an amount (単価契約). `tax` is 税込 or 税抜 or empty."""

    amount: int | None
    tax: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The envelope as the person asked to sign it sees it: never an amount, never content."""

    title: str
    section: str
    party: Party
    deadline_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """One rendering of a page; `width` in pixels."""

    url: str
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageImage:
    """One page: its renderings, narrowest first, the size that keeps its place, its text by line."""

    number: int
    width: int
    height: int
    sources: tuple[ImageSource, ...]
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTab:
    """A document of the envelope and whether this person has opened it."""

    number: int
    title: str
    pages: int
    seen: bool
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """The document that is open. No images yet (`pages` empty) means that they are being made."""

    number: int
    title: str
    pdf_url: str
    pdf_size: int
    pages: tuple[PageImage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDocument:
    """A document that was signed, and the SHA-256 (hex) of the file that was seen."""

    number: int
    title: str
    pages: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Something to save; `size` in bytes."""

    title: str
    url: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The last question before signing; posts `offer`, `key` to `complete_url`.

    While a document is unseen the form has no button to sign. `waits_for` names who signs afterwards.
    """

    party: Party
    kind: Kind
    documents: tuple[DocumentTab, ...]
    waits_for: tuple[str, ...]
    complete_url: str
    back_url: str
    offer: str
    key: str


# The contractor's pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing(Page):
    """C1: what the link is about. Its one button posts nothing but itself to `send_code_url`."""

    request: Request
    masked_address: str
    send_code_url: str
    have_code_url: str
    wrong_person_url: str | None = None
    decline_url: str | None = None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEntry(Page):
    """C2: posts `code` to `verify_url`; a new code is asked for by a POST to `resend_url`.

    `valid_until` and `word` (符号) are None while no code is out. `resend_wait` in seconds. `notice` says why
    the person is asked again. A wrong code stands in `errors` with field `code`, what was typed in `typed`.
    """

    purpose: CodeFor
    title: str
    masked_address: str
    verify_url: str
    resend_url: str
    request: Request | None = None
    valid_until: datetime | None = None
    word: str | None = None
    resend_wait: int = 0
    resent: bool = False
    notice: str | None = None
    wrong_person_url: str | None = None
    typed: str = ""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer(Page):
    """C3: one document of the envelope; `confirm_url` is the page behind the button 完了する."""

    request: Request
    tabs: tuple[DocumentTab, ...]
    document: DocumentView
    confirm_url: str
    confirmation: Confirmation
    wrong_person_url: str | None = None
    decline_url: str | None = None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm(Page):
    """C4: the confirm step as a page of its own, for browsers without scripts."""

    request: Request
    confirmation: Confirmation
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Page):
    """C5 and C5b: the signature was received, and how it stands since. Empty `waits_for`: nobody else has to sign.

    `signed_after` are those who have signed since. `expected_by` is the day after which a contractor without a mail
    should call. `concluded_on` and `download_url` are given once the signed PDFs exist.
    """

    request: Request
    kind: Kind
    number: str
    signed_at: datetime
    waits_for: tuple[str, ...]
    documents: tuple[SignedDocument, ...]
    masked_address: str
    signed_after: tuple[str, ...] = ()
    expected_by: date | None = None
    concluded_on: date | None = None
    download_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline(Page):
    """C6: posts `choice` (a Refusal) and `reason` to `next_url`, which shows DeclineConfirm."""

    request: Request
    next_url: str
    back_url: str
    choice: Refusal | None = None
    reason: str = ""
    reason_limit: int = 400
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineConfirm(Page):
    """C6: posts `choice`, `reason`, `key` to `refuse_url`, or the same to `edit_url` to change them."""

    request: Request
    choice: Refusal
    reason: str
    refuse_url: str
    edit_url: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined(Page):
    """C6: the return or the decline was received."""

    request: Request
    choice: Refusal
    number: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPerson(Page):
    """C7: a note to staff without proof; posts `choice` (changed | address | not-ours) and `note` to `post_url`."""

    request: Request
    post_url: str
    back_url: str
    choice: str = ""
    note: str = ""
    note_limit: int = 400
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Page):
    """C11: there is nothing to sign now; says why and what happens next.

    `number` and `at` (when this person signed) are None before that. `open_url` leads on: the download page.
    """

    standing: Standing
    request: Request
    kind: Kind
    number: str | None = None
    at: datetime | None = None
    waits_for: tuple[str, ...] = ()
    open_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableLink(Page):
    """C8: a link that leads nowhere. `on` is the day of the end, cancellation, refusal or replacement.

    A POST to `new_link_url`, where given, mails the link to the registered address. `has_signed`: it is not this signer
    who missed anything.
    """

    why: DeadLink
    request: Request | None = None
    on: date | None = None
    masked_address: str = ""
    new_link_url: str | None = None
    has_signed: bool = False
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSent(Page):
    """A link was asked for: mailed to the registered address, never shown."""

    title: str
    masked_address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Download(Page):
    """C9: the signed PDFs and their certificate while the window is open. `until` is the window's last second.

    `consented_on` is given where the consent fell on another day than `concluded_on`.
    """

    title: str
    kind: Kind
    certificate_id: str
    concluded_on: date
    until: datetime
    files: tuple[File, ...]
    consented_on: date | None = None
    together: File | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadClosed(Page):
    """C10: the window is over; a POST to `fresh_url` mails a new link to the registered address."""

    title: str
    since: date
    until: date
    masked_address: str
    fresh_url: str | None
    errors: tuple[FieldError, ...] = ()


# The staff's pages


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffNav:
    """Who is signed in, and the two ways that every staff page has."""

    name: str
    section: str
    desk_url: str
    sign_out_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Page):
    """A heading, what happened, where to go on."""

    title: str
    paragraphs: tuple[str, ...]
    good: bool = False
    next_url: str | None = None
    next_label: str = ""
    also: tuple[tuple[str, str], ...] = ()
    nav: StaffNav | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Page):
    """Something went wrong: what happened, what to do next. `reference` finds the entry in the log."""

    title: str
    happened: str
    todo: str
    reference: str = ""
    next_url: str | None = None
    next_label: str = ""
    nav: StaffNav | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(Page):
    """Posts `address` and `password`."""

    post_url: str
    address: str = ""
    notice: str | None = None
    errors: tuple[FieldError, ...] = ()


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
    drafter: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Work that keeps failing; a POST of `key` to `retry_url` tries again now."""

    what: str
    since: datetime
    trouble: str
    retry_url: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk(Page):
    """What needs doing, by what needs doing. `near` lists what ends within a few days."""

    nav: StaffNav
    intake_address: str
    drafts: tuple[DeskRow, ...] = ()
    village: tuple[DeskRow, ...] = ()
    contractor: tuple[DeskRow, ...] = ()
    near: tuple[DeskRow, ...] = ()
    undelivered: tuple[DeskRow, ...] = ()
    recent: tuple[DeskRow, ...] = ()
    stuck: tuple[Stuck, ...] = ()
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
    """A contractor who will be asked, in order."""

    position: int
    party: Party
    address: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft(Page):
    """S4: what was read beside the documents.

    Posts `village_signer` (where there are choices), `acknowledged` (where there are warnings), each exclusion's name,
    `version`, `key` to `confirm_url`; each correction's name, `version`, `key` to `revise_url`; `version`, `key` to
    `discard_url`. None where this person may not, `blocked` says why.
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
    key: str
    confirm_url: str | None
    discard_url: str | None
    revise_url: str | None = None
    corrections: tuple[Correction, ...] = ()
    correcting: bool = False
    exclusions: tuple[Exclusion, ...] = ()
    warnings: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerLine:
    """One signer on the envelope's page. `at`: when signed or refused. `trouble`: what to do about the mail."""

    position: int
    party: Party
    address: str
    seat: Seat
    at: datetime | None = None
    delivery: Delivery | None = None
    why: str = ""
    delivered_at: datetime | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of the history, in words."""

    at: datetime
    text: str
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope(Page):
    """S3: one envelope. Every form posts `version` and `key` besides its own field.

    `extend_url`: `deadline_on` (ISO date), from `extend_from` to `extend_until`. `cancel_url`: `reason`.
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
    key: str
    reason: str = ""
    certificate_id: str = ""
    concluded_on: date | None = None
    signed_files: tuple[File, ...] = ()
    sign_url: str | None = None
    extend_url: str | None = None
    extend_from: date | None = None
    extend_until: date | None = None
    reissue_url: str | None = None
    cancel_url: str | None = None
    evidence_url: str | None = None
    reason_limit: int = 400
    typed_reason: str = ""
    notice: str | None = None
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
    """The village signs: posts `code` (the authenticator's six digits), `offer`, `key` to `complete_url`."""

    nav: StaffNav
    number: str
    title: str
    counterparty: str
    money: Money
    confirmation: Confirmation
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A root certificate of the embedded authority, for who wants to believe it."""

    url: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification(Page):
    """電子署名を確認する: posts `file` (multipart), or `certificate_id` by itself, to `post_url`."""

    post_url: str
    most: int
    minutes: int
    typed: str = ""
    roots: tuple[Root, ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationWaiting(Page):
    """The file is still being looked at; `look_url` shows the result for `minutes`."""

    look_url: str
    minutes: int


class Outcome(StrEnum):
    """What follows for a file that was verified."""

    SOUND = "sound"
    ALTERED = "altered"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelLine:
    """One line of the signature panel, and what it means."""

    good: bool
    text: str
    means: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelPart:
    """One signature (or else a timestamp): who, and what is said of it."""

    stamp: bool
    title: str
    lines: tuple[PanelLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationResult(Page):
    """What was found in a file of anybody's."""

    outcome: Outcome
    mark: str
    headline: str
    reasons: tuple[str, ...]
    parts: tuple[PanelPart, ...]
    sha256: str
    again_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSignature:
    """A party of a contract of our own, and when its signature was made."""

    company: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationOwn(Page):
    """The file is, byte for byte, one that was concluded here, or the certificate of it."""

    concluded_on: date
    certificate_id: str
    is_certificate: bool
    signatures: tuple[OwnSignature, ...]
    stamped_at: datetime | None
    accredited: bool
    sha256: str
    again_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationId(Page):
    """What anybody may know who has a certificate id: no document, no full name."""

    certificate_id: str
    concluded_on: date
    documents: int
    parties: tuple[str, ...]
    again_url: str
