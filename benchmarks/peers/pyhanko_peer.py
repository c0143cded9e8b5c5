"""pyHanko at B-T, as its manual shows it: signs FOLDER/SIZE.pdf RUNS times from its bytes; prints the least ms."""

import logging
import sys
import time
from io import BytesIO
from pathlib import Path

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers, timestamps

logging.disable(logging.CRITICAL)
folder, size, url, runs = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
data = (folder / f"{size}.pdf").read_bytes()
signer = signers.SimpleSigner.load(
    str(folder / "key.pem"), str(folder / "certificate.pem"), ca_chain_files=(str(folder / "chain.pem"),)
)
stamper = timestamps.HTTPTimeStamper(url)
words = signers.PdfSignatureMetadata(
    field_name="Signature1", subfilter=fields.SigSeedSubFilter.PADES, md_algorithm="sha256"
)
times, made = [], BytesIO()
for _ in range(runs + 1):
    began = time.perf_counter()
    made = signers.sign_pdf(
        IncrementalPdfFileWriter(BytesIO(data)), words, signer=signer, timestamper=stamper
    )
    times.append(1000 * (time.perf_counter() - began))
(folder / "pyhanko.out").write_bytes(made.getvalue())
print(min(times[1:]))
