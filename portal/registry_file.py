"""The registry as a file, in Japanese for everybody: it is a record, and lists that come in are written like it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from envelopes.records.models import Contact
from envelopes.rules.factors import Method, called
from envelopes.rules.lists import written
from envelopes.rules.mobiles import written as number
from envelopes.rules.wording import jst_date

_HEAD: Final = (
    *("会社名", "役職", "氏名", "メールアドレス", "種別", "状態", "使用開始", "承諾日", "備考"),
    *("本人確認の既定", "携帯電話"),
)
_KINDS: Final = {"own": "独自", "free": "フリーメール", "carrier": "携帯会社"}
_STANDINGS: Final = {
    "works": "使用中",
    "waits": "待機中",
    "ends": "使用中（変更予定）",
    "dead": "不達",
    "withdrawn": "承諾の取りやめ",
}


def table(rows: Iterable[tuple[Contact, str]], mobiles: Mapping[int, str]) -> bytes:
    """Return entries, each with how it stands, as CSV. *mobiles* are the numbers in use, by entry."""
    return written([_HEAD, *(_line(row, standing, mobiles.get(row.id, "")) for row, standing in rows)])


def name(day: str) -> str:
    """What the file of *day* is called."""
    return f"台帳_{day}.csv"


def _line(row: Contact, standing: str, mobile: str) -> Sequence[str]:
    return (
        row.company,
        row.office,
        row.person,
        row.email,
        _KINDS[row.kind],
        _STANDINGS[standing],
        jst_date(row.works_from),
        row.consented_on.isoformat(),
        row.reason or "",
        called(Method(row.identity)) if row.identity else "登録に合わせる",
        number(mobile) if mobile else "",
    )
