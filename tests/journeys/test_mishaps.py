"""What happens to people on the way: a step back, two presses, two tabs, a long telephone call, a lost browser.

Nobody has an account, and every way out is on the page itself.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import FLAGS, WHOLE
from tests.journeys import cast
from tests.journeys.people import PHONE, SMALL, Contractor, Phone, Roles
from tests.journeys.world import World
from tests.patience import PATIENCE

pytestmark = pytest.mark.timeout(300)

TWO = [("一.pdf", SMALL[1]), ("二.pdf", SMALL[1])]


def fall_asleep(world: World, contractor: Contractor) -> None:
    """Let more than an hour pass for everybody's sessions, and for this request's codes."""
    world.earlier("sessions", "used_at", 3601, "staff_id IS NULL")
    mine = f"SELECT s.id FROM signers s JOIN envelopes e ON e.id = s.envelope_id WHERE e.title = '{contractor.title}'"
    world.earlier("codes", "sent_at", 3601, f"signer_id IN ({mine})")


def wake(contractor: Contractor) -> None:
    """Prove oneself anew where the page asks for it."""
    assert "もう一度、本人確認をお願いします" in contractor.text
    contractor.press("コードを送る")
    contractor.submit(contractor.letter("確認コード").code)


def consents(world: World, title: str) -> int:
    where = f"envelope_id = (SELECT id FROM envelopes WHERE title = '{title}')"
    return int(
        world.one(f"SELECT count(*) FROM consents WHERE signer_id IN (SELECT id FROM signers WHERE {where})")
    )


# Back


def test_back_after_signing_leads_to_how_it_stands(world: World, roles: Roles, title: str) -> None:
    _, contractor = roles.out(title, documents=TWO, scripts=True)
    contractor.prove()
    contractor.read_on()
    contractor.complete()
    contractor.page.go_back()
    assert contractor.heading in {"署名を処理しています", "署名済みです"}, contractor.text
    contractor.press("受付の控えを表示する")
    assert contractor.heading == "署名を受け付けました"
    assert consents(world, title) == 1


def test_back_from_the_documents_offers_the_way_on(world: World, roles: Roles, title: str) -> None:
    _, contractor = roles.out(title)
    contractor.prove()
    contractor.page.go_back()
    contractor.page.go_back()
    assert contractor.title in contractor.text
    contractor.page.go_forward()
    contractor.page.go_forward()
    assert contractor.heading == "文書を確認してください"


# Two presses


@pytest.mark.parametrize("scripts", [True, False])
def test_code_and_consent_that_are_sent_twice_count_once(
    world: World, roles: Roles, title: str, *, scripts: bool
) -> None:
    _, contractor = roles.out(title, scripts=scripts)
    code = contractor.send_code()
    contractor.page.fill("#code", code)
    contractor.page.locator("form:has(#code) button[type=submit]").dblclick()
    contractor.page.wait_for_url("**/sign/*/1")
    assert contractor.heading == "文書を確認してください", contractor.text
    contractor.press("完了する")
    contractor.page.get_by_role("button", name="署名手続きを完了する").dblclick()
    contractor.page.wait_for_url("**/done")
    assert contractor.heading == "署名を受け付けました"
    world.quiet()
    assert consents(world, title) == 1
    assert len(contractor.letters("署名を受け付けました")) == 1


# Two tabs


def second_tab(contractor: Contractor, title: str, link: str) -> Contractor:
    """Another tab of the same browser, for the envelope called *title*."""
    tab = Contractor(contractor.world, contractor.context, contractor.company, title, shots=None)
    tab.link = link
    return tab


def test_two_contracts_in_two_tabs_stay_two(world: World, roles: Roles, title: str) -> None:
    _, one = roles.out(title, documents=TWO)
    elsewhere = title.replace("村道", "林道")
    _, asked = roles.out(elsewhere, documents=TWO)
    other = second_tab(one, elsewhere, asked.link)
    one.prove()
    other.prove()
    assert one.base != other.base
    one.open(f"{one.base}/2")
    assert elsewhere not in one.text
    assert elsewhere in other.text
    assert "2件中1件を表示済み" in other.text.replace("\n", "")
    one.complete()
    assert (consents(world, title), consents(world, elsewhere)) == (1, 0)
    other.read_on()
    assert elsewhere in other.text
    other.complete()
    assert (consents(world, title), consents(world, elsewhere)) == (1, 1)


def test_same_contract_in_two_tabs_is_signed_once(world: World, roles: Roles, title: str) -> None:
    _, one = roles.out(title, scripts=True)
    one.prove()
    other = second_tab(one, title, one.link)
    other.open(f"{one.base}/1")
    other.press("完了する")
    one.complete()
    other.press("署名手続きを完了する")
    other.page.wait_for_url("**/done")
    assert other.heading == "署名を受け付けました"
    assert consents(world, title) == 1
    world.quiet()
    assert len(one.letters("署名を受け付けました")) == 1


def test_who_signs_in_one_tab_cannot_decline_in_another(world: World, roles: Roles, title: str) -> None:
    _, one = roles.out(title)
    one.prove()
    other = second_tab(one, title, one.link)
    other.open(f"{one.base}/decline")
    other.pick("decline")
    other.page.fill("#reason", "やはり、やめます")
    other.press("内容を確認する")
    one.complete()
    other.press("辞退する")
    assert other.heading in {"署名を処理しています", "署名済みです"}, other.text
    assert world.state(title) != "declined"


# A session that was idle too long


@pytest.mark.parametrize("step", ["2", "confirm", "decline", "checking"])
def test_session_resumes_at_the_same_step(world: World, roles: Roles, title: str, step: str) -> None:
    _, contractor = roles.out(title, documents=TWO)
    contractor.prove()
    contractor.read_on()
    fall_asleep(world, contractor)
    contractor.open(f"{contractor.base}/{step}")
    wake(contractor)
    assert contractor.page.url == f"{world.url}{contractor.base}/{step}"


def test_reason_that_was_being_written_is_kept(world: World, roles: Roles, title: str) -> None:
    _, contractor = roles.out(title)
    contractor.prove()
    contractor.open(f"{contractor.base}/decline")
    contractor.pick("return")
    contractor.page.fill("#reason", "工期の年が違います。\n﨑の字も違います。")
    fall_asleep(world, contractor)
    contractor.press("内容を確認する")
    assert "もう一度、本人確認をお願いします" in contractor.text
    contractor.submit("000000")
    contractor.press("コードを送る")
    contractor.submit(contractor.letter("確認コード").code)
    # The browser repeats the form that was stopped: the next page, with what was written.
    assert "工期の年が違います。" in contractor.text
    contractor.press("書き直す")
    assert (
        contractor.page.input_value("#reason").replace("\r", "") == "工期の年が違います。\n﨑の字も違います。"
    )
    # The last question is asked again; nothing ends by a code alone.
    contractor.press("内容を確認する")
    fall_asleep(world, contractor)
    contractor.press("差戻しを申し出る")
    wake(contractor)
    assert world.state(title) == "out"
    assert "﨑の字も違います。" in contractor.text
    contractor.press("差戻しを申し出る")
    assert contractor.heading == "差戻しを受け付けました"


def test_note_and_day_that_were_being_written_are_kept(world: World, roles: Roles, title: str) -> None:
    clerk, contractor = roles.out(title, scripts=True)
    contractor.prove()
    contractor.open(f"{contractor.base}/checking")
    contractor.page.fill("#remind_on", "2020-01-01")
    contractor.page.fill("#note", "社長が出張中です")
    fall_asleep(world, contractor)
    contractor.press("みほん村に知らせる")
    wake(contractor)
    assert "明日から署名期限までの日を選んでください" in contractor.text
    assert contractor.page.input_value("#note") == "社長が出張中です"
    assert contractor.page.input_value("#remind_on") == "2020-01-01"
    contractor.page.fill("#remind_on", "")
    contractor.press("みほん村に知らせる")
    assert contractor.heading == "みほん村に知らせました"
    assert "社長が出張中です" in clerk.letter("【申し出】").text


def test_consent_is_asked_for_again_after_a_long_telephone_call(
    world: World, roles: Roles, title: str
) -> None:
    _, contractor = roles.out(title)
    contractor.prove()
    contractor.press("完了する")
    fall_asleep(world, contractor)
    contractor.press("署名手続きを完了する")
    wake(contractor)
    assert consents(world, title) == 0
    assert contractor.page.url.endswith("/confirm")
    contractor.press("署名手続きを完了する")
    assert contractor.heading == "署名を受け付けました"


# A browser that is gone


def test_browser_inside_the_mail_app_was_closed_to_fetch_the_code(
    world: World, roles: Roles, title: str
) -> None:
    _, first = roles.out(title, documents=TWO, scripts=True)
    code = first.send_code()
    first.context.close()
    second = roles.contractor(title)
    second.open(first.link)
    second.press("コードをお持ちの方はこちら")
    second.submit(code)
    assert second.heading == "文書を確認してください"
    second.context.close()
    third = roles.contractor(title)
    third.link = first.link
    # Where he was, without the cookie: the page says how to go on.
    assert third.open(f"{second.base}/1").status == 404
    assert third.heading == "メールのリンクから、もう一度開いてください"
    world.earlier("codes", "sent_at", 61, "true")
    third.prove()
    assert "2件中1件を表示済み" in third.text.replace("\n", "")
    third.read_on()
    third.complete()
    assert consents(world, title) == 1


# No cookies


@pytest.fixture
def bare(world: World, roles: Roles, tmp_path: Path) -> Iterator[Phone]:
    """A browser that its owner has told to take no cookies."""
    preferences = tmp_path / "Default" / "Preferences"
    preferences.parent.mkdir()
    preferences.write_text('{"profile": {"default_content_setting_values": {"cookies": 2}}}')
    context = roles.browser.browser_type.launch_persistent_context(
        tmp_path,
        executable_path=WHOLE,
        args=FLAGS,
        locale="ja-JP",
        viewport=PHONE,
        timeout=PATIENCE * 1000,
    )
    context.set_default_timeout(PATIENCE * 1000)
    yield Phone(world, context)
    context.close()


def test_who_takes_no_cookies_is_told_what_to_do(roles: Roles, title: str, bare: Phone) -> None:
    _, contractor = roles.out(title)
    bare.open(contractor.link)
    bare.press("確認コードをメールで受け取る")
    bare.submit(contractor.letter("確認コード").code)
    assert bare.context.cookies() == []
    assert bare.heading == "メールのリンクから、もう一度開いてください"
    assert "Cookie（クッキー）を受け付けない設定" in bare.text
    assert "別のブラウザー" in bare.text
    # The link is not used up by that.
    other = roles.contractor(title)
    other.link = contractor.link
    other.world.earlier("codes", "sent_at", 61, "true")
    other.prove()


def test_registration_and_sign_in_without_cookies_say_so(world: World, bare: Phone) -> None:
    bare.open("/register")
    bare.press("登録をはじめる")
    bare.page.fill("#company", "南沢工業株式会社")
    bare.press("次へ")
    assert "Cookie" in bare.text
    world.run("DELETE FROM limits")
    bare.open("/staff")
    bare.page.fill("#address", cast.NAKAMURA.address)
    bare.page.fill("#password", cast.PASSWORD)
    bare.press("次へ進む")
    assert bare.heading == "職員のログイン"
    assert "Cookie（クッキー）を受け付けない設定" in bare.text
