"""What staff are refused: always with a way on, in words for them, and without losing what they typed."""

from urllib.parse import parse_qs, quote, urlsplit

import pytest
from lxml import html  # type: ignore[import-untyped]

from envelopes.actions import staff
from envelopes.records import sessions
from envelopes.records.models import Envelope, Staff
from envelopes.rules.errors import Reason
from envelopes.texts import say
from tests.engines import Town
from tests.portal.test_evidence import Client, signed_in
from tests.portal.test_factor import FORM

pytestmark = pytest.mark.engines


async def sent(client: Client, method: str, path: str, **fields: str) -> tuple[int, str, html.HtmlElement]:
    """Status, where it leads, and the page."""
    asked = client.request(method, path, data=fields or None, headers=FORM, allow_redirects=False)
    async with asked as answer:
        text = await answer.text()
        page = html.document_fromstring(text or "<p></p>")
        return answer.status, answer.headers.get("Location", ""), page


def said(page: html.HtmlElement) -> str:
    return "".join(page.xpath("//main")[0].text_content().split())


def ways(page: html.HtmlElement) -> list[str]:
    return [str(one) for one in page.xpath("//main//a/@href")]


async def test_a_refusal_leads_staff_back_and_names_nobody_elses_telephone(town: Town) -> None:
    shot = await town.out()
    page = f"/staff/envelopes/{shot.envelope.ref}"
    async with signed_in(town, town.village) as client:
        for method, path, back in (
            ("GET", f"{page}/sign", page),
            ("POST", f"{page}/sign", page),
            ("POST", f"{page}/identity/1/refuse", f"{page}/identity/1"),
        ):
            status, _, found = await sent(client, method, path, **({"n": "1"} if method == "POST" else {}))
            assert status in {403, 409}
            assert ways(found) == [back]
            assert found.xpath("//nav[@class='account']")
            assert "へご連絡ください" not in said(found)


async def test_what_staff_may_not_see_is_refused_in_their_words(town: Town) -> None:
    async with signed_in(town, town.drafter) as client:
        status, _, found = await sent(client, "GET", f"/staff/envelopes/{'a' * 16}")
    assert status == 404
    assert "メールのリンク" not in said(found)
    assert "/staff" in ways(found)


async def test_a_draft_that_was_changed_meanwhile_is_not_discarded_but_shown(town: Town) -> None:
    shot = await town.draft()
    path = f"/staff/drafts/{shot.envelope.ref}"
    await Envelope.filter(id=shot.envelope.id).update(version=shot.envelope.version + 1)
    async with signed_in(town, town.drafter) as client:
        status, _, found = await sent(client, "POST", f"{path}/discard", version=str(shot.envelope.version))
    assert status == 409
    assert say(Reason.STALE) in said(found)
    assert found.xpath("//form[contains(@action,'discard')]/input[@name='version']/@value") == [
        str(shot.envelope.version + 1)
    ]


async def signed_in_again(town: Town, client: Client, person: Staff) -> None:
    cookie, session = await sessions.start(now=town.clock(), staff_id=person.id)
    await sessions.prove_staff(session, now=town.clock())
    client.session.cookie_jar.update_cookies({"fukan-staff": cookie})


async def test_what_was_typed_before_the_sign_in_ran_out_is_sent_after_the_next_one(town: Town) -> None:
    shot = await town.out()
    page = f"/staff/envelopes/{shot.envelope.ref}"
    typed = {"version": str(shot.envelope.version), "reason": "工期を\n直すため", "code": "123456"}
    async with signed_in(town, town.drafter) as client:
        town.clock.forward(minutes=31)
        status, _, found = await sent(client, "POST", f"{page}/cancel", **typed)
        assert status == 403
        assert "ログインの時間が切れました" in said(found)
        assert parse_qs(urlsplit(ways(found)[0]).query)["next"] == [page]
        (again,) = found.xpath("//main//form")
        assert again.get("action") == f"{page}/cancel"
        # Digits are asked for anew.
        kept = dict(again.form_values())
        mine = {name: value for name, value in typed.items() if name != "code"}
        assert kept == {**mine, "typed_by": town.drafter.ref}
        # Whoever else signs in at this browser sends nothing in his own name.
        await signed_in_again(town, client, town.approver)
        assert (await sent(client, "POST", f"{page}/cancel", **kept))[:2] == (303, page)
        assert (await town.again(shot)).state.value == "out"
        await signed_in_again(town, client, town.drafter)
        assert (await sent(client, "POST", f"{page}/cancel", **kept))[0] == 303
    assert (await town.again(shot)).envelope.end_reason == "工期を\n直すため"


