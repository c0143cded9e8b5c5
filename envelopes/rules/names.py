"""Company names for searching. The name itself is kept exactly as written; this form is only compared.

髙 and 高, ㈱ and 株式会社, たかはし and タカハシ are one and the same to a person who searches.
"""

import re
import unicodedata
from typing import Final

# Short and long names of legal forms. NFKC has turned ㈱ into (株) and ㍿ into 株式会社. A joint venture
# (共同企業体) is no legal form: it is another party than its leading company, so the word stays in the name.
_LEGAL_FORMS: Final = {
    "(株)": "株式会社",
    "(有)": "有限会社",
    "(同)": "合同会社",
    "(資)": "合資会社",
    "(名)": "合名会社",
    "(社)": "社団法人",
    "(財)": "財団法人",
    "(一社)": "一般社団法人",
    "(一財)": "一般財団法人",
    "(公社)": "公益社団法人",
    "(公財)": "公益財団法人",
    "(医)": "医療法人",
    "(福)": "社会福祉法人",
    "(学)": "学校法人",
    "(独)": "独立行政法人",
    "(企)": "企業組合",
    "(協)": "協同組合",
    "(農)": "農事組合法人",
    "(特非)": "特定非営利活動法人",
    "npo法人": "特定非営利活動法人",
    "co.,ltd.": "株式会社",
    "co.,ltd": "株式会社",
}
_LONG_FORMS: Final = {*_LEGAL_FORMS.values(), "医療法人社団", "医療法人財団", "地方独立行政法人", "宗教法人"}
# Longest first, so that 一般社団法人 is found before 社団法人.
_FORMS: Final = re.compile(
    "|".join(re.escape(form) for form in sorted({*_LEGAL_FORMS, *_LONG_FORMS}, key=len, reverse=True))
)
_FOLDED: Final = str.maketrans(
    "髙﨑嵜濵濱邊邉齋齊澤廣國眞嶋嶌德瀨槇靜來龍惠榮豐鐵淺櫻條營應實當萬與壽傳學會圓黑曾戶吳增寬"
    "緖卷祐薗圡冨舘峯羣桒栁渕淵髮鄕閒靑飮館舩檜藪籔塲𠮷",
    "高崎崎浜浜辺辺斎斉沢広国真島島徳瀬槙静来竜恵栄豊鉄浅桜条営応実当万与寿伝学会円黒曽戸呉増寛"
    "緒巻祐園土富館峰群桑柳淵淵髪郷間青飲館船桧薮薮場吉",
)
# Two letters, not two shapes of one, but mixed up so often that a search has to find both.
_MIXED_UP: Final = str.maketrans("斉", "斎")
# Hiragana to katakana: the two blocks lie 0x60 apart (U+3041..U+3096, U+30A1..U+30F6).
_KATAKANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)}


def folded(name: str) -> str:
    """Return *name* in lower case without spaces and variants of letters; its marks stay."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", name).casefold().translate(_FOLDED))


def search_form(name: str) -> str:
    """Return *name* without its legal form, spaces, marks and variants; never empty if *name* has a letter."""
    return exact_form(name).translate(_MIXED_UP)


def exact_form(name: str) -> str:
    """Return the same, with letters kept apart that are only mixed up with each other (斉藤, 斎藤)."""
    joined = folded(name)
    return _letters(_FORMS.sub("", joined)) or _letters(joined)


def form_first(name: str) -> bool | None:
    """Say whether the legal form stands before the name (前株) or behind it (後株); None where none is written."""
    joined = folded(name)
    found = _FORMS.search(joined)
    return found.start() == 0 if found else None


def legal_form(name: str) -> str:
    """Return the legal form written in *name* in its long form, or "" where none is written."""
    found = _FORMS.search(folded(name))
    return _LEGAL_FORMS.get(found[0], found[0]) if found else ""


def masked(name: str) -> str:
    """Return as much of a company's *name* as its own people recognise: the first letter after its legal form.

    How long the name is, is not told either; a name of one letter is not shown at all.
    """
    letters = _FORMS.sub("", re.sub(r"\s", "", unicodedata.normalize("NFKC", name).casefold()))
    return f"{letters[0].upper()}＊＊＊" if len(letters) > 1 else "＊＊＊"


def is_legal_form(word: str) -> bool:
    """Say whether *word* is a legal form and nothing else (㈱, 株式会社)."""
    return _FORMS.fullmatch(folded(word)) is not None


def same_company(one: str, other: str) -> bool:
    """Say whether two spellings may mean one company: a legal form may be missing but not differ."""
    forms = {legal_form(one), legal_form(other)} - {""}
    return search_form(one) == search_form(other) and len(forms) <= 1


def _letters(text: str) -> str:
    """Keep letters, marks and digits; write hiragana as katakana."""
    kept = (character for character in text if unicodedata.category(character)[0] in "LMN")
    return "".join(kept).translate(_KATAKANA)
