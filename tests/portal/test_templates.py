"""Every view renders; what comes out is whole, safe and free of inline code."""

import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
from jinja2 import UndefinedError
from jinja2.ext import babel_extract
from lxml import etree, html  # type: ignore[import-untyped]

from envelopes.languages import catalogue
from envelopes.rules.consent import TEXT_VERSION, text_version
from envelopes.rules.wording import Dates, Language, Wording
from portal import pages, registry_views, signer_views, staff_views, verification_views, views
from portal.pages import iso, render, static, static_files, template_name, unbroken
from tests.portal.samples import CONFIRMATION, SAMPLES, SITE

CSS_LIMIT = 14_000
JS_LIMIT = 4_000
PAGE_LIMIT = 24_000  # before compression, without page images

# The SHA-256 of the words a signer agrees to, by version. A new text needs a new version and a new line here.
CONSENT_TEXTS = {
    "2026-11": "eaf69562f4af9657dd355e807677663d63a210622a6cdfe5443987b0ddef3c3f",
    "2026-11+en-1": "c2f003351a47fc9b9d8d362622972c7eba3f93df789161016d9b2996d2dd28fd",
}


def parse(name: str) -> Any:
    return html.document_fromstring(render(SAMPLES[name], site=SITE))


def every_view() -> set[type[views.Page]]:
    homes = (views, signer_views, staff_views, registry_views, verification_views)
    known = [item for home in homes for item in vars(home).values()]
    found = {item for item in known if isinstance(item, type) and issubclass(item, views.Page)}
    return found - {views.Page}


ONCE = {
    "decide_change",
    "draft",
    "enrolment",
    "envelope",
    "readdress",
    "registration_check",
    "registry_application",
    "registry_contact",
    "sign_in_code",
}


@pytest.mark.parametrize("name", sorted(name for name in SAMPLES if name.partition("-")[0] in ONCE))
def test_what_a_second_press_would_spoil_is_sent_once(name: str) -> None:
    forms = parse(name).xpath("//main//form[@method='post']")
    assert all(form.get("data-once") for form in forms)


def test_every_view_has_a_sample_and_every_template_a_view() -> None:
    assert {type(page) for page in SAMPLES.values()} == every_view()
    shared = {
        "base.html",
        "signer_base.html",
        "staff_base.html",
        "macros.html",
        "registry_parts.html",
        "confirm_parts.html",
        "consent_text.html",
    }
    present = {path.name for path in pages.TEMPLATES.glob("*.html")}
    assert present - shared == {template_name(view) for view in every_view()}


def test_views_are_frozen_and_slotted() -> None:
    for view in every_view():
        assert view.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert "__slots__" in vars(view)


def faults(text: str) -> list[str]:
    """What a strict parser objects to; libxml2 knows HTML 4, so elements that came later are no fault."""
    parser = etree.HTMLParser(recover=False)
    try:
        etree.fromstring(text, parser)
    except etree.XMLSyntaxError:
        return [fault.message for fault in parser.error_log if not fault.message.endswith(" invalid")]
    return []


@pytest.mark.parametrize("name", SAMPLES)
def test_page_is_well_formed(name: str) -> None:
    text = render(SAMPLES[name], site=SITE)
    assert faults(text) == []
    assert text.lstrip().startswith("<!doctype html>")


@pytest.mark.parametrize("change", [("</h1>", "</h2>"), ("</main>", "</main></section>"), ("</ol>", "</ul>")])
def test_a_malformed_page_is_noticed(change: tuple[str, str]) -> None:
    assert faults(render(SAMPLES["landing"], site=SITE).replace(*change, 1)) != []


@pytest.mark.parametrize("name", SAMPLES)
def test_every_id_is_unique_and_every_reference_exists(name: str) -> None:
    tree = parse(name)
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    for attribute in ("for", "aria-labelledby", "aria-describedby", "data-dialog"):
        for value in tree.xpath(f"//@{attribute}"):
            assert set(value.split()) <= set(ids), (attribute, value)
    for target in tree.xpath("//a/@href[starts-with(., '#')]"):
        assert target[1:] in ids


