"""What a Word or Excel file is, and what is said of one that cannot be opened."""

import io
from pathlib import Path

import olefile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envelopes.papers.office import Format, Office, examine
from envelopes.rules.errors import Reason, Refused
from tests.papers import office as samples


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of the old formats, and of the open ones."""
    folder = tmp_path_factory.mktemp("office")
    word, excel = samples.word(fonts=()), samples.excel()
    return {
        "doc": samples.made_by_office(word, "k.docx", "doc", folder),
        "odt": samples.made_by_office(word, "k.docx", "odt", folder),
        "xls": samples.made_by_office(excel, "u.xlsx", "xls", folder),
    }


def refused(data: bytes, name: str) -> Reason:
    with pytest.raises(Refused) as refusal:
        examine(data, name)
    return refusal.value.reason


def test_files_are_known_by_their_content(old: dict[str, bytes]) -> None:
    assert examine(samples.word(), "見積.dat") == Office(format=Format.DOCX)
    assert examine(samples.excel(), "契約書.docx") == Office(format=Format.XLSX)
    assert examine(samples.rtf(), "契約書.doc") == Office(format=Format.RTF)
    assert {name: examine(data, "x").format for name, data in old.items()} == {
        "doc": Format.DOC,
        "odt": Format.ODT,
        "xls": Format.XLS,
    }


def test_changes_that_nobody_accepted_are_seen() -> None:
    assert examine(samples.word(changed=True), "k.docx").warnings == (Reason.OFFICE_CHANGES,)
    assert examine(samples.word(), "k.docx").warnings == ()


@pytest.mark.parametrize("data", [samples.word(), samples.excel()])
def test_a_password_on_a_new_file_is_seen(data: bytes) -> None:
    assert refused(samples.locked(data), "k.docx") is Reason.OFFICE_ENCRYPTED


def altered(data: bytes, stream: str, place: int, value: bytes, folder: Path) -> bytes:
    """An old file, some bytes of one stream changed."""
    path = folder / "k.ole"
    path.write_bytes(data)
    with olefile.OleFileIO(path, write_mode=True) as compound:
        with compound.openstream(stream) as opened:
            whole = bytearray(opened.read())
        whole[place : place + len(value)] = value
        compound.write_stream(stream, bytes(whole))
    return path.read_bytes()


def test_a_password_on_an_old_file_is_seen(old: dict[str, bytes], tmp_path: Path) -> None:
    word = old["doc"]
    with olefile.OleFileIO(io.BytesIO(word)) as compound, compound.openstream("WordDocument") as stream:
        flags = stream.read(12)[11]
    assert refused(altered(word, "WordDocument", 11, bytes([flags | 1]), tmp_path), "k.doc") is (
        Reason.OFFICE_ENCRYPTED
    )
    excel = old["xls"]
    with olefile.OleFileIO(io.BytesIO(excel)) as compound, compound.openstream("Workbook") as stream:
        second = 4 + int.from_bytes(stream.read(4)[2:], "little")
    assert refused(altered(excel, "Workbook", second, b"\x2f\x00", tmp_path), "k.xls") is (
        Reason.OFFICE_ENCRYPTED
    )


def test_a_password_on_an_open_document_is_seen() -> None:
    mimetype = b"application/vnd.oasis.opendocument.text"
    manifest = b'<manifest:file-entry><manifest:encryption-data manifest:checksum=""/></manifest:file-entry>'
    sealed = samples.package(mimetype=mimetype, **{"META-INF/manifest__xml": manifest})
    assert refused(sealed, "k.odt") is Reason.OFFICE_ENCRYPTED
    plain = samples.package(mimetype=mimetype, **{"META-INF/manifest__xml": b"<manifest/>"})
    assert examine(plain, "k.odt").format is Format.ODT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 and nothing more",
        samples.word()[:-200],
        olefile.MAGIC + bytes(100),
        b"<html><table></table></html>",
        samples.package(**{"[Content_Types]__xml": b"<Types/>"}),
    ],
)
def test_what_cannot_be_opened_is_broken_if_it_says_to_be_office(data: bytes) -> None:
    assert refused(data, "内訳.XLSX") is Reason.OFFICE_BROKEN
    assert refused(data, "内訳.jww") is Reason.FILE_TYPE


def test_slides_and_other_packages_are_no_documents() -> None:
    types = b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
    assert refused(samples.package(**{"[Content_Types]__xml": types}), "説明.pptx") is Reason.FILE_TYPE
    assert refused(samples.package(k__txt=b"x"), "k.zip") is Reason.FILE_TYPE


@settings(max_examples=200)
@given(
    st.sampled_from([b"", b"PK\x03\x04", olefile.MAGIC, b"{\\rtf"]),
    st.binary(max_size=3000),
    st.text(max_size=9),
)
def test_any_bytes_are_examined_or_refused(head: bytes, data: bytes, name: str) -> None:
    answers(head + data, name)


WHOLE = {"docx": samples.word(fonts=()), "locked": samples.locked(samples.excel())}


@settings(max_examples=200)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damaged_files_are_examined_or_refused(which: str, data: st.DataObject) -> None:
    whole = bytearray(WHOLE[which])
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=12)):
        whole[place] = data.draw(st.integers(0, 255))
    answers(bytes(whole[: data.draw(st.integers(0, len(whole)))]), "k.docx")


def answers(data: bytes, name: str) -> None:
    try:
        assert isinstance(examine(data, name), Office)
    except Refused as refusal:
        assert refusal.reason in {  # noqa: PT017
            Reason.FILE_TYPE,
            Reason.FILE_MESSAGE,
            Reason.OFFICE_BROKEN,
            Reason.OFFICE_ENCRYPTED,
        }
