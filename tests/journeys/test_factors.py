"""Proving oneself by more than the mail: an access code by telephone, an app on the phone, and a phone that is lost."""

import secrets
import time

import pyotp
import pytest

from envelopes.signing.seal import read_entries
from tests.journeys import cast
from tests.journeys.people import Clerk, Contractor, Roles
from tests.journeys.world import World

pytestmark = pytest.mark.timeout(300)
WRONG = "00000000"


def send(clerk: Clerk, method: str) -> None:
    """Send the draft, with *method* chosen on its page."""
    draft = clerk.letter("受け付けました（下書き）")
    clerk.sign_in(next_to=draft.link)
    clerk.pick(method)
    if clerk.page.locator("#acknowledged").count():
        clerk.pick("1")
    clerk.press("内容を確認して送信する")


def request(roles: Roles, title: str, method: str, company: cast.Company) -> tuple[Clerk, Contractor]:
    clerk = roles.clerk(title)
    clerk.forward(company, kind="請書")
    send(clerk, method)
    contractor = roles.contractor(title, company)
    contractor.asked()
    return clerk, contractor


def told(clerk: Clerk) -> str:
    """What the clerk reads out at the telephone."""
    clerk.envelope_page()
    clerk.press("アクセスコードを表示する")
    return clerk.page.inner_text(".digits code")


def reason(contractor: Contractor) -> str:
    """What the signature in the signed PDF says of how its signer was known."""
    (data, *_) = contractor.letter("電子署名完了のお知らせ").signed
    (written, *_) = read_entries(data)
    assert written.reason is not None
    return written.reason


def test_an_access_code_is_told_by_telephone_and_its_tries_survive_a_restart(
    world: World, roles: Roles, title: str
) -> None:
    clerk, contractor = request(roles, title, "access-code", cast.MINAMI)
    contractor.submit(contractor.send_code())
    assert contractor.heading == "アクセスコードを入力してください"
    contractor.submit("123456")
    assert "8けたの数字で" in contractor.text
    contractor.submit(WRONG)
    contractor.submit(WRONG)
    assert "残り3回" in contractor.text
    world.restart("portal")
    contractor.submit(WRONG)
    assert "残り2回" in contractor.text
    contractor.open(f"{contractor.base}/1")
    assert contractor.heading == "アクセスコードを入力してください"
    digits = told(clerk)
    contractor.submit(digits)
    assert contractor.heading == "文書を確認してください"
    contractor.complete()
    assert reason(contractor).endswith("（本人確認：メール＋アクセスコード（電話でお伝え））")
    for letter in contractor.letters():
        assert digits.replace(" ", "") not in letter.text.replace(" ", "")
    clerk.envelope_page()
    assert "アクセスコードを画面に表示しました" in clerk.text


def test_an_app_is_set_up_once_counts_from_the_next_request_and_is_ended_by_two(
    world: World, roles: Roles, title: str
) -> None:
    clerk, contractor = request(roles, title, "authenticator", cast.MINAMI)
    contractor.submit(contractor.send_code())
    assert "認証アプリがまだ登録されていないため" in contractor.text
    contractor.submit(told(clerk))
    assert contractor.heading == "次の契約のために認証アプリを登録します"
    seed = contractor.page.inner_text("code.secret").replace(" ", "")
    contractor.submit(pyotp.TOTP(seed).at(time.time()))
    assert contractor.heading == "文書を確認してください"
    contractor.complete()
    assert "アクセスコード" in reason(contractor)
    assert world.post.wait(cast.MINAMI.address, "認証アプリの登録のお知らせ", about=cast.MINAMI.name)

    again = f"村道改修 {secrets.token_hex(3)}"
    _, contractor = request(roles, again, "authenticator", cast.MINAMI)
    contractor.submit(contractor.send_code())
    assert contractor.heading == "認証アプリの数字を入力してください"
    # The step of the setting up is spent; the next one is taken up to half a minute early.
    contractor.submit(pyotp.TOTP(seed).at(time.time() + 30))
    assert contractor.heading == "文書を確認してください", contractor.text
    contractor.complete()
    said = reason(contractor)
    assert "メール＋認証アプリ（" in said
    assert "に、メールとアクセスコードで確かめて登録）" in said

    lost(roles, cast.MINAMI)
    assert world.post.wait(cast.MINAMI.address, "認証アプリの解除のお知らせ", about=cast.MINAMI.name)
    third = f"村道改修 {secrets.token_hex(3)}"
    _, contractor = request(roles, third, "authenticator", cast.MINAMI)
    contractor.submit(contractor.send_code())
    assert contractor.heading == "アクセスコードを入力してください"


def lost(roles: Roles, company: cast.Company) -> None:
    """One member of staff notes that the phone is lost, another calls back and ends the app."""
    first, second = roles.clerk("", cast.NAKAMURA), roles.clerk("", cast.KOBAYASHI)
    for one in (first, second):
        one.sign_in(next_to="/staff/registry")
        one.press(company.name)
        if one is first:
            one.page.click("summary:has-text('なくしたとの申し出')")
            one.page.fill("#app_note", "本人から電話。機種変更で手放した")
            one.press("記録する")
            assert "なくしたとの申し出を記録しました" in one.text
            assert one.page.locator("#app_call_back").count() == 0
    second.page.fill("#app_call_back", "登記簿の番号にかけ直し、本人に確認")
    second.press("解除する")
    assert "折り返し確かめて、認証アプリを解除しました" in second.text
