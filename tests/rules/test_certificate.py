"""What a completion certificate says, in true words."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from envelopes.rules.certificate import Times, shortened, words
from envelopes.rules.kinds import Kind
from tests.certificates import AT, certificate, contractor, document, village


def everything(said: object) -> str:
    return json.dumps(said, ensure_ascii=False)


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1234:5678::9", "2001:db8:1234::/48"),
        ("::ffff:203.0.113.77", "::/48"),
        ("", ""),
        ("not an address", ""),
    ],
)
def test_an_address_is_shortened_to_its_network(ip: str, network: str) -> None:
    assert shortened(ip) == network


def test_a_whole_address_is_never_said() -> None:
    said = everything(words(certificate()))
    assert "203.0.113.0/24" in said
    assert "203.0.113.77" not in said


def test_nothing_is_said_of_where_nothing_is_known() -> None:
    said = everything(words(certificate(signatories=(contractor(ip="", agreed_on=None), village()))))
    assert "接続元" not in said
    assert "承諾" not in said
    assert "引継" not in said


def test_the_level_of_proof_is_said_in_words_and_with_all_its_parts() -> None:
    first, second = words(certificate())["signatories"]
    assert ("本人確認", "メール1経路") in first["rows"]
    assert ("本人確認", "職員のパスワードと認証アプリ") in second["rows"]
    # Both were given in the same second, which is said once.
    assert ("本人確認の日時", "2026年8月4日（火）14時21分8秒") in second["rows"]


def test_the_day_is_that_of_the_last_partys_timestamp_in_japan() -> None:
    late = AT.replace(hour=15, minute=30)  # 0:30 of the next day in Japan
    said = certificate(
        signatories=(contractor(), village(consented_at=AT)),
        documents=(document(signed_at=(AT, AT)), document(2, signed_at=(AT, late))),
    )
    assert said.concluded_on == date(2026, 8, 5)
    assert dict(words(said)["envelope"])["契約締結日"] == (
        "2026年8月5日（水）（最後の署名の手続きは2026年8月4日（火））"
    )


def test_one_day_is_said_where_consent_and_timestamp_share_it() -> None:
    said = certificate(kind=Kind.ACCEPTANCE, signatories=(contractor(),), documents=(document(signers=1),))
    assert dict(words(said)["envelope"])["提出日"] == "2026年8月4日（火）"
    assert "契約締結日" not in everything(words(said))


def test_accredited_is_said_only_with_its_number() -> None:
    plain = everything(words(certificate()))
    assert "認定タイムスタンプではありません" in plain
    assert "認定タイムスタンプ（総務大臣の認定を受けた業務によるもの）ではありません" in plain
    times = Times(authorities=("時刻の局",), accreditations=("第0001号",))
    accredited = everything(words(certificate(times=times)))
    assert "時刻の局（認定タイムスタンプ、総務大臣の認定 第0001号）" in accredited
    assert "ではありません" not in accredited.replace("保証するものではありません", "")


@pytest.mark.parametrize(
    ("is_party", "said"),
    [(True, "契約の当事者が運営しています"), (False, "契約の当事者ではない事業者です")],
)
def test_who_holds_the_key_is_said_plainly(is_party: bool, said: str) -> None:  # noqa: FBT001
    made = certificate(custodian=replace(certificate().custodian, is_party=is_party))
    assert any(said in text for _, text, _ in words(made)["records"])


def test_the_law_is_not_promised_and_paper_is_a_copy() -> None:
    notes = "".join(words(certificate())["notes"])
    assert "電子署名法第3条の推定を保証するものではありません" in notes
    assert "紙に印刷したものは写しです" in notes
    assert "原本" not in everything(words(certificate()))


def test_every_time_is_there_in_japanese_time() -> None:
    (one,) = words(certificate())["documents"]
    assert one["times"] == [
        ("署名1", "2026年8月4日（火）14時25分8秒"),
        ("署名2", "2026年8月5日（水）14時25分8秒"),
        ("文書全体", "2026年8月6日（木）14時26分8秒"),
    ]
    assert words(certificate(made_at=AT + timedelta(hours=10)))["made"] == "2026年8月5日（水）0時21分8秒"


def test_it_says_how_to_check_a_document_that_a_renewal_has_made_longer() -> None:
    (how, command) = next(rest for name, *rest in words(certificate())["checks"] if name == "長くなった文書")
    assert "「全」のバイト数" in how
    assert command == "head -c N 文書.pdf | sha256sum"
