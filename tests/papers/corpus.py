"""Odd PDFs and what has to become of each: refused for a reason, or kept with warnings.

Everything is made on the spot, with pikepdf or byte by byte. A new oddity is one line in one of the two tables.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, ObjectStreamMode, Pdf, String

from envelopes.rules.errors import Reason
from tests.papers import odd
from tests.papers.odd import LINES, annotate, appearance, plain, saved, with_field

# Small, so that files over the limits are quickly made.
LIMITS = replace(odd.LIMITS, max_bytes=300_000, max_pages=5)

Change = Callable[[Pdf], object]
Make = Callable[[], bytes]


# One page with letters, changed


def changed(change: Change) -> Make:
    return partial(odd.made, change)


def action(kind: str, **entries: Any) -> Make:
    return changed(lambda pdf: annotate(pdf, Subtype=Name.Link, A=Dictionary(S=Name(kind), **entries)))


def annotation(kind: str, **entries: Any) -> Make:
    return changed(lambda pdf: annotate(pdf, Subtype=Name(kind), **entries))


def field(kind: str, **entries: Any) -> Make:
    return changed(lambda pdf: with_field(pdf, FT=Name(kind), **entries))


def fresh(entries: Mapping[str, Any]) -> Any:
    """An object of no file yet: what has been put into one belongs to it."""
    return Object.parse(Dictionary(**entries).unparse())


def in_root(**entries: Any) -> Make:
    return changed(lambda pdf: pdf.Root.update(fresh(entries)))


def on_page(**entries: Any) -> Make:
    return changed(lambda pdf: pdf.pages[0].obj.update(fresh(entries)))


def in_trailer(**entries: Any) -> Make:
    return changed(lambda pdf: pdf.trailer.update(fresh(entries)))


def content(written: bytes) -> Make:
    return lambda: saved(plain(content=written))


def bytewise(pattern: bytes, instead: bytes, *, count: int = 0) -> Make:
    return lambda: re.sub(pattern, instead, saved(plain()), count=count)


def encrypted(user: str, **how: Any) -> Make:
    return partial(odd.encrypted, user=user, **how)


# What is refused


def script(code: str = "app.alert(1)") -> Dictionary:
    return Dictionary(S=Name.JavaScript, JS=code)


def script_in_a_stream(pdf: Pdf) -> None:
    keystroke = Dictionary(S=Name.JavaScript, JS=pdf.make_stream(b"event.value"))
    with_field(pdf, FT=Name.Tx, AA=Dictionary(K=keystroke))


def script_in_the_outline(pdf: Pdf) -> None:
    outline = pdf.make_indirect(Dictionary(Type=Name.Outlines))
    outline.First = outline.Last = pdf.make_indirect(Dictionary(Title="1", Parent=outline, A=script()))
    pdf.Root.Outlines = outline


def attach(pdf: Pdf) -> None:
    pdf.attachments["数量表.csv"] = b"1,2"


def associate(pdf: Pdf) -> None:
    # PDF/A-3, as electronic invoices are made.
    file = pdf.make_stream(b"<invoice/>", Type=Name.EmbeddedFile)
    pdf.Root.AF = Array([Dictionary(Type=Name.Filespec, F="a.xml", EF=Dictionary(F=file))])


def portfolio(pdf: Pdf) -> None:
    attach(pdf)
    pdf.Root.Collection = Dictionary(Type=Name.Collection, View=Name.D)


def xfa(pdf: Pdf) -> None:
    with_field(pdf, FT=Name.Tx)
    pdf.Root.AcroForm.XFA = pdf.make_stream(b"<xdp/>")


def xfa_in_parts(pdf: Pdf) -> None:
    template = pdf.make_stream(b"<template/>")
    pdf.Root.AcroForm = Dictionary(Fields=Array(), XFA=Array(["template", template]))
    pdf.Root.NeedsRendering = True


def signed(pdf: Pdf, **entries: Any) -> None:
    signature = Dictionary(Type=Name.Sig, ByteRange=Array([0, 1, 2, 3]), Contents=b"0", **entries)
    with_field(pdf, FT=Name.Sig, V=signature)


def signed_below(pdf: Pdf) -> None:
    # The field type and the value stand in the parent, the widget on the page is its kid.
    signed(pdf)
    kid = pdf.Root.AcroForm.Fields[0]
    parent = pdf.make_indirect(Dictionary(FT=Name.Sig, T="parent", V=kid.V, Kids=Array([kid])))
    del kid.FT, kid.V
    kid.Parent = parent
    pdf.Root.AcroForm.Fields = Array([parent])


def certified(pdf: Pdf) -> None:
    signed(pdf, Reference=Array([Dictionary(TransformMethod=Name.DocMDP)]))
    pdf.Root.Perms = Dictionary(DocMDP=pdf.Root.AcroForm.Fields[0].V)


def signed_and_scripted(pdf: Pdf) -> None:
    signed(pdf)
    pdf.Root.OpenAction = script()


def loop(pdf: Pdf) -> None:
    pages = pdf.Root.Pages
    pages.Kids.append(pages)
    pages.Count = 2


def garble(pdf: Pdf) -> None:
    pdf.pages[0].Contents.write(b"this was never deflated", filter=Name.FlateDecode)


def deflated(change: Callable[[bytes], bytes]) -> Make:
    """Page content that was packed and then damaged."""
    lines = b"\n".join(b"BT /F1 9 Tf 72 %d Td (line %d) Tj ET" % (800 - 9 * n, n * n) for n in range(80))

    def write(pdf: Pdf) -> None:
        pdf.pages[0].Contents.write(change(zlib.compress(lines)), filter=Name.FlateDecode)

    return changed(write)


def cover(pdf: Pdf) -> None:
    # A white note lies over the corner where the id has to be seen.
    note = pdf.make_stream(b"1 g 0 0 300 60 re f", Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 300, 60])
    annotate(pdf, Subtype=Name.Stamp, AP=Dictionary(N=note), F=4).Rect = Array([0, 0, 300, 60])


def picture(packed: Callable[[bytes], bytes]) -> Make:
    """A page with letters and a picture whose data were packed and then damaged."""

    def draw(pdf: Pdf) -> None:
        odd.scan(pdf)
        page = pdf.pages[0].obj
        page.Contents.write(page.Contents.read_bytes() + b" " + LINES)
        pixels = page.Resources.XObject.Im0
        pixels.write(packed(zlib.compress(pixels.read_bytes())), filter=Name.FlateDecode)

    return changed(draw)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("契約書.pdf", saved(plain()))
    return out.getvalue()


def sealed_for_a_certificate() -> bytes:
    return saved(plain()).replace(b"trailer <<", b"trailer <</Encrypt <</Filter/Adobe.PubSec/V 4>>")


REFUSED: Mapping[Reason, Mapping[str, Make]] = {
    Reason.PDF_ENCRYPTED: {
        "password, RC4": encrypted("open", R=3, aes=False, metadata=False),
        "password, AES-128": encrypted("open", R=4),
        "password, AES-256": encrypted("open", R=6),
        "readable to a certificate": sealed_for_a_certificate,
    },
    Reason.PDF_RESTRICTED: {
        "restricted, RC4": encrypted("", R=3, aes=False, metadata=False),
        "restricted, AES-256": encrypted("", R=6),
    },
    Reason.PDF_SIGNED: {
        "signed": changed(signed),
        "signed, split field": changed(signed_below),
        "signed by a timestamp": changed(partial(signed, SubFilter=Name("/ETSI.RFC3161"))),
        "certified": changed(certified),
        "signed and scripted": changed(signed_and_scripted),
    },
    Reason.PDF_SIGNATURE_FIELDS: {
        "signature field": field("/Sig"),
        "signature field with a lock": field("/Sig", Lock=Dictionary(Action=Name.All)),
        "signature field without a form": annotation("/Widget", FT=Name.Sig),
    },
    Reason.PDF_XFA: {"XFA": changed(xfa), "XFA in parts": changed(xfa_in_parts)},
    Reason.PDF_SCRIPT: {
        "script by name": in_root(Names=Dictionary(JavaScript=Dictionary(Names=Array(["a", script()])))),
        "script in a field": changed(script_in_a_stream),
        "script on opening": in_root(OpenAction=script()),
        "script on saving": in_root(AA=Dictionary(WS=script())),
        "script on a page": on_page(AA=Dictionary(O=script())),
        "script in the outline": changed(script_in_the_outline),
        "script behind a link": action("/URI", URI="https://a.example", Next=script()),
        "script in a film": action("/Rendition", OP=0, JS="1"),
    },
    Reason.PDF_ACTIVE: {
        "launch": action("/Launch", F="calc.exe"),
        "launch, chained": action("/URI", Next=Array([Dictionary(S=Name.Launch, F="x")])),
        "launch on opening": in_root(OpenAction=Dictionary(S=Name.Launch, F="x")),
        "submit": action("/SubmitForm", F="https://a.example"),
        "import": action("/ImportData", F="a.fdf"),
        "go to an embedded file": action("/GoToE", T=Dictionary(R=Name.C)),
    },
    Reason.PDF_PORTFOLIO: {"portfolio": changed(portfolio)},
    Reason.PDF_EMBEDDED_FILES: {
        "attachment": changed(attach),
        "attachment on the page": annotation("/FileAttachment"),
        "associated file": changed(associate),
    },
    Reason.PDF_MEDIA: {
        "film": annotation("/Movie"),
        "sound": annotation("/Sound"),
        "screen": annotation("/Screen"),
        "rich media": annotation("/RichMedia"),
        "3D": annotation("/3D"),
        "rendition": action("/Rendition", OP=0),
        "sound on a click": action("/Sound"),
    },
    Reason.PDF_FORM: {
        "value nobody drew": field("/Tx", V="山田太郎"),
        "choice nobody drew": field("/Ch", V="請書", Opt=Array(["請書", "契約書"])),
        "tick nobody drew": field("/Btn", V=Name.Yes, AS=Name.Yes),
    },
    Reason.PDF_NO_PAGES: {
        "no pages": lambda: saved(pikepdf.new()),
        "pages that are none": changed(lambda pdf: setattr(pdf.Root.Pages, "Kids", Array([1, Name.A]))),
    },
    Reason.PDF_BROKEN: {
        "nothing": lambda: b"",
        "not a PDF": lambda: "契約書".encode() * 50,
        "a web page": lambda: b"<!DOCTYPE html><title>404</title>",
        "a ZIP": zipped,
        "a head alone": lambda: b"%PDF-1.7\n%%EOF\n",
        "cut off": lambda: (data := saved(plain(4)))[: len(data) * 2 // 3],
        "page tree loop": changed(loop),
        "unreadable content": changed(garble),
        "content cut off": deflated(lambda packed: packed[: len(packed) * 2 // 3]),
        "content damaged": deflated(lambda packed: packed[:150] + b"\xff" * 20 + packed[170:]),
    },
    Reason.PDF_TOO_BIG: {"too big": lambda: saved(plain()) + b"%" * LIMITS.max_bytes},
    Reason.PDF_TOO_MANY_PAGES: {"too many pages": lambda: saved(plain(LIMITS.max_pages + 1))},
    Reason.PDF_TINY_PAGE: {
        "tiny": lambda: saved(plain(size=(595, 60))),
        "tiny crop": on_page(CropBox=Array([0, 0, 10, 842])),
        "tiny unit": on_page(UserUnit=0.05),
    },
    Reason.PDF_UNSTAMPABLE: {
        # The unfinished string swallows everything after it.
        "string without end": content(LINES + b" BT (never closed "),
        "covered corner": changed(cover),
    },
}


# What is kept


def named_in_shift_jis() -> bytes:
    """Names as old programs wrote them, in the character set of the machine: in no way UTF-8."""
    name = "".join(f"#{byte:02x}" for byte in "ＭＳ明朝".encode("cp932"))

    def change(pdf: Pdf) -> None:
        element = pdf.make_indirect(Dictionary(S=Name.Name, K=0))
        pdf.Root.StructTreeRoot = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot, K=element))
        pdf.trailer.Info = Dictionary(Name="x", Author="村")
        page = pdf.pages[0].obj
        page.Resources.Properties = Dictionary(Name=Dictionary(Kind=Name.Name))
        annotate(pdf, Subtype=Name.Name)

    data = odd.made(change).replace(b"/Name", f"/{name}".encode())
    with Pdf.open(io.BytesIO(data)) as pdf:
        return saved(pdf)


def opens_with_a_jump(pdf: Pdf) -> None:
    pdf.Root.OpenAction = Array([pdf.pages[0].obj, Name.Fit])
    pdf.Root.AA = Dictionary()
    pdf.pages[0].obj.AA = Dictionary()


def usage_rights(pdf: Pdf) -> None:
    pdf.Root.Perms = Dictionary(UR3=Dictionary(Type=Name.Sig, ByteRange=Array([0, 1, 2, 3]), Contents=b"0"))


def drawn(pdf: Pdf, **entries: Any) -> None:
    with_field(pdf, FT=Name.Tx, V="山田太郎", AP=appearance(pdf, b"as drawn"), **entries)


def ticked(pdf: Pdf) -> None:
    tick = appearance(pdf, b"X").N
    with_field(pdf, FT=Name.Btn, V=Name.Yes, AS=Name.Yes, AP=Dictionary(N=Dictionary(Yes=tick)))


def orphan(pdf: Pdf) -> None:
    annotate(pdf, Subtype=Name.Widget, FT=Name.Tx, F=4, AP=appearance(pdf, b"orphan"))


def stale(pdf: Pdf) -> None:
    with_field(pdf, FT=Name.Tx, V="new value", AP=appearance(pdf, b"old value"))
    pdf.Root.AcroForm.NeedAppearances = True


def structured(pdf: Pdf) -> None:
    # An element of the structure may be of any type, one that is called like an action too.
    element = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.Sound, K=0))
    pdf.Root.StructTreeRoot = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot, K=element))
    pdf.Root.MarkInfo = Dictionary(Marked=True)


def inherited(pdf: Pdf) -> None:
    page, parent = pdf.pages[0].obj, pdf.Root.Pages
    for key in ("/MediaBox", "/Resources"):
        parent[key] = page[key]
        del page[key]
    parent.Rotate = 90


def without(*keys: str) -> Change:
    def change(pdf: Pdf) -> None:
        for key in keys:
            del pdf.pages[0].obj[key]

    return change


def split(pdf: Pdf) -> None:
    # ISO 32000-2, 7.8.2: parts are cut between tokens, and a stream may stand there twice.
    parts = [LINES[:20], LINES[20:], b"q", b"Q"]
    pdf.pages[0].obj.Contents = Array([pdf.make_stream(part) for part in parts])


def listed_twice(pdf: Pdf) -> None:
    pages = pdf.Root.Pages
    pages.Kids.append(pages.Kids[0])
    pages.Count = 2


def deep_tree() -> bytes:
    pdf = plain(3)
    top = pdf.Root.Pages
    middle = pdf.make_indirect(
        Dictionary(Type=Name.Pages, Kids=Array(list(top.Kids)[1:]), Count=2, Parent=top)
    )
    for kid in middle.Kids:
        kid.Parent = middle
    top.Kids = Array([top.Kids[0], middle])
    return saved(pdf)


def layered(pdf: Pdf) -> None:
    layer = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="下書き"))
    pdf.Root.OCProperties = Dictionary(OCGs=Array([layer]), D=Dictionary(OFF=Array([layer])))


def layered_scan(pdf: Pdf) -> None:
    odd.scan(pdf)
    layered(pdf)


def revised() -> bytes:
    """A file whose first revision had a script; the second one does without."""
    data = odd.made(lambda pdf: setattr(pdf.Root, "OpenAction", pdf.make_indirect(script())))
    number, body = next(
        (int(found[1]), found[2]) for found in re.finditer(rb"(\d+) 0 obj\n(<<.*?)\nendobj", data, re.DOTALL)
        if b"/Catalog" in found[2]
    )  # fmt: skip
    body = re.sub(rb"/OpenAction \d+ 0 R", b"", body)
    previous = int(re.findall(rb"startxref\n(\d+)", data)[-1])
    (size,) = re.findall(rb"/Size (\d+)", data)
    at, table = len(data), b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table += b"xref\n%d 1\n%010d 00000 n \ntrailer\n" % (number, at)
    table += b"<</Size %s/Root %d 0 R/Prev %d>>\nstartxref\n" % (size, number, previous)
    return data + table + b"%d\n%%%%EOF\n" % (at + table.index(b"xref\n"))


def root_in_the_trailer() -> bytes:
    return odd.raw({2: odd.PAGES, 3: odd.PAGE, 5: odd.CONTENT}, root=b"<</Type/Catalog/Pages 2 0 R>>")


KEPT: Mapping[tuple[Reason, ...], Mapping[str, Make]] = {
    (): {
        "plain": lambda: saved(plain()),
        "several pages": lambda: saved(plain(3)),
        "deep page tree": deep_tree,
        "a page listed twice": changed(listed_twice),
        # How the file is written
        "hybrid": odd.hybrid,
        "object streams": lambda: saved(plain(), object_stream_mode=ObjectStreamMode.generate),
        "linearized": lambda: saved(plain(3), linearize=True),
        "revised": revised,
        "rubbish before": lambda: b"Content-Type: x\r\n\r\n" + saved(plain()),
        "rubbish after": lambda: saved(plain()) + b"\0" * 500,
        "version 1.0": bytewise(rb"%PDF-1.\d", b"%PDF-1.0"),
        "version 2.0": bytewise(rb"%PDF-1.\d", b"%PDF-2.0"),
        "version of the catalogue": in_root(Version=Name("/1.4"), Extensions=Dictionary(ADBE=Dictionary())),
        "root in the trailer": root_in_the_trailer,
        "names in Shift_JIS": named_in_shift_jis,
        # What it says of itself
        "odd info": in_trailer(Info=Dictionary(Title=Array([1]), Author="村")),
        "info no dictionary": in_trailer(Info=String("odd")),
        "unparsable XMP": changed(
            lambda pdf: setattr(pdf.Root, "Metadata", pdf.make_stream(b"<x><y></x>", Type=Name.Metadata))
        ),
        "metadata no stream": in_root(Metadata=Name.None_),
        "odd id": in_trailer(ID=Array([1])),
        # What it would do
        "acts on opening": changed(opens_with_a_jump),
        "usage rights": changed(usage_rights),
        "empty portfolio": in_root(Collection=Dictionary()),
        "link to a web page": action("/URI", URI="https://mihon.example"),
        "link to another file": action("/GoToR", F="b.pdf"),
        "dangling validation data": in_root(DSS=Dictionary(Certs=Array())),
        # Forms and annotations
        "empty form": in_root(AcroForm=Dictionary(Fields=Array())),
        "form no dictionary": in_root(AcroForm=Array()),
        "fields no array": in_root(AcroForm=Dictionary(Fields=Name.Odd, SigFlags=3)),
        "drawn field": changed(drawn),
        "drawn field that no form knows": changed(orphan),
        "read-only field": changed(partial(drawn, Ff=1)),
        "Latin value that nobody drew": field("/Tx", V="12345 yen"),
        "empty field": field("/Tx"),
        "stale drawing": changed(stale),
        "tick": changed(ticked),
        "no tick": field("/Btn", V=Name.Off, AS=Name.Off),
        "/Annots no array": on_page(Annots=3),
        "/Annots with gaps": on_page(Annots=Array([None, 1, Name.A])),
        "comment": annotation("/Text", Contents="確認済み"),
        "annotation without a kind": changed(annotate),
        "structure": changed(structured),
        "structure no dictionary": in_root(StructTreeRoot=Array(), MarkInfo=1),
        # Pages
        "no content": content(b""),
        "no content entry": changed(without("/Contents")),
        "contents no stream": on_page(Contents=Dictionary()),
        "contents in parts": changed(split),
        "no resources": changed(without("/Resources")),
        "resources no dictionary": on_page(Resources=Array()),
        "inherited": changed(inherited),
        "box upside down": on_page(MediaBox=Array([595, 842, 0, 0])),
        "crop outside": on_page(CropBox=Array([900, 900, 1000, 1000])),
        "negative rotation": on_page(Rotate=-90),
        "odd rotation": on_page(Rotate=450),
        "crooked rotation": on_page(Rotate=37),
        "scaled": on_page(UserUnit=2.5),
        "a poster": on_page(MediaBox=Array([0, 0, 14400, 14400])),
        "surplus Q": content(LINES + b" Q Q Q"),
        "open q, text and layer": content(LINES + b" q q /OC /Hidden BDC BT"),
        "dark": content(b"0 g 0 0 595 842 re f 1 g " + LINES),
    },
    (Reason.PDF_DAMAGED,): {
        "no /Size": bytewise(rb"/Size \d+", b""),
        "wrong startxref": bytewise(rb"startxref\n\d+", b"startxref\n7"),
        "wrong stream length": bytewise(rb"/Length \d+", b"/Length 3"),
        "object without an end": bytewise(rb"endobj", b"endXbj", count=1),
        "line ends changed": bytewise(rb"\n", b"\r\n"),
        "rubbish after, more than readers bear": lambda: saved(plain()) + b"\n" * 3000 + b"%%EOF",
        "no box": changed(without("/MediaBox")),
        "box of words": on_page(MediaBox=Array([Name.A, 0, 595, 842])),
        "picture cut off": picture(lambda packed: packed[: len(packed) // 2]),
        "picture damaged": picture(lambda packed: packed[:500] + b"\xff" * 500 + packed[1000:]),
        "picture unreadable": picture(lambda _: b"this was never deflated"),
        "content without its sum": deflated(lambda packed: packed[:-3]),
    },
    (Reason.PDF_NO_TEXT,): {"scan": changed(odd.scan)},
    (Reason.PDF_LAYERS,): {"layers": changed(layered)},
    (Reason.PDF_LAYERS, Reason.PDF_NO_TEXT): {"layers over a scan": changed(layered_scan)},
}

ALL_REFUSED = {name: (reason, make) for reason, files in REFUSED.items() for name, make in files.items()}
ALL_KEPT = {name: (warnings, make) for warnings, files in KEPT.items() for name, make in files.items()}
