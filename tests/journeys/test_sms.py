"""A contractor proves himself by a code by SMS besides the one by mail: from the draft to the certificate."""

import re

import pytest

from tests.journeys import cast
from tests.journeys.people import Contractor, Roles
from tests.journeys.test_link import minute
from tests.journeys.world import World

pytestmark = pytest.mark.timeout(300)


def sent_out(roles: Roles, title: str, *, scripts: bool = True, shots: bool = False) -> Contractor:
    """Let the clerk choose SMS on the draft's page; the contractor has the request mail."""
    clerk = roles.clerk(title, shots=shots)
    clerk.forward(cast.MINAMI, kind="請書")
    draft = clerk.letter("受け付けました（下書き）")
    clerk.sign_in(next_to=draft.link)
    assert "080-****-5678" in clerk.text
    clerk.pick("sms")
    clerk.shot("sms-01-draft")
    clerk.press("内容を確認して送信する")
    contractor = roles.contractor(title, cast.MINAMI, scripts=scripts, shots=shots)
    contractor.asked()
    return contractor


def newest(world: World) -> str:
    """The digits of the newest SMS."""
    found = re.search(r"コード (\d{6})", world.gateway.texts(cast.MINAMI.mobile)[-1])
    assert found is not None
    return found[1]


def test_the_whole_way_with_a_code_by_sms(world: World, roles: Roles, title: str) -> None:
    contractor = sent_out(roles, title, shots=True)
    contractor.open(contractor.link)
    assert "SMSで届く6けたの確認コードも" in contractor.text
    contractor.submit(contractor.send_code())
    assert contractor.heading == "携帯電話にSMSを送ります"
    assert "080-****-5678" in contractor.text
    contractor.shot("sms-02-send")
    before = len(world.gateway.texts(cast.MINAMI.mobile))
    contractor.press("SMSを送る")
    assert contractor.heading == "SMSで届いた確認コードを入力してください"
    assert contractor.page.get_attribute("#code", "autocomplete") == "one-time-code"
    contractor.shot("sms-03-code")
    assert len(world.gateway.texts(cast.MINAMI.mobile)) == before + 1
    contractor.submit(newest(world))
    assert contractor.heading == "文書を確認してください", contractor.text
    contractor.complete()
    world.wait_state(title, "completed")
    clerk = roles.clerk(title)
    clerk.envelope_page()
    for sign in ("本人確認：メール＋SMSの確認コード", "SMSの確認コードを送りました"):
        assert sign in clerk.text
    assert contractor.script_errors == []


def test_without_scripts_a_refusal_is_said_at_once_and_the_next_sms_works(
    world: World, roles: Roles, title: str
) -> None:
    contractor = sent_out(roles, title, scripts=False)
    contractor.submit(contractor.send_code())
    world.gateway.statuses = [422]
    contractor.press("SMSを送る")
    assert "SMSを送れませんでした" in contractor.text
    assert contractor.page.locator("#code").count() == 0
    clerk = roles.clerk(title)
    clerk.envelope_page()
    assert "番号を相手方に確かめ、台帳で直してください" in clerk.text
    minute(world, contractor)
    contractor.press("SMSを送る")
    assert contractor.heading == "SMSで届いた確認コードを入力してください"
    # Back, and once more: the same page, and no other SMS.
    calls = len(world.gateway.calls)
    contractor.page.go_back()
    contractor.page.go_forward()
    assert len(world.gateway.calls) == calls
    contractor.submit(newest(world))
    contractor.complete()
    world.wait_state(title, "completed")


def test_a_hook_that_stands_still_for_a_while_costs_only_time(world: World, roles: Roles, title: str) -> None:
    contractor = sent_out(roles, title, scripts=False)
    contractor.submit(contractor.send_code())
    world.gateway.statuses = [503]
    before = len(world.gateway.calls)
    contractor.press("SMSを送る")
    world.wait(lambda: len(world.gateway.calls) == before + 2, "the second attempt")
    assert len(set(world.gateway.calls[before:])) == 1
    world.quiet()
    contractor.submit(newest(world))
    assert contractor.heading == "文書を確認してください", contractor.text
    assert not any(cast.MINAMI.mobile[3:] in world.log(door) for door in ("portal", "bot"))
