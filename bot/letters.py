"""What each mail says: one frozen dataclass a mail, which is the whole context of its templates.

Values are plain (text, numbers, dates, aware instants, tuples), so a letter can be built and looked at
without a database. Wording lives in `mail_templates/<template>/`; whom to write to, and when, lives in the
table of states and in the worker. The ids in the comments (M01, B01 …) name the mails for people.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple

from envelopes.rules.changes import Change
from envelopes.rules.delivery import WhyLink
from envelopes.rules.factors import Method
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.notes import About
from envelopes.rules.wording import Language


class Reader(StrEnum):
    """For whom a mail is worded."""

    CONTRACTOR = "contractor"
    STAFF = "staff"


class CodePurpose(StrEnum):
    """What the confirmation code of a code mail opens."""

    SIGN = "sign"
    DOWNLOAD = "download"


class NewLinkCause(StrEnum):
    """What led to a new link."""

    ASKED = "asked"
    WRONG_CODES = "wrong-codes"
    STAFF = "staff"


class Addressee(NamedTuple):
    """The lines above the text: company or section, office (may be empty), person; and in what language to write."""

    organisation: str
    office: str
    person: str
    language: Language = Language.JAPANESE


class DocumentLine(NamedTuple):
    """A document as a mail lists it. `size` in bytes, `sha256` in hex or empty."""

    title: str
    pages: int
    size: int
    sha256: str = ""


class ReadLine(NamedTuple):
    """One thing read from a staff member's mail, and in words where it stood: 3行目「金額：…」."""

    label: str
    value: str
    where: str = ""


class Question(NamedTuple):
    """One thing to mend: what is the matter, in which line if in one, and how to write it instead."""

    text: str
    where: str = ""
    sample: str = ""


class Option(NamedTuple):
    """Something that can be ordered by reply: how it is written, and what it does."""

    sample: str
    meaning: str


class Event(NamedTuple):
    """One line of an envelope's history, in words."""

    at: datetime
    text: str
    who: str


class Place(NamedTuple):
    """A signer's place: `signed_at` where he has signed, `current` where he is waited for, `paused` for a change.

    `delivery` is what became of the request's mail, as `rules.returns` names it, and `why` it did not arrive.
    """

    who: str
    signed_at: datetime | None = None
    current: bool = False
    delivery: str = ""
    why: str = ""
    paused: bool = False


class DayLine(NamedTuple):
    """One request in a daily summary."""

    number: str
    title: str
    party: str
    deadline: date


