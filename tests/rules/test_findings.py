"""The words for a verified file: one table, both languages, and a verdict that never flatters."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules import findings
from envelopes.rules.findings import FAULTS, Fault, Of, Part, Result, Verdict, read_result

AT = datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC)
SIGNATURE = Part(
    of=Of.SIGNATURE, field="Signer1", signer="みほん村 署名", issuer="みほん村 認証局", name="髙橋建設", at=AT
)
STAMP = Part(of=Of.TIMESTAMP, field="Timestamp1", signer="みほん村 時刻", issuer="みほん村 認証局", at=AT)
SOUND = Result(parts=(SIGNATURE, STAMP))

parts = st.builds(
    Part,
    of=st.sampled_from(Of),
    field=st.text(),
    signer=st.text(),
    issuer=st.text(),
    name=st.text(),
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
    seen_length=st.integers(0, 10**9),
    faults=st.lists(st.sampled_from(Fault), unique=True).map(tuple),
)
results = st.builds(
    Result,
    parts=st.lists(parts, max_size=2).map(tuple),
    faults=st.lists(st.sampled_from(Fault), unique=True).map(tuple),
)


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_has_words_in_both_languages(fault: Fault) -> None:
    assert FAULTS[fault].ja
    assert FAULTS[fault].en.isascii()


def test_a_sound_file_names_its_issuer_and_claims_no_more() -> None:
    assert SOUND.verdict is Verdict.SOUND
    assert findings.headline(SOUND) == "変更されていません（発行元 みほん村 認証局）"
    assert findings.mark(SOUND) == "✔"
    assert findings.reasons(SOUND) == ()


@pytest.mark.parametrize("fault", list(Fault))
def test_no_fault_leaves_a_file_sound(fault: Fault) -> None:
    for one in (Result(parts=(SIGNATURE,), faults=(fault,)), Result(faults=(fault,))):
        assert one.verdict is not Verdict.SOUND
        assert findings.headline(one) in {"変更されています", "判断できません"}
        assert findings.reasons(one) == (f"{FAULTS[fault].ja}。",)


def test_nothing_found_is_not_sound() -> None:
    assert Result().verdict is Verdict.UNDECIDED


def test_changed_weighs_more_than_unknown() -> None:
    assert Result(faults=(Fault.NOT_TRUSTED, Fault.BYTES_CHANGED)).verdict is Verdict.ALTERED
    assert Result(faults=(Fault.NOT_TRUSTED, Fault.NO_TIME)).verdict is Verdict.UNDECIDED


@given(results)
def test_a_result_is_kept_and_read_again_as_it_was(result: Result) -> None:
    assert read_result(json.dumps(result.to_json())) == result


@given(results, st.sampled_from(["ja", "en"]))
def test_a_line_is_good_exactly_where_nothing_is_wrong(result: Result, language: str) -> None:
    for part in result.parts:
        shown = findings.lines(part, language)
        assert all(line.text and line.means for line in shown)
        said = {Fault.NOT_TRUSTED, Fault.NO_TIME} | findings._ALTERED
        if part.at is not None and part.of is Of.SIGNATURE:
            assert all(line.good for line in shown) == (not said & set(part.faults))
        if part.at is not None and part.of is Of.TIMESTAMP:
            assert all(line.good for line in shown) == (not part.faults)


def test_the_panel_says_when_in_japanese_time_and_no_accreditation() -> None:
    last = findings.lines(SIGNATURE)[-1]
    assert "2026年8月4日（火）14時21分8秒" in last.means
    assert "認定タイムスタンプかどうかは" in last.means


def test_an_unknown_time_is_not_shown() -> None:
    part = Part(of=Of.SIGNATURE, field="S", signer="s", issuer="i", at=AT, faults=(Fault.NO_TIME,))
    assert not any("14時" in line.means for line in findings.lines(part))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"parts": [{}], "faults": []}', '{"parts": [], "faults": ["x"]}']
)
def test_what_is_no_result_is_not_read(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_result(text)
