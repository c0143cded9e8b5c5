"""A scene for every test here; what it started is stopped when the test ends."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from envelopes import keyring
from envelopes.records.models import Task
from fukan.demo.post import PostOffice
from tests.crash.scene import LiveClock, Scene, settings_of
from tests.engines import ENGINE, PASSPHRASE, Engine, build_town

# SQLite is for one process of each kind.
collect_ignore = [] if ENGINE == "postgres" else ["test_two_of_each.py"]


@pytest.fixture(scope="session")
def whole_keys(tmp_path_factory: pytest.TempPathFactory, authority_folder: Path) -> Path:
    """The keys of an installation, its authority among them."""
    made = tmp_path_factory.mktemp("installation") / "keys"
    keyring.create(made)
    (made / "bot" / "passphrase").write_bytes(PASSPHRASE)
    shutil.copytree(authority_folder, made / "bot" / "authority")
    return made


@pytest.fixture
async def scene(engine: Engine, whole_keys: Path, tmp_path: Path) -> AsyncIterator[Scene]:
    """みほん村 at this moment, with a post office that nobody watches yet."""
    office = PostOffice(tmp_path / "post.sqlite3")
    await office.start()
    engine = replace(engine, keys=whole_keys)
    clock = LiveClock()
    clock.forward(hours=-25)
    town = await build_town(engine, whole_keys / "bot" / "authority", clock)
    await Task.all().delete()  # nobody enrols here
    made = Scene(town=town, office=office, values=settings_of(engine, office), folder=tmp_path)
    yield made
    await made.end()
    await office.close()
