"""The documents say what the code says: generated ones word for word, the others in what can be checked."""

import ast
import re
import subprocess
import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import typer

from envelopes.rules.policy import Policy, rules
from envelopes.rules.states import FINAL, TABLE
from envelopes.settings import Settings, SettingsFaulty, load
from fukan.__main__ import app
from tools import docs

ROOT = docs.ROOT
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
OPERATING = (ROOT / "docs/operating.md").read_text()


@pytest.mark.parametrize("name", sorted(docs.GENERATED))
def test_generated_document_is_what_the_code_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == docs.GENERATED[name](), "run `make docs`"


def test_states_show_every_line_of_the_table() -> None:
    text = docs.states()
    for (state, event), row in TABLE.items():
        origin = "[*]" if state == "none" else state
        assert f"    {origin} --> {row.to}: {event}\n" in text
    assert all(f"    {state} --> [*]\n" in text for state in FINAL)


def test_a_changed_table_changes_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    before = docs.states()
    monkeypatch.setattr(docs, "TABLE", dict(list(TABLE.items())[:-1]))
    assert docs.states() != before


def test_policy_shows_every_rule_with_its_why() -> None:
    text = docs.policy()
    assert all(f"| `{name}` | " in text and f" | {why} |\n" in text for name, _, why in rules(Policy()))


@pytest.mark.parametrize(
    ("name", "number", "text"),
    [
        ("code_lifetime", timedelta(minutes=10), "10 minutes"),
        ("code_resend", timedelta(minutes=1), "1 minute"),
        ("link_grace", timedelta(days=30), "30 days"),
        ("pdf_bytes", 40_000_000, "40 MB"),
        ("parse_memory", 1536 * 1024 * 1024, "1,536 MiB"),
        ("mail_bytes", 1_000_001, "1,000,001 bytes"),
        ("download_code", True, "yes"),
        ("message_bytes_by_domain", (), "none"),
        ("pdf_pages", 2000, "2,000"),
        ("parse_seconds", 60.0, "60"),
    ],
)
def test_numbers_are_written_for_people(name: str, number: object, text: str) -> None:
    assert name in {item for item, _, _ in rules(Policy())}
    assert docs.value(name, number) == text


def test_map_has_every_module_of_the_service() -> None:
    text = docs.source_map()
    for package in docs.PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.name != "__init__.py" and "migrations" not in path.parts:
                assert f"| `{path.name}` | " in text.split(f"\n## {path.parent.relative_to(ROOT)}/\n")[1]


def test_every_module_says_what_it_is() -> None:
    for package in (*docs.PACKAGES, "tools"):
        for path in (ROOT / package).rglob("*.py"):
            said = ast.get_docstring(ast.parse(path.read_text()))
            assert said or path.parent.name == "migrations", path


def test_architecture_names_every_folder_of_the_service() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    inside = {f"{path.parent.relative_to(ROOT)}/" for path in (ROOT / "envelopes").rglob("__init__.py")}
    for folder in (inside - {"envelopes/"}) | {
        "bot/",
        "portal/",
        "fukan/",
        "fukan/demo/",
        "tests/",
        "tools/",
    }:
        assert f"`{folder}`" in text, folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text())
    missing = [to for to in targets if "://" not in to and not (page.parent / to).exists()]
    assert not missing


def test_decisions_named_in_the_code_exist() -> None:
    numbers = {page.name[:4] for page in DECISIONS}
    for package in docs.PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert set(re.findall(r"docs/decisions/(\d{4})", path.read_text())) <= numbers, path


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_decision_has_context_decision_consequences_on_one_page(page: Path) -> None:
    text = page.read_text()
    assert re.match(rf"# {int(page.name[:4])}\. .+\n\n\*\*Context\.\*\*", text)
    assert text.index("**Context.**") < text.index("**Decision.**") < text.index("**Consequences.**")
    assert len(text.splitlines()) <= 40


def commands() -> set[str]:
    """Every command of the command line, as it is typed."""

    def walk(group: object, name: str) -> set[str]:
        inner: dict[str, object] = getattr(group, "commands", None) or {}
        return set().union({name}, *(walk(each, f"{name} {word}") for word, each in inner.items()))

    return walk(typer.main.get_command(app), "fukan")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_documents_exist(page: Path) -> None:
    code = " ".join(re.findall(r"`[^`]+`|^    .+$", page.read_text(), re.MULTILINE))
    known = commands()
    for said in re.findall(r"\bfukan (?:section|staff|registry) [a-z]+|\bfukan [a-z]+(?![./\w])", code):
        assert said in known, said


def test_make_targets_in_documents_exist() -> None:
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = re.findall(r"`make ([a-z-]+)`|^    make ([a-z-]+)", page.read_text(), re.MULTILINE)
        assert {one or other for one, other in named} <= made, page


def test_make_help_names_every_target() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for target in re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE):
        assert f"make {target} " in said


def test_every_word_stands_once_in_the_glossary() -> None:
    words = re.findall(r"^\| ([a-z][^|]*) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    assert len(words) == len(set(words))


@pytest.fixture
def example(tmp_path: Path) -> str:
    """The settings file of docs/operating.md, with password files that are there."""
    (text,) = re.findall(r"```toml\n(.*?)```", OPERATING, re.DOTALL)
    (tmp_path / "password").write_text("x")
    return re.sub(r'password_file = ".*"', f'password_file = "{tmp_path}/password"', text)


def test_settings_of_the_readme_load(tmp_path: Path, example: str) -> None:
    (tmp_path / "fukan.toml").write_text(example)
    settings = load(tmp_path, {})
    assert isinstance(settings, Settings)
    assert settings.portal.url == tomllib.loads(example)["portal"]["url"]


def test_settings_with_a_wrong_name_do_not(tmp_path: Path, example: str) -> None:
    (tmp_path / "fukan.toml").write_text(example.replace("deadline_days", "deadline_weeks"))
    with pytest.raises(SettingsFaulty, match="deadline_weeks"):
        load(tmp_path, {})


def test_numbers_in_the_documents_are_those_of_the_policy() -> None:
    policy = Policy()
    security = (ROOT / "SECURITY.md").read_text()
    assert policy == replace(policy, code_lifetime=timedelta(minutes=10), code_tries=5, link_tries=20)
    assert "ten minutes, five tries, one use" in security
    assert "After twenty wrong\n" in security
    assert policy.address_wait == timedelta(hours=24)
    assert "works after 24 hours" in OPERATING
    assert policy.download_days == 14
