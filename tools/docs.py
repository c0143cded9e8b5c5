"""Writes the documents that are made from the code: `python -m tools.docs`.

docs/states.md comes from the table of states, docs/policy.md from the policy, docs/map.md from what each module says of
itself. A test compares them with the repository, so none can say anything else than the code. The words around the
tables live here.
"""

import ast
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from envelopes.rules.policy import Policy, rules
from envelopes.rules.states import FINAL, TABLE, Event, Row, State

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"
PACKAGES: Final = ("fukan", "bot", "portal", "envelopes")

STATES_HEAD: Final = """\
# The life of an envelope

Made from `envelopes/rules/states.py` by `make docs`; a test compares the two.

An envelope is in exactly one state. Whatever is not in the table is refused, and nothing beside the table decides on a
state. *By* is the file in `envelopes/actions/` whose verb it is; *queue* is the work that is written down in the same
transaction.
"""

POLICY_HEAD: Final = """\
# Every number one may change

Made from `envelopes/rules/policy.py` by `make docs`; a test compares the two.

An operator changes a rule by its name in `fukan.toml` under `[policy]`. Durations are seconds or ISO 8601
(`"PT10M"`, `"P2D"`), sizes are bytes. An envelope keeps the numbers that were in force when it was opened.

| rule | value | why |
|---|---|---|
"""

MAP_HEAD: Final = """\
# The map: every module, in its own words

Made from the modules themselves by `make docs`; a test compares the two. How they work together stands in
[architecture.md](architecture.md).
"""

UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
BINARY: Final = ((1024 * 1024, "MiB"),)
DECIMAL: Final = ((1_000_000, "MB"),)


def states() -> str:
    """Return docs/states.md: the diagram, then the table."""
    return f"{STATES_HEAD}\n{_diagram()}\n{_table()}\nFinal states: {', '.join(sorted(FINAL))}.\n"


def _diagram() -> str:
    arrows = [_arrow(state, event, row) for (state, event), row in TABLE.items()]
    ends = [f"    {state} --> [*]" for state in State if state in FINAL]
    return "\n".join(("```mermaid", "stateDiagram-v2", *arrows, *ends, "```", ""))


def _arrow(state: State, event: Event, row: Row) -> str:
    origin = "[*]" if state is State.NONE else state
    return f"    {origin} --> {row.to}: {event}"


def _table() -> str:
    head = "| in state | on event | by | to | and queue |\n|---|---|---|---|---|\n"
    return head + "".join(_line(state, event, row) for (state, event), row in TABLE.items())


def _line(state: State, event: Event, row: Row) -> str:
    origin = "—" if state is State.NONE else state
    return f"| {origin} | {event} | {', '.join(sorted(row.by))} | {row.to} | {', '.join(row.tasks)} |\n"


def policy() -> str:
    """Return docs/policy.md: each rule with its default and its why."""
    lines = [f"| `{name}` | {value(name, number)} | {why} |\n" for name, number, why in rules(Policy())]
    return POLICY_HEAD + "".join(lines)


def value(name: str, number: Any) -> str:
    """Write a rule's value for people: 14 days, 6 MB, yes."""
    match number:
        case bool():
            return "yes" if number else "no"
        case timedelta():
            return _counted(number)
        case int() if name.endswith(("_bytes", "_bytes_carrier", "_memory")):
            return _bytes(number)
        case tuple():
            return ", ".join(map(_item, number)) or "none"
        case str() | float():
            return f"{number}" if isinstance(number, str) else f"{number:g}"
        case _:
            return f"{number:,}"


def _item(one: Any) -> str:
    return f"{one[0]}: {one[1]}" if isinstance(one, tuple) else str(one)


def _counted(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    size, unit = next((size, unit) for size, unit in UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _bytes(number: int) -> str:
    for size, unit in (*BINARY, *DECIMAL):
        if number % size == 0:
            return f"{number // size:,} {unit}"
    return f"{number:,} bytes"


def source_map() -> str:
    """Return docs/map.md: each package with its modules and the first paragraph of each."""
    folders = [folder for name in PACKAGES for folder in sorted(_folders(ROOT / name))]
    return MAP_HEAD + "".join(_chapter(folder) for folder in folders)


def _folders(top: Path) -> set[Path]:
    return {path.parent for path in top.rglob("*.py")}


def _chapter(folder: Path) -> str:
    modules = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
    lines = [f"| `{path.name}` | {first_paragraph(path)} |\n" for path in modules if path.stem.isidentifier()]
    opening = folder / "__init__.py"
    said = (
        f"{first_paragraph(opening)}\n"
        if opening.exists()
        else "No package: scripts beside what they make.\n"
    )
    table = "\n| module | what it says of itself |\n|---|---|\n" + "".join(lines) if lines else ""
    return f"\n## {folder.relative_to(ROOT)}/\n\n{said}{table}"


def first_paragraph(module: Path) -> str:
    """Return the first paragraph of a module's docstring as one line, safe in a table."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "—"
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


GENERATED: Final[Mapping[str, Callable[[], str]]] = {
    "states.md": states,
    "policy.md": policy,
    "map.md": source_map,
}


def main() -> int:
    """Write every generated document."""
    for name, write in GENERATED.items():
        (DOCS / name).write_text(write(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
