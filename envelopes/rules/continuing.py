"""Which lines below a value belong to it: what stands deeper, what the mail program broke, a person below his company.

Whatever may belong and is not taken can be told by `Open.may_go_on`. Which key a line has stands in `lines`.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from envelopes.rules.keys import Key
from envelopes.rules.names import legal_form
from envelopes.rules.quoting import QUOTES

BULLETS: Final = "■□◆◇●○◎・･*＊-－–—▼▽▶➢➤※→⇒★☆◯✔✓【[［「『〈《〔<＜"
BLANKS: Final = " \t\u3000\xa0"
INDENT: Final = 2  # columns that a line stands deeper to be of the one above
_WIDEST: Final = 200  # letters of a line of which the width matters
_WRAPPED: Final = 60  # columns from which a line may have been broken by the mail program
SENTENCE: Final = re.compile(r"。|(?:ます|です|ません|ました|ください|下さい|願い)[!！.．]?$")
# A line with a word and a colon before it, whatever the word.
LABELLED: Final = re.compile(r"(?P<key>[^:：、。「」@＠\t]{1,20})(?P<gap>[:：])\s{0,8}(?P<value>\S.*)")
# The part of an amount that is tax; it may stand in the line below.
OF_WHICH: Final = re.compile(r"[(（]?\s{0,4}(?:うち|内)(?:\s{0,4}取引に係る)?\s{0,4}消費税")
# Another sum, or of which kind the one above is.
_OF_MONEY: Final = re.compile(r"[0-9万億千]\s?円|税[込抜別]")
# Whose value is a name, with what belongs to it below.
NAMING: Final = frozenset({Key.RECIPIENT, Key.COPY})
_TORN: Final = 3  # lines of a value that the mail program has torn in a bracket
_BRACKETS: Final = ("「」", "『』", "【】", "［］", "[]", "〔〕", "〈〉", "《》")
_PAIRS: Final = ("()", "<>", "[]", "「」", "【】", "〔〕")
# Closes a letter, so nothing above goes on below it.
IS_END: Final = re.compile(r"(?:以\s{0,4}上|記|敬\s{0,4}具|草々)[。.]?")
# A term over two lines: 令和8年9月1日から / 令和9年3月31日まで
_FROM: Final = re.compile(r"(?:から|より|[~～〜―－-])$")
_TO: Final = re.compile("至|[~～〜]")
# What a person is in his company: such a line names nobody new.
_OFFICE: Final = re.compile(
    "代表|取締役|社長|副社長|専務|常務|執行役員|理事|組合長|会頭|会長|支店長|支社長|支所長|営業所長|所長|事業主|店主"
)
# 建設課 中村, みほん村役場 建設課 中村: who sends the mail.
_OF_TOWN: Final = re.compile(r"(?:\S{1,20}\s{1,4})?\S{0,20}(?:課|係|室|役場|役所|庁)(?:\s|$)")
# Where somebody is reached: by telephone, by post.
_REACHED: Final = re.compile(
    r"[(（]?\s{0,4}(?:[℡☎〒]|(?:tel|fax|[ＴＦ][ＥＡ][ＬＸ]|電話|携帯|内線|直通|住所|所在地|郵便番号)(?![ァ-ヶ一-龠]))",
    re.IGNORECASE,
)
_PLACE: Final = re.compile(
    r"\S{0,10}[都道府県市区郡町村]\S{0,20}(?:大字|番地|丁目|[0-9０-９]{1,5}(?:番|[-－−ー―][0-9０-９]))[^@＠様]{0,40}$"
)
_ADDRESS_MARK: Final = re.compile(r"[^\s@＠]{1,64}[@＠][^\s@＠]{1,255}")
_ADDRESS_LABEL: Final = re.compile(r"(?:e-?)?mail|メール(?:アドレス)?|アドレス", re.IGNORECASE)
_IS_WHOLE: Final = re.compile(r"(?:様|さま|殿)[\s)）、,，。]{0,8}$")
_IS_NAMED: Final = re.compile(r"(?:様|さま|殿|御中)[\s)）、,，]{0,8}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a mail, and how it stands among the others. `text` has its marks, and no blanks around it."""

    bare: str  # without marks and quotes before the words
    item: str  # without the number that it has in a list either
    plain: str  # without any symbol either: where its key stands
    number: int
    text: str
    indented: bool
    depth: int  # columns before the first word
    width: int  # columns up to the last word
    quoted: bool
    is_heading: bool  # words stand deeper right below it

    @property
    def whole(self) -> str:
        """With its marks, though without those of a quote."""
        return self.text.lstrip(f"{BLANKS}{QUOTES}")

    @property
    def value(self) -> str:
        """The words where they are all of a value, with the bracket that stood before them and is closed in them."""
        words = self.bare.strip()
        mark = self.text.removesuffix(words)[-1:]
        is_own = any(mark == pair[0] and pair[1] in words for pair in _BRACKETS)
        return mark + words if is_own else words

    @property
    def is_marked(self) -> bool:
        return self.text.startswith(tuple(BULLETS))

    @property
    def is_numbered(self) -> bool:
        return self.item != self.bare


