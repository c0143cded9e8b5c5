"""Every number and list that an operator or a lawyer may change, each with its why.

docs/policy.md is made from this file. A rule that needs a number takes the policy as an argument.
"""

from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

MB: Final = 1_000_000  # the town's procedure counts in decimal megabytes
MIB: Final = 1024 * 1024


def hours(count: float) -> timedelta:
    """*count* hours."""
    return timedelta(hours=count)


def minutes(count: float) -> timedelta:
    """*count* minutes."""
    return timedelta(minutes=count)


def days(count: float) -> timedelta:
    """*count* days."""
    return timedelta(days=count)


def _rule(default: Any, why: str) -> Any:
    return field(default=default, metadata={"why": why})


class ReplyCommands(StrEnum):
    """Whether staff may send, change and end things by replying to a mail."""

    OTP = "otp"  # with six digits of a second channel, while doctor finds the mail sound
    OFF = "off"  # on the pages only


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules in force. An envelope keeps the numbers that were in force when it was opened."""

    # Documents
    documents_per_envelope: int = _rule(20, "The town's procedure: 20 files in one envelope.")
    pdf_bytes: int = _rule(40 * MB, "A scanned set of drawings; larger files belong on paper or in parts.")
    pdf_pages: int = _rule(2000, "More pages than a person can be said to have read.")
    pdf_min_side_pt: float = _rule(72.0, "A page smaller than an inch has no room for the certificate id.")
    mail_bytes: int = _rule(
        45 * MB, "Three scans of 10 MB, a third larger in a mail; a larger one is answered, not read."
    )
    sender_bytes_a_day: int = _rule(
        200 * MB, "What one member of staff may mail in a day; drawings stay below."
    )
    title_characters: int = _rule(60, "Longer titles break subjects and file names.")

    # What goes out with the completion mail
    attachment_bytes: int = _rule(6 * MB, "The town's procedure: all documents of the envelope together.")
    attachment_bytes_carrier: int = _rule(2 * MB, "The procedure's limit for phone carriers' addresses.")
    attachment_files: int = _rule(20, "The town's procedure: files attached to one mail.")
    message_bytes: int = _rule(10 * MB, "The whole mail after base64; common receivers refuse more.")
    message_bytes_by_domain: tuple[tuple[str, int], ...] = _rule(
        (), "Receivers known to accept less: (domain, bytes of the whole mail)."
    )
    download_days: int = _rule(14, "The town's procedure: two weeks, ending 23:59:59 JST on the last day.")
    download_code: bool = _rule(
        default=True, why="A download by link asks for a code, unless the PDFs were attached to the mail."
    )

    # 対象外の確認: contracts that the town does not make electronically
    term_years: int = _rule(10, "The town's procedure: no term or effect over ten years.")
    paper_contracts: tuple[str, ...] = _rule(
        ("事業用借地権設定契約", "事業用定期借地権設定契約", "農地賃貸借契約", "任意後見契約"),
        "Paper or a notary by law (借地借家法23条3項, 農地法21条, 任意後見契約法3条); add what the town lists.",
    )

    # Deadlines and links
    deadline_days: int = _rule(14, "Deadline where the mail names none, in days from the draft.")
    deadline_max_days: int = _rule(365, "A later deadline is more likely a mistyped year.")
    unfinished_days: int = _rule(30, "How long a reply may still say what an order left out.")
    link_grace: timedelta = _rule(days(30), "A request's link explains itself this long after the deadline.")
    link_outer: timedelta = _rule(days(800), "No signed link outlives this, whatever the database says.")
    new_links_a_day: int = _rule(2, "Asking for the link again sends mail to a third person.")

    # Reminders
    remind_days: tuple[int, ...] = _rule(
        (7, 3, 1), "Days before the deadline: time to ask inside the company, to act, and the last call."
    )
    window_remind_days: tuple[int, ...] = _rule(
        (3, 1), "Days before the download window ends, to those who have taken nothing yet."
    )
    remind_hours: tuple[int, int] = _rule(
        (9, 12), "Between these hours on open days: a question about the mail finds somebody at the phone."
    )
    carrier_silence: timedelta = _rule(
        hours(24), "A phone carrier's filter swallows mail without a word; then staff are told."
    )

    # Confirmation codes
    code_lifetime: timedelta = _rule(
        minutes(10), "Long enough for slow mail, short enough to be useless later."
    )
    code_again: timedelta = _rule(
        minutes(1), "In the browser that asked for it, a code sent twice within this time is one press."
    )
    code_tries: int = _rule(5, "Wrong entries before a code is spent.")
    link_tries: int = _rule(20, "Wrong entries in one generation of a link before the link is renewed.")
    access_code_tries: int = _rule(
        5, "Wrong entries before an access code is spent; staff then tell a new one."
    )
    authenticator_tries: int = _rule(
        5, "Digits of a contractor's app in a quarter of an hour, right or wrong."
    )
    authenticator_tries_a_day: int = _rule(20, "The same in a day: guessing takes 16,000 days.")
    code_resend: timedelta = _rule(
        minutes(1), "Between two codes, so that an impatient thumb sends one mail."
    )
    codes_an_hour: int = _rule(3, "Codes sent for one request by one browser.")
    codes_a_day: int = _rule(10, "Codes sent for one request by one browser.")
    codes_a_day_total: int = _rule(30, "Codes sent for one request by all browsers together.")

    sms_retry_first: timedelta = _rule(
        timedelta(seconds=5), "First wait when the SMS hook does not answer; doubled each time."
    )
    sms_retry_cap: timedelta = _rule(
        minutes(1), "Longest such wait; after the code's lifetime it is given up."
    )

    sms_hold: timedelta = _rule(
        timedelta(seconds=3), "How long the page waits to say that an SMS could not be sent."
    )

    # Sessions and sign-in
    signer_idle: timedelta = _rule(minutes(60), "A contractor reads a long contract without clicking.")
    staff_idle: timedelta = _rule(minutes(30), "An office PC that is left alone.")
    staff_total: timedelta = _rule(hours(10), "One working day.")
    sign_in_tries: int = _rule(10, "Wrong passwords or codes for one person in a quarter of an hour.")
    sign_in_pause: timedelta = _rule(minutes(15), "How long the count of wrong passwords lasts.")
    password_characters: int = _rule(12, "NIST SP 800-63B-4 asks for length, not for kinds of characters.")
    enrolment_lifetime: timedelta = _rule(days(7), "A one-time link; a new one is one command away.")
    recovery_codes: int = _rule(8, "One-time codes for a member of staff whose phone is lost.")

    # The registry of contractors' addresses
    address_wait: timedelta = _rule(hours(24), "Time for the old address to object before a new one works.")
    registration_codes_a_day: int = _rule(
        3, "Codes to one address that is to be registered: somebody else may have typed it."
    )
    registration_codes_an_hour: int = _rule(
        10, "Such codes for one network: an office registers few addresses."
    )
    registration_codes_an_hour_total: int = _rule(
        200, "Such codes for everybody together: beyond it somebody uses the form to send mail."
    )
    registration_minutes: int = _rule(
        60, "How long what was typed into the form's pages is kept by the browser."
    )
    registration_unproved: timedelta = _rule(
        days(90), "An application whose address nobody proved is deleted after this."
    )
    list_bytes: int = _rule(1 * MB, "A list of some thousand addresses as CSV.")
    export_lines: int = _rule(
        5000, "Envelopes in one CSV file: some years of a town, and still quick to make."
    )
    list_lines: int = _rule(500, "Addresses in one list: each gets a mail, and staff call each back.")

    # Separation of duties
    signer_apart_from_drafter: bool = _rule(
        default=True, why="The village's signer is not the person who drafted the envelope."
    )
    signer_apart_from_registrar: bool = _rule(
        default=True, why="The village's signer did not approve the contractor's address."
    )

    # Handing a request on (無権代理, 民法113条)
    hand_over: bool = _rule(
        default=False,
        why="Where an order says nothing: the signer may name another person of the company, whom staff then approve.",
    )

    # Mail that does not go through
    retry_first: timedelta = _rule(minutes(1), "First wait after a temporary refusal; doubled each time.")
    retry_cap: timedelta = _rule(hours(4), "Longest wait between two attempts.")
    retry_tell: timedelta = _rule(hours(4), "When staff are told that something keeps failing.")
    retry_end: timedelta = _rule(hours(48), "When a mail counts as not delivered.")
    refusals_unknown: int = _rule(
        1,
        "Refusals for an unknown mailbox (5.1.1, 5.1.10) after which an address is dead: nothing is left to try.",
    )
    refusals_other: int = _rule(
        2,
        "Other refusals for good, and all of phone carriers, after which it is dead: the first may be a mistake.",
    )
    queue_tell: timedelta = _rule(
        minutes(15), "When the operator hears that mails wait: a code is useless after ten minutes."
    )
    login_pause: timedelta = _rule(
        minutes(5),
        "No mail goes out so long after the relay refused our login; more tries may lock the account.",
    )
    mails_a_minute: int = _rule(300, "To one domain, a quarter of them at once; more looks like a flood.")
    mails_a_minute_carrier: int = _rule(20, "To one phone carrier; docomo and others refuse bursts.")
    mails_a_minute_by_domain: tuple[tuple[str, int], ...] = _rule(
        (), "Receivers known to want fewer or to bear more: (domain, mails a minute)."
    )
    lease: timedelta = _rule(
        minutes(2), "A running task keeps it by a beat; so long does work of a killed worker wait."
    )
    answer_again: timedelta = _rule(
        hours(24),
        "The same mistake in the same words is answered once in this time: a person has the answer.",
    )
    answers_a_day: int = _rule(20, "Answers about mistakes to one address, so that two bots never talk on.")
    answers_an_hour: int = _rule(
        100, "Answers about mistakes to all together; more are a flood, and the operator is told."
    )

    # Commands by reply
    reply_commands: ReplyCommands = _rule(
        ReplyCommands.OTP,
        "Replies with six digits from the authenticator send, change and end; off: pages only.",
    )
    reply_before: timedelta = _rule(
        minutes(10), "Digits shown so long before the mail arrived still count: gateways take their time."
    )
    reply_after: timedelta = _rule(timedelta(seconds=30), "Digits of a phone whose clock is a step ahead.")
    reply_seen_within: timedelta = _rule(
        minutes(10),
        "A mail first seen later than this after its arrival may have been held back; it orders nothing.",
    )
    reply_tries: int = _rule(5, "Wrong digits on one day; then replies order nothing until the next sign-in.")

    mail_verdict_lasts: timedelta = _rule(
        days(3), "How long orders by reply rest on one examination of servers and DNS; then they are off."
    )

    # Who sent a mail
    dkim_fields: tuple[str, ...] = _rule(
        ("from", "subject"),
        "What a signature must cover besides the body, as often as it is there. Microsoft 365 signs neither To nor"
        " References, OpenDKIM no Content-Type; who needs them signed adds them.",
    )
    dkim_key_bits: int = _rule(
        1024, "RFC 8301: a shorter RSA key proves nothing; many mail servers have 1024."
    )
    aside_kept: timedelta = _rule(
        days(30), "Mails that led to nothing: time to look at them, and no store of strangers' letters."
    )

    # Reading what strangers made
    parse_seconds: float = _rule(60.0, "Wall clock for one document in the child that reads it.")
    parse_memory: int = _rule(1536 * MIB, "Memory for the child that reads one document.")
    note_characters: int = _rule(1000, "A message to the contractor (備考) fits into the request mail.")
    office_seconds: float = _rule(60.0, "Wall clock for making one Word or Excel file into a PDF.")
    office_memory: int = _rule(4096 * MIB, "Address space of one LibreOffice; it fills a twentieth of that.")
    office_at_once: int = _rule(2, "Conversions beside each other; each may keep a processor busy.")
    reason_characters: int = _rule(400, "A reason fits on one screen of a phone.")
    decoded_bytes: int = _rule(120 * MB, "All parts of one mail after decoding; more is a bomb.")

    # Verifying files, also those of strangers
    verify_seconds: float = _rule(5.0, "Some files never end to be compared; then nothing is said of them.")
    verify_bytes: int = _rule(20 * MB, "What the public page takes: signed contracts are smaller.")
    verify_waiting: int = _rule(20, "Uploads that wait to be judged; the next one is asked to come later.")
    verify_hold: timedelta = _rule(timedelta(seconds=8), "How long the page waits before it shows a link.")
    verify_kept: timedelta = _rule(minutes(10), "When an upload and its result are gone, looked at or not.")
    verify_an_hour: int = _rule(30, "Uploads from one network; an office behind one address stays below it.")
    verify_an_hour_total: int = _rule(
        600, "Uploads from everywhere; with them two children are busy all the time."
    )
    verify_at_once: int = _rule(8, "Uploads read at the same time: each is in memory, up to 20 MB.")
    look_ups_an_hour: int = _rule(60, "Certificate ids looked up from one network; they cannot be tried out.")

    look_ups_an_hour_total: int = _rule(2000, "Certificate ids looked up from everywhere.")

    # Evidence bundles
    evidence_kept: timedelta = _rule(
        days(3), "A bundle that staff asked for is readable for the portal; it is soon asked for again."
    )

    # Timestamps
    timestamp_tell: timedelta = _rule(hours(1), "When staff hear that the timestamp authority is silent.")
    renew_before: timedelta = _rule(
        days(365),
        "A file gets its next timestamp so long before the last one ends: time to change authorities.",
    )
    renew_tell: timedelta = _rule(
        days(180), "So long before the end administrators hear that the next timestamp is still missing."
    )
    renewals_an_hour: int = _rule(
        200, "A year's contracts in a night, and no crowd before the timestamp authority, which may count."
    )
    algorithms_until: tuple[tuple[str, date], ...] = _rule(
        (("sha1", date(2013, 12, 31)), ("rsa1024", date(2013, 12, 31)), ("rsa2048", date(2030, 12, 31))),
        "Last day on which an algorithm of a timestamp is relied on (CRYPTREC LS-0003, NIST SP 800-131A).",
    )


def rules(policy: Policy) -> list[tuple[str, Any, str]]:
    """Every rule as (name, value, why), in the file's order: the text of docs/policy.md."""
    return [(item.name, getattr(policy, item.name), item.metadata["why"]) for item in fields(policy)]
