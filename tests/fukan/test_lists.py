"""Lists of addresses: read in both encodings, refused with every fault and its line."""

from datetime import date

import pytest

from envelopes.rules.lists import ListFaulty, written
from fukan.lists import read_list

TODAY = date(2026, 11, 23)
HEAD = "会社名,役職,氏名,メールアドレス,承諾日,承諾の方法,折返し,備考,言語\n"
GOOD = "髙橋建設㈱,代表取締役,髙橋 一郎,ichiro@takahashi.example,2026-04-01,承諾書を受領,名簿の番号,,ja\n"


def faults(text: str) -> str:
    with pytest.raises(ListFaulty) as caught:
        read_list(text.encode(), today=TODAY)
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_list_is_read_as_spreadsheets_write_it(encoding: str) -> None:
    (entry,) = read_list((HEAD + GOOD).encode(encoding), today=TODAY)
    assert (entry.company, entry.person) == ("髙橋建設㈱", "髙橋 一郎")
    assert entry.consented_on == date(2026, 4, 1)
    assert entry.language == "ja"


def test_columns_may_stand_in_any_order_and_some_may_be_missing() -> None:
    text = "折返し,氏名,会社名,承諾日,メールアドレス,承諾の方法\n番号,花子,佐藤土木,令和8年4月1日,h@sato.example,書面\n"
    (entry,) = read_list(text.encode(), today=TODAY)
    assert (entry.company, entry.office, entry.language) == ("佐藤土木", "", "ja")


def test_a_line_break_inside_quotes_does_not_shift_the_numbers_of_lines() -> None:
    text = HEAD + GOOD.replace("承諾書を受領", '"承諾書を\n受領"') + GOOD.replace("ichiro@", "一郎")
    assert "4行目" in faults(text)


def test_every_fault_is_named_with_its_line() -> None:
    lines = [
        GOOD,
        GOOD.replace("ichiro@takahashi.example", "ichiro"),
        GOOD.replace("ichiro@takahashi.example", "t@yahoo.co.jp"),
        GOOD.replace("2026-04-01", "いつか"),
        GOOD.replace("2026-04-01", "2027-04-01"),
        GOOD.replace("髙橋 一郎", ""),
        GOOD.replace(",ja", ",fr"),
    ]
    said = faults(HEAD + "".join(lines))
    assert [f"{number}行目" in said for number in range(2, 9)] == [False, *[True] * 6]


def test_the_same_address_twice_is_a_fault() -> None:
    said = faults(HEAD + GOOD + GOOD.replace("ichiro@", "Ichiro@"))
    assert "3行目：2行目と同じ" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1行目"),
        (HEAD, "登録する行がありません"),
        (HEAD.replace("折返し", "電話"), "折返し"),
        (HEAD.replace("備考", "氏名") + GOOD, "1行目"),
        (HEAD + '"' + GOOD, "CSVとして読めません"),
    ],
)
def test_a_list_of_another_form_is_refused(text: str, words: str) -> None:
    assert words in faults(text)


def test_bytes_of_no_known_encoding_are_refused() -> None:
    with pytest.raises(ListFaulty):
        read_list(b"\xff\xfe\x00", today=TODAY)


def test_what_is_written_for_spreadsheets_calculates_nothing() -> None:
    made = written(
        [("会社名", "備考"), ("髙橋建設㈱", '=HYPERLINK("http://x")'), ("@SUM", "-1"), ("a,b", "改\n行")]
    )
    assert made.startswith(b"\xef\xbb\xbf")
    lines = made.decode("utf-8-sig").split("\r\n")
    assert lines[1] == '髙橋建設㈱,"\'=HYPERLINK(""http://x"")"'
    assert lines[2] == "'@SUM,'-1"
