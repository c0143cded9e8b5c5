"""Letters about the registry: to whoever applies for an entry, and to a company when another address is registered."""

from collections.abc import Sequence
from typing import Final

from bot import letters
from bot.case import Outgoing, Recipient, foot
from bot.case import registered as recipient_of
from bot.letters import Addressee, ApplicationNews, ApplicationStep, Reader
from bot.render import Mailbox
from envelopes.actions.applications import proving
from envelopes.actions.applications.steps import News
from envelopes.records.models import Application, Authenticator, Contact, Mobile, Section, Staff
from envelopes.records.tasks import Claimed
from envelopes.rules import codes
from envelopes.rules.addresses import AddressKind, mask
from envelopes.rules.applications import Door, Stage
from envelopes.rules.errors import Reason
from envelopes.rules.mobiles import masked
from envelopes.rules.people import Role, roles_from
from envelopes.rules.wording import spoken
from envelopes.services import Services
from envelopes.texts import say

_STEPS: Final = {Stage.PROVED: ApplicationStep.CHECK, Stage.CHECKED: ApplicationStep.APPROVE}
_KINDS: Final = {"own": "会社のアドレス", "free": "フリーメール", "carrier": "携帯会社のアドレス"}
_NEWS: Final = {
    News.RECEIVED: ApplicationNews.RECEIVED,
    News.APPROVED: ApplicationNews.APPROVED,
    News.RETURNED: ApplicationNews.RETURNED,
    News.WITHDRAWN: ApplicationNews.WITHDRAWN,
}


async def registered(services: Services, task: Claimed) -> list[Outgoing]:
    """Tell one address that another was registered, also where either has been ended since.

    Whoever slips an address in must not be able to take back the notice by ending an entry.
    """
    told = await Contact.filter(id=task.ids["told"]).get()
    new = await Contact.filter(id=task.ids["contact"]).select_related("registrar__section").get()
    section, recipient = new.registrar.section, recipient_of(told)
    letter = letters.AddressMail(
        to=recipient.addressee,
        **foot(services, section),
        company=new.company,
        address=mask(new.email),
        at=new.created_at,
        works_from=new.works_from,
        ends=told.works_until == new.works_from,
    )
    return [_to(recipient, letter, section)]


async def mobile(services: Services, task: Claimed) -> list[Outgoing]:
    """Tell an address that codes by SMS will go to a number, also where it has been taken away since."""
    row = await Mobile.filter(id=task.ids["mobile"]).select_related("contact", "registrar__section").get()
    section, recipient = row.registrar.section, recipient_of(row.contact)
    assert row.works_from is not None
    letter = letters.MobileMail(
        to=recipient.addressee,
        **foot(services, section),
        company=row.contact.company,
        mobile=masked(row.number),
        works_from=row.works_from,
    )
    return [_to(recipient, letter, section)]


async def authenticator(services: Services, task: Claimed) -> list[Outgoing]:
    """Tell an address that an app was set up for it, or ended; also where it has been changed again since."""
    app = await Authenticator.filter(id=task.ids["authenticator"]).get()
    contact = await Contact.filter(id=app.contact_id).select_related("registrar__section").get()
    section, recipient, ended = contact.registrar.section, recipient_of(contact), bool(task.ids["ended"])
    letter = letters.AuthenticatorMail(
        to=recipient.addressee,
        **foot(services, section),
        company=contact.company,
        at=app.ended_at if ended and app.ended_at else app.set_up_at,
        ended=ended,
    )
    return [_to(recipient, letter, section)]


def _to(recipient: Recipient, letter: letters.Letter, section: Section) -> Outgoing:
    reply_to = Mailbox(section.name, section.email)
    return Outgoing(recipient=recipient, letter=letter, reply_to=reply_to, references=())


# Applications


async def code_mail(services: Services, task: Claimed) -> Outgoing | None:
    """Return the mail with the code that proves an address, or None once it would not prove anything any more."""
    row = await Application.filter(id=task.ids["application"], serial=task.ids["serial"]).first()
    sent = None if row is None else proving.sent_code(services, row)
    if row is None or sent is None:
        return None
    section = await _section(row)
    letter = letters.ApplicationCodeMail(
        to=_applicant(row).addressee,
        **foot(services, section),
        code=codes.make(services.code_key, proving.code_subject(row), row.serial),
        valid_until=sent.valid_until,
        word=sent.word,
        withdrawal=row.door == Door.WITHDRAWAL,
    )
    return _to(_applicant(row), letter, section)


