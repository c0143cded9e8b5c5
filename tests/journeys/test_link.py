"""A link without the mailbox opens nothing: codes, their limits, and the person who comes back later."""

import pytest

from tests.journeys.people import Contractor, Phone, Roles
from tests.journeys.world import World

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]


def wrong(code: str) -> str:
    """Six digits that are not the code."""
    return f"{(int(code) + 1) % 1_000_000:06}"


def minute(world: World, contractor: Contractor) -> None:
    """Let a little more than a minute pass for this request's codes."""
    mine = f"SELECT s.id FROM signers s JOIN envelopes e ON e.id = s.envelope_id WHERE e.title = '{contractor.title}'"
    world.earlier("codes", "sent_at", 61, f"signer_id IN ({mine})")


def ask(phone: Phone, contractor: Contractor) -> str:
    """Ask for a code on *phone* and return what came to the contractor's mailbox."""
    phone.open(contractor.link)
    phone.press("確認コードをメールで受け取る")
    return contractor.letter("確認コード").code


def test_code_is_spent_after_five_tries(roles: Roles, title: str) -> None:
    _, contractor = roles.out(title)
    code = ask(contractor, contractor)
    for left in (4, 3, 2, 1):
        contractor.submit(wrong(code))
        assert f"残り{left}回" in contractor.text
    contractor.submit(wrong(code))
    assert "間違いが続いたため、このコードは使えません" in contractor.text
    contractor.submit(code)
    assert contractor.heading == "確認コードを入力してください"


def test_twenty_wrong_codes_renew_the_link_and_tell_the_registered_address(
    world: World, roles: Roles, title: str
) -> None:
    _, contractor = roles.out(title)
    stranger = roles.stranger(scripts=False)
    for _ in range(4):
        world.run("DELETE FROM limits")  # a day between each round
        minute(world, contractor)
        code = ask(stranger, contractor)
        for _ in range(5):
            stranger.submit(wrong(code))
    assert stranger.heading == "このリンクは使えなくなりました"
    assert world.state(title) == "out"
    fresh = contractor.letter("新しいリンクのご案内")
    assert stranger.open(contractor.link).status == 410
    stranger.open(f"{contractor.link}/code")
    assert stranger.page.locator("#code").count() == 0
    contractor.link = fresh.link
    minute(world, contractor)
    world.run("DELETE FROM limits")
    contractor.prove()
    contractor.complete()


def test_codes_are_sent_a_minute_apart_and_three_an_hour(world: World, roles: Roles, title: str) -> None:
    _, contractor = roles.out(title)
    stranger = roles.stranger(scripts=False, agent="Yosomono/1.0")
    ask(stranger, contractor)
    assert stranger.status(f"{contractor.link}/code", "POST") == 429
    for _ in range(2):
        minute(world, contractor)
        ask(stranger, contractor)
    minute(world, contractor)
    assert stranger.status(f"{contractor.link}/code", "POST") == 429
    stranger.open(contractor.link)
    stranger.press("確認コードをメールで受け取る")
    assert "上限に達しました" in stranger.text
    # What a stranger has used up is his own share; the contractor gets his code.
    minute(world, contractor)
    contractor.prove()
    assert len(contractor.letters("確認コード")) == 4


def test_total_of_all_browsers_is_limited(world: World, roles: Roles, title: str) -> None:
    _, contractor = roles.out(title)
    sent = [_send(world, roles, contractor, number) for number in range(36)]
    assert 303 in sent
    assert sent.count(303) <= 30
    assert sent[-1] == 429
    world.quiet()
    # A code that a newer one has ended is not even mailed.
    assert 1 <= len(contractor.letters("確認コード")) <= 30


def _send(world: World, roles: Roles, contractor: Contractor, number: int) -> int:
    minute(world, contractor)
    answer = contractor.context.request.fetch(
        f"{contractor.link}/code",
        method="POST",
        headers={"User-Agent": f"Browser/{number // 3}"},
        max_redirects=0,
    )
    return answer.status


