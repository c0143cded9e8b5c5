"""Every mail as a golden file, and the rules that hold for all of them."""

import os
import re
import time
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from jinja2 import UndefinedError

from bot.letters import Letter, Place
from bot.render import TEMPLATES, columns, environment, render, squeeze
from envelopes.languages import JAPANESE
from envelopes.rules.returns import DeliveryState
from envelopes.rules.wording import Dates, Language
from fukan.demo.letters import LETTERS, SITE

GOLDEN = Path(__file__).parent / "golden"
REGENERATE = "FUKAN_WRITE_GOLDEN"
ID = re.compile(r"https?://[^\s\"<]+|[0-9a-f]{64}|[A-Z]+-[0-9A-Z-]*\d[0-9A-Z-]*|[\w.]+@[\w.-]+|\d{6}")

every_letter = pytest.mark.parametrize("name", sorted(LETTERS))


class Words(HTMLParser):
    """The words and the link targets of an HTML mail."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag in {"style", "title"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.words.append(data.strip())


def _golden(name: str, suffix: str, made: str) -> str:
    path = GOLDEN / f"{name}.{suffix}"
    if os.environ.get(REGENERATE) == "1":
        path.write_text(made, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _squash(text: str) -> str:
    return re.sub(r"[\s:]+", "", normalize("NFC", text)).casefold()


def _languages(name: str) -> int:
    """In how many languages a mail says the same."""
    letter = LETTERS[name]
    return 2 if letter.also_japanese and letter.to.language is Language.ENGLISH else 1


@every_letter
def test_mail_is_what_was_agreed(name: str) -> None:
    made = render(LETTERS[name], site=SITE)
    text = f"{made.subject}\n\n{made.text}"
    assert text == _golden(name, "txt", text)
    assert made.html == _golden(name, "html", made.html)


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(LETTERS)


def test_every_letter_class_has_a_sample_and_a_folder() -> None:
    def leaves(kind: type[Letter]) -> set[type[Letter]]:
        below = kind.__subclasses__()
        return {kind} if "template" in vars(kind) and kind is not Letter else set().union(*map(leaves, below))

    shown = {type(letter) for letter in LETTERS.values()}
    folders = {path.name for path in TEMPLATES.iterdir() if path.is_dir()}
    # A slotted dataclass leaves its unslotted twin among the subclasses, so names are compared.
    assert {kind.__name__ for kind in leaves(Letter)} == {kind.__name__ for kind in shown}
    assert folders == {kind.template for kind in shown}


@every_letter
def test_subject_has_at_most_sixty_columns(name: str) -> None:
    long_title = (
        "令和8年度 社会資本整備総合交付金事業 村道北城線ほか三路線 舗装補修その他工事 第2回変更請負契約"
    )
    letter = LETTERS[name]
    names = {field.name for field in fields(letter)}
    changes: dict[str, Any] = {
        key: long_title for key in ("title", "party", "original_subject") if key in names
    }
    subject = render(replace(letter, **changes), site=SITE).subject
    assert columns(subject) <= 60
    assert columns(render(letter, site=SITE).subject) <= 60
    assert "\n" not in subject
    assert not re.search("至急|緊急", subject)


@every_letter
def test_html_says_nothing_that_the_text_does_not(name: str) -> None:
    made = render(LETTERS[name], site=SITE)
    words = Words(made.html)
    wanted = set(ID.findall(" ".join(words.words))) | {str(a["href"]) for tag, a in words.tags if tag == "a"}
    assert not {item for item in wanted if item not in made.text}
    text = _squash(made.text)
    unsaid = [word for word in words.words if _squash(word) not in text]
    assert not [
        word
        for word in unsaid
        if not re.search("ボタンを押せない|If the button|みほん村|Mihon Village", word)
    ]


@every_letter
def test_html_is_small_and_loads_nothing(name: str) -> None:
    html = render(LETTERS[name], site=SITE).html
    tags = Words(html).tags
    assert len(html.encode()) < 20_000
    assert not {tag for tag, _ in tags} & {"img", "script", "link", "iframe", "form"}
    assert not re.search(r"url\(|src=|@import", html)
    assert len([tag for tag, attrs in tags if attrs.get("bgcolor")]) <= _languages(name)


@every_letter
def test_address_stands_alone_on_a_short_line(name: str) -> None:
    lines = [line for line in render(LETTERS[name], site=SITE).text.splitlines() if "://" in line]
    assert len(lines) <= _languages(name)
    for line in lines:
        assert re.fullmatch(r"https://keiyaku\.vill-mihon\.example/\S+", line)
        assert len(line) <= 110


@every_letter
def test_foot_names_section_phone_and_number(name: str) -> None:
    letter = LETTERS[name]
    made = render(letter, site=SITE)
    for part in (_squash(made.text), _squash("".join(Words(made.html).words))):
        japanese = "みほん村建設課電話0261-00-0000（平日830〜1715）" in part
        assert japanese or "mihonvillageconstructionsection,phone0261-00-0000(weekdays830–1715)" in part
        assert letter.number.casefold() in part
        assert ("thise-mailisabout" in part) is (letter.reader == "contractor")


@every_letter
def test_code_mails_alone_have_no_link(name: str) -> None:
    made = render(LETTERS[name], site=SITE)
    if LETTERS[name].template in {"code_mail", "application_code_mail"}:
        assert "http" not in made.text
        assert "href" not in made.html
        assert SITE.host not in made.text
    else:
        assert "keiyaku.vill-mihon.example" in made.text


def test_code_stands_on_the_first_line_and_not_in_the_subject() -> None:
    made = render(LETTERS["code_mail"], site=SITE)
    assert made.text.splitlines()[0] == "048213（14:32まで有効）"
    assert Words(made.html).words[0] == "048213"
    assert "048213" not in made.subject
    assert "北城線" not in made.subject
    assert "符号　　　　さくら" in made.text


@pytest.mark.parametrize("name", ["request_mail", "extended_mail", "new_link_mail"])
def test_mail_with_a_signing_link_says_that_opening_signs_nothing(name: str) -> None:
    assert "リンクを開いただけで署名されることはありません" in render(LETTERS[name], site=SITE).text


def test_contractors_are_told_what_to_do_with_an_unexpected_mail() -> None:
    words = ("心当たりがない", "覚えがない")
    for name in ("request_mail", "code_mail", "received_mail", "new_link_mail", "fresh_download_mail"):
        assert any(word in render(LETTERS[name], site=SITE).text for word in words), name


def test_contract_is_not_concluded_before_the_village_signs() -> None:
    assert "契約はまだ成立していません" in render(LETTERS["received_mail"], site=SITE).text
    assert "契約はまだ" not in render(LETTERS["received_mail-acceptance"], site=SITE).text


def test_reason_for_a_link_is_said_with_its_numbers() -> None:
    def text(why: str) -> str:
        return render(LETTERS[f"completion_mail-{why}"], site=SITE).text

    assert "ファイルが合わせて7.2MBあり、添付できる大きさ（6MB）" in text("too-big")
    assert "携帯会社のアドレスに添付できるのは2MBまで" in text("too-big-for-carrier")
    assert "ファイルが締結証明書を含めて21件あり、1通に添付できる数（20件）" in text("too-many")
    assert "添付していない理由" not in render(LETTERS["completion_mail"], site=SITE).text


def test_html_in_a_title_is_shown_and_not_run() -> None:
    letter = replace(LETTERS["request_mail"], title="<script>alert(1)</script>&工事")  # type: ignore[call-arg]
    made = render(letter, site=SITE)
    assert "<script" not in made.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;工事" in made.html
    assert "<script>alert(1)</script>&工事" in made.text


def test_percent_sign_in_a_title_survives() -> None:
    letter = replace(LETTERS["request_mail"], title="前払金40%(税込)s契約")  # type: ignore[call-arg]
    assert "前払金40%(税込)s契約" in render(letter, site=SITE).text


def test_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment(SITE.wording).get_template("request_mail/body.txt").render(
            site=SITE, bare=False, below=""
        )


STRANGE = re.compile(rf"[{JAPANESE}、。「」（）【】：]")
NAMES = (
    "髙橋建設",
    "代表取締役",
    "髙橋 一郎",
    "木村 花子",
    "村道北城線",
    "建設課",
    "工事請負契約書",
    "特記仕様書",
    "さくら",
    "ほたる",
    "南アルプス電設",
    "南 一郎",
)


def _strange(text: str) -> list[str]:
    """Lines of an English mail with Japanese that is no name; the Japanese below it is another matter."""
    above, _, _ = text.partition("\n日本語\n")
    return [
        line
        for line in above.splitlines()
        if STRANGE.search(line) and not any(name in line for name in NAMES)
    ]


@pytest.mark.parametrize("name", sorted(name for name in LETTERS if name.endswith("-english")))
def test_english_mail_says_nothing_in_japanese_but_names(name: str) -> None:
    made = render(LETTERS[name], site=SITE)
    said = getattr(LETTERS[name], "reason", "") + getattr(LETTERS[name], "message", "")
    assert [line for line in _strange(made.text) if line.strip() not in said] == []
    assert made.languages == ("en, ja" if _languages(name) > 1 else "en")
    assert made.sender == "Mihon Village e-contracts"
    assert made.subject.startswith("[Mihon Village] ")


def test_japanese_in_an_english_mail_is_noticed() -> None:
    made = render(LETTERS["code_mail-english"], site=SITE)
    assert _strange(made.text.replace("Purpose: ", "用件: ")) == ["用件: Reading and signing the documents"]


def test_english_request_has_the_japanese_one_below_it() -> None:
    english, japanese = (
        render(LETTERS[name], site=SITE) for name in ("request_mail-english", "request_mail")
    )
    below = english.text.partition("\n日本語\n")[2]
    content = japanese.text.partition("様\n")[2].partition("────")[0]
    assert below.strip().startswith(content.strip())
    assert '<html lang="en">' in english.html
    assert re.search(
        r'<div class="below" lang="ja"[^>]*>.*文書を確認して署名する.*</div>', english.html, re.DOTALL
    )


def test_dates_of_a_mail_are_written_as_the_town_wants_them() -> None:
    made = render(LETTERS["reminder_mail"], site=replace(SITE, dates=Dates.WAREKI))
    assert "令和8年8月31日（月）23時59分まで" in made.text
    assert "署名期限は8月31日（月）です" in made.subject


def test_longest_part_of_a_subject_is_shortened_first() -> None:
    made = squeeze("【辞退】\ue000髙橋建設\ue001：\ue000令和8年度 村道北城線 舗装補修工事\ue001", 30)
    assert made == "【辞退】髙橋建設：令和8年度…"


def test_the_longest_subject_is_shortened_in_time() -> None:
    began = time.process_time()
    made = squeeze(f"Re: \ue000{'件' * 500_000}\ue001 [D-0123] \ue000x\ue001", 30)
    assert made == "Re: 件件件件件件… [D-0123] x"
    assert time.process_time() - began < 5


def test_subject_keeps_no_line_break() -> None:
    assert squeeze("件名\r\nBcc: x@y.example\u2028\x00終", 60) == "件名 Bcc: x@y.example 終"


def test_a_mail_has_the_towns_colour() -> None:
    plain = render(LETTERS["request_mail"], site=SITE).html
    made = render(LETTERS["request_mail"], site=replace(SITE, colour="#7a1f3d")).html
    assert plain.count("#0017c1") == made.count("#7a1f3d") > 0
    assert "#0017c1" not in made


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (DeliveryState.QUEUED, "送信中"),
        (DeliveryState.RETRY, "配達が遅れています"),
        (DeliveryState.DELIVERED, "相手のサーバーが受け取りました"),
        (DeliveryState.DELAYED, "配達が遅れています"),
        (DeliveryState.FAILED, "不達"),
    ],
)
def test_a_delivery_is_called_as_on_the_page(state: DeliveryState, words: str) -> None:
    place = Place("髙橋建設株式会社", current=True, delivery=state.value)
    made = render(replace(LETTERS["status_mail"], places=(place,)), site=SITE)  # type: ignore[call-arg]
    assert f"（依頼メール：{words}）" in made.text
    assert words in made.html
