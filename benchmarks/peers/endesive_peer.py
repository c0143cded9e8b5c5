"""endesive at B-T: signs FOLDER/SIZE.pdf RUNS times, each time anew from its bytes; prints the least ms."""

import sys
import time
import types
from pathlib import Path


class _Absent(types.ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


# endesive's part for verifying, loaded with all the rest, does not start with OpenSSL 3.0.10 and later.
for absent in ("certvalidator", "certvalidator.errors", "oscrypto", "oscrypto.asymmetric"):
    sys.modules[absent] = _Absent(absent)

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from endesive.pdf import cms  # noqa: E402

folder, size, url, runs = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
data = (folder / f"{size}.pdf").read_bytes()
key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
certificate = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
chain = x509.load_pem_x509_certificates((folder / "chain.pem").read_bytes())
words = {
    "sigflags": 3,
    "contact": "-",
    "location": "-",
    "signingdate": "D:20260401000000+09'00'",
    "reason": "-",
    "aligned": 16384,
}
times, tail = [], b""
for _ in range(runs + 1):
    began = time.perf_counter()
    tail = cms.sign(data, dict(words), key, certificate, chain, "sha256", None, url)
    times.append(1000 * (time.perf_counter() - began))
(folder / "endesive.out").write_bytes(data + tail)
print(min(times[1:]))
