"""Whether the one whom an order names is the one who was found for it: a company or a person may be written shortly.

Who is found by an address may be another company than the line says, and the only person registered of a company
another one than is named. Neither may go unsaid.
"""

import re
from enum import StrEnum
from typing import Final

from envelopes.rules.names import exact_form, form_first, is_legal_form, legal_form, same_company, search_form

# Words that tell what somebody is, not who: they need not be registered.
_OFFICE: Final = re.compile(
    r"(?:(?:代表|取締役|役員|社長|会長|専務|常務|理事|監事|主任|主査|主事|担当|係|支配人|代理人?|受任者|事業主|店主)者?"
    r"|(?:部|課|係|室|局|所|店|支社|工場|組合|事務局|理事|団|院|園|校|館|次|班)長)(?:代理|心得)?(?:様|殿)?$"
)
_PLACE: Final = re.compile(r"(?:支店|本店|営業所|事業所|出張所|支社|本社|工場|支部|本部|部|課|係|室)$")
_BRACKETS: Final = re.compile(r"[(（][^()（）]{0,200}[)）]?")
# In brackets: that he is not meant after all.
_LEFT_OUT: Final = re.compile(
    r"[(（][^()（）]{0,200}(?:除[くきいか]|除外|対象外|取り?消|外[しす]|以外|変更|中止|やめ|不要)"
)


class Fit(StrEnum):
    """How far what is written agrees with what is registered."""

    WHOLE = "whole"
    IN_DOUBT = "in-doubt"
    ANOTHER_COMPANY = "another-company"


def fit(name: str, *, company: str, office: str, person: str) -> Fit:
    """Compare *name*, a recipient as written without 様 and address, with a registered *company* and its *person*."""
    found = _fit(name, company, office, person)
    return Fit.IN_DOUBT if found is Fit.WHOLE and _LEFT_OUT.search(name) else found


def _fit(name: str, company: str, office: str, person: str) -> Fit:
    words = _BRACKETS.sub(_unless_legal_form, name).split() or name.split()
    behind = _behind_company(words, company)
    if behind is not None:
        whole = _spelt_alike(company, words) and _may_be_person(behind, office, person)
        return Fit.WHOLE if whole else Fit.IN_DOUBT
    if _may_be_person(words, office, person):
        return Fit.WHOLE  # no company is named, only who it is
    return _without_gaps(words, company, office, person)


def _unless_legal_form(bracket: re.Match[str]) -> str:
    return bracket[0] if is_legal_form(bracket[0]) else " "


def _spelt_alike(company: str, words: list[str]) -> bool:
    """Whether *words* begin as *company* does where other companies differ: 前株 or 後株, 斉 or 斎."""
    joined = "".join(words)
    sides = {form_first(company), form_first(joined)} - {None}
    return len(sides) <= 1 and exact_form(joined).startswith(exact_form(company))


def _behind_company(words: list[str], company: str) -> list[str] | None:
    """The words behind the company's name at the beginning; `None` where another name stands there."""
    counts = range(len(words), 0, -1)
    count = next((count for count in counts if same_company(company, " ".join(words[:count]))), None)
    return None if count is None else words[count:]


def _may_be_person(words: list[str], office: str, person: str) -> bool:
    """Whether *words* are the person, the family name alone, the office, or nothing."""
    offices = search_form(office)
    left = [word for word in words if not _OFFICE.search(word) and search_form(word) not in offices]
    said, known = search_form("".join(_without_places(left))), search_form(person)
    if said in known:
        return True
    before = said.removesuffix(known)
    return before != said and (before in offices or _OFFICE.search(before) is not None)


def _without_places(words: list[str]) -> list[str]:
    """The words that are no branch or section, if there are any: a person has been named behind those."""
    return [word for word in words if not _PLACE.search(word)] or words


def _without_gaps(words: list[str], company: str, office: str, person: str) -> Fit:
    """Where no gap stands between company and person, or a part of the company's name is left out."""
    joined = "".join(words)
    said, known = search_form(joined), search_form(company)
    first = search_form(words[0]) if words else ""
    forms = {legal_form(joined), legal_form(company)} - {""}
    if len(forms) > 1:
        return Fit.ANOTHER_COMPANY
    if known and said.startswith(known) and _may_be_person([said.removeprefix(known)], office, person):
        return Fit.WHOLE if _spelt_alike(company, words) else Fit.IN_DOUBT
    near = bool(known) and bool(first) and (known in said or first in known)
    return Fit.IN_DOUBT if near else Fit.ANOTHER_COMPANY