class SignedBy(NamedTuple):
    """A party that has signed, and when it consented."""

    party: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What every mail has: who reads it, and the section, phone, hours and number at its foot.

    `number` is the envelope's, draft's or mail's short id for people; empty where there is none. Empty `hours` are the
    town's. `also_japanese`: in another language, the Japanese stands below.
    """

    template: ClassVar[str]
    also_japanese: ClassVar[bool] = False

    to: Addressee
    section: str
    phone: str
    number: str
    reader: Reader
    hours: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToContractor(Letter):
    """A mail that only a contractor gets."""

    reader: Reader = Reader.CONTRACTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class ToStaff(Letter):
    """A mail that only the village's own people get."""

    reader: Reader = Reader.STAFF


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftMail(ToStaff):
    """B01: a draft was made or corrected. With `unsealable` it came back because a file cannot be signed.

    `questions` are those of 対象外の確認, to be answered before it is sent; `revision` counts from 1. `signer` signs
    for the village where a reply sends it; `options` are what the reader may reply, none where that is not in force.
    """

    template: ClassVar[str] = "draft_mail"

    original_subject: str
    lines: tuple[ReadLine, ...]
    documents: tuple[DocumentLine, ...]
    warnings: tuple[str, ...]
    questions: tuple[str, ...] = ()
    revision: int = 1
    unsealable: str = ""
    signer: str = ""
    options: tuple[Option, ...] = ()
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandMail(ToStaff):
    """A command by reply was carried out, or why not (`why`); `verb` is "" where none could be read.

    `problems` are the lines that were not used, or that keep it from being carried out; `reason` is what all who were
    asked are told about a cancellation.
    `lines`, `documents` and `questions` show a draft anew where the reader has not seen it as it is; `options` are
    what may be replied, and `off` says why nothing may.
    """

    template: ClassVar[str] = "command_mail"

    verb: str
    title: str
    why: str
    problems: tuple[str, ...] = ()
    reason: str = ""
    lines: tuple[ReadLine, ...] = ()
    documents: tuple[DocumentLine, ...] = ()
    warnings: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    signer: str = ""
    options: tuple[Option, ...] = ()
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerMail(ToStaff):
    """B02 (`refused` false: questions) and B03 (`refused`: nothing could be made of the mail).

    With a `number`, a reply completes the order: `reply` are the lines it wants, `files` tells that documents are
    wanted too. Without one, another mail is needed.
    """

    template: ClassVar[str] = "answer_mail"

    original_subject: str
    received_at: datetime
    refused: bool
    lines: tuple[ReadLine, ...]
    questions: tuple[Question, ...]
    reply: tuple[str, ...]
    files: bool
    attachments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewcomerMail(ToStaff):
    """B07: a mail of somebody of the town who is not on the staff list. `address` is his own."""

    template: ClassVar[str] = "newcomer_mail"

    original_subject: str
    received_at: datetime
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusMail(ToStaff):
    """B05: how an envelope stands, in answer to 状況.

    `phase` is the state; while it is out, `village` or `contractor`, whose signature is awaited. `events` are its
    history, newest first; `more` are left out.
    """

    template: ClassVar[str] = "status_mail"

    kind: Kind
    title: str
    party: str
    phase: str
    deadline: date
    concluded_on: date | None = None
    reason: str = ""
    places: tuple[Place, ...]
    events: tuple[Event, ...]
    more: int = 0
    options: tuple[Option, ...] = ()
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMail(ToContractor):
    """M01: please read and sign. `second`: what is asked for after the code by mail, as things stand."""

    template: ClassVar[str] = "request_mail"
    also_japanese: ClassVar[bool] = True

    kind: Kind
    title: str
    documents: tuple[DocumentLine, ...]
    deadline: date
    message: str
    second: Method | None = None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VillageRequestMail(ToStaff):
    """M09: the contractors have signed, the village's signer is next. `amount` in yen; None is 単価契約."""

    template: ClassVar[str] = "village_request_mail"

    title: str
    party: str
    amount: int | None
    tax: Tax
    documents: tuple[DocumentLine, ...]
    signed: tuple[SignedBy, ...]
    drafter: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMail(ToContractor):
    """M02: a confirmation code. Never stored, carries no link; `word` (符号) stands on the page too."""

    template: ClassVar[str] = "code_mail"

    code: str
    valid_until: datetime
    word: str
    purpose: CodePurpose
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMail(Letter):
    """M15: a code was typed in another browser than the one that asked for it. `url` is for staff only."""

    template: ClassVar[str] = "device_mail"

    title: str
    party: str
    at: datetime
    purpose: CodePurpose
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMail(ToContractor):
    """M03: your signature was received. `waits_for` names who signs next, in turn; empty for the last.

    `open_days` is within how many the town signs, where it alone is waited for.
    """

    template: ClassVar[str] = "received_mail"

    kind: Kind
    title: str
    signed_at: datetime
    documents: tuple[DocumentLine, ...]
    waits_for: tuple[str, ...]
    open_days: int | None
    history_head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionMail(Letter):
    """M10 and M11: all have signed. Files are attached, or `why_link` says why they are not.

    `concluded_on` is the date of the last party's timestamp (契約締結日; 請書: 提出日); `consented_on` is
    given where the consent fell on another day. `certificate` is the 締結証明書, a file beside the documents. `actual`
    and `limit` are bytes, for TOO_MANY files. `anchor` is the newest anchor's value, empty before the first.
    """

    template: ClassVar[str] = "completion_mail"

    kind: Kind
    title: str
    party: str
    concluded_on: date
    consented_on: date | None
    certificate_id: str
    documents: tuple[DocumentLine, ...]
    certificate: DocumentLine
    attached: tuple[str, ...]
    why_link: WhyLink | None = None
    actual: int = 0
    limit: int = 0
    url: str
    window_ends: datetime
    accredited: bool
    history_head: str
    anchor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclinedMail(Letter):
    """M07: a party does not sign. `own`: the reader is the one who declined."""

    template: ClassVar[str] = "declined_mail"

    title: str
    party: str
    at: datetime
    reason: str
    own: bool
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedMail(Letter):
    """M06: a party asks for the document to be mended. `own`: the reader is the one who asked."""

    template: ClassVar[str] = "returned_mail"

    title: str
    party: str
    at: datetime
    reason: str
    own: bool
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledMail(Letter):
    """M08: the village took the request back. `replaced`: a new request follows."""

    template: ClassVar[str] = "cancelled_mail"

    title: str
    party: str
    at: datetime
    reason: str
    replaced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredMail(Letter):
    """M05: the deadline is over. `url` is the staff page of the envelope (staff only). `signed`: this reader has."""

    template: ClassVar[str] = "expired_mail"

    title: str
    party: str
    deadline: date
    url: str = ""
    signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedMail(Letter):
    """The deadline was moved. The link stays the same; contractors find it again here."""

    template: ClassVar[str] = "extended_mail"

    title: str
    party: str
    old_deadline: date
    deadline: date
    second: Method | None = None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLinkMail(ToContractor):
    """M14: a new link, because it was asked for, after too many wrong codes, or by the village."""

    template: ClassVar[str] = "new_link_mail"

    cause: NewLinkCause
    title: str
    at: datetime
    deadline: date
    second: Method | None = None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofMail(ToContractor):
    """M14b: what is asked for besides the code by mail was changed while the request is out; None: nothing any more."""

    template: ClassVar[str] = "proof_mail"

    kind: Kind
    title: str
    at: datetime
    deadline: date
    second: Method | None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshDownloadMail(ToContractor):
    """M13: a new download link after the window closed."""

    template: ClassVar[str] = "fresh_download_mail"

    kind: Kind
    title: str
    at: datetime
    certificate_id: str
    url: str
    window_ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMail(ToStaff):
    """B04: the request went out. `address` is shown whole, so that a slip is seen.

    *corrected*: it went out again by itself, because the registry's address was corrected; *handed_over*: because the
    registry approved the new person that its signer had named.
    """

    template: ClassVar[str] = "sent_mail"

    title: str
    party: str
    addressee: str
    address: str
    deadline: date
    sent_at: datetime
    options: tuple[Option, ...] = ()
    url: str
    corrected: bool = False
    handed_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolMail(ToStaff):
    """A new staff member sets password and authenticator through a link that works once."""

    template: ClassVar[str] = "enrol_mail"

    roles: tuple[str, ...]
    password_characters: int
    url: str
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressMail(ToContractor):
    """M18: another address was registered for the reader's company. `address` is the new one, masked.

    With `ends` the new address takes the place of the reader's own.
    """

    template: ClassVar[str] = "address_mail"

    company: str
    address: str
    at: datetime
    works_from: datetime
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MobileMail(ToContractor):
    """M18b: a mobile number was registered, to which codes by SMS will go. `mobile` is masked."""

    template: ClassVar[str] = "mobile_mail"

    company: str
    mobile: str
    works_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorMail(ToContractor):
    """M19: an authenticator app was set up for the reader's entry, or with `ended` was ended by the town."""

    template: ClassVar[str] = "authenticator_mail"

    company: str
    at: datetime
    ended: bool = False


