"""The person in charge has changed: he says so, two of the staff approve, the new one signs, he hears of the end."""

import secrets
from dataclasses import replace

import pytest

from tests.journeys import cast
from tests.journeys.cast import Company
from tests.journeys.people import Clerk, Contractor, Roles
from tests.journeys.test_newcomers import fukan
from tests.journeys.test_undelivered import a_day_later, agree
from tests.journeys.world import World

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def company(world: World) -> Company:
    """A company of this test alone, and its person in charge until now."""
    mark = secrets.token_hex(3)
    made = Company(
        name=f"杉{mark}土建株式会社", office="代表取締役", person="杉 一郎", address=f"ichiro@{mark}.example"
    )
    words = ["registry", "add", made.address, "--company", made.name, "--person", made.person]
    words += ["--office", made.office, "--consented-on", "2026-04-01", "--consent-note", "承諾書を受領"]
    words += ["--call-back", "名簿の番号に電話", "--registrar", cast.KOBAYASHI.address]
    fukan(world, *words, "--approver", cast.MARUYAMA.address)
    a_day_later(world, made)
    return made


def out(roles: Roles, title: str, company: Company, *, scripts: bool) -> tuple[Clerk, Contractor]:
    clerk = roles.clerk(title)
    clerk.forward(company, hand_over="可")
    clerk.confirm_without_looking()
    contractor = roles.contractor(title, company, scripts=scripts, shots=True)
    contractor.asked()
    return clerk, contractor


def ask(contractor: Contractor, choice: str, **fields: str) -> None:
    """From the documents to the question whether that is meant."""
    contractor.press("宛先が違う・担当者が変わった")
    contractor.pick(choice)
    for name, value in fields.items():
        contractor.page.fill(f"#{name}", value)
    contractor.shot(f"h01-ask-{choice}")
    contractor.press("内容を確認する")


def approve(roles: Roles, title: str, company: Company) -> None:
    """The second person calls back."""
    second = roles.clerk(title, cast.KOBAYASHI)
    second.sign_in(next_to="/staff/registry")
    second.press(company.name)
    second.page.fill("#call_back", "0261-00-1111 入札参加資格の名簿、本人に確認")
    second.press("承認する")
    assert "承認済み" in second.text


def ask_twice(first: Contractor, after: Company) -> None:
    """Mistype it, mend it, take it back, and ask for it after all."""
    ask(first, "changed", person=after.person, email="kimura")
    assert "メールアドレスの形が正しくありません" in first.text
    first.page.fill("#office", after.office)
    first.page.fill("#email", after.address)
    first.press("内容を確認する")
    assert first.heading == "この内容で申し出ますか", first.text
    first.shot("h02-confirm")
    first.press("書き直す")
    assert first.page.input_value("#person") == after.person
    first.press("内容を確認する")
    first.press("みほん村に申し出る")
    assert first.heading == "変更の申し出を受け付けました", first.text
    first.shot("h03-paused")
    first.letter("変更の申し出を受け付けました")
    # He thinks again, and again.
    first.press("申し出を取り下げる")
    assert first.heading == "文書を確認してください"
    ask(first, "changed", person=after.person, office=after.office, email=after.address)
    first.press("みほん村に申し出る")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_hands_over_two_approve_b_signs_and_a_hears_of_the_end(
    world: World, roles: Roles, title: str, company: Company, *, scripts: bool
) -> None:
    world.run("DELETE FROM limits")
    after = replace(
        company, office="工事部長", person="木村 花子", address=company.address.replace("ichiro", "kimura")
    )
    clerk, first = out(roles, title, company, scripts=scripts)
    first.prove()
    ask_twice(first, after)
    assert "変更の申し出" in clerk.letter("【申し出】").text
    clerk.envelope_page()
    clerk.press("変更の申し出を見る")
    assert after.address in clerk.text
    clerk.press("台帳に届け出る")
    assert "確認のメールを送りました" in clerk.text
    second = roles.contractor(title, after, scripts=scripts)
    agree(second)
    approve(roles, title, company)
    assert world.post.letters(after.address, about=title) == []
    a_day_later(world, company)
    world.restart("bot")  # its clock ticks at once instead of within a minute

    gone = first.letter("新しい担当者に引き継ぎました")
    assert after.person in gone.flat
    first.open(first.link)
    assert first.heading == "新しい担当者に引き継がれました"
    first.shot("h05-handed-over")
    assert after.person not in first.text
    second.sign()
    roles.clerk(title, cast.KITAZAWA).sign_for_village()
    second.letter("電子署名完了のお知らせ")
    told = first.letter("引き継いだ署名が完了しました")
    assert "/d/" not in told.text
    assert told.attachments == {}
    clerk.envelope_page()
    assert f"{company.office} {company.person}" in clerk.text
    assert "前の担当者" in clerk.text


def test_a_request_for_another_company_stops_until_staff_have_looked(
    world: World, roles: Roles, title: str, company: Company
) -> None:
    world.run("DELETE FROM limits")
    clerk, first = out(roles, title, company, scripts=False)
    first.prove()
    assert first.base
    ask(first, "not-ours")
    first.press("みほん村に申し出る")
    assert first.heading == "変更の申し出を受け付けました"
    clerk.sign_in(next_to=clerk.letter("【申し出】").link)
    assert "依頼を取り消します" in clerk.text
    clerk.page.locator("summary").filter(has_text="申し出を断る").click()
    clerk.page.fill("#reason", "貴社への依頼で間違いありません。")
    clerk.page.locator("form:has(#reason) button").click()
    told = first.letter("変更の申し出について")
    assert "貴社への依頼で間違いありません。" in told.text
    first.open(told.link)
    assert first.heading == "署名の依頼が届いています"
    first.open(f"{first.base}/1")
    first.read_on()
    first.complete()
