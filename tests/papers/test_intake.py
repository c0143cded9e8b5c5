import io
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf

from envelopes.papers.intake import Received, receive
from envelopes.rules.errors import Reason, Refused
from tests.papers import odd

OTHER_ID = "MHN-5555-6666-7777-8888-9"
SMALL = replace(odd.LIMITS, max_bytes=100_000, max_pages=5)


def take(data: bytes) -> Received:
    return receive(data, certificate_id=odd.ID, limits=odd.LIMITS)


def reason_of(data: bytes) -> Reason:
    with pytest.raises(Refused) as caught:
        receive(data, certificate_id=odd.ID, limits=SMALL)
    return caught.value.reason


def qpdf_accepts(data: bytes, folder: Path) -> bool:
    path = folder / "file.pdf"
    path.write_bytes(data)
    return subprocess.run(["qpdf", "--check", path], capture_output=True, check=False).returncode == 0


def text_of(data: bytes, folder: Path) -> str:
    path = folder / "file.pdf"
    path.write_bytes(data)
    return subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True).stdout.decode()


def action(kind: str, **entries: Any) -> Callable[[Pdf], object]:
    return lambda pdf: odd.annotate(pdf, Subtype=Name.Link, A=Dictionary(S=Name(kind), **entries))


def embed(pdf: Pdf) -> None:
    pdf.attachments["数量表.csv"] = b"1,2"


def script_by_name(pdf: Pdf) -> None:
    pdf.Root.Names = Dictionary(
        JavaScript=Dictionary(Names=Array(["a", Dictionary(S=Name.JavaScript, JS="app.alert(1)")]))
    )


def script_in_a_field(pdf: Pdf) -> None:
    odd.with_field(
        pdf, FT=Name.Tx, AA=Dictionary(K=Dictionary(S=Name.JavaScript, JS=pdf.make_stream(b"event.value")))
    )


def portfolio(pdf: Pdf) -> None:
    embed(pdf)
    pdf.Root.Collection = Dictionary(Type=Name.Collection, View=Name.D)


def xfa(pdf: Pdf) -> None:
    odd.with_field(pdf, FT=Name.Tx)
    pdf.Root.AcroForm.XFA = pdf.make_stream(b"<xdp/>")


def signed(pdf: Pdf) -> None:
    odd.with_field(
        pdf, FT=Name.Sig, V=Dictionary(Type=Name.Sig, ByteRange=Array([0, 1, 2, 3]), Contents=b"0")
    )


def signed_below(pdf: Pdf) -> None:
    # The field type and the value stand in the parent, the widget on the page is its kid.
    signed(pdf)
    kid = pdf.Root.AcroForm.Fields[0]
    parent = pdf.make_indirect(Dictionary(FT=Name.Sig, T="parent", V=kid.V, Kids=Array([kid])))
    del kid.FT, kid.V
    kid.Parent = parent
    pdf.Root.AcroForm.Fields = Array([parent])


REFUSED_CHANGES: dict[str, tuple[Callable[[Pdf], object], Reason]] = {
    "signed": (signed, Reason.PDF_SIGNED),
    "signed, split field": (signed_below, Reason.PDF_SIGNED),
    "signature field": (lambda pdf: odd.with_field(pdf, FT=Name.Sig), Reason.PDF_SIGNATURE_FIELDS),
    "signature field without a form": (
        lambda pdf: odd.annotate(pdf, Subtype=Name.Widget, FT=Name.Sig),
        Reason.PDF_SIGNATURE_FIELDS,
    ),
    "XFA": (xfa, Reason.PDF_XFA),
    "script by name": (script_by_name, Reason.PDF_ACTIVE),
    "script in a field": (script_in_a_field, Reason.PDF_ACTIVE),
    "script on opening": (
        lambda pdf: pdf.Root.__setattr__("OpenAction", Dictionary(S=Name.JavaScript, JS="1")),
        Reason.PDF_ACTIVE,
    ),
    "launch": (action("/Launch", F="calc.exe"), Reason.PDF_ACTIVE),
    "submit": (action("/SubmitForm", F="https://a.example"), Reason.PDF_ACTIVE),
    "import": (action("/ImportData", F="a.fdf"), Reason.PDF_ACTIVE),
    "embedded go-to": (action("/GoToE", T=Dictionary(R=Name.C)), Reason.PDF_ACTIVE),
    "chained": (
        action("/URI", URI="https://a.example", Next=Dictionary(S=Name.Launch, F="x")),
        Reason.PDF_ACTIVE,
    ),
    "rendition": (action("/Rendition", OP=0), Reason.PDF_MEDIA),
    "attachment": (embed, Reason.PDF_EMBEDDED_FILES),
    "portfolio": (portfolio, Reason.PDF_EMBEDDED_FILES),
    "attachment on the page": (
        lambda pdf: odd.annotate(pdf, Subtype=Name.FileAttachment),
        Reason.PDF_EMBEDDED_FILES,
    ),
    "film": (lambda pdf: odd.annotate(pdf, Subtype=Name.Movie), Reason.PDF_MEDIA),
    "rich media": (lambda pdf: odd.annotate(pdf, Subtype=Name.RichMedia), Reason.PDF_MEDIA),
    "3D": (lambda pdf: odd.annotate(pdf, Subtype=Name("/3D")), Reason.PDF_MEDIA),
    "value nobody drew": (lambda pdf: odd.with_field(pdf, FT=Name.Tx, V="山田太郎"), Reason.PDF_FORM),
}


