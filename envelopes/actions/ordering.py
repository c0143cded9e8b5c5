"""An order as it was written → what it means here: people of the registry and the staff list, days, and what to ask.

Both ways in use this: a mail (`bot.desk`) and a correction (`revising`). What the lines say is decided in
`envelopes.rules.orders`; nothing is written here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import Final

from envelopes.actions import mobiles, usual
from envelopes.actions.registry import living
from envelopes.records.models import Contact, Section, Staff
from envelopes.rules import exclusions, factors
from envelopes.rules.addressees import Fit, fit
from envelopes.rules.amounts import Amount
from envelopes.rules.dates import Span
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.keys import Key
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.lines import Statement
from envelopes.rules.names import same_company, search_form
from envelopes.rules.orders import Reading, Recipient
from envelopes.rules.people import Role, roles_from
from envelopes.rules.reading import Line, Record, Remark
from envelopes.rules.schedule import jst_day
from envelopes.rules.wording import jst_date, yen
from envelopes.services import Services

_NEAR: Final = 3  # names to propose: more do not help
_KINDS: Final = {
    Kind.CONTRACT: "契約書（相手方→自庁の順に署名）",
    Kind.ACCEPTANCE: "請書（相手方だけが署名）",
}
_HAND_OVER: Final = {
    True: "可（相手方は、別の担当者に引き継ぐことを申し出られます）",
    False: "不可（相手方の担当者が変わったときは、依頼を取り消して送り直します）",
}
_TAXES: Final = {Tax.INCLUDED: "（税込）", Tax.EXCLUDED: "（税抜）", Tax.NONE: "（税なし）"}


@dataclass(slots=True, kw_only=True)
class Order:
    """What was read and found: people and days that are fit, and everything to mend, to note or to ask.

    `methods`: by what each of `contacts` proves who he is, as the order says, else as the registry has it. `named` and
    `copied` are the lines that name `contacts` and `copies`, in turn; `doubted`: contacts who are named otherwise.
    """

    reading: Reading
    section: Section
    deadline: date
    contacts: list[Contact] = field(default_factory=list)
    named: list[Statement] = field(default_factory=list)
    doubted: set[int] = field(default_factory=set)
    methods: tuple[Method, ...] = ()
    village_signer: Staff | None = None
    copies: list[Staff] = field(default_factory=list)
    copied: list[Statement] = field(default_factory=list)
    hand_over: bool = False
    problems: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)


async def look_up(
    services: Services, drafter: Staff, reading: Reading, *, deadline: date | None = None
) -> Order:
    """Find everybody whom *reading* names. *deadline* holds where none is said, else the policy's days from now."""
    default = jst_day(services.now()) + timedelta(days=services.policy.deadline_days)
    order = Order(
        reading=reading,
        section=await Section.get(id=drafter.section_id),
        deadline=reading.deadline or deadline or default,
        hand_over=services.policy.hand_over if reading.hand_over is None else reading.hand_over,
        problems=[Remark.of(problem) for problem in reading.problems],
        warnings=[Remark.of(problem) for problem in reading.warnings],
    )
    await _find_contacts(services, order)
    await _find_section(order)
    await _find_staff(services, order)
    await _check_methods(services, order)
    _ask(services, order)
    return order


def record(order: Order, *, subject: str, received_at: datetime, revision: int = 1) -> Record:
    """What is kept of *order*, in words and as it was written."""
    signer = order.village_signer
    return Record(
        lines=_lines(order),
        warnings=order.warnings,
        subject=subject,
        received_at=received_at,
        statements=order.reading.statements,
        note=order.reading.note,
        village_signer=signer.ref if signer else "",
        copies=[person.ref for person in order.copies],
        hand_over=order.hand_over,
        revision=revision,
    )


# Recipients


async def _find_contacts(services: Services, order: Order) -> None:
    now = services.now()
    for recipient in order.reading.recipients:
        contacts = _usable(await _matching(services, recipient), now)
        if not contacts:
            order.problems.append(await _unknown(recipient, now))
        elif len(contacts) > 1:
            order.problems.append(_several(recipient, contacts))
        elif contacts[0].works_from > now:
            order.problems.append(_not_ready(recipient, contacts[0].works_from))
        elif contacts[0].dead_at is not None:
            order.problems.append(Remark.of(recipient.source.problem(Reason.RECIPIENT_DEAD)))
        elif contacts[0].withdrawn_at is not None:
            order.problems.append(Remark.of(recipient.source.problem(Reason.RECIPIENT_WITHDRAWN)))
        else:
            _take(order, recipient, contacts[0])