async def invitation(services: Services, task: Claimed) -> Sequence[Outgoing]:
    """Ask an address that staff have entered to agree and to prove itself; nothing once that is done."""
    row = await Application.filter(id=task.ids["application"]).get()
    if row.stage != Stage.UNPROVED:
        return []
    section = await _section(row)
    letter = letters.InvitationMail(
        to=_applicant(row).addressee,
        **foot(services, section, row.number or ""),
        company=row.company,
        address=row.email,
        replaces=mask(row.previous) if row.previous else "",
        url=proving.link(services, row),
    )
    return [_to(_applicant(row), letter, section)]


async def decided(services: Services, task: Claimed) -> Sequence[Outgoing]:
    """Tell the applicant that the application was received, approved or sent back."""
    row = await Application.filter(id=task.ids["application"]).get()
    news, section = News(task.ids["news"]), await _section(row)
    contact = await Contact.filter(id=row.contact_id or 0).first()
    at = row.proved_at if news is News.RECEIVED else row.decided_at
    letter = letters.ApplicationMail(
        to=_applicant(row).addressee,
        **foot(services, section, row.number or ""),
        news=_NEWS[news],
        company=row.company,
        address=row.email,
        at=at or services.now(),
        works_from=contact.works_from if contact else None,
        reason=_reason(row, section),
        carrier=row.kind == AddressKind.CARRIER.value,
        url=services.url("register"),
    )
    return [_to(_applicant(row), letter, section)]


async def to_be_decided(services: Services, task: Claimed) -> Sequence[Outgoing]:
    """Tell those who keep the registry what there is to do; nothing once it is done."""
    row = await Application.filter(id=task.ids["application"]).select_related("registrar").get()
    step = ApplicationStep.WITHDRAWN if row.door == Door.WITHDRAWAL else _STEPS.get(Stage(row.stage))
    if step is None or (step is ApplicationStep.CHECK) == bool(task.ids["checked"]):
        return []
    section = await _keepers()
    letter = letters.ApplicationDeskMail(
        to=Addressee(f"{services.settings.town.name} {section.name}", "", "ご担当者"),
        **foot(services, section, row.number or ""),
        step=step,
        company=row.company,
        person=" ".join(part for part in (row.office, row.person) if part),
        kind=_KINDS[row.kind],
        reason=row.reason or "",
        at=row.proved_at or row.created_at,
        checked_by=row.registrar.name if row.registrar else "",
        url=services.url("staff", "registry", "applications", row.ref),
    )
    recipient = Recipient(
        addressee=letter.to,
        address=section.email,
        look_up=services.address_look_up(section.email),
        reader=Reader.STAFF,
    )
    reply_to = Mailbox("", services.settings.mail.intake)
    return [Outgoing(recipient=recipient, letter=letter, reply_to=reply_to, references=())]


def _reason(row: Application, section: Section) -> str:
    if row.answer in set(Reason):
        return say(Reason(row.answer), spoken(row.language), tel=section.phone)
    return row.answer or ""


def _applicant(row: Application) -> Recipient:
    return Recipient(
        addressee=Addressee(row.company, row.office, row.person, spoken(row.language)),
        address=row.email,
        look_up=row.email_look_up,
        reader=Reader.CONTRACTOR,
        plain_only=row.kind == AddressKind.CARRIER.value,
    )


async def _section(row: Application) -> Section:
    """Who answers for it: the section of whoever put it forward, else the one that keeps the registry."""
    mine = await Staff.filter(id=row.registrar_id or 0).select_related("section").first()
    return mine.section if mine else await _keepers()


async def _keepers() -> Section:
    """The section that keeps the registry."""
    people = await Staff.filter(active=True).select_related("section").order_by("id")
    keepers = [one for one in people if Role.REGISTRAR in roles_from(one.roles)]
    return (*keepers, *people)[0].section
