"""A clerk who sees nothing but his mailer: a forwarded Word file becomes a request, and ends, by replies alone."""

import time
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid

import pyotp
import pytest

from tests.digits import says
from tests.journeys import cast
from tests.journeys.post import Letter, reply
from tests.journeys.world import World
from tests.papers import office

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

CLERK = cast.NAKAMURA.address


@pytest.fixture(scope="module", autouse=True)
def in_force(world: World) -> None:
    """Orders by reply count while the mail is sound."""
    world.let_mail_be_sound()


def forwarded(title: str) -> EmailMessage:
    """The contractor's mail with his Word file, passed on with what a clerk writes above it."""
    inner = EmailMessage(policy=SMTP)
    inner["From"] = f"髙橋 一郎 <{cast.TAKAHASHI.address}>"
    inner["To"] = CLERK
    inner["Subject"] = "契約書の案"
    inner.set_content("契約書をお送りします。", cte="base64")
    inner.add_attachment(
        office.word(),
        maintype="application",
        subtype="vnd.openxmlformats-officedocument.wordprocessingml.document",
        filename="工事請負契約書（案）.docx",
    )
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"中村 美咲 <{CLERK}>"
    mail["To"] = cast.INTAKE
    mail["Subject"] = "Fwd: 契約書の案"
    mail["Message-ID"] = make_msgid(domain=cast.STAFF_DOMAIN)
    lines = [
        "お疲れさまです。電子契約をお願いします。",
        "",
        f"■工事名　　　{title}",
        "■受注者　　　髙橋建設㈱",
        "■契約の種別　契約書",
        "■請負代金額　金１，２９８万円",
        "■〆切　　　　２０日以内",
        "■署名者　　　北沢 健",
        "",
        "よろしくお願いします。",
    ]
    mail.set_content("\n".join(lines), cte="base64")
    mail.add_attachment(inner)
    return mail


class Mailer:
    """The clerk's mailer, and the authenticator on the phone beside it."""

    def __init__(self, world: World, title: str) -> None:
        self._world = world
        self._title = title
        self._phone = pyotp.TOTP(world.seeds[f"reply:{CLERK}"])
        self._earlier = 500.0  # seconds: digits of eight minutes are at hand, and each is used once
        self.used: list[str] = []

    def digits(self) -> str:
        self._earlier -= 60
        self.used.append(self._phone.at(time.time() - self._earlier))
        return self.used[-1]

    def wait(self, subject: str) -> Letter:
        return self._world.post.wait(CLERK, subject, about=self._title)

    def answer(self, letter: Letter, *lines: str) -> None:
        self._world.post.send(reply(letter, *lines), to=str(letter.message["Reply-To"]))


def test_a_word_file_becomes_a_request_by_replies_alone(world: World, title: str) -> None:
    clerk = Mailer(world, title)
    world.post.send(forwarded(title))
    asked = clerk.wait("確認してください（1件）")
    assert "税込か税抜か" in asked.flat
    clerk.answer(asked, "すみません、税込です。", "金額：12,980,000円（税込）")
    draft = clerk.wait("受け付けました（下書き）")
    assert "WordやExcelのファイルからPDFを作りました" in draft.flat
    assert "12,980,000円（税込）" in draft.flat
    assert "自庁の署名者：村長 北沢 健" in draft.flat

    clerk.answer(draft, f"修正 {clerk.digits()}", "備考：押印は要りません。")
    second = clerk.wait("直しました（下書き）")
    assert "押印は要りません" in second.flat
    clerk.answer(draft, f"送信してください {clerk.digits()}")
    anew = clerk.wait("「送信」は、まだしていません")
    assert "押印は要りません" in anew.flat
    assert world.state(title) == "draft"
    clerk.answer(anew, "OKです。", clerk.digits(), "", "iPhoneから送信")
    clerk.wait("「送信」を受け付けました")
    sent = clerk.wait("相手方に送りました")
    request = world.post.wait(cast.TAKAHASHI.address, "署名依頼が届いています", about=title)
    assert "押印は要りません" in request.flat

    clerk.answer(sent, "状況を教えてください。")
    status = clerk.wait("相手方の署名待ち")
    assert "認証アプリの数字を付けた返信で指示しました（中村 美咲）" in status.flat
    clerk.answer(status, f"取消 {clerk.digits()} 工事の内容が変わるため。")
    clerk.wait("「取消」を受け付けました")
    world.wait_state(title, "cancelled")
    told = world.post.wait(cast.TAKAHASHI.address, "取り消しました", about=title)
    assert "工事の内容が変わるため" in told.flat
    assert not [code for code in clerk.used if says(world.log("bot") + world.log("portal"), code)]
    answers = [f"{letter.subject}\n{letter.text}" for letter in world.post.letters(CLERK, about=title)]
    assert not [code for code in clerk.used for answer in answers if says(answer, code)]


def test_a_forged_sender_and_a_copied_mail_order_nothing(world: World, title: str) -> None:
    clerk = Mailer(world, title)
    clerk._earlier = 120.0
    lines = [f"封筒名：{title}", "種別：契約書", "金額：なし", f"宛先：{cast.TAKAHASHI.line}"]
    mail = forwarded(title)
    mail.clear_content()
    mail.set_content("\n".join(lines), cte="base64")
    mail.add_attachment(office.word(), maintype="application", subtype="octet-stream", filename="契約書.docx")
    world.post.send(mail)
    draft = clerk.wait("受け付けました（下書き）")
    code = clerk.digits()
    forged = reply(draft, f"送信 {code}")
    world.post.send(forged, sender="someone@elsewhere.example", to=str(draft.message["Reply-To"]))
    copied = reply(draft, "送信 000000")
    for _ in range(2):
        world.post.send(copied, to=str(draft.message["Reply-To"]))
    clerk.wait("「送信」は、まだしていません")
    world.quiet()
    assert world.state(title) == "draft"
    assert (
        len([one for one in world.post.letters(CLERK, about=title) if "まだしていません" in one.subject]) == 1
    )
