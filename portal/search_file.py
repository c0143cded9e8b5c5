"""Envelopes as a file, in Japanese for everybody: what an inspector may ask for (電子帳簿保存法)."""

from collections.abc import Iterable, Sequence
from typing import Final

from envelopes.actions.searching import Entry
from envelopes.rules.kinds import Kind
from envelopes.rules.lists import written
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import State
from portal.staff import TAXES

_HEAD: Final = (
    *("番号", "件名", "種別", "取引先", "金額", "税", "取引年月日", "状態", "署名期限"),
    *("送信日", "締結証明書ID", "担当課", "担当"),
)
_KINDS: Final = {Kind.CONTRACT: "契約書", Kind.ACCEPTANCE: "請書"}
_STATES: Final = {
    State.DRAFT: "下書き",
    State.PREPARING: "送信の準備中",
    State.OUT: "署名待ち",
    State.SIGNING: "署名の処理中",
    State.SIGNED: "署名済・時刻付与待ち",
    State.COMPLETED: "締結・提出済み",
    State.DECLINED: "辞退",
    State.RETURNED: "差戻し",
    State.EXPIRED: "期限切れ",
    State.CANCELLED: "取消",
}


def table(entries: Iterable[Entry]) -> bytes:
    """Return *entries* as CSV. Days are ISO, amounts are digits, so that spreadsheets sort and add them."""
    return written([_HEAD, *(_line(one) for one in entries)])


def name(day: str) -> str:
    """What the file of *day* is called."""
    return f"電子契約一覧_{day}.csv"


def _line(one: Entry) -> Sequence[str]:
    return (
        one.number,
        one.title,
        _KINDS[Kind(one.kind)],
        one.party,
        "" if one.amount is None else str(one.amount),
        "単価契約" if one.amount is None else str(TAXES.get(one.tax, "")),
        one.transaction_on.isoformat() if one.transaction_on else "",
        _STATES[State(one.state)],
        one.deadline_on.isoformat(),
        jst_day(one.out_at).isoformat() if one.out_at else "",
        one.certificate_id,
        one.section,
        one.drafter,
    )
