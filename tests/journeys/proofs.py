"""What anybody can find out about a signed PDF with tools that are not ours, and the authority's public files."""

import re
import urllib.request
from pathlib import Path

from tests.journeys.world import World
from tests.patience import PATIENCE
from tests.signing import witnesses
from tests.signing.conftest import der_to_pem, run

CADES = "ETSI.CAdES.detached"


def trust(world: World, folder: Path) -> Path:
    """What the portal publishes of the authority, as openssl's -CAfile takes it."""
    public = world.place.directory / "public"
    parts = []
    for path in sorted(public.iterdir()):
        with urllib.request.urlopen(f"{world.url}/pki/{path.name}", timeout=PATIENCE) as answer:
            kind = "crl" if path.suffix == ".crl" else "x509"
            parts.append(der_to_pem(kind, answer.read()))
    (folder / "trust.pem").write_bytes(b"".join(parts))
    return folder / "trust.pem"


def altered(data: bytes) -> bytes:
    """The same file with one letter of its first page's content, or failing that of its body, changed."""
    at = data.index(b"stream") + 20
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def require_sound(data: bytes, *, signatures: int, world: World, folder: Path) -> None:
    """Show *data* to every witness, after each has been shown an altered file and has refused it."""
    path, roots = folder / "signed.pdf", trust(world, folder)
    path.write_bytes(altered(data))
    assert not witnesses.pdfsig_is_content(path, signatures)
    path.write_bytes(data[: len(data) // 2])
    assert not witnesses.qpdf(path)
    path.write_bytes(data)
    assert witnesses.pdfsig_is_content(path, signatures)
    assert witnesses.qpdf(path)
    found = [one for one in witnesses.embedded(data) if one.subfilter == CADES]
    assert len(found) == signatures
    for one in found:
        _require_signature(one, data, path, roots)


def _require_signature(one: witnesses.Embedded, data: bytes, path: Path, roots: Path) -> None:
    # From 0 to the end of the revision it was made in, which ends with a line of its own.
    assert one.byte_range[0] == 0
    assert data[: one.end].rstrip().endswith(b"%%EOF")
    assert witnesses.openssl_cms(one, roots, path.parent)
    other = witnesses.Embedded(
        subfilter=one.subfilter,
        byte_range=one.byte_range,
        contents=one.contents,
        content=altered(one.content),
    )
    assert not witnesses.openssl_cms(other, roots, path.parent)
    seen, length = dictionary(one)
    assert witnesses.head_sha256(path, length) == seen
    assert witnesses.head_sha256(path, length - 1) != seen


def dictionary(one: witnesses.Embedded) -> tuple[str, int]:
    """The hash and the length of what the signer was shown, read from the signature dictionary without a library."""
    body = one.content[one.content.rindex(b" obj", 0, one.byte_range[1]) :]
    seen = re.search(rb"/FUKN_SeenSHA256\s*\(([0-9a-f]{64})\)", body)
    length = re.search(rb"/FUKN_SeenLength\s+(\d+)", body)
    assert seen is not None
    assert length is not None
    return seen[1].decode(), int(length[1])


def openssl_reads(one: witnesses.Embedded, folder: Path) -> str:
    """What `openssl asn1parse` finds in the signature."""
    path = folder / "signature.der"
    path.write_bytes(one.contents)
    return run("openssl", "asn1parse", "-inform", "DER", "-in", path).stdout
