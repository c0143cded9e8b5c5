"""Letters about an order: the draft that was read from it, or what its sender is asked to say or mend."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot import letters
from bot.case import (
    Case,
    Outgoing,
    addressed,
    answers_to,
    clerk,
    document_lines,
    drafter,
    section_desk,
    thread,
    unlisted,
)
from bot.letters import Question, ReadLine
from bot.letters_about_commands import options
from bot.render import AutoSubmitted, Mailbox
from envelopes.actions import staff as staff_actions
from envelopes.records.models import Mail, Staff
from envelopes.records.tasks import Claimed
from envelopes.rules.errors import Reason
from envelopes.rules.exclusions import QUESTIONS
from envelopes.rules.keys import Key
from envelopes.rules.reading import Answered, Line, Record, Remark
from envelopes.rules.wording import yen
from envelopes.services import Services
from envelopes.texts import say, say_remark, say_trouble

_EXAMPLES: Final[Mapping[str, str]] = {
    Key.TITLE.value: "封筒名：令和8年度 村道北城線 舗装補修工事 請負契約",
    Key.RECIPIENT.value: "宛先：髙橋建設株式会社",
    Key.KIND.value: "種別：契約書",
    Key.AMOUNT.value: "金額：12,980,000円（税込）",
    Key.DEADLINE.value: "期限：8月31日",
}


async def draft(case: Case) -> list[Outgoing]:
    """The draft as it was read, or the draft that came back because a file cannot be sealed."""
    envelope = case.shot.envelope
    record = Record.from_json(json.loads(envelope.reading))
    mail = await Mail.filter(id=envelope.mail_id).first() if envelope.mail_id else None
    trouble = envelope.trouble
    again = f"-r{record.revision}" if record.revision > 1 else ""
    signer = await staff_actions.proposed_signer(case.services, case.shot)
    letter = letters.DraftMail(
        **{**case.foot, "number": f"{envelope.draft_number}{again}"},
        to=drafter(case).addressee,
        original_subject=record.subject or envelope.title,
        lines=_read(record.lines),
        documents=await document_lines(case.shot, revision=None),
        warnings=tuple(say_remark(remark) for remark in record.warnings if remark.reason not in QUESTIONS),
        questions=tuple(say_remark(remark) for remark in record.questions),
        revision=record.revision,
        unsealable=say_trouble(trouble) if trouble else "",
        signer=f"{signer.office} {signer.name}" if signer else "",
        url=case.services.url("staff", "drafts", envelope.ref),
    )
    references = (thread(case.services, envelope.ref), *answers_to(mail.message_id if mail else None))
    replied = AutoSubmitted.REPLIED
    may = await options(case.services, case.shot.drafter, case.shot)
    people = [(drafter(case), may)]
    if case.shot.drafter.section_id != envelope.section_id:
        # Its people check and send what another section drafted; who reads this is nobody's authenticator.
        people.append((section_desk(case), ()))
    return [
        addressed(
            case,
            one,
            replace(letter, to=one.addressee, options=may),
            references=references,
            auto_submitted=replied,
        )
        for one, may in people
    ]


def _read(lines: Sequence[Line]) -> tuple[ReadLine, ...]:
    return tuple(ReadLine(item.label, item.value, item.where) for item in lines)


async def answer(services: Services, task: Claimed) -> list[Outgoing]:
    """What to say or mend in a mail to the intake."""
    mail = await Mail.filter(id=task.ids["mail"]).get()
    staff = await Staff.filter(id=task.ids["staff"]).select_related("section").get()
    said = Answered.from_json(json.loads(mail.answer or "{}"))
    section = staff.section
    recipient = clerk(services, staff, section.name)
    letter = letters.AnswerMail(
        to=recipient.addressee,
        section=section.name,
        phone=section.phone,
        number=mail.draft_number or "",
        original_subject=said.record.subject or "（件名なし）",
        received_at=said.record.received_at,
        refused=said.refused,
        lines=_read(said.record.lines),
        questions=tuple(_question(remark) for remark in _to_mend(said)),
        reply=_reply(said),
        files=any(_is_about_files(problem) for problem in said.problems),
        attachments=tuple(said.attachments),
    )
    return [
        Outgoing(
            recipient=recipient,
            letter=letter,
            reply_to=Mailbox("", services.settings.mail.intake),
            references=answers_to(mail.message_id),
            auto_submitted=AutoSubmitted.REPLIED,
        )
    ]


async def newcomer(services: Services, task: Claimed) -> list[Outgoing]:
    """To somebody of the town who is not on the staff list: why nothing came of his mail, and whom to ask."""
    mail = await Mail.filter(id=task.ids["mail"]).first()
    if mail is None or not mail.sender:
        return []
    recipient = unlisted(services, mail.sender)
    letter = letters.NewcomerMail(
        to=recipient.addressee,
        section=services.settings.town.section,
        phone=services.settings.town.phone,
        number="",
        original_subject=mail.subject or "（件名なし）",
        received_at=mail.arrived_at,
        address=mail.sender,
    )
    return [
        Outgoing(
            recipient=recipient,
            letter=letter,
            reply_to=Mailbox("", services.settings.mail.intake),
            references=answers_to(mail.message_id),
            auto_submitted=AutoSubmitted.REPLIED,
        )
    ]


def _to_mend(said: Answered) -> list[Remark]:
    """Problems, and what was odd about a line, in the order of the lines; what is about no line comes last."""
    odd = [remark for remark in said.record.warnings if remark.line]
    places = {True: 1, False: 0}
    return sorted(
        (*said.problems, *odd), key=lambda remark: (places[remark.line == 0], remark.mail, remark.line)
    )


def _question(remark: Remark) -> Question:
    sample = _EXAMPLES.get(str(remark.details.get("key", "")), "")
    # The line stands above the question, so it is not said in it again.
    text = say(remark.reason, "ja", **remark.details) if remark.line else say_remark(remark)
    return Question(text=text, where=remark.where, sample=sample)


def _is_about_files(problem: Remark) -> bool:
    return problem.reason is Reason.NO_DOCUMENT or "file" in problem.details


# The lines that a reply wants

# What was written by mistake and can be written anew.
_MENDED: Final = frozenset({Reason.LINE_TYPO, Reason.LINE_UNPARTED})


def _reply(said: Answered) -> tuple[str, ...]:
    """A line for each thing that is wanted, to be filled in. Left as they are, these lines say nothing.

    What a slip of the pen kept from being read stands there once, as it was probably meant.
    """
    lines: list[str] = []
    for problem in said.problems:
        if problem.details.get("key") == Key.RECIPIENT.value:
            lines += _recipients(said)
        elif "key" in problem.details:
            lines.append(_wanted(problem))
    mended = [_corrected(remark) for remark in said.record.warnings if remark.reason in _MENDED]
    empty = {line for line in lines if line.endswith("：") and any(one.startswith(line) for one in mended)}
    return tuple(dict.fromkeys(line for line in (*lines, *mended) if line not in empty))


def _wanted(problem: Remark) -> str:
    key = problem.details["key"]
    match problem.reason:
        case Reason.AMOUNT_TAX_UNSAID if "yen" in problem.details:
            return f"{key}：{yen(int(problem.details['yen']))}（税込／税抜 のどちらかを消す）"
        case Reason.KIND_MISSING | Reason.KIND_UNREADABLE:
            return f"{key}：契約書／請書（どちらかを消す）"
        case _:
            return f"{key}："


def _recipients(said: Answered) -> list[str]:
    """All lines 宛先 as they were, those that are asked about empty or with the name that is likely."""
    asked = {
        (one.mail, one.line): one for one in said.problems if one.details.get("key") == Key.RECIPIENT.value
    }
    lines = []
    for written in said.record.statements:
        if written.key is Key.RECIPIENT:
            problem = asked.get((written.mail, written.line))
            lines.append(f"{written.key.value}：{_likely(problem) if problem else written.value}")
    return lines or [f"{Key.RECIPIENT.value}："]


def _likely(problem: Remark) -> str:
    suggestion = str(problem.details.get("suggestion", ""))
    return "" if "」「" in suggestion else suggestion


def _corrected(remark: Remark) -> str:
    return f"{remark.details['suggestion']}：{remark.details.get('value', '')}"
