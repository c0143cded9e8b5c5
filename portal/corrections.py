"""Correcting a draft on its page: one field for each thing that was read, written as in a mail.

What a field says is read by the same grammar as mails (`envelopes.rules.orders`); only fields that were changed say
anything. An emptied field takes back what was said.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from envelopes.records.models import Envelope
from envelopes.rules.keys import SEVERAL, Key
from envelopes.rules.lines import ON_PAGE, Statement
from envelopes.rules.policy import Policy
from envelopes.rules.reading import Record, Remark
from portal.phrases import _, reason
from portal.staff_views import Correction
from portal.views import FieldError


class _Shape(NamedTuple):
    hint: str
    rows: int = 1


_FIELDS: Final[Mapping[Key, _Shape]] = {
    Key.TITLE: _Shape(""),
    Key.RECIPIENT: _Shape(_("台帳の会社名かアドレス。署名する順に1行に1者"), rows=2),
    Key.KIND: _Shape(_("契約書 または 請書")),
    Key.AMOUNT: _Shape(_("例：12,980,000円（税込）。単価契約は なし")),
    Key.DEADLINE: _Shape(_("例：8月31日、令和8年8月31日、今月末")),
    Key.START: _Shape(_("例：令和8年9月1日")),
    Key.PERIOD: _Shape(_("例：令和8年9月1日から令和9年3月31日まで")),
    Key.SECTION: _Shape(_("課の名前。書かなければ、作った人の課")),
    Key.IDENTITY: _Shape(
        _(
            "メール、アクセスコード、認証アプリなど。1行に1つ、署名する順に。1行だけなら全員。書かなければ台帳の既定"
        ),
        rows=2,
    ),
    Key.COPY: _Shape(_("写しを送る職員。1行に1人"), rows=2),
    Key.HAND_OVER: _Shape(_("可 または 不可。可のとき、相手方は別の担当者への引き継ぎを申し出られます")),
    Key.NOTE: _Shape(_("署名依頼のメールに載せます"), rows=4),
}


# The keys of an order in words; in Japanese they are the keys themselves.
LABELS: Final[Mapping[str, str]] = {
    Key.TITLE: _("封筒名"),
    Key.RECIPIENT: _("宛先"),
    Key.KIND: _("種別"),
    Key.AMOUNT: _("金額"),
    Key.DEADLINE: _("期限"),
    Key.START: _("履行開始日"),
    Key.PERIOD: _("履行期間"),
    Key.SECTION: _("担当課"),
    Key.SIGNER: _("署名者"),
    Key.IDENTITY: _("本人確認"),
    Key.COPY: _("写し"),
    Key.HAND_OVER: _("引継ぎ"),
    Key.NOTE: _("備考"),
    Key.DOCUMENT: _("文書"),
    Key.ANSWERED: _("確認済"),
}


def fields(
    envelope: Envelope, record: Record, policy: Policy, posted: Mapping[str, str] | None = None
) -> tuple[Correction, ...]:
    """The fields as they stand, or as they were posted."""
    said = _said(envelope, record)
    return tuple(
        Correction(
            name=_name(key),
            label=LABELS[key],
            value=said[key] if posted is None else posted.get(_name(key), ""),
            hint=_hint(key, shape, envelope, said, policy),
            rows=shape.rows,
        )
        for key, shape in _FIELDS.items()
    )


def changed(
    envelope: Envelope, record: Record, posted: Mapping[str, str], day: date
) -> tuple[Statement, ...]:
    """What the posted fields say that differs from what was said before; *day* is today in Japan."""
    said = _said(envelope, record)
    return tuple(
        statement
        for key in _FIELDS
        if (now := _tidy(posted.get(_name(key), said[key]))) != _tidy(said[key])
        for statement in _statements(key, now, day)
    )


def standing(envelope: Envelope, record: Record, posted: Mapping[str, str]) -> list[FieldError]:
    """Beside each posted field that says something else: what stands there now."""
    return [
        FieldError(text=_stands(LABELS[key], now.replace("\n", "、")), field=_name(key))
        for key, now in _said(envelope, record).items()
        if _tidy(posted.get(_name(key), now)) != _tidy(now)
    ]


def _stands(label: str, now: str) -> str:
    if not now:
        return _("{label}は、いま空欄です。変えないときは、空欄に戻してください。", label=label)
    return _("{label}は、いま「{now}」です。変えないときは、この内容に戻してください。", label=label, now=now)


def errors(problems: Sequence[Remark]) -> tuple[FieldError, ...]:
    """What is to be mended, each beside its field."""
    names = {key.value: _name(key) for key in _FIELDS}
    return tuple(
        FieldError(
            text=reason(problem.reason, **problem.details),
            field=names.get(str(problem.details.get("key", "")), ""),
        )
        for problem in problems
    )


def _name(key: Key) -> str:
    return f"fix_{key.name.lower()}"


def _said(envelope: Envelope, record: Record) -> dict[Key, str]:
    """What was written under each key; title and kind stand there also where they came from elsewhere."""
    said = {key: "\n".join(one.value for one in record.statements if one.key is key) for key in _FIELDS}
    said[Key.TITLE] = said[Key.TITLE] or envelope.title
    said[Key.KIND] = said[Key.KIND] or envelope.kind
    return said


def _hint(key: Key, shape: _Shape, envelope: Envelope, said: Mapping[Key, str], policy: Policy) -> str:
    if key is Key.TITLE:
        return _("{limit}字まで", limit=policy.title_characters)
    if key is Key.DEADLINE and not said[key]:
        return _("書かなければ {day}。{hint}", day=envelope.deadline_on, hint=shape.hint)
    return shape.hint


def _tidy(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines()).strip()


def _statements(key: Key, value: str, day: date) -> Iterator[Statement]:
    values = [line for line in value.split("\n") if line] if key in SEVERAL else [value]
    for one in values or [""]:
        yield Statement(key=key, value=one, day=day, text=f"{key.value}：{one}", mail=ON_PAGE)
