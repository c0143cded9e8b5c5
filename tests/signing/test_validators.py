"""Six independent validators on every kind of file that the service gives away; each is first shown an altered one."""

from dataclasses import replace
from pathlib import Path

import pytest

from envelopes.signing.trust import Evidence
from tests.signing import witnesses
from tests.signing.conftest import now, pdf, signed
from tests.signing.outputs import NAMES, Output

pytestmark = pytest.mark.timeout(600)  # the first also makes every kind of file

every_output = pytest.mark.parametrize("name", NAMES)
every_finished = pytest.mark.parametrize("name", [name for name in NAMES if "half-signed" not in name])


def altered(data: bytes) -> bytes:
    """Another digit on the page."""
    changed = data.replace(b"(0) Tj", b"(9) Tj", 1)
    assert changed != data
    return changed


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@every_finished
def test_stock_pyhanko_finds_long_term_validity(output: Output) -> None:
    root, crls = output.authority.root_certificate, output.crls
    assert "OK" not in witnesses.pyhanko(altered(output.data), root, crls, now())
    assert witnesses.pyhanko(output.data, root, crls, now()) == ["OK"] * output.signatures


@every_output
def test_our_own_report_agrees(output: Output) -> None:
    report = output.seal.verify(output.data)
    assert report.valid
    assert (len(report.signatures), len(report.timestamps)) == (output.signatures, output.timestamps)


@every_output
def test_pdfsig_trusts_each_signature_by_its_nss_database(output: Output, tmp_path: Path) -> None:
    path, nss, count = tmp_path / "a.pdf", output.trust.nss, output.signatures
    assert not witnesses.pdfsig_is_content(write(path, altered(output.data)), count, nss)
    assert witnesses.pdfsig_is_content(output.path, count, nss)


@every_output
def test_openssl_accepts_each_signature(output: Output, tmp_path: Path) -> None:
    found = witnesses.signatures(output.data)
    assert len(found) == output.signatures
    for one, wrong in zip(found, witnesses.signatures(altered(output.data)), strict=True):
        assert not witnesses.openssl_cms(wrong, output.trust.pem, tmp_path)
        assert witnesses.openssl_cms(one, output.trust.pem, tmp_path)


@every_output
def test_openssl_accepts_each_timestamp(output: Output, tmp_path: Path) -> None:
    found = witnesses.tokens(output.data)
    assert len(found) == output.signatures + output.timestamps
    for token, content in found:
        assert not witnesses.openssl_ts(token, content + b" ", output.trust.pem, tmp_path)
        assert witnesses.openssl_ts(token, content, output.trust.pem, tmp_path)


@every_output
def test_qpdf_finds_no_fault_in_the_syntax(output: Output, tmp_path: Path) -> None:
    assert not witnesses.qpdf(write(tmp_path / "a.pdf", output.data[:-200]))
    assert witnesses.qpdf(output.path)


def test_pdfsig_trusts_nobody_whose_root_is_not_in_the_database(made: dict[str, Output]) -> None:
    ours, others = made["rsa3072, plan, contract"], made["p256, plan, contract"]
    assert witnesses.pdfsig_is_content(ours.path, 2)
    assert not witnesses.pdfsig_is_content(ours.path, 2, others.trust.nss)


def test_itext_follows_the_whole_chain_of_revisions(made: dict[str, Output], tmp_path: Path) -> None:
    """RSA only: iText 5 knows no elliptic curves. One call for all, the wrong files among them."""
    finished = [one for name, one in made.items() if name.startswith("rsa3072") and one.timestamps]
    wrong = [write(tmp_path / f"{number}.pdf", altered(one.data)) for number, one in enumerate(finished)]
    wrong.append(write(tmp_path / "bare.pdf", without_evidence(finished[0])))
    told = witnesses.itext(finished[0].trust.root, *wrong, *(one.path for one in finished))
    assert told == [False] * len(wrong) + [True] * len(finished)


def without_evidence(output: Output) -> bytes:
    """Return a contract in which no validation data were stored."""
    bare = replace(output.seal, evidence=lambda _: Evidence(), fresh_evidence=lambda _now, _since: Evidence())
    return signed(bare, bare.prepare(pdf(), fields=["Signer1"]), ["Signer1"])