class ApplicationNews(StrEnum):
    """What became of an application for the registry."""

    RECEIVED = "received"
    APPROVED = "approved"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationCodeMail(ToContractor):
    """M16: the code that proves an address which is to be registered. Never stored, carries no link.

    It says nothing that was typed into the form: a stranger could have his own words mailed to anybody.
    """

    template: ClassVar[str] = "application_code_mail"

    code: str
    valid_until: datetime
    word: str
    withdrawal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationMail(ToContractor):
    """M17: an application was received, approved (it works from `works_from`), or sent back with `reason`.

    Or the consent was taken back.

    `url` is the form, for another try; `carrier` tells of the smaller attachments.
    """

    template: ClassVar[str] = "application_mail"

    news: ApplicationNews
    company: str
    address: str
    at: datetime
    works_from: datetime | None = None
    reason: str = ""
    carrier: bool = False
    url: str = ""


class ApplicationStep(StrEnum):
    """What staff have to do about an application next."""

    CHECK = "check"
    APPROVE = "approve"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationDeskMail(ToStaff):
    """To those who keep the registry: an application is to be checked, or to be approved by somebody else.

    Or a consent was taken back.
    """

    template: ClassVar[str] = "application_desk_mail"

    step: ApplicationStep
    company: str
    person: str
    kind: str
    reason: str
    at: datetime
    checked_by: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationMail(ToContractor):
    """M16 where staff entered the address: please agree and prove that it is yours."""

    template: ClassVar[str] = "invitation_mail"

    company: str
    address: str
    replaces: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderMail(ToContractor):
    """M04: the deadline is near. `days` whole days are left; the link is that of the request."""

    template: ClassVar[str] = "reminder_mail"

    kind: Kind
    title: str
    deadline: date
    days: int
    second: Method | None = None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowMail(ToContractor):
    """M12: the download window is about to end, and the reader has taken nothing yet."""

    template: ClassVar[str] = "window_mail"

    kind: Kind
    title: str
    certificate_id: str
    window_ends: datetime
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyMail(ToStaff):
    """B08: how a section's requests stand. `rows` of the history are under `anchor`, the newest anchor's value."""

    template: ClassVar[str] = "daily_mail"

    day: date
    waiting: tuple[DayLine, ...]
    near: tuple[DayLine, ...]
    undelivered: tuple[DayLine, ...]
    notes: tuple[DayLine, ...]
    rows: int
    anchor: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeliveredMail(ToStaff):
    """B06: a mail to a contractor did not arrive, or with `silent` is not known to have.

    `what` names the mail, `meaning` says why, `steps` what to do; `answer` are the server's own words, maybe none.
    """

    template: ClassVar[str] = "undelivered_mail"

    title: str
    party: str
    addressee: str
    address: str
    what: str
    meaning: str
    steps: tuple[str, ...]
    at: datetime
    answer: str
    silent: bool = False
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleMail(ToStaff):
    """A task keeps failing. It stays queued; `what` and `why` are texts for people, `task` its name."""

    template: ClassVar[str] = "trouble_mail"

    title: str
    task: str
    what: str
    why: str
    mend: str
    since: datetime
    tries: int
    next_try: datetime
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthMail(ToStaff):
    """A certificate ends in *days* whole days, or has ended; or its key is *unusable*. *what* says what it is for."""

    template: ClassVar[str] = "health_mail"

    what: str
    ends: datetime
    days: int
    ended: bool
    mend: str
    unusable: bool = False
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMail(ToStaff):
    """B09: something about the mail that the operator, or whoever keeps the registry, has to look at.

    *what* says it in a sentence, *meaning* what follows from it. *facts* are pairs of a label and a value.
    """

    template: ClassVar[str] = "alert_mail"

    headline: str
    what: str
    meaning: str
    facts: tuple[tuple[str, str], ...]
    at: datetime
    steps: tuple[str, ...]
    url: str


class ChangeNews(StrEnum):
    """What a mail about a change of the addressee says: how it stands, or how a request ended that went to another."""

    RECEIVED = "received"
    REFUSED = "refused"
    HANDED_OVER = "handed-over"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    RETURNED = "returned"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMail(ToContractor):
    """To the one who told of a change: received, refused with `reason` (the request at `url` goes on), handed over.

    And at the end that it has ended, without the documents. `person` is who was named in his place.
    """

    template: ClassVar[str] = "change_mail"

    news: ChangeNews
    title: str
    at: datetime
    change: Change = Change.PERSON
    person: str = ""
    reason: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteMail(ToStaff):
    """Somebody at the contractor's link tells something; `proved`: after the code. He chose `remind_on`.

    Where it pauses the request it is about a `change`, with the new `person` and `address` as far as they were told.
    It also tells that codes were mistyped too often, which nobody has written.
    """

    template: ClassVar[str] = "note_mail"

    title: str
    party: str
    about: About
    at: datetime
    proved: bool
    note: str
    remind_on: date | None = None
    change: Change | None = None
    person: str = ""
    address: str = ""
    url: str
