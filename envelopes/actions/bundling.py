"""Making an evidence bundle: everything that proves one contract, gathered into a ZIP that needs nothing beside it.

What is in it and how it is verified stands in `rules.bundle` and `rules.readme`, who may have it in `actions.evidence`.
Names in the ZIP are ASCII, so that the commands of the README work wherever it is unpacked.
"""

import asyncio
import base64
import csv
import io
import zipfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives import serialization
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import anchoring, chronicle
from envelopes.actions.evidence import PURPOSE, remove
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import anchors, history, store
from envelopes.records.blobs import Reader
from envelopes.records.database import unit
from envelopes.records.history import Extract, Subject
from envelopes.records.models import CERTIFICATE, Consent, File, Staff
from envelopes.records.store import Snapshot
from envelopes.rules import bundle, consent, merkle, readme
from envelopes.rules.bundle import Agreed, Anchored, Contents, Paper
from envelopes.rules.errors import Later
from envelopes.rules.people import WORKER
from envelopes.rules.schedule import JST
from envelopes.rules.wording import local
from envelopes.services import Services
from envelopes.signing import anatomy
from envelopes.signing.anatomy import Anatomy
from envelopes.signing.inspection import Trusted

Files = dict[str, bytes]
# Takes a signed PDF apart: in a child, for the documents in it were made by others.
Dissector = Callable[[bytes], Awaitable[Anatomy]]

_BOM: Final = b"\xef\xbb\xbf"  # why: spreadsheets read UTF-8 only with it
_COLUMNS: Final = ("行", "日時", "出来事", "した人", "内容", "行のハッシュ", "時刻証明")


async def make(shop: Workshop, envelope_id: int) -> None:
    """Make the bundle that staff asked for, readable for the portal for a time; it replaces the one before."""
    services = shop.services
    with suppress(Later):
        # Rows of this hour come under a timestamp now; where no authority answers, the README says so.
        await anchoring.anchor(shop)
    shot = await store.snapshot(id=envelope_id)
    evidence = await asyncio.to_thread(shop.seal.evidence, services.now())
    trusted = Trusted(roots=shop.seal.roots, crls=evidence.crls)

    async def by(data: bytes) -> Anatomy:
        return await shop.papers.run(partial(anatomy.anatomy, data, crls=trusted.crls))

    await _keep(services, shot, await gather(services, shot, by=by, trusted=trusted))


async def _keep(services: Services, shot: Snapshot, data: bytes) -> None:
    ref, now = shot.envelope.ref, services.now()
    earlier = await File.filter(purpose=PURPOSE, envelope_ref=ref)
    stored = await services.blobs.put(data, purpose=PURPOSE, readers=(Reader.VIEW,), envelope_ref=ref)
    payload = {"sha256": stored.sha256, "until": consent.instant(now + services.policy.evidence_kept)}

    async def work(connection: BaseDBAsyncClient) -> None:
        await stored.record(connection, now)
        await store.note(
            connection, shot.envelope.id, "evidence made", actor=WORKER, now=now, payload=payload
        )

    await unit(work)
    for file in earlier:
        await remove(services, file)


async def gather(services: Services, shot: Snapshot, *, by: Dissector, trusted: Trusted) -> bytes:
    """Return the bundle of a completed envelope. Raises BlobError where a file is closed to this process."""
    papers, files, found = await _papers(services, shot, by)
    agreed, said = await _consents(services, shot)
    rows = await history.extract(Subject.ENVELOPE, shot.envelope.id)
    proofs = {row.fact.n: await anchors.evidence(row.fact) for row in rows}
    crls = tuple(dict.fromkeys((*(der for one in found for der in one.crls), *trusted.crls)))
    anchored, tokens = _anchors([one for one in proofs.values() if one is not None], crls)
    certificates = [der for one in found for der in one.certificates]
    certificates += [der for token in tokens.values() for der in anatomy.certificates_of(token)]
    named = _certificates(trusted.roots, certificates)
    files |= (
        said
        | _history(rows, proofs)
        | {"history/history.csv": await _table(shot, rows, proofs)}
        | tokens
        | _statements(proofs)
        | named
    )
    files |= {f"crls/{number}.crl": der for number, der in enumerate(crls, 1)}
    contents = Contents(
        town=services.settings.town.name,
        number=shot.number,
        title=_on_a_line(shot.envelope.title),
        certificate_id=shot.envelope.certificate_id,
        made_at=services.now(),
        papers=papers,
        agreed=agreed,
        anchored=anchored,
        roots=tuple(anatomy.root(der, path) for path, der in named.items() if _is_root(path)),
        rows=len(rows),
        erased=sum(row.detail is None for row in rows),
        waiting=sum(one is None for one in proofs.values()),
        head=rows[-1].fact.hash,
    )
    files[readme.NAME] = readme.readme(contents).encode()
    return await asyncio.to_thread(_zip, files, contents)


# The signed files


