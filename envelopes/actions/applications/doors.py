"""The doors at which an application is made: the form, a list, staff who correct or hand over, a withdrawal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q

from envelopes.actions import mobiles as numbers
from envelopes.actions.applications import proving, steps
from envelopes.actions.registry import living
from envelopes.records import counters, history, tasks
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact
from envelopes.rules import lists, mobiles
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
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.lists import Columns, LineFaulty
from envelopes.rules.names import search_form
from envelopes.rules.people import Actor, Role, may_enter_address, require_role
from envelopes.rules.states import Task
from envelopes.rules.wording import Language
from envelopes.services import Services
from envelopes.texts import say

COLUMNS: Final = Columns(
    known=("会社名", "役職", "氏名", "メールアドレス", "前のアドレス", "備考", "言語", "携帯電話"),
    needed=("会社名", "氏名", "メールアドレス"),
)


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
    await proving.require_below_caps(services, look_up, network, now)

    async def work(connection: BaseDBAsyncClient) -> Application:
        row = await _create(services, connection, wish, Door.FORM)
        await proving.agreed(services, connection, row, version, now=now)
        await proving.mail_code(connection, row, now)
        return row

    return await unit(work)


async def ask_to_withdraw(services: Services, email: str, *, network: str) -> Application:
    """Have a code mailed to an address whose owner takes the consent back, whether or not it is known.

    Raises Refused: RESEND_CAP, ADDRESS_….
    """
    wish, now = Wish(company="", person="", email=tidy_address(email)), services.now()
    await proving.require_below_caps(services, services.address_look_up(wish.email), network, now)

    async def work(connection: BaseDBAsyncClient) -> Application:
        row = await _create(services, connection, wish, Door.WITHDRAWAL)
        await proving.mail_code(connection, row, now)
        return row

    return await unit(work)


async def read_list(services: Services, data: bytes) -> list[Wish]:
    """Read a list of the registry's keeper as CSV. Raises ListFaulty with every fault and its line.

    A line is at fault, too, where its address is being asked already, or where the registry says just that.
    """
    under_way, registered = await _under_way(), await _registered(services)

    def make(row: Mapping[str, str]) -> Wish:
        try:
            wish = tidy(services, _wished(row))
            require_new(wish)
        except Refused as refused:
            raise LineFaulty(say(refused.reason, "ja", **refused.details)) from None
        return wish

    def require_new(wish: Wish) -> None:
        if number := under_way.get(services.address_look_up(wish.email)):
            raise Refused(Reason.ADDRESS_ASKED, number=number)
        plain = replace(wish, reason="", previous="", mobile="")
        if plain in registered and wish.mobile in ("", registered[plain]):
            raise Refused(Reason.ENTRY_KNOWN)

    most = services.policy.list_lines
    return lists.read(data, COLUMNS, make, same=lambda wish: comparable(wish.email), most=most)


async def _under_way() -> dict[str, str]:
    """The receipt numbers of applications that the town has in hand, by look-up of the address.

    What a stranger typed into the form and did not prove is none: it must keep no address out of a list.
    """
    invited = Q(stage=Stage.UNPROVED.value, registrar_id__not_isnull=True)
    found = Application.filter(Q(stage__in=[one.value for one in OPEN]) | invited)
    return {row.email_look_up: row.number or "" for row in await found}


async def _registered(services: Services) -> dict[Wish, str]:
    """What the registry says of everybody to whom an order can go → the mobile number in use, or an empty text."""
    now = services.now()
    in_use = await numbers.all_in_use(now=now)
    entries = Contact.filter(living(now), withdrawn_at=None, dead_at=None, works_until=None)
    return {replace(_as_registered(row), previous=""): in_use.get(row.id, "") for row in await entries}


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


async def invite_again(services: Services, actor: Actor, ref: str) -> None:
    """Have the invitation mailed once more to an address that has not proved itself.

    Raises Refused: ROLE_MISSING, STALE, LIMIT_REACHED.
    """
    require_role(actor, {Role.REGISTRAR})
    row, now = await steps.find(ref), services.now()
    if not steps.is_invited(row):
        raise Refused(Reason.STALE)
    most = services.policy.new_links_a_day
    if not await counters.allowed(f"invitation:{row.ref}", events=most, per=timedelta(days=1), now=now):
        raise Refused(Reason.LIMIT_REACHED)

    async def work(connection: BaseDBAsyncClient) -> None:
        await steps.note(connection, row, "invited again", now, actor=actor)
        n, _ = await history.head(Subject.APPLICATION, row.id, connection)
        ids = {"application": row.id}
        await tasks.enqueue(connection, Task.INVITATION_MAIL, f"{row.id}:{n}", now=now, ids=ids)

    await unit(work)


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
    await steps.require_nobody_signs(services, {actor.id}, contact.email)

    async def work(connection: BaseDBAsyncClient) -> Application:
        return await _enter(services, connection, actor, made, door, replaces=contact)

    return await unit(work)


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
    row.number = await steps.next_number(services, connection, now)
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
    await steps.note(connection, row, "applied", now, actor=registrar or steps.APPLICANT, door=door.value)
    return row
