"""Damage of any kind, to any file of the corpus: a clean refusal or a file that can be sealed, never anything else."""

import asyncio
import io
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import PasswordError, Pdf, PdfError, StreamDecodeLevel

from envelopes.papers.desk import PRELOAD
from envelopes.rules.errors import Reason, Refused
from envelopes.sandbox import Limits, Sandbox
from tests.papers import corpus, odd
from tests.papers.fuzz import crashing, played

# What a child that raised something else than Refused, or died, is told apart by: no PDF gets this reason.
CRASHED = Reason.BYTES_DIFFER
LIMITS = Limits(cpu_seconds=10, memory_bytes=1024 * odd.MIB, wall_seconds=60, files=32)

TOKENS = [
    *(b"<<", b">>", b"[", b"]", b"(", b")", b"null", b"true", b"-1", b"1e40", b"999999999999", b"\xff\xfe"),
    *(b"1 0 R", b"2 0 R", b"3 0 R", b"endobj", b"stream\n", b"endstream", b"trailer", b"xref", b"/Kids", b"/Parent"),
    *(b"/Contents", b"/Type/XRef", b"/Length 99999", b"/Rotate 45", b"/UserUnit 1000000", b"/MediaBox[0 0 1e9 1e9]"),
    *(b"/Annots[3 0 R]", b"/Resources 3 0 R", b"/Filter/FlateDecode"),
]  # fmt: skip


Play = Callable[[Callable[[bytes], int], bytes], Reason | None]


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """Play a file in a child of one sandbox; returns the reason it was refused for."""
    box = Sandbox(preload=(*PRELOAD, "envelopes.signing.seal", "tests.papers.fuzz"))

    async def run(function: Callable[[bytes], int], data: bytes) -> Reason | None:
        try:
            await box.run(
                function, data, limits=LIMITS, on_crash=CRASHED, on_timeout=Reason.PDF_TOOK_TOO_LONG
            )
        except Refused as refused:
            return refused.reason
        return None

    with asyncio.Runner() as runner:
        runner.run(box.start())
        yield lambda function, data: runner.run(run(function, data))
        runner.run(box.close())


@cache
def files() -> list[bytes]:
    """The short files of the corpus, and each of them without packed streams, so that damage reaches the content."""
    made = [make() for _, make in (*corpus.ALL_KEPT.values(), *corpus.ALL_REFUSED.values())]
    short = [data for data in made if 0 < len(data) < 20_000]
    return [*short, *filter(None, map(_unpacked, short))]


def _unpacked(data: bytes) -> bytes | None:
    try:
        with Pdf.open(io.BytesIO(data)) as pdf:
            return odd.saved(pdf, compress_streams=False, stream_decode_level=StreamDecodeLevel.generalized)
    except (PdfError, PasswordError):
        return None


Damage = tuple[int, int, bytes]
# Where (in thousandths of the file), how many bytes are taken away, and what is put there instead.
damages = st.lists(
    st.tuples(
        st.integers(0, 999),
        st.sampled_from([0, 0, 1, 3, 20, 200, 100_000]),
        st.one_of(st.sampled_from(TOKENS), st.binary(max_size=4)),
    ),
    min_size=1,
    max_size=6,
)


def damaged(data: bytes, damage: list[Damage]) -> bytes:
    for place, length, instead in damage:
        at = len(data) * place // 1000
        data = data[:at] + instead + data[at + length :]
    return data


@settings(max_examples=80)
@given(st.integers(0, 1000), damages)
def test_damage_is_repaired_or_refused(play: Play, which: int, damage: list[Damage]) -> None:
    data = files()[which % len(files())]
    assert play(played, damaged(data, damage)) is not CRASHED


def test_an_error_in_a_child_is_told_apart(play: Play) -> None:
    good = odd.saved(odd.plain())
    assert play(played, good) is None
    assert play(crashing, good) is CRASHED
