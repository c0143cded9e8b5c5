"""Mails signed by three programs that share no code: dkimpy, OpenDKIM, and openssl over a few lines of RFC 6376."""

import base64
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.ports import binary

DOMAIN = "mihon.example"
SELECTOR = "s1"
NAME = f"{SELECTOR}._domainkey.{DOMAIN}"
FIELDS = ("from", "to", "subject", "date", "message-id", "content-type")


@dataclass(frozen=True)
class Key:
    """An RSA key: as PEM for signers, as a TXT record for verifiers."""

    pem: bytes
    record: bytes


def make_key(bits: int = 2048) -> Key:
    made = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Key(pem, b"v=DKIM1; k=rsa; p=" + base64.b64encode(public))


def by_dkimpy(
    raw: bytes,
    key: Key,
    *,
    domain: str = DOMAIN,
    fields: Sequence[str] = FIELDS,
    length: bool = False,
    algorithm: bytes = b"rsa-sha256",
) -> bytes:
    signer = dkim.DKIM(raw, signature_algorithm=algorithm)
    signer.should_not_sign = set()
    header = signer.sign(
        SELECTOR.encode(),
        domain.encode(),
        key.pem,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[name.encode() for name in fields],
        length=length,
    )
    return bytes(header) + raw


def by_opendkim(raw: bytes, key: Key, folder: Path) -> bytes:
    """As the filter signs on a Debian machine where nothing but domain, selector and key is set."""
    (folder / "key.pem").write_bytes(key.pem)
    (folder / "key.pem").chmod(0o600)
    (folder / "mail.eml").write_bytes(raw)
    lines = ["Mode s", f"Domain {DOMAIN}", f"Selector {SELECTOR}", f"KeyFile {folder}/key.pem"]
    lines += ["Canonicalization relaxed/simple", "InternalHosts 127.0.0.1", "RequireSafeKeys no"]
    (folder / "opendkim.conf").write_text("\n".join((*lines, "")))
    command = [
        binary("opendkim"),
        "-x",
        str(folder / "opendkim.conf"),
        "-t",
        str(folder / "mail.eml"),
        "-vvv",
    ]
    said = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    found = re.search(rb"hname='DKIM-Signature' hvalue='([^']*)'", said)
    assert found, said
    value = found[1].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return b"DKIM-Signature: " + value + b"\r\n" + raw


def by_openssl(
    raw: bytes,
    key: Key,
    folder: Path,
    *,
    tags: str = "",
    fields: Sequence[str] = FIELDS,
    domain: str = DOMAIN,
) -> bytes:
    """relaxed/simple after RFC 6376 3.4.2, 3.4.3 and 3.7; *tags* are put in as they are."""
    head, _, body = raw.partition(b"\r\n\r\n")
    digest = base64.b64encode(sha256(body.rstrip(b"\r\n") + b"\r\n").digest()).decode()
    start = f"v=1; a=rsa-sha256; c=relaxed/simple; d={domain}; s={SELECTOR};{tags} "
    start += f"h={':'.join(fields)}; bh={digest}; b="
    there = [line.partition(b":") for line in re.split(rb"\r\n(?![ \t])", head)]
    signed = b"".join(_relaxed(*taken) + b"\r\n" for taken in _from_below(there, fields))
    (folder / "k.pem").write_bytes(key.pem)
    signature = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", str(folder / "k.pem")],
        input=signed + _relaxed(b"dkim-signature", b":", start.encode()),
        capture_output=True,
        check=True,
        timeout=30,
    ).stdout
    return b"DKIM-Signature: " + start.encode() + base64.b64encode(signature) + b"\r\n" + raw


def _from_below(
    there: list[tuple[bytes, bytes, bytes]], fields: Sequence[str]
) -> list[tuple[bytes, bytes, bytes]]:
    left, taken = list(there), []
    for name in fields:
        for place in range(len(left) - 1, -1, -1):
            if left[place][0].strip().lower() == name.encode():
                taken.append(left.pop(place))
                break
    return taken


def _relaxed(name: bytes, _colon: bytes, value: bytes) -> bytes:
    return name.strip().lower() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()


Signer = Callable[[bytes, Key, Path], bytes]
SIGNERS: dict[str, Signer] = {
    "dkimpy": lambda raw, key, _: by_dkimpy(raw, key),
    "opendkim": by_opendkim,
    "openssl": by_openssl,
}
