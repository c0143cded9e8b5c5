"""No file is lost in any tree of parts, and nothing that is packed, damaged or hostile does more than be refused."""

import pickle
from itertools import count
from quopri import encodestring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import unpack
from bot.parse import ParsedMail, parse
from envelopes.rules.errors import Reason, Refused
from tests.bot import packed
from tests.bot.mails import CRLF, headers, mail, multipart, part, text

LIMIT = 10_000_000
MEMBERS = {"契約書①.pdf": b"%PDF-1.7 a", "図/図面.pdf": b"%PDF-1.7 b", "x.txt": b"words" * 50}
SAMPLES = {
    "zip": packed.zipped(MEMBERS),
    "zip of Windows": packed.zipped(MEMBERS, charset="cp932"),
    "bomb": packed.bomb(3_000_000),
    "tnef": packed.winmail(MEMBERS),
    "signed": packed.signed(multipart(b"mixed", text("本文"), part(b"%PDF-1.7 a"))),
}
OPENED = {Reason.ARCHIVE_BROKEN, Reason.ARCHIVE_ENCRYPTED, Reason.ARCHIVE_TOO_BIG}


# Any well-formed tree


class Planter:
    """Makes files that can be told apart, and keeps what it made."""

    def __init__(self) -> None:
        self.planted: list[bytes] = []
        self._numbers = count()

    def file(self, draw: st.DrawFn) -> bytes:
        """One PDF, sent in one of the ways."""
        data = b"%%PDF-1.7 number %d" % next(self._numbers)
        self.planted.append(data)
        way = draw(st.sampled_from(["attachment", "inline", "unnamed", "quoted", "zip", "tnef"]))
        name = draw(st.text(max_size=12)) + ".pdf"
        disposition = b'Content-Disposition: attachment; filename="k.pdf"'
        match way:
            case "inline":
                return part(data, disposition.replace(b"attachment", b"inline"), b"Content-ID: <1@x>")
            case "unnamed":
                return part(data, content_type=b"text/plain")
            case "quoted":
                head = (b"Content-Type: x/y", disposition, b"Content-Transfer-Encoding: quoted-printable")
                return CRLF.join((*head, b"", encodestring(data)))
            case "zip":
                safe = name.encode("utf-8", "ignore").decode().replace("\0", "") or "k"
                return part(
                    packed.zipped({f"{safe}.pdf": data}), disposition, content_type=b"application/zip"
                )
            case "tnef":
                return part(packed.winmail({"k.pdf": data}), content_type=b"application/ms-tnef")
            case _:
                return part(data, disposition)

    def entity(self, draw: st.DrawFn, levels: int) -> bytes:  # noqa: PLR0911 -- one a kind
        """A leaf, parts, a forward or a signed mail, at most *levels* deep."""
        kind = draw(
            st.sampled_from(["file", "file", "text", "html", "parts", "forward", "encoded", "signed"])
        )
        if levels == 0 or kind == "file":
            return self.file(draw)
        match kind:
            case "text":
                return text(draw(st.text(alphabet="あいう\n: ", max_size=20)))
            case "html":
                return text('<p>x<img src="cid:1@x">', b"html")
            case "forward":
                return (
                    b"Content-Type: message/rfc822" + CRLF + CRLF + headers() + self.entity(draw, levels - 1)
                )
            case "encoded":
                return part(headers() + self.entity(draw, levels - 1), content_type=b"message/rfc822")
            case "signed":
                inner = packed.signed(self.entity(draw, levels - 1))
                return part(inner, content_type=b"application/pkcs7-mime; smime-type=signed-data")
            case _:
                return self.parts(draw, levels)

    def parts(self, draw: st.DrawFn, levels: int) -> bytes:
        subtype = draw(st.sampled_from([b"mixed", b"related", b"alternative", b"signed", b"x-unknown"]))
        below = [self.entity(draw, levels - 1) for _ in range(draw(st.integers(1, 3)))]
        return multipart(subtype, *below, boundary=b"b%d" % next(self._numbers))


