"""kill -9 around commands by reply: each is carried out once, its digits are spent once, nobody has to ask twice."""

import json
from dataclasses import replace

import pyotp
import pytest

from bot.commands import ORDERED
from envelopes.actions import operating, replying
from envelopes.records import history, store
from envelopes.records.models import Credential, Envelope, Mail, Staff
from envelopes.rules.errors import Reason
from envelopes.rules.replies import Outcome
from envelopes.rules.states import State
from envelopes.settings import Settings
from tests.crash.scene import CLERK, CONTRACTOR, Scene, require_intake_empty, require_mails

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

TITLE = "村道1号線舗装工事"
STEP = 30  # seconds for which a phone shows the same digits
# At least so many deaths, or the story did not pass there: before and after each of the passages.
PLACES = {"apply": 2 * 4, "spend": 2 * 3, "move": 2 * 4, "send": 2 * 8, "done": 2 * 15}
DUE = (
    ("draft_mail", CLERK),
    ("command_mail", CLERK),  # 送信
    ("sent_mail", CLERK),
    ("request_mail", CONTRACTOR),
    ("command_mail", CLERK),  # 取消
    ("cancelled_mail", CONTRACTOR),
    ("cancelled_mail", CLERK),
    ("command_mail", CLERK),  # the same digits once more
)


async def enrol(scene: Scene) -> str:
    """Let the clerk set up his phone for replies, some time ago, in a town whose mail is sound; returns the seed."""
    services = replace(scene.services, settings=Settings.model_validate(scene.values))
    await operating.note_mail(services, [])
    staff = await Staff.get(id=scene.town.drafter.id)
    seed = replying.offered(services, staff).secret
    await replying.enrol(services, staff, code=pyotp.TOTP(seed).now())
    await Credential.filter(staff_id=staff.id, kind="reply").update(last_step=0)
    return seed


@pytest.mark.parametrize("place", PLACES)
async def test_killed_at_every_passage_each_order_is_carried_out_once(scene: Scene, place: str) -> None:
    seed = await enrol(scene)
    bots = [scene.start("bot", die_at=place) for _ in range(1 if scene.town.engine.is_sqlite else 2)]
    await scene.forward(TITLE)
    shown = pyotp.TOTP(seed).at(scene.services.now().timestamp() - 3 * STEP)
    await scene.reply(f"送信 {shown}", to="（下書き）")
    await scene.asked(TITLE, 1)  # or the request would be pointless before it is written
    step = int(scene.services.now().timestamp()) // STEP
    shown = pyotp.TOTP(seed).generate_otp(step)
    await scene.reply(f"取消 {shown} 設計を変えるため", to="相手方に送りました")
    await scene.reach(TITLE, State.CANCELLED)
    await scene.reply(f"再送 {shown}", to="相手方に送りました")
    await scene.quiet()
    assert [await bot.end() for bot in bots] == [0] * len(bots)

    envelope = await Envelope.get(title=TITLE)
    assert (await store.snapshot(id=envelope.id)).state is State.CANCELLED
    facts = await history.payloads(history.Subject.ENVELOPE, envelope.id)
    kinds = [fact.kind for fact, _ in facts]
    assert [kinds.count(kind) for kind in ("opened", "confirmed", "prepared", "cancelled")] == [1, 1, 1, 1]
    assert [said["verb"] for fact, said in facts if fact.kind == ORDERED and said] == ["送信", "取消"]
    assert [broken async for broken in history.verify()] == []

    outcomes = [
        Outcome.from_json(json.loads(mail.answer or "{}")) for mail in await Mail.all().order_by("id")[1:]
    ]
    assert [outcome.reason for outcome in outcomes] == [None, None, Reason.REPLY_CODE_SPENT]
    stored = await Credential.get(staff_id=scene.town.drafter.id, kind="reply")
    assert (stored.last_step, stored.wrong) == (step, 0)

    await require_mails(scene, DUE)
    await require_intake_empty(scene)
    assert len(scene.lines("killed")) >= PLACES[place]
    assert not any(" ERROR " in bot.said for bot in bots)
