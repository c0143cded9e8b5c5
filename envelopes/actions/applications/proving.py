"""The applicant's part: he agrees to the terms and types the code that was mailed to the address."""

from dataclasses import dataclass
from datetime import datetime

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import reachable, registry
from envelopes.actions.applications import steps
from envelopes.actions.registry import living
from envelopes.records import counters, tasks
from envelopes.records.database import is_sqlite, unit
from envelopes.records.models import Application, Contact, Delivery
from envelopes.rules import codes
from envelopes.rules import terms as words
from envelopes.rules.applications import Door, Stage
from envelopes.rules.codes import Issued, Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.policy import days, hours
from envelopes.rules.states import Task
from envelopes.rules.terms import Terms
from envelopes.rules.tokens import Purpose
from envelopes.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCode:
    """A code that is out: until when it holds, the word that page and mail show, when another may be asked for."""

    valid_until: datetime
    word: str
    resend_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of an entered code, and how many tries are left."""

    verdict: Verdict
    left: int = 0


def terms(services: Services, version: str) -> tuple[Terms, ...]:
    """What is shown to whoever is asked to agree, in the town's name."""
    town = services.settings.town
    return words.texts(version, town=town.name, english=town.in_english)


async def agree(services: Services, row: Application, *, version: str, network: str) -> None:
    """Note that whoever opened the invitation agreed to the terms, and have a code mailed to the address.

    Raises Refused: TERMS_CHANGED, and what `send_code` says.
    """
    if not words.is_known(version):
        raise Refused(Reason.TERMS_CHANGED)
    await send_code(services, row, network=network, version=version)


async def agreed(
    services: Services, connection: BaseDBAsyncClient, row: Application, version: str, *, now: datetime
) -> None:
    """Keep, word for word, what was agreed to."""
    kept = words.as_shown(version, terms(services, version))
    row.terms_version, row.terms, row.agreed_at = version, kept, now
    await row.save(using_db=connection, update_fields=["terms_version", "terms", "agreed_at"])
    await steps.note(connection, row, "agreed", now, version=version, sha256=words.digest(kept))


def code_subject(row: Application) -> str:
    """What a code's key is derived for."""
    return f"registration:{row.ref}"


def link(services: Services, row: Application) -> str:
    """The page on which an invited address proves itself."""
    return services.url("r", services.link(Purpose.REGISTER, row.ref, 0))


async def invited(services: Services, token: str) -> Application:
    """The application that an invitation's link opens. Raises Refused(LINK_… | APPLICATION_GONE | INVITATION_OVER)."""
    row = await steps.find(services.ticket(Purpose.REGISTER, token).ref)
    if row.stage == Stage.RETURNED and row.proved_at is None:
        raise Refused(Reason.INVITATION_OVER)
    return row


def sent_code(services: Services, row: Application) -> SentCode | None:
    """The code that is out, or None once it is used, spent or late."""
    policy = services.policy
    if row.sent_at is None or row.stage != Stage.UNPROVED or row.wrong >= policy.code_tries:
        return None
    if services.now() >= row.sent_at + policy.code_lifetime:
        return None
    return SentCode(
        valid_until=row.sent_at + policy.code_lifetime,
        word=codes.word(services.code_key, code_subject(row), row.serial),
        resend_at=row.sent_at + policy.code_resend,
    )


def has_to_agree(row: Application) -> bool:
    """Whether the terms come before a code."""
    return row.agreed_at is None and row.door != Door.WITHDRAWAL


async def code_mail(row: Application) -> Delivery | None:
    """The mail with the code that was asked for last; None while it is still to be made."""
    return await reachable.mail_of(Task.APPLICATION_CODE_MAIL, f"{row.id}:{row.serial}")


async def send_code(services: Services, row: Application, *, network: str, version: str = "") -> None:
    """Have a new code mailed to the address; it ends the one before.

    Raises Refused: RESEND_EARLY (seconds), RESEND_CAP, STALE once the address is proved, TERMS_UNTICKED where nobody
    has agreed yet.
    """
    now = services.now()
    if row.stage != Stage.UNPROVED:
        raise Refused(Reason.STALE)
    if not version and has_to_agree(row):
        raise Refused(Reason.TERMS_UNTICKED)
    _require_pause(services, row, now)
    await require_below_caps(services, row.email_look_up, network, now)

    async def work(connection: BaseDBAsyncClient) -> None:
        mine = await _locked(connection, row)
        # Two presses at once both came this far; the second finds the first one's code.
        _require_pause(services, mine, now)
        if version:
            await agreed(services, connection, mine, version, now=now)
        await mail_code(connection, mine, now)

    await unit(work)


async def _locked(connection: BaseDBAsyncClient, row: Application) -> Application:
    query = Application.filter(id=row.id).using_db(connection)
    return await (query if is_sqlite() else query.select_for_update()).get()


