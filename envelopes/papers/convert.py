"""Word and Excel → PDF by LibreOffice: one cold process a document, in a world that holds nothing else.

Theory of operation. Office files come from strangers, and LibreOffice is large. So it runs under bubblewrap with no
network, no home, no files of this machine but programs and fonts, a profile in memory that ends with it, and limits on
time, memory and size. The document goes in through a descriptor, the PDF comes out through a pipe: neither touches the
disk. Macros, active content and linked files are off in the profile. Where such a sandbox cannot be made nothing is
converted: `found` says so. The other way is a container that has neither keys nor network and does nothing else
(`Contained`); the bot reaches it through a socket (`papers.office_door`).
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

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
"$1" --headless --norestore --nolockcheck --nodefault "-env:UserInstallation=file://$HOME/profile" \
    --infilter="$2" --convert-to "pdf:$3" --outdir "$HOME/out" "$HOME/$4" >/dev/null 2>&1
test -s "$HOME/out/document.pdf" || exit 77
exec cat "$HOME/out/document.pdf"
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
    """Where the programs lie that a conversion needs, sandbox or not."""

    soffice: str
    prlimit: str


def installed(path: str = _PATH) -> Programs | None:
    """Return the programs, or None where one of them is missing."""
    soffice, prlimit = shutil.which("soffice", path=path), shutil.which("prlimit", path=path)
    if soffice is None or prlimit is None:
        return None
    real = Path(soffice).resolve()
    if not any(real.is_relative_to(tree) for tree in _TREES):
        return None
    return Programs(soffice=str(real), prlimit=prlimit)


class Converter(Protocol):
    """Makes PDFs of Office files."""

    async def pdf(self, data: bytes, format_: Format) -> bytes:
        """Return *data* as a PDF, or raise Refused with what the sender can do. Runs may overlap."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandboxed:
    """Converts under bubblewrap. Made by `found` alone, which has seen that the sandbox can be made."""

    programs: Programs
    bwrap: str
    limits: OfficeLimits
    turns: asyncio.Semaphore = field(repr=False)

    async def pdf(self, data: bytes, format_: Format) -> bytes:
        """See `Converter`."""
        async with self.turns:
            code, pdf = await self._run(data, format_)
        if code == 0 and pdf:
            return pdf
        if code != _NO_PDF and not await _works(self.bwrap, self.programs):
            log.error("converting: the sandbox cannot be made any more (%d)", code)
            raise Refused(Reason.OFFICE_UNAVAILABLE)
        raise Refused(Reason.OFFICE_BROKEN)

    async def _run(self, data: bytes, format_: Format) -> tuple[int, bytes]:
        with _in_memory(data, _asset("registrymodifications.xcu"), _asset("fonts.conf")) as given:
            command = [*_limited(self.programs, self.limits), *_sandbox(self.bwrap, given, format_)]
            command += _conversion(self.programs, format_)
            process = await _start(command, given, stdout=PIPE)
        return await _outcome(process, self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contained:
    """Converts where it stands: in a container that has no keys and no network and does nothing else."""

    programs: Programs
    limits: OfficeLimits
    turns: asyncio.Semaphore = field(repr=False)

    async def pdf(self, data: bytes, format_: Format) -> bytes:
        """See `Converter`."""
        async with self.turns:
            with tempfile.TemporaryDirectory(prefix="office-") as home:
                code, pdf = await self._run(data, format_, Path(home))
        if code == 0 and pdf:
            return pdf
        raise Refused(Reason.OFFICE_BROKEN)

    async def _run(self, data: bytes, format_: Format, home: Path) -> tuple[int, bytes]:
        await asyncio.to_thread(_furnish, home, data, format_)
        command = [*_limited(self.programs, self.limits), *_conversion(self.programs, format_)]
        variables = {"HOME": str(home), "TMPDIR": str(home), "PATH": _PATH, "LANG": "C.UTF-8"}
        variables["FONTCONFIG_FILE"] = str(home / "fonts.conf")
        process = await _start(command, (), stdout=PIPE, variables=variables)
        try:
            return await _outcome(process, self.limits)
        finally:
            # No sandbox ends here with what it holds.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _furnish(home: Path, data: bytes, format_: Format) -> None:
    profile = home / "profile" / "user"
    profile.mkdir(parents=True)
    (profile / "registrymodifications.xcu").write_bytes(_asset("registrymodifications.xcu"))
    (home / "fonts.conf").write_bytes(_asset("fonts.conf"))
    (home / _document(format_)).write_bytes(data)


def _limited(programs: Programs, limits: OfficeLimits) -> list[str]:
    seconds, memory = int(limits.wall_seconds), limits.memory_bytes
    options = (f"--cpu={seconds}", f"--as={memory}", "--core=0", f"--fsize={_SCRATCH}")
    return [programs.prlimit, *options, "--"]


def _conversion(programs: Programs, format_: Format) -> list[str]:
    writer = "calc_pdf_Export" if format_ in _TABLES else "writer_pdf_Export"
    arguments = (_READERS[format_], f"{writer}:{_OPTIONS}", _document(format_))
    return ["sh", "-c", _SCRIPT, "sh", programs.soffice, *arguments]


async def _outcome(process: asyncio.subprocess.Process, limits: OfficeLimits) -> tuple[int, bytes]:
    """Return how it ended and what it wrote; afterwards it does not run."""
    try:
        async with asyncio.timeout(limits.wall_seconds):
            return await _collected(process, limits.pdf_bytes)
    except TimeoutError:
        raise Refused(Reason.OFFICE_TOOK_TOO_LONG) from None
    finally:
        await _end(process)


async def _collected(process: asyncio.subprocess.Process, most: int) -> tuple[int, bytes]:
    assert process.stdout is not None
    pdf = bytearray()
    while chunk := await process.stdout.read(_CHUNK):
        pdf += chunk
        if len(pdf) > most:
            raise Refused(Reason.PDF_TOO_BIG, bytes=len(pdf), most=most)
    return await process.wait(), bytes(pdf)


async def found(limits: OfficeLimits, *, path: str = _PATH) -> Sandboxed | None:
    """Return a converter, or None where LibreOffice is missing or the sandbox cannot be made."""
    programs, bwrap = installed(path), shutil.which("bwrap", path=path)
    if programs is None or bwrap is None or not await _works(bwrap, programs):
        return None
    turns = asyncio.Semaphore(limits.at_once)
    return Sandboxed(programs=programs, bwrap=bwrap, limits=limits, turns=turns)


async def _works(bwrap: str, programs: Programs) -> bool:
    """Whether the sandbox can be made, and LibreOffice is inside."""
    with _in_memory(b"", b"", b"") as given:
        command = [*_sandbox(bwrap, given, Format.DOCX), "test", "-x", programs.soffice]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            pass_fds=given,
            env={},
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        await _end(process)


async def _start(
    command: Sequence[str],
    given: Sequence[int],
    *,
    stdout: int,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> asyncio.subprocess.Process:
    """Start *command* with nothing of ours but the descriptors *given*."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=stdout,
        stderr=DEVNULL,
        pass_fds=given,
        env=variables,
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


def _document(format_: Format) -> str:
    return f"document.{format_}"


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
        *("--file", document, f"/tmp/{_document(format_)}"),  # noqa: S108 -- inside the sandbox
        *("--file", profile, "/tmp/profile/user/registrymodifications.xcu"),  # noqa: S108 -- inside the sandbox
        *("--ro-bind-data", fonts, "/etc/fukan-fonts.conf"),
        *("--clearenv", "--setenv", "HOME", "/tmp", "--setenv", "PATH", "/usr/bin"),  # noqa: S108 -- its own
        *("--setenv", "LANG", "C.UTF-8", "--setenv", "FONTCONFIG_FILE", "/etc/fukan-fonts.conf"),
        *("--chdir", "/tmp", "--"),  # noqa: S108 -- its own
    ]
