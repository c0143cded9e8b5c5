"""A signer who is registered with English: every mail and page on his way, and back to Japanese by one link."""

import re

import pytest

from envelopes.languages import JAPANESE
from tests.journeys import cast
from tests.journeys.people import Contractor, Roles

pytestmark = pytest.mark.timeout(300)


def foreign(contractor: Contractor) -> list[str]:
    """Japanese on the page that is not said to be Japanese (WCAG 3.1.2); the name of a language is."""
    script = """() => [...document.querySelectorAll('body *')].filter(e => !e.closest('[lang=ja]'))
      .flatMap(e => [...e.childNodes]).filter(n => n.nodeType === 3).map(n => n.textContent.trim())"""
    return [text for text in contractor.page.evaluate(script) if re.search(f"[{JAPANESE}]", text)]


def test_acceptance_is_signed_in_english_from_the_mail_to_the_files(roles: Roles, title: str) -> None:
    clerk = roles.clerk(title, scripts=False)
    clerk.forward(cast.SMITH, kind="請書")
    clerk.confirm_without_looking()
    contractor = roles.contractor(title, cast.SMITH, scripts=False)
    request = contractor.letter("You are asked to sign")
    assert request.subject.startswith("[Mihon Village] ")
    assert "内容の確認と電子署名をお願いします" in request.text
    contractor.open(request.link)
    assert contractor.page.locator("html").get_attribute("lang") == "en"
    assert contractor.heading == "You are asked to sign"
    assert foreign(contractor) == []
    contractor.press("Get a code by e-mail")
    contractor.submit(contractor.letter("Your confirmation code").code)
    assert contractor.heading == "Please read the documents"
    contractor.read_on()
    assert foreign(contractor) == []
    contractor.press("Finish")
    assert foreign(contractor) == []
    assert "What counts is the Japanese text below" in contractor.text
    assert "署名すると、請書の提出が完了します。" in contractor.text
    contractor.press("Sign and finish")
    contractor.page.wait_for_url("**/done")
    assert contractor.heading == "Your acceptance has been submitted"
    contractor.press("日本語")
    assert contractor.heading == "請書の提出が完了しました"
    assert contractor.letter("Signing completed").attachments
    assert clerk.letter("電子署名完了のお知らせ").attachments
