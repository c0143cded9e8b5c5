"""Other libraries and tools on the same PDFs with the same key: what could not be measured is a row that says why."""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import signing as ours
from benchmarks.rows import Row, least, row, timed
from benchmarks.scene import FIELDS, Scene, now
from envelopes.signing.plans import Plan

HERE = Path(__file__).resolve().parent
_JARS = Path("/usr/share/java")
_CLASSES = ("pdfbox", "fontbox", "bcprov", "bcpkix", "bcutil", "commons-logging")
# The Python of `benchmarks/setup.sh`, with the libraries of requirements/bench.txt.
_PYTHON = HERE.parent.parent / "var" / "bench" / "venv" / "bin" / "python"
RUNS = {"small": 25, "large": 8, "xl": 4}
_COMMAND_RUNS = 4
_PATIENCE = 300.0


class NotMeasured(Exception):
    """Why a peer has no figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A library and the command of the script that times it."""

    name: str
    command: tuple[str, ...]
    needs: Path

    def sign(self, scene: Scene, size: str, port: int) -> float:
        """Return the ms of one signature on that size."""
        if not self.needs.exists():
            raise NotMeasured("not installed")
        url = f"http://127.0.0.1:{port}/"
        said = _said([*self.command, str(scene.folder), size, url, str(RUNS[size])])
        return float(said.split()[-1])


PEERS = (
    Peer(
        name="pyHanko",
        command=(sys.executable, str(HERE / "pyhanko_peer.py")),
        needs=Path(sys.executable),
    ),
    Peer(name="endesive", command=(str(_PYTHON), str(HERE / "endesive_peer.py")), needs=_PYTHON),
    Peer(
        name="@libpdf/core",
        command=("node", str(HERE / "libpdf.mjs")),
        needs=HERE / "node_modules" / "@libpdf",
    ),
    Peer(
        name="@signpdf + node-forge (B-B)",
        command=("node", str(HERE / "signpdf.mjs")),
        needs=HERE / "node_modules" / "@signpdf",
    ),
    Peer(
        name="PDFBox",
        command=(
            "java",
            "-cp",
            ":".join(str(_JARS / f"{name}.jar") for name in _CLASSES),
            str(HERE / "PdfBox.java"),
        ),
        needs=_JARS / "pdfbox.jar",
    ),
)


def signing(scene: Scene) -> Iterator[Row]:
    """Measure one party's signature at each size, beside every peer."""
    scene.write_keys()
    with scene.timestamp_server() as port:
        for size in RUNS:
            scene.pdf(size)
            mine = ours.one_signature(scene, size, port)
            name = f"sign.bt.{size}"
            for peer in PEERS:
                yield _beside(name, mine, peer.name, partial(peer.sign, scene, size, port))
            for tool, sign in (("pdfsig", _pdfsig), ("mutool", _mutool)):
                yield _beside(name, mine, f"{tool} (command, B-B)", partial(sign, scene, size))


def verifying(scene: Scene) -> Iterable[Row]:
    """Measure the validation of a finished file, beside command lines that look at much less."""
    for size in ("small", "large"):
        path = scene.folder / f"{size}-finished.pdf"
        path.write_bytes(_finished(scene, size))
        data = path.read_bytes()
        (mine,) = least(_COMMAND_RUNS, timed(partial(scene.seal.verify, data)))
        others = {
            "pdfsig (command, no LTV)": ["pdfsig", "-nocert", str(path)],
            "mutool (command, no LTV)": ["mutool", "sign", "-v", str(path)],
        }
        for name, command in others.items():
            yield _beside(f"verify.{size}", mine, name, partial(_timed_command, command))


def _finished(scene: Scene, size: str) -> bytes:
    made = scene.prepared(size)
    whole = made.data
    for name in FIELDS:
        says = ours.entry(made.data)
        whole += scene.seal.sign(whole, field=name, entry=says, plan=made.plan)
    return whole + scene.seal.timestamp(whole, plan=made.plan, since=now())


def _beside(name: str, mine: float, peer: str, measure: partial[float]) -> Row:
    try:
        return row(name, "ms", mine, measure(), peer)
    except NotMeasured as why:
        return row(name, "ms", mine, None, f"{peer}: {why}")


def _pdfsig(scene: Scene, size: str) -> float:
    store = scene.folder / "nss"
    if not store.exists():
        if shutil.which("pk12util") is None:
            raise NotMeasured("needs pk12util of libnss3-tools")
        store.mkdir()
        _said(["certutil", "-N", "-d", f"sql:{store}", "--empty-password"])
        bundle = str(scene.folder / "key.p12")
        _said(["pk12util", "-i", bundle, "-d", f"sql:{store}", "-W", "benchmark", "-K", ""])
        _said(["certutil", "-M", "-d", f"sql:{store}", "-n", _authority(store), "-t", "C,C,C"])
    options = ["-nssdir", f"sql:{store}", "-add-signature", "-nick", "signer"]
    out = scene.folder / "pdfsig.out"
    return _timed_command(["pdfsig", *options, str(scene.pdf(size)), str(out)], out)


def _authority(store: Path) -> str:
    lines = _said(["certutil", "-L", "-d", f"sql:{store}"]).splitlines()
    (name,) = [one.rsplit(None, 1)[0].strip() for one in lines if one.rstrip().endswith(",,")]
    return name


def _mutool(scene: Scene, size: str) -> float:
    made = scene.prepared(size)
    number = Plan.of(made.plan or "").fields[FIELDS[0]]
    out = scene.folder / "mutool.out"
    options = ["-s", str(scene.folder / "key.p12"), "-P", "benchmark", "-o", str(out)]
    path = str(scene.folder / f"{size}-prepared.pdf")
    return _timed_command(["mutool", "sign", *options, path, str(number)], out)


def _timed_command(command: list[str], out: Path | None = None) -> float:
    """Return the ms of a whole command; where it writes *out*, only if that is signed."""
    if shutil.which(command[0]) is None:
        raise NotMeasured("not installed")
    (taken,) = least(_COMMAND_RUNS, timed(partial(_said, command)))
    if out is not None and (not out.exists() or b"/ByteRange" not in out.read_bytes()):
        raise NotMeasured("made no signature")
    return taken


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_PATIENCE, cwd=HERE
        )
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout or "failed").strip().splitlines()
        raise NotMeasured(lines[-1][:100] if lines else "failed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotMeasured(type(error).__name__) from None
    return done.stdout
