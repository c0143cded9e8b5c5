"""What each mail says: one frozen dataclass a mail, which is the whole context of its templates.

Values are plain (text, numbers, dates, aware instants, tuples), so a letter can be built and looked at
without a database. Wording lives in `mail_templates/<template>/`; whom to write to, and when, lives in the
table of states and in the worker. The ids in the comments (M01, B01 …) name the mails for people.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple

from envelopes.rules.delivery import WhyLink
from envelopes.rules.kinds import Kind, Tax


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
    """The lines above the text: company or section, office (may be empty), person."""

    organisation: str
    office: str
    person: str


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
    """What every mail has: who reads it, and the section, phone and number at its foot.

    `number` is the envelope's, draft's or mail's short id for people; empty where there is none.
    """

    template: ClassVar[str]

    to: Addressee
    section: str
    phone: str
    number: str
    reader: Reader


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

    `questions` are those of 対象外の確認, to be answered before it is sent; `revision` counts from 1.
    """

    template: ClassVar[str] = "draft_mail"

    original_subject: str
    lines: tuple[ReadLine, ...]
    documents: tuple[DocumentLine, ...]
    warnings: tuple[str, ...]
    questions: tuple[str, ...] = ()
    revision: int = 1
    unsealable: str = ""
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
class RequestMail(ToContractor):
    """M01: please read and sign."""

    template: ClassVar[str] = "request_mail"

    kind: Kind
    title: str
    documents: tuple[DocumentLine, ...]
    deadline: date
    message: str
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
    """M03: your signature was received. `waits_for` names who signs next, in turn; empty for the last."""

    template: ClassVar[str] = "received_mail"

    kind: Kind
    title: str
    signed_at: datetime
    documents: tuple[DocumentLine, ...]
    waits_for: tuple[str, ...]
    open_days: int
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
    """M05: the deadline is over. `url` is the staff page of the envelope (staff only)."""

    template: ClassVar[str] = "expired_mail"

    title: str
    party: str
    deadline: date
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedMail(Letter):
    """The deadline was moved. The link stays the same; contractors find it again here."""

    template: ClassVar[str] = "extended_mail"

    title: str
    party: str
    old_deadline: date
    deadline: date
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLinkMail(ToContractor):
    """M14: a new link, because it was asked for, after too many wrong codes, or by the village."""

    template: ClassVar[str] = "new_link_mail"

    cause: NewLinkCause
    title: str
    at: datetime
    deadline: date
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
    """B04: the request went out. `address` is shown whole, so that a slip is seen."""

    template: ClassVar[str] = "sent_mail"

    title: str
    party: str
    addressee: str
    address: str
    deadline: date
    sent_at: datetime
    url: str


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
    """M18: another address was registered for the reader's company. `address` is the new one, masked."""

    template: ClassVar[str] = "address_mail"

    company: str
    address: str
    at: datetime
    works_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderMail(ToContractor):
    """M04: the deadline is near. `days` whole days are left; the link is that of the request."""

    template: ClassVar[str] = "reminder_mail"

    kind: Kind
    title: str
    deadline: date
    days: int
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
class RelayMail(ToStaff):
    """No mail went out because our login was refused, or one was refused by policy (`login` False): for the operator.

    *answer* is the mail server's own words.
    """

    template: ClassVar[str] = "relay_mail"

    login: bool
    at: datetime
    answer: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteMail(ToStaff):
    """Somebody at the contractor's link says that it went to the wrong person; `proved`: after the code."""

    template: ClassVar[str] = "note_mail"

    title: str
    party: str
    at: datetime
    proved: bool
    note: str
    url: str
