"""Conversion by a container: what crosses the socket, and what neither side believes of the other."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from envelopes.papers import office_door
from envelopes.papers.convert import OfficeLimits, installed
from envelopes.papers.office import Format
from envelopes.papers.office_door import NetworkInReach, Remote, answers, served
from envelopes.rules.errors import Later, Reason, Refused
from tests.papers import office as samples

LIMITS = OfficeLimits(wall_seconds=60, memory_bytes=4 << 30, pdf_bytes=40_000_000, at_once=2)
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Echo:
    """Gives back what it got, or refuses for the reason that it got."""

    async def pdf(self, data: bytes, format_: Format) -> bytes:
        if data.startswith(b"refuse "):
            raise Refused(Reason(data.removeprefix(b"refuse ").decode()))
        return b"%PDF-" + format_.encode() + data


@pytest.fixture
def door(tmp_path: Path) -> Path:
    return tmp_path / "office.sock"


async def test_documents_and_refusals_cross(door: Path) -> None:
    async with served(door, Echo(), most=1_000_000):
        assert await answers(door)
        remote = Remote(path=door, limits=LIMITS)
        both = await asyncio.gather(remote.pdf(b"a" * 900_000, Format.DOCX), remote.pdf(b"b", Format.XLS))
        assert both == [b"%PDF-docx" + b"a" * 900_000, b"%PDF-xlsb"]
        with pytest.raises(Refused) as refusal:
            await remote.pdf(b"refuse office-took-too-long", Format.DOCX)
        assert refusal.value.reason is Reason.OFFICE_TOOK_TOO_LONG


async def test_where_nobody_answers_it_is_tried_again(door: Path) -> None:
    with pytest.raises(Later):
        await Remote(path=door, limits=LIMITS).pdf(b"x", Format.DOCX)
    assert not await answers(door)


@asynccontextmanager
async def liar(door: Path, said: bytes) -> AsyncIterator[Remote]:
    """Somebody at the socket who says *said* to everything."""

    async def lie(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(lie, door):
        yield Remote(path=door, limits=replace(LIMITS, pdf_bytes=1000))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\n",
        b"[]\n",
        b"7\n",
        b'{"length": "x"}\n',
        b'{"length": 9}\nabc',
        b'{"reason": "no-such"}\n',
        b"x" * 5000,
    ],
)
async def test_an_answer_without_sense_is_no_fault_of_the_document(door: Path, said: bytes) -> None:
    async with liar(door, said) as remote:
        with pytest.raises(Later):
            await remote.pdf(b"x", Format.DOCX)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"reason": "role-missing"}, Reason.OFFICE_BROKEN),
        ({"length": 1001}, Reason.PDF_TOO_BIG),
        ({"length": -1}, Reason.PDF_TOO_BIG),
    ],
)
async def test_an_answer_may_not_say_more_than_it_should(
    door: Path, said: dict[str, object], reason: Reason
) -> None:
    async with liar(door, json.dumps(said).encode() + b"\n") as remote:
        with pytest.raises(Refused) as refusal:
            await remote.pdf(b"x", Format.DOCX)
        assert refusal.value.reason is reason


@pytest.mark.parametrize(
    "asked",
    [
        b"",
        b"\n",
        b"[]\n",
        b"x" * 5000,
        b'{"format": "exe", "length": 1}\nx',
        b'{"format": "doc", "length": 99}\nx',
        b'{"format": "doc", "length": 999999999}\n',
        b'{"format": "doc", "length": -1}\n',
    ],
)
async def test_a_question_without_sense_is_not_answered_and_the_next_one_is(door: Path, asked: bytes) -> None:
    async with served(door, Echo(), most=1_000_000):
        reader, writer = await asyncio.open_unix_connection(door)
        writer.write(asked)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert await Remote(path=door, limits=LIMITS).pdf(b"x", Format.DOC) == b"%PDF-docx"


def test_with_a_network_in_reach_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = installed()
    assert programs is not None
    monkeypatch.setattr("socket.if_nameindex", lambda: [(1, "lo")])
    office_door.contained(programs, LIMITS)
    monkeypatch.setattr("socket.if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    monkeypatch.setattr(office_door, "_is_up", lambda _: True)
    with pytest.raises(NetworkInReach):
        office_door.contained(programs, LIMITS)


def test_an_interface_that_is_up_is_known() -> None:
    assert office_door._is_up("lo")


async def test_the_command_converts_in_a_place_without_network(door: Path, tmp_path: Path) -> None:
    place = [
        "bwrap",
        "--unshare-net",
        "--unshare-pid",
        "--die-with-parent",
        "--bind",
        "/",
        "/",
        "--proc",
        "/proc",
    ]
    command = [*place, "--dev", "/dev", sys.executable, "-m", "fukan", "office", str(door)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert str(door) in (await process.stdout.readline()).decode()
        remote = Remote(path=door, limits=LIMITS)
        pdf = await remote.pdf(samples.word(), Format.DOCX)
        with pytest.raises(Refused) as refusal:
            await remote.pdf(b"PK\x03\x04", Format.DOCX)
    finally:
        process.kill()
        await process.wait()
    assert refusal.value.reason is Reason.OFFICE_BROKEN
    made = tmp_path / "k.pdf"
    made.write_bytes(pdf)
    fonts = subprocess.run(["pdffonts", made], check=True, capture_output=True, text=True).stdout  # noqa: ASYNC221
    assert "IPAexMincho" in fonts
