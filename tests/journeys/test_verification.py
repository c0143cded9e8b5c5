"""電子署名を確認する in a browser: every kind of file that people hand in, and what the page says to it."""

import random
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from envelopes.signing import authority, seal
from tests.journeys import cast
from tests.journeys.people import Phone, Roles
from tests.journeys.world import World
from tests.signing.conftest import PASSPHRASE, encrypted, entry, now, pdf

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")


def neighbour(folder: Path) -> bytes:
    """A contract that another town has sealed with an authority of its own."""
    made = folder / "neighbour"
    authority.create(
        made,
        town="となり村",
        public_url="http://sign.tonari.example",
        now=now(),
        passphrase=PASSPHRASE,
        key_type="p256",
    )
    theirs = seal.embedded(made, passphrase=PASSPHRASE, clock=now)
    prepared = theirs.prepare(pdf(), fields=["Signer1"])
    signed = prepared + theirs.sign(prepared, field="Signer1", entry=entry(prepared))
    return signed + theirs.timestamp(signed)


def hand_in(phone: Phone, data: bytes, name: str) -> str:
    """Upload *data* as the page asks for it; returns what the page says then."""
    phone.open("/verify")
    file = {"name": name, "mimeType": "application/pdf", "buffer": data}
    phone.page.set_input_files("#file", files=[file])  # type: ignore[list-item]
    phone.press("確認する")
    while phone.heading == "確認しています":
        phone.press("結果を見る")
    phone.shot(f"20-verify-{Path(name).stem}")
    return phone.text


def test_every_kind_of_file_is_answered_in_words(
    world: World, roles: Roles, title: str, tmp_path: Path
) -> None:
    # In a thread: the browser's driver keeps a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        foreign = pool.submit(neighbour, tmp_path).result()
    _, contractor = roles.out(title, kind="請書")
    contractor.prove()
    contractor.complete()
    completed = contractor.letter("電子署名完了のお知らせ")
    (own,) = completed.signed
    altered = re.sub(rb"(/MediaBox\s*\[\s*0 0 )\d", rb"\g<1>9", own, count=1)
    assert altered != own
    answers = {
        "own": (own, "1バイトの違いもなく一致します"),
        "certificate": (completed.certificate, "ここで発行した締結証明書と、1バイトの違いもなく一致します"),
        "altered": (altered, "署名後に内容が変わっています。"),
        "surplus": (own + b"\n%x", "末尾に余分なデータがあります。"),
        "neighbour": (foreign, "発行元または有効性を確かめられません。"),
        "unsigned": (pdf(), "電子署名がありません。"),
        "locked": (encrypted(pdf(), "himitsu"), "開くためのパスワードが付いているため、調べられません。"),
        "garbage": (b"%PDF-1.7\n" + random.Random(7).randbytes(3000), "PDFとして読み取れません。"),
        "picture": (PIXEL, "PDFとして読み取れません。"),
    }
    phone = roles.stranger()
    plain = roles.stranger(scripts=False)
    for name, (data, words) in answers.items():
        said = hand_in(plain if name in ("own", "altered") else phone, data, f"{name}.pdf")
        assert words in said, (name, said)
        assert ("変更されていません（発行元" in said) == (name in ("own", "certificate")), name
        assert cast.TAKAHASHI.person not in said or name in ("own", "altered", "surplus")
    assert phone.script_errors == []
    # Shown once and gone: neither the files nor what was found in them.
    assert world.one("SELECT count(*) FROM verifications") == 0
    assert world.one("SELECT count(*) FROM files WHERE purpose = 'upload'") == 0
