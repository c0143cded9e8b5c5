"""What the contractor's pages show: one frozen view a page, as in `portal.views`."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from envelopes.rules.changes import Change
from envelopes.rules.factors import Method
from portal.views import Confirmation, DocumentTab, DocumentView, FieldError, File, Kind, Page, Party


class CodeFor(StrEnum):
    """What a confirmation code is for; page and mail say the same."""

    SIGN = "sign"
    DECLINE = "decline"
    CHANGE = "change"
    DOWNLOAD = "download"


class Refusal(StrEnum):
    """差戻し or 辞退."""

    RETURN = "return"
    DECLINE = "decline"


class Standing(StrEnum):
    """Where a signer stands who opens the link when there is nothing to sign."""

    NOT_YOUR_TURN = "not-your-turn"
    IN_PROGRESS = "in-progress"
    PAUSED = "paused"
    SIGNED = "signed"
    COMPLETED = "completed"


class DeadLink(StrEnum):
    """Why a link leads nowhere. An unknown link and a forged one look the same; so do all pages not proved here."""

    UNKNOWN = "unknown"
    ELSEWHERE = "elsewhere"
    EXPIRED = "expired"
    REPLACED = "replaced"
    HANDED_OVER = "handed-over"
    SPENT = "spent"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    DECLINED = "declined"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The envelope as the person asked to sign it sees it: never an amount, never content."""

    title: str
    section: str
    party: Party
    deadline_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDocument:
    """A document that was signed, and the SHA-256 (hex) of the file that was seen."""

    number: int
    title: str
    pages: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing(Page):
    """C1: what the link is about. Its one button posts nothing but itself to `send_code_url`.

    A browser that has proved its signer is led on to `open_url` instead. `second`: what is asked for after the code.
    `quick`: the documents are read in a few minutes.
    """

    request: Request
    masked_address: str
    send_code_url: str
    have_code_url: str
    open_url: str | None = None
    second: Method | None = None
    wrong_person_url: str | None = None
    decline_url: str | None = None
    quick: bool = True
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEntry(Page):
    """C2: posts `code` to `verify_url`; a new code is asked for by a POST to `resend_url`.

    `valid_until` and `word` (符号) are None while no code is out. `resend_wait` in seconds. `notice` says why
    the person is asked again. A wrong code stands in `errors` with field `code`, what was typed in `typed`. Both forms
    carry `kept`, names and values of where the person was.
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
    kept: tuple[tuple[str, str], ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor(Page):
    """C2b: the second proof, after the code by mail. Posts `code` to `post_url`.

    `closed`: nothing can be entered; `errors` say why and what to do. `stands_in`: an access code that is
    asked for only because no app has been set up yet.
    """

    method: Method
    request: Request
    post_url: str
    stands_in: bool = False
    closed: bool = False
    typed: str = ""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsFactor(Page):
    """C2b by SMS. Posts `code` to `post_url`, nothing to `send_url`.

    `number` is masked, empty where the registry has none. Without `valid_until` no code is out; `failed`: it could not
    be sent.
    """

    request: Request
    post_url: str
    send_url: str
    number: str
    valid_until: datetime | None = None
    word: str = ""
    resend_wait: int = 0
    resent: bool = False
    failed: bool = False
    typed: str = ""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSetUp(Page):
    """C2c: an authenticator app for the requests to come. Posts `code` to `post_url`; `later_url` does without.

    `secret` and `app_url` say the same as the picture behind `qr_url`.
    """

    request: Request
    qr_url: str
    app_url: str
    secret: str
    post_url: str
    later_url: str
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
    should call. `concluded_on` and `download_url` are given once the signed PDFs exist; `receipt_url` is to be kept.
    The PDFs can be downloaded for `download_days`.
    """

    request: Request
    kind: Kind
    number: str
    signed_at: datetime
    waits_for: tuple[str, ...]
    documents: tuple[SignedDocument, ...]
    masked_address: str
    receipt_url: str
    download_days: int
    signed_after: tuple[str, ...] = ()
    expected_by: date | None = None
    concluded_on: date | None = None
    download_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline(Page):
    """C6: posts `choice` (a Refusal) and `reason` to `next_url`, which shows DeclineConfirm.

    Who is not sure yet follows `checking_url`.
    """

    request: Request
    next_url: str
    back_url: str
    checking_url: str
    choice: Refusal | None = None
    reason: str = ""
    reason_limit: int = 400
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking(Page):
    """C6: 社内で確認中. Posts `note` and `remind_on`, a day from `first` to the deadline or nothing.

    On the last day there is no such day (`first` is None), and none is asked for.
    """

    request: Request
    files: tuple[File, ...]
    post_url: str
    back_url: str
    first: date | None
    remind_on: str = ""
    note: str = ""
    note_limit: int = 400
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineConfirm(Page):
    """C6: posts `choice` and `reason` to `refuse_url`, or the same to `edit_url` to change them."""

    request: Request
    choice: Refusal
    reason: str
    refuse_url: str
    edit_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined(Page):
    """C6: the return or the decline was received."""

    request: Request
    choice: Refusal
    number: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPerson(Page):
    """C7: a note to staff without proof; posts `choice` (a Change) and `note` to `post_url`.

    A POST to `code_url` has a code mailed: who has proved himself can ask for more (`AskChange`).
    """

    request: Request
    post_url: str
    back_url: str
    code_url: str
    choice: str = ""
    note: str = ""
    note_limit: int = 400
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskChange(Page):
    """C7, proved: posts `choice` (a Change), `person`, `office`, `email` and `note` to `next_url`.

    Not `may_hand_over`: staff allow no other person here, and are only told.
    """

    request: Request
    next_url: str
    back_url: str
    may_hand_over: bool
    choice: str = ""
    person: str = ""
    office: str = ""
    email: str = ""
    note: str = ""
    note_limit: int = 400
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmChange(Page):
    """C7: posts what was written to `ask_url`, or to `edit_url` to change it.

    Not `pauses`: staff are told, and the request goes on.
    """

    request: Request
    choice: Change
    person: str
    office: str
    email: str
    note: str
    pauses: bool
    ask_url: str
    edit_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Page):
    """C11: there is nothing to sign now; says why and what happens next.

    `number` and `at` (when this person signed) are None before that. `open_url` leads on: the download page.
    `receipt_url` is given to a browser that has proved its signer: the page that said that the signature was received.
    Paused since `at`: a POST to `take_back_url` lets it go on; who has not proved himself has a code mailed by one to
    `code_url`. `decided`: what he told of is approved, and waits for the new address to work.
    """

    standing: Standing
    request: Request
    kind: Kind
    number: str | None = None
    at: datetime | None = None
    waits_for: tuple[str, ...] = ()
    open_url: str | None = None
    receipt_url: str | None = None
    take_back_url: str | None = None
    code_url: str | None = None
    decided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableLink(Page):
    """C8: a link that leads nowhere. `on` is the day of the end, cancellation, refusal or handing over.

    A POST to `new_link_url`, where given, mails the link to the registered address; one to `more_time_url` asks the
    town to move the deadline, which he did on `asked_on`. `has_signed`: it is not this signer who missed anything.
    `over`: what was handed over has ended.
    """

    why: DeadLink
    request: Request | None = None
    on: date | None = None
    masked_address: str = ""
    new_link_url: str | None = None
    more_time_url: str | None = None
    asked_on: date | None = None
    has_signed: bool = False
    over: bool = False
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
