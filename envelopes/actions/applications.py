"""Applications for the registry (申請): made at one of its doors, proved by a code, decided by two members of staff.

No address works before somebody has typed the code that was mailed to it, one member of staff has put it forward, a
second has called back on a number from elsewhere and approved it, and the waiting time is over. Until a code has
proved the address nothing is said of what the registry knows. The roles stand in `envelopes.rules.people`; how an
entry is made, in `registry`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import mobiles as numbers
from envelopes.actions import registry
from envelopes.actions.registry import Answerable, Entry, living
from envelopes.records import counters, history, tasks
from envelopes.records.database import is_sqlite, unit
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Signer, Staff
from envelopes.rules import codes, lists, mobiles
from envelopes.rules import terms as words
from envelopes.rules.addresses import classify, comparable
from envelopes.rules.applications import (
    OPEN,
    Door,
    Stage,
    Wish,
    tidy_address,
    tidy_company,
    tidy_office,
    tidy_person,
    tidy_why,
)
from envelopes.rules.codes import Issued, Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.lists import Columns, LineFaulty
from envelopes.rules.names import same_company, search_form
from envelopes.rules.people import (
    Actor,
    ActorKind,
    Role,
    may_approve_address,
    may_enter_address,
    require_role,
    roles_from,
)
from envelopes.rules.policy import days, hours
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import FINAL, State, Task
from envelopes.rules.terms import Terms
from envelopes.rules.tokens import Purpose
from envelopes.rules.wording import Language
from envelopes.services import Services
from envelopes.texts import say

APPLICANT: Final = Actor(kind=ActorKind.SIGNER, ref="applicant")  # who types a code is nobody yet


COLUMNS: Final = Columns(
    known=("会社名", "役職", "氏名", "メールアドレス", "前のアドレス", "備考", "言語", "携帯電話"),
    needed=("会社名", "氏名", "メールアドレス"),
)


class News(IntEnum):
    """What a mail about an application says."""

    RECEIVED = 1
    APPROVED = 2
    RETURNED = 3
    WITHDRAWN = 4


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


async def find(ref: str) -> Application:
    """The application called *ref*. Raises Refused(APPLICATION_GONE)."""
    row = await Application.filter(ref=ref).select_related("registrar", "approver").first()
    if row is None:
        raise Refused(Reason.APPLICATION_GONE)
    return row


# The doors


def tidy(services: Services, wish: Wish) -> Wish:
    """Return *wish* as it is kept. Raises Refused for the first thing that is missing or wrong."""
    email = tidy_address(wish.email)
    return Wish(
        company=tidy_company(wish.company),
        office=tidy_office(wish.office),
        person=tidy_person(wish.person),
        email=email,
        reason=tidy_why(wish.reason, email, most=services.policy.reason_characters),
        previous=tidy_address(wish.previous) if wish.previous.strip() else "",
        language=wish.language,
        mobile=mobiles.normalise(wish.mobile) if wish.mobile.strip() else "",
    )


async def apply(services: Services, wish: Wish, *, version: str, network: str) -> Application:
    """Take in what the form says and have a code mailed to the address.

    *version* is that of the terms which were agreed to. The answer is the same whatever the registry knows. Raises
    Refused: TERMS_CHANGED, RESEND_CAP, and what `tidy` says.
    """
    wish, now = tidy(services, wish), services.now()
    if not words.is_known(version):
        raise Refused(Reason.TERMS_CHANGED)
    look_up = services.address_look_up(wish.email)
    await _require_below_caps(services, look_up, network, now)

    async def work(connection: BaseDBAsyncClient) -> Application:
        row = await _create(services, connection, wish, Door.FORM)
        await _agree(services, connection, row, version, now=now)
        await _mail_code(connection, row, now)
        return row

    return await unit(work)


async def ask_to_withdraw(services: Services, email: str, *, network: str) -> Application:
    """Have a code mailed to an address whose owner takes the consent back, whether or not it is known.

    Raises Refused: RESEND_CAP, ADDRESS_….
    """
    wish, now = Wish(company="", person="", email=tidy_address(email)), services.now()
    await _require_below_caps(services, services.address_look_up(wish.email), network, now)

    async def work(connection: BaseDBAsyncClient) -> Application:
        row = await _create(services, connection, wish, Door.WITHDRAWAL)
        await _mail_code(connection, row, now)
        return row

    return await unit(work)


def read_list(services: Services, data: bytes) -> list[Wish]:
    """Read a list of the registry's keeper as CSV. Raises ListFaulty with every fault and its line."""

    def make(row: Mapping[str, str]) -> Wish:
        try:
            return tidy(services, _wished(row))
        except Refused as refused:
            raise LineFaulty(say(refused.reason, "ja", **refused.details)) from None

    most = services.policy.list_lines
    return lists.read(data, COLUMNS, make, same=lambda wish: comparable(wish.email), most=most)


