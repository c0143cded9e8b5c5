"""Letters to staff alone: their enrolment, what went out, notes and trouble. Orders have a module of their own."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from bot import letters
from bot.case import Case, Outgoing, Recipient, addressed, clerk, drafter
from bot.health import UNUSABLE, Use
from bot.letters import Letter
from bot.letters_about_commands import options
from bot.render import Mailbox
from envelopes.actions import credentials
from envelopes.records import history, store
from envelopes.records.history import Subject
from envelopes.records.models import Delivery, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.tasks import Claimed
from envelopes.rules.changes import Change
from envelopes.rules.errors import Reason
from envelopes.rules.notes import About
from envelopes.rules.people import Role, roles_from
from envelopes.rules.returns import DEFERRED
from envelopes.rules.schedule import retry_after
from envelopes.rules.states import Task
from envelopes.services import Services
from envelopes.texts import say

_DUTIES: Final[Mapping[Role, str]] = {
    Role.DRAFTER: "担当",
    Role.APPROVER: "承認者",
    Role.SIGNER: "署名者",
    Role.REGISTRAR: "台帳",
    Role.AUDITOR: "監査",
    Role.ADMIN: "管理",
}
_WORK: Final[Mapping[Task, str]] = {
    Task.READ_MAIL: "届いたメールの読み取り",
    Task.READ_FILES: "WordやExcelのファイルの変換",
    Task.PAGES: "文書の画面の準備",
    Task.PREPARE: "署名の準備",
    Task.SIGN: "電子署名",
    Task.TIMESTAMP: "時刻の証明",
    Task.ANCHOR: "操作ログの時刻証明",
    Task.RENEW: "時刻証明の延長",
    Task.CLOSE_WINDOW: "ダウンロード期間の終了",
}
# What work is about that concerns no single envelope.
_SUBJECTS: Final[Mapping[Task, str]] = {Task.ANCHOR: "操作ログ", Task.RENEW: "保存している契約文書"}
_USES: Final[Mapping[Use, str]] = {Use.SIGNATURE: "電子署名", Use.TIME: "時刻証明", Use.AUTHORITY: "認証局"}
_LOOK: Final = (
    "運用者に、fukan doctor の実行を頼んでください。理由と直し方が表示されます。"
    "HSM を使っているときは、動いていて、つながるかも確かめてください。"
)
_RENEW: Final = "運用者に、新しい証明書の用意を頼んでください。運用者は fukan doctor で期限を確かめられます。"


# Enrolment


async def enrol(services: Services, task: Claimed) -> list[Outgoing]:
    """The one-time link with which a member of staff begins, unless the invitation has been used or replaced."""
    staff = await Staff.filter(id=task.ids["staff"]).select_related("section").get()
    # The link is made now. A mail written late would open an account whose invitation is over.
    if staff.enrolment != task.ids["generation"]:
        return []
    url, valid_until = credentials.enrolment_link(services, staff)
    recipient = clerk(services, staff, staff.section.name)
    letter = letters.EnrolMail(
        to=recipient.addressee,
        section=staff.section.name,
        phone=staff.section.phone,
        number="",
        roles=tuple(_DUTIES[role] for role in Role if role in roles_from(staff.roles)),
        password_characters=services.policy.password_characters,
        url=url,
        valid_until=valid_until,
    )
    reply_to = Mailbox("", services.settings.mail.intake)
    return [Outgoing(recipient=recipient, letter=letter, reply_to=reply_to, references=())]


# What became of a request


async def sent(case: Case) -> list[Outgoing]:
    """The request went out, and to which address."""
    signer, envelope = case.signer(), case.shot.envelope
    corrected, handed_over = "corrected" in case.task.ids, "from" in case.task.ids
    at = signer.asked_at if corrected or handed_over else envelope.out_at
    letter = letters.SentMail(
        **case.foot,
        to=drafter(case).addressee,
        title=envelope.title,
        party=envelope.party,
        addressee=" ".join(part for part in (signer.company, signer.office, signer.person) if part),
        address=signer.email,
        deadline=envelope.deadline_on,
        sent_at=at or case.services.now(),
        corrected=corrected,
        handed_over=handed_over,
        options=await options(case.services, case.shot.drafter, case.shot),
        url=case.page(),
    )
    return [addressed(case, drafter(case), letter)]


async def note(case: Case) -> list[Outgoing]:
    """What somebody at the contractor's link has written."""
    facts = await history.payloads(Subject.ENVELOPE, case.shot.envelope.id)
    fact, said = next((fact, said) for fact, said in facts if fact.n == case.task.ids["fact"])
    letter = letters.NoteMail(
        **case.foot,
        to=drafter(case).addressee,
        title=case.shot.envelope.title,
        party=case.signer().company,
        about=About(fact.kind),
        at=fact.at,
        proved=bool(said.get("proved")),
        note=str(said.get("note", "")),
        remind_on=date.fromisoformat(day) if (day := str(said.get("remind_on", ""))) else None,
        change=Change(said["change"]) if "change" in said else None,
        person=" ".join(part for part in (said.get("office", ""), said.get("person", "")) if part),
        address=str(said.get("email", "")),
        url=case.page("change") if "change" in said else case.page(),
    )
    return [addressed(case, drafter(case), letter)]