def _require_pause(services: Services, row: Application, now: datetime) -> None:
    if row.sent_at is not None and now < row.sent_at + services.policy.code_resend:
        wait = row.sent_at + services.policy.code_resend - now
        raise Refused(Reason.RESEND_EARLY, seconds=int(wait.total_seconds()) + 1)


async def require_below_caps(services: Services, look_up: str, network: str, now: datetime) -> None:
    """Count one more code for an address and a network. Raises Refused(RESEND_CAP) beyond one of the limits."""
    policy = services.policy
    # The network's own limit comes first, so that what a stranger wastes is his own share of the others.
    limits = (
        (f"registration:{network}", policy.registration_codes_an_hour, hours(1)),
        (f"registration-address:{look_up}", policy.registration_codes_a_day, days(1)),
        ("registration", policy.registration_codes_an_hour_total, hours(1)),
    )
    for name, events, per in limits:
        if not await counters.allowed(name, events=events, per=per, now=now):
            raise Refused(Reason.RESEND_CAP)


async def mail_code(connection: BaseDBAsyncClient, row: Application, now: datetime) -> None:
    """Have the next code mailed, in the caller's transaction; the one before ends."""
    row.serial, row.wrong, row.sent_at = row.serial + 1, 0, now
    await row.save(using_db=connection, update_fields=["serial", "wrong", "sent_at"])
    ids = {"application": row.id, "serial": row.serial}
    key = f"{row.id}:{row.serial}"
    await tasks.enqueue(connection, Task.APPLICATION_CODE_MAIL, key, now=now, ids=ids)


async def check_code(services: Services, row: Application, typed: str) -> Checked:
    """Judge what was typed; a right code proves the address and gives the application its number.

    Where another company has the address, the application comes back at once. Raises Refused: CODE_EMPTY and
    CODE_FORMAT, which count nothing.
    """
    given, now = codes.tidy(typed), services.now()

    async def work(connection: BaseDBAsyncClient) -> Checked:
        mine = await _locked(connection, row)
        if mine.stage != Stage.UNPROVED:
            return Checked(verdict=Verdict.SPENT)
        if mine.sent_at is None:
            return Checked(verdict=Verdict.LATE)
        issued = Issued(serial=mine.serial, sent_at=mine.sent_at, wrong=mine.wrong, used_at=None)
        expected = codes.make(services.code_key, code_subject(mine), mine.serial)
        verdict = codes.check(issued, expected=expected, given=given, now=now, policy=services.policy)
        if verdict is Verdict.OK:
            await _proved(services, connection, mine, now)
        elif verdict is Verdict.WRONG:
            mine.wrong += 1
            await mine.save(using_db=connection, update_fields=["wrong"])
        return Checked(verdict=verdict, left=max(0, services.policy.code_tries - mine.wrong))

    return await unit(work)


async def _proved(services: Services, connection: BaseDBAsyncClient, row: Application, now: datetime) -> None:
    if row.door == Door.WITHDRAWAL:
        await _withdrawn(services, connection, row, now)
        return
    row.number = row.number or await steps.next_number(services, connection, now)
    row.proved_at = now
    row.stage = (Stage.CHECKED if row.registrar_id else Stage.PROVED).value
    await row.save(using_db=connection, update_fields=["number", "proved_at", "stage"])
    await steps.note(connection, row, "proved", now, number=row.number)
    if await steps.is_elsewhere(connection, row, now):
        await steps.turn_down(connection, row, Reason.ADDRESS_ELSEWHERE.value, now, actor=steps.APPLICANT)
    else:
        await steps.tell(connection, row, steps.News.RECEIVED, now)
        await steps.tell_desk(connection, row, now, checked=row.registrar_id is not None)


async def _withdrawn(
    services: Services, connection: BaseDBAsyncClient, row: Application, now: datetime
) -> None:
    """The owner of the address takes the consent back: at once, where it is in the registry."""
    known = Contact.filter(living(now), email_look_up=row.email_look_up, withdrawn_at=None)
    contact = await known.using_db(connection).first()
    row.number, row.proved_at, row.decided_at = await steps.next_number(services, connection, now), now, now
    row.stage = (Stage.APPROVED if contact else Stage.RETURNED).value
    if contact is None:
        row.answer = Reason.ADDRESS_UNKNOWN.value
    else:
        row.company, row.company_search = contact.company, contact.company_search
        row.office, row.person, row.language = contact.office, contact.person, contact.language
        row.contact_id = contact.id
    await row.save(using_db=connection)
    await steps.note(connection, row, "proved", now, number=row.number)
    if contact is not None:
        await registry.note_withdrawal(connection, contact, actor=steps.APPLICANT, now=now)
        await steps.tell(connection, row, steps.News.WITHDRAWN, now)
        await steps.tell_desk(connection, row, now, checked=True)
