"""An envelope's history in words, newest first: for its page, and for the mail that answers 状況."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from envelopes.actions import identity
from envelopes.phrases import Phrase, _, both
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Fact, Staff
from envelopes.records.store import Snapshot
from envelopes.rules import factors, sms
from envelopes.rules.factors import Method
from envelopes.rules.returns import Meaning, meant
from envelopes.rules.sms import Why
from envelopes.rules.states import Event


class Happening(NamedTuple):
    """One line of the history, in words."""

    at: datetime
    text: str
    who: str = ""


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
    "handed over": _("新しい担当者に引き継ぎました"),
    "renewed": _("確認コードの間違いが続いたため、新しいリンクに替えました"),
    "cancelled": _("取り消しました"),
    "expired": _("署名期限が過ぎました"),
    "signed": _("電子署名を付けました"),
    "signed by the last": _("最後の電子署名を付けました"),
    "timestamped": _("タイムスタンプを付け、全体を検証しました"),
    "code asked for": _("確認コードを送りました"),
    "sms asked for": _("SMSの確認コードを送りました"),
    "sms not sent": _("SMSを送れませんでした"),
    "proved": _("本人確認ができました"),
    "authenticator set up": _("次の契約のために認証アプリを登録しました"),
    "access code shown": _("アクセスコードを画面に表示しました（電話で伝えるため）"),
    "access code renewed": _("新しいアクセスコードを発行しました"),
    "access code spent": _("アクセスコードの間違いが続いたため、使えなくなりました"),
    "sms codes spent": _("SMSの確認コードの間違いが続いたため、このリンクでは使えなくなりました"),
    "document shown": _("文書を表示しました"),
    "link asked for": _("リンクの再送が求められました"),
    "download asked for": _("再交付が求められました"),
    "download link renewed": _("ダウンロードのリンクを替えました"),
    "wrong person": _("宛先・担当者について申し出がありました"),
    "change asked for": _("宛先・担当者の変更の申し出があり、依頼を止めました"),
    "change taken back": _("変更の申し出が取り下げられ、依頼を続けました"),
    "change refused": _("変更の申し出を断り、依頼を続けました"),
    "more time asked for": _("署名期限の延長の申し出がありました"),
    "checking inside": _("社内で確認中と知らせがありました"),
    "evidence asked for": _("証拠一式を求めました"),
    "evidence taken": _("サーバーのコマンドで証拠一式を取り出しました"),
    "evidence made": _("証拠一式を作り、期限まで受け取れるようにしました"),
    "ordered by reply": _("認証アプリの数字を付けた返信で指示しました"),
    "reminded": _("署名期限が近いことをメールでお知らせしました"),
    "window reminded": _("ダウンロード期間の終わりが近いことをメールでお知らせしました"),
    "mail undelivered": _("メールが届きませんでした"),
    "address put forward": _("相手方の新しい宛先を台帳に届け出ました"),
    "mail delayed": _("相手のメールサーバーから、配達が遅れているという知らせがありました"),
    identity.REFUSED: _("本人確認の変更の申し出を取りやめました"),
    "auto reply": _("相手のアドレスから自動返信がありました"),
    "complaint": _("相手のメールサービスから、迷惑メールとして報告されたという知らせがありました"),
    "mail receipt": _("相手のメールソフトから、メールについての通知（開封通知など）がありました"),
    "mail unopened": _("携帯電話のアドレスに送ったあと、リンクが開かれていません"),
    "window opened": _("ダウンロード期間を始めました"),
    "window closed": _("ダウンロード期間が終わりました"),
}

_CORRECTED: Final = _(
    "台帳のアドレスの訂正が済んだため、新しいアドレスに依頼を送り直し、前のリンクを使えなくしました"
)


async def happenings(shot: Snapshot) -> tuple[Happening, ...]:
    """Every fact of the envelope in words, newest first."""
    facts = await history.payloads(Subject.ENVELOPE, shot.envelope.id)
    staff = {f"staff:{one.ref}": one.name for one in await Staff.all()}
    seats = whose(shot, facts)
    titles: dict[int, str] = {
        item.id: _("文書{position}「{title}」", position=item.position, title=item.title)
        for item in shot.documents
    }
    if shot.certificate is not None:
        titles[shot.certificate.id] = shot.certificate.title
    lines = [
        Happening(
            at=fact.at,
            text=_handed_over(payload, staff)
            if fact.kind == Event.HANDED_OVER and payload
            else _text(fact, payload, titles),
            who=staff.get(fact.actor) or seats(fact) or _("自動処理"),
        )
        for fact, payload in facts
    ]
    return tuple(reversed(lines))


def whose(shot: Snapshot, facts: Sequence[tuple[Fact, Mapping[str, Any]]]) -> Callable[[Fact], str]:
    """Who had the place that a fact's actor names, when it happened: a place may have gone over to another person.

    Empty where the actor is no signer.
    """
    now = {f"signer:{one.ref}": f"{one.company} {one.person}".strip() for one in shot.signers}
    past = [
        (fact.n, f"signer:{said['signer']}", f"{said['from']['company']} {said['from']['person']}")
        for fact, said in facts
        if fact.kind == Event.HANDED_OVER and said
    ]

    def of(fact: Fact) -> str:
        before = (name for n, actor, name in past if actor == fact.actor and fact.n < n)
        return next(before, "") or now.get(fact.actor, "")

    return of


def _handed_over(payload: Mapping[str, Any], staff: Mapping[str, str]) -> str:
    names = {name: staff.get(f"staff:{payload[name]}", "") for name in ("first", "second")}
    return _(
        "{before}から{after}に引き継ぎ、新しいリンクで依頼しました（届出 {first}、承認 {second}、受付番号 {number}）",
        before=_named(payload["from"]),
        after=_named(payload["to"]),
        number=payload["application"],
        **names,
    )


def _named(person: Mapping[str, str]) -> Phrase:
    return _("{person} 様（{address}）", person=person["person"], address=person["email"])


def _noted(payload: Mapping[str, Any]) -> str:
    """What a signer wrote, and whom he named."""
    return " ".join(said for name in ("office", "person", "email", "note") if (said := payload.get(name)))


def _text(fact: Fact, payload: Mapping[str, Any], titles: Mapping[int, str]) -> str:
    words = _CORRECTED if "corrected" in payload else _WORDS.get(fact.kind, fact.kind)
    if fact.kind == "proved":
        return _proved(words, payload)
    if fact.kind in (identity.CHANGED, identity.PUT_FORWARD) and payload:
        words = _identity(fact.kind, payload)
    if fact.kind == "document shown":
        return _("{document}を表示しました", document=titles.get(payload.get("document", 0), _("文書")))
    if fact.kind == "timestamp renewed":
        paper = titles.get(payload.get("document", 0), _("文書"))
        return _("{document}に新しいタイムスタンプを加え、証明できる期間を延ばしました", document=paper)
    if fact.kind == "extended" and "to" in payload:
        day = date.fromisoformat(payload["to"])
        return _("署名期限を{day}に延ばしました", day=day)
    why = _why(fact, payload)
    return _("{words}：{reason}", words=words, reason=why) if why else words


def _identity(kind: str, payload: Mapping[str, Any]) -> str:
    before, after = (both(partial(factors.called, Method(payload[name]))) for name in ("from", "to"))
    if kind == identity.PUT_FORWARD:
        return _(
            "本人確認を「{before}」から「{after}」に変えることを申し出ました", before=before, after=after
        )
    return _("本人確認を「{before}」から「{after}」に変えました", before=before, after=after)


def _why(fact: Fact, payload: Mapping[str, Any]) -> str | None:
    """What is said after the words: in the terms of the rules where they have some, else as a person wrote it."""
    match fact.kind:
        case "mail undelivered" if payload.get("meaning") in set(Meaning):
            return both(partial(meant, Meaning(payload["meaning"])))
        case "sms not sent" if payload.get("why") in set(Why):
            return both(partial(sms.meant, Why(payload["why"])))
        case "unsealable":
            return None
        case _:
            return payload.get("reason") or _noted(payload)


def _proved(words: str, payload: Mapping[str, Any]) -> str:
    """A mailbox that was proved, or more; of a code by mail also where it was typed."""
    if payload.get("method") in set(Method):
        how = both(partial(factors.called, Method(payload["method"])))
        return _("本人確認ができました（{how}）", how=how)
    if payload.get("then"):
        words = _("メールの確認コードが合いました")
    if payload.get("elsewhere"):
        return _("{words}（コードを求めた画面とは別の端末またはブラウザーで）", words=words)
    return words
