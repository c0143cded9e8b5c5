"""The draft's page: questions are answered one by one, and what was read can be written anew."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from lxml import html  # type: ignore[import-untyped]

from envelopes.actions import registrar, revising, staff
from envelopes.records import sessions
from envelopes.records.models import Document, Envelope, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.addresses import AddressKind
from envelopes.rules.errors import Reason
from envelopes.rules.lines import scan
from envelopes.rules.schedule import jst_day
from envelopes.texts import say
from portal.app import create_app
from tests.engines import Town
from tests.portal.test_evidence import signed_in

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    """A browser in which the drafter is signed in."""
    cookie, session = await sessions.start(now=town.clock(), staff_id=town.drafter.id)
    await sessions.prove_staff(session, now=town.clock())
    async with TestClient(TestServer(create_app(town.services)), cookies={"fukan-staff": cookie}) as made:
        yield made


async def post(client: Client, shot: Snapshot, verb: str, **fields: str) -> tuple[int, str]:
    made = {"version": str(shot.envelope.version), **fields}
    headers = {"Origin": str(client.make_url("/")).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    address = f"/staff/drafts/{shot.envelope.ref}/{verb}"
    answer = await client.post(address, data=made, headers=headers, allow_redirects=False)
    return answer.status, await answer.text()


async def page(client: Client, shot: Snapshot) -> str:
    answer = await client.get(f"/staff/drafts/{shot.envelope.ref}")
    assert answer.status == 200
    return await answer.text()


async def asked(town: Town) -> Snapshot:
    """A draft that asks one question."""
    shot = await town.draft()
    actor, ref = staff.actor_of(town.drafter), shot.envelope.ref
    tomorrow = jst_day(town.clock()) + timedelta(days=1)
    said = scan(f"着工日：{tomorrow.isoformat()}", day=jst_day(town.clock())).statements
    version = shot.envelope.version
    assert await revising.revise(town.services, actor, ref, version=version, statements=said) == ()
    return await town.again(shot)


async def test_a_question_is_answered_before_the_draft_goes_out(town: Town, client: Client) -> None:
    shot = await asked(town)
    words = await page(client, shot)
    assert "対象外の確認" in words
    assert "履行開始日" in words
    status, words = await post(client, shot, "confirm", village_signer=town.village.ref)
    assert status == 422
    assert "対象外の確認に答えてください" in words
    fields = {"village_signer": town.village.ref, "answer_excluded-start": "1"}
    status, _ = await post(client, shot, "confirm", **fields)
    assert status == 303
    assert (await town.again(shot)).envelope.state == "preparing"


async def test_what_was_read_can_be_written_anew(town: Town, client: Client) -> None:
    shot = await town.draft()
    fields = html.document_fromstring(await page(client, shot)).xpath("//form[contains(@action,'revise')]")[0]
    posted = {name: value for name, value in fields.form_values() if name != "version"}
    assert posted["fix_amount"] == "12,300,000円（税込）"
    status, words = await post(client, shot, "revise", **posted)
    assert (status, "直すところを書き換えてください" in words) == (422, True)
    status, words = await post(client, shot, "revise", **{**posted, "fix_amount": "壱千万円"})
    assert status == 422
    found = html.document_fromstring(words)
    assert found.xpath("//*[@id='fix_amount-e']") != []
    assert found.xpath("//input[@id='fix_amount']/@value") == ["壱千万円"]
    assert found.xpath("//details[@id='correct']/@open") == [""]
    status, _ = await post(client, shot, "revise", **{**posted, "fix_amount": "1,000万円（税抜）"})
    assert status == 303
    assert "下書きの画面で直しました" in await page(client, shot)
    assert (await town.again(shot)).envelope.amount == 10_000_000


async def test_the_section_in_charge_can_be_written_anew(town: Town, client: Client) -> None:
    shot = await town.draft()
    other = await registrar.add_section(
        town.services, code="kankyo", name="環境課", email="kankyo@vill-mihon.example"
    )
    fields = html.document_fromstring(await page(client, shot)).xpath("//form[contains(@action,'revise')]")[0]
    posted = {name: value for name, value in fields.form_values() if name != "version"}
    assert posted["fix_section"] == ""
    status, _ = await post(client, shot, "revise", **{**posted, "fix_section": "環境課"})
    assert status == 303
    shot = await town.again(shot)
    assert shot.envelope.section_id == other.id
    words = await page(client, shot)
    assert "環境課" in words
    # Whoever drafted it for another section does not send it.
    assert "内容を確認して送信する" not in words
    status, _ = await post(client, shot, "revise", **{**posted, "fix_section": ""})
    assert status == 303
    assert (await town.again(shot)).envelope.section_id == town.section.id


async def test_what_is_odd_about_a_file_stands_beside_it(town: Town, client: Client) -> None:
    shot = await town.draft(documents=2)
    await Document.filter(id=shot.documents[1].id).update(warnings="pdf-no-text,pdf-layers")
    first, second = html.document_fromstring(await page(client, shot)).xpath("//details[@class='doc']")
    assert first.xpath(".//p[@class='note']") == []
    notes = [note.text for note in second.xpath(".//p[@class='note']")]
    assert [say(Reason.PDF_NO_TEXT), say(Reason.PDF_LAYERS)] == notes


async def test_who_corrects_after_a_colleague_keeps_what_he_typed_and_sees_what_stands_there_now(
    town: Town, client: Client
) -> None:
    shot = await town.draft()
    fields = html.document_fromstring(await page(client, shot)).xpath("//form[contains(@action,'revise')]")[0]
    posted = {name: value for name, value in fields.form_values() if name != "version"}
    assert (await post(client, shot, "revise", **{**posted, "fix_amount": "1,000万円（税抜）"}))[0] == 303
    status, words = await post(client, shot, "revise", **{**posted, "fix_note": "よろしくお願いします。"})
    assert status == 409
    found = html.document_fromstring(words)
    assert say(Reason.STALE) in words
    assert found.xpath("//textarea[@id='fix_note']")[0].text_content() == "よろしくお願いします。"
    assert "備考は、いま空欄です" in found.xpath("//*[@id='fix_note-e']")[0].text_content()
    assert found.xpath("//input[@id='fix_amount']/@value") == [posted["fix_amount"]]
    assert "金額は、いま「1,000万円（税抜）」です" in found.xpath("//*[@id='fix_amount-e']")[0].text_content()
    assert found.xpath("//*[@id='fix_title-e']") == []
    again = dict(found.xpath("//form[contains(@action,'revise')]")[0].form_values())
    status, _ = await post(client, shot, "revise", **{**again, "fix_amount": "1,000万円（税抜）"})
    assert status == 303
    after = await town.again(shot)
    assert after.envelope.amount == 10_000_000
    assert "よろしくお願いします。" in after.envelope.reading
    # Once it is sent, there is nothing to correct.
    assert (await post(client, after, "confirm", village_signer=town.village.ref))[0] == 303
    status, words = await post(client, shot, "revise", **{**posted, "fix_note": "もう一度"})
    assert status == 409
    assert "fix_note" not in words


async def verbs(client: Client, shot: Snapshot) -> set[str]:
    """The last part of every form's address on the draft's page."""
    found = html.document_fromstring(await page(client, shot)).xpath("//main//form/@action")
    return {one.rpartition("/")[2] for one in found}


async def test_who_only_sees_a_draft_is_offered_nothing_that_refuses_him(town: Town, client: Client) -> None:
    shot = await town.draft()
    other = await registrar.add_section(
        town.services, code="kankyo", name="環境課", email="kankyo@vill-mihon.example"
    )
    await Staff.filter(id=town.approver.id).update(roles="drafter", section_id=other.id)
    copied = json.loads(shot.envelope.reading) | {"copies": [town.approver.ref]}
    envelope = await Envelope.get(id=shot.envelope.id)
    envelope.reading = json.dumps(copied, ensure_ascii=False)
    await envelope.save(update_fields=["reading"])
    assert await verbs(client, shot) == {"confirm", "revise", "discard"}
    async with signed_in(town, town.approver) as elsewhere:
        assert await verbs(elsewhere, shot) == set()
        for verb in ("revise", "discard"):
            assert (await post(elsewhere, shot, verb, fix_title="水路"))[0] == 403


async def test_that_the_warnings_were_read_is_ticked_again_unless_they_may_have_changed(
    town: Town, client: Client
) -> None:
    shot = await asked(town)
    record = json.loads(shot.envelope.reading)
    record["warnings"].append({**record["warnings"][0], "reason": Reason.LINE_UNKNOWN.value})
    await Envelope.filter(id=shot.envelope.id).update(reading=json.dumps(record, ensure_ascii=False))
    ticked = "//input[@id='acknowledged']/@checked"
    status, words = await post(client, shot, "confirm", village_signer=town.village.ref, acknowledged="1")
    assert status == 422
    assert html.document_fromstring(words).xpath(ticked) != []
    fields = {"village_signer": town.village.ref, "acknowledged": "1", "answer_excluded-start": "1"}
    status, words = await post(client, shot, "confirm", **{**fields, "version": "0"})
    assert status == 409
    assert html.document_fromstring(words).xpath(ticked) == []
    assert html.document_fromstring(words).xpath("//input[@name='answer_excluded-start']/@checked") == []


async def test_a_draft_is_not_thrown_away_by_one_press(town: Town, client: Client) -> None:
    shot = await town.draft()
    (form,) = html.document_fromstring(await page(client, shot)).xpath("//form[contains(@action,'discard')]")
    folded = next(form.iterancestors("details"))
    assert folded.get("open") is None
    assert "元に戻せません" in form.text_content()


async def test_the_page_says_the_numbers_of_the_policy_in_force(town: Town) -> None:
    shot = await town.draft()
    await Signer.filter(id=shot.signers[0].id).update(address_kind=AddressKind.CARRIER.value)
    policy = replace(town.services.policy, title_characters=45, attachment_bytes_carrier=3_500_000)
    other = replace(town, services=replace(town.services, policy=policy))
    async with signed_in(other, town.drafter) as client:
        said = await page(client, shot)
    assert "45字まで" in said
    assert "3.5MBを超える文書は添付されません" in said
