"""One running world for a run, a browser for each module, and for each test a title that nobody else uses."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import OF_THE_ENGINE, chromium
from tests.conftest import _bucket
from tests.engines import Template
from tests.journeys.people import Roles
from tests.journeys.world import Place, World, running
from tests.servers.dovecot_postfix import RealPostOffice


@pytest.fixture(scope="session")
def world(
    request: pytest.FixtureRequest,
    template: Template,
    post_office_real: RealPostOffice,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """Portal and bot as processes, on the engine of the run."""
    directory = tmp_path_factory.mktemp("journeys")
    place = Place(
        directory=directory, database=template.copy(directory), s3=_bucket(request), office=post_office_real
    )
    with running(place) as made:
        yield made
        for door in ("portal", "bot"):
            # Nothing that the stories do is a surprise to the service.
            wrong = [line for line in made.log(door).splitlines() if " ERROR " in line or "Traceback" in line]
            assert wrong == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. A module's own, because of what its driver does to the thread."""
    with chromium(OF_THE_ENGINE) as browser:
        yield browser


@pytest.fixture
def roles(world: World, browser: Browser) -> Iterator[Roles]:
    """The people of this test, each with a phone of his own."""
    shots = os.environ.get("FUKAN_TEST_SHOTS")
    made = Roles(world, browser, shots=Path(shots) if shots else None)
    yield made
    made.leave()


@pytest.fixture
def title() -> str:
    """The name of this test's envelope."""
    return f"村道改修 {secrets.token_hex(3)}"
