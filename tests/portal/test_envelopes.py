"""The envelope's page for staff, as it stands between two states."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import html  # type: ignore[import-untyped]

from envelopes.actions import signer
from envelopes.actions.signer import Refusal
from envelopes.actions.worker import windows
from envelopes.records.blobs import Blobs
from envelopes.records.models import Envelope
from envelopes.rules.kinds import Kind
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import State
from envelopes.rules.tokens import Purpose
from portal import desk
from tests.engines import SMALL, Town
from tests.portal.test_evidence import Client, asked, signed_in
from tests.portal.test_factor import FORM, get

pytestmark = pytest.mark.engines


async def post(client: Client, path: str, **fields: str) -> tuple[int, str]:
    async with client.post(path, data=fields, headers=FORM, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_who_has_just_signed_is_waited_for_no_more(town: Town) -> None:
    shot = await town.out(kind=Kind.ACCEPTANCE)
    page = f"/staff/envelopes/{shot.envelope.ref}"
    async with signed_in(town, town.drafter) as client:
        assert "署名を待っています" in (await get(client, page))[2]
        await town.consent(shot)
        said = (await get(client, page))[2]
    assert "に署名を受け付け、PDFに付けています" in said
    assert "この画面は自動では変わりません" in said
    assert "署名を待っています" not in said


async def test_after_the_window_staff_are_led_to_the_evidence_by_a_portal_without_the_archives_key(
    town: Town,
) -> None:
    shot = await town.completed()
    page = f"/staff/envelopes/{shot.envelope.ref}"
    apart = replace(
        town,
        services=replace(town.services, blobs=Blobs(town.engine.files(), town.engine.keyring(bot=False))),
    )
    async with signed_in(apart, town.drafter) as client:
        for name in ("/pdf", "/signed.pdf", "", f"/1-{SMALL[0]}.webp"):
            assert (await asked(client, f"{page}/1{name}"))[0] == 200
        town.clock.forward(days=30)
        await windows.close_window(town.services, shot.envelope.id)
    async with signed_in(apart, town.drafter) as client:
        said = (await get(client, page))[2]
        assert "下の「証拠一式」に入っています" in said
        assert "署名前の文書" not in said
        for name in ("1/pdf", "1/signed.pdf", "certificate.pdf", "1", f"1/1-{SMALL[0]}.webp"):
            status, body = await asked(client, f"{page}/{name}")
            assert status == 410
            assert "「証拠一式」から受け取ってください" in body.decode()


@pytest.mark.parametrize(
    ("refusal", "word", "other"),
    [(Refusal.DECLINE, "に辞退", "に差戻し"), (Refusal.RETURN, "に差戻し", "に辞退")],
)
async def test_a_refusal_is_called_by_its_own_name(
    town: Town, refusal: Refusal, word: str, other: str
) -> None:
    shot = await town.out()
    await signer.refuse(town.services, shot.signers[0].ref, refusal, "工期の年が違います")
    async with signed_in(town, town.drafter) as client:
        said = (await get(client, f"/staff/envelopes/{shot.envelope.ref}"))[2]
    assert word in said
    assert other not in said


@pytest.mark.parametrize(("deadline", "offered"), [(3, 4), (-2, 0)])
async def test_the_new_deadline_that_is_offered_is_one_that_is_taken(
    town: Town, deadline: int, offered: int
) -> None:
    shot, today = await town.out(), jst_day(town.clock())
    page = f"/staff/envelopes/{shot.envelope.ref}"
    await Envelope.filter(id=shot.envelope.id).update(deadline_on=today + timedelta(days=deadline))
    async with signed_in(town, town.drafter) as client:
        _, body = await asked(client, page)
        field = html.document_fromstring(body).xpath("//input[@name='deadline_on']")[0]
        assert field.get("value") == field.get("min") == (today + timedelta(days=offered)).isoformat()
        said = dict(next(field.iterancestors("form")).form_values())
        assert (await post(client, f"{page}/extend", **said))[0] == 303


async def test_a_new_deadline_is_read_as_in_a_mail_and_kept_until_it_can_be(town: Town) -> None:
    shot, today = await town.out(), jst_day(town.clock())
    page, later = f"/staff/envelopes/{shot.envelope.ref}", today + timedelta(days=30)
    version = str(shot.envelope.version)
    async with signed_in(town, town.drafter) as client:
        for said in ("来月のどこか", today.isoformat()):
            status, body = await post(client, f"{page}/extend", version=version, deadline_on=said)
            assert status == 422
            assert html.document_fromstring(body).xpath("//input[@name='deadline_on']/@value") == [said]
        written = f"{later.year}年{later.month}月{later.day}日"
        assert (await post(client, f"{page}/extend", version=version, deadline_on=written))[0] == 303
    assert (await town.again(shot)).envelope.deadline_on == later


async def test_a_request_whose_deadline_is_as_late_as_may_be_is_not_offered_a_later_one(town: Town) -> None:
    shot = await town.out()
    last = jst_day(town.clock()) + timedelta(days=town.services.policy.deadline_max_days)
    await Envelope.filter(id=shot.envelope.id).update(deadline_on=last)
    async with signed_in(town, town.drafter) as client:
        assert "期限を延ばす" not in (await get(client, f"/staff/envelopes/{shot.envelope.ref}"))[2]


async def test_what_is_open_stays_on_the_desk_however_much_has_ended_since(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "_ENDED", 1)
    old = await town.out()
    for n in range(2):
        shot = await town.out()
        await Envelope.filter(id=shot.envelope.id).update(
            title=f"終わった工事{n}", state=State.CANCELLED.value
        )
    async with signed_in(town, town.drafter) as client:
        said = (await get(client, "/staff"))[2]
    assert old.envelope.title in said
    assert "終わった工事1" in said
    assert "終わった工事0" not in said


async def test_openings_of_the_link_are_shown_for_what_they_are(town: Town) -> None:
    shot = await town.out()
    one, page = shot.signers[0], f"/staff/envelopes/{shot.envelope.ref}"
    link = f"/s/{town.services.link(Purpose.REQUEST, one.ref, one.generation)}"
    async with signed_in(town, town.drafter) as client:
        assert "リンクへのアクセス" not in (await get(client, page))[2]
        for _ in range(2):
            await get(client, link)
        said = (await get(client, page))[2]
    assert "まで延べ2回（メールの自動検査のこともあります）" in said


async def test_only_to_whoever_signs_is_it_said_which_documents_he_has_seen(town: Town) -> None:
    shot = await town.sign(await town.consent(await town.out(documents=2)))
    page = f"/staff/envelopes/{shot.envelope.ref}/1"
    async with signed_in(town, town.drafter) as client:
        said = (await get(client, page))[2]
        assert "表示済み" not in said
        assert "未表示" not in said
    async with signed_in(town, town.village) as client:
        said = (await get(client, page))[2]
        assert "表示済み" in said
        assert "未表示" in said