def _wished(row: Mapping[str, str]) -> Wish:
    language = row.get("言語", "") or Language.JAPANESE
    if language not in set(Language):
        raise LineFaulty("言語は ja か en です。")
    return Wish(
        company=row["会社名"],
        office=row.get("役職", ""),
        person=row["氏名"],
        email=row["メールアドレス"],
        reason=row.get("備考", ""),
        previous=row.get("前のアドレス", ""),
        language=language,
        mobile=row.get("携帯電話", ""),
    )


async def put_forward(services: Services, actor: Actor, wishes: Sequence[Wish]) -> list[Application]:
    """Take in a list from the registry's keeper: all of *wishes* or none. Each address is asked to prove itself.

    Raises Refused: ROLE_MISSING, and what `tidy` says.
    """
    require_role(actor, {Role.REGISTRAR})
    made = [tidy(services, wish) for wish in wishes]

    async def work(connection: BaseDBAsyncClient) -> list[Application]:
        return [await _enter(services, connection, actor, wish, Door.LIST) for wish in made]

    return await unit(work)


async def correct(
    services: Services, actor: Actor, contact: Contact, *, email: str, reason: str = ""
) -> Application:
    """Put a new address forward for the person of *contact*, whose own no longer receives mail.

    The entry stays until the new one works. By a drafter or the registry's keeper; never the one who approves it.
    Raises Refused: ROLE_MISSING, SIGNS_FOR_VILLAGE, and what `tidy` says.
    """
    wish = replace(_as_registered(contact), email=email, reason=reason)
    return await _put_in_place(services, actor, contact, wish, Door.CORRECTION)


async def hand_over(
    services: Services,
    actor: Actor,
    contact: Contact,
    *,
    person: str,
    office: str,
    email: str,
    reason: str = "",
) -> Application:
    """Put another person of the same company forward in the place of *contact*; the rest is as with `correct`."""
    wish = replace(_as_registered(contact), person=person, office=office, email=email, reason=reason)
    return await _put_in_place(services, actor, contact, wish, Door.HAND_OVER)


def _as_registered(contact: Contact) -> Wish:
    return Wish(
        company=contact.company,
        office=contact.office,
        person=contact.person,
        email=contact.email,
        previous=contact.email,
        language=contact.language,
    )


async def _put_in_place(
    services: Services, actor: Actor, contact: Contact, wish: Wish, door: Door
) -> Application:
    if not may_enter_address(actor.roles):
        raise Refused(Reason.ROLE_MISSING)
    made = tidy(services, wish)
    await _require_apart(services, {actor.id}, contact.email)

    async def work(connection: BaseDBAsyncClient) -> Application:
        return await _enter(services, connection, actor, made, door, replaces=contact)

    return await unit(work)


async def _require_apart(services: Services, people: Collection[int], previous: str) -> None:
    """Raise Refused(SIGNS_FOR_VILLAGE) where one of *people* signs for the village in what will follow the new address.

    He would be refused there (`people.may_sign_for_village`), after everybody else has signed.
    """
    if not services.policy.signer_apart_from_registrar or not previous:
        return
    under_way = [state.value for state in State if state not in FINAL]
    asked = Signer.filter(email_look_up=services.address_look_up(previous), consented_at=None)
    open_ones = [one.envelope_id for one in await asked.filter(envelope__state__in=under_way)]
    seats = Signer.filter(staff_id__in=list(people), envelope_id__in=open_ones).select_related("envelope")
    if (seat := await seats.first()) is not None:
        number = seat.envelope.number or seat.envelope.draft_number
        raise Refused(Reason.SIGNS_FOR_VILLAGE, number=number)


