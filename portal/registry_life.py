"""The histories of entries and applications of the registry, in words."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from envelopes.actions import authenticators, usual
from envelopes.actions.applications import steps
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Fact, Staff
from envelopes.rules import factors
from envelopes.rules.errors import Reason
from envelopes.rules.factors import Method
from portal.phrases import _, both, reason
from portal.views import Happening

_WORDS: Final[Mapping[str, str]] = {
    "applied": _("登録の申請がありました"),
    "invited again": _("確認をお願いするメールを、もう一度送りました"),
    "agreed": _("電子契約を行うことを承諾しました"),
    "proved": _("確認コードでアドレスを確かめました"),
    "checked": _("申請の内容を確かめました"),
    "approved": _("折り返し確かめて、承認しました"),
    "returned": _("差し戻しました"),
    "registered": _("台帳に登録しました"),
    "replaced": _("新しい登録に替わりました"),
    "to be replaced": _("新しいアドレスの使用開始の時に、台帳から外れることになりました"),
    "stands again": _("新しいアドレスの登録が取りやめになり、このアドレスを使い続けます"),
    "ended": _("台帳から外しました"),
    "consent withdrawn": _("電子契約の承諾が取りやめられました"),
    usual.CHOSEN: _("本人確認の既定を変えました"),
    "mobile put forward": _("携帯電話の番号を届け出ました"),
    "mobile approved": _("折り返し確かめて、携帯電話の番号を承認しました"),
    "mobile ended": _("携帯電話の番号を使えなくしました"),
    authenticators.SET_UP: _("認証アプリが登録されました"),
    authenticators.LOST: _("認証アプリをなくしたとの申し出を記録しました"),
    authenticators.FOUND: _("認証アプリをなくしたとの申し出を取り下げました"),
    authenticators.ENDED: _("折り返し確かめて、認証アプリを解除しました"),
    "address dead": _("メールが届かないため、使えないアドレスになりました"),
    "address alive": _("メールが届くことが確かめられました"),
}


async def happenings(subject: Subject, subject_id: int) -> tuple[Happening, ...]:
    """Every fact of a subject in words, newest first."""
    facts = await history.payloads(subject, subject_id)
    names = {f"staff:{one.ref}": one.name for one in await Staff.all()}
    return tuple(
        Happening(at=fact.at, text=_text(fact, payload), who=_actor(fact, names))
        for fact, payload in reversed(facts)
    )


def _text(fact: Fact, payload: Mapping[str, Any]) -> str:
    words, why = _WORDS.get(fact.kind, fact.kind), payload.get("reason")
    if number := payload.get("number") if fact.kind.startswith("mobile") else None:
        words = _("{words}（{number}）", words=words, number=number)
    if fact.kind == usual.CHOSEN:
        return _("{words}：{reason}", words=words, reason=_usual(payload.get("method", "")))
    if not why:
        return words
    said = reason(Reason(why)) if why in set(Reason) else why
    return _("{words}：{reason}", words=words, reason=said)


def _usual(method: str) -> str:
    return both(partial(factors.called, Method(method))) if method else _("登録に合わせる")


def _actor(fact: Fact, names: Mapping[str, str]) -> str:
    if fact.actor == str(steps.APPLICANT):
        return _("申請者")
    return names.get(fact.actor, _("自動処理") if fact.actor == "worker" else _("サーバーのコマンド"))
