"""Keys that are replaced while an envelope is on its way: the file is good for every witness, whoever signed what."""

import time
from pathlib import Path

import pytest

from envelopes.signing import authority, seal
from envelopes.signing.certificates import Role
from envelopes.signing.seal import Prepared
from tests.signing import witnesses
from tests.signing.conftest import PASSPHRASE, TOWN, URL, World, entry, now, pdf, write_trust

BOTH = ["Signer1", "Signer2"]


@pytest.fixture(params=["rsa3072", "p256"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A world of its own under the real clock."""
    made = authority.create(
        tmp_path / "a", town=TOWN, public_url=URL, now=now(), passphrase=PASSPHRASE, key_type=request.param
    )
    return World(tmp_path, made, seal.embedded(tmp_path / "a", passphrase=PASSPHRASE, clock=now))


def signed_across_a_renewal(
    own: World, made: Prepared, plan: str | None, *, to: str, pause: float = 0
) -> bytes:
    """Sign, renew all keys, sign again; with a *pause* every CRL is older than the signatures that it speaks of."""
    time.sleep(pause)
    whole = made.data + own.seal.sign(made.data, field="Signer1", entry=entry(made.data), plan=plan)
    renewed = authority.renew(
        own.authority, town=TOWN, public_url=URL, now=now(), key_type=to, roles=authority.ENDS
    )
    assert renewed == ("signer-2", "tsa-2")
    since = now()
    time.sleep(pause)
    whole += own.seal.sign(whole, field="Signer2", entry=entry(made.data), plan=plan)
    return whole + own.seal.timestamp(whole, plan=plan, since=since if pause else None)


def is_good_everywhere(own: World, whole: bytes) -> bool:
    """Whether pyHanko, pdfsig, qpdf, openssl cms and openssl ts are all content."""
    path = own.directory / "a.pdf"
    path.write_bytes(whole)
    write_trust(own.root_pem, own.authority)
    *signatures, stamp = witnesses.embedded(whole)
    return (
        own.seal.verify(whole).valid
        and witnesses.pdfsig_is_content(path, len(signatures))
        and witnesses.qpdf(path)
        and all(witnesses.openssl_cms(one, own.root_pem, own.directory) for one in signatures)
        and witnesses.openssl_ts(stamp.contents, stamp.content, own.root_pem, own.directory)
    )


@pytest.mark.parametrize("way", ["by plan", "by reading"])
def test_a_file_signed_across_a_renewal_is_good_everywhere_and_altered_nowhere(own: World, way: str) -> None:
    made = seal.prepare_planned(pdf(), fields=BOTH, now=now())
    kind = "p256" if own.seal.key.current().longest < 100 else "rsa3072"
    # iText 5 does not know P-256, and of CRLs it takes only those that are older, by a second at least.
    itext = kind == "rsa3072"
    plan = made.plan if way == "by plan" else None
    whole = signed_across_a_renewal(own, made, plan, to=kind, pause=1.1 if itext else 0)
    assert not is_good_everywhere(own, whole.replace(b"(0) Tj", b"(9) Tj", 1))
    assert is_good_everywhere(own, whole)
    assert [one["Signer Certificate Common Name"] for one in witnesses.pdfsig(own.directory / "a.pdf")][
        :2
    ] == [f"{TOWN} 電子契約 署名 {generation}" for generation in (1, 2)]
    if itext:
        root = own.directory / "root.cer"
        root.write_bytes(own.authority.root_certificate)
        assert witnesses.itext(root, own.directory / "a.pdf") == [True]


@pytest.mark.parametrize("own", ["p256"], indirect=True)
def test_the_kind_of_key_may_change_from_one_generation_to_the_next(own: World) -> None:
    made = seal.prepare_planned(pdf(), fields=BOTH, now=now())
    assert is_good_everywhere(own, signed_across_a_renewal(own, made, made.plan, to="rsa3072"))
    assert own.seal.key.current().longest == 384


@pytest.mark.parametrize("own", ["p256"], indirect=True)
def test_a_signature_takes_exactly_the_room_it_may_need(own: World) -> None:
    key = own.authority.key(Role.SIGNER)
    lengths = {len(key.sign(b"%d" % number)) for number in range(300)}
    assert max(lengths) <= key.longest == 72
    assert min(lengths) >= 68
