"""First days: a clerk added on the command line and enrolled by mail; a contractor who has to wait a day."""

import re
import subprocess

import pyotp
import pytest

from tests.journeys import cast
from tests.journeys.people import SMALL, Roles
from tests.journeys.post import order
from tests.journeys.world import FUKAN, World

pytestmark = pytest.mark.timeout(300)


def fukan(world: World, *words: str) -> str:
    """The command line, as the operator uses it on the bot's machine."""
    command = [str(FUKAN), *words, "--directory", str(world.place.directory)]
    environment = world.environment(FUKAN_KEYS=str(world.keys("bot")))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_new_clerk_enrols_by_the_mailed_link_once(world: World, roles: Roles, title: str) -> None:
    address = f"{title.rpartition(' ')[2]}@{cast.STAFF_DOMAIN}"
    fukan(world, "staff", "add", address, "--name", "宮下 葵", "--section", "kensetsu", "--role", "drafter")
    letter = world.post.wait(address, "電子契約の利用を始めてください", about="宮下")
    phone = roles.stranger()
    phone.open(letter.link)
    phone.page.locator("img[src$='qr.svg']").evaluate("one => one.decode()")
    secret = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", phone.text)
    assert secret is not None, phone.text
    totp = pyotp.TOTP(secret[0].replace(" ", ""))
    phone.page.fill("#password", "mijikai")
    phone.page.fill("#password_again", "mijikai")
    phone.submit(totp.now())
    assert "12" in phone.page.inner_text(".problems")
    phone.page.fill("#password", cast.PASSWORD)
    phone.page.fill("#password_again", cast.PASSWORD)
    phone.submit(totp.now())
    recovery = re.findall(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", phone.text)
    assert len(recovery) == 8
    assert roles.stranger().open(letter.link).status == 410

    phone.open("/staff")
    phone.page.fill("#address", address)
    phone.page.fill("#password", cast.PASSWORD)
    phone.press("次へ進む")
    phone.submit(recovery[0])
    assert phone.heading == "封筒の一覧"
    phone.press("ログアウト")
    assert phone.heading == "職員のログイン"
    assert phone.status("/staff") == 303


def test_new_contractor_can_be_asked_only_after_the_waiting_time(
    world: World, roles: Roles, title: str
) -> None:
    mark = title.rpartition(" ")[2]
    company = cast.Company(
        name=f"新光{mark}株式会社", office="社長", person="新田 光", address=f"hikaru@{mark}.example"
    )
    words = ["registry", "add", company.address, "--company", company.name, "--person", company.person]
    words += ["--office", company.office, "--consented-on", "2026-04-01", "--consent-note", "書面で承諾"]
    words += ["--call-back", "登記簿の番号に電話", "--registrar", cast.KOBAYASHI.address]
    fukan(world, *words, "--approver", cast.MARUYAMA.address)
    clerk = roles.clerk(title)
    world.post.send(order(title, companies=[company], documents=[SMALL]))
    assert "この宛先はまだ使えません" in clerk.letter("確認してください").flat
    world.quiet()
    assert world.post.letters(company.address) == []
    world.earlier("contacts", "works_from", 25 * 3600, f"company = '{company.name}'")
    _, contractor = roles.out(title, company)
    contractor.prove()
