"""Letters to those who run the service (B09): mail that is stopped, refused, or came back from one of our own.

Never to the person whose mailbox it is about, and a letter of this kind that comes back leads to no other.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from bot import letters, mail_examination
from bot.case import Outgoing, clerk
from bot.letters_about_returns import original
from bot.render import Mailbox
from envelopes.records.models import Delivery, Envelope, Staff
from envelopes.records.tasks import Claimed
from envelopes.rules.alerts import Alert
from envelopes.rules.people import Role, roles_from
from envelopes.rules.returns import WORDS, meaning_of
from envelopes.rules.wording import jst_datetime
from envelopes.services import Services

Facts = tuple[tuple[str, str], ...]


class Words(NamedTuple):
    """What is said of one kind of alert."""

    headline: str
    what: str
    meaning: str
    steps: tuple[str, ...]


WORDS_OF: Final[Mapping[Alert, Words]] = {
    Alert.LOGIN: Words(
        "メールを送れません：ログインを拒まれました",
        "中継サーバーがログインを拒んだため、メールの送信を止めました。",
        "このメールが届いたときには直っています。待っていたメールは、順に送られます。失われたメールはありません。",
        ("中継サーバーの利用者名とパスワード（設定の [smtp]）が変わっていないか確かめてください。",),
    ),
    Alert.POLICY: Words(
        "メールが規則により拒まれました",
        "メールサーバーが、差出人の確かめ（SPF・DKIM・DMARC）などの規則により、メールを拒みました。",
        "同じ理由で、ほかの相手にも届かなくなるおそれがあります。",
        ("差出人のドメインの設定（SPF・DKIM・DMARC）と、中継サーバーの記録を確かめてください。",),
    ),
    Alert.ANSWERS: Words(
        "誤りへの返信を止めています",
        "受付アドレスに誤りのあるメールが続いたため、誤りへの返信をしばらく止めています。",
        "下書きの作成と、操作への返信は続いています。返信しなかったメールは、理由とともに残しています。",
        (
            "自動で送られたメールが続いていないか、受付アドレスのメールボックスを確かめてください。",
            "職員のメールが多いだけなら、設定の answers_an_hour を大きくしてください。",
        ),
    ),
    Alert.STAFF_MAIL: Words(
        "職員あてのメールが届きませんでした",
        "職員または課に送ったメールが届かず、戻ってきました。",
        "この宛先の人は、下書きや不達の知らせを受け取っていないおそれがあります。",
        (
            "電話などで本人に知らせてください。",
            "アドレスが変わっていたら、職員の名簿（fukan staff、fukan section）を直してください。",
        ),
    ),
    Alert.REGISTRY_MAIL: Words(
        "台帳についてのメールが届きませんでした",
        "台帳に登録されたアドレスへの知らせが届かず、戻ってきました。",
        "アドレスの登録や変更が、前からの宛先に伝わっていません。",
        (
            "前から分かっている電話番号で、事業者に登録や変更のことを伝え、間違いがないか確かめてください。",
            "使われていないアドレスなら、台帳から外してください。",
        ),
    ),
    Alert.QUEUE: Words(
        "送信待ちが続いています",
        "送られずに待っているメールがあります。",
        "失われたメールはありません。理由がなくなれば、順に送られます。確認コードは、間に合わないことがあります。",
        (
            "「調べた結果」に挙がったことを直してください。",
            "fukan serve bot が動いているか確かめ、サーバーで fukan doctor を実行してください。直し方も表示されます。",
        ),
    ),
}


async def alert(services: Services, task: Claimed) -> list[Outgoing]:
    """Tell the administrators, and the drafter of what it is about; of the registry those who keep it."""
    what, number = Alert(task.ids["alert"]), task.ids.get("delivery")
    row = await Delivery.filter(id=number).first() if number else None
    role = Role.REGISTRAR if what is Alert.REGISTRY_MAIL else Role.ADMIN
    people = await Staff.filter(active=True).select_related("section").order_by("id")
    envelope = await Envelope.filter(id=row.envelope_id).first() if row and row.envelope_id else None
    drafter = envelope.drafter_id if envelope and what is Alert.STAFF_MAIL else None
    readers = [one for one in people if role in roles_from(one.roles) or one.id == drafter]
    about = row.recipient_look_up if row else ""
    facts = await _queue(services, task.ids) if what is Alert.QUEUE else _facts(what, row)
    return [_letter(services, what, row, facts, one) for one in readers if one.email_look_up != about]


async def _queue(services: Services, numbers: Mapping[str, int]) -> Facts:
    """What waited when it was seen, and what an examination of the mail finds now."""
    since = jst_datetime(datetime.fromtimestamp(numbers["since"], UTC))
    wrong = [
        ("調べた結果", f"{outcome.name}：{finding.what}")
        for outcome in await mail_examination.examine(services.settings, services.clock)
        for finding in outcome.findings
    ]
    return (("送信待ち", f"{numbers['count']}通"), ("いつから", since), *(wrong or [_NOTHING_WRONG]))


_NOTHING_WRONG: Final = ("調べた結果", "メールの設定とDNSに問題は見つかりません")


def _letter(services: Services, what: Alert, row: Delivery | None, facts: Facts, staff: Staff) -> Outgoing:
    section, recipient, words = staff.section, clerk(services, staff, staff.section.name), WORDS_OF[what]
    letter = letters.AlertMail(
        to=recipient.addressee,
        section=section.name,
        phone=section.phone,
        number="",
        headline=words.headline,
        what=words.what,
        meaning=words.meaning,
        facts=facts,
        at=row.updated_at if row else services.now(),
        steps=words.steps,
        url=services.url("staff"),
    )
    reply_to = Mailbox("", services.settings.mail.intake)
    return Outgoing(recipient=recipient, letter=letter, reply_to=reply_to, references=())


def _facts(what: Alert, row: Delivery | None) -> Facts:
    if row is None:
        return ()
    answer = ("サーバーの応答", original(row))
    if what not in (Alert.STAFF_MAIL, Alert.REGISTRY_MAIL):
        return (answer,)
    return (("宛先", row.recipient), ("意味", WORDS[meaning_of(row.code, row.answer)][0]), answer)
