"""What staff are refused: always with a way on, in words for them, and without losing what they typed."""

import pytest
from lxml import html  # type: ignore[import-untyped]

from envelopes.records.models import Envelope
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
        for method, path in (("GET", f"{page}/sign"), ("POST", f"{page}/identity/1/refuse")):
            status, _, found = await sent(client, method, path, **({"n": "1"} if method == "POST" else {}))
            assert status in {403, 409}
            assert ways(found)[0].startswith(page)
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
