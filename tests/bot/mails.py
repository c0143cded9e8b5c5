"""Mails built as bytes, as mailers write them and as forgers do."""

import base64

CRLF = b"\r\n"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00"


def cp50221(text: str) -> bytes:
    """What Outlook labels ISO-2022-JP: rows of NEC and IBM inside ESC $ B."""
    out, double = b"", False
    for character in text:
        if character.isascii():
            out += (b"\x1b(B" if double else b"") + character.encode()
            double = False
            continue
        lead, trail = character.encode("cp932")
        row = (lead - (0x71 if lead < 0xA0 else 0xB1)) * 2 + 1
        if trail >= 0x9F:
            row, cell = row + 1, trail - 0x7E
        else:
            cell = trail - (0x20 if trail > 0x7F else 0x1F)
        out += (b"" if double else b"\x1b$B") + bytes((row, cell))
        double = True
    return out + (b"\x1b(B" if double else b"")


def word(charset: str, data: bytes) -> bytes:
    """One encoded word of RFC 2047."""
    return b"=?" + charset.encode() + b"?B?" + base64.b64encode(data) + b"?="


def headers(*lines: bytes, sender: bytes = b"staff@mihon.example") -> bytes:
    """A head with From and whatever *lines* say, ready for more headers or an empty line."""
    return CRLF.join((b"From: " + sender, b"MIME-Version: 1.0", *lines)) + CRLF


def letter(body: bytes, *, content_type: bytes = b"text/plain", encoding: bytes = b"8bit") -> bytes:
    """A mail that is one text."""
    return headers(b"Content-Type: " + content_type, b"Content-Transfer-Encoding: " + encoding) + CRLF + body


def part(data: bytes, *lines: bytes, content_type: bytes = b"application/pdf") -> bytes:
    """A leaf in base64."""
    head = (b"Content-Type: " + content_type, *lines, b"Content-Transfer-Encoding: base64")
    return CRLF.join(head) + CRLF + CRLF + base64.encodebytes(data).replace(b"\n", CRLF)


def text(words: str, subtype: bytes = b"plain") -> bytes:
    """A leaf of text in UTF-8."""
    return b"Content-Type: text/" + subtype + b"; charset=utf-8" + CRLF + CRLF + words.encode() + CRLF


def multipart(subtype: bytes, *parts: bytes, boundary: bytes = b"b", more: bytes = b"") -> bytes:
    """A multipart entity of *parts*."""
    head = b"Content-Type: multipart/" + subtype + b'; boundary="' + boundary + b'"' + more + CRLF + CRLF
    body = b"".join(b"--" + boundary + CRLF + one + CRLF for one in parts)
    return head + body + b"--" + boundary + b"--" + CRLF


def mail(entity: bytes, *lines: bytes) -> bytes:
    """A mail whose content is *entity*."""
    return headers(*lines) + entity


def with_file(disposition: bytes, content_type: bytes = b"application/pdf", data: bytes = PDF) -> bytes:
    """A mail with one file described by raw header values."""
    lines = (b"Content-Disposition: " + disposition,) if disposition else ()
    return mail(multipart(b"mixed", text("本文"), part(data, *lines, content_type=content_type)))