async def _enter(
    services: Services,
    connection: BaseDBAsyncClient,
    actor: Actor,
    wish: Wish,
    door: Door,
    *,
    replaces: Contact | None = None,
) -> Application:
    """Write an application of staff and have the address invited to prove itself."""
    now = services.now()
    row = await _create(services, connection, wish, door, registrar=actor, replaces=replaces)
    row.number = await _number(services, connection, now)
    await row.save(using_db=connection, update_fields=["number"])
    await tasks.enqueue(connection, Task.INVITATION_MAIL, str(row.id), now=now, ids={"application": row.id})
    return row


async def _create(
    services: Services,
    connection: BaseDBAsyncClient,
    wish: Wish,
    door: Door,
    *,
    registrar: Actor | None = None,
    replaces: Contact | None = None,
) -> Application:
    now = services.now()
    row = await Application.create(
        ref=services.ref(),
        door=door.value,
        stage=Stage.UNPROVED.value,
        company=wish.company,
        company_search=search_form(wish.company),
        office=wish.office,
        person=wish.person,
        email=wish.email,
        email_look_up=services.address_look_up(wish.email),
        kind=classify(wish.email).value,
        reason=wish.reason or None,
        language=wish.language,
        previous=wish.previous or None,
        replaces_id=replaces.id if replaces else None,
        registrar_id=registrar.id if registrar else None,
        mobile=wish.mobile or None,
        created_at=now,
        using_db=connection,
    )
    await _note(connection, row, "applied", now, actor=registrar or APPLICANT, door=door.value)
    return row


async def _number(services: Services, connection: BaseDBAsyncClient, now: datetime) -> str:
    year = jst_day(now).year
    number = await counters.next_number(connection, f"application-{year}")
    return f"{services.settings.town.prefix}-R{year}-{number:04d}"


async def _note(
    connection: BaseDBAsyncClient,
    row: Application,
    kind: str,
    now: datetime,
    *,
    actor: Actor = APPLICANT,
    **payload: str | int,
) -> None:
    await history.record(
        connection, Subject.APPLICATION, row.id, kind, actor=str(actor), at=now, payload=payload
    )


# The consent


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


async def _agree(
    services: Services, connection: BaseDBAsyncClient, row: Application, version: str, *, now: datetime
) -> None:
    """Keep, word for word, what was agreed to."""
    kept = words.as_shown(version, terms(services, version))
    row.terms_version, row.terms, row.agreed_at = version, kept, now
    await row.save(using_db=connection, update_fields=["terms_version", "terms", "agreed_at"])
    await _note(connection, row, "agreed", now, version=version, sha256=words.digest(kept))


# Codes


def code_subject(row: Application) -> str:
    """What a code's key is derived for."""
    return f"registration:{row.ref}"


def link(services: Services, row: Application) -> str:
    """The page on which an invited address proves itself."""
    return services.url("r", services.link(Purpose.REGISTER, row.ref, 0))


async def invited(services: Services, token: str) -> Application:
    """The application that an invitation's link opens. Raises Refused(LINK_… | APPLICATION_GONE)."""
    return await find(services.ticket(Purpose.REGISTER, token).ref)


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


