"""A list of contractors' addresses as CSV → registry entries, for the command line.

How a list is read stands in `envelopes.rules.lists`; what the registry accepts beyond that, the verbs know.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from envelopes.actions.registry import Entry
from envelopes.rules import mobiles
from envelopes.rules.addresses import AddressKind, classify, comparable, normalise
from envelopes.rules.dates import parse_date
from envelopes.rules.errors import Refused
from envelopes.rules.lists import Columns, LineFaulty, read, require
from envelopes.texts import say

COLUMNS: Final = Columns(
    known=(
        "会社名",
        "役職",
        "氏名",
        "メールアドレス",
        "承諾日",
        "承諾の方法",
        "折返し",
        "備考",
        "言語",
        "携帯電話",
    ),
    needed=("会社名", "氏名", "メールアドレス", "承諾日", "承諾の方法", "折返し"),
)
_MOST: Final = 10_000  # why: the command line sends nothing, so only memory counts
_LANGUAGES: Final = frozenset({"ja", "en"})


def read_list(data: bytes, *, today: date) -> list[Entry]:
    """Read a CSV list with a heading. Raises ListFaulty with every fault and its line (from 1)."""
    return read(
        data,
        COLUMNS,
        lambda row: entry_from(row, today=today),
        same=lambda entry: comparable(entry.email),
        most=_MOST,
    )


def entry_from(row: Mapping[str, str], *, today: date) -> Entry:
    """Return what *row* (by column name) says. Raises LineFaulty."""
    require(row, COLUMNS)
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
        mobile=_mobile(row.get("携帯電話", "")),
    )


def _mobile(text: str) -> str:
    try:
        return mobiles.normalise(text) if text else ""
    except Refused as refused:
        raise LineFaulty(say(refused.reason)) from None


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
