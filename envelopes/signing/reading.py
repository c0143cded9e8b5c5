"""Opening PDFs with pyHanko, and what comes out of bytes that are not what they claim to be.

pyHanko and asn1crypto meet malformed input with many kinds of exception; MALFORMED names them once, so that
each border of this package converts them and none escapes.
"""

import logging
import sys
from io import BytesIO
from typing import Final

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko_certvalidator.errors import (
    CRLValidationError,
    OCSPValidationError,
    PathError,
    ValidationError,
)

from envelopes.rules.errors import FukanError
from envelopes.signing.trust import Evidence

MALFORMED = (
    PdfError,
    ValidationError,
    PathError,
    CRLValidationError,
    OCSPValidationError,
    ValueError,  # pyHanko's signature and form errors among them
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    NotImplementedError,
    RecursionError,
    OSError,
)


# Calls: pyHanko follows a file's bookmarks (/Next) one inside the other, three calls each, and Python's own 1,000 end
# at some three hundred of them, which a specification has. The memory for it grows with the square of their number.
_DEPTH: Final = 3_000


class UnreadablePdf(FukanError):
    """These bytes cannot be read as a PDF with signatures."""


def allow_depth() -> None:
    """Let a file's objects be followed as deep as long documents need. For the whole process, so it only ever grows."""
    sys.setrecursionlimit(max(_DEPTH, sys.getrecursionlimit()))


def hush() -> None:
    """Keep pyHanko from logging. It quotes certificates of files that strangers hand in: personal data."""
    for name in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def open_pdf(data: bytes) -> PdfFileReader:
    """Return a reader over *data*. Its faults come out later, as MALFORMED, wherever they are met."""
    return PdfFileReader(BytesIO(data), strict=False)


def stored_evidence(reader: PdfFileReader) -> Evidence:
    """Return the certificates and CRLs of the document security store (ISO 32000-2 12.8.4.3), if any."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return Evidence()
    return Evidence(
        certificates=tuple(certificate.dump() for certificate in store.load_certs()),
        crls=tuple(stream.get_object().data for stream in store.crls),
    )
