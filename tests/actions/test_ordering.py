"""Whom an order names, and whom the registry has: what differs is asked or told, never passed over."""

import pytest

from envelopes.actions import ordering
from envelopes.actions.ordering import Order
from envelopes.records.models import Contact
from envelopes.rules.errors import Reason
from envelopes.rules.keys import Key
from envelopes.rules.orders import read
from envelopes.rules.reading import Line
from envelopes.rules.schedule import jst_day
from envelopes.texts import say
from tests.engines import Town

pytestmark = pytest.mark.engines


async def ordered(town: Town, *lines: str) -> Order:
    text = "\n".join(["封筒名：電気設備工事", "種別：請書", "金額：100円（税込）", *lines])
    reading = read(text, subject="", today=jst_day(town.clock()), policy=town.services.policy)
    return await ordering.look_up(town.services, town.drafter, reading)


def told(town: Town, order: Order, key: Key) -> list[Line]:
    kept = ordering.record(order, subject="", received_at=town.clock())
    return [line for line in kept.lines if line.label == key.value]


async def two(town: Town) -> tuple[Contact, Contact]:
    return await Contact.get(id=town.contacts[0].id), await Contact.get(id=town.contacts[1].id)


async def test_the_address_of_another_company_is_asked_back(town: Town) -> None:
    first, second = await two(town)
    order = await ordered(town, f"宛先：{second.company} 様 <{first.email}>")
    [problem] = order.problems
    assert problem.reason is Reason.RECIPIENT_ELSEWHERE
    assert problem.details["said"] == second.company
    assert str(problem.details["known"]).startswith(first.company)
    assert order.contacts == []


@pytest.mark.parametrize("address", ["", " <{}>"])
async def test_another_person_of_the_company_is_told_and_is_not_as_registered(
    town: Town, address: str
) -> None:
    first, _ = await two(town)
    order = await ordered(town, f"宛先：{first.company} 鈴木 様{address.format(first.email)}")
    assert order.problems == []
    [warning] = order.warnings
    assert (warning.reason, warning.details["said"]) == (
        Reason.RECIPIENT_OTHERWISE,
        f"{first.company} 鈴木",
    )
    [line] = told(town, order, Key.RECIPIENT)
    assert line.value.endswith("（台帳と違うところがあります）")


async def test_who_is_named_shortly_is_as_registered(town: Town) -> None:
    first, _ = await two(town)
    family = first.person.split()[0]
    for words in (first.company, f"{first.company} {family} 様", f"{first.company} {first.office}", family):
        order = await ordered(town, f"宛先：{words} <{first.email}>")
        assert (order.problems, order.warnings) == ([], [])
        [line] = told(town, order, Key.RECIPIENT)
        assert line.value.endswith("（台帳と一致）")


async def test_each_signer_and_each_copy_is_shown_with_its_own_line(town: Town) -> None:
    first, second = await two(town)
    copies = [f"写し：{one.name}" for one in (town.drafter, town.registrar)]
    signers = [f"宛先：<{one.email}>" for one in (second, first)]
    order = await ordered(town, *signers, *copies)
    assert [line.source for line in told(town, order, Key.RECIPIENT)] == signers
    assert [line.line for line in told(town, order, Key.RECIPIENT)] == [4, 5]
    assert [line.source for line in told(town, order, Key.COPY)] == copies


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("備考：1年ごとに自動更新します", Reason.EXCLUDED_RENEWAL),
        ("契約期間：1年間（以後自動更新）", Reason.EXCLUDED_RENEWAL),
        ("契約期間：無期限", Reason.SPAN_UNREADABLE),
        ("契約期間：永久", Reason.SPAN_UNREADABLE),
        ("契約期間：令和12年度から令和24年度まで", Reason.EXCLUDED_TERM),
    ],
)
async def test_what_the_order_itself_says_of_an_excluded_contract_is_asked(
    town: Town, line: str, reason: Reason
) -> None:
    first, _ = await two(town)
    order = await ordered(town, f"宛先：<{first.email}>", line)
    kept = ordering.record(order, subject="", received_at=town.clock())
    [question] = kept.questions
    assert (question.reason, order.problems) == (reason, [])
    assert str(question.details["where"]) in say(reason, **question.details)
