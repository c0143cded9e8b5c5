"""What PDF/A-2 (ISO 19005-2) asks of a file, as far as it can be seen without a validator of that standard.

No such validator is packaged for Debian, so these are the clauses that signing and typesetting could break.
"""

from collections.abc import Iterator
from io import BytesIO

import pikepdf
from pikepdf import Name, Pdf


def faults(data: bytes) -> list[str]:
    """Return the clauses that *data* does not keep."""
    with Pdf.open(BytesIO(data)) as pdf:
        return [*_file(pdf, data), *_metadata(pdf), *_colour(pdf), *_fonts(pdf), *_annotations(pdf)]


def _file(pdf: Pdf, data: bytes) -> Iterator[str]:
    if not data.startswith(b"%PDF-1.7\n%"):
        yield "6.1.2 header"
    if pdf.is_encrypted or "/ID" not in pdf.trailer:
        yield "6.1.3 trailer"
    for item in pdf.objects:
        if isinstance(item, pikepdf.Stream):
            if "/F" in item or "/LZWDecode" in str(item.get("/Filter", "")):
                yield "6.1.7 stream"
            if item.get("/Subtype") == "/PS" or item.get("/Subtype2") == "/PS":
                yield "6.2.9 PostScript"
    if {"/JavaScript", "/EmbeddedFiles"} & set(pdf.Root.get("/Names", {}).keys()) or "/AA" in pdf.Root:
        yield "6.5 actions"
    form = pdf.Root.get("/AcroForm", pikepdf.Dictionary())
    if "/XFA" in form or form.get("/NeedAppearances", False):
        yield "6.4 form"


def _metadata(pdf: Pdf) -> Iterator[str]:
    stream = pdf.Root.get("/Metadata")
    if stream is None or "/Filter" in stream:
        yield "6.6.2 metadata"
        return
    with pdf.open_metadata() as said:
        if (said.get("pdfaid:part"), said.get("pdfaid:conformance")) != ("2", "U"):
            yield "6.6.4 identification"
        for key, name in (
            ("/Title", "dc:title"),
            ("/Producer", "pdf:Producer"),
            ("/Creator", "xmp:CreatorTool"),
        ):
            if key in pdf.docinfo and str(pdf.docinfo[key]) != said.get(name):
                yield f"6.6.3 {key}"


def _colour(pdf: Pdf) -> Iterator[str]:
    # Not every file needs one; where it is there, no colour depends on the device.
    intents = pdf.Root.get("/OutputIntents", [])
    if not [item for item in intents if item.get("/S") == "/GTS_PDFA1" and "/DestOutputProfile" in item]:
        yield "6.2.3 output intent"


def _fonts(pdf: Pdf) -> Iterator[str]:
    for item in pdf.objects:
        if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == Name.Font:
            descendants = item.get("/DescendantFonts", [item])
            for font in descendants:
                found = font.get("/FontDescriptor", {})
                if not {"/FontFile", "/FontFile2", "/FontFile3"} & set(found.keys()):
                    yield f"6.2.11.4 {font.get('/BaseFont')} is not embedded"
            if "/DescendantFonts" in item and "/ToUnicode" not in item:
                yield "6.2.11.7 no Unicode"


def _annotations(pdf: Pdf) -> Iterator[str]:
    for page in pdf.pages:
        for item in page.obj.get("/Annots", []):
            flags, rect = int(item.get("/F", 0)), [float(x) for x in item.get("/Rect", [])]
            # Print is set; Hidden, Invisible, NoView and ToggleNoView are not.
            if not flags & 4 or flags & (1 | 2 | 32 | 256):
                yield "6.3.2 flags"
            invisible = rect[0] == rect[2] and rect[1] == rect[3]
            if "/AP" not in item and not invisible:
                yield "6.3.3 appearance"
