"""What a migration may do (docs/decisions/0004): add, never rebuild. Anything else has lost data elsewhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import envelopes.migrations
from envelopes.records import models

ALLOWED = {"CreateModel", "AddField", "AddIndex", "RunPython"}
# DatetimeField compares text of different zones on SQLite, DecimalField is text there; the longest member of an enum
# decides on a CharEnumField's length, and JSONField brings whatever JSON library happens to be installed.
TRAPS = {"DatetimeField", "DecimalField", "CharEnumField", "IntEnumField", "JSONField"}


def calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """Every `ops.Name(…)` and `fields.Name(…)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


def faults(source: str) -> list[str]:
    found = []
    for name, call in calls(source):
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(owner, ast.Name) and owner.id == "ops" and name not in ALLOWED:
            found.append(name)
        elif name == "AddField":
            (field,) = (one.value for one in call.keywords if one.arg == "field")
            assert isinstance(field, ast.Call)
            given = {one.arg for one in field.keywords}
            # A Python default is not the database's: rows that are there already would have none.
            if not given & {"null", "db_default"}:
                found.append(name)
    return found


def trapped(source: str) -> list[str]:
    return [name for name, _ in calls(source) if name in TRAPS]


FILES = sorted(Path(envelopes.migrations.__file__).parent.glob("0*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_migration_only_adds(path: Path) -> None:
    assert faults(path.read_text()) == []


def test_numbers_follow_each_other() -> None:
    assert [int(path.name[:4]) for path in FILES] == list(range(1, len(FILES) + 1))


def test_tables_use_no_field_that_the_engines_understand_differently() -> None:
    files = list(Path(models.__file__).parent.glob("*.py"))
    assert len(files) > 1
    assert [name for path in files for name in trapped(path.read_text())] == []


@pytest.mark.parametrize(
    "operation",
    [
        "ops.AlterField(model_name='A', name='b', field=fields.CharField(max_length=250))",
        "ops.RemoveField(model_name='A', name='b')",
        "ops.RunSQL('CREATE TRIGGER a BEGIN SELECT 1; END;')",
        "ops.AddField(model_name='A', name='b', field=fields.IntField(default=0))",
    ],
)
def test_anything_else_would_be_found(operation: str) -> None:
    assert len(faults(f"x = [{operation}]")) == 1


def test_a_trap_would_be_found() -> None:
    assert trapped("a = fields.DatetimeField()\nb = fields.CharField(max_length=3)") == ["DatetimeField"]
