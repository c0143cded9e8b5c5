"""Word and Excel become PDFs in a sandbox that sees nothing, one after the other or at once, or not at all."""

import asyncio
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from envelopes.papers import convert
from envelopes.papers.convert import OfficeLimits, Sandboxed
from envelopes.papers.office import Format
from envelopes.rules.errors import Reason, Refused
from tests.papers import office as samples
from tests.patience import PATIENCE

LIMITS = OfficeLimits(wall_seconds=60, memory_bytes=4 << 30, pdf_bytes=40_000_000, at_once=2)


@pytest.fixture
async def converter() -> Sandboxed:
    made = await convert.found(LIMITS)
    assert made is not None
    return made


def fonts(pdf: Path) -> set[str]:
    """The fonts that a PDF brings, without the tag of their subset."""
    lines = subprocess.run(["pdffonts", pdf], check=True, capture_output=True, text=True).stdout.splitlines()
    assert all(line.split()[-5] == "yes" for line in lines[2:]), "every font is embedded"
    return {line.split()[0].partition("+")[2] for line in lines[2:]}


def words(pdf: Path) -> str:
    return subprocess.run(
        ["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, text=True
    ).stdout


async def test_two_at_once_become_pdfs_in_the_fonts_of_an_office(
    converter: Sandboxed, tmp_path: Path
) -> None:
    word, excel = await asyncio.gather(
        converter.pdf(samples.word(), Format.DOCX), converter.pdf(samples.excel(), Format.XLSX)
    )
    contract, bill = tmp_path / "k.pdf", tmp_path / "u.pdf"
    contract.write_bytes(word)
    bill.write_bytes(excel)
    # 明朝 is a Mincho and ゴシック a Gothic, whichever of their many names the file uses.
    assert fonts(contract) >= {"IPAexMincho", "IPAexGothic", "LiberationSerif"}
    assert any(name.startswith("NotoSansCJKjp") for name in fonts(contract))
    assert fonts(bill) == {"IPAexGothic"}
    assert samples.WORDS.split()[2] in words(contract)
    assert "250000" in words(bill)


async def test_old_and_open_formats_become_pdfs(converter: Sandboxed, tmp_path: Path) -> None:
    old = samples.made_by_office(samples.word(fonts=("ＭＳ 明朝",)), "k.docx", "doc", tmp_path)
    made = await asyncio.gather(converter.pdf(old, Format.DOC), converter.pdf(samples.rtf(), Format.RTF))
    for pdf in made:
        (tmp_path / "k.pdf").write_bytes(pdf)
        assert "工事請負契約書" in words(tmp_path / "k.pdf")
        assert any("Mincho" in name or "Serif" in name for name in fonts(tmp_path / "k.pdf"))


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"just words", samples.word()[:3000]])
async def test_what_cannot_be_read_is_no_pdf(converter: Sandboxed, data: bytes) -> None:
    # Without the reader's name LibreOffice would print the bytes as text.
    with pytest.raises(Refused) as refusal:
        await converter.pdf(data, Format.DOCX)
    assert refusal.value.reason is Reason.OFFICE_BROKEN


def running() -> set[str]:
    """The processes of LibreOffice on this machine."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().startswith("soffice"):
                found.add(path.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@pytest.mark.alone
async def test_what_takes_too_long_is_ended_with_all_its_processes(converter: Sandboxed) -> None:
    before = running()
    hasty = replace(converter, limits=replace(LIMITS, wall_seconds=1.0))
    with pytest.raises(Refused) as refusal:
        await hasty.pdf(samples.word(fonts=samples.FONTS * 400), Format.DOCX)
    assert refusal.value.reason is Reason.OFFICE_TOOK_TOO_LONG
    end = time.monotonic() + PATIENCE
    while running() - before and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    assert not running() - before


async def test_a_pdf_over_the_limit_is_refused(converter: Sandboxed) -> None:
    small = replace(converter, limits=replace(LIMITS, pdf_bytes=2000))
    with pytest.raises(Refused) as refusal:
        await small.pdf(samples.word(), Format.DOCX)
    assert refusal.value.reason is Reason.PDF_TOO_BIG


def inside(converter: Sandboxed, script: str) -> str:
    """What a shell says in the world in which LibreOffice runs."""
    with convert._in_memory(b"document", b"profile", b"fonts") as given:
        command = convert._sandbox(converter.bwrap, given, Format.DOCX)
        done = subprocess.run(
            [*command, "sh", "-c", script], pass_fds=given, capture_output=True, text=True, check=False
        )
    return done.stdout + done.stderr


def test_the_sandbox_holds_programs_fonts_and_the_document_alone(converter: Sandboxed) -> None:
    said = inside(converter, "ls -A / /etc /tmp; id -u; env; ls /proc | grep -c '^[0-9]'")
    top = said.partition("/etc:")[0].split()
    assert set(top) <= {"/:", "bin", "dev", "etc", "lib", "lib64", "opt", "proc", "tmp", "usr", "var"}
    assert "passwd" not in said
    assert "document.docx" in said
    assert "65534" in said
    assert {line.partition("=")[0] for line in said.splitlines() if "=" in line} <= {
        *("HOME", "PATH", "LANG", "FONTCONFIG_FILE", "PWD", "OLDPWD", "SHLVL", "_")
    }
    assert int(said.split()[-1]) < 6  # no process of the machine


def test_the_sandbox_reaches_no_network_and_writes_no_program(converter: Sandboxed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2).close()"
        assert "Error" in inside(converter, f'/usr/bin/python3 -c "{connect}"')
        with pytest.raises(BlockingIOError):
            server.accept()
        # The same words outside do reach the server.
        subprocess.run(["/usr/bin/python3", "-c", connect], check=True)
        server.accept()[0].close()
    assert "Read-only" in inside(converter, "touch /usr/x")


async def test_without_libreoffice_there_is_no_converter(tmp_path: Path) -> None:
    assert await convert.found(LIMITS, path=str(tmp_path)) is None
    for name in ("bwrap", "prlimit"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    assert await convert.found(LIMITS, path=str(tmp_path)) is None
    (tmp_path / "soffice").symlink_to("/usr/bin/soffice")
    assert await convert.found(LIMITS, path=str(tmp_path)) is not None


def test_without_namespaces_there_is_no_converter() -> None:
    # A container that forbids namespaces, as the engines do by default.
    outer = [
        "bwrap",
        "--unshare-user",
        "--disable-userns",
        "--bind",
        "/",
        "/",
        "--dev-bind",
        "/dev",
        "/dev",
        "--",
    ]
    code = (
        "import asyncio; from envelopes.papers import convert;"
        "print(asyncio.run(convert.found(convert.OfficeLimits("
        "wall_seconds=1, memory_bytes=1 << 32, pdf_bytes=1, at_once=1))) is None)"
    )
    command = [*outer, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "True"


async def test_a_sandbox_that_broke_meanwhile_is_no_fault_of_the_file(
    converter: Sandboxed, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(Refused) as refusal:
        await replace(converter, bwrap=str(broken)).pdf(samples.word(), Format.DOCX)
    assert refusal.value.reason is Reason.OFFICE_UNAVAILABLE
