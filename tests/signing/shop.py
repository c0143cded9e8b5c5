"""Another authority that a town buys its signing certificate from: files, CRLs over HTTP, keys on a token."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from envelopes.signing import certificates, hsm
from envelopes.signing.certificates import Issuer, KeyType, Order, PrivateKey, Role
from envelopes.signing.custody import InFile
from envelopes.signing.keys import private_key
from tests.signing import softhsm
from tests.signing.conftest import TOWN, now
from tests.signing.softhsm import PIN
from tests.signing.tsa import Tsa, serving

PEM = serialization.Encoding.PEM
SECRET = b"hitotsu no kotoba"


@dataclass
class Shop:
    """Another authority, with its CRLs on offer over HTTP, and the files that a town gets from it."""

    folder: Path
    outside: Tsa

    @property
    def root(self) -> Issuer:
        return self.outside.authority.root

    def order(self, *, number: int = 1, key: PrivateKey | None = None, old: bool = False) -> InFile:
        """Buy a certificate: write key, passphrase, certificate and chain."""
        private = key or certificates.new_key(KeyType(self.outside.key_type))
        begins = now() - dt.timedelta(days=365.25 * 6 if old else 1)
        made = certificates.end_certificate(self._order(number, begins), private, self.root)
        self.say(made, at=begins if old else now())
        return self.write(private, made)

    def _order(self, number: int, begins: dt.datetime) -> Order:
        return Order(
            role=Role.SIGNER,
            name=f"bought-{number}",
            organization=TOWN,
            common_name=f"{TOWN}長 {number}",
            qualifier="x",
            base=f"http://127.0.0.1:{self.outside.port}/pki",
            now=begins,
        )

    def say(self, one: x509.Certificate, *, at: dt.datetime, revoked: bool = False) -> None:
        """Put the certificate's CRL on offer."""
        name = Path(certificates.crl_address(one)).name
        made = certificates.crl(one, self.root, number=1, now=at)
        if revoked:
            made = _revoking(one, made, self.root)
        (self.outside.folder / "ca" / "public" / name).write_bytes(made)

    def write(self, private: PrivateKey, made: x509.Certificate) -> InFile:
        path = self.folder
        secret = serialization.BestAvailableEncryption(SECRET)
        put(path / "key.pem", private.private_bytes(PEM, serialization.PrivateFormat.PKCS8, secret))
        put(path / "passphrase", SECRET + b"\n")
        put(path / "certificate.pem", made.public_bytes(PEM))
        put(path / "chain.pem", self.root.certificate.public_bytes(PEM))
        return InFile(
            key_file=path / "key.pem",
            passphrase_file=path / "passphrase",
            certificate_file=path / "certificate.pem",
            chain_file=path / "chain.pem",
        )


def put(path: Path, data: bytes) -> None:
    """Replace a file, wholly, as one should."""
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(data)
    draft.replace(path)


def _revoking(one: x509.Certificate, crl: bytes, issuer: Issuer) -> bytes:
    old = x509.load_der_x509_crl(crl)
    entry_ = (
        x509.RevokedCertificateBuilder()
        .serial_number(one.serial_number)
        .revocation_date(old.last_update_utc)
        .build()
    )
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(old.issuer)
        .last_update(old.last_update_utc)
        .next_update(now() + dt.timedelta(days=7))
        .add_revoked_certificate(entry_)
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@contextmanager
def opened(folder: Path, key_type: str = "p256") -> Iterator[Shop]:
    """Open a shop in the new *folder*."""
    (folder / "outside").mkdir(parents=True)
    with serving(folder / "outside", key_type=key_type) as outside:
        yield Shop(folder, outside)


def in_pkcs12(bought: InFile) -> InFile:
    """The same in one PKCS#12 file."""
    assert bought.certificate_file is not None
    assert bought.chain_file is not None
    key = private_key(bought.key_file, passphrase=SECRET)
    own, root = (
        x509.load_pem_x509_certificate(one.read_bytes())
        for one in (bought.certificate_file, bought.chain_file)
    )
    data = pkcs12.serialize_key_and_certificates(
        b"mihon", key, own, [root], serialization.BestAvailableEncryption(SECRET)
    )
    path = bought.key_file.with_suffix(".p12")
    path.write_bytes(data)
    return InFile(key_file=path, passphrase_file=bought.passphrase_file)


def in_hsm(bought: InFile, folder: Path, label: str) -> hsm.InHsm:
    """The same on a token."""
    assert bought.certificate_file is not None
    assert bought.chain_file is not None
    place = softhsm.token(folder, label).put(
        private_key(bought.key_file, passphrase=SECRET), label="mihon", number="01"
    )
    bought.key_file.unlink()
    put(bought.key_file.with_name("pin"), PIN.encode())
    return hsm.in_hsm(
        place,
        pin_file=bought.key_file.with_name("pin"),
        certificate_file=bought.certificate_file,
        chain_file=bought.chain_file,
    )
