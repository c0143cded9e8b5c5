"""Letters about commands by reply: what came of one, how things stand, and what may be replied to a mail."""

import json
from collections.abc import Mapping
from typing import Any, Final

from bot import letters
from bot.case import Case, Outgoing, Recipient, addressed, answers_to, clerk, document_lines, thread
from bot.letters import Option, ReadLine
from bot.render import AutoSubmitted, Mailbox
from envelopes.actions import chronicle, replying
from envelopes.actions import staff as staff_actions
from envelopes.records import store
from envelopes.records.models import Delivery, Mail, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.records.tasks import Claimed
from envelopes.rules.errors import Reason
from envelopes.rules.exclusions import QUESTIONS, WORDS
from envelopes.rules.kinds import Kind
from envelopes.rules.reading import Record
from envelopes.rules.replies import SAMPLES, Outcome, Verb
from envelopes.rules.returns import WORDS as WHY
from envelopes.rules.returns import DeliveryState, meaning_of
from envelopes.rules.states import Event, State, Task, permits
from envelopes.services import Services
from envelopes.texts import ANSWERS, ORDERS, say, say_remark

_EVENTS_SHOWN: Final = 30  # why: a mail that scrolls for ever helps nobody; the page has all
_EVENTS: Final[Mapping[Verb, Event]] = {
    Verb.SEND: Event.CONFIRMED,
    Verb.REVISE: Event.REVISED,
    Verb.REMIND: Event.CONSENTED,
    Verb.EXTEND: Event.EXTENDED,
    Verb.CANCEL: Event.CANCELLED,
}


async def options(services: Services, staff: Staff, shot: Snapshot) -> tuple[Option, ...]:
    """What *staff* may reply to a mail about this envelope, as far as it can be said before; () where not in force."""
    if await replying.hindrance(services, staff) is not None:
        return ()
    return tuple(
        Option(_sample(verb, shot), ORDERS[verb].ja + _meant(verb, shot))
        for verb in SAMPLES
        if verb is Verb.STATUS or (permits(shot.state, _EVENTS[verb]) and _may(verb, staff, shot))
    )


def _may(verb: Verb, staff: Staff, shot: Snapshot) -> bool:
    if verb is Verb.REVISE and staff.id == shot.envelope.drafter_id:
        return True
    turn = shot.turn
    waits_for_contractor = turn is not None and turn.staff_id is None and turn.paused_at is None
    return staff_actions.works_on(staff, shot) and (verb is not Verb.REMIND or waits_for_contractor)


def _sample(verb: Verb, shot: Snapshot) -> str:
    """How it is written; with the answers to 対象外の確認 where the draft asks."""
    answers = "、".join(WORDS[reason][0] for reason in _asked_of(verb, shot))
    return f"{SAMPLES[verb]}\n確認済：{answers}" if answers else SAMPLES[verb]


def _meant(verb: Verb, shot: Snapshot) -> str:
    """What these answers say: nobody shall copy a word without knowing what he answers."""
    asked = _asked_of(verb, shot)
    return "".join(f"\n「{WORDS[reason][0]}」は、{ANSWERS[reason].ja}、という答えです" for reason in asked)


def _asked_of(verb: Verb, shot: Snapshot) -> list[Reason]:
    asked = {remark.reason for remark in _record(shot).questions} if verb is Verb.SEND else set()
    return [reason for reason in WORDS if reason in asked]


def _record(shot: Snapshot) -> Record:
    return Record.from_json(json.loads(shot.envelope.reading))


# What came of a command


async def command(services: Services, task: Claimed) -> list[Outgoing]:
    """The answer to a command; silent where the next revision's own mail says it all to the same person."""
    mail, staff = await _asked(task)
    outcome = Outcome.from_json(json.loads(mail.answer or "{}"))
    recipient = clerk(services, staff, staff.section.name)
    if task.envelope_id is None:
        return [_without_envelope(services, staff, mail, recipient, outcome)]
    case = Case(services=services, shot=await store.snapshot(id=task.envelope_id), task=task)
    is_plain = outcome.reason is None and not outcome.problems
    if is_plain and outcome.verb is Verb.REVISE and staff.id == case.shot.drafter.id:
        return []
    letter = letters.CommandMail(
        **{**case.foot, "number": _number(case.shot)},
        **_result(outcome),
        **(await _anew(case) if outcome.reason is Reason.DRAFT_CHANGED else {}),
        to=recipient.addressee,
        title=case.shot.envelope.title,
        reason=(case.shot.envelope.end_reason or "") if is_plain and outcome.verb is Verb.CANCEL else "",
        options=await options(services, staff, case.shot) if outcome.reason else (),
        url=case.page(),
    )
    return [_reply(case, recipient, letter, mail)]


