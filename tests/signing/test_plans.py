"""A plan is numbers and one hash, and only of files that PREPARE made."""

import json
from io import BytesIO

import pikepdf
import pytest

from envelopes.signing import plans, writing
from envelopes.signing.plans import NoPlan, Plan
from tests.signing.conftest import pdf

BOTH = ["Signer1", "Signer2"]


@pytest.fixture(scope="module")
def plan() -> Plan:
    data = pdf()
    drawn = plans.draw(data + writing.append_fields(data, BOTH))
    assert drawn is not None
    return drawn


def test_a_plan_comes_back_from_its_text(plan: Plan) -> None:
    assert Plan.of(plan.text()) == plan
    assert list(plan.fields) == BOTH
    assert len(plan.text()) < 1000


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("size", "12"),
        ("size", -1),
        ("size", 1.5),
        ("size", True),
        ("info", "2 0 R>>"),
        ("annotated", [1, "2"]),
        ("annotated", 3),
        ("fields", {"Signer1)/X": 3}),
        ("fields", {"Signer1": "3"}),
        ("fields", []),
        ("identifier", "00><"),
        ("sha256", "()"),
        ("format", 2),
        ("more", 1),
    ],
)
def test_no_text_can_become_syntax(plan: Plan, part: str, value: object) -> None:
    values = json.loads(plan.text()) | {part: value}
    with pytest.raises(NoPlan):
        Plan.of(json.dumps(values))


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", '"x"', "{}", '{"format":1}'])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(NoPlan):
        Plan.of(text)


def test_only_prepared_files_have_a_plan() -> None:
    data = pdf()
    prepared = data + writing.append_fields(data, BOTH)
    for wrong in (b"", data, prepared[:-60], prepared + b"more"):
        assert plans.draw(wrong) is None


def test_a_form_with_more_than_our_fields_has_no_plan() -> None:
    with pikepdf.open(BytesIO(pdf())) as opened:
        opened.Root.AcroForm = opened.make_indirect(
            pikepdf.Dictionary(Fields=[], DA=pikepdf.String("/Helv 0 Tf"))
        )
        out = BytesIO()
        opened.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    data = out.getvalue()
    assert plans.draw(data + writing.append_fields(data, BOTH)) is None
