"""What somebody does to a signed PDF so that it says something else: each takes a file and returns another."""

import re
from collections.abc import Callable, Mapping
from io import BytesIO

from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NullObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject

from tests.signing import witnesses
from tests.signing.witnesses import Embedded

Attack = Callable[[bytes], bytes]


def appended(change: Callable[[IncrementalPdfFileWriter], None]) -> Attack:
    """Make *change* in an honest incremental update behind the end."""

    def attack(data: bytes) -> bytes:
        stream = BytesIO(data)
        writer = IncrementalPdfFileWriter(stream)
        change(writer)
        writer.write_in_place()
        return stream.getvalue()

    return attack


def _page(writer: IncrementalPdfFileWriter) -> DictionaryObject:
    """Return the first page, which will be written anew."""
    reference, _ = writer.find_page_for_modification(0)
    writer.mark_update(reference)
    return reference.get_object()


def add_page(writer: IncrementalPdfFileWriter) -> None:
    content = writer.add_object(StreamObject(stream_data=b"0 0 99 99 re f"))
    writer.insert_page(
        PageObject(contents=content, media_box=ArrayObject(map(NumberObject, (0, 0, 595, 842))))
    )


def remove_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    del pages["/Kids"][1]
    pages[NameObject("/Count")] = NumberObject(1)
    writer.update_container(pages["/Kids"])
    writer.update_container(pages)


def paint_over(writer: IncrementalPdfFileWriter) -> None:
    page = _page(writer)
    over = writer.add_object(StreamObject(stream_data=b"1 g 0 0 595 842 re f"))
    page[NameObject("/Contents")] = ArrayObject([page.raw_get("/Contents"), over])


def add_note(writer: IncrementalPdfFileWriter) -> None:
    note = {
        "/Type": NameObject("/Annot"),
        "/Subtype": NameObject("/FreeText"),
        "/Rect": ArrayObject(map(NumberObject, (50, 50, 300, 90))),
        "/Contents": TextStringObject("金額は2倍とする"),
        "/DA": TextStringObject("/Helv 12 Tf 0 g"),
    }
    made = writer.add_object(DictionaryObject({NameObject(key): value for key, value in note.items()}))
    writer.register_annotation(writer.find_page_for_modification(0)[0], made)


def turn_page(writer: IncrementalPdfFileWriter) -> None:
    _page(writer)[NameObject("/Rotate")] = NumberObject(180)


def shrink_page(writer: IncrementalPdfFileWriter) -> None:
    _page(writer)[NameObject("/CropBox")] = ArrayObject(map(NumberObject, (0, 0, 72, 72)))


def run_script(writer: IncrementalPdfFileWriter) -> None:
    action = {
        NameObject("/S"): NameObject("/JavaScript"),
        NameObject("/JS"): TextStringObject("app.alert(1)"),
    }
    writer.root[NameObject("/OpenAction")] = DictionaryObject(action)
    writer.update_root()


def drop_last_field(writer: IncrementalPdfFileWriter) -> None:
    """The newest signature or timestamp is no longer in the form."""
    form = writer.root["/AcroForm"]
    del form["/Fields"][-1]
    writer.update_container(form["/Fields"])
    writer.update_container(form)


def empty_first_field(writer: IncrementalPdfFileWriter) -> None:
    """The first signer has not signed after all."""
    field = writer.root["/AcroForm"]["/Fields"][0]
    del field["/V"]
    writer.update_container(field)


def exchange_values(writer: IncrementalPdfFileWriter) -> None:
    """Each of the first two fields has the other's signature."""
    fields = writer.root["/AcroForm"]["/Fields"]
    one, two = fields[0], fields[1]
    first, second = one.raw_get("/V"), two.raw_get("/V")
    one[NameObject("/V")], two[NameObject("/V")] = second, first
    writer.update_container(one)
    writer.update_container(two)