# Trouble


async def trouble(services: Services, task: Claimed) -> list[Outgoing]:
    """Tell the drafter, or where no envelope is concerned the administrators, that work keeps failing."""
    row = await TaskRow.filter(id=task.ids["task"]).get()
    if row.failing_since is None or row.done_at is not None or await _is_about_trouble(row):
        return []
    if row.envelope_id is not None:
        shot = await store.snapshot(id=row.envelope_id)
        case = Case(services=services, shot=shot, task=task)
        recipient, page = drafter(case), case.page()
        foot = {**case.foot, "title": shot.envelope.title}
        return [addressed(case, recipient, await _troubled(services, row, recipient, {**foot, "url": page}))]
    admins = [staff for staff in await _admins() if Role.ADMIN in roles_from(staff.roles)]
    return [await _trouble_for(services, row, staff) for staff in admins]


async def _is_about_trouble(row: TaskRow) -> bool:
    """A mail about trouble that does not go through leads to no other mail about trouble."""
    if row.kind != Task.SEND.value:
        return row.kind == Task.TROUBLE_MAIL.value
    delivery = await Delivery.filter(id=json.loads(row.ids)["delivery"]).get()
    return delivery.mail == letters.TroubleMail.template


async def _admins() -> list[Staff]:
    return await Staff.filter(active=True).select_related("section")


async def _trouble_for(services: Services, row: TaskRow, staff: Staff) -> Outgoing:
    section, recipient = staff.section, clerk(services, staff, staff.section.name)
    foot = {
        "section": section.name,
        "phone": section.phone,
        "number": "",
        "title": _SUBJECTS.get(Task(row.kind), "受付アドレスに届いたメール"),
    }
    letter = await _troubled(services, row, recipient, {**foot, "url": services.url("staff")})
    reply_to = Mailbox("", services.settings.mail.intake)
    return Outgoing(recipient=recipient, letter=letter, reply_to=reply_to, references=())


async def _troubled(
    services: Services, row: TaskRow, recipient: Recipient, about: Mapping[str, Any]
) -> Letter:
    assert row.failing_since is not None
    why = _why(row.error or "")
    return letters.TroubleMail(
        **about,
        to=recipient.addressee,
        task=row.kind,
        what=_WORK.get(Task(row.kind), "メールの送信"),
        why=why,
        mend="画面で状況を確かめてください。同じ理由が続くときは、作業名と理由を運用者に伝えてください。",
        since=row.failing_since,
        tries=row.attempts,
        next_try=services.now() + retry_after(row.attempts, services.policy, 0.5),
    )


async def health(services: Services, task: Claimed) -> list[Outgoing]:
    """Tell the administrators that a certificate is about to end, or has ended."""
    admins = [staff for staff in await _admins() if Role.ADMIN in roles_from(staff.roles)]
    return [_ending(services, task.ids, staff) for staff in admins]


def _ending(services: Services, ids: Mapping[str, int], staff: Staff) -> Outgoing:
    section, recipient = staff.section, clerk(services, staff, staff.section.name)
    use, ends = Use(ids["use"]), datetime.fromtimestamp(ids["ends"], UTC)
    unusable = ids["notice"] == UNUSABLE
    letter = letters.HealthMail(
        to=recipient.addressee,
        section=section.name,
        phone=section.phone,
        number="",
        what=_USES[use],
        ends=ends,
        days=max((ends - services.now()).days, 0),
        ended=ids["notice"] == 0,
        mend=_LOOK if unusable else _RENEW,
        unusable=unusable,
        url=services.url("staff"),
    )
    reply_to = Mailbox("", services.settings.mail.intake)
    return Outgoing(recipient=recipient, letter=letter, reply_to=reply_to, references=())


def _why(error: str) -> str:
    """What is the matter, in words: a reason's own text, or that the operator can look it up."""
    code, _, rest = error.partition(" ")
    if code == DEFERRED:
        return f"相手のメールサーバー、または中継サーバーが受け取っていません（{rest or '応答なし'}）。"
    if code in {reason.value for reason in Reason}:
        return f"{say(Reason(code))}（{rest}）" if rest else say(Reason(code))
    return f"サービスの中で問題が起きています（{code}）。"