@st.composite
def trees(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A mail, and every file that is somewhere in it."""
    planter = Planter()
    return mail(planter.parts(draw, 4)), planter.planted


@settings(max_examples=300)
@given(trees())
def test_every_file_of_any_tree_is_found(tree: tuple[bytes, list[bytes]]) -> None:
    raw, planted = tree
    found = [one.data for one in parse(raw, decoded_limit=LIMIT).attachments]
    assert sorted(data for data in found if data.startswith(b"%PDF-")) == sorted(planted)


def test_a_file_that_is_not_found_would_be_seen() -> None:
    raw = mail(multipart(b"mixed", part(b"%PDF-1.7 number 0")))
    assert [one.data for one in parse(raw, decoded_limit=LIMIT).attachments] != []
    assert parse(raw.replace(b"JVBERi0", b"JVBERj0"), decoded_limit=LIMIT).attachments[0].is_pdf is False


# Damage


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A packed file in which some bytes are others, or that ends early."""
    whole = bytearray(SAMPLES[draw(st.sampled_from(sorted(SAMPLES)))])
    for place in draw(st.lists(st.integers(0, len(whole) - 1), max_size=10)):
        whole[place] = draw(st.integers(0, 255))
    return bytes(whole[: draw(st.integers(0, len(whole)))])


def check(found: ParsedMail) -> None:
    assert pickle.loads(pickle.dumps(found)) == found
    for one in found.attachments:
        assert one.name
        assert not set(one.name) & set("\r\n\x00/\\")
        one.name.encode()
        assert one.problem in {None, Reason.MAIL_UNREADABLE, *OPENED}


@settings(max_examples=400)
@given(damaged(), st.sampled_from([b"application/zip", b"application/ms-tnef", b"application/pkcs7-mime"]))
def test_damaged_packed_files_are_opened_or_kept(data: bytes, content_type: bytes) -> None:
    raw = mail(multipart(b"mixed", text("x"), part(data, content_type=content_type)))
    check(parse(raw, decoded_limit=LIMIT))


@settings(max_examples=300)
@given(
    st.sampled_from([b"", b"PK\x03\x04", b"\x78\x9f\x3e\x22", b"\x30\x80", b"\x30\x82"]),
    st.binary(max_size=400),
)
def test_any_bytes_are_opened_or_refused(head: bytes, data: bytes) -> None:
    for opened in (lambda raw: unpack.unzipped(raw, most=LIMIT), unpack.untnef):
        try:
            opened(head + data)
        except Refused as refused:
            assert refused.reason in OPENED  # noqa: PT017
    unpack.signed_content(head + data, most=LIMIT)


@pytest.mark.parametrize(
    "name", ["a\r\nBcc: x@evil.example", "..\\..\\evil.pdf", "/etc/passwd", "a\x00b.pdf", "\u202efdp.exe"]
)
def test_names_in_archives_are_names_of_files(name: str) -> None:
    for data in (packed.zipped({name: b"x"}), packed.winmail({name: b"x"})):
        found = parse(mail(multipart(b"mixed", part(data))), decoded_limit=LIMIT)
        check(found)
        assert not found.attachments[0].name.startswith((".", "etc"))


@pytest.mark.timeout(60)
def test_a_winmail_of_a_million_pieces_is_read_in_time() -> None:
    head, piece = b"\x78\x9f\x3e\x22\x01\x00", b"\x02\x02\x90\x06\x00" + bytes(6)
    unpack.untnef(head + piece * 1_000_000)
    claims = b"\x02\x05\x90\x06\x00\x08\x00\x00\x00\xff\xff\xff\x7f\x1e\x00\x01\x30" + bytes(2)
    unpack.untnef(head + piece + claims)


@pytest.mark.timeout(60)
def test_an_archive_that_lies_about_its_size_is_cut_off() -> None:
    bomb = bytearray(packed.bomb(50_000_000))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = bomb.find(mark) + offset
        bomb[place : place + 4] = (10).to_bytes(4, "little")
    with pytest.raises(Refused) as refusal:
        unpack.unzipped(bytes(bomb), most=LIMIT)
    assert refusal.value.reason in OPENED
