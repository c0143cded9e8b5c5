"""An envelope's history in words, newest first. What was written is decided in `envelopes.records.history`."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Fact, Staff
from envelopes.records.store import Snapshot
from portal.views import Happening

_WORDS: Final[Mapping[str, str]] = {
    "opened": "メールから下書きを作りました",
    "revised": "下書きを直しました",
    "confirmed": "内容を確認して送信しました",
    "discarded": "下書きを破棄しました",
    "prepared": "文書を署名できる形にして、最初の署名者に依頼しました",
    "unsealable": "文書を署名できる形にできませんでした",
    "consented": "署名手続きを完了しました",
    "declined": "辞退しました",
    "returned": "差戻しを申し出ました",
    "extended": "署名期限を延ばしました",
    "reissued": "新しいリンクを送り、前のリンクを使えなくしました",
    "renewed": "確認コードの間違いが続いたため、新しいリンクに替えました",
    "cancelled": "取り消しました",
    "expired": "署名期限が過ぎました",
    "signed": "電子署名を付けました",
    "signed by the last": "最後の電子署名を付けました",
    "timestamped": "タイムスタンプを付け、全体を検証しました",
    "code asked for": "確認コードを送りました",
    "proved": "本人確認ができました",
    "document shown": "文書を表示しました",
    "link asked for": "リンクの再送が求められました",
    "download asked for": "再交付が求められました",
    "download link renewed": "ダウンロードのリンクを替えました",
    "wrong person": "宛先・担当者について申し出がありました",
    "evidence asked for": "証拠一式を求めました",
    "evidence taken": "サーバーのコマンドで証拠一式を取り出しました",
    "evidence made": "証拠一式を作り、期限まで受け取れるようにしました",
    "window opened": "ダウンロード期間を始めました",
    "window closed": "ダウンロード期間が終わりました",
}


async def happenings(shot: Snapshot) -> tuple[Happening, ...]:
    """Every fact of the envelope in words, newest first."""
    facts = await history.payloads(Subject.ENVELOPE, shot.envelope.id)
    names = await _names(shot)
    titles = {item.id: f"文書{item.position}「{item.title}」" for item in shot.documents}
    if shot.certificate is not None:
        titles[shot.certificate.id] = shot.certificate.title
    lines = [
        Happening(at=fact.at, text=_text(fact, payload, titles), who=names.get(fact.actor, "自動処理"))
        for fact, payload in facts
    ]
    return tuple(reversed(lines))


def _text(fact: Fact, payload: Mapping[str, Any], titles: Mapping[int, str]) -> str:
    words = _WORDS.get(fact.kind, fact.kind)
    if fact.kind == "proved" and payload.get("elsewhere"):
        return f"{words}（コードを求めた画面とは別の端末またはブラウザーで）"
    if fact.kind == "document shown":
        return f"{titles.get(payload.get('document', 0), '文書')}を表示しました"
    if fact.kind == "timestamp renewed":
        paper = titles.get(payload.get("document", 0), "文書")
        return f"{paper}に新しいタイムスタンプを加え、証明できる期間を延ばしました"
    if fact.kind == "extended" and "to" in payload:
        day = date.fromisoformat(payload["to"])
        return f"署名期限を{day.year}年{day.month}月{day.day}日に延ばしました"
    reason = payload.get("reason") or payload.get("note")
    return f"{words}：{reason}" if reason and fact.kind != "unsealable" else words


async def _names(shot: Snapshot) -> dict[str, str]:
    names = {f"signer:{one.ref}": f"{one.company} {one.person}".strip() for one in shot.signers}
    names |= {f"staff:{one.ref}": one.name for one in await Staff.all()}
    return names
