"""Word and Excel → PDF by LibreOffice: one cold process a document, in a sandbox that holds nothing else.

Theory of operation. Office files come from strangers, and LibreOffice is large. So it runs under bubblewrap with no
network, no home, no files of this machine but programs and fonts, a profile in memory that ends with it, and limits on
time, memory and size. The document goes in through a descriptor, the PDF comes out through a pipe: neither touches the
disk. Macros, active content and linked files are off in the profile. Where such a sandbox cannot be made nothing is
converted: `found` says so, and there is no way around it.
"""

import asyncio
import contextlib
import logging
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Final

from envelopes.papers.office import Format
from envelopes.rules.errors import Reason, Refused

log = logging.getLogger(__name__)

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_TREES: Final = (Path("/usr"), Path("/opt"))  # where programs may lie: all that the sandbox sees of them
_SCRATCH: Final = (
    512 * 1024 * 1024
)  # why: bytes of the sandbox's file system in memory; documents unpack to less
_PROBE_SECONDS: Final = 10.0  # why: making namespaces takes milliseconds, on a busy machine a second
_NO_PDF: Final = 77  # what the script ends with when LibreOffice made nothing
_CHUNK: Final = 1 << 16
_SCRIPT: Final = """
"$1" --headless --norestore --nolockcheck --nodefault -env:UserInstallation=file:///tmp/profile \
    --infilter="$2" --convert-to "pdf:$3" --outdir /tmp/out "$4" >/dev/null 2>&1
test -s /tmp/out/document.pdf || exit 77
exec cat /tmp/out/document.pdf
"""
# The reader is named, or LibreOffice would take what it does not know for plain text.
_READERS: Final = {
    Format.DOCX: "MS Word 2007 XML",
    Format.DOC: "MS Word 97",
    Format.XLSX: "Calc MS Excel 2007 XML",
    Format.XLS: "MS Excel 97",
    Format.ODT: "writer8",
    Format.ODS: "calc8",
    Format.RTF: "Rich Text Format",
}
_TABLES: Final = frozenset({Format.XLSX, Format.XLS, Format.ODS})
# Forms would have to be flattened again; tags let a screen reader read the document.
_OPTIONS: Final = (
    '{"ExportFormFields":{"type":"boolean","value":"false"},"ExportNotes":{"type":"boolean","value":"false"},'
    '"UseTaggedPDF":{"type":"boolean","value":"true"}}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeLimits:
    """What one conversion may use, the most bytes a PDF may have, and how many run at once."""

    wall_seconds: float
    memory_bytes: int
    pdf_bytes: int
    at_once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Where the programs lie that a conversion needs."""

    soffice: str
    bwrap: str
    prlimit: str


def installed(path: str = _PATH) -> Programs | None:
    """Return the programs, or None where one of them is missing."""
    soffice, bwrap, prlimit = (shutil.which(name, path=path) for name in ("soffice", "bwrap", "prlimit"))
    if soffice is None or bwrap is None or prlimit is None:
        return None
    real = Path(soffice).resolve()
    if not any(real.is_relative_to(tree) for tree in _TREES):
        return None
    return Programs(soffice=str(real), bwrap=bwrap, prlimit=prlimit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Converter:
    """Makes PDFs. Made by `found` alone, which has seen that the sandbox can be made."""

    programs: Programs
    limits: OfficeLimits
    turns: asyncio.Semaphore = field(repr=False)

    async def pdf(self, data: bytes, format_: Format) -> bytes:
        """Return *data* as a PDF, or raise Refused with what the sender can do. Runs may overlap."""
        async with self.turns:
            code, pdf = await self._run(data, format_)
        if code == 0 and pdf:
            return pdf
        if code != _NO_PDF and not await _works(self.programs):
            log.error("converting: the sandbox cannot be made any more (%d)", code)
            raise Refused(Reason.OFFICE_UNAVAILABLE)
        raise Refused(Reason.OFFICE_BROKEN)

    async def _run(self, data: bytes, format_: Format) -> tuple[int, bytes]:
        with _in_memory(data, _asset("registrymodifications.xcu"), _asset("fonts.conf")) as given:
            command = [*self._limited(), *_sandbox(self.programs.bwrap, given, format_)]
            command += ["sh", "-c", _SCRIPT, "sh", self.programs.soffice, *_arguments(format_)]
            process = await _start(command, given, stdout=PIPE)
        try:
            async with asyncio.timeout(self.limits.wall_seconds):
                return await self._collect(process)
        except TimeoutError:
            raise Refused(Reason.OFFICE_TOOK_TOO_LONG) from None
        finally:
            await _end(process)

    async def _collect(self, process: asyncio.subprocess.Process) -> tuple[int, bytes]:
        assert process.stdout is not None
        pdf, most = bytearray(), self.limits.pdf_bytes
        while chunk := await process.stdout.read(_CHUNK):
            pdf += chunk
            if len(pdf) > most:
                raise Refused(Reason.PDF_TOO_BIG, bytes=len(pdf), most=most)
        return await process.wait(), bytes(pdf)

    def _limited(self) -> list[str]:
        seconds, memory = int(self.limits.wall_seconds), self.limits.memory_bytes
        limits = (f"--cpu={seconds}", f"--as={memory}", "--core=0", f"--fsize={_SCRATCH}")
        return [self.programs.prlimit, *limits, "--"]


async def found(limits: OfficeLimits, *, path: str = _PATH) -> Converter | None:
    """Return a converter, or None where LibreOffice is missing or the sandbox cannot be made."""
    programs = installed(path)
    if programs is None or not await _works(programs):
        return None
    return Converter(programs=programs, limits=limits, turns=asyncio.Semaphore(limits.at_once))


async def _works(programs: Programs) -> bool:
    """Whether the sandbox can be made, and LibreOffice is inside."""
    with _in_memory(b"", b"", b"") as given:
        command = [*_sandbox(programs.bwrap, given, Format.DOCX), "test", "-x", programs.soffice]
        process = await _start(command, given, stdout=DEVNULL)
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        await _end(process)


async def _start(command: Sequence[str], given: Sequence[int], *, stdout: int) -> asyncio.subprocess.Process:
    """Start *command* with nothing of ours but the descriptors *given*."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=stdout,
        stderr=DEVNULL,
        pass_fds=given,
        env={},
        start_new_session=True,
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what still runs: with bubblewrap its whole world of processes ends."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


@contextmanager
def _in_memory(*contents: bytes) -> Iterator[tuple[int, ...]]:
    """Give descriptors from which *contents* can be read, on no disk."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(os.fdopen(os.memfd_create("office"), "wb")) for _ in contents]
        for file, content in zip(opened, contents, strict=True):
            file.write(content)
            file.flush()
            file.seek(0)
        yield tuple(file.fileno() for file in opened)


def _asset(name: str) -> bytes:
    return (files("envelopes.papers") / "assets" / "office" / name).read_bytes()


def _arguments(format_: Format) -> tuple[str, str, str]:
    writer = "calc_pdf_Export" if format_ in _TABLES else "writer_pdf_Export"
    return _READERS[format_], f"{writer}:{_OPTIONS}", _document(format_)


def _document(format_: Format) -> str:
    return f"/tmp/document.{format_}"  # noqa: S108 -- inside the sandbox


def _sandbox(bwrap: str, given: Sequence[int], format_: Format) -> list[str]:
    """The beginning of a command that runs in a world of its own: programs and fonts, to be read, and memory."""
    document, profile, fonts = map(str, given)
    return [
        *(bwrap, "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session"),
        *("--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--hostname", "office"),
        *("--ro-bind", "/usr", "/usr", "--ro-bind-try", "/opt", "/opt"),
        *("--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin"),
        *(
            "--ro-bind-try",
            "/etc/fonts",
            "/etc/fonts",
            "--ro-bind-try",
            "/etc/libreoffice",
            "/etc/libreoffice",
        ),
        *("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
        *("--ro-bind-try", "/var/cache/fontconfig", "/var/cache/fontconfig"),
        *("--proc", "/proc", "--dev", "/dev", "--size", str(_SCRATCH), "--tmpfs", "/tmp"),  # noqa: S108 -- its own
        *("--file", document, _document(format_)),
        *("--file", profile, "/tmp/profile/user/registrymodifications.xcu"),  # noqa: S108 -- inside the sandbox
        *("--ro-bind-data", fonts, "/etc/fukan-fonts.conf"),
        *("--clearenv", "--setenv", "HOME", "/tmp", "--setenv", "PATH", "/usr/bin"),  # noqa: S108 -- its own
        *("--setenv", "LANG", "C.UTF-8", "--setenv", "FONTCONFIG_FILE", "/etc/fukan-fonts.conf"),
        *("--chdir", "/tmp", "--"),  # noqa: S108 -- its own
    ]
