"""Two contracts, each played once for all tests that look at what is left."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fukan.command import Ran, fukan


class Played(NamedTuple):
    """A tour that has ended: its directory and its words."""

    directory: Path
    ran: Ran


@pytest.fixture(scope="session")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A 契約書 of two documents, signed by both."""
    directory = tmp_path_factory.mktemp("contract") / "out"
    return Played(directory, fukan("demo", "--tour", directory))


@pytest.fixture(scope="session")
def acceptance(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A 請書, signed by a contractor with an odd carrier address."""
    directory = tmp_path_factory.mktemp("acceptance") / "out"
    words = ("--kind=請書", "--contractor=minami..sawa.@docomo.ne.jp")
    return Played(directory, fukan("demo", "--tour", directory, *words))
