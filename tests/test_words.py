"""The English catalogue is whole, and an English page has nothing Japanese but what people and papers are called."""

import re
from dataclasses import fields, is_dataclass
from io import BytesIO
from string import Formatter
from typing import Any

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract
from markupsafe import escape

from envelopes.languages import JAPANESE, mark_japanese, source
from envelopes.rules.wording import Language, Wording
from portal.pages import render
from portal.phrases import tongue
from portal.views import Message
from tests.portal.samples import SAMPLES, SITE
from tools import words

ENGLISH = Wording(language=Language.ENGLISH)
WIDE = re.compile(r"[、。「」『』（）【】｜／：・〜　]")
RUN = re.compile(f"[{JAPANESE}]+")
MEND = "run `make words` and write the English into locale/en/LC_MESSAGES/fukan.po"


def faults(message: str, said: str) -> list[str]:
    """What is wrong with one entry."""
    found = []
    if not said:
        found.append("not translated")
    for what, parts in (("placeholders", holes), ("markup", tags)):
        if said and parts(message) != parts(said):
            found.append(f"other {what}")
    if RUN.search(said) and not QUOTED.search(said):
        found.append("Japanese in the English")
    return found


# What is typed into an order stays Japanese: orders are.
QUOTED = re.compile("^For example: |契約書 \\(contract\\)|なし for")


def holes(text: str) -> list[str]:
    braces = [name for _, name, _, _ in Formatter().parse(re.sub(r"%\(\w+\)s", "", text)) if name]
    return sorted({*braces, *re.findall(r"%\(\w+\)s", text)})


def tags(text: str) -> list[str]:
    return sorted(re.findall(r"<[^>]+>", text))


def test_every_sentence_is_translated_and_none_is_left_over() -> None:
    written = words.written(Language.ENGLISH)
    assert words.as_text(words.updated(written)) == source(Language.ENGLISH).read_text(), MEND
    wrong = {str(one.id): faults(str(one.id), str(one.string)) for one in written if one.id}
    assert {message: found for message, found in wrong.items() if found} == {}, MEND


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("", ["not translated"]),
        ("%(when)s <b>signed</b>", ["other placeholders"]),
        ("%(at)s signed", ["other markup"]),
        ("%(at)sに<b>signed</b>", ["Japanese in the English"]),
        ("Signed <b>on</b> %(at)s", []),
    ],
)
def test_a_faulty_entry_is_noticed(said: str, fault: list[str]) -> None:
    assert faults("%(at)sに<b>署名</b>", said) == fault


def test_a_sentence_without_an_entry_and_a_stale_one_are_noticed() -> None:
    text = source(Language.ENGLISH).read_text()
    fewer = read_po(BytesIO(text.replace('msgid "署名者"', 'msgid "署名した人たち"').encode()))
    made = words.updated(fewer)
    assert made["署名者"].string == ""
    assert "署名した人たち" not in made


def leaves(value: Any) -> list[str]:
    """Every text in a view: what people, papers and places are called."""
    if is_dataclass(value):
        return [text for item in fields(value) for text in leaves(getattr(value, item.name))]
    if isinstance(value, tuple):
        return [text for item in value for text in leaves(item)]
    return [value] if isinstance(value, str) else []


def left_over(html: str, names: list[str]) -> set[str]:
    """Japanese in an English page that is no name, or is not said to be Japanese."""
    html = re.sub(r'<div[^>]* lang="ja">.*?</div>', "", html, flags=re.DOTALL).replace(">日本語</a>", "></a>")
    strange = {run for run in RUN.findall(html) if not any(run in name for name in names)}
    hidden = r"<(title|textarea)\b.*?</\1>"
    text = re.sub(rf"{hidden}|<span lang=\"ja\">.*?</span>|<[^>]*>", "", html, flags=re.DOTALL)
    marks = re.sub(rf"{hidden}|<[^>]*>", "", html, flags=re.DOTALL)
    for name in sorted(names, key=len, reverse=True):
        marks = marks.replace(str(escape(name)), "")
    return strange | set(RUN.findall(text)) | set(WIDE.findall(marks))


@pytest.mark.parametrize("name", SAMPLES)
def test_english_page_has_no_japanese_but_names(name: str) -> None:
    said = tongue(ENGLISH)
    names = [*leaves(said.translate(SAMPLES[name])), *leaves(said.translate(SITE))]
    assert left_over(render(SAMPLES[name], site=SITE, language=Language.ENGLISH), names) == set()


def test_a_japanese_word_in_an_english_page_is_noticed() -> None:
    page = Message(title="Signed", paragraphs=("署名",))
    html = render(page, site=SITE, language=Language.ENGLISH)
    names = leaves(tongue(ENGLISH).translate(SITE))
    assert left_over(html, names) == {"署名"}
    assert left_over(html, [*names, "署名"]) == set()
    assert left_over(html.replace("</h1>", "（</h1>"), [*names, "署名"]) == {"（"}
    assert left_over(html.replace('<span lang="ja">', "<span>"), [*names, "署名"]) >= {"署名"}


def unmarked(text: str) -> set[str]:
    """Japanese words of a template that no catalogue could replace; comparisons and the name of Japanese are none."""
    found = babel_extract(BytesIO(text.encode()), ("_", "gettext"), [], {"trimmed": "true"})
    marked = {run for one in found for run in RUN.findall(str(one[2]))}
    rest = re.sub(r"\{#.*?#\}|== \"[^\"]*\"|(?<=[>\n])日本語(?=[<\n])", "", text, flags=re.DOTALL)
    return set(RUN.findall(rest)) - marked


@pytest.mark.parametrize("path", words.templates(), ids=lambda path: "/".join(path.parts[-2:]))
def test_every_word_of_a_template_can_be_translated(path: Any) -> None:
    assert unmarked(path.read_text()) == set()


def test_an_unmarked_word_is_noticed() -> None:
    assert unmarked('{{ _("署名") }}と{% if kind == "契約書" %}{% endif %}') == {"と"}


def test_japanese_in_english_is_said_to_be_japanese() -> None:
    html = '<p>To 髙橋建設㈱ 代表取締役, 1: 2号線 舗装 その2.</p><title>署名</title><a lang="ja">日本語</a>'
    assert mark_japanese(html) == (
        '<p>To <span lang="ja">髙橋建設㈱ 代表取締役</span>, 1: <span lang="ja">2号線 舗装 その2</span>.</p>'
        '<title>署名</title><a lang="ja">日本語</a>'
    )


def test_values_of_inputs_and_escaped_brackets_are_left_alone() -> None:
    html = '<input value="署名 &gt; 印"><textarea>\n理由</textarea><p>a &lt;署名&gt;</p>'
    assert mark_japanese(html) == html.replace("署名&gt;</p>", '<span lang="ja">署名</span>&gt;</p>')
