"""What every measurement stands on: PDFs of four sizes, an authority with RSA-3072 keys, a timestamp server."""

import datetime as dt
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from envelopes.signing import authority, seal
from envelopes.signing.authority import Authority
from envelopes.signing.certificates import Role
from envelopes.signing.keys import SigningKey
from envelopes.signing.seal import Entry, Prepared, Seal

PASSPHRASE = b"benchmark"
# Pages and bytes of each size.
SIZES = {
    "small": (3, 38_000),
    "medium": (20, 600_000),
    "large": (120, 6_500_000),
    "xl": (300, 30_000_000),
}
FIELDS = ("Signer1", "Signer2")
_A4 = (595, 842)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Scene:
    """Files in a folder of their own, made once a run."""

    folder: Path

    @cached_property
    def authority(self) -> Authority:
        return authority.create(
            self.folder / "authority",
            town="みほん村",
            public_url="http://sign.mihon.example",
            now=now(),
            passphrase=PASSPHRASE,
        )

    @cached_property
    def seal(self) -> Seal:
        return seal.embedded(self.authority.directory, passphrase=PASSPHRASE, clock=now)

    @cached_property
    def tsa(self) -> SigningKey:
        return self.authority.key(Role.TSA)

    def pdf(self, size: str) -> Path:
        """Return the PDF of that size."""
        path = self.folder / f"{size}.pdf"
        if not path.exists():
            path.write_bytes(_pdf(*SIZES[size]))
        return path

    def prepared(self, size: str) -> Prepared:
        """Return the PDF of that size with its fields and plan."""
        made, plan = self.folder / f"{size}-prepared.pdf", self.folder / f"{size}.plan"
        if not plan.exists():
            fresh = seal.prepare_planned(self.pdf(size).read_bytes(), fields=FIELDS, now=now())
            made.write_bytes(fresh.data)
            plan.write_text(fresh.plan or "")
        return Prepared(data=made.read_bytes(), plan=plan.read_text() or None)

    def write_keys(self) -> None:
        """Write key and certificates in the forms that other libraries read."""
        key = self.seal.key.current()
        own, *chain = (x509.load_der_x509_certificate(one) for one in (key.certificate, *key.chain))
        pem = serialization.Encoding.PEM
        secret = key.private.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "key.pem").write_bytes(secret)
        (self.folder / "certificate.pem").write_bytes(own.public_bytes(pem))
        (self.folder / "chain.pem").write_bytes(b"".join(one.public_bytes(pem) for one in chain))
        # node-forge and PDFBox's Java read this old encryption of PKCS#12; the newer one not all of them.
        old = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .build(PASSPHRASE)
        )
        bundle = pkcs12.serialize_key_and_certificates(b"signer", key.private, own, chain, old)
        (self.folder / "key.p12").write_bytes(bundle)

    @contextmanager
    def timestamp_server(self) -> Iterator[int]:
        """Run the responder behind HTTP in a process of its own; gives its port."""
        command = [sys.executable, "-m", "benchmarks.tsa", str(self.authority.directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                yield int(server.stdout.readline())
            finally:
                server.terminate()


class OverHttp:
    """Asks a timestamp server over one connection that is kept."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)

    def __call__(self, request: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query"}
        self._connection.request("POST", "/", request, headers)
        return self._connection.getresponse().read()


def entry(prepared: bytes) -> Entry:
    """Return what a signature says, of usual length."""
    return Entry(
        name="株式会社みほん建設 代表取締役 見本太郎",
        reason="株式会社みほん建設 見本太郎の指示に基づきみほん村（事業者）が署名（本人確認：メール1経路）",
        location="",
        contact="総務課",
        seen_sha256=sha256(prepared).hexdigest(),
        seen_length=len(prepared),
        consent_sha256=sha256(b"consent").hexdigest(),
        envelope_ref="3f9c1c52",
        certificate_id="MH-7Q2K-9M4T-1",
    )


def _pdf(pages: int, size: int) -> bytes:
    """Return a PDF of text and pictures that do not compress, with as many pages and about as many bytes."""
    chance, made = random.Random(1), pikepdf.new()
    font = made.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
    )
    for number in range(pages):
        page = made.add_blank_page(page_size=_A4)
        image = made.make_stream(chance.randbytes(max(1, size // pages - 3000)))
        image.Type, image.Subtype, image.ColorSpace = (
            pikepdf.Name.XObject,
            pikepdf.Name.Image,
            pikepdf.Name.DeviceGray,
        )
        image.Width, image.Height, image.BitsPerComponent = len(image.read_raw_bytes()), 1, 8
        page.Resources = pikepdf.Dictionary(
            Font=pikepdf.Dictionary(F1=font), XObject=pikepdf.Dictionary(I1=image)
        )
        lines = b"".join(b"(%d %d) Tj T*\n" % (number, chance.getrandbits(120)) for _ in range(40))
        page.Contents = made.make_stream(b"BT /F1 9 Tf 12 TL 50 780 Td\n%bET" % lines)
    out = BytesIO()
    made.save(
        out,
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
        min_version="1.7",
        compress_streams=False,
    )
    return out.getvalue()
