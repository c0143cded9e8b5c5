"""Sections, staff and registry on the command line, each command a process of its own."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.fukan.command import Ran, fukan
from tests.fukan.test_lists import GOOD, HEAD

REGISTRAR, SIGNER = "kobayashi@vill.example", "kitazawa@vill.example"
CONTACT = (
    "--company=髙橋建設株式会社",
    "--person=髙橋 一郎",
    "--consented-on=2026-04-01",
    "--consent-note=承諾書を受領",
    "--call-back=名簿の番号",
)


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("people") / "var"
    for words in (
        ("init",),
        ("section", "add", "soumu", "総務課", "--email=soumu@vill.example"),
        ("staff", "add", REGISTRAR, "--name=小林 直樹", "--section=soumu", "--role=registrar"),
        ("staff", "add", SIGNER, "--name=北沢 健", "--section=soumu", "--role=signer", "--role=admin"),
    ):
        ran = fukan(*words, "--directory", directory)
        assert ran.status == 0, ran.err
    return directory


@pytest.fixture
def var(village: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(village, tmp_path / "var"))


def rows(var: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(var / "fukan.sqlite3")) as connection:
        return connection.execute(query).fetchall()


def add(var: Path, address: str, *more: str, registrar: str = REGISTRAR, approver: str = SIGNER) -> Ran:
    two = (f"--registrar={registrar}", f"--approver={approver}")
    return fukan("registry", "add", address, *CONTACT, *two, *more, "--directory", var)


def test_new_staff_are_mailed_a_link_to_enrol(village: Path) -> None:
    tasks = rows(village, "SELECT kind, ids FROM tasks ORDER BY id")
    assert [kind for kind, _ in tasks] == ["enrol_mail", "enrol_mail"]
    # The queue holds ids only: no address, no name.
    assert all("@" not in str(ids) for _, ids in tasks)
    listed = fukan("staff", "list", "--directory", village).out.splitlines()
    assert listed[1].split("\t") == [SIGNER, "北沢 健", "soumu", "admin,signer", "登録待ち"]


def test_staff_are_mailed_a_new_link_and_the_earlier_one_ends(var: Path) -> None:
    ran = fukan("staff", "invite", SIGNER.upper(), "--directory", var)
    assert ran.status == 0, ran.err
    assert "北沢 健" in ran.out
    assert rows(var, "SELECT enrolment FROM staff ORDER BY id") == [(1,), (2,)]
    assert rows(var, "SELECT kind, key FROM tasks ORDER BY id")[2:] == [("enrol_mail", "enrol_mail:2:2")]
    assert rows(var, "SELECT kind FROM facts WHERE kind = 'invited'") == [("invited",)]


def test_who_leaves_is_listed_as_such_and_not_found_again(var: Path) -> None:
    ran = fukan("staff", "end", SIGNER, "--directory", var)
    assert ran.status == 0, ran.err
    assert "名簿から外しました：北沢 健" in ran.out
    assert fukan("staff", "list", "--directory", var).out.splitlines()[1].split("\t")[-1] == "停止"
    assert fukan("staff", "end", SIGNER, "--directory", var).status == 1
    assert add(var, "a@takahashi.example").status == 1


def test_nobody_else_is_mailed_a_link(var: Path) -> None:
    ran = fukan("staff", "invite", "nobody@vill.example", "--directory", var)
    assert ran.status == 1
    assert "Traceback" not in ran.err
    assert len(rows(var, "SELECT id FROM tasks")) == 2


def test_a_section_says_what_it_is_called_in_english_and_refuses_what_is_too_long(var: Path) -> None:
    words = ("section", "add", "soumu", "総務課", "--email=soumu@vill.example")
    english = ("--name-english=General Affairs Section", "--hours-english=weekdays 9:00–16:00")
    ran = fukan(*words, *english, "--directory", var)
    assert ran.status == 0, ran.err
    said = rows(var, "SELECT name_english, hours_english FROM sections")
    assert said == [("General Affairs Section", "weekdays 9:00–16:00")]
    ran = fukan(*words, f"--phone={'0' * 41}", "--directory", var)
    assert ran.status == 2
    assert "Traceback" not in ran.err
    assert "--phone" in ran.err
    assert "40字以内" in ran.err
    assert rows(var, "SELECT name_english FROM sections") == [("General Affairs Section",)]


def test_one_address_is_one_member_of_staff(var: Path) -> None:
    again = ("staff", "add", REGISTRAR.upper(), "--name=別人", "--section=soumu", "--role=drafter")
    ran = fukan(*again, "--directory", var)
    assert ran.status == 1
    assert "Traceback" not in ran.err
    assert rows(var, "SELECT count(*) FROM staff") == [(2,)]


def test_staff_belong_to_a_section_that_exists(var: Path) -> None:
    words = ("staff", "add", "a@vill.example", "--name=A", "--section=nowhere", "--role=drafter")
    ran = fukan(*words, "--directory", var)
    assert ran.status == 1
    assert "nowhere" in ran.err


def test_a_registered_address_works_only_after_the_wait(var: Path) -> None:
    ran = add(var, "ichiro@takahashi.example")
    assert ran.status == 0, ran.err
    (found,) = rows(var, "SELECT julianday(works_from) - julianday(created_at) FROM contacts")
    assert found[0] == pytest.approx(1.0)
    assert "髙橋建設株式会社" in fukan("registry", "list", "--directory", var).out


@pytest.mark.parametrize(
    ("address", "two", "words"),
    [
        ("a@b.example", {"approver": REGISTRAR}, "別の"),
        ("a@b.example", {"registrar": SIGNER, "approver": REGISTRAR}, "権限"),
        ("a@b.example", {"approver": "nobody@vill.example"}, "名簿"),
        ("a@yahoo.co.jp", {}, "備考"),
        ("no address", {}, "アドレス"),
    ],
)
def test_the_registry_refuses_what_two_people_may_not_answer_for(
    var: Path, address: str, two: dict[str, str], words: str
) -> None:
    ran = add(var, address, **two)
    assert ran.status == 1
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert rows(var, "SELECT count(*) FROM contacts") == [(0,)]


def test_a_free_address_is_registered_with_its_reason(var: Path) -> None:
    assert add(var, "a@yahoo.co.jp", "--reason=会社のアドレスがないため").status == 0


def _import(var: Path, text: str, encoding: str = "utf-8") -> Ran:
    (var / "list.csv").write_bytes(text.encode(encoding))
    two = (f"--registrar={REGISTRAR}", f"--approver={SIGNER}")
    return fukan("registry", "import", var / "list.csv", *two, "--directory", var)


def test_a_list_is_imported_whole(var: Path) -> None:
    second = GOOD.replace("ichiro@takahashi", "hanako@sato")
    ran = _import(var, HEAD + GOOD + second, "cp932")
    assert ran.status == 0, ran.err
    assert rows(var, "SELECT count(*) FROM contacts") == [(2,)]


def test_one_bad_line_and_nothing_is_imported(var: Path) -> None:
    ran = _import(var, HEAD + GOOD + GOOD.replace("ichiro@takahashi.example", "ichiro@"))
    assert ran.status == 1
    assert "3行目" in ran.err
    assert "2行目" not in ran.err
    assert rows(var, "SELECT count(*) FROM contacts") == [(0,)]


def test_an_address_that_is_registered_again_becomes_a_new_revision(var: Path) -> None:
    assert add(var, "ichiro@takahashi.example").status == 0
    assert add(var, "Ichiro@takahashi.example").status == 0
    assert rows(var, "SELECT state, revision FROM contacts ORDER BY id") == [("ended", 1), ("active", 2)]


def end(var: Path, address: str, *, registrar: str = REGISTRAR, approver: str = SIGNER) -> Ran:
    two = (f"--registrar={registrar}", f"--approver={approver}")
    return fukan("registry", "end", address, *two, "--directory", var)


def test_an_address_is_ended_by_two_people_and_stands_in_the_list_no_more(var: Path) -> None:
    assert add(var, "ichiro@takahashi.example").status == 0
    refused = end(var, "ichiro@takahashi.example", approver=REGISTRAR)
    assert (refused.status, "別の" in refused.err) == (1, True)
    ran = end(var, "Ichiro@takahashi.example")
    assert ran.status == 0, ran.err
    assert "髙橋建設株式会社" in ran.out
    assert fukan("registry", "list", "--directory", var).out == ""
    again = end(var, "ichiro@takahashi.example")
    assert (again.status, "台帳にありません" in again.err) == (1, True)
    assert "Traceback" not in again.err


def test_no_personal_data_stands_in_the_database_in_the_clear(var: Path) -> None:
    assert add(var, "ichiro@takahashi.example").status == 0
    data = (var / "fukan.sqlite3").read_bytes()
    for secret in ("ichiro@takahashi.example", "髙橋 一郎", "名簿の番号", REGISTRAR, "小林 直樹"):
        assert secret.encode() not in data
