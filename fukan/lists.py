"""A list of contractors' addresses as CSV → registry entries, or every fault with its line.

UTF-8 and cp932, as spreadsheets write them. What the registry accepts beyond the form of a line, the verbs know.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from envelopes.actions.registrar import Entry
from envelopes.rules.addresses import AddressKind, classify, comparable, normalise
from envelopes.rules.dates import parse_date
from envelopes.rules.errors import FukanError, Refused
from envelopes.texts import say

COLUMNS: Final = (
    "会社名",
    "役職",
    "氏名",
    "メールアドレス",
    "承諾日",
    "承諾の方法",
    "折返し",
    "備考",
    "言語",
)
_NEEDED: Final = ("会社名", "氏名", "メールアドレス", "承諾日", "承諾の方法", "折返し")


_LANGUAGES: Final = frozenset({"ja", "en"})


class ListFaulty(FukanError):
    """A list was not taken; the message names every fault with its line."""


class LineFaulty(FukanError):
    """One line cannot be an entry; the message says what is missing or wrong."""


def read_list(data: bytes, *, today: date) -> list[Entry]:
    """Read a CSV list with a heading. Raises ListFaulty with every fault and its line (from 1)."""
    faults: list[str] = []
    entries: list[Entry] = []
    seen: dict[str, int] = {}
    for number, row in _rows(data):
        try:
            entry = entry_from(row, today=today)
        except LineFaulty as fault:
            faults.append(f"{number}行目：{fault}")
            continue
        entries.append(entry)
        if (first := seen.setdefault(comparable(entry.email), number)) != number:
            faults.append(f"{number}行目：{first}行目と同じメールアドレスです。")
    if not entries and not faults:
        faults.append("登録する行がありません。")
    if faults:
        raise ListFaulty("\n".join(("何も登録していません。", *faults)))
    return entries


def _rows(data: bytes) -> Iterator[tuple[int, Mapping[str, str]]]:
    reader = csv.reader(io.StringIO(_decoded(data), newline=""), strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _require_columns(names)
        begins = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
            begins = reader.line_num + 1
    except csv.Error:
        raise ListFaulty(
            f"{reader.line_num}行目：CSVとして読めません（引用符を確かめてください）。"
        ) from None


def _decoded(data: bytes) -> str:
    # Excel writes UTF-8 with a byte order mark or, for "CSV", cp932; valid UTF-8 is hardly ever meant as cp932.
    for name in ("utf-8-sig", "cp932"):
        try:
            return data.decode(name)
        except UnicodeDecodeError:
            continue
    raise ListFaulty("文字コードが読めません。UTF-8 か Shift_JIS で保存してください。")


def _require_columns(names: Sequence[str]) -> None:
    missing = [name for name in _NEEDED if name not in names]
    unknown = [name for name in names if name and name not in COLUMNS]
    if missing:
        raise ListFaulty(f"1行目：列がありません：{'、'.join(missing)}")
    if unknown or len(set(names)) != len(names):
        raise ListFaulty(f"1行目：知らない列か、二重の列があります：{'、'.join(unknown or names)}")


def entry_from(row: Mapping[str, str], *, today: date) -> Entry:
    """Return what *row* (by column name) says. Raises LineFaulty."""
    if empty := [name for name in _NEEDED if not row.get(name, "").strip()]:
        raise LineFaulty(f"{'、'.join(empty)}がありません。")
    language = row.get("言語", "") or "ja"
    if language not in _LANGUAGES:
        raise LineFaulty("言語は ja か en です。")
    return Entry(
        company=row["会社名"],
        office=row.get("役職", ""),
        person=row["氏名"],
        email=_address(row["メールアドレス"], reason=row.get("備考", "")),
        consented_on=_day(row["承諾日"], today),
        consent_note=row["承諾の方法"],
        call_back=row["折返し"],
        reason=row.get("備考", ""),
        language=language,
    )


def _address(text: str, *, reason: str) -> str:
    try:
        address = normalise(text)
    except Refused as refused:
        raise LineFaulty(say(refused.reason)) from None
    if classify(address) is not AddressKind.OWN and not reason:
        raise LineFaulty("フリーメールか携帯会社のアドレスです。登録する理由を備考に書いてください。")
    return address


def _day(text: str, today: date) -> date:
    try:
        day = parse_date(text, today=today).day
    except Refused:
        raise LineFaulty("承諾日が日付として読めません（例：2026-04-01）。") from None
    if day > today:
        raise LineFaulty("承諾日が先の日付です。")
    return day