@pytest.mark.parametrize("name", SAMPLES)
def test_no_link_has_a_page_saved_under_the_name_of_a_file(name: str) -> None:
    # A file says itself that it is to be saved; what comes in its place, as the question for a code, is to be read.
    assert parse(name).xpath("//@download") == []


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(name: str) -> None:
    tree = parse(name)
    assert tree.xpath("//style | //@style | //script[not(@src)]") == []
    assert [at for at in tree.xpath("//@*") if at.attrname.startswith("on")] == []
    for address in tree.xpath("//@src | //@action | //@formaction | //link/@href"):
        assert address.startswith("/")


@pytest.mark.parametrize("name", SAMPLES)
def test_page_says_where_it_comes_from_and_whom_to_call(name: str) -> None:
    tree = parse(name)
    assert tree.get("lang") == "ja"
    assert len(tree.xpath("//h1")) == 1
    footer = tree.xpath("//footer")[0].text_content()
    assert SITE.phone in footer
    assert SITE.domain in footer
    assert tree.xpath("//a[@class='skip']/@href") == ["#main"]


@pytest.mark.parametrize("name", SAMPLES)
def test_page_without_images_is_light(name: str) -> None:
    assert len(render(SAMPLES[name], site=SITE).encode()) < PAGE_LIMIT


@pytest.mark.parametrize("name", SAMPLES)
def test_every_image_keeps_its_place(name: str) -> None:
    for image in parse(name).xpath("//img"):
        assert image.get("width")
        assert image.get("height")
        assert image.get("alt") is not None


def test_a_view_of_another_page_is_refused_by_the_template() -> None:
    template = pages.environment(Wording()).get_template("landing.html")
    with pytest.raises(UndefinedError):
        template.render(page=SAMPLES["desk"], site=SITE, switch="?", original=SAMPLES["desk"])


def test_text_from_outside_is_escaped() -> None:
    evil = replace(CONFIRMATION, waits_for=("<script>alert(1)</script>",))
    shown = render(replace(SAMPLES["confirm"], confirmation=evil), site=SITE)  # type: ignore[call-arg]
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown


def test_every_text_a_view_holds_is_escaped() -> None:
    for name, page in SAMPLES.items():
        texts = [item.name for item in fields(page) if isinstance(getattr(page, item.name), str)]
        plain = [each for each in texts if not isinstance(getattr(page, each), StrEnum)]
        marked = replace(page, **dict.fromkeys(plain, '"><b id=x>'))
        assert "<b id=x>" not in render(marked, site=SITE), name


def test_a_telephone_number_in_a_sentence_is_whole_and_dials_and_the_rest_is_escaped() -> None:
    number = '<a class="tel" href="tel:0261000000">0261-00-0000</a>'
    assert unbroken("<b>0261-00-0000 へ<") == f'&lt;b&gt;<span class="nb">{number}</span> へ&lt;'
    assert unbroken("電話（0261-00-0000）。") == f'電話<span class="nb">（{number}）。</span>'
    assert unbroken("（例：0261-00-0000）。") == '（例：<span class="nb">0261-00-0000）。</span>'
    assert unbroken("MHN-2026-0123") == "MHN-2026-0123"


DIALLED = f'//a[@href="tel:{SITE.phone.replace("-", "")}"]'


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("name", SAMPLES)
def test_the_towns_number_dials_wherever_a_page_shows_it(name: str, language: Language) -> None:
    main = html.document_fromstring(render(SAMPLES[name], site=SITE, language=language)).xpath("//main")[0]
    shown = main.text_content().count(SITE.phone)
    beside_the_field = "".join(main.xpath("//a[starts-with(@href, '#')]//text()")).count(SITE.phone)
    assert len(main.xpath(DIALLED.replace("//a", ".//a"))) == shown - beside_the_field
    assert not main.xpath(".//a//a")


def test_consent_text_changes_only_with_its_version() -> None:
    assert sha256(consent_words().encode()).hexdigest() == CONSENT_TEXTS[TEXT_VERSION]


