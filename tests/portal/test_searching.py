"""Finding envelopes by day, party, amount and words, and the list as CSV."""

import csv
import io
from dataclasses import replace
from datetime import date

import pytest
from lxml import html  # type: ignore[import-untyped]

from envelopes.records.models import Envelope, Section, Staff
from envelopes.rules.kinds import Kind
from envelopes.rules.people import Role
from tests.engines import Town
from tests.portal.test_evidence import asked, signed_in

pytestmark = pytest.mark.engines


async def told(town: Town, query: str, person: Staff | None = None) -> tuple[int, str]:
    async with signed_in(town, person or town.drafter) as client:
        status, body = await asked(client, f"/staff/search{query}")
    return status, body.decode()


async def three(town: Town) -> list[Envelope]:
    """One that is concluded, one that is out, and one without an amount."""
    shots = [await town.completed(), await town.out(), await town.draft()]
    rows = [await Envelope.get(id=shot.envelope.id) for shot in shots]
    changes: list[dict[str, object]] = [
        {"transaction_on": date(2026, 4, 1), "title": "橋りょう補修"},
        {"title": "令和８年度 水路改修（２）"},
        {"title": "除雪業務", "amount": None, "kind": Kind.ACCEPTANCE.value},
    ]
    for one, values in zip(rows, changes, strict=True):
        await Envelope.filter(id=one.id).update(**values)
    return rows


async def test_conditions_hold_together_and_alone(town: Town) -> None:
    await three(town)
    company = town.contacts[0].company
    for query, found in (
        ("", ("橋りょう補修", "水路改修", "除雪業務")),
        ("?since=2026-04-01&until=2026-04-30", ("橋りょう補修",)),
        ("?since=2026-04-02", ()),
        (f"?party={company[:4]}&least=12,300,000&most=12300000", ("橋りょう補修", "水路改修")),
        ("?least=12300001", ()),
        ("?without_amount=yes", ("除雪業務",)),
        ("?words=%E6%B0%B4%E8%B7%AF", ("水路改修",)),
        ("?words=%25", ()),
        ("?words=令和8年度", ("水路改修",)),
        ("?words=令和８年度", ("水路改修",)),
        ("?words=水路　(2)", ("水路改修",)),
        ("?words=水路 補修", ()),
        (f"?kind={Kind.ACCEPTANCE.value}", ("除雪業務",)),
        ("?standing=open", ("水路改修", "除雪業務")),
        ("?standing=concluded", ("橋りょう補修",)),
        ("?party=%E5%AD%98%E5%9C%A8%E3%81%97%E3%81%AA%E3%81%84", ()),
    ):
        status, said = await told(town, query)
        assert status == 200, query
        shown = tuple(name for name in ("橋りょう補修", "水路改修", "除雪業務") if name in said)
        assert shown == found, query


async def test_whoever_searches_is_taken_to_what_was_found(town: Town) -> None:
    """The form fills the first screen, so the answer would stay out of sight."""
    await three(town)
    _, said = await told(town, "?words=水路")
    page = html.fromstring(said)
    (form,) = page.xpath("//form[@role='search']")
    path, _, place = form.get("action").partition("#")
    assert path == "/staff/search"
    assert page.get_element_by_id(place).text_content() == "見つかった封筒（1件）"


async def test_a_range_that_runs_backwards_is_said_on_the_list_and_for_the_file(town: Town) -> None:
    for place in ("", ".csv"):
        status, said = await told(town, f"{place}?since=2026-05-01&until=2026-04-30")
        assert status == 422
        assert "「から」は「まで」より前の日付にしてください" in said


async def test_others_find_nothing_and_an_auditor_all(town: Town) -> None:
    await three(town)
    elsewhere = await Section.create(
        code="soumu", name="総務課", phone="", hours="", email="soumu@vill-mihon.example"
    )
    await Staff.filter(id=town.registrar.id).update(section_id=elsewhere.id)
    person = await Staff.get(id=town.registrar.id)
    assert "橋りょう補修" not in (await told(town, "", person))[1]
    assert "橋りょう補修" not in (await told(town, ".csv", person))[1]
    await Staff.filter(id=person.id).update(roles=Role.AUDITOR.value)
    assert "橋りょう補修" in (await told(town, "", person))[1]


async def test_the_file_has_what_was_found_and_no_formula(town: Town) -> None:
    concluded, out, _ = await three(town)
    await Envelope.filter(id=out.id).update(title="=1+1")
    _, said = await told(town, ".csv?least=1")
    rows = list(csv.DictReader(io.StringIO(said.removeprefix("\ufeff"), newline="")))
    assert [(row["件名"], row["取引年月日"], row["金額"]) for row in rows] == [
        ("橋りょう補修", "2026-04-01", "12300000"),
        ("'=1+1", "", "12300000"),
    ]
    assert rows[0]["番号"] == concluded.number
    assert rows[0]["締結証明書ID"] == concluded.certificate_id
    assert (rows[0]["担当課"], rows[0]["担当"]) == (town.section.name, town.drafter.name)
    assert [row["状態"] for row in rows] == ["締結・提出済み", "署名待ち"]


async def test_a_file_that_is_too_big_asks_for_a_shorter_period(town: Town) -> None:
    await three(town)
    policy = replace(town.services.policy, export_lines=2)
    small = replace(town, services=replace(town.services, policy=policy))
    status, said = await told(small, ".csv")
    assert status == 422
    assert "3件は一度に出力できません（上限2件）" in said
    assert (await told(small, ".csv?standing=concluded"))[0] == 200
