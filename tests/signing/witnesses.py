"""What independent tools say about a signed PDF. Each answers whether it is content."""

import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.signing.conftest import run


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


def openssl_cms(one: Embedded, trust: Path, scratch: Path) -> bool:
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
    return run(*command, "-CAfile", trust, "-crl_check", "-out", "/dev/null").returncode == 0


def openssl_ts(token: bytes, content: bytes, trust: Path, scratch: Path) -> bool:
    path = scratch / "t.der"
    path.write_bytes(token)
    digest = hashlib.sha256(content).hexdigest()
    command = ("openssl", "ts", "-verify", "-token_in", "-in", path, "-digest", digest)
    return run(*command, "-CAfile", trust).returncode == 0


def qpdf(path: Path) -> bool:
    return run("qpdf", "--check", path).returncode == 0


def pdfsig(path: Path) -> list[dict[str, str]]:
    """Return what pdfsig says about each signature. It looks neither at timestamps nor at later revisions."""
    text = run("pdfsig", "-nocert", path).stdout
    return [
        dict(re.findall(r"^  - ([^:\n]+): ?(.*)$", part, flags=re.MULTILINE))
        for part in re.split(r"^Signature #\d+:$", text, flags=re.MULTILINE)[1:]
    ]


def pdfsig_is_content(path: Path, count: int) -> bool:
    found = [one for one in pdfsig(path) if one["Signature Type"] == "ETSI.CAdES.detached"]
    valid = [one for one in found if one["Signature Validation"] == "Signature is Valid."]
    return len(found) == len(valid) == count


def head_sha256(path: Path, length: int) -> str:
    """Return what anybody gets from `head -c N file | sha256sum`."""
    command = f'head -c {length} "$1" | sha256sum'
    return subprocess.run(
        ["sh", "-c", command, "sh", str(path)], capture_output=True, text=True, check=True
    ).stdout.split()[0]


_JAVA = Path("/usr/share/java")
_LTV = Path(__file__).with_name("itext") / "Ltv.java"


def itext(path: Path, root: Path) -> bool:
    """Whether iText 5 finds each signature intact and its LtvVerifier the whole chain of revisions; RSA only."""
    classes = ":".join(str(_JAVA / f"{name}.jar") for name in ("itext5", "bcprov", "bcpkix", "bcutil"))
    done = run("java", "-cp", classes, _LTV, path, root)
    # Neither word means that Java itself did not get so far.
    assert done.stdout.startswith(("ok ", "refused ")), done.stderr
    return done.returncode == 0
