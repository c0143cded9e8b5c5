"""Verifying from the command line: files that are named, or all that was concluded in a period (一括検証).

Files that are named may come from anywhere: they are judged in a child that can be killed, against the installation's
own public root or one that is given, without any key. A period reads the installation's own records and files. What a
fault is called stands in `envelopes.rules.findings`, how a file is judged in `envelopes.signing`.
"""

import asyncio
import contextlib
import csv
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import typer

from envelopes.records import store
from envelopes.records.blobs import BlobError
from envelopes.records.models import CERTIFICATE, Document, Envelope
from envelopes.rules import findings
from envelopes.rules.errors import FukanError
from envelopes.rules.findings import Fault, Of, Result, Verdict
from envelopes.rules.policy import Policy
from envelopes.rules.states import State
from envelopes.rules.wording import local
from envelopes.sandbox import Sandbox
from envelopes.services import Services
from envelopes.settings import Settings, SettingsFaulty, build_policy, load
from envelopes.signing import inspection
from envelopes.signing.inspection import Inspector, Trusted
from fukan.installation import authority_directory, opened

COLUMNS: Final = (
    "取引年月日",
    "契約番号",
    "締結証明書ID",
    "取引先",
    "件名",
    "文書",
    "結果",
    "理由",
    "署名",
    "最後のタイムスタンプ",
    "SHA-256",
)
# A spreadsheet takes a cell that begins like this for a formula, and would carry it out.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class NoRoot(FukanError):
    """There is no root certificate to believe."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"信頼する認証局の証明書が {directory} にありません。"
            "--directory で環境を、または --root で証明書ファイルを指定してください。"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One file that was looked at, and what was found."""

    name: str
    sha256: str
    result: Result

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        valid = self.result.verdict is Verdict.SOUND
        return {"file": self.name, "sha256": self.sha256, "valid": valid, **self.result.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Seen):
    """One document of the installation's own records."""

    on: date
    number: str
    certificate_id: str
    party: str
    title: str


def is_sound(seen: Sequence[Seen]) -> bool:
    """Whether nothing is wrong with any of them."""
    return all(one.result.verdict is Verdict.SOUND for one in seen)


# Whom to believe


def trusted(directory: Path, root: Path | None, files: Sequence[Path] = ()) -> Trusted:
    """Return the root in the file *root*, else the installation's own. Raises NoRoot, NoCertificate.

    The demo has as many authorities as there are tours. So where there is no installation in *directory*, or only a
    demo, the authority of a tour is believed for the files that the tour has left; in earnest it never is.
    """
    if root is not None:
        return inspection.of_file(root)
    settings = load(directory)
    own = _own(settings)
    if settings.demo or not own.roots:
        for tour in _tours(files):
            made = _own(tour)
            own = Trusted(roots=own.roots + made.roots, crls=own.crls + made.crls)
    if not own.roots:
        raise NoRoot(directory)
    return own


def _own(settings: Settings) -> Trusted:
    places = (settings.public_directory, authority_directory(settings) / "public")
    found = [inspection.published(place) for place in places]
    return next((one for one in found if one.roots), Trusted(roots=()))


def _tours(files: Sequence[Path]) -> Iterator[Settings]:
    for folder in dict.fromkeys(path.resolve().parent for path in files):
        if (folder / "transcript.json").exists():
            with contextlib.suppress(SettingsFaulty):
                settings = load(folder / "world", {})
                if settings.demo:
                    yield settings


# Looking


@asynccontextmanager
async def inspector(policy: Policy) -> AsyncIterator[Inspector]:
    """Have a child ready that reads foreign bytes."""
    sandbox = Sandbox(preload=inspection.PRELOAD)
    try:
        await sandbox.start()
        yield Inspector(sandbox=sandbox, seconds=policy.verify_seconds, memory=policy.parse_memory)
    finally:
        await sandbox.close()


def policy_of(directory: Path) -> Policy:
    """The policy that the settings in *directory* make; the plain one where there are none."""
    return build_policy(load(directory).policy)


async def look_at(
    files: Sequence[Path], *, by: Inspector, believing: Trusted, now: datetime | None = None
) -> AsyncIterator[Seen]:
    """Judge each of *files* in turn. Raises OSError for one that cannot be opened."""
    for path in files:
        data = path.read_bytes()
        found = await by.inspect(data, trusted=believing, now=now or datetime.now(UTC))
        yield Seen(name=str(path), sha256=sha256(data).hexdigest(), result=found)


async def concluded(since: date | None, until: date | None) -> list[Document]:
    """Every paper of a completed envelope whose transaction date lies in the period, both ends included."""
    query = Envelope.filter(state=State.COMPLETED.value)
    if since is not None:
        query = query.filter(transaction_on__gte=since)
    if until is not None:
        query = query.filter(transaction_on__lte=until)
    ids = await query.order_by("transaction_on", "id").values_list("id", flat=True)
    found = await Document.filter(envelope_id__in=list(ids) or [0]).select_related("envelope")
    return sorted(found, key=_place)


def _place(paper: Document) -> tuple[Any, ...]:
    """By day and envelope; the certificate behind the documents that it speaks of."""
    last = paper.position == CERTIFICATE
    return (paper.envelope.transaction_on, paper.envelope_id, last, paper.position)