def test_code_that_came_too_late_is_answered_with_a_new_one(world: World, roles: Roles, title: str) -> None:
    _, contractor = roles.out(title)
    code = ask(contractor, contractor)
    for _ in range(11):
        minute(world, contractor)
    contractor.submit(code)
    assert "有効時間が過ぎたため、新しいコードを送りました" in contractor.text
    contractor.submit(contractor.letter("確認コード").code)
    assert contractor.heading == "文書を確認してください"


def test_only_the_newest_code_works_and_only_once(world: World, roles: Roles, title: str) -> None:
    _, contractor = roles.out(title)
    first = ask(contractor, contractor)
    minute(world, contractor)
    second = ask(contractor, contractor)
    contractor.submit(first)
    assert "残り4回" in contractor.text
    contractor.submit(second)
    assert contractor.heading == "文書を確認してください"
    other = roles.stranger(scripts=False)
    other.open(f"{contractor.link}/code")
    other.submit(second)
    assert other.heading == "確認コードを入力してください"


def test_code_may_be_typed_on_another_browser_and_both_sides_hear_of_it(
    world: World, roles: Roles, title: str
) -> None:
    clerk, contractor = roles.out(title)
    code = ask(contractor, contractor)
    desktop = roles.contractor(title)
    desktop.open(contractor.link)
    desktop.press("コードをお持ちの方はこちら")
    desktop.submit(_full_width(code))
    assert desktop.heading == "文書を確認してください"
    desktop.complete()
    assert contractor.status(f"{desktop.base}/done") == 404
    for letter in (contractor.letter("別の端末で本人確認"), clerk.letter("別の端末で本人確認")):
        assert "別の端末またはブラウザーで、コードが入力され" in letter.text
    clerk.envelope_page()
    assert "別の端末またはブラウザーで" in clerk.text


def _full_width(code: str) -> str:
    return "".join(chr(ord(digit) + 0xFEE0) for digit in code)


def test_session_that_was_idle_too_long_goes_on_after_a_new_code(
    world: World, roles: Roles, title: str
) -> None:
    documents = [("一.pdf", _pdf()), ("二.pdf", _pdf())]
    _, contractor = roles.out(title, documents=documents)
    contractor.prove()
    contractor.read_on()
    world.earlier("sessions", "used_at", 3601, "staff_id IS NULL")
    minute(world, contractor)
    contractor.press("完了する")
    assert "もう一度、本人確認をお願いします" in contractor.text
    contractor.press("コードを送る")
    contractor.submit(contractor.letter("確認コード").code)
    # What was read stays read, and the last question is asked again.
    assert "署名手続きを完了しますか" in contractor.text
    assert "まだ表示していません" not in contractor.text
    contractor.press("署名手続きを完了する")
    assert world.state(title) in {"signing", "out"}


def _pdf() -> bytes:
    from tests.papers.odd import plain, saved

    return saved(plain(1))


def test_empty_and_misshapen_codes_cost_no_try(roles: Roles, title: str) -> None:
    _, contractor = roles.out(title)
    code = ask(contractor, contractor)
    for typed, said in (("", "入力してください"), ("12345", "6けたの数字"), ("abcdef", "6けたの数字")):
        contractor.submit(typed)
        assert said in contractor.text
    contractor.submit(wrong(code))
    assert "残り4回" in contractor.text


def test_page_images_are_kept_by_the_browser_for_the_session_alone(roles: Roles, title: str) -> None:
    _, contractor = roles.out(title, scripts=True)
    contractor.prove()
    picture = contractor.page.locator("figure img").first
    picture.evaluate("one => one.decode()")
    image = str(picture.evaluate("one => one.currentSrc"))
    headers = contractor.context.request.get(image).headers
    assert headers["cache-control"] == "private, max-age=3600, immutable"
    assert headers["vary"] == "Cookie"
    kept: list[bool] = []
    log = contractor.context.new_cdp_session(contractor.page)
    log.send("Network.enable")
    log.on("Network.responseReceived", lambda event: kept.append(event["response"]["fromDiskCache"]))
    assert contractor.open(image).status == 200
    assert kept == [True]
    contractor.context.clear_cookies()
    assert contractor.open(image).status == 404
    assert kept[1] is False