def columns(text: str) -> int:
    """How wide *text* is in a mail's window: a Japanese letter takes two columns."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WFA" else 1 for letter in text[:_WIDEST])


class Open:
    """A statement whose next line may still belong to it."""

    def __init__(self, key: Key, value: str, line: Line, number: int, *, remark: str = "") -> None:
        self.key = key
        self.said = [value] if value else []
        self.first = line
        self.lines = [line]
        self.number = number
        self.quoted = line.quoted
        self._remark = f"（{remark}）" if remark else ""

    def next(self, words: str, line: Line) -> "Open":
        """Another value of the same key, which *words* begin."""
        following = Open(self.key, words, line, self.number)
        following.first = self.first
        return following

    def begin(self, words: str, line: Line) -> None:
        """An empty key has its value in the line below."""
        self.said = [words]
        self.first = line
        self.lines = [*self.lines, line] if self._remark else [line]

    def is_torn_before(self, line: Line) -> bool:
        """Whether the value ends within a bracket that *line* closes. The words of a 備考 are free."""
        if self.key is Key.NOTE or line.is_numbered or len(self.lines) > _TORN:
            return False
        left = [pair for pair in _PAIRS if _depth("".join(self.said), pair) > 0]
        return any(_depth(line.whole, pair) < 0 for pair in left)

    def takes(self, words: str, line: Line) -> bool:
        """Whether *words* complete the value: 備考 has many lines, a name may stand above its address."""
        match self.key:
            case Key.NOTE:
                return True
            case Key.TITLE:
                return self._is_second(words, line) and (
                    self._is_broken(line) or line.depth > self.first.depth
                )
            case Key.AMOUNT:
                is_remark = words[0] in "(（" or OF_WHICH.match(words) is not None
                return len(self.said) == 1 and (
                    is_remark or (self._is_second(words, line) and self._is_broken(line))
                )
            case Key.PERIOD:
                is_rest = self._is_deeper(line) or self._is_broken(line)
                return self._is_second(words, line) and (
                    is_rest or _TO.match(words) is not None or self._is_from
                )
            case Key.RECIPIENT | Key.COPY:
                return self._takes_name(words, line)
            case _:
                return False

    def _is_second(self, words: str, line: Line) -> bool:
        """Whether *line* can be the second of a value; the lines of a list have a mark each."""
        return len(self.said) == 1 and _is_no_sentence(words) and not line.is_marked

    def _is_broken(self, line: Line) -> bool:
        """Whether the mail program may have broken the line above in the middle."""
        return self.lines[-1].width >= _WRAPPED and not line.is_marked

    def _is_deeper(self, line: Line) -> bool:
        return line.depth >= self.first.depth + INDENT

    @property
    def _is_from(self) -> bool:
        return _FROM.search(self.said[-1]) is not None

    def _takes_name(self, words: str, line: Line) -> bool:
        """Whether *words* are of the same name: behind its 様, only its address is."""
        said = " ".join(self.said)
        if has_address(said):
            return False
        if _IS_WHOLE.search(said):
            return _is_address(words)
        if _is_address(words) or _IS_WHOLE.search(words) or _OFFICE.match(words):
            return True
        if _is_labelled(words):
            return False
        is_next = self._is_deeper(line) or (has_address(words) and not _is_of_section(words))
        return is_next or (self._is_broken(line) and _is_no_sentence(words))

    def is_followed_by(self, words: str, line: Line) -> bool:
        """Whether *words* are another value of the same key: the next signer below the first."""
        if self.key not in NAMING or _is_labelled(words):
            return False
        is_next = has_address(words) and not _is_of_section(words)
        return self._is_deeper(line) or is_next or _names_somebody(words)

    def may_go_on(self, words: str, line: Line) -> bool:
        """Whether *words*, which were not taken, may have been meant for the value."""
        if self.key is Key.TITLE:
            return _is_no_sentence(words)
        if self.key is Key.AMOUNT and _OF_MONEY.search(unicodedata.normalize("NFKC", words)):
            return True
        is_near = self.key in NAMING or self._is_deeper(line) or words[0] in "(（"
        return is_near and not SENTENCE.search(words) and any(letter.isalnum() for letter in words)

    def add(self, words: str, line: Line) -> None:
        """Let the value go on with *words*; the lines of a 備考 keep their marks."""
        match self.key:
            case Key.NOTE:
                words = line.whole
            case Key.AMOUNT if words[0] not in "(（" and OF_WHICH.match(words):
                words = f"（{words}）"
            case _ if self._is_broken(line) and line.depth <= self.lines[-1].depth and not has_address(words):
                self.join(words, line)
                return
        self.said.append(words)
        self.lines.append(line)

    def join(self, words: str, line: Line) -> None:
        """Let the value go on in the middle of a word."""
        self.said.append(self.said.pop() + words)
        self.lines.append(line)

    @property
    def value(self) -> str:
        """All of it, with the remark of its key."""
        value = ("\n" if self.key is Key.NOTE else " ").join(self.said)
        return f"{value}{self._remark}" if value else ""

    @property
    def number_of_line(self) -> int:
        return self.lines[0].number

    @property
    def text(self) -> str:
        """Its lines as they were written."""
        return " ".join(line.text for line in self.lines)


def _is_no_sentence(words: str) -> bool:
    """Whether *words* may be the rest of a value: no sentence, rule, address or telephone number."""
    is_other = SENTENCE.search(words) or LABELLED.match(words) or has_address(words)
    return not is_other and any(letter.isalnum() for letter in words)


def _depth(text: str, pair: str) -> int:
    """How many brackets of *pair* the text leaves open; below 0 if it closes more."""
    plain = unicodedata.normalize("NFKC", text)
    return plain.count(pair[0]) - plain.count(pair[1])


def _is_labelled(words: str) -> bool:
    """Whether *words* have a name of their own before them (担当者：), other than that of an address."""
    hit = LABELLED.match(words)
    return (
        hit is not None
        and _ADDRESS_LABEL.fullmatch(re.sub(r"\s", "", unicodedata.normalize("NFKC", hit["key"]))) is None
    )


def is_where(words: str) -> bool:
    """Whether *words* are a telephone number or a postal address."""
    is_place = _PLACE.match(words) is not None and legal_form(words) == ""
    return is_place or _REACHED.match(words) is not None


def _is_of_section(words: str) -> bool:
    """Whether *words* begin with a section or a town hall: they sign the mail, no contract."""
    return _OF_TOWN.match(words) is not None and legal_form(words) == ""


def has_address(text: str) -> bool:
    """Whether something in *text* looks like a mail address."""
    return _ADDRESS_MARK.search(text) is not None


def _is_address(words: str) -> bool:
    """Whether *words* are an address and nothing else, but for the word メール before it."""
    if not has_address(words):
        return False
    rest = _ADDRESS_LABEL.sub("", _ADDRESS_MARK.sub("", words, count=1), count=1)
    return not any(letter.isalnum() for letter in rest)


def _names_somebody(words: str) -> bool:
    """Whether *words* are a name to write to, though no key stands before them: ㈱B, or C 様."""
    return _IS_NAMED.search(words) is not None or (legal_form(words) != "" and "。" not in words)
