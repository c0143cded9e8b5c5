"""What independent tools say about a signed PDF. Each answers whether it is content."""

import asyncio
import datetime as dt
import hashlib
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from asn1crypto import cms  # type: ignore[import-untyped]
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

from envelopes.signing.authority import Authority
from tests.signing.conftest import run, write_trust


@dataclass(frozen=True)
class Embedded:
    """A signature cut out of a PDF by hand, without any PDF library."""

    subfilter: str
    byte_range: tuple[int, int, int, int]
    contents: bytes
    content: bytes

    @property
    def end(self) -> int:
        return self.byte_range[2] + self.byte_range[3]


def embedded(data: bytes) -> list[Embedded]:
    """Cut every signature out of *data*, oldest first."""
    found = []
    for match in re.finditer(rb"/ByteRange\s*\[(\d+) (\d+) (\d+) (\d+)\]", data):
        a, b, c, d = (int(part) for part in match.groups())
        dictionary = data[data.rindex(b" obj", 0, match.start()) : data.index(b"endobj", c)]
        subfilter = re.search(rb"/SubFilter\s*/([\w.]+)", dictionary)
        assert subfilter is not None
        hexadecimal = data[b + 1 : c - 1]
        found.append(
            Embedded(
                subfilter=subfilter[1].decode(),
                byte_range=(a, b, c, d),
                contents=_trimmed(bytes.fromhex(hexadecimal.decode())),
                content=data[a : a + b] + data[c : c + d],
            )
        )
    return sorted(found, key=lambda one: one.end)


def _trimmed(padded: bytes) -> bytes:
    """Return the DER at the start of *padded*."""
    assert padded[:2] == b"\x30\x82"
    return padded[: 4 + int.from_bytes(padded[2:4])]


@dataclass(frozen=True)
class Trust:
    """Whom the witnesses believe: a root alone, with today's CRLs as openssl takes them, and in NSS's database."""

    root: Path
    pem: Path
    nss: Path


def trust(folder: Path, made: Authority) -> Trust:
    """Write down the root of *made* and its CRLs of today, in every witness's form."""
    root, nss = folder / "root.cer", folder / "nss"
    root.write_bytes(made.root_certificate)
    write_trust(folder / "root.pem", made)
    nss.mkdir()
    database = f"sql:{nss}"
    _done("certutil", "-N", "-d", database, "--empty-password")
    # C: may issue certificates, here for e-mail, which is what NSS takes document signatures for.
    _done("certutil", "-A", "-d", database, "-n", "root", "-t", ",C,", "-i", root)
    # pdfsig finds a signer's certificate for the second signature only if it is here; no trust comes with it.
    signer = made.directory / "public" / "signer-1.cer"
    _done("certutil", "-A", "-d", database, "-n", "signer", "-t", ",,", "-i", signer)
    return Trust(root, folder / "root.pem", nss)


def _done(*command: str | Path) -> None:
    done = run(*command)
    assert done.returncode == 0, done.stderr


# openssl


def openssl_cms(one: Embedded, trusted: Path, scratch: Path) -> bool:
    signature, content = scratch / "s.der", scratch / "content"
    signature.write_bytes(one.contents)
    content.write_bytes(one.content)
    command = (
        "openssl",
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        signature,
        "-content",
        content,
    )
    return run(*command, "-CAfile", trusted, "-crl_check", "-out", "/dev/null").returncode == 0


def openssl_ts(token: bytes, content: bytes, trusted: Path, scratch: Path) -> bool:
    path = scratch / "t.der"
    path.write_bytes(token)
    digest = hashlib.sha256(content).hexdigest()
    command = ("openssl", "ts", "-verify", "-token_in", "-in", path, "-digest", digest)
    return run(*command, "-CAfile", trusted).returncode == 0


def signature_token(one: Embedded) -> tuple[bytes, bytes]:
    """Return the timestamp token of a signature, and the signature value that it is over."""
    info = cms.ContentInfo.load(one.contents)["content"]["signer_infos"][0]
    (token,) = (
        attribute["values"][0].dump()
        for attribute in info["unsigned_attrs"]
        if attribute["type"].native == "signature_time_stamp_token"
    )
    return token, info["signature"].native