async def look_back(
    services: Services, documents: Sequence[Document], *, by: Inspector, believing: Trusted
) -> AsyncIterator[Kept]:
    """Judge each of *documents* in turn."""
    for document in documents:
        envelope = document.envelope
        assert envelope.transaction_on is not None
        digest, found = await _look_into(services, document, by, believing)
        yield Kept(
            name=store.file_name(document),
            sha256=digest,
            result=found,
            on=envelope.transaction_on,
            number=envelope.number or "",
            certificate_id=store.certificate_id(envelope, document),
            party=envelope.party,
            title=envelope.title,
        )


async def _look_into(
    services: Services, document: Document, by: Inspector, believing: Trusted
) -> tuple[str, Result]:
    segments = await store.segments(document.id)
    try:
        data = await store.content(services.blobs, segments)
    except BlobError:
        return "", Result(faults=(Fault.UNREADABLE,))
    digest = sha256(data).hexdigest()
    found = await by.inspect(data, trusted=believing, now=services.now())
    return digest, replace(found, faults=(*found.faults, *_missing(found, digest == segments[-1].sha256)))


def _missing(found: Result, is_recorded: bool) -> Iterator[Fault]:  # noqa: FBT001 -- one of two plain inputs
    """What else has to hold of a contract of our own: it is the one in the records, and it has a timestamp."""
    if not is_recorded:
        yield Fault.BYTES_CHANGED
    if found.parts and not any(part.of is Of.TIMESTAMP for part in found.parts):
        yield Fault.NO_TIME


# Saying


def as_json(seen: Sequence[Seen]) -> str:
    """Return a list with one object for each file."""
    return json.dumps([one.to_json() for one in seen], ensure_ascii=False, indent=2)


def report(seen: Seen) -> str:
    """Return what the panel of a viewer would say of one file, and what it means."""
    found = seen.result
    head = f"{findings.mark(found)} {seen.name}：{findings.headline(found)}"
    why = [f"  {reason}" for reason in findings.reasons(found)]
    return "\n".join([head, *why, *_panel(found), f"  SHA-256 {seen.sha256}"])


def _panel(found: Result) -> Iterator[str]:
    counts = dict.fromkeys(Of, 0)
    for part in found.parts:
        counts[part.of] += 1
        word = "署名" if part.of is Of.SIGNATURE else "時刻証明"
        yield f"  {word}{counts[part.of]}　{findings.title(part)}"
        for line in findings.lines(part):
            yield f"    {'✔' if line.good else '▲'} {line.text}"
            yield f"        {line.means}"


def as_text(seen: Sequence[Seen]) -> str:
    """Return every report and a last line that counts."""
    return "\n\n".join((*map(report, seen), summary(seen)))


def summary(seen: Sequence[Seen]) -> str:
    """Return one line that counts."""
    sound = sum(one.result.verdict is Verdict.SOUND for one in seen)
    altered = sum(one.result.verdict is Verdict.ALTERED for one in seen)
    unsure = len(seen) - sound - altered
    return f"{len(seen)}件：変更なし {sound}件、変更あり {altered}件、判断できない {unsure}件"


def write_csv(path: Path, seen: Sequence[Kept]) -> None:
    """Write one line for each document: UTF-8 with a byte order mark and CRLF, as spreadsheets want it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for one in seen:
            writer.writerow([_cell(text) for text in _row(one)])


def _row(one: Kept) -> tuple[str, ...]:
    found = one.result
    signatures = [part for part in found.parts if part.of is Of.SIGNATURE]
    times = [part.at for part in found.parts if part.of is Of.TIMESTAMP and part.at]
    return (
        one.on.isoformat(),
        one.number,
        one.certificate_id,
        one.party,
        one.title,
        one.name,
        findings.headline(found),
        "".join(findings.reasons(found)),
        "、".join(findings.title(part) for part in signatures),
        local(max(times)).isoformat() if times else "",
        one.sha256,
    )


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


# Whole runs


def verify_files(files: Sequence[Path], *, directory: Path, root: Path | None) -> list[Seen]:
    """Judge *files*. Raises NoRoot, NoCertificate, SettingsFaulty, OSError."""
    believing = trusted(directory, root, files)

    async def run() -> list[Seen]:
        async with inspector(policy_of(directory)) as by:
            return [one async for one in look_at(files, by=by, believing=believing)]

    return asyncio.run(run())


def verify_period(
    since: date | None, until: date | None, *, directory: Path, root: Path | None
) -> list[Kept]:
    """Judge everything concluded in the period, with a progress bar. Raises as `verify_files`, and KeyMissing."""
    believing = trusted(directory, root)

    async def run() -> list[Kept]:
        async with opened(load(directory), bot=True) as services, inspector(services.policy) as by:
            documents = await concluded(since, until)
            seen = []
            with typer.progressbar(length=len(documents), label="検証中", file=sys.stderr) as bar:
                async for one in look_back(services, documents, by=by, believing=believing):
                    seen.append(one)
                    bar.update(1)
            return seen

    return asyncio.run(run())
