"""The names of files that are saved: RFC 6266 with RFC 8187 for browsers, and plain ASCII for everything else."""

import re
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.respond import file

NAMES = (
    "工事請負契約書.pdf",
    "20260806_12980000_髙橋建設㈱_﨑山.pdf",
    "a b'c\"d%e;f=g*h.pdf",
    "Ｎｏ．１　別紙（その２）𠮷.zip",
    "改\r\n行.pdf",
    "名\u2028\u202efdp.exe\x00\x85.pdf",
    '名"; filename=evil.exe\r\nX-Evil: 1.pdf',
    "=?utf-8?Q?=0D=0AX-Evil:_1?=.pdf",
)


def headers(name: str) -> str:
    return str(file(b"%PDF", name=name).headers["Content-Disposition"])


@pytest.mark.parametrize("name", NAMES)
def test_name_is_whole_and_has_an_ascii_one_beside_it(name: str) -> None:
    value = headers(name)
    assert value.isascii()
    assert "\n" not in value
    plain = re.search(r' filename="(document\.(?:pdf|zip))";', value)
    assert plain
    message = Message()
    message["Content-Disposition"] = value.replace(plain[0], "")
    assert message.get_filename() == name


@pytest.mark.parametrize("name", NAMES)
def test_extended_value_is_written_as_rfc_8187_has_it(name: str) -> None:
    # RFC 8187 3.2.1: UTF-8, no language, and outside percent signs only attr-char.
    assert re.search(r"; filename\*=UTF-8''(?:%[0-9A-F]{2}|[A-Za-z0-9!#$&+.^_`|~-])+$", headers(name))


@given(st.text(st.one_of(st.sampled_from("\r\n\0\u2028\u202e\"';=*% "), st.characters(codec="utf-8"))))
def test_no_name_leaves_its_place(title: str) -> None:
    value = headers(f"{title}.pdf")
    name = r"(?:%[0-9A-F]{2}|[A-Za-z0-9._~-])+"
    assert re.fullmatch(rf"attachment; filename=\"document\.pdf\"; filename\*=UTF-8''{name}", value)