def _take(order: Order, recipient: Recipient, contact: Contact) -> None:
    """Let *contact* sign, unless another company is named; where the names differ otherwise, say so."""
    found = (
        fit(recipient.name, company=contact.company, office=contact.office, person=contact.person)
        if recipient.name
        else Fit.WHOLE
    )
    if found is Fit.ANOTHER_COMPANY:
        order.problems.append(_otherwise(Reason.RECIPIENT_ELSEWHERE, recipient, contact))
        return
    if found is Fit.IN_DOUBT:
        order.warnings.append(_otherwise(Reason.RECIPIENT_OTHERWISE, recipient, contact))
        order.doubted.add(contact.id)
    if contact.id not in {known.id for known in order.contacts}:
        order.contacts.append(contact)
        order.named.append(recipient.source)


def _otherwise(reason: Reason, recipient: Recipient, contact: Contact) -> Remark:
    return Remark.of(recipient.source.problem(reason, said=recipient.name, known=_called(contact)))


def _called(contact: Contact) -> str:
    return " ".join(part for part in (contact.company, contact.office, contact.person) if part)


def _usable(contacts: list[Contact], now: datetime) -> list[Contact]:
    """Those who can be asked now; where nobody can, all of them, to say why."""
    usable = [
        one for one in contacts if one.works_from <= now and one.dead_at is None and one.withdrawn_at is None
    ]
    return usable or contacts


async def _matching(services: Services, recipient: Recipient) -> list[Contact]:
    """The living entries that *recipient* can mean: by address, else by the company's name."""
    stand = Contact.filter(living(services.now()))
    if recipient.address is not None:
        return await stand.filter(email_look_up=services.address_look_up(recipient.address))
    for name in (recipient.company, recipient.name):
        known = await stand.filter(company_search=search_form(name))
        if matching := [contact for contact in known if same_company(contact.company, name)]:
            return matching
    return []


async def _unknown(recipient: Recipient, now: datetime) -> Remark:
    names = await Contact.filter(living(now)).values_list("company_search", "company")
    companies = {str(search): str(company) for search, company in names}
    near = get_close_matches(search_form(recipient.company), companies, n=_NEAR)
    suggestion = "」「".join(companies[name] for name in near)
    return Remark.of(recipient.source.problem(Reason.RECIPIENT_UNKNOWN, suggestion=suggestion))


def _several(recipient: Recipient, contacts: Sequence[Contact]) -> Remark:
    choices = "、".join(f"{contact.person} <{contact.email}>" for contact in contacts)
    details: dict[str, str | int] = {"n": len(contacts), "choices": choices}
    return Remark.of(recipient.source.problem(Reason.RECIPIENT_SEVERAL, **details))


def _not_ready(recipient: Recipient, works_from: datetime) -> Remark:
    return Remark.of(recipient.source.problem(Reason.RECIPIENT_NOT_READY, date=jst_date(works_from)))


async def _check_methods(services: Services, order: Order) -> None:
    """By what each recipient proves who he is, and whether that can be had here."""
    if not order.reading.methods:
        order.methods = tuple([await usual.of(services, contact) for contact in order.contacts])
        return
    missing = set(order.reading.methods) - set(services.methods)
    if missing and (said := order.reading.source(Key.IDENTITY)):
        names = "、".join(factors.called(method) for method in sorted(missing))
        order.problems.append(Remark.of(said.problem(Reason.IDENTITY_NOT_HERE, method=names)))
        return
    order.methods = factors.spread(order.reading.methods, len(order.contacts))
    for contact, method in zip(order.contacts, order.methods, strict=True):
        if method is Method.SMS and await mobiles.in_use(contact.id, now=services.now()) is None:
            said = order.reading.source(Key.IDENTITY)
            assert said is not None
            order.problems.append(Remark.of(said.problem(Reason.MOBILE_NONE, who=contact.company)))


# Sections and staff


async def _find_section(order: Order) -> None:
    """The section that is named, if there is one of that name; its people alone may send the draft."""
    said = order.reading.section
    if said is None:
        return
    words = search_form(said.value)
    named = [section for section in await Section.all() if search_form(section.name) in words]
    if named:
        order.section = max(named, key=lambda section: len(section.name))
    else:
        order.warnings.append(Remark.of(said.problem(Reason.SECTION_UNKNOWN, said=said.value)))


async def _find_staff(services: Services, order: Order) -> None:
    people = await Staff.filter(active=True).select_related("section").order_by("id")
    if said := order.reading.signer:
        signers = [one for one in people if Role.SIGNER in roles_from(one.roles) and one.enrolled_at]
        order.village_signer = _only(_named(services, said, signers))
        if order.village_signer is None:
            order.warnings.append(Remark.of(said.problem(Reason.VILLAGE_SIGNER_UNKNOWN, said=said.value)))
    for said in order.reading.copies:
        person = _only(_named(services, said, people))
        if person is None:
            order.warnings.append(Remark.of(said.problem(Reason.COPY_UNKNOWN, said=said.value)))
        elif person.id not in {known.id for known in order.copies}:
            order.copies.append(person)
            order.copied.append(said)


