"""Requests that go another way: returned, declined, cancelled, extended, sent again, too late."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.journeys import cast
from tests.journeys.people import Contractor, Roles
from tests.journeys.world import World

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]


def refuse(contractor: Contractor, choice: str, reason: str) -> None:
    contractor.press("署名しない（差戻し・辞退）")
    contractor.pick(choice)
    contractor.press("内容を確認する")
    assert "理由を入力してください" in contractor.text
    contractor.page.fill("#reason", reason)
    contractor.press("内容を確認する")
    assert reason in contractor.text


def test_return_ends_the_request_and_tells_everybody_who_was_asked(
    world: World, roles: Roles, title: str
) -> None:
    clerk, first = roles.out(title, cast.TAKAHASHI, cast.MINAMI)
    first.prove()
    first.complete()
    received = first.page.url
    second = roles.contractor(title, cast.MINAMI)
    second.asked()
    second.prove()
    refuse(second, "return", "工期の年が違います")
    second.press("差戻しを申し出る")
    assert second.heading == "差戻しを受け付けました"
    assert world.state(title) == "returned"
    for letter in (second.letter("修正の申し出"), first.letter("修正の申し出"), clerk.letter("【差戻し】")):
        assert "工期の年が違います" in letter.text
    for one in (first, second):
        one.open(one.link)
        assert one.heading == "この依頼は差し戻されました"
    # Who had signed is not left with a page that waits for others.
    first.open(received)
    assert first.heading == "この依頼は差し戻されました"
    world.quiet()
    assert world.post.letters(cast.KITAZAWA.address, about=title) == []
    clerk.envelope_page()
    assert "工期の年が違います" in clerk.text


def test_decline_ends_the_request(world: World, roles: Roles, title: str) -> None:
    clerk, contractor = roles.out(title)
    contractor.open(contractor.link)
    contractor.press("署名しない（差戻し・辞退）")
    assert contractor.heading == "確認コードを入力してください"
    contractor.press("コードを送る")
    assert "差戻し・辞退の申し出" in contractor.text
    contractor.submit(contractor.letter("確認コード").code)
    assert contractor.heading == "署名しない理由を選んでください"
    contractor.pick("decline")
    contractor.page.fill("#reason", "人手が足りません")
    contractor.press("内容を確認する")
    contractor.press("書き直す")
    assert contractor.page.input_value("#reason") == "人手が足りません"
    contractor.press("内容を確認する")
    assert world.state(title) == "out"
    contractor.press("辞退する")
    assert contractor.heading == "辞退を受け付けました"
    assert world.state(title) == "declined"
    assert "人手が足りません" in clerk.letter("【辞退】").text
    contractor.letter("署名の辞退を受け付けました")
    contractor.open(contractor.link)
    assert contractor.heading == "この依頼は辞退されました"


def test_cancelled_request_says_so_and_the_contractor_in_the_middle_cannot_complete(
    world: World, roles: Roles, title: str
) -> None:
    clerk, contractor = roles.out(title)
    contractor.prove()
    contractor.press("完了する")
    clerk.envelope_page()
    clerk.page.click("summary:has-text('依頼を取り消す')")
    clerk.press("依頼を取り消す")
    assert "理由を入力してください" in clerk.text
    clerk.page.fill("#reason", "設計を変えるため")
    clerk.press("依頼を取り消す")
    assert "取消" in clerk.text
    contractor.press("署名手続きを完了する")
    assert contractor.heading == "この依頼は取り消されました"
    assert world.state(title) == "cancelled"
    assert "設計を変えるため" in contractor.letter("取り消しました").text
    assert "設計を変えるため" in clerk.letter("取り消しました").text
    assert "順番を待っています" not in clerk.text
    contractor.open(contractor.link)
    assert contractor.heading == "この依頼は取り消されました"
    assert world.one("SELECT count(*) FROM key_uses WHERE document_id IN " + documents(title)) == 0


def documents(title: str) -> str:
    return (
        f"(SELECT d.id FROM documents d JOIN envelopes e ON e.id = d.envelope_id WHERE e.title = '{title}')"
    )


def test_extension_keeps_the_link(world: World, roles: Roles, title: str) -> None:
    clerk, contractor = roles.out(title)
    until = date.today() + timedelta(days=40)  # noqa: DTZ011 -- far from every midnight
    clerk.envelope_page()
    clerk.page.click("summary:has-text('期限を延ばす')")
    clerk.page.fill("#deadline_on", until.isoformat())
    clerk.press("期限を延ばす")
    said = f"{until.year}年{until.month}月{until.day}日"
    assert said in clerk.text
    letter = contractor.letter("署名期限を延ばしました")
    assert said in letter.text
    contractor.open(contractor.link)
    assert said in contractor.text
    contractor.prove()
    contractor.complete()


def test_request_sent_again_ends_the_old_link(world: World, roles: Roles, title: str) -> None:
    clerk, contractor = roles.out(title)
    contractor.prove()
    clerk.envelope_page()
    clerk.page.click("summary:has-text('依頼メールを送り直す')")
    clerk.press("送り直す")
    fresh = contractor.letter("新しいリンクのご案内").link
    assert fresh != contractor.link
    assert contractor.open(f"{contractor.base}/1").status == 404
    assert contractor.open(contractor.link).status == 410
    assert contractor.heading == "新しいリンクが届いています"
    contractor.link = fresh
    world.earlier("codes", "sent_at", 120, "true")
    contractor.prove()
    contractor.complete()


def test_old_link_offers_the_new_one_to_the_registered_address(
    world: World, roles: Roles, title: str
) -> None:
    clerk, contractor = roles.out(title)
    clerk.envelope_page()
    clerk.page.click("summary:has-text('依頼メールを送り直す')")
    clerk.press("送り直す")
    fresh = contractor.letter("新しいリンクのご案内").link
    stranger = roles.stranger(scripts=False)
    stranger.open(contractor.link)
    stranger.press("登録済みのアドレスに新しいリンクを送る")
    assert stranger.heading == "新しいリンクを送りました"
    again = contractor.letter("新しいリンクのご案内").link
    assert contractor.open(again).status == 200
    # The same link once more; only its outer bound may differ.
    assert contractor.open(fresh).status == 200
    assert world.state(title) == "out"


def test_past_deadline_ends_the_request_until_staff_extend_it(world: World, roles: Roles, title: str) -> None:
    clerk, contractor = roles.out(title)
    contractor.prove()
    contractor.press("完了する")
    yesterday = (datetime.now(UTC) + timedelta(hours=9)).date() - timedelta(days=1)
    world.run(f"UPDATE envelopes SET deadline_on = '{yesterday}' WHERE title = '{title}'")
    contractor.press("署名手続きを完了する")
    assert contractor.heading == "署名期限が過ぎました"
    # Only the link can ask for more time, and this page is not behind it.
    assert "メールのリンクをもう一度開いて" in contractor.text
    world.restart("bot")  # its clock ticks at once instead of within a minute
    contractor.letter("署名期限が過ぎました")
    clerk.letter("署名期限が過ぎました")
    assert world.state(title) == "expired"
    assert contractor.open(contractor.link).status == 410
    assert contractor.heading == "署名期限が過ぎました"
    assert "もう一度開いて" not in contractor.text
    contractor.press("期限の延長をみほん村に依頼する")
    assert "期限の延長の依頼を受け付けました" in contractor.text
    assert "延ばしてほしい" in clerk.letter("【申し出】").text
    assert world.state(title) == "expired"

    clerk.envelope_page()
    clerk.page.click("summary:has-text('期限を延ばす')")
    clerk.page.fill("#deadline_on", (yesterday + timedelta(days=10)).isoformat())
    clerk.press("期限を延ばす")
    contractor.letter("署名期限を延ばしました")
    contractor.open(contractor.link)
    contractor.press("続きから開く")
    contractor.complete()
    contractor.letter("署名を受け付けました")


def test_wrong_person_is_a_note_to_staff_and_changes_nothing(world: World, roles: Roles, title: str) -> None:
    clerk, contractor = roles.out(title)
    stranger = roles.stranger(scripts=False)
    stranger.open(contractor.link)
    stranger.press("宛先が違う・担当者が変わった")
    stranger.pick("changed")
    stranger.page.fill("#note", "今の担当は佐々木です")
    stranger.page.locator("form:has(#note) button").first.click()
    assert stranger.heading == "みほん村に知らせました"
    assert "今の担当は佐々木です" in clerk.letter("【申し出】").text
    assert world.state(title) == "out"
    contractor.prove()


def test_still_looking_is_told_and_the_request_goes_on(world: World, roles: Roles, title: str) -> None:
    clerk, contractor = roles.out(title)
    contractor.prove()
    contractor.open(f"{contractor.base}/decline")
    contractor.press("社内で確認中と知らせる")
    contractor.page.fill("#remind_on", "2020-01-01")
    contractor.press("みほん村に知らせる")
    assert "明日から署名期限までの日を選んでください" in contractor.text
    chosen = (datetime.now(UTC) + timedelta(hours=9)).date() + timedelta(days=2)
    contractor.page.fill("#remind_on", chosen.isoformat())
    contractor.page.fill("#note", "社長が出張中です")
    contractor.press("みほん村に知らせる")
    assert contractor.heading == "みほん村に知らせました"
    letter = clerk.letter("【申し出】").text
    assert "社内で確認中" in letter
    assert "社長が出張中です" in letter
    assert world.state(title) == "out"
    contractor.open(f"{contractor.base}/1")
    contractor.complete()


def test_discarded_draft_asks_nobody(world: World, roles: Roles, title: str) -> None:
    clerk = roles.clerk(title)
    clerk.forward()
    clerk.sign_in(next_to=clerk.letter("受け付けました（下書き）").link)
    clerk.page.click("summary:has-text('下書きを破棄する')")
    clerk.press("この下書きを破棄する")
    world.quiet()
    assert world.state(title) == "discarded"
    assert world.post.letters(cast.TAKAHASHI.address, about=title) == []


def test_a_second_clerk_who_was_slower_sees_how_it_stands_now(
    world: World, roles: Roles, title: str, tmp_path: Path
) -> None:
    clerk, _ = roles.out(title)
    clerk.envelope_page()
    other = roles.clerk(title)
    other.sign_in()
    other.envelope_page()
    clerk.page.click("summary:has-text('依頼メールを送り直す')")
    clerk.press("送り直す")
    other.page.click("summary:has-text('依頼を取り消す')")
    other.page.fill("#reason", "遅かった")
    other.press("依頼を取り消す")
    assert "先に変更されています" in other.text
    assert world.state(title) == "out"