async def _asked(task: Claimed) -> tuple[Mail, Staff]:
    mail = await Mail.filter(id=task.ids["mail"]).get()
    return mail, await Staff.filter(id=task.ids["staff"]).select_related("section").get()


def _result(outcome: Outcome) -> dict[str, Any]:
    return {
        "verb": outcome.verb.value if outcome.verb else "",
        "why": say(outcome.reason, "ja", **outcome.details) if outcome.reason else "",
        "problems": outcome.problems,
    }


def _number(shot: Snapshot) -> str:
    """The number as the subject bears it: a draft's with the revision that is shown."""
    record = _record(shot)
    again = record.revision > 1 and permits(shot.state, Event.CONFIRMED)
    return f"{shot.number}-r{record.revision}" if again else shot.number


async def _anew(case: Case) -> dict[str, Any]:
    """The draft as it is now."""
    record = _record(case.shot)
    signer = await staff_actions.proposed_signer(case.services, case.shot)
    return {
        "lines": tuple(ReadLine(item.label, item.value, item.where) for item in record.lines),
        "documents": await document_lines(case.shot, revision=None),
        "warnings": tuple(say_remark(one) for one in record.warnings if one.reason not in QUESTIONS),
        "questions": tuple(say_remark(one) for one in record.questions),
        "signer": f"{signer.office} {signer.name}" if signer else "",
    }


def _reply(case: Case, recipient: Recipient, letter: letters.Letter, mail: Mail) -> Outgoing:
    references = (thread(case.services, case.shot.envelope.ref), *answers_to(mail.message_id))
    return addressed(case, recipient, letter, references=references, auto_submitted=AutoSubmitted.REPLIED)


# How it stands


async def status(case: Case) -> list[Outgoing]:
    """B05: the envelope and its history in text, for mailers from which no page can be reached."""
    mail, staff = await _asked(case.task)
    shot, recipient = case.shot, clerk(case.services, staff, staff.section.name)
    told = await chronicle.happenings(shot)
    letter = letters.StatusMail(
        **{**case.foot, "number": _number(shot)},
        to=recipient.addressee,
        kind=Kind(shot.envelope.kind),
        title=shot.envelope.title,
        party=shot.envelope.party,
        phase=_phase(shot),
        deadline=shot.envelope.deadline_on,
        concluded_on=shot.envelope.transaction_on,
        reason=shot.envelope.end_reason or "",
        places=tuple([await _place(shot, signer) for signer in shot.signers]),
        events=tuple(letters.Event(*one) for one in told[:_EVENTS_SHOWN]),
        more=max(len(told) - _EVENTS_SHOWN, 0),
        options=await options(case.services, staff, shot),
        url=case.page(),
    )
    return [_reply(case, recipient, letter, mail)]


def _phase(shot: Snapshot) -> str:
    """The state; while it is out, whose signature is awaited."""
    if shot.state is not State.OUT:
        return shot.state.value
    return "village" if shot.turn is not None and shot.turn.staff_id is not None else "contractor"


async def _place(shot: Snapshot, signer: Signer) -> letters.Place:
    asked = Delivery.filter(signer_id=signer.id, mail__in=[Task.REQUEST_MAIL, Task.NEW_LINK_MAIL])
    sent = await asked.order_by("-id").first()
    failed = sent is not None and sent.state == DeliveryState.FAILED.value
    turn = shot.turn
    return letters.Place(
        who=" ".join(part for part in (signer.company, signer.office, signer.person) if part),
        signed_at=signer.signed_at,
        current=shot.state is State.OUT and turn is not None and turn.id == signer.id,
        delivery=sent.state if sent else "",
        paused=signer.paused_at is not None,
        why=WHY[meaning_of(sent.code, sent.answer)][0] if sent and failed else "",
    )


def _without_envelope(
    services: Services, staff: Staff, mail: Mail, recipient: Recipient, outcome: Outcome
) -> Outgoing:
    letter = letters.CommandMail(
        **_result(outcome),
        to=recipient.addressee,
        section=staff.section.name,
        phone=staff.section.phone,
        number="",
        title="",
        url=services.url("staff"),
    )
    return Outgoing(
        recipient=recipient,
        letter=letter,
        reply_to=Mailbox("", services.settings.mail.intake),
        references=answers_to(mail.message_id),
        auto_submitted=AutoSubmitted.REPLIED,
    )