def _only(people: Sequence[Staff]) -> Staff | None:
    return people[0] if len(people) == 1 else None


def _named(services: Services, said: Statement, people: Sequence[Staff]) -> list[Staff]:
    """Whom *said* means: by address, else by name, else by office (村長)."""
    address = _address_look_up(services, said.value)
    if address:
        return [one for one in people if one.email_look_up == address]
    words = search_form(said.value)
    by_name = [one for one in people if search_form(one.name) in words]
    return by_name or [one for one in people if one.office and search_form(one.office) == words]


def _address_look_up(services: Services, value: str) -> str:
    words = value.replace("<", " ").replace(">", " ").split()
    for word in words:
        if "@" in word:
            try:
                return services.address_look_up(word)
            except Refused:
                continue
    return ""


# 対象外の確認


def _ask(services: Services, order: Order) -> None:
    """Add the questions that staff answer before the draft is sent."""
    policy, reading = services.policy, order.reading
    signs = exclusions.in_terms(
        deadline=order.deadline, start=reading.start, span=reading.span, policy=policy
    )
    said = {
        Key.TITLE: reading.title,
        Key.PERIOD: reading.source(Key.PERIOD),
        Key.NOTE: reading.source(Key.NOTE),
    }
    for key, statement in said.items():
        signs += exclusions.in_line(key.value, statement.value, policy) if statement else []
    seen = dict(reversed(signs))  # the first sign of each kind
    order.warnings += [Remark(reason=reason, details=details) for reason, details in reversed(seen.items())]


# In words


def _lines(order: Order) -> list[Line]:
    """What was read, in the order of the keys."""
    reading = order.reading
    values: dict[Key, list[str]] = {
        Key.TITLE: [reading.title.value] if reading.title else [],
        Key.RECIPIENT: [_recipient(contact, order) for contact in order.contacts],
        Key.KIND: [_KINDS[reading.kind]] if reading.kind else [],
        Key.AMOUNT: [_amount(reading.amount)] if reading.amount else [],
        Key.DEADLINE: [f"{jst_date(order.deadline)}23時59分"],
        Key.START: [jst_date(reading.start)] if reading.start else [],
        Key.PERIOD: [_span(reading.span)] if reading.span else [],
        Key.SECTION: [order.section.name] if reading.section else [],
        Key.SIGNER: [f"{order.village_signer.office} {order.village_signer.name}"]
        if order.village_signer
        else [],
        Key.IDENTITY: _methods(order),
        Key.COPY: [f"{person.section.name} {person.name}" for person in order.copies],
        Key.HAND_OVER: [_HAND_OVER[order.hand_over]] if order.hand_over or reading.hand_over is False else [],
        Key.NOTE: [reading.note] if reading.note else [],
    }
    own = {Key.RECIPIENT: order.named, Key.COPY: order.copied}
    return [
        _line(key, value, own[key][at] if key in own else _source(reading, key))
        for key, found_values in values.items()
        for at, value in enumerate(found_values)
    ]


def _source(reading: Reading, key: Key) -> Statement | None:
    """Where *key* was read from; a title may be proposed from the subject."""
    return reading.source(key) or (reading.title if key is Key.TITLE else None)


def _line(key: Key, value: str, source: Statement | None) -> Line:
    if source is None:
        return Line(label=key.value, value=value)
    return Line(label=key.value, value=value, line=source.line, source=source.text, mail=source.mail)


def _methods(order: Order) -> list[str]:
    """How each recipient proves who he is: one line where it is the same for all, none where nobody asked for more."""
    asked, said = order.methods, bool(order.reading.methods)
    if not said and set(asked) <= {Method.MAIL}:
        return []
    whence = "" if said else "（台帳の既定）"
    if len(set(asked)) <= 1:
        return [f"{factors.called(asked[0])}{whence}"] if asked else []
    return [
        f"{contact.company}：{factors.called(method)}{whence}"
        for contact, method in zip(order.contacts, asked, strict=True)
    ]


def _recipient(contact: Contact, order: Order) -> str:
    note = "台帳と違うところがあります" if contact.id in order.doubted else "台帳と一致"
    return f"{_called(contact)} 様 <{contact.email}>（{note}）"


def _amount(amount: Amount) -> str:
    return "なし" if amount.yen is None else yen(amount.yen) + _TAXES[amount.tax]


def _span(span: Span) -> str:
    start = jst_date(span.start) if span.start else "締結の日"
    return f"{start}から{jst_date(span.end)}まで"