def rewrite_signature(writer: IncrementalPdfFileWriter) -> None:
    """A signature's dictionary names another signer; its signed bytes are untouched."""
    value = writer.root["/AcroForm"]["/Fields"][0]["/V"]
    value[NameObject("/Name")] = TextStringObject("別の会社")
    writer.update_container(value)


def forget_form(writer: IncrementalPdfFileWriter) -> None:
    writer.root[NameObject("/AcroForm")] = NullObject()
    writer.update_root()


# Bytes


def flip_page(data: bytes) -> bytes:
    return data.replace(b"(0) Tj", b"(9) Tj", 1)


def cut(data: bytes) -> bytes:
    return data[: -len(data) // 3]


def put_before(data: bytes) -> bytes:
    return b"% surplus\n" + data


def put_behind(data: bytes) -> bytes:
    return data + b"% surplus\n"


def hide_last_revision(data: bytes) -> bytes:
    """A new end that points past the newest revision, to the one before."""
    starts = [int(one) for one in re.findall(rb"startxref\s+(\d+)", data)]
    trailer = data[data.rindex(b"trailer") : data.rindex(b"startxref")]
    trailer = re.sub(rb"/Prev \d+", b"/Prev %d" % starts[-2], trailer)
    return data + b"xref\n0 0\n" + trailer + b"startxref\n%d\n%%%%EOF\n" % len(data)


def blank_contents(data: bytes) -> bytes:
    """The last signature or token is nothing but zeros."""
    _, start, end, _ = witnesses.embedded(data)[-1].byte_range
    return data[: start + 1] + b"0" * (end - start - 2) + data[end - 1 :]


def widen_hole(data: bytes) -> bytes:
    """The first signature covers less than its revision."""
    first = witnesses.embedded(data)[0].byte_range
    said = b"[%d %d %d %d]" % first
    return data.replace(said, (b"[%d %d %d %d]" % (*first[:3], first[3] - 10)).ljust(len(said)), 1)


def exchange_contents(data: bytes) -> bytes:
    """The first two signatures in each other's place."""
    one, two = witnesses.signatures(data)[:2]
    return _with_contents(_with_contents(data, one, two.contents), two, one.contents)


def contents_of(other: bytes) -> Attack:
    """The first signature is that of another contract."""

    def attack(data: bytes) -> bytes:
        return _with_contents(data, witnesses.signatures(data)[0], witnesses.signatures(other)[0].contents)

    return attack


def tails_of(other: bytes) -> Attack:
    """All that stands behind the prepared file is that of another contract."""

    def attack(data: bytes) -> bytes:
        return data[: _prepared(data)] + other[_prepared(other) :]

    return attack


def _prepared(data: bytes) -> int:
    found = re.search(rb"/FUKN_SeenLength (\d+)", data)
    assert found is not None
    return int(found[1])


def _with_contents(data: bytes, place: Embedded, contents: bytes) -> bytes:
    _, start, end, _ = place.byte_range
    room = end - start - 2
    return data[: start + 1] + contents.hex().encode().ljust(room, b"0") + data[end - 1 :]


CHANGES: Mapping[str, Attack] = {
    "a page is added": appended(add_page),
    "a page is removed": appended(remove_page),
    "a page is painted over": appended(paint_over),
    "a note is put on a page": appended(add_note),
    "a page is turned": appended(turn_page),
    "a page is cropped": appended(shrink_page),
    "a script is run at opening": appended(run_script),
    "the last field is dropped": appended(drop_last_field),
    "the first field is emptied": appended(empty_first_field),
    "two fields exchange their values": appended(exchange_values),
    "a signature names somebody else": appended(rewrite_signature),
    "the form is forgotten": appended(forget_form),
    "a byte on a page is another": flip_page,
    "a third is cut off": cut,
    "bytes are put before": put_before,
    "bytes are put behind": put_behind,
    "the last revision is hidden": hide_last_revision,
    "the last contents are blank": blank_contents,
    "a byte range is shortened": widen_hole,
    "two signatures are exchanged": exchange_contents,
}
