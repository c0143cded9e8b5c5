"""iText 5's LtvVerifier, a validator of long-term validation data that shares no code with pyHanko."""

from dataclasses import replace
from pathlib import Path

import pytest

from envelopes.signing import seal
from envelopes.signing.trust import Evidence
from tests.signing import witnesses
from tests.signing.conftest import World, entry, now, pdf

BOTH = ["Signer1", "Signer2"]


@pytest.fixture(scope="module")
def root(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("itext") / "root.cer"
    path.write_bytes(world.authority.root_certificate)
    return path


@pytest.mark.parametrize("way", ["by plan", "by reading"])
def test_itext_accepts_both_ways_and_no_altered_file(
    world: World, root: Path, tmp_path: Path, way: str
) -> None:
    made = seal.prepare_planned(pdf(), fields=BOTH, now=now())
    plan, whole, path = made.plan if way == "by plan" else None, made.data, tmp_path / "a.pdf"
    for name in BOTH:
        whole += world.seal.sign(whole, field=name, entry=entry(made.data), plan=plan)
    whole += world.seal.timestamp(whole, plan=plan)
    path.write_bytes(whole.replace(b"(0) Tj", b"(9) Tj", 1))
    assert not witnesses.itext(path, root)
    path.write_bytes(whole)
    assert witnesses.itext(path, root)


def test_itext_misses_validation_data_that_was_not_stored(world: World, root: Path, tmp_path: Path) -> None:
    made = seal.prepare_planned(pdf(), fields=["Signer1"], now=now())
    bare = replace(world.seal, evidence=lambda _: Evidence(), fresh_evidence=lambda _now, _since: Evidence())
    for using, content in ((bare, False), (world.seal, True)):
        whole, path = made.data, tmp_path / "a.pdf"
        whole += using.sign(whole, field="Signer1", entry=entry(made.data), plan=made.plan)
        whole += using.timestamp(whole, plan=made.plan)
        path.write_bytes(whole)
        assert witnesses.itext(path, root) == content