async def send_code(services: Services, row: Application, *, network: str, version: str = "") -> None:
    """Have a new code mailed to the address; it ends the one before.

    Raises Refused: RESEND_EARLY (seconds), RESEND_CAP, STALE once the address is proved, TERMS_UNTICKED where nobody
    has agreed yet.
    """
    now = services.now()
    if row.stage != Stage.UNPROVED:
        raise Refused(Reason.STALE)
    if row.agreed_at is None and not version and row.door != Door.WITHDRAWAL:
        raise Refused(Reason.TERMS_UNTICKED)
    _require_pause(services, row, now)
    await _require_below_caps(services, row.email_look_up, network, now)

    async def work(connection: BaseDBAsyncClient) -> None:
        mine = await _locked(connection, row)
        # Two presses at once both came this far; the second finds the first one's code.
        _require_pause(services, mine, now)
        if version:
            await _agree(services, connection, mine, version, now=now)
        await _mail_code(connection, mine, now)

    await unit(work)


async def _locked(connection: BaseDBAsyncClient, row: Application) -> Application:
    query = Application.filter(id=row.id).using_db(connection)
    return await (query if is_sqlite() else query.select_for_update()).get()


def _require_pause(services: Services, row: Application, now: datetime) -> None:
    if row.sent_at is not None and now < row.sent_at + services.policy.code_resend:
        wait = row.sent_at + services.policy.code_resend - now
        raise Refused(Reason.RESEND_EARLY, seconds=int(wait.total_seconds()) + 1)


async def _require_below_caps(services: Services, look_up: str, network: str, now: datetime) -> None:
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


async def _mail_code(connection: BaseDBAsyncClient, row: Application, now: datetime) -> None:
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
    row.number = row.number or await _number(services, connection, now)
    row.proved_at = now
    row.stage = (Stage.CHECKED if row.registrar_id else Stage.PROVED).value
    await row.save(using_db=connection, update_fields=["number", "proved_at", "stage"])
    await _note(connection, row, "proved", now, number=row.number)
    if await _is_elsewhere(connection, row, now):
        await _return(connection, row, Reason.ADDRESS_ELSEWHERE.value, now, actor=APPLICANT)
    else:
        await _tell(connection, row, News.RECEIVED, now)
        await _tell_desk(connection, row, now, checked=row.registrar_id is not None)


async def _withdrawn(
    services: Services, connection: BaseDBAsyncClient, row: Application, now: datetime
) -> None:
    """The owner of the address takes the consent back: at once, where it is in the registry."""
    known = Contact.filter(living(now), email_look_up=row.email_look_up, withdrawn_at=None)
    contact = await known.using_db(connection).first()
    row.number, row.proved_at, row.decided_at = await _number(services, connection, now), now, now
    row.stage = (Stage.APPROVED if contact else Stage.RETURNED).value
    if contact is None:
        row.answer = Reason.ADDRESS_UNKNOWN.value
    else:
        row.company, row.company_search = contact.company, contact.company_search
        row.office, row.person, row.language = contact.office, contact.person, contact.language
        row.contact_id = contact.id
    await row.save(using_db=connection)
    await _note(connection, row, "proved", now, number=row.number)
    if contact is not None:
        await registry.note_withdrawal(connection, contact, actor=APPLICANT, now=now)
        await _tell(connection, row, News.WITHDRAWN, now)
        await _tell_desk(connection, row, now, checked=True)


async def _is_elsewhere(connection: BaseDBAsyncClient, row: Application, now: datetime) -> bool:
    """Whether the address is another company's, or one of the town's own people's."""
    if await Staff.filter(email_look_up=row.email_look_up).using_db(connection).exists():
        return True
    known = Contact.filter(living(now), email_look_up=row.email_look_up).using_db(connection)
    return any(not same_company(one.company, row.company) for one in await known)


async def _tell(connection: BaseDBAsyncClient, row: Application, news: News, now: datetime) -> None:
    ids = {"application": row.id, "news": int(news)}
    await tasks.enqueue(connection, Task.APPLICATION_MAIL, f"{row.id}:{int(news)}", now=now, ids=ids)


async def _tell_desk(
    connection: BaseDBAsyncClient, row: Application, now: datetime, *, checked: bool
) -> None:
    """Have those who keep the registry told that somebody has to check it, or to approve it."""
    ids = {"application": row.id, "checked": int(checked)}
    key = f"{row.id}:{int(checked)}"
    await tasks.enqueue(connection, Task.APPLICATION_DESK_MAIL, key, now=now, ids=ids)


