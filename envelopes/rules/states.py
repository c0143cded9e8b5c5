"""The life of an envelope: one table.

Theory of operation. An envelope is in exactly one state. Whatever happens to it is an event, and `TABLE` says
for each state which events may happen, whose verb it is (the file in `envelopes.actions`), where the envelope
goes and which work is queued in the same transaction. `look_up` is the table's only reader; nothing else in the
program compares states to decide what may happen. The diagram in docs/states.md is drawn from this table.

An unread mail is not an envelope, and 不達, "asked", "seen", "proved" and "paused" are facts of a signer, not states.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from envelopes.rules.errors import NotPermitted


class State(StrEnum):
    """What an envelope is. The value stands in the database and in exports."""

    NONE = "none"  # before it exists
    DRAFT = "draft"
    PREPARING = "preparing"
    OUT = "out"
    SIGNING = "signing"
    SIGNED = "signed"
    COMPLETED = "completed"
    DECLINED = "declined"
    RETURNED = "returned"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"


class Event(StrEnum):
    """What happened, in the past tense."""

    OPENED = "opened"
    REVISED = "revised"
    CONFIRMED = "confirmed"
    DISCARDED = "discarded"
    PREPARED = "prepared"
    UNSEALABLE = "unsealable"
    CONSENTED = "consented"
    DECLINED = "declined"
    RETURNED = "returned"
    EXTENDED = "extended"
    REISSUED = "reissued"
    HANDED_OVER = "handed over"
    RENEWED = "renewed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SIGNED = "signed"
    SIGNED_BY_LAST = "signed by the last"
    TIMESTAMPED = "timestamped"


class By(StrEnum):
    """Whose verb an event is: the file or folder in `envelopes.actions` that may apply it."""

    STAFF = "staff"
    SIGNER = "signer"
    WORKER = "worker"


class Task(StrEnum):
    """Work that is queued. Where it ends in a mail, the folder in mail_templates has the same name."""

    READ_MAIL = "read_mail"
    READ_FILES = "read_files"
    PAGES = "pages"
    PREPARE = "prepare"
    SIGN = "sign"
    TIMESTAMP = "timestamp"
    ANCHOR = "anchor"
    RENEW = "renew"
    SEND = "send"
    CLOSE_WINDOW = "close_window"
    ANSWER_MAIL = "answer_mail"
    NEWCOMER_MAIL = "newcomer_mail"
    COMMAND_MAIL = "command_mail"
    STATUS_MAIL = "status_mail"
    DRAFT_MAIL = "draft_mail"
    REQUEST_MAIL = "request_mail"
    SENT_MAIL = "sent_mail"
    CODE_MAIL = "code_mail"
    CODE_SMS = "code_sms"
    RECEIVED_MAIL = "received_mail"
    COMPLETION_MAIL = "completion_mail"
    DECLINED_MAIL = "declined_mail"
    RETURNED_MAIL = "returned_mail"
    CANCELLED_MAIL = "cancelled_mail"
    EXPIRED_MAIL = "expired_mail"
    EXTENDED_MAIL = "extended_mail"
    NEW_LINK_MAIL = "new_link_mail"
    PROOF_MAIL = "proof_mail"
    FRESH_DOWNLOAD_MAIL = "fresh_download_mail"
    ENROL_MAIL = "enrol_mail"
    ADDRESS_MAIL = "address_mail"
    MOBILE_MAIL = "mobile_mail"
    AUTHENTICATOR_MAIL = "authenticator_mail"
    APPLICATION_CODE_MAIL = "application_code_mail"
    APPLICATION_MAIL = "application_mail"
    APPLICATION_DESK_MAIL = "application_desk_mail"
    INVITATION_MAIL = "invitation_mail"
    REMINDER_MAIL = "reminder_mail"
    WINDOW_MAIL = "window_mail"
    UNDELIVERED_MAIL = "undelivered_mail"
    DAILY_MAIL = "daily_mail"
    TROUBLE_MAIL = "trouble_mail"
    HEALTH_MAIL = "health_mail"
    ALERT_MAIL = "alert_mail"
    NOTE_MAIL = "note_mail"
    CHANGE_MAIL = "change_mail"
    DEVICE_MAIL = "device_mail"
    VERIFY = "verify"
    EVIDENCE = "evidence"


class Row(NamedTuple):
    """One line of the table: who may do it, where it leads, what is queued with it."""

    by: frozenset[By]
    to: State
    tasks: tuple[Task, ...] = ()


STAFF, SIGNER, WORKER = frozenset({By.STAFF}), frozenset({By.SIGNER}), frozenset({By.WORKER})

# fmt: off
TABLE: Final[Mapping[tuple[State, Event], Row]] = {
    (State.NONE, Event.OPENED):            Row(WORKER | STAFF, State.DRAFT, (Task.PAGES, Task.DRAFT_MAIL)),
    (State.DRAFT, Event.UNSEALABLE):       Row(WORKER, State.DRAFT, (Task.DRAFT_MAIL,)),
    (State.DRAFT, Event.REVISED):          Row(STAFF, State.DRAFT, (Task.DRAFT_MAIL,)),
    (State.DRAFT, Event.CONFIRMED):        Row(STAFF, State.PREPARING, (Task.PREPARE,)),
    (State.DRAFT, Event.DISCARDED):        Row(STAFF, State.DISCARDED),
    (State.PREPARING, Event.PREPARED):     Row(WORKER, State.OUT, (Task.REQUEST_MAIL, Task.SENT_MAIL)),
    (State.PREPARING, Event.UNSEALABLE):   Row(WORKER, State.DRAFT, (Task.DRAFT_MAIL,)),
    (State.OUT, Event.CONSENTED):          Row(SIGNER, State.SIGNING, (Task.SIGN, Task.RECEIVED_MAIL)),
    (State.OUT, Event.DECLINED):           Row(SIGNER, State.DECLINED, (Task.DECLINED_MAIL,)),
    (State.OUT, Event.RETURNED):           Row(SIGNER, State.RETURNED, (Task.RETURNED_MAIL,)),
    (State.OUT, Event.EXTENDED):           Row(STAFF, State.OUT, (Task.EXTENDED_MAIL,)),
    (State.OUT, Event.REISSUED):           Row(STAFF | WORKER, State.OUT, (Task.NEW_LINK_MAIL,)),
    (State.OUT, Event.HANDED_OVER):        Row(WORKER, State.OUT,
                                               (Task.REQUEST_MAIL, Task.SENT_MAIL, Task.CHANGE_MAIL)),
    (State.OUT, Event.RENEWED):            Row(SIGNER, State.OUT, (Task.NEW_LINK_MAIL,)),
    (State.OUT, Event.CANCELLED):          Row(STAFF, State.CANCELLED, (Task.CANCELLED_MAIL,)),
    (State.OUT, Event.EXPIRED):            Row(WORKER, State.EXPIRED, (Task.EXPIRED_MAIL,)),
    (State.EXPIRED, Event.EXTENDED):       Row(STAFF, State.OUT, (Task.EXTENDED_MAIL,)),
    (State.EXPIRED, Event.CANCELLED):      Row(STAFF, State.CANCELLED, (Task.CANCELLED_MAIL,)),
    (State.SIGNING, Event.SIGNED):         Row(WORKER, State.OUT, (Task.REQUEST_MAIL,)),
    (State.SIGNING, Event.SIGNED_BY_LAST): Row(WORKER, State.SIGNED, (Task.TIMESTAMP,)),
    (State.SIGNED, Event.TIMESTAMPED):     Row(WORKER, State.COMPLETED, (Task.COMPLETION_MAIL,)),
}
# fmt: on

FINAL: Final = frozenset({State.COMPLETED, State.DECLINED, State.RETURNED, State.CANCELLED, State.DISCARDED})


def look_up(state: State, event: Event, by: By) -> Row:
    """Return the row for *event* in *state*, or raise NotPermitted (also when it is not *by*'s verb)."""
    row = TABLE.get((state, event))
    if row is None or by not in row.by:
        raise NotPermitted(state, event)
    return row


def permits(state: State, event: Event) -> bool:
    """Whether *event* may happen in *state* at all: for pages that offer a button."""
    return (state, event) in TABLE