async def _papers(
    services: Services, shot: Snapshot, by: Dissector
) -> tuple[tuple[Paper, ...], Files, list[Anatomy]]:
    papers, files, found = [], {}, []
    for document in shot.papers:
        data = await store.content(services.blobs, await store.segments(document.id))
        taken = await by(data)
        paper = Paper(
            name="certificate" if document.position == CERTIFICATE else f"{document.position:02}",
            title=_on_a_line(document.title),
            sha256=sha256(data).hexdigest(),
            cuts=taken.cuts,
        )
        papers.append(paper)
        found.append(taken)
        files[paper.path] = data
        files |= {f"timestamps/{paper.name}-{cut.name}.tst": cut.token for cut in taken.cuts}
    return tuple(papers), files, found


def _on_a_line(text: str) -> str:
    """What others wrote, on one line that begins with no space: an indented line of the README is a command."""
    return " ".join(text.split())


# Consents


async def _consents(services: Services, shot: Snapshot) -> tuple[tuple[Agreed, ...], Files]:
    pem = services.keyring.consent.public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    agreed, files = [], {bundle.CONSENT_KEY: pem}
    for number, row in enumerate(await Consent.filter(envelope_id=shot.envelope.id).order_by("id"), 1):
        record = base64.b64decode(row.record)
        party = consent.read(record).signer
        who = _on_a_line(f"{party.company} {party.office} {party.person}")
        one = Agreed(name=str(number), who=who, at=row.at, sha256=sha256(record).hexdigest())
        agreed.append(one)
        files |= {one.path: record, f"consents/{one.name}.sig": base64.b64decode(row.signature)}
    return tuple(agreed), files


# The history and its anchors


def _anchor_name(n: int) -> str:
    return f"{n:06}"


def _history(rows: Sequence[Extract], proofs: Mapping[int, anchors.Evidence | None]) -> Files:
    files = {}
    for row in rows:
        name, proved = f"history/{row.fact.n:06}", proofs[row.fact.n]
        files[f"{name}.row"] = row.row
        if row.detail is not None:
            files[f"{name}.detail"] = row.detail
        if proved is not None:
            files[f"{name}.proof"] = _proof(proved).encode()
    return files


def _proof(proved: anchors.Evidence) -> str:
    said = proved.proof
    return bundle.proof_text(
        line=said.line,
        anchor=f"anchors/{_anchor_name(said.statement.n)}.json",
        siblings=said.siblings,
        left=tuple(merkle.on_the_left(said.index, said.statement.count)),
    )


async def _table(
    shot: Snapshot, rows: Sequence[Extract], proofs: Mapping[int, anchors.Evidence | None]
) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    names = {f"staff:{one.ref}": one.name for one in await Staff.all()}
    seats = chronicle.whose(shot, await history.payloads(Subject.ENVELOPE, shot.envelope.id))
    for row in rows:
        fact, proved = row.fact, proofs[row.fact.n]
        said = "（消去済み）" if row.detail is None else row.detail[history.SALT :].decode()
        stamped = _anchor_name(proved.proof.statement.n) if proved else ""
        who = names.get(fact.actor) or seats(fact) or fact.actor
        writer.writerow((fact.n, local(fact.at).isoformat(), fact.kind, who, said, fact.hash, stamped))
    return _BOM + out.getvalue().encode()


def _anchors(proved: Sequence[anchors.Evidence], crls: Sequence[bytes]) -> tuple[tuple[Anchored, ...], Files]:
    by_number = {one.proof.statement.n: one for one in proved}
    anchored = tuple(
        Anchored(name=_anchor_name(n), at=one.at, checkable=anatomy.token_checkable(one.token, crls))
        for n, one in sorted(by_number.items())
    )
    return anchored, {f"anchors/{_anchor_name(n)}.tst": one.token for n, one in by_number.items()}


def _statements(proofs: Mapping[int, anchors.Evidence | None]) -> Files:
    said = [one.proof.statement for one in proofs.values() if one is not None]
    return {f"anchors/{_anchor_name(one.n)}.json": one.canonical() for one in said}


# Certificates


def _certificates(roots: Sequence[bytes], others: Sequence[bytes]) -> Files:
    """Name every certificate once; the roots so that nobody takes another for one."""
    rest = [der for der in dict.fromkeys(others) if der not in roots]
    named = {f"certificates/root-{number}.cer": der for number, der in enumerate(roots, 1)}
    return named | {f"certificates/{number}.cer": der for number, der in enumerate(rest, 1)}


def _is_root(path: str) -> bool:
    return path.startswith("certificates/root-")


# The archive


def _zip(files: Files, contents: Contents) -> bytes:
    sums = "".join(f"{sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    out, at = io.BytesIO(), contents.made_at.astimezone(JST).timetuple()[:6]
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in _in_order({**files, bundle.SUMS: sums.encode()}):
            entry = zipfile.ZipInfo(name, date_time=at)
            entry.external_attr = 0o644 << 16
            # Signed PDFs hardly shrink.
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".pdf") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return out.getvalue()


def _in_order(files: Files) -> Iterator[tuple[str, bytes]]:
    """What a person reads first comes first."""
    yield from sorted(files.items(), key=lambda item: (item[0] != readme.NAME, "/" in item[0], item[0]))
