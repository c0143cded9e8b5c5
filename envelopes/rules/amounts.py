"""What an amount of money written by a person says: yen and how they stand to consumption tax.

Nothing is guessed and no tax is worked out. Numbers in 大字 or 漢数字, ranges, fractions of a yen, wrong groups of
digits and remarks after which it is not the total in yen are refused with `AMOUNT_UNREADABLE`; words that may mean
that there is none, and prices of one piece, with `AMOUNT_NONE_UNSURE`; an amount that says nothing about tax, or two
things, with `AMOUNT_TAX_UNSAID`.
"""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from envelopes.rules.errors import Reason, Refused
from envelopes.rules.kinds import Tax

_LONGEST: Final = 200  # an amount with its remarks; anything longer is prose
_MOST_YEN: Final = 10**12  # one trillion: beyond what a municipality contracts, so surely a slip
_DIGITS: Final = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,13})"
_PART: Final = rf"{_DIGITS}(?:\.[0-9]{{1,8}})?"
_UNITS: Final = {"億": 10**8, "千万": 10**7, "百万": 10**6, "万": 10**4, "千": 1000, "": 1}

_BRACKETS: Final = re.compile(r"[(\[〔【〈]([^()\[\]〔〕【】〈〉]*)[)\]〕】〉]")
_RATE: Final = re.compile(r"\((?:税率)?(?:8|10)%\)")  # a bracket of its own, often within another
_TAXES: Final = (
    r"(?:取引に(?:係る|かかる))?消費税(?:等|(?:及び|および|並びに|・|、|と)地方消費税)?(?:等)?"
    r"(?:の|相当)?額?(?:相当額?)?(?:[:は]?(?:8|10)%)?"
)
_OF_WHICH: Final = re.compile(
    rf"(?:うち|内){_TAXES}(?:[はが:]?金?[¥\\]?{_PART}[億万千]*円?(?:也|整)?)?(?:[をは]?含む)?"
    rf"|{_TAXES}[はが:]?金?[¥\\]?{_PART}[億万千]*円?を?(?:含む|含み)"
)
# What says nothing of the whole amount: another amount, a rate.
_ASIDE: Final = re.compile(
    rf"(?:税抜き?|本体)(?:価格|金額|額)?[はが:]?金?[¥\\]?{_PART}[億万千]*(?:{_PART})?円?(?:也|整)?"
    rf"|{_TAXES}[はが:]?金?[¥\\]?{_PART}円|(?:消費税率|税率)?(?:8|10)%"
)
_NONE: Final = r"(?:(?:契約)?金額)?の?(?:定め)?[はが]?(?:なし|無し|無|ナシ)(?:です|とする|とします)?"
_UNIT_PRICES: Final = r"単価契約(?:のため|につき|により|による|なので|とする|とします|です)?"
_NO_AMOUNT: Final = re.compile(
    rf"(?:{_NONE}(?:[、,。]?{_UNIT_PRICES})?|{_UNIT_PRICES}(?:[、,]?{_NONE})?)。?(?:\([^()]*\))?。?"
)
# Words that may mean that no amount is agreed, or something else; beside a number or 税 they mean something else.
_PERHAPS_NONE: Final = re.compile("単価|なし|無し|ナシ|未定")
_NUMBER_OR_TAX: Final = re.compile("[0-9〇一二三四五六七八九十百千万億壱弐参拾税]")
_MONEY: Final = re.compile(r"[0-9][0-9,]{3,}|円")
_SAID: Final = {
    Tax.EXCLUDED: re.compile(
        rf"税抜き?(?:価格|金額|額)?|税別(?:途)?|外税|別途{_TAXES}|\+(?:{_TAXES}|税)"
        rf"|{_TAXES}(?:を?除(?:く|いた)|[はをが]?含(?:まない|まず|みません|まれ(?:ない|ません|ていない))"
        r"|は?別途?(?:加算(?:する|します)?)?|抜き?)"
    ),
    Tax.INCLUDED: re.compile(
        rf"税(?:率?(?:8|10)%)?込み?(?:価格|金額|額)?|内税|{_TAXES}(?:[をは]?含む|を?含み(?!ません)|込み?)"
    ),
    Tax.NONE: re.compile(r"非課税|不課税|免税"),
}
# Beside them: that it is not so or not sure, or that the amount was made from another.
_BUT: Final = re.compile(
    "ない|ません|ではな|せず|以外|加え|加算|上乗せ|足し|[?]|多分|たぶん|おそらく|思(?:う|い|われ)|確認|はず|かも|でしょうか|ですか"
)
_FOR_ONE: Final = re.compile("単価|(?:当た|当|あた)り|につき|毎に|ごとに")
_TOTAL: Final = re.compile(
    r"(?:単位[:は]?)?円|(?:契約|請負|委託)?(?:総額|合計|総計|代金|金額)(?:金額|額)?|変更後(?:の(?:総額|金額))?"
    r"|(?:諸?経費|送料|運搬費|材料費|設置費|処分費)(?:を?含む|も?込み?)|です|[、,。.・:;/]"
)
_LEAD: Final = re.compile(r"(?:契約|請負|委託)?(?:総額|合計|総計|代金|金額)(?:金額|額)?[はが:]?")
_TAIL: Final = re.compile(
    r"(?:(?:です|となります|になります|とします|でお願い(?:し|いたし|致し)ます)。?|。)$"
)
_MAIN: Final = re.compile(
    r"(?:一?金)?[¥\\]?"
    rf"(?:(?P<a>{_PART})億)?(?:(?P<b>{_PART})(?P<unit>千万|百万|万))?(?:(?P<c>{_PART})千)?(?P<d>{_DIGITS})?"
    r"円?(?:也|整)?(?:\.?[-−―ー])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Whole yen, or `None` where it was said that no amount is agreed (なし)."""

    yen: int | None
    tax: Tax


def parse_amount(text: str) -> Amount:
    """Return what *text* says, or raise `Refused` with one of the reasons above; `AMOUNT_TAX_UNSAID` says the yen."""
    compact = re.sub(r"\s", "", unicodedata.normalize("NFKC", text[:_LONGEST]))
    compact = _RATE.sub("", re.sub(r"(?<=[0-9])、(?=[0-9]{3})", ",", compact))
    if _NO_AMOUNT.fullmatch(compact):
        return Amount(yen=None, tax=Tax.NONE)
    if _PERHAPS_NONE.search(compact) and not _NUMBER_OR_TAX.search(compact):
        raise Refused(Reason.AMOUNT_NONE_UNSURE)
    remarks = _BRACKETS.findall(compact)
    if any(_FOR_ONE.search(remark) for remark in remarks):
        raise Refused(Reason.AMOUNT_NONE_UNSURE)
    if len(text) > _LONGEST or not all(map(_is_of_total, remarks)):
        raise Refused(Reason.AMOUNT_UNREADABLE)
    main = _TAIL.sub("", _BRACKETS.sub("", compact))
    yen = _yen(_LEAD.sub("", _without_tax_words(main), count=1))
    return Amount(yen=yen, tax=_tax(main, remarks, yen))


def _is_of_total(remark: str) -> bool:
    """Whether *remark* leaves the amount what it is: the whole, in yen, as it is agreed.

    What it says of tax may be in doubt, which is another question.
    """
    left = _TOTAL.sub("", _without_tax_words(_ASIDE.sub("", _OF_WHICH.sub("", remark))))
    return not left or ("税" in remark and (_BUT.search(left) is not None or len(_said(remark)) > 1))


def _said(words: str) -> set[Tax]:
    return {tax for tax, saying in _SAID.items() if saying.search(words)}


def _without_tax_words(said: str) -> str:
    left = _OF_WHICH.sub("", said)
    for words in _SAID.values():
        left = words.sub("", left)
    return left.strip("、,。;:・")


def _yen(main: str) -> int:
    """Add up 億, 万 and 千; each part must be smaller than the unit before it."""
    found = _MAIN.fullmatch(main)
    if not found:
        raise Refused(Reason.AMOUNT_UNREADABLE)
    written = [
        (found["a"], "億"),
        (found["b"], found["unit"] or ""),
        (found["c"], "千"),
        (found["d"], ""),
    ]
    parts = [(Fraction(digits.replace(",", "")), _UNITS[unit]) for digits, unit in written if digits]
    above = [unit for _, unit in parts]
    fits = all(number * unit < higher for (number, unit), higher in zip(parts[1:], above, strict=False))
    total = sum((number * unit for number, unit in parts), Fraction(0))
    if not parts or not fits or total.denominator != 1 or total > _MOST_YEN:
        raise Refused(Reason.AMOUNT_UNREADABLE)
    return int(total)


def _tax(main: str, remarks: list[str], yen: int) -> Tax:
    """Read the tax off the amount itself. A remark with another amount speaks of that other amount."""
    whole = main + "".join(remarks)
    own = _OF_WHICH.sub("", main) + "".join(
        remark for remark in remarks if not _MONEY.search(_OF_WHICH.sub("", remark))
    )
    said = _said(own)
    if _OF_WHICH.search(whole):
        said.add(Tax.INCLUDED)
    if len(said) != 1 or _BUT.search(_without_tax_words(own)):
        raise Refused(Reason.AMOUNT_TAX_UNSAID, yen=yen)
    return said.pop()
