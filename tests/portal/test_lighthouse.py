"""Lighthouse, as a phone on a slow line: every page that a contractor sees is quick, accessible and well made.

Which runs count is decided in tests/lighthouse/run.mjs. Lighthouse comes from npm and runs on a node that is a Python
package; `make setup-dev` puts both where they are looked for here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.browser import WHOLE
from tests.portal.samples import CONTRACTOR_PAGES

FOLDER = Path(__file__).resolve().parent.parent / "lighthouse"
NODE = Path(sys.executable).parent / "node"
MARKS = {"performance": 0.98, "accessibility": 1, "best-practices": 1}
BUDGET = 600  # seconds for all pages, on a machine that does much else

pytestmark = [pytest.mark.alone, pytest.mark.timeout(BUDGET + 60)]


def measured(addresses: list[str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [NODE, FOLDER / "run.mjs", *addresses],
        capture_output=True,
        check=False,
        cwd=FOLDER,
        env={**os.environ, "CHROME_PATH": WHOLE},
        text=True,
        timeout=BUDGET,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def results(address: str) -> Mapping[str, dict[str, Any]]:
    """What was measured, by page; one Chromium for all."""
    pages = measured([f"{address}/{name}" for name in CONTRACTOR_PAGES])
    return {page["url"].rpartition("/")[2]: page for page in pages}


@pytest.mark.parametrize("name", CONTRACTOR_PAGES)
def test_page_reaches_the_marks(name: str, results: Mapping[str, dict[str, Any]]) -> None:
    scores = results[name]["scores"]
    assert [mark for mark, least in MARKS.items() if scores[mark] < least] == [], results[name]


def test_lighthouse_notices_a_page_that_falls_short(address: str) -> None:
    (page,) = measured([f"{address}/spoilt"])
    assert page["runs"] == 3
    assert page["scores"]["accessibility"] < 1