@pytest.mark.parametrize("name", REFUSED_CHANGES)
def test_what_only_the_sender_can_mend_is_refused(name: str) -> None:
    change, reason = REFUSED_CHANGES[name]
    assert reason_of(odd.made(change)) is reason


REFUSED_FILES: dict[str, tuple[Callable[[], bytes], Reason]] = {
    "needs a password": (lambda: odd.encrypted(user="open"), Reason.PDF_ENCRYPTED),
    "restricted": (lambda: odd.encrypted(user=""), Reason.PDF_RESTRICTED),
    "nothing": (lambda: b"", Reason.PDF_BROKEN),
    "not a PDF": (lambda: "契約書".encode() * 50, Reason.PDF_BROKEN),
    "no pages": (lambda: odd.saved(pikepdf.new()), Reason.PDF_NO_PAGES),
    "cut off": (lambda: (data := odd.saved(odd.plain(4)))[: len(data) * 2 // 3], Reason.PDF_BROKEN),
    "page tree loop": (lambda: odd.made(loop), Reason.PDF_BROKEN),
    "unreadable content": (lambda: odd.made(garble), Reason.PDF_BROKEN),
    "too big": (lambda: odd.saved(odd.plain()) + b"%" * 100_000, Reason.PDF_TOO_BIG),
    "too many pages": (lambda: odd.saved(odd.plain(6)), Reason.PDF_TOO_MANY_PAGES),
    "tiny": (lambda: odd.saved(odd.plain(size=(595, 60))), Reason.PDF_TINY_PAGE),
    "tiny crop": (lambda: odd.made(crop_tiny), Reason.PDF_TINY_PAGE),
}


def loop(pdf: Pdf) -> None:
    pages = pdf.Root.Pages
    pages.Kids.append(pages)
    pages.Count = 2


def garble(pdf: Pdf) -> None:
    pdf.pages[0].Contents.write(b"this was never deflated", filter=Name.FlateDecode)


def crop_tiny(pdf: Pdf) -> None:
    pdf.pages[0].obj.CropBox = Array([0, 0, 10, 842])


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_a_file_that_cannot_be_used_is_refused(name: str) -> None:
    make, reason = REFUSED_FILES[name]
    assert reason_of(make()) is reason


def bad_info(pdf: Pdf) -> None:
    pdf.trailer.Info = pdf.make_indirect(Dictionary(Title=Array([1]), Author="村"))


def info_is_text(pdf: Pdf) -> None:
    pdf.trailer.Info = pdf.make_indirect(pikepdf.String("odd"))


def opens_with_a_jump(pdf: Pdf) -> None:
    pdf.Root.OpenAction = Array([pdf.pages[0].obj, Name.Fit])
    pdf.Root.Perms = Dictionary(UR3=Dictionary(Type=Name.Sig))
    pdf.Root.AA = Dictionary()
    pdf.pages[0].obj.AA = Dictionary()


REPAIRED: dict[str, Callable[[], bytes]] = {
    "plain": lambda: odd.saved(odd.plain()),
    "hybrid": odd.hybrid,
    "object streams": lambda: odd.saved(odd.plain(), object_stream_mode=pikepdf.ObjectStreamMode.generate),
    "linearized": lambda: odd.saved(odd.plain(3), linearize=True),
    "no /Size": lambda: re.sub(rb"/Size \d+", b"", odd.saved(odd.plain())),
    "wrong startxref": lambda: re.sub(rb"startxref\n\d+", b"startxref\n7", odd.saved(odd.plain())),
    "rubbish before": lambda: b"Content-Type: x\r\n\r\n" + odd.saved(odd.plain()),
    "odd info": lambda: odd.made(bad_info),
    "info no dictionary": lambda: odd.made(info_is_text),
    "unparsable XMP": lambda: odd.made(
        lambda pdf: setattr(pdf.Root, "Metadata", pdf.make_stream(b"<x><y></x>", Type=Name.Metadata))
    ),
    "metadata no stream": lambda: odd.made(lambda pdf: setattr(pdf.Root, "Metadata", Name.None_)),
    "/Annots no array": lambda: odd.made(lambda pdf: setattr(pdf.pages[0].obj, "Annots", 3)),
    "acts on opening": lambda: odd.made(opens_with_a_jump),
    "empty portfolio": lambda: odd.made(lambda pdf: setattr(pdf.Root, "Collection", Dictionary())),
    "no content": lambda: odd.saved(odd.plain(content=b"")),
    "empty form": lambda: odd.made(lambda pdf: setattr(pdf.Root, "AcroForm", Dictionary(Fields=Array()))),
    "form no dictionary": lambda: odd.made(lambda pdf: setattr(pdf.Root, "AcroForm", Array())),
}


@pytest.mark.parametrize("name", REPAIRED)
def test_what_can_be_repaired_is_kept_in_one_form(name: str, tmp_path: Path) -> None:
    received = take(REPAIRED[name]())
    assert qpdf_accepts(received.data, tmp_path)
    assert "".join(odd.ID) in text_of(received.data, tmp_path)
    assert re.match(rb"%PDF-(1\.7|2\.0)\n", received.data)
    assert b"/ObjStm" not in received.data
    assert b"/XRefStm" not in received.data
    assert b"\nxref\n" in received.data
    with Pdf.open(io.BytesIO(received.data)) as pdf:
        gone = {"/OpenAction", "/AA", "/Perms", "/Collection", "/AcroForm"}
        assert not gone & set(pdf.Root.keys())
        assert all(isinstance(value, pikepdf.String) for value in pdf.docinfo.values())


def test_qpdf_is_a_witness_that_can_say_no(tmp_path: Path) -> None:
    good = take(odd.saved(odd.plain())).data
    assert qpdf_accepts(good, tmp_path)
    assert not qpdf_accepts(good.replace(b"endobj", b"endXbj", 1), tmp_path)


def test_a_hybrid_file_keeps_the_content_only_its_stream_knows(tmp_path: Path) -> None:
    assert b"/XRefStm" in odd.hybrid()
    assert "Contract for works" in text_of(take(odd.hybrid()).data, tmp_path)


def test_the_digest_and_page_count_are_of_what_is_kept() -> None:
    received = take(odd.saved(odd.plain(3)))
    assert received.pages == 3
    assert received.sha256 == sha256(received.data).hexdigest()


def test_the_same_file_gives_the_same_bytes() -> None:
    data = odd.saved(odd.plain(2))
    assert take(data) == take(data)


def test_a_kept_file_gets_a_new_id_that_can_be_read(tmp_path: Path) -> None:
    again = receive(take(odd.saved(odd.plain())).data, certificate_id=OTHER_ID, limits=odd.LIMITS)
    text = text_of(again.data, tmp_path)
    assert OTHER_ID in text
    assert odd.ID not in text


def test_a_drawn_field_becomes_content(tmp_path: Path) -> None:
    pdf = odd.plain()
    odd.with_field(pdf, FT=Name.Tx, V="山田太郎", AP=odd.appearance(pdf, b"as drawn"))
    data = take(odd.saved(pdf)).data
    assert "as drawn" in text_of(data, tmp_path)
    with Pdf.open(io.BytesIO(data)) as kept:
        assert not list(kept.pages[0].obj.get("/Annots", []))


def test_a_drawn_field_that_no_form_knows_becomes_content(tmp_path: Path) -> None:
    pdf = odd.plain()
    odd.annotate(pdf, Subtype=Name.Widget, FT=Name.Tx, F=4, AP=odd.appearance(pdf, b"orphan"))
    data = take(odd.saved(pdf)).data
    assert "orphan" in text_of(data, tmp_path)
    assert b"/Widget" not in data


def test_a_latin_value_without_a_drawing_is_drawn(tmp_path: Path) -> None:
    pdf = odd.plain()
    odd.with_field(pdf, FT=Name.Tx, V="12345 yen")
    assert "12345 yen" in text_of(take(odd.saved(pdf)).data, tmp_path)


def test_a_stale_drawing_is_replaced(tmp_path: Path) -> None:
    pdf = odd.plain()
    odd.with_field(pdf, FT=Name.Tx, V="new value", AP=odd.appearance(pdf, b"old value"))
    pdf.Root.AcroForm.NeedAppearances = True
    text = text_of(take(odd.saved(pdf)).data, tmp_path)
    assert "new value" in text
    assert "old value" not in text


def test_links_to_web_pages_stay() -> None:
    data = odd.made(action("/URI", URI="https://mihon.example"))
    with Pdf.open(io.BytesIO(take(data).data)) as pdf:
        assert str(pdf.pages[0].Annots[0].A.URI) == "https://mihon.example"


def test_a_scan_is_accepted_with_a_warning() -> None:
    pdf = odd.plain(2)
    odd.scan(pdf)
    assert take(odd.saved(pdf)).warnings == (Reason.PDF_NO_TEXT,)
    assert take(odd.saved(odd.plain(2))).warnings == ()


def test_a_stamp_that_cannot_be_seen_is_refused() -> None:
    # The unfinished string swallows everything after it, our stamp included.
    assert reason_of(odd.saved(odd.plain(content=LINE_WITHOUT_END))) is Reason.PDF_UNSTAMPABLE


LINE_WITHOUT_END = odd.LINES + b" BT (never closed "
