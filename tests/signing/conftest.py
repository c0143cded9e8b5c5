"""A real authority, real PDFs, and the witnesses' helpers. The clock is real: openssl and pdfsig look at it too."""

import datetime as dt
import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pikepdf
import pytest

from envelopes.signing import authority, seal
from envelopes.signing.authority import Authority
from envelopes.signing.certificates import Role
from envelopes.signing.seal import Entry, Seal

if TYPE_CHECKING:
    from tests.signing.outputs import Output

PASSPHRASE = b"correct horse"
TOWN = "みほん村"
URL = "http://sign.mihon.example"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass
class Clock:
    """A clock that tests may move."""

    at: dt.datetime

    def __call__(self) -> dt.datetime:
        return self.at

    def forward(self, *, years: float = 0, days: float = 0) -> None:
        self.at += dt.timedelta(days=365.25 * years + days)


@dataclass(frozen=True)
class World:
    directory: Path
    authority: Authority
    seal: Seal

    @property
    def root_pem(self) -> Path:
        return self.directory / "root.pem"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    directory = tmp_path_factory.mktemp("authority")
    made = authority.create(directory / "a", town=TOWN, public_url=URL, now=now(), passphrase=PASSPHRASE)
    write_trust(directory / "root.pem", made)
    return World(directory, made, seal.embedded(directory / "a", passphrase=PASSPHRASE, clock=now))


@pytest.fixture
def clock() -> Clock:
    return Clock(dt.datetime(2026, 4, 1, 9, 0, 0, 123456, dt.UTC))


@pytest.fixture
def aging(tmp_path: Path, clock: Clock) -> World:
    """A world of its own with small keys, whose clock can be moved."""
    return aging_world(tmp_path, clock)


def aging_world(directory: Path, clock: Clock) -> World:
    made = authority.create(
        directory / "a", town=TOWN, public_url=URL, now=clock(), passphrase=PASSPHRASE, key_type="p256"
    )
    return World(directory, made, seal.embedded(directory / "a", passphrase=PASSPHRASE, clock=clock))


def next_tsa(
    directory: Path,
    at: dt.datetime,
    *,
    passphrase: bytes = PASSPHRASE,
    key_type: str = "p256",
    public_url: str = URL,
) -> None:
    """Give the authority in *directory* the next generation of its timestamp certificate."""
    opened = authority.open_authority(directory, passphrase=passphrase)
    authority.renew(opened, town=TOWN, public_url=public_url, now=at, key_type=key_type, roles=(Role.TSA,))


def write_trust(path: Path, made: Authority) -> None:
    """Write root and CRLs as PEM, the way openssl's -CAfile takes them together."""
    parts = [der_to_pem("x509", made.root_certificate), *(der_to_pem("crl", one) for one in made.crls(now()))]
    path.write_bytes(b"".join(parts))


def der_to_pem(kind: str, der: bytes) -> bytes:
    return subprocess.run(
        ["openssl", kind, "-inform", "DER"], input=der, capture_output=True, check=True
    ).stdout


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def pdf(
    pages: int = 2, *, title: str = "工事請負契約書", filler: int = 0, object_streams: bool = False
) -> bytes:
    """Return a small PDF; *filler* adds that many bytes of an unused stream."""
    made = pikepdf.new()
    for number in range(pages):
        made.add_blank_page(page_size=(595, 842))
        made.pages[-1].Contents = made.make_stream(b"BT /F1 12 Tf 72 720 Td (%d) Tj ET" % number)
    made.docinfo["/Title"] = title
    if filler:
        block = hashlib.sha256(b"filler").digest() * (filler // 32)
        made.Root.Filler = made.make_stream(block)
    mode = pikepdf.ObjectStreamMode.generate if object_streams else pikepdf.ObjectStreamMode.disable
    out = BytesIO()
    made.save(out, object_stream_mode=mode, min_version="1.7", compress_streams=False)
    return out.getvalue()


def encrypted(data: bytes, password: str) -> bytes:
    """Return the PDF *data* encrypted; without a password to open it only printing and editing are forbidden."""
    out = BytesIO()
    with pikepdf.open(BytesIO(data)) as made:
        made.save(out, encryption=pikepdf.Encryption(user=password, owner="owner"))
    return out.getvalue()


def entry(prepared: bytes, **changes: object) -> Entry:
    words: dict[str, object] = {
        "name": "株式会社みほん建設 代表取締役 見本太郎",
        "reason": "株式会社みほん建設 見本太郎の指示に基づきみほん村（事業者）が署名（メール1経路）",
        "location": "みほん村役場",
        "contact": "みほん村総務課",
        "seen_sha256": hashlib.sha256(prepared).hexdigest(),
        "seen_length": len(prepared),
        "consent_sha256": hashlib.sha256(b"consent").hexdigest(),
        "envelope_ref": "3f9c1c52",
        "certificate_id": "7Q2K-9M4T-1",
    }
    return Entry(**(words | changes))  # type: ignore[arg-type]


def signed(using: Seal, prepared: bytes, fields: Sequence[str], *, stamped: bool = True) -> bytes:
    whole = prepared
    for name in fields:
        whole += using.sign(whole, field=name, entry=entry(prepared))
    return whole + using.timestamp(whole) if stamped else whole


@pytest.fixture(scope="session")
def prepared(world: World) -> bytes:
    return world.seal.prepare(pdf(), fields=["Signer1", "Signer2"])


@pytest.fixture(scope="session")
def contract(world: World, prepared: bytes) -> bytes:
    """A 契約書, signed by both and timestamped."""
    return signed(world.seal, prepared, ["Signer1", "Signer2"])


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, hsm_folder: Path) -> "dict[str, Output]":
    """Every kind of file that the service gives away, by the names in `outputs`."""
    from tests.signing.outputs import outputs

    return outputs(tmp_path_factory.mktemp("outputs"), hsm_folder)


@pytest.fixture
def output(made: "dict[str, Output]", name: str) -> "Output":
    return made[name]
