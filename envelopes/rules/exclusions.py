"""対象外の確認: what keeps a contract from being made electronically, as far as a program can see it.

Nothing here forbids: every sign is a question that staff answer before the draft is sent. It is looked for in what the
order says and in the words on the documents' pages. What the questions say stands in `envelopes.texts`.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from envelopes.rules.dates import Span
from envelopes.rules.errors import Reason
from envelopes.rules.policy import Policy
from envelopes.rules.wording import jst_date

# The question, and the words with which a mail answers it (確認済：10年超、自動更新).
WORDS: Final[Mapping[Reason, tuple[str, ...]]] = {
    Reason.EXCLUDED_TERM: ("10年超", "10年", "期間"),
    Reason.SPAN_UNREADABLE: ("期間", "10年超", "10年"),
    Reason.EXCLUDED_RENEWAL: ("自動更新", "更新"),
    Reason.EXCLUDED_PAPER: ("書面必須", "書面", "法令"),
    Reason.EXCLUDED_START: ("開始日", "履行開始日", "期限"),
}
QUESTIONS: Final = frozenset(WORDS)

_PAGE: Final = 20_000  # characters of a page that are looked at: a printed page has some thousands
_ALL: Final = 400_000  # of all pages together, so that no document holds up the mails behind it
PHRASE: Final = 40  # characters that are quoted
_SENTENCE: Final = r"[^。]"
_RENEWAL: Final = re.compile(
    r"(?:自動(?:的に)?(?:更新|延長|継続)"
    rf"|(?:同一|同じ|同様|従前)の?(?:契約)?条件{_SENTENCE}{{0,20}}?(?:更新|延長|継続)"
    rf"|(?:申し?出|申し?入れ|意思表示|異議|通知){_SENTENCE}{{0,12}}?(?:ない|なき)(?:とき|場合|限り)"
    rf"{_SENTENCE}{{0,40}}?(?:(?:更新|延長|継続)(?:する|さ|した|とみな)|効力を有))"
    rf"(?!{_SENTENCE}{{0,12}}?(?:しない|行わない|しません|行いません|認めない|の定めはない)"
    r"|(?:する|の)?(?:条項|規定|旨|定め|旨の定め|契約)?[はがもを]?[:(]{0,2}(?:有無:?)?(?:ない|なし|無し|無$|不可|ありません))"
)
_TERM: Final = re.compile(
    rf"(?:契約|賃貸借|賃借|貸付け?|借受け?|借地権?|存続|有効|履行|使用|委託|リース)の?期間{_SENTENCE}{{0,60}}?"
    r"(?<![0-9和成RrHh])(?P<years>[0-9]{1,3}|[一二三四五六七八九]?十[一二三四五六七八九]?)(?:年間|[かカヶ箇]年|年(?![度目0-9一二三四五六七八九十元来次生]))"
)
_FROM_TO: Final = re.compile(
    rf"期間{_SENTENCE}{{0,30}}?(?P<from>令和[元0-9]{{1,2}}|[0-9]{{4}})年{_SENTENCE}{{0,20}}?(?:から|至|~|より)"
    rf"{_SENTENCE}{{0,12}}?(?P<to>令和[0-9]{{1,2}}|[0-9]{{4}})年"
)
_CLOSING: Final = re.compile(r"(?:の件)?(?:は?(?:確認)?済み?(?:です)?|です)?[。.]?$")
_KANJI: Final = {letter: number for number, letter in enumerate("一二三四五六七八九", start=1)}
_REIWA: Final = 2018


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Something that looks like a reason against. `page` counts from 1; `phrase` are the words found there."""

    reason: Reason
    page: int
    phrase: str


def in_terms(
    *, deadline: date, start: date | None, span: Span | None, policy: Policy
) -> list[tuple[Reason, Mapping[str, str | int]]]:
    """What the dates of an order give to ask, with the details that the question quotes."""
    found: list[tuple[Reason, Mapping[str, str | int]]] = []
    begin = start or (span.start if span else None)
    if span is not None and span.exceeds(policy.term_years):
        found.append((Reason.EXCLUDED_TERM, {"years": policy.term_years, "where": "履行期間の行"}))
    if begin is not None and deadline > begin:
        days = {"deadline": jst_date(deadline), "start": jst_date(begin)}
        found.append((Reason.EXCLUDED_START, days))
    return found


def in_line(label: str, value: str, policy: Policy) -> list[tuple[Reason, Mapping[str, str | int]]]:
    """What the words of one line of an order give to ask, with the details that the question quotes."""
    return [
        (reason, {"years": policy.term_years, "found": phrase, "where": f"{label}「{phrase[:PHRASE]}」"})
        for reason, phrase in _on_page(_compact(value[:_PAGE]), policy)
    ]


def in_title(title: str, policy: Policy) -> str:
    """The contract on paper that *title* names, or ""."""
    compact = _bare(title)
    return next((name for name in policy.paper_contracts if _bare(name) in compact), "")


def in_pages(texts: Sequence[str], policy: Policy) -> list[Sign]:
    """The first sign of each kind on a document's pages. Linear in the text; raises nothing."""
    found: dict[Reason, Sign] = {}
    left = _ALL
    for page, text in enumerate(texts, start=1):
        looked_at = text[: min(_PAGE, left)]
        left -= len(looked_at)
        for reason, phrase in _on_page(_compact(looked_at), policy):
            found.setdefault(reason, Sign(reason=reason, page=page, phrase=phrase[:PHRASE]))
    return list(found.values())


def answered(words: str) -> frozenset[Reason]:
    """The questions that a line 確認済 names."""
    named = {_CLOSING.sub("", _compact(word)) for word in re.split(r"[、,，・/／\s]+", words)}
    return frozenset(reason for reason, known in WORDS.items() if not named.isdisjoint(known))


def unanswered(asked: Collection[Reason], given: Collection[Reason]) -> list[Reason]:
    """The questions among *asked* that nobody has answered, in a fixed order."""
    return [reason for reason in WORDS if reason in asked and reason not in given]


def _compact(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def _bare(text: str) -> str:
    """Without blanks, and without の: 農地の賃貸借契約 is a 農地賃貸借契約."""
    return _compact(text).replace("の", "")


def _on_page(text: str, policy: Policy) -> Iterator[tuple[Reason, str]]:
    if phrase := _long_term(text, policy.term_years):
        yield Reason.EXCLUDED_TERM, phrase
    if hit := _RENEWAL.search(text):
        yield Reason.EXCLUDED_RENEWAL, hit[0]
    if name := in_title(text, policy):
        yield Reason.EXCLUDED_PAPER, name


def _long_term(text: str, years: int) -> str:
    for hit in _TERM.finditer(text):
        if _number(hit["years"]) > years:
            return hit[0]
    for hit in _FROM_TO.finditer(text):
        # Without the days it cannot be told whether ten years are just kept; so only more counts.
        if _western(hit["to"]) - _western(hit["from"]) > years:
            return hit[0]
    return ""


def _number(written: str) -> int:
    if written.isdecimal():
        return int(written)
    tens, _, ones = written.partition("十")
    return _KANJI.get(tens, 1) * 10 + _KANJI.get(ones, 0)


def _western(year: str) -> int:
    if not year.startswith("令和"):
        return int(year)
    number = year.removeprefix("令和")
    return _REIWA + (int(number) if number.isdecimal() else 1)
