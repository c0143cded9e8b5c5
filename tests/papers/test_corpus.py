"""Every odd PDF of the corpus through the whole house: intake, preparation, two signatures, timestamp, verification."""

import datetime as dt
import re
import subprocess
from functools import partial
from hashlib import sha256
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from envelopes.papers.intake import Received, receive
from envelopes.rules.errors import Reason, Refused
from envelopes.signing import authority, seal
from envelopes.signing.seal import Entry, Seal
from envelopes.texts import say
from tests.papers import corpus, odd
from tests.papers.odd import LINES

FIELDS = ["Signer1", "Signer2"]
# Their drawings become content, so there is more to read than before.
FORMS = {
    "drawn field",
    "drawn field that no form knows",
    "read-only field",
    "Latin value that nobody drew",
    "stale drawing",
    "tick",
}
# pdfium finds nothing in them before they are repaired.
UNREADABLE = {"root in the trailer", "hybrid", "crop outside"}


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def sealer(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    folder = tmp_path_factory.mktemp("seal")
    authority.create(
        folder / "a",
        town="みほん村",
        public_url="http://a.example",
        now=now(),
        passphrase=b"p",
        key_type="p256",
    )
    return seal.embedded(folder / "a", passphrase=b"p", clock=now)


def take(data: bytes) -> Received:
    return receive(data, certificate_id=odd.ID, limits=corpus.LIMITS)


def sealed(sealer: Seal, data: bytes) -> bytes:
    """The finished file: prepared (with its throw-away signatures), signed by both, timestamped."""
    made = seal.prepare_planned(data, fields=FIELDS, now=now())
    whole = made.data
    entry = Entry(
        name="見本太郎",
        reason="試",
        location="",
        contact="",
        seen_sha256=sha256(made.data).hexdigest(),
        seen_length=len(made.data),
        consent_sha256=sha256(b"").hexdigest(),
        envelope_ref="",
        certificate_id=odd.ID,
    )
    for name in FIELDS:
        whole += sealer.sign(whole, field=name, entry=entry, plan=made.plan)
    return whole + sealer.timestamp(whole, plan=made.plan)


def texts(data: bytes) -> list[str]:
    """What pdfium reads on each page, without blanks and without our stamp."""
    with pypdfium2.PdfDocument(data) as document:
        read = ["".join(page.get_textpage().get_text_bounded().split()) for page in document]
    return [text.replace(f"締結証明書ID{odd.ID}", "") for text in read]


def test_the_corpus_is_large_enough() -> None:
    assert len(corpus.ALL_REFUSED) + len(corpus.ALL_KEPT) > 120


@pytest.mark.parametrize("name", corpus.ALL_REFUSED)
def test_what_only_the_sender_can_mend_is_refused(name: str) -> None:
    reason, make = corpus.ALL_REFUSED[name]
    with pytest.raises(Refused) as caught:
        take(make())
    assert caught.value.reason is reason
    assert "…" not in say(reason, **caught.value.details)


@pytest.mark.parametrize("name", corpus.ALL_KEPT)
def test_what_is_kept_can_be_sealed_and_says_the_same(name: str, sealer: Seal, tmp_path: Path) -> None:
    warnings, make = corpus.ALL_KEPT[name]
    given = make()
    kept = take(given)
    assert kept.warnings == warnings
    _assert_one_form(kept.data)
    _assert_same_pages(name, given, kept)
    finished = sealed(sealer, kept.data)
    report = sealer.verify(finished)
    assert report.valid
    assert (len(report.signatures), len(report.timestamps)) == (2, 1)
    path = tmp_path / "file.pdf"
    path.write_bytes(finished)
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _assert_one_form(data: bytes) -> None:
    """The file is written in the one way that revisions can be appended to."""
    assert re.match(rb"%PDF-(1\.7|2\.0)\n", data)
    assert b"\nxref\n" in data
    assert b"/ObjStm" not in data
    assert b"/XRefStm" not in data
    assert b"/Widget" not in data


def _assert_same_pages(name: str, given: bytes, kept: Received) -> None:
    after = texts(kept.data)
    assert kept.pages == len(after)
    if name in UNREADABLE:
        return
    before = texts(given)
    if name in FORMS:
        assert len(before) == len(after)
        assert all(old in new for old, new in zip(before, after, strict=True))
    else:
        assert before == after


# What can be done to one and the same file, and harms none of it.
CHANGES: dict[str, corpus.Change] = {
    name: make.args[0]
    for name, (warnings, make) in corpus.ALL_KEPT.items()
    if isinstance(make, partial) and not warnings and name not in FORMS | UNREADABLE
}


@settings(max_examples=12)
@given(
    names=st.lists(st.sampled_from(sorted(CHANGES)), min_size=2, max_size=6, unique=True),
    pages=st.integers(1, 4),
    words=st.text("abcXYZ 0189", max_size=40),
)
def test_oddities_come_together(sealer: Seal, names: list[str], pages: int, words: str) -> None:
    pdf = odd.plain(pages, content=LINES + b" BT /F1 9 Tf 72 300 Td (%b) Tj ET" % words.encode())
    for name in names:
        try:
            CHANGES[name](pdf)
        except (KeyError, TypeError, AttributeError):
            reject()  # what one of them took away, the other wanted to change
    data = odd.saved(pdf)
    kept = take(data)
    _assert_one_form(kept.data)
    assert (kept.pages, texts(kept.data)) == (len(texts(data)), texts(data))
    assert sealer.verify(sealed(sealer, kept.data)).valid


def test_a_page_with_an_error_in_its_text_is_found_out() -> None:
    assert texts(odd.saved(odd.plain())) != texts(odd.saved(odd.plain(content=b"BT /F1 9 Tf (other) Tj ET")))


def test_every_reason_about_a_pdf_has_a_file() -> None:
    about = {reason for reason in Reason if reason.value.startswith("pdf-")}
    warned = {reason for warnings in corpus.KEPT for reason in warnings}
    # These two depend on time and on the writer: `test_desk` and `test_seal` have them.
    assert about - set(corpus.REFUSED) - warned == {Reason.PDF_TOOK_TOO_LONG, Reason.PDF_UNSEALABLE}