def signatures(data: bytes) -> list[Embedded]:
    """Return the signatures in *data* that are no document timestamps."""
    return [one for one in embedded(data) if one.subfilter == "ETSI.CAdES.detached"]


def tokens(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return every timestamp token in *data* and what it is over, of signatures and of the document."""
    stamps = [one for one in embedded(data) if one.subfilter == "ETSI.RFC3161"]
    return [*map(signature_token, signatures(data)), *((one.contents, one.content) for one in stamps)]


# PDF tools


def qpdf(path: Path) -> bool:
    return run("qpdf", "--check", path).returncode == 0


def pdfsig(path: Path, nss: Path | None = None) -> list[dict[str, str]]:
    """Return what pdfsig says about each signature. It looks neither at timestamps nor at later revisions.

    With the folder of an NSS database it looks at certificates too. They name no OCSP server, so nobody is asked.
    """
    # With -no-ocsp it would trust no second signature.
    believing = ("-nocert",) if nss is None else ("-nssdir", f"sql:{nss}")
    text = run("pdfsig", *believing, path).stdout
    return [
        dict(re.findall(r"^  - ([^:\n]+): ?(.*)$", part, flags=re.MULTILINE))
        for part in re.split(r"^Signature #\d+:$", text, flags=re.MULTILINE)[1:]
    ]


def pdfsig_is_content(path: Path, count: int, nss: Path | None = None) -> bool:
    found = [one for one in pdfsig(path, nss) if one.get("Signature Type") == "ETSI.CAdES.detached"]
    valid = [
        one
        for one in found
        if one["Signature Validation"] == "Signature is Valid."
        and (nss is None or one["Certificate Validation"] == "Certificate is Trusted.")
    ]
    return len(found) == len(valid) == count


def head_sha256(path: Path, length: int) -> str:
    """Return what anybody gets from `head -c N file | sha256sum`."""
    command = f'head -c {length} "$1" | sha256sum'
    return subprocess.run(
        ["sh", "-c", command, "sh", str(path)], capture_output=True, text=True, check=True
    ).stdout.split()[0]


# pyHanko and iText


def pyhanko(data: bytes, root: bytes, crls: Sequence[bytes], now: dt.datetime) -> list[str]:
    """Return what stock pyHanko's long-term validation (ETSI EN 319 102-1 5.6) says of each signature: OK, or why not.

    Its own policies, none of this project's code. What later revisions did to the file counts too.
    """
    spec = PdfSignatureValidationSpec(
        SignatureValidationSpec(
            cert_validation_policy=CertValidationPolicySpec(
                trust_manager=SimpleTrustManager.build(trust_roots=[_certificate(root)]),
                revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
            ),
            revinfo_gathering_policy=RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
            local_knowledge=LocalKnowledge(
                known_crls=[CRLContainer(asn1_crl.CertificateList.load(one)) for one in crls]
            ),
        )
    )
    timing = ValidationTimingInfo(
        validation_time=now, best_signature_time=now, point_in_time_validation=False
    )
    try:
        signatures = PdfFileReader(BytesIO(data), strict=False).embedded_regular_signatures
        results = [asyncio.run(ades_lta_validation(one, spec, timing_info=timing)) for one in signatures]
    except (PdfError, ValueError, IndexError) as error:
        return [type(error).__name__]
    return [one.ades_subindic.standard_name for one in results]


def _certificate(der: bytes) -> CertTrustAnchor:
    return CertTrustAnchor(asn1_x509.Certificate.load(der))


_JAVA = Path("/usr/share/java")
_LTV = Path(__file__).with_name("itext") / "Ltv.java"


def itext(root: Path, *paths: Path) -> list[bool]:
    """Whether iText 5 finds each signature intact and its LtvVerifier the whole chain of revisions; RSA only.

    One call for many files: Java takes seconds to begin.
    """
    classes = ":".join(str(_JAVA / f"{name}.jar") for name in ("itext5", "bcprov", "bcpkix", "bcutil"))
    done = run("java", "-cp", classes, _LTV, root, *paths)
    said = done.stdout.splitlines()
    # Anything else means that Java itself did not get so far.
    assert [line.split()[0] for line in said if line.startswith(("ok ", "refused "))], done.stderr
    assert len(said) == len(paths), done.stdout + done.stderr
    return [line.startswith("ok ") for line in said]
