"""What handlers say goes through the catalogues, like what templates say."""

import ast
import re
from collections.abc import Iterator
from datetime import date
from gettext import NullTranslations
from pathlib import Path

import pytest

from envelopes.actions import chronicle
from envelopes.rules.errors import Reason
from envelopes.rules.wording import Dates, Language, Wording
from portal import pages
from portal.phrases import Tongue, _, both, joined, reason
from portal.staff_views import SignIn
from portal.views import FieldError, Message
from tests.portal.samples import SITE

PORTAL = Path(pages.__file__).parent
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
# Names of files that are handed out, and files, in Japanese for everybody: they are part of the record.
FILE_NAMES = ("署名前_", "証拠一式_", "受領書_")
FILES = {"registry_file.py", "search_file.py"}


class English(NullTranslations):
    """A catalogue of three entries."""

    def gettext(self, message: str) -> str:
        return {"文書": "document", "{document}を表示しました": "Showed the {document}"}.get(message, message)


ENGLISH = Tongue(catalogue=English(), wording=Wording(language=Language.ENGLISH))


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


@pytest.mark.parametrize(
    "path",
    [*sorted(one for one in PORTAL.glob("*.py") if one.name not in FILES), Path(chronicle.__file__)],
    ids=lambda path: path.name,
)
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
    assert said.by(ENGLISH) == "Showed the document"


def test_braces_of_what_people_wrote_stay_as_they_are() -> None:
    assert _("{words}：{reason}", words="辞退", reason="{0}が違う").by(ENGLISH) == "辞退：{0}が違う"


def test_a_date_in_a_phrase_is_written_as_the_reader_wants_it() -> None:
    said = _("署名期限を{day}に延ばしました", day=date(2019, 5, 1))
    assert said == "署名期限を2019年5月1日（水）に延ばしました"
    wareki = Tongue(catalogue=NullTranslations(), wording=Wording(dates=Dates.WAREKI))
    assert said.by(wareki) == "署名期限を令和元年5月1日（水）に延ばしました"


def test_what_the_rules_say_is_said_in_their_own_english() -> None:
    said = reason(Reason.CODE_WRONG, n=3)
    assert said == "確認コードが違います。もう一度入力してください（残り3回）。"
    assert said.by(ENGLISH) == "That code is not right. Try again (3 left)."
    assert joined([said, "x"]).by(ENGLISH) == "That code is not right. Try again (3 left). x"


def test_phrases_are_found_wherever_they_stand_in_a_view() -> None:
    inner = FieldError(text=_("文書"))
    page = SignIn(post_url="/", errors=(inner,), notice=both(str))
    said = ENGLISH.translate(page)
    assert said.errors[0].text == "document"
    assert said.notice == "en"


def test_a_page_says_phrases_in_its_language_and_escapes_them() -> None:
    page = Message(title=_("{document}を表示しました", document="<b>"), paragraphs=(_("文書"),))
    html = pages.render(page, site=SITE, language=Language.ENGLISH)
    assert "Opened &lt;b&gt;" in html
    assert "<p>Document</p>" in html