# Deciding


async def check(services: Services, actor: Actor, ref: str) -> None:
    """Put an application of the form forward: the registry's keeper has looked at it and answers for it.

    Raises Refused: ROLE_MISSING, SIGNS_FOR_VILLAGE, STALE.
    """
    require_role(actor, {Role.REGISTRAR})
    row, now = await find(ref), services.now()
    await require_apart(services, actor, row)

    async def work(connection: BaseDBAsyncClient) -> None:
        await _move(connection, row, Stage.PROVED, Stage.CHECKED, registrar_id=actor.id)
        await _note(connection, row, "checked", now, actor=actor)
        await _tell_desk(connection, row, now, checked=True)

    await unit(work)


async def to_decide(actor: Actor) -> int:
    """How many applications and mobile numbers wait for *actor*: to be checked, or to be approved."""
    stages = [one.value for one in OPEN]
    rows = await Application.filter(stage__in=stages).select_related("registrar")
    waiting = [row for row in await numbers.to_approve() if numbers.hindrance(actor, row) is None]
    return sum(1 for row in rows if _waits_for(actor, row)) + len(waiting)


def _waits_for(actor: Actor, row: Application) -> bool:
    if row.stage == Stage.PROVED:
        return Role.REGISTRAR in actor.roles
    return may_approve(actor, row) is None


def may_approve(actor: Actor, row: Application) -> Reason | None:
    """Why *actor* may not approve *row*, or None if he may."""
    if row.registrar is None:
        return Reason.STALE
    if row.registrar_id == actor.id:
        return Reason.REGISTRAR_SAME_PERSON
    if not may_approve_address(actor.roles, first=roles_from(row.registrar.roles)):
        return Reason.ROLE_MISSING
    return None if row.registrar.active else Reason.NOT_STAFF


async def require_apart(services: Services, actor: Actor, row: Application) -> None:
    """Raise Refused(SIGNS_FOR_VILLAGE) where either of the two signs for the village what *row* will move."""
    first = {row.registrar_id} if row.registrar_id else set()
    await _require_apart(services, {actor.id} | first, row.previous or "")


async def approve(services: Services, actor: Actor, ref: str, *, call_back: str) -> Contact:
    """Enter the address into the registry, as the second person, after calling back; it works after the waiting time.

    The entry that it replaces ends when it works. Raises Refused: STALE, REGISTRAR_SAME_PERSON, ROLE_MISSING,
    NOT_STAFF where the first person has left, SIGNS_FOR_VILLAGE, CALL_BACK_MISSING, REASON_TOO_LONG.
    """
    row, now = await find(ref), services.now()
    hindrance = may_approve(actor, row)
    if hindrance is not None:
        raise Refused(hindrance)
    await require_apart(services, actor, row)
    noted = registry.tidy_note(services, call_back, missing=Reason.CALL_BACK_MISSING)
    assert row.registrar is not None
    second = await Staff.get(id=actor.id)
    by = Answerable(registrar=row.registrar, approver=second, actor=str(actor))
    works_from = now + services.policy.address_wait

    async def work(connection: BaseDBAsyncClient) -> Contact:
        decided = {"approver_id": actor.id, "call_back": noted, "decided_at": now}
        await _move(connection, row, Stage.CHECKED, Stage.APPROVED, **decided)
        if await _is_elsewhere(connection, row, now):
            raise Refused(Reason.ADDRESS_ELSEWHERE)
        before = await _previous(services, connection, row, now)
        contact = await registry.enter(
            services, connection, _entry(row, noted), by, now=now, works_from=works_from, application=row
        )
        if before is not None and before.id != contact.id:
            await _retire(connection, before, contact, actor=actor, now=now)
            if not row.mobile:
                await numbers.carry_over(services, connection, before, contact)
        await Application.filter(id=row.id).using_db(connection).update(contact_id=contact.id)
        await _note(connection, row, "approved", now, actor=actor, contact=contact.ref)
        await _tell(connection, row, News.APPROVED, now)
        return contact

    return await unit(work)


