"""Everything that can be refused, one tree.

A refusal is for a person: it carries a reason code, and `envelopes.texts` holds what to say and do about
each code in Japanese and English. A broken promise between parts of the program is not a refusal and has
its own class.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why something was refused. The value is stable: it stands in records, logs and JSON answers."""

    # What came in by mail
    NO_DOCUMENT = "no-document"
    TOO_MANY_DOCUMENTS = "too-many-documents"
    MAIL_TOO_BIG = "mail-too-big"
    MAILS_TOO_BIG = "mails-too-big"
    MAIL_UNREADABLE = "mail-unreadable"
    FILE_TYPE = "file-type"
    FILE_LEFT_OUT = "file-left-out"
    FILE_MESSAGE = "file-message"
    ARCHIVE_ENCRYPTED = "archive-encrypted"
    ARCHIVE_BROKEN = "archive-broken"
    ARCHIVE_TOO_BIG = "archive-too-big"
    OFFICE_ENCRYPTED = "office-encrypted"
    OFFICE_BROKEN = "office-broken"
    OFFICE_TOOK_TOO_LONG = "office-took-too-long"
    OFFICE_UNAVAILABLE = "office-unavailable"
    OFFICE_CONVERTED = "office-converted"
    OFFICE_CHANGES = "office-changes"
    MAIL_ENCRYPTED = "mail-encrypted"
    NOT_STAFF = "not-staff"
    DNS_SILENT = "dns-silent"

    # What was written in the mail
    TITLE_MISSING = "title-missing"
    TITLE_CUT = "title-cut"
    TITLE_TOO_LONG = "title-too-long"
    RECIPIENT_MISSING = "recipient-missing"
    RECIPIENT_UNREADABLE = "recipient-unreadable"
    IDENTITY_UNREADABLE = "identity-unreadable"
    IDENTITY_NOT_HERE = "identity-not-here"
    IDENTITY_SAME = "identity-same"
    IDENTITY_SAME_PERSON = "identity-same-person"
    RECIPIENT_UNKNOWN = "recipient-unknown"
    RECIPIENT_SEVERAL = "recipient-several"
    RECIPIENT_ELSEWHERE = "recipient-elsewhere"
    RECIPIENT_OTHERWISE = "recipient-otherwise"
    RECIPIENT_NOT_READY = "recipient-not-ready"
    RECIPIENT_DEAD = "recipient-dead"
    KIND_MISSING = "kind-missing"
    KIND_UNREADABLE = "kind-unreadable"
    AMOUNT_MISSING = "amount-missing"
    AMOUNT_UNREADABLE = "amount-unreadable"
    AMOUNT_NONE_UNSURE = "amount-none-unsure"
    AMOUNT_TAX_UNSAID = "amount-tax-unsaid"
    DEADLINE_UNREADABLE = "deadline-unreadable"
    DEADLINE_TIME = "deadline-time"
    DEADLINE_PAST = "deadline-past"
    DEADLINE_NOT_A_DATE = "deadline-not-a-date"
    DEADLINE_TOO_FAR = "deadline-too-far"
    START_UNREADABLE = "start-unreadable"
    SPAN_UNREADABLE = "span-unreadable"
    NOTE_TOO_LONG = "note-too-long"
    HAND_OVER_UNREADABLE = "hand-over-unreadable"
    SECTION_UNKNOWN = "section-unknown"
    SECTION_ELSEWHERE = "section-elsewhere"
    INTAKE_UNKNOWN = "intake-unknown"
    VILLAGE_SIGNER_UNKNOWN = "village-signer-unknown"
    COPY_UNKNOWN = "copy-unknown"
    DOCUMENT_UNKNOWN = "document-unknown"
    DOCUMENT_REPLACED = "document-replaced"
    WEEKDAY_MISMATCH = "weekday-mismatch"
    LINE_CUT = "line-cut"
    LINE_REPEATED = "line-repeated"
    LINE_SEVERAL = "line-several"
    LINE_UNKNOWN = "line-unknown"
    LINE_TYPO = "line-typo"
    LINE_UNPARTED = "line-unparted"
    ORDERS_SEVERAL = "orders-several"
    LINES_BELOW = "lines-below"
    LINES_QUOTED = "lines-quoted"
    LINES_GARBLED = "lines-garbled"

    # 対象外の確認: questions that staff answer before a draft is sent
    EXCLUDED_TERM = "excluded-term"
    EXCLUDED_RENEWAL = "excluded-renewal"
    EXCLUDED_PAPER = "excluded-paper"
    EXCLUDED_START = "excluded-start"
    QUESTIONS_OPEN = "questions-open"

    # What is wrong with a PDF
    PDF_ENCRYPTED = "pdf-encrypted"
    PDF_RESTRICTED = "pdf-restricted"
    PDF_BROKEN = "pdf-broken"
    PDF_NO_PAGES = "pdf-no-pages"
    PDF_SIGNED = "pdf-signed"
    PDF_SIGNATURE_FIELDS = "pdf-signature-fields"
    PDF_XFA = "pdf-xfa"
    PDF_FORM = "pdf-form"
    PDF_SCRIPT = "pdf-script"
    PDF_ACTIVE = "pdf-active"
    PDF_PORTFOLIO = "pdf-portfolio"
    PDF_EMBEDDED_FILES = "pdf-embedded-files"
    PDF_MEDIA = "pdf-media"
    PDF_TOO_BIG = "pdf-too-big"
    PDF_TOO_MANY_PAGES = "pdf-too-many-pages"
    PDF_TINY_PAGE = "pdf-tiny-page"
    PDF_UNSTAMPABLE = "pdf-unstampable"
    PDF_UNSEALABLE = "pdf-unsealable"
    PDF_TOOK_TOO_LONG = "pdf-took-too-long"
    PDF_NO_TEXT = "pdf-no-text"
    PDF_LAYERS = "pdf-layers"
    PDF_DAMAGED = "pdf-damaged"

    # What a person may not do, or not now
    NOT_PERMITTED = "not-permitted"
    STALE = "stale"
    NOT_YOUR_TURN = "not-your-turn"
    PAUSED = "paused"
    CHANGE_DECIDED = "change-decided"
    CHANGE_GONE = "change-gone"
    DEADLINE_OVER = "deadline-over"
    DOCUMENTS_UNREAD = "documents-unread"
    OFFER_CHANGED = "offer-changed"
    PAGES_NOT_READY = "pages-not-ready"
    REASON_MISSING = "reason-missing"
    REASON_TOO_LONG = "reason-too-long"
    ROLE_MISSING = "role-missing"
    SELF_APPROVAL = "self-approval"
    SIGNER_MISSING = "signer-missing"
    PROOF_MISSING = "proof-missing"
    SIGNED_OUT = "signed-out"
    LIMIT_REACHED = "limit-reached"
    NOTES_SPENT = "notes-spent"
    REMINDER_DAY = "reminder-day"
    ANSWERED_ALREADY = "answered-already"
    ANSWERS_STOPPED = "answers-stopped"

    # Links, codes, sign-in
    LINK_UNKNOWN = "link-unknown"
    LINK_EXPIRED = "link-expired"
    LINK_REPLACED = "link-replaced"
    PROVED_ELSEWHERE = "proved-elsewhere"
    CODE_EMPTY = "code-empty"
    CODE_FORMAT = "code-format"
    CODE_WRONG = "code-wrong"
    CODE_LATE = "code-late"
    CODE_SPENT = "code-spent"
    CODE_USED = "code-used"
    CODE_UNREACHED = "code-unreached"
    CODE_UNREACHED_HERE = "code-unreached-here"
    CODE_UNDER_WAY = "code-under-way"
    ACCESS_CODE_EMPTY = "access-code-empty"
    ACCESS_CODE_FORMAT = "access-code-format"
    ACCESS_CODE_WRONG = "access-code-wrong"
    ACCESS_CODE_SPENT = "access-code-spent"
    SMS_NOT_SENT = "sms-not-sent"
    SMS_CAP = "sms-cap"
    SMS_SPENT = "sms-spent"
    SMS_OVER = "sms-over"
    SMS_LATE = "sms-late"
    SMS_NO_NUMBER = "sms-no-number"
    AUTHENTICATOR_FORMAT = "authenticator-format"
    AUTHENTICATOR_WRONG = "authenticator-wrong"
    AUTHENTICATOR_LOCKED = "authenticator-locked"
    AUTHENTICATOR_LOST = "authenticator-lost"
    AUTHENTICATOR_THERE = "authenticator-there"
    LINK_DEAD = "link-dead"
    RESEND_EARLY = "resend-early"
    RESEND_CAP = "resend-cap"
    SIGN_IN_WRONG = "sign-in-wrong"
    SIGN_IN_LOCKED = "sign-in-locked"
    TOTP_WRONG = "totp-wrong"
    PASSWORD_WEAK = "password-weak"  # noqa: S105 -- a reason code, not a password
    WINDOW_OVER = "window-over"
    REQUEST_FORGED = "request-forged"

    # Commands by reply
    REPLY_OFF = "reply-off"
    REPLY_UNSOUND = "reply-unsound"
    REPLY_NOT_ENROLLED = "reply-not-enrolled"
    REPLY_CLOSED = "reply-closed"
    REPLY_LATE = "reply-late"
    REPLY_CODE_MISSING = "reply-code-missing"
    REPLY_CODE_WRONG = "reply-code-wrong"
    REPLY_CODE_SPENT = "reply-code-spent"
    COMMAND_SEVERAL = "command-several"
    COMMAND_UNREAD = "command-unread"
    COMMAND_WORDS = "command-words"
    LINE_UNREAD = "line-unread"
    COMMAND_DOCUMENTS = "command-documents"
    COMMAND_ABOUT_NOTHING = "command-about-nothing"
    COMMAND_EMPTY = "command-empty"
    COMMAND_NOT_DONE = "command-not-done"
    DRAFT_CHANGED = "draft-changed"
    REMINDED_TODAY = "reminded-today"

    # The registry of contractors' addresses
    ADDRESS_FORM = "address-form"
    ADDRESS_TAKEN = "address-taken"
    ADDRESS_UNCHANGED = "address-unchanged"
    ADDRESS_UNKNOWN = "address-unknown"
    ADDRESS_REASON_MISSING = "address-reason-missing"
    REGISTRAR_SAME_PERSON = "registrar-same-person"
    SIGNS_FOR_VILLAGE = "signs-for-village"
    CALLED_OFF = "called-off"
    TAKEN_BACK = "taken-back"
    CALL_BACK_MISSING = "call-back-missing"
    RECIPIENT_WITHDRAWN = "recipient-withdrawn"
    MOBILE_MISSING = "mobile-missing"
    MOBILE_FORM = "mobile-form"
    MOBILE_SOURCE_MISSING = "mobile-source-missing"
    MOBILE_UNCHANGED = "mobile-unchanged"
    MOBILE_NONE = "mobile-none"

    # Applications for the registry (申請), and their form
    COMPANY_MISSING = "company-missing"
    PERSON_MISSING = "person-missing"
    ENTRY_TOO_LONG = "entry-too-long"
    ADDRESS_EMPTY = "address-empty"
    ADDRESS_FULL_WIDTH = "address-full-width"
    ADDRESS_TYPO = "address-typo"
    ADDRESS_DOMAIN = "address-domain"
    ADDRESS_FREE = "address-free"
    ADDRESS_CARRIER = "address-carrier"
    ADDRESS_ELSEWHERE = "address-elsewhere"
    TERMS_UNTICKED = "terms-unticked"
    TERMS_CHANGED = "terms-changed"
    APPLICATION_GONE = "application-gone"
    INVITATION_OVER = "invitation-over"
    LIST_FAULTY = "list-faulty"
    ADDRESS_ASKED = "address-asked"
    ENTRY_KNOWN = "entry-known"

    # Staff and their lists
    NETWORK_ELSEWHERE = "network-elsewhere"
    RANGE_BACKWARDS = "range-backwards"
    AMOUNTS_BACKWARDS = "amounts-backwards"
    SEARCH_DAY = "search-day"
    SEARCH_AMOUNT = "search-amount"
    EXPORT_TOO_BIG = "export-too-big"

    # Verifying in public
    UPLOAD_MISSING = "upload-missing"
    UPLOAD_TOO_BIG = "upload-too-big"
    UPLOADS_WAITING = "uploads-waiting"
    UPLOAD_GONE = "upload-gone"
    CERTIFICATE_ID_UNKNOWN = "certificate-id-unknown"

    # Evidence bundles
    EVIDENCE_GONE = "evidence-gone"

    # Work of the service itself
    RECORD_ALTERED = "record-altered"
    CONSENT_INVALID = "consent-invalid"
    BYTES_DIFFER = "bytes-differ"
    TSA_UNAVAILABLE = "tsa-unavailable"
    KEY_UNAVAILABLE = "key-unavailable"
    CERTIFICATE_ENDED = "certificate-ended"
    CERTIFICATE_REVOKED = "certificate-revoked"
    CRL_UNAVAILABLE = "crl-unavailable"
    VERIFICATION_FAILED = "verification-failed"
    RENEWAL_FAILED = "renewal-failed"
    TSA_ENDS_AS_SOON = "tsa-ends-as-soon"
    CERTIFICATE_NOT_MADE = "certificate-not-made"


class FukanError(Exception):
    """Root of all errors that packages of this project raise."""


class Refused(FukanError):
    """Something a person can mend. `details` fill the text of `reason`; nothing secret or personal."""

    def __init__(self, reason: Reason, **details: str | int) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.details = details


class NotPermitted(Refused):
    """The table of states has no row for this event in this state."""

    def __init__(self, state: str, event: str) -> None:
        super().__init__(Reason.NOT_PERMITTED, state=state, event=event)


class StaleEnvelope(Refused):
    """Somebody else changed the envelope first; nothing was written."""

    def __init__(self) -> None:
        super().__init__(Reason.STALE)


class Later(FukanError):
    """The work cannot be done now for a reason outside; try again. Carries no personal data."""

    def __init__(self, reason: Reason, note: str = "") -> None:
        super().__init__(f"{reason.value} {note}".strip())
        self.reason = reason
        self.note = note
