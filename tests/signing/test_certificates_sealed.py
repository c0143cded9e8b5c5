"""A completion certificate before the same witnesses as a contract, and archival in every revision."""

from pathlib import Path

import pytest

from envelopes.papers.certificate import typeset
from envelopes.signing import seal
from tests.certificates import certificate
from tests.papers.archival import faults
from tests.signing import witnesses
from tests.signing.conftest import World, entry, now


@pytest.mark.parametrize("way", ["by plan", "by reading"])
def test_witnesses_accept_the_sealed_certificate_and_it_stays_archival(
    world: World, tmp_path: Path, way: str
) -> None:
    made = seal.prepare_planned(typeset(certificate()).data, fields=[seal.OPERATOR_FIELD], now=now())
    assert made.plan is not None
    plan, whole = made.plan if way == "by plan" else None, made.data
    assert not faults(whole)
    said = entry(made.data, consent_sha256=None)
    whole += world.seal.sign(whole, field=seal.OPERATOR_FIELD, entry=said, plan=plan)
    whole += world.seal.timestamp(whole, plan=plan)
    assert not faults(whole)
    assert world.seal.verify(whole).valid
    path, root = tmp_path / "a.pdf", tmp_path / "root.cer"
    path.write_bytes(whole)
    root.write_bytes(world.authority.root_certificate)
    assert witnesses.qpdf(path)
    assert witnesses.pdfsig_is_content(path, 1)
    assert witnesses.itext(root, path) == [True]
    (written,) = seal.read_entries(whole)
    assert written.consent_sha256 is None
