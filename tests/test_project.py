"""The repository itself: what may stand in its files, what is locked, what ships, what imports what."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.portal.rights import RIGHTS, routes

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("bot", "portal", "envelopes", "fukan")
LOCKS = ("run", "dev", "build")

# Written in two parts, so that this file does not find itself.
REGISTRIES = ("pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "proxy.golang" + ".org")
PATHS = r"(?<![\w}])/(?:ro" + "ot|wo" + "rk|ho" + r"me|opt/py" + "pi|opt/wh" + "eels)/"
SECRETS = "github_" + "pat_|gh[ps]_" + r"\w{20}|PRIVATE " + r"KEY-----\s+[\w+/]{40}"
FOREIGN = re.compile("|".join((*map(re.escape, REGISTRIES), PATHS, SECRETS)))


def tracked() -> list[Path]:
    """Return every file of the project: what git knows, or all there is in an unpacked archive."""
    if not (ROOT / ".git").exists():
        return [path for path in ROOT.rglob("*") if path.is_file() and not is_local(path)]
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return [path for name in names.decode().split("\0") if name and (path := ROOT / name).is_file()]


def is_local(path: Path) -> bool:
    return any(
        part.startswith(".") or part in ("var", "__pycache__", "node_modules")
        for part in path.relative_to(ROOT).parts
    )


def test_no_file_names_a_registry_a_machine_or_a_secret() -> None:
    found = {str(path): FOREIGN.findall(path.read_text(errors="replace")) for path in tracked()}
    assert not {path: bad for path, bad in found.items() if bad}


@pytest.mark.parametrize(
    "text",
    [
        f"see https://{REGISTRIES[0]}/simple",
        "cd /wo" + "rk/main",
        '"/ro' + 'ot/.cache"',
        "-----BEGIN PRIVATE " + "KEY-----\n" + "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v" * 2,
    ],
)
def test_each_of_them_would_be_found(text: str) -> None:
    assert FOREIGN.search(text)


def test_licence_is_the_agpl_and_the_project_says_so() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert re.match(r"\s*GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3, 19 November 2007", text)
    assert "13. Remote Network Interaction; Use with the GNU General Public License." in text
    assert text.rstrip().endswith("<http://www.gnu.org/licenses/>.") or "How to Apply These Terms" in text
    assert PROJECT["project"]["license"] == "AGPL-3.0-or-later"


def test_fonts_that_ship_bring_their_licence() -> None:
    folders = {path.parent for path in tracked() if path.suffix in {".cff", ".ttf", ".otf", ".woff2"}}
    for folder in folders:
        assert any("Open Font License" in path.read_text() for path in folder.glob("*.txt")), folder


# Requirements


def locked(name: str) -> dict[str, str]:
    """Package → version, from requirements/<name>.txt."""
    text = (ROOT / f"requirements/{name}.txt").read_text()
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", text, re.MULTILINE)
    return {canonicalize_name(package): version for package, version in found}


def unhashed(text: str) -> list[str]:
    blocks = re.split(r"\n(?=[^\s#])", text.strip())
    return [block.split()[0] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)]


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_has_a_hash_and_no_address(name: str) -> None:
    text = (ROOT / f"requirements/{name}.txt").read_text()
    assert unhashed(text) == []
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index|--extra|--find)", text, re.MULTILINE)


def test_a_missing_hash_would_be_found() -> None:
    text = (ROOT / "requirements/build.txt").read_text()
    without = re.sub(r"--hash=sha256:\w+", "", text, count=text.count("--hash"))
    assert len(unhashed(without)) == len(locked("build"))


def test_locks_agree_on_versions() -> None:
    everything = locked("dev")
    for name in ("run", "build"):
        assert locked(name).items() <= everything.items()


def test_locks_hold_what_the_project_asks_for() -> None:
    wanted = {
        "run": PROJECT["project"]["dependencies"],
        "dev": PROJECT["dependency-groups"]["dev"],
        "build": [*PROJECT["build-system"]["requires"], *PROJECT["dependency-groups"]["build"]],
    }
    for name, lines in wanted.items():
        versions = locked(name)
        for requirement in map(Requirement, lines):
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version, prereleases=True), requirement


def test_nothing_brings_orjson() -> None:
    """Where it is installed, Tortoise writes it into migrations and reads JSON with it."""
    assert "orjson" not in locked("dev")


# The code as a whole


def test_models_and_migrations_agree(tmp_path: Path) -> None:
    assert "No changes detected" in make_migrations(tmp_path)


def test_a_model_without_a_migration_would_be_found(tmp_path: Path) -> None:
    said = make_migrations(tmp_path, ("draft_number = fields.CharField(max_length=20)", "pass"))
    assert "No changes detected" not in said


def make_migrations(folder: Path, changed: tuple[str, str] = ("", "")) -> str:
    """Return what Tortoise says to a copy of the models, in which one thing may be changed."""
    shutil.copytree(ROOT / "envelopes", folder / "envelopes", ignore=shutil.ignore_patterns("__pycache__"))
    models = folder / "envelopes/records/models/envelopes.py"
    assert changed[0] in models.read_text()
    models.write_text(models.read_text().replace(*changed))
    (folder / "here.py").write_text(
        "from envelopes.records.database import config\nTORTOISE = config('sqlite:///x.sqlite3')\n"
    )
    command = [str(BIN / "tortoise"), "-c", "here.TORTOISE", "makemigrations"]
    # The copy comes before the project itself on the path.
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, env=environment)
    return done.stdout + done.stderr


def test_a_forbidden_import_breaks_a_contract(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "portal/pages.py").open("a") as page:
        page.write("\nfrom envelopes.signing import keys\n")
    command = [str(BIN / "lint-imports"), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "portal.pages -> envelopes.signing.keys" in done.stdout


CLOCKS = {"now", "utcnow", "today", "monotonic", "time_ns"}


def clock_readers(source: str) -> list[int]:
    """Return the lines of calls such as `datetime.now(…)`, `date.today()`, `time.time()`."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.attr in CLOCKS or (call.func.value.id, call.func.attr) == ("time", "time"))
        and call.func.value.id in {"datetime", "date", "dt", "time"}
    ]


