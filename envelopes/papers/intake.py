"""A PDF as it came → the PDF that is kept: inspected, repaired, rewritten, stamped and seen to be stamped.

Runs in a child (`papers.desk`). The order of the steps lives here, the steps in their own modules.
"""

import hashlib
import io
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import pypdfium2
from pikepdf import PasswordError, Pdf, PdfError

from envelopes.papers.inspect import inspect
from envelopes.papers.limits import PaperLimits
from envelopes.papers.normalise import mend_streams, normalise, written
from envelopes.papers.stamp import is_visible, stamp
from envelopes.rules.errors import Reason, Refused

_READ_PAGES: Final = 100  # why: a contract's clauses stand before its drawings and price lists
_READ_LETTERS: Final = 20_000  # of one page: a printed page has some thousands


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A PDF ready to be offered. `sha256` (hexadecimal) is of `data`; `warnings` are for the drafter.

    `texts` are the letters of the first pages, to be looked through for what keeps a contract from being electronic.
    """

    data: bytes
    pages: int
    warnings: tuple[Reason, ...]
    sha256: str
    texts: tuple[str, ...] = ()


def receive(data: bytes, *, certificate_id: str, limits: PaperLimits) -> Received:
    """Return the normalised and stamped form of `data`, or raise Refused with what is to be mended."""
    if len(data) > limits.max_bytes:
        raise Refused(Reason.PDF_TOO_BIG, bytes=len(data), most=limits.max_bytes)
    try:
        with Pdf.open(io.BytesIO(data)) as pdf:
            return _received(pdf, data, certificate_id, limits)
    except PasswordError:
        raise Refused(Reason.PDF_ENCRYPTED) from None
    except PdfError as error:
        # Encryption for the holders of certificates is not known to qpdf, and it says so.
        encrypted = "encryption filter" in str(error)
        raise Refused(Reason.PDF_ENCRYPTED if encrypted else Reason.PDF_BROKEN) from None
    except pypdfium2.PdfiumError:
        raise Refused(Reason.PDF_BROKEN) from None


def _received(pdf: Pdf, data: bytes, certificate_id: str, limits: PaperLimits) -> Received:
    found = inspect(pdf, data, limits)
    if Reason.PDF_DAMAGED in found:
        mend_streams(pdf)
    normalise(pdf)
    before = _first_page(pdf)
    placed = stamp(pdf, certificate_id)
    kept = written(pdf)
    if not is_visible(before, kept, placed):
        raise Refused(Reason.PDF_UNSTAMPABLE)
    if not _has_text(before, kept):
        found = (*found, Reason.PDF_NO_TEXT)
    return Received(
        data=kept,
        pages=len(pdf.pages),
        warnings=found,
        sha256=hashlib.sha256(kept).hexdigest(),
        texts=_texts(kept),
    )


def _first_page(pdf: Pdf) -> bytes:
    """Return page 1 as a file of its own: what the stamp is compared with."""
    out = io.BytesIO()
    with Pdf.new() as single:
        single.pages.append(pdf.pages[0])
        single.save(out)
    return out.getvalue()


def _has_text(before: bytes, kept: bytes) -> bool:
    """Tell whether every page that shows something also says it in letters.

    A page without is read to nobody by a screen reader. Page 1 is judged without our stamp.
    """
    with pypdfium2.PdfDocument(before) as first, pypdfium2.PdfDocument(kept) as rest:
        if not _speaks(first[0]):
            return False
        return all(_speaks(rest[index]) for index in range(1, len(rest)))


def _speaks(page: pypdfium2.PdfPage) -> bool:
    with closing(page.get_textpage()) as words:
        return words.count_chars() > 0 or next(page.get_objects(max_depth=1), None) is None


def _texts(kept: bytes) -> tuple[str, ...]:
    with pypdfium2.PdfDocument(kept) as document:
        return tuple(_letters(document[index]) for index in range(min(len(document), _READ_PAGES)))


def _letters(page: pypdfium2.PdfPage) -> str:
    with closing(page.get_textpage()) as words:
        return str(words.get_text_range(0, min(words.count_chars(), _READ_LETTERS)))
