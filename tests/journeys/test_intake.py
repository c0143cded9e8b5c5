"""Mails that make no draft: what staff are told to mend, and whom nobody answers."""

import time
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import pytest
from pikepdf import Array, Dictionary, Name, Pdf

from tests.journeys import cast
from tests.journeys.people import SMALL, Roles
from tests.journeys.post import order
from tests.journeys.world import World
from tests.papers import odd
from tests.patience import PATIENCE

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

UNKNOWN = cast.Company(
    name="どこにもない株式会社", office="代表", person="無名 某", address="dare@nowhere.example"
)


def _sign(pdf: Pdf) -> None:
    signature = Dictionary(
        Type=Name.Sig, Filter=Name("/Adobe.PPKLite"), ByteRange=Array([0, 1, 2, 3]), Contents=b"0"
    )
    odd.with_field(pdf, FT=Name.Sig, V=pdf.make_indirect(signature))


def _with(content: bytes, name: str = "契約書.pdf") -> dict[str, Any]:
    return {"documents": [(name, content)]}


@dataclass(frozen=True)
class Mistake:
    """What is wrong with the mail, and what the answer says about it."""

    subject: str
    words: str
    changes: dict[str, Any] = field(default_factory=dict)


REFUSED, ASKED = "下書きを作れませんでした", "確認してください"
MISTAKES = {
    "encrypted": Mistake(
        REFUSED, "元のファイルからパスワードなしのPDFを作る", _with(odd.encrypted(user="himitsu"))
    ),
    "broken": Mistake(REFUSED, "作り直して送ってください", _with(b"%PDF-1.7\nno more than this")),
    "signed already": Mistake(REFUSED, "署名する前のPDFを送ってください", _with(odd.made(_sign))),
    "no document": Mistake(REFUSED, "PDFを添付して、もう一度送ってください", {"documents": []}),
    "unknown recipient": Mistake(ASKED, "この宛先は台帳にありません", {"companies": [UNKNOWN]}),
    "no amount": Mistake(ASKED, "金額と税込か税抜かを書いてください", {"amount": ""}),
    "no tax": Mistake(ASKED, "（税込）か（税抜）と書いてください", {"amount": "500,000円"}),
    "no kind": Mistake(ASKED, "契約書か請書のどちらか", {"kind": ""}),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_answer_says_what_to_mend(world: World, roles: Roles, title: str, name: str) -> None:
    mistake = MISTAKES[name]
    wishes: dict[str, Any] = {"documents": [SMALL], **mistake.changes}
    world.post.send(order(title, **wishes))
    letter = roles.clerk(title).letter(mistake.subject)
    assert mistake.words in letter.flat
    assert letter.message["In-Reply-To"] or letter.message["References"]
    assert letter.message["Auto-Submitted"] == "auto-replied"
    assert world.rows(f"SELECT id FROM envelopes WHERE title = '{title}'") == []
    world.quiet()
    assert world.post.letters(cast.TAKAHASHI.address, about=title) == []
    assert world.post.letters(UNKNOWN.address) == []


def _from(address: str, mail: EmailMessage) -> EmailMessage:
    del mail["From"]
    mail["From"] = address
    return mail


def _aside(world: World, mail: EmailMessage, sender: str) -> str:
    """Send *mail* and return why it was put aside."""
    newest = world.one("SELECT coalesce(max(id), 0) FROM mails")
    world.post.send(mail, sender=sender)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        rows = world.rows(f"SELECT status, reason FROM mails WHERE id > {newest} AND status <> 'received'")
        if rows:
            assert rows[0]["status"] == "quarantined"
            return str(rows[0]["reason"])
        time.sleep(0.1)
    raise AssertionError("the mail was not dealt with")


def test_forged_sender_is_put_aside_without_an_answer(world: World, roles: Roles, title: str) -> None:
    clerk = roles.clerk(title)
    mail = order(title, documents=[SMALL])
    reason = _aside(world, mail, "someone@forged.example")
    assert reason in {"not-passed", "not-aligned"}
    # A pass for somebody else's domain proves nothing about the name in From.
    assert _aside(world, order(title, documents=[SMALL]), "mamoru@yoso.example") == "not-aligned"
    # What the sender writes about himself below the relay's own mark counts for nothing either.
    boastful = order(title, documents=[SMALL])
    boastful["Authentication-Results"] = (
        f"{world.place.office.authserv}; dmarc=pass header.from=vill-mihon.example"
    )
    assert _aside(world, boastful, "someone@forged.example") in {"not-passed", "not-aligned"}
    world.quiet()
    assert world.post.letters(clerk.who.address, about=title) == []
    assert world.rows(f"SELECT id FROM envelopes WHERE title = '{title}'") == []
    # The twin: the same mail from the clerk's own domain makes a draft.
    clerk.forward()
    clerk.letter("受け付けました（下書き）")


@pytest.mark.parametrize(
    ("address", "letters"), [(cast.TAKAHASHI.address, 0), (f"dareka@{cast.STAFF_DOMAIN}", 1)]
)
def test_who_is_not_on_the_staff_list_makes_no_draft_and_only_a_colleague_is_told(
    world: World, title: str, address: str, letters: int
) -> None:
    mail = _from(f"誰か <{address}>", order(title, documents=[SMALL]))
    _aside(world, mail, address)
    world.quiet()
    told = world.post.letters(address, about=title)
    assert ["職員の名簿にない" in letter.flat for letter in told] == [True] * letters
    assert world.rows(f"SELECT id FROM envelopes WHERE title = '{title}'") == []


def test_staff_without_the_role_make_no_draft(world: World, title: str) -> None:
    who = cast.KITAZAWA
    mail = _from(f"{who.name} <{who.address}>", order(title, documents=[SMALL]))
    world.post.send(mail, sender=who.address)
    letter = world.post.wait(who.address, "", about=title)
    assert "権限" in letter.text
    assert world.rows(f"SELECT id FROM envelopes WHERE title = '{title}'") == []
