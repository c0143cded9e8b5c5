"""An envelope's history in words, newest first. What was written is decided in `envelopes.records.history`."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Fact, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.returns import WORDS, Meaning
from envelopes.rules.wording import jst_date
from portal.phrases import _
from portal.views import Happening

_WORDS: Final[Mapping[str, str]] = {
    "opened": _("メールから下書きを作りました"),
    "revised": _("下書きを直しました"),
    "confirmed": _("内容を確認して送信しました"),
    "discarded": _("下書きを破棄しました"),
    "prepared": _("文書を署名できる形にして、最初の署名者に依頼しました"),
    "unsealable": _("文書を署名できる形にできませんでした"),
    "consented": _("署名手続きを完了しました"),
    "declined": _("辞退しました"),
    "returned": _("差戻しを申し出ました"),
    "extended": _("署名期限を延ばしました"),
    "reissued": _("新しいリンクを送り、前のリンクを使えなくしました"),
    "renewed": _("確認コードの間違いが続いたため、新しいリンクに替えました"),
    "cancelled": _("取り消しました"),
    "expired": _("署名期限が過ぎました"),
    "signed": _("電子署名を付けました"),
    "signed by the last": _("最後の電子署名を付けました"),
    "timestamped": _("タイムスタンプを付け、全体を検証しました"),
    "code asked for": _("確認コードを送りました"),
    "proved": _("本人確認ができました"),
    "document shown": _("文書を表示しました"),
    "link asked for": _("リンクの再送が求められました"),
    "download asked for": _("再交付が求められました"),
    "download link renewed": _("ダウンロードのリンクを替えました"),
    "wrong person": _("宛先・担当者について申し出がありました"),
    "evidence asked for": _("証拠一式を求めました"),
    "evidence taken": _("サーバーのコマンドで証拠一式を取り出しました"),
    "evidence made": _("証拠一式を作り、期限まで受け取れるようにしました"),
    "reminded": _("署名期限が近いことをメールでお知らせしました"),
    "window reminded": _("ダウンロード期間の終わりが近いことをメールでお知らせしました"),
    "mail undelivered": _("メールが届きませんでした"),
    "mail delayed": _("相手のメールサーバーから、配達が遅れているという知らせがありました"),
    "auto reply": _("相手のアドレスから自動返信がありました"),
    "complaint": _("相手のメールサービスから、迷惑メールとして報告されたという知らせがありました"),
    "mail receipt": _("相手のメールソフトから、メールについての通知（開封通知など）がありました"),
    "mail unopened": _("携帯電話のアドレスに送って24時間、リンクが開かれていません"),
    "window opened": _("ダウンロード期間を始めました"),
    "window closed": _("ダウンロード期間が終わりました"),
}


async def happenings(shot: Snapshot) -> tuple[Happening, ...]:
    """Every fact of the envelope in words, newest first."""
    facts = await history.payloads(Subject.ENVELOPE, shot.envelope.id)
    names = await _names(shot)
    titles: dict[int, str] = {
        item.id: _("文書{position}「{title}」", position=item.position, title=item.title)
        for item in shot.documents
    }
    if shot.certificate is not None:
        titles[shot.certificate.id] = shot.certificate.title
    lines = [
        Happening(at=fact.at, text=_text(fact, payload, titles), who=names.get(fact.actor, _("自動処理")))
        for fact, payload in facts
    ]
    return tuple(reversed(lines))


def _text(fact: Fact, payload: Mapping[str, Any], titles: Mapping[int, str]) -> str:
    words = _WORDS.get(fact.kind, fact.kind)
    if fact.kind == "proved" and payload.get("elsewhere"):
        return _("{words}（コードを求めた画面とは別の端末またはブラウザーで）", words=words)
    if fact.kind == "document shown":
        return _("{document}を表示しました", document=titles.get(payload.get("document", 0), _("文書")))
    if fact.kind == "timestamp renewed":
        paper = titles.get(payload.get("document", 0), _("文書"))
        return _("{document}に新しいタイムスタンプを加え、証明できる期間を延ばしました", document=paper)
    if fact.kind == "extended" and "to" in payload:
        day = date.fromisoformat(payload["to"])
        return _("署名期限を{day}に延ばしました", day=jst_date(day))
    if fact.kind == "mail undelivered" and payload.get("meaning") in set(Meaning):
        return _("{words}：{meaning}", words=words, meaning=WORDS[Meaning(payload["meaning"])][0])
    reason = payload.get("reason") or payload.get("note")
    return (
        _("{words}：{reason}", words=words, reason=reason) if reason and fact.kind != "unsealable" else words
    )


async def _names(shot: Snapshot) -> dict[str, str]:
    names = {f"signer:{one.ref}": f"{one.company} {one.person}".strip() for one in shot.signers}
    names |= {f"staff:{one.ref}": one.name for one in await Staff.all()}
    return names