@pytest.mark.parametrize("folder", ["envelopes/rules", "envelopes/actions", "envelopes/records"])
def test_nobody_but_the_services_reads_the_clock(folder: str) -> None:
    found = {path.name: clock_readers(path.read_text()) for path in (ROOT / folder).rglob("*.py")}
    assert not {name: lines for name, lines in found.items() if lines}


def test_a_look_at_the_clock_would_be_found() -> None:
    assert clock_readers("x = datetime.now(UTC)\ny = date.today()\nz = time.time()") == [1, 2, 3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel, built from what git knows."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in tracked():
        copy = folder / "src" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    command = [str(BIN / "hatchling"), "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=folder / "src", check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_wheel_holds_everything_the_service_reads(wheel: set[str]) -> None:
    tops = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    names = {path.relative_to(ROOT) for path in tracked()}
    assert {str(name) for name in names if name.parts[0] in tops} <= wheel


def test_wheel_holds_the_licence_and_no_tests(wheel: set[str]) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
    assert not [name for name in wheel if name.startswith(("tests/", "tools/", "var/", "secrets/"))]


def test_every_route_has_its_line() -> None:
    declared = {right.name for right in RIGHTS}
    assert declared >= routes(), (
        f"{sorted(routes() - declared)}: say in tests/portal/rights.py who gets something from it, for example\n"
        '    post("/sign/{ref}/hand-over", SIGNER, {"email": "…"}, status=200, refused=_AWAKE, open=_LINK),\n'
        "and what the form needs, or the place where there is something to see, in tests/portal/stage.py"
    )
    assert declared <= routes(), f"{sorted(declared - routes())}: there is no such route any more"