def _entry(row: Application, call_back: str) -> Entry:
    assert row.agreed_at is not None
    return Entry(
        company=row.company,
        office=row.office,
        person=row.person,
        email=row.email,
        consented_on=jst_day(row.agreed_at),
        consent_note=f"画面で承諾（受付番号 {row.number}、文面 {row.terms_version}版）",
        call_back=call_back,
        reason=row.reason or "",
        language=row.language,
        mobile=row.mobile or "",
    )


async def _previous(
    services: Services, connection: BaseDBAsyncClient, row: Application, now: datetime
) -> Contact | None:
    """The living entry that *row* is to take the place of."""
    if not row.previous:
        return None
    look_up = services.address_look_up(row.previous)
    if look_up == row.email_look_up:
        return None
    return await Contact.filter(living(now), email_look_up=look_up).using_db(connection).first()


async def _retire(
    connection: BaseDBAsyncClient, before: Contact, contact: Contact, *, actor: Actor, now: datetime
) -> None:
    """Tell the old address; where it is the same company's, let it end when the new one works."""
    await registry.tell(connection, contact, before, now=now)
    if not same_company(before.company, contact.company):
        return
    await Contact.filter(id=before.id).using_db(connection).update(works_until=contact.works_from)
    payload = {"by": contact.ref}
    await history.record(
        connection, Subject.CONTACT, before.id, "to be replaced", actor=str(actor), at=now, payload=payload
    )


async def send_back(services: Services, actor: Actor, ref: str, *, reason: str) -> None:
    """Refuse an application with the reason, which the applicant is told.

    By the registry's keeper, or whoever may approve it. Raises Refused: ROLE_MISSING, STALE, REASON_MISSING,
    REASON_TOO_LONG.
    """
    row, now = await find(ref), services.now()
    if Role.REGISTRAR not in actor.roles and may_approve(actor, row) is not None:
        raise Refused(Reason.ROLE_MISSING)
    text = registry.tidy_note(services, reason)

    async def work(connection: BaseDBAsyncClient) -> None:
        await _return(connection, row, text, now, actor=actor)

    await unit(work)


async def call_off(connection: BaseDBAsyncClient, row: Application, *, actor: Actor, now: datetime) -> None:
    """End an application of staff whose ground is gone, in the caller's transaction; whoever proved it is told.

    Raises Refused(CHANGE_DECIDED) once it is approved.
    """
    stage = Stage(row.stage)
    if stage is Stage.RETURNED:
        return
    if stage is Stage.APPROVED:
        raise Refused(Reason.CHANGE_DECIDED)
    answer = Reason.CALLED_OFF.value
    await _move(connection, row, stage, Stage.RETURNED, answer=answer, decided_at=now)
    await _note(connection, row, "returned", now, actor=actor, reason=answer)
    if row.proved_at is not None:
        await _tell(connection, row, News.RETURNED, now)


async def _return(
    connection: BaseDBAsyncClient, row: Application, answer: str, now: datetime, *, actor: Actor
) -> None:
    if Stage(row.stage) not in OPEN:
        raise Refused(Reason.STALE)
    approver = actor.id or None
    decided = {"answer": answer, "decided_at": now, "approver_id": approver}
    await _move(connection, row, Stage(row.stage), Stage.RETURNED, **decided)
    await _note(connection, row, "returned", now, actor=actor, reason=answer)
    await _tell(connection, row, News.RETURNED, now)


async def _move(
    connection: BaseDBAsyncClient, row: Application, before: Stage, after: Stage, **values: object
) -> None:
    """Change the stage by compare-and-set. Raises Refused(STALE)."""
    mine = Application.filter(id=row.id, stage=before.value).using_db(connection)
    if not await mine.update(stage=after.value, **values):
        raise Refused(Reason.STALE)


# What the clock does


async def sweep(services: Services) -> None:
    """Delete applications that nobody has proved for so long that nobody will."""
    before = services.now() - services.policy.registration_unproved
    await Application.filter(stage=Stage.UNPROVED.value, created_at__lt=before).delete()
