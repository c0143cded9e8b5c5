"""A request that comes back: a clerk puts the right address forward, a second person approves, the request follows."""

import secrets
from dataclasses import replace

import pytest

from tests.journeys import cast
from tests.journeys.cast import Company
from tests.journeys.people import Clerk, Contractor, Roles
from tests.journeys.test_newcomers import fukan
from tests.journeys.world import World

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]
A_DAY = 25 * 3600


@pytest.fixture
def gone(world: World) -> Company:
    """A company whose registered address does not exist: the relay takes the mail and returns it."""
    mark = secrets.token_hex(3)
    made = Company(
        name=f"森{mark}林業株式会社",
        office="代表取締役",
        person="森 さくら",
        address=f"bounce@{mark}.example",
    )
    words = ["registry", "add", made.address, "--company", made.name, "--person", made.person]
    words += ["--office", made.office, "--consented-on", "2026-04-01", "--consent-note", "承諾書を受領"]
    words += ["--call-back", "名簿の番号に電話", "--registrar", cast.KOBAYASHI.address]
    fukan(world, *words, "--approver", cast.MARUYAMA.address)
    a_day_later(world, made)
    return made


def a_day_later(world: World, company: Company) -> None:
    for column in ("works_from", "works_until"):
        world.earlier("contacts", column, A_DAY, f"company = '{company.name}' AND {column} IS NOT NULL")


def put_forward(clerk: Clerk, company: Company) -> None:
    """From the page of the request that did not arrive."""
    clerk.envelope_page()
    assert "不達" in clerk.text
    assert "アドレスが存在しません" in clerk.text
    clerk.press("台帳のアドレスを直す")
    clerk.shot("u01-correct")
    clerk.page.fill("#email", company.address)
    clerk.press("このアドレスを届け出る")
    assert "確認のメールを送りました" in clerk.text
    clerk.shot("u02-put-forward")


def agree(contractor: Contractor) -> None:
    """The new address agrees and proves itself."""
    address, post = contractor.company.address, contractor.world.post
    contractor.open(post.wait(address, "メールアドレスの確認をお願いします", about="").link)
    contractor.pick("yes")
    contractor.page.locator("form:has(#agree) button").first.click()
    contractor.submit(post.wait(address, "メールアドレス登録の確認コード", about="").code)
    assert contractor.heading == "登録を受け付けました", contractor.text


def test_a_corrected_address_is_asked_by_itself(
    world: World, roles: Roles, title: str, gone: Company
) -> None:
    world.run("DELETE FROM limits")
    mended = replace(gone, address=gone.address.replace("bounce@", "sakura@"))
    clerk, contractor = roles.clerk(title), roles.contractor(title, mended, scripts=False)
    clerk.forward(gone, kind="請書")
    clerk.confirm_without_looking()
    told = clerk.letter("【不達】")
    assert "台帳のアドレスを直す" in told.text
    assert "自動で送られ" in told.flat
    put_forward(clerk, mended)
    agree(contractor)
    second = roles.clerk(title, cast.KOBAYASHI)
    second.sign_in(next_to="/staff/registry")
    second.press(gone.name)
    second.page.fill("#call_back", "0261-00-1111 入札参加資格の名簿、本人に確認")
    second.press("承認する")
    assert "承認済み" in second.text
    assert world.post.letters(mended.address, about=title) == []
    a_day_later(world, gone)
    world.restart("bot")  # its clock ticks at once instead of within a minute
    contractor.sign()
    assert mended.address in clerk.letter("新しいアドレスに送り直しました").text
    clerk.envelope_page()
    assert "新しいアドレスに依頼を送り直し" in clerk.text
    assert "台帳のアドレスを直す" not in clerk.text
    clerk.shot("u03-followed")
