"""Letters about mails that did not arrive: to the drafter, with what it means and what to do. Never to the address."""

from collections.abc import Mapping
from typing import Final

from bot import letters
from bot.case import Case, Outgoing, addressed, drafter
from envelopes.records.models import Delivery, Signer
from envelopes.rules.returns import WORDS, Meaning, meaning_of
from envelopes.rules.states import Event, Task, permits

_MAILS: Final[Mapping[str, str]] = {
    Task.REQUEST_MAIL: "署名依頼のメール",
    Task.NEW_LINK_MAIL: "新しいリンクのメール",
    Task.CODE_MAIL: "確認コードのメール",
    Task.COMPLETION_MAIL: "締結完了のメール",
    Task.FRESH_DOWNLOAD_MAIL: "再交付のメール",
}
_OTHER_MAIL: Final = "相手方へのメール"
_PHONE: Final = "前から分かっている電話番号で、相手方に連絡してください。"
_AGAIN: Final = "直ったら、画面の「依頼メールを送り直す」で送り直してください。"
_FOLLOWS: Final = (
    "登録が済むと、新しいアドレスに新しい依頼が自動で送られ、お知らせします。前のリンクは使えなくなります。"
)
_COMPLETED: Final = "署名済みの文書は画面からダウンロードできます。電話で相談し、別の方法でも渡してください。"
_OVER: Final = "この依頼は終わっています。次の依頼の前に、台帳のアドレスを確かめてください。"
_CORRECT: Final = "正しいアドレスを聞き、画面の「台帳のアドレスを直す」で届け出てください。"
_MEND: Final[Mapping[Meaning, str]] = {
    Meaning.NO_SUCH_ADDRESS: _CORRECT,
    Meaning.NO_SUCH_DOMAIN: _CORRECT,
    Meaning.MAILBOX_FULL: "要らないメールを消して、受信箱を空けてもらってください。",
    Meaning.TOO_BIG: "受け取れる大きさを、相手方のメールの担当に確かめてもらってください。",
    Meaning.BLOCKED: "{sender} からのメールを受信できるように、設定を変えてもらってください。",
    Meaning.SILENT: "{sender} からのメールを受信できるように、携帯電話の設定を変えてもらってください。",
}
_ASK: Final = "末尾にある応答を、相手方のメールの担当に伝えて、受信できるようにしてもらってください。"
_WRONG: Final = frozenset({Meaning.NO_SUCH_ADDRESS, Meaning.NO_SUCH_DOMAIN})


async def undelivered(case: Case) -> list[Outgoing]:
    """Tell the drafter that a mail to the contractor did not arrive, unless it was his own mailbox."""
    row, signer = await Delivery.filter(id=case.task.ids["delivery"]).get(), case.signer()
    silent = "silent" in case.task.ids
    why = Meaning.SILENT if silent else meaning_of(row.code, row.answer)
    reader = drafter(case)
    if row.recipient_look_up == reader.look_up:
        return []
    letter = letters.UndeliveredMail(
        **case.foot,
        to=reader.addressee,
        title=case.shot.envelope.title,
        party=signer.company,
        addressee=" ".join(part for part in (signer.company, signer.office, signer.person) if part),
        address=row.recipient,
        what=_MAILS.get(row.mail, _OTHER_MAIL),
        meaning=WORDS[why][0],
        steps=steps(why, sender=case.services.settings.mail.address, end=_too_late(case, signer)),
        at=row.updated_at,
        answer="" if silent else original(row),
        silent=silent,
        url=case.page(),
    )
    return [addressed(case, reader, letter)]


def original(row: Delivery) -> str:
    """The server's answer with each of its codes once."""
    words = row.answer or ""
    codes = [code for code in (row.code or "").split() if code not in words]
    return " ".join((*codes, words)).strip()


def steps(why: Meaning, *, sender: str, end: str | None = None) -> tuple[str, str, str]:
    """The three things to do where mail from *sender* did not arrive; *end* is the last where it is too late."""
    mend = _MEND.get(why, _ASK).format(sender=sender)
    return _PHONE, mend, end or (_FOLLOWS if why in _WRONG else _AGAIN)


def _too_late(case: Case, signer: Signer) -> str | None:
    if case.shot.envelope.completed_at is not None:
        return _COMPLETED
    if signer.signed_at is not None or not permits(case.shot.state, Event.CANCELLED):
        return _OVER
    return None
