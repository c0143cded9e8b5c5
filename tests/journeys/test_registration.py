"""A company that nobody knows registers its address on a phone, and a day later it is asked to sign.

The company's browser runs no scripts: the form is whole without them.
"""

import secrets

import pytest

from tests.journeys import cast
from tests.journeys.cast import Company
from tests.journeys.people import Clerk, Contractor, Roles
from tests.journeys.world import World

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]


@pytest.fixture
def newcomer() -> Company:
    """A company of this test alone."""
    mark = secrets.token_hex(3)
    return Company(
        name=f"新参{mark}電設株式会社",
        office="代表取締役",
        person="新参 誠",
        address=f"makoto@{mark}.example",
    )


def register(phone: Contractor) -> str:
    """Fill in the form from the front page on; returns the number."""
    company, page = phone.company, phone.page
    phone.open("/")
    phone.press("契約に使うメールアドレスを登録する（事業者の方）")
    phone.shot("r01-start")
    phone.press("登録をはじめる")
    page.fill("#company", company.name)
    phone.shot("r02-company")
    phone.press("次へ")
    page.fill("#office", company.office)
    page.fill("#person", company.person)
    phone.press("次へ")
    address(phone)
    assert phone.heading == "SMSを受け取れる携帯電話はありますか"
    phone.press("次へ")
    phone.pick("yes")
    phone.shot("r04-terms")
    phone.press("次へ")
    assert phone.heading == "この内容でよろしいですか"
    phone.shot("r05-check")
    phone.press("確認コードをメールで受け取る")
    phone.shot("r06-code")
    phone.submit(phone.world.post.wait(company.address, "メールアドレス登録の確認コード", about="").code)
    assert phone.heading == "登録を受け付けました", phone.text
    phone.shot("r07-done")
    return page.inner_text("dl b")


def address(phone: Contractor) -> None:
    """Mistype it first, go back a page and forth, and mend it."""
    phone.page.fill("#email", phone.company.address.replace(".example", ".co.jo"))
    phone.press("次へ")
    assert "もしかして" in phone.text
    phone.shot("r03-slip")
    phone.page.go_back()
    phone.page.go_back()
    assert phone.page.input_value("#person") == phone.company.person
    phone.press("次へ")
    phone.page.fill("#email", phone.company.address)
    phone.press("次へ")


def decide(keeper: Clerk, second: Clerk, company: Company) -> None:
    """One checks, the other calls back and approves."""
    keeper.sign_in(next_to="/staff/registry")
    keeper.press(company.name)
    keeper.shot("r08-application")
    keeper.press("内容を確かめた")
    assert "別の職員" in keeper.text
    second.sign_in(next_to="/staff/registry")
    second.press(company.name)
    second.page.fill("#call_back", "0261-00-1111 入札参加資格の名簿、本人に確認")
    second.shot("r09-approval")
    second.press("承認する")
    assert "承認済み" in second.text


def test_a_newcomer_registers_and_is_asked_a_day_later(
    world: World, roles: Roles, title: str, newcomer: Company
) -> None:
    world.run("DELETE FROM limits")
    contractor = roles.contractor(title, newcomer, scripts=False, shots=True)
    clerk = roles.clerk(title)
    number = register(contractor)
    letter = world.post.wait(newcomer.address, "登録を受け付けました", about=number)
    assert newcomer.name in letter.text

    assert world.post.wait(f"soumu@{cast.STAFF_DOMAIN}", "【登録の申請】", about=number)

    clerk.forward(newcomer)
    assert "台帳にありません" in clerk.letter("確認してください").text
    decide(
        roles.clerk(title, cast.KOBAYASHI, shots=True),
        roles.clerk(title, cast.MARUYAMA, shots=True),
        newcomer,
    )
    world.post.wait(newcomer.address, "登録を承認しました", about=number)

    clerk.forward(newcomer)
    assert "まだ使えません" in clerk.letter("確認してください").text
    world.earlier("contacts", "works_from", 24 * 3600, f"company = '{newcomer.name}'")
    clerk.forward(newcomer)
    clerk.confirm_without_looking()
    contractor.sign()
    assert contractor.letter("署名を受け付けました")
    # Nobody outside the mailbox, the form and the staff's pages has learned the address.
    for door in ("portal", "bot"):
        assert newcomer.address not in world.log(door)
