"""A list as CSV, as spreadsheets write it → what its lines say, or every fault with its line. All or nothing.

UTF-8, with a byte order mark or without, and cp932 (what Excel calls Shift_JIS). What a line means, the caller knows.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from envelopes.rules.errors import FukanError

T = TypeVar("T")

_FORMULA: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
)  # what makes a spreadsheet calculate (OWASP, CSV injection)


class ListFaulty(FukanError):
    """A list was not taken; `faults` name each line."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(("何も登録していません。", *faults)))
        self.faults = faults


class LineFaulty(FukanError):
    """One line cannot be used; the message says what is missing or wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The names of all columns that a list may have, and of those that it must have."""

    known: tuple[str, ...]
    needed: tuple[str, ...]


def read(
    data: bytes,
    columns: Columns,
    make: Callable[[Mapping[str, str]], T],
    *,
    same: Callable[[T], str],
    most: int,
) -> list[T]:
    """Return what *make* makes of each line; two with the same *same* are a fault. Raises ListFaulty.

    *make* gets a line by the names of its columns and raises LineFaulty. Lines are counted from 1, as editors do.
    """
    faults: list[str] = []
    made: list[T] = []
    seen: dict[str, int] = {}
    for number, row in _rows(data, columns):
        try:
            one = _made(row, columns, make)
        except LineFaulty as fault:
            faults.append(f"{number}行目：{fault}")
            continue
        made.append(one)
        if (first := seen.setdefault(same(one), number)) != number:
            faults.append(f"{number}行目：{first}行目と同じメールアドレスです。")
    if len(made) > most:
        faults.append(f"{most}行までです。分けて登録してください。")
    if not made and not faults:
        faults.append("登録する行がありません。")
    if faults:
        raise ListFaulty(*faults)
    return made


def _made(row: Mapping[str, str], columns: Columns, make: Callable[[Mapping[str, str]], T]) -> T:
    require(row, columns)
    return make(row)


def require(row: Mapping[str, str], columns: Columns) -> None:
    """Raise LineFaulty unless everything that is needed stands in *row*."""
    if empty := [name for name in columns.needed if not row.get(name, "").strip()]:
        raise LineFaulty(f"{'、'.join(empty)}がありません。")


def _rows(data: bytes, columns: Columns) -> Iterator[tuple[int, Mapping[str, str]]]:
    reader = csv.reader(io.StringIO(_decoded(data), newline=""), strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _require_columns(names, columns)
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


def _require_columns(names: Sequence[str], columns: Columns) -> None:
    missing = [name for name in columns.needed if name not in names]
    unknown = [name for name in names if name and name not in columns.known]
    if missing:
        raise ListFaulty(f"1行目：列がありません：{'、'.join(missing)}")
    if unknown or len(set(names)) != len(names):
        raise ListFaulty(f"1行目：知らない列か、二重の列があります：{'、'.join(unknown or names)}")


def written(rows: Sequence[Sequence[str]]) -> bytes:
    """Return *rows* as CSV for spreadsheets: UTF-8 with its mark, CRLF (RFC 4180), and nothing that is calculated."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_plain(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