async def test_a_form_in_which_nothing_was_typed_leads_to_sign_in_and_back_to_its_page(town: Town) -> None:
    shot = await town.out()
    page = f"/staff/envelopes/{shot.envelope.ref}"
    async with signed_in(town, town.drafter) as client:
        town.clock.forward(minutes=31)
        status, place, _ = await sent(client, "POST", f"{page}/remind", version="1")
    assert status == 303
    assert parse_qs(urlsplit(place).query) == {"next": [page], "again": ["1"]}


async def test_nothing_that_was_sent_is_shown_to_whoever_was_never_signed_in(town: Town) -> None:
    shot = await town.out()
    page = f"/staff/envelopes/{shot.envelope.ref}"
    async with signed_in(town, None) as client:
        status, _, _ = await sent(client, "POST", f"{page}/cancel", version="1", reason="いたずら")
    assert status == 303


@pytest.mark.parametrize("wanted", ["/staff/search?party=%E9%AB%99%E6%A9%8B&page=2", "/staff/registry"])
async def test_sign_in_leads_to_what_was_asked_for_with_all_that_was_asked(town: Town, wanted: str) -> None:
    async with signed_in(town, None) as client:
        status, place, _ = await sent(client, "GET", wanted)
        assert status == 303
        _, _, found = await sent(client, "GET", place)
        (action,) = found.xpath("//main//form/@action")
    assert parse_qs(urlsplit(str(action)).query)["next"] == [wanted]


@pytest.mark.parametrize(
    ("wanted", "page"),
    [
        ("/staff/search.csv?party=%E9%AB%99%E6%A9%8B", "/staff/search?party=%E9%AB%99%E6%A9%8B"),
        ("/staff/registry/list.csv", "/staff/registry"),
        ("/staff/envelopes/aaaaaaaaaaaaaaaa/1/pdf", "/staff/envelopes/aaaaaaaaaaaaaaaa/1"),
    ],
)
async def test_sign_in_leads_to_the_page_of_a_file_that_was_asked_for(
    town: Town, wanted: str, page: str
) -> None:
    async with signed_in(town, None) as client:
        status, place, _ = await sent(client, "GET", wanted)
    assert status == 303
    assert parse_qs(urlsplit(place).query)["next"] == [page]


@pytest.mark.parametrize(
    "foreign",
    ["//evil.example/staff", "https://evil.example/staff", "/staff@evil.example", "/staff/a?x\r\nB: c"],
)
async def test_sign_in_leads_nowhere_else(town: Town, foreign: str) -> None:
    async with signed_in(town, None) as client:
        _, _, found = await sent(client, "GET", f"/staff/sign-in?next={quote(foreign, safe='')}")
        assert found.xpath("//main//form/@action") == ["/staff/sign-in"]


async def test_a_last_question_that_nobody_may_answer_any_more_is_not_asked_again(town: Town) -> None:
    shot = await town.sign(await town.consent(await town.out()))
    page = f"/staff/envelopes/{shot.envelope.ref}"
    (one,) = [one for one in shot.signers if one.staff_id == town.village.id]
    await town.read(shot, one)
    async with signed_in(town, town.village) as client:
        _, _, question = await sent(client, "GET", f"{page}/sign")
        posted = dict(question.xpath("//main//form")[0].form_values())
        # Digits can be mended, so the question stands.
        status, _, found = await sent(client, "POST", f"{page}/sign", **posted | {"code": "000000"})
        assert (status, found.xpath("//main//form/@action")) == (422, [f"{page}/sign"])
        await Envelope.filter(id=shot.envelope.id).update(drafter_id=town.village.id)
        for method in ("GET", "POST"):
            status, _, found = await sent(client, method, f"{page}/sign", **posted)
            assert (status, found.xpath("//main//form")) == (403, [])
            assert "下書きを作った人" in said(found)
        await Envelope.filter(id=shot.envelope.id).update(drafter_id=town.drafter.id)
        actor, version = staff.actor_of(town.drafter), (await town.again(shot)).envelope.version
        await staff.cancel(town.services, actor, shot.envelope.ref, version=version, reason="中止")
        status, _, found = await sent(client, "POST", f"{page}/sign", **posted)
        assert (status, found.xpath("//main//form"), ways(found)) == (409, [], [page])