def test_translation_of_the_consent_changes_only_with_its_number() -> None:
    source = (pages.TEMPLATES / "consent_text.html").read_bytes()
    said = [
        first(found[2]) for found in babel_extract(BytesIO(source), ("_", "gettext"), [], {"trimmed": "true"})
    ]
    english = "\n".join(catalogue(Language.ENGLISH).gettext(one) for one in said)
    assert sha256(english.encode()).hexdigest() == CONSENT_TEXTS[text_version("en")]


def first(message: str | tuple[str, ...]) -> str:
    return message if isinstance(message, str) else message[0]


def test_english_consent_shows_the_japanese_that_counts_as_it_is() -> None:
    japanese = parse("confirm").xpath("//*[@id='confirm-d']")[0].text_content()
    english = html.document_fromstring(render(SAMPLES["confirm"], site=SITE, language=Language.ENGLISH))
    (shown,) = english.xpath("//*[@id='confirm-d']//div[@lang='ja']")
    assert shown.text_content().split() == japanese.split()
    assert "What counts is the Japanese text below" in english.text_content()


def test_a_changed_consent_text_is_noticed() -> None:
    altered = consent_words().replace("取り消し", "撤回")
    assert sha256(altered.encode()).hexdigest() != CONSENT_TEXTS[TEXT_VERSION]


def consent_words() -> str:
    source = (pages.TEMPLATES / "consent_text.html").read_text()
    return "\n".join(re.findall(r"[^\x00-\x7f]+", source))


def test_unread_documents_leave_no_button_to_sign() -> None:
    tree = parse("confirm-unseen")
    assert tree.xpath("//main//form") == []
    assert parse("confirm").xpath("//main//form/@action") == ["/sign/r4k9/complete"]


def test_landing_has_one_form_and_it_carries_nothing() -> None:
    tree = parse("landing")
    assert tree.xpath("//form/@action") == ["/s/t/code"]
    assert tree.xpath("//form//input") == []


def test_done_says_that_a_contract_is_not_concluded_yet() -> None:
    assert "契約はまだ成立していません" in parse("done").text_content()
    shown = parse("done-acceptance").text_content()
    assert "請書の提出が完了しました" in shown
    assert "成立していません" not in shown


@pytest.mark.parametrize(
    ("dates", "shown"),
    [
        (Dates.WESTERN, "2026年8月31日"),
        (Dates.WAREKI, "令和8年8月31日"),
        (Dates.BOTH, "2026年（令和8年）8月31日"),
    ],
)
def test_dates_are_written_as_the_town_wants_them(dates: Dates, shown: str) -> None:
    page = html.document_fromstring(render(SAMPLES["landing"], site=replace(SITE, dates=dates)))
    assert page.xpath("string(//time)") == f"{shown}（月）"
    assert page.xpath("//time/@datetime") == ["2026-08-31"]
    english = render(SAMPLES["landing"], site=replace(SITE, dates=dates), language=Language.ENGLISH)
    assert html.document_fromstring(english).xpath("string(//time)") == "31 August 2026 (Mon)"


def test_demo_is_named_on_every_page() -> None:
    assert "見本の環境です" in render(SAMPLES["landing"], site=replace(SITE, demo=True))
    assert "見本の環境です" not in render(SAMPLES["landing"], site=SITE)


def test_static_files_have_the_hash_of_their_content_in_the_name() -> None:
    for name, file in static_files().items():
        assert name.split(".")[1] == sha256(file.body).hexdigest()[:12]
    assert static("app.css").removeprefix(pages.PREFIX) in static_files()
    with pytest.raises(KeyError):
        static("other.css")


def test_static_files_stay_small() -> None:
    by_kind = {name.rsplit(".", 1)[1]: len(file.body) for name, file in static_files().items()}
    assert by_kind["css"] <= CSS_LIMIT
    assert by_kind["js"] <= JS_LIMIT
    assert all(
        b"http://" not in file.body for name, file in static_files().items() if name.endswith((".css", ".js"))
    )


def test_instants_for_machines_are_in_japanese_time() -> None:
    assert iso(datetime(2026, 8, 30, 15, 2, 9, tzinfo=UTC)) == "2026-08-31T00:02:09+09:00"
    assert iso(date(2026, 8, 31)) == "2026-08-31"
