"""What handlers say goes through the catalogues, like what templates say."""

import ast
import re
from collections.abc import Iterator
from gettext import NullTranslations
from pathlib import Path

import pytest

from portal import pages
from portal.phrases import _
from portal.views import Message
from tests.portal.samples import SITE

PORTAL = Path(pages.__file__).parent
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
# Names of files that are handed out, in Japanese for everybody: they are part of the record.
FILE_NAMES = ("署名前_", "証拠一式_")


class English(NullTranslations):
    """A catalogue of three entries."""

    def gettext(self, message: str) -> str:
        return {"文書": "document", "{document}を表示しました": "Showed the {document}"}.get(message, message)


def _docstrings(tree: ast.AST) -> set[int]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }


def _unmarked(path: Path) -> Iterator[str]:
    """Every Japanese text in *path* that is neither a docstring nor given to `_`."""
    tree = ast.parse(path.read_text())
    marked = {
        id(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"
    }
    known = marked | _docstrings(tree)
    texts = (one for one in ast.walk(tree) if isinstance(one, ast.Constant) and id(one) not in known)
    for node in texts:
        said = str(node.value)
        if JAPANESE.search(said) and not said.startswith(FILE_NAMES):
            yield f"{path.name}:{node.lineno} {said}"


@pytest.mark.parametrize("path", sorted(PORTAL.glob("*.py")), ids=lambda path: path.name)
def test_every_sentence_is_marked_for_the_catalogues(path: Path) -> None:
    assert list(_unmarked(path)) == []


def test_an_unmarked_sentence_is_found(tmp_path: Path) -> None:
    path = tmp_path / "page.py"
    path.write_text('"""説明"""\ntitle = "署名"\nother = _("完了")\nthird = f"{title}です"\n')
    assert list(_unmarked(path)) == ["page.py:2 署名", "page.py:4 です"]


def test_a_phrase_is_japanese_by_itself() -> None:
    assert _("{document}を表示しました", document=_("文書")) == "文書を表示しました"


def test_a_phrase_and_the_phrases_in_it_are_said_in_another_language() -> None:
    said = _("{document}を表示しました", document=_("文書"))
    assert said.by(English()) == "Showed the document"


def test_braces_of_what_people_wrote_stay_as_they_are() -> None:
    assert _("{words}：{reason}", words="辞退", reason="{0}が違う").by(English()) == "辞退：{0}が違う"


def test_a_page_says_phrases_in_its_language_and_escapes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages.gettext, "find", lambda *_named: "there")
    monkeypatch.setattr(pages.gettext, "translation", lambda *_named, **_more: English())
    pages.environment.cache_clear()
    try:
        page = Message(title=_("{document}を表示しました", document="<b>"), paragraphs=(_("文書"),))
        html = pages.render(page, site=SITE, language="en")
    finally:
        pages.environment.cache_clear()
    assert "Showed the &lt;b&gt;" in html
    assert "<p>document</p>" in html
