"""What a signer does: ask for a code, prove who is there, read, consent, decline, ask for a link again.

Knows requests by the random reference and generation of their link. Whose turn it is and whether the link still counts
is decided here from the database; pages only show it. Nothing here holds a signing key: a consent is a record, signed
with the portal's consent key, and the worker does the rest.
"""

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from envelopes.actions import reachable
from envelopes.records import counters, history, store, tasks
from envelopes.records.database import is_sqlite, unit
from envelopes.records.history import Subject
from envelopes.records.models import Code, Consent, Delivery, Document, Proof, Signer, Viewing
from envelopes.records.prepared import Prepared
from envelopes.records.store import Snapshot
from envelopes.rules import codes, consent, factors
from envelopes.rules.codes import Issued, Verdict
from envelopes.rules.consent import Grant, Offered, Party
from envelopes.rules.errors import Reason, Refused, StaleEnvelope
from envelopes.rules.people import Actor, ActorKind
from envelopes.rules.policy import days, hours
from envelopes.rules.schedule import day_over
from envelopes.rules.states import By, Event, Task, permits
from envelopes.services import Services

MAIL_CODE: Final = "mail-code"


class CodeFor(StrEnum):
    """What a confirmation code opens."""

    SIGN = "sign"
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCode:
    """A code that is out: until when it works, the word that page and mail both show, whether it is not the first."""

    valid_until: datetime
    word: str
    resend_at: datetime
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of an entered code. `left` counts the tries that remain for this code."""

    verdict: Verdict
    left: int = 0
    renewed: bool = False


def actor_of(signer: Signer) -> Actor:
    """The signer as he stands in the history: by reference."""
    return Actor(kind=ActorKind.SIGNER, ref=signer.ref, id=signer.id)


def generation(signer: Signer, purpose: CodeFor) -> int:
    """The generation of the link that *purpose* is about."""
    return signer.generation if purpose is CodeFor.SIGN else signer.download_generation


def code_subject(signer: Signer, purpose: CodeFor) -> str:
    """What a code's key is derived for."""
    return f"{purpose}:{signer.ref}:{generation(signer, purpose)}"


def require_open(shot: Snapshot, signer: Signer, *, now: datetime) -> None:
    """Raise Refused unless this signer may sign now: his turn, in time, and nobody ended or paused it."""
    if not permits(shot.state, Event.CONSENTED):
        raise Refused(Reason.NOT_PERMITTED, state=shot.state, event=Event.CONSENTED)
    if shot.turn is None or shot.turn.id != signer.id:
        raise Refused(Reason.NOT_YOUR_TURN)
    if signer.paused_at is not None:
        raise Refused(Reason.PAUSED)
    # The deadline binds the contractor; the village's own signature is not late.
    if signer.staff_id is None and now >= day_over(shot.envelope.deadline_on):
        raise Refused(Reason.DEADLINE_OVER)


# Codes


async def last_code(services: Services, signer: Signer, purpose: CodeFor) -> SentCode | None:
    """The code that is out for *signer*, or None once it is used, spent or late."""
    row = await _newest(signer, purpose)
    if row is None or row.used_at or row.wrong >= services.policy.code_tries:
        return None
    if services.now() >= row.sent_at + services.policy.code_lifetime:
        return None
    return await _sent(services, signer, purpose, row)


async def code_mail(signer: Signer, purpose: CodeFor) -> Delivery | None:
    """The mail with the code that was asked for last; None while it is still to be made."""
    row = await _newest(signer, purpose)
    return await reachable.mail_of(Task.CODE_MAIL, str(row.id)) if row else None


async def _newest(
    signer: Signer, purpose: CodeFor, connection: BaseDBAsyncClient | None = None
) -> Code | None:
    query = Code.filter(signer_id=signer.id, purpose=purpose.value, generation=generation(signer, purpose))
    if connection is not None:
        query = query.using_db(connection)
        query = query if is_sqlite() else query.select_for_update()
    return await query.order_by("-serial").first()


async def is_again(row: Code) -> bool:
    """Whether another code was asked for before, for the same purpose by the same link."""
    same = Code.filter(signer_id=row.signer_id, purpose=row.purpose, generation=row.generation)
    return await same.filter(serial__lt=row.serial).exists()


async def _sent(services: Services, signer: Signer, purpose: CodeFor, row: Code) -> SentCode:
    return SentCode(
        valid_until=row.sent_at + services.policy.code_lifetime,
        word=codes.word(services.code_key, code_subject(signer, purpose), row.serial),
        resend_at=row.sent_at + services.policy.code_resend,
        again=await is_again(row),
    )


async def send_code(
    services: Services, signer: Signer, purpose: CodeFor, *, browser: str, device: str = ""
) -> SentCode:
    """Have a new code mailed to the registered address; it ends the one before.

    *browser* tells browsers apart for the limits, *device* is a secret that only this one has. Raises Refused:
    RESEND_EARLY (seconds), RESEND_CAP.
    """
    now = services.now()
    _require_pause(services, await _newest(signer, purpose), now)
    await _require_below_cap(services, signer, browser, now)

    async def work(connection: BaseDBAsyncClient) -> Code:
        await store.lock(connection, signer.envelope_id)
        # Two presses at once both came this far; the second finds the first one's code.
        _require_pause(services, await _newest(signer, purpose, connection), now)
        last = await Code.filter(signer_id=signer.id).using_db(connection).order_by("-serial").first()
        row = await Code.create(
            signer_id=signer.id,
            purpose=purpose.value,
            generation=generation(signer, purpose),
            serial=last.serial + 1 if last else 1,
            asked_in=_mark(device),
            sent_at=now,
            using_db=connection,
        )
        ids = {"code": row.id, "signer": signer.id}
        await tasks.enqueue(
            connection, Task.CODE_MAIL, str(row.id), now=now, envelope_id=signer.envelope_id, ids=ids
        )
        await store.note(
            connection,
            signer.envelope_id,
            "code asked for",
            actor=actor_of(signer),
            now=now,
            payload={"for": purpose},
        )
        return row

    return await _sent(services, signer, purpose, await unit(work))


def _mark(device: str) -> str | None:
    """What is kept of a browser: enough to know it again, and nothing about it."""
    return sha256(device.encode()).hexdigest() if device else None


def _require_pause(services: Services, newest: Code | None, now: datetime) -> None:
    if newest is not None and now < newest.sent_at + services.policy.code_resend:
        wait = newest.sent_at + services.policy.code_resend - now
        raise Refused(Reason.RESEND_EARLY, seconds=int(wait.total_seconds()) + 1)


async def _require_below_cap(services: Services, signer: Signer, browser: str, now: datetime) -> None:
    policy = services.policy
    # The browser's own limits come first, so that what a stranger wastes is his own share of the total.
    limits = (
        (f"code-hour:{signer.ref}:{browser}", policy.codes_an_hour, hours(1)),
        (f"code-day:{signer.ref}:{browser}", policy.codes_a_day, days(1)),
        (f"code-total:{signer.ref}", policy.codes_a_day_total, days(1)),
    )
    for name, events, per in limits:
        if not await counters.allowed(name, events=events, per=per, now=now):
            raise Refused(Reason.RESEND_CAP)


async def check_code(
    services: Services, signer: Signer, purpose: CodeFor, typed: str, *, ip: str = "", device: str = ""
) -> Checked:
    """Judge what was typed against the newest code, and count it in the database. *ip*, *device*: where it was typed.

    A code may be typed in another browser than the one that asked for it; that is noted and reported by mail.
    After the policy's number of wrong entries the link is renewed: the old one dies, a new one goes to the registered
    address. Where the envelope's state allows no new link, no more entries are judged. Raises Refused:
    CODE_EMPTY and CODE_FORMAT, which count nothing, and LIMIT_REACHED.
    """
    given, now = codes.tidy(typed), services.now()

    async def work(connection: BaseDBAsyncClient) -> Checked:
        row = await _newest(signer, purpose, connection)
        if row is None:
            return Checked(verdict=Verdict.LATE)
        await _require_tries(services, connection, signer, purpose)
        issued = Issued(serial=row.serial, sent_at=row.sent_at, wrong=row.wrong, used_at=row.used_at)
        expected = codes.make(services.code_key, code_subject(signer, purpose), row.serial)
        here = row.asked_in is not None and row.asked_in == _mark(device)
        verdict = codes.check(
            issued, expected=expected, given=given, now=now, policy=services.policy, here=here
        )
        if verdict is Verdict.OK:
            elsewhere = row.asked_in is not None and not here
            await _proved(connection, signer, row, now, ip, elsewhere=elsewhere)
            await reachable.reached(connection, signer.email_look_up, now=now)
        elif verdict is Verdict.WRONG:
            return await _wrong(services, connection, row, (signer, purpose), now)
        return Checked(verdict=verdict)

    return await unit(work)


async def _require_tries(
    services: Services, connection: BaseDBAsyncClient, signer: Signer, purpose: CodeFor
) -> None:
    # A download link is always renewed, so its tries never run out here.
    wrong = (await Signer.filter(id=signer.id).using_db(connection).get()).wrong_codes
    if purpose is CodeFor.SIGN and wrong >= services.policy.link_tries:
        raise Refused(Reason.LIMIT_REACHED)


async def _proved(
    connection: BaseDBAsyncClient, signer: Signer, row: Code, now: datetime, ip: str, *, elsewhere: bool
) -> None:
    purpose = CodeFor(row.purpose)
    await Code.filter(id=row.id).using_db(connection).update(used_at=now)
    if purpose is CodeFor.SIGN:
        await Signer.filter(id=signer.id).using_db(connection).update(proved_at=now)
    payload = {"method": MAIL_CODE, "for": purpose, "serial": row.serial, **_from(ip)}
    if purpose is CodeFor.SIGN and (more := factors.second(signer.proof)) is not None:
        payload["then"] = more.value
    if elsewhere:
        payload["elsewhere"] = True
        ids = {"code": row.id, "signer": signer.id}
        await tasks.enqueue(
            connection, Task.DEVICE_MAIL, str(row.id), now=now, envelope_id=signer.envelope_id, ids=ids
        )
    await store.note(
        connection, signer.envelope_id, "proved", actor=actor_of(signer), now=now, payload=payload
    )


def _from(ip: str) -> dict[str, str]:
    """What the history notes of where a contractor's browser was. Of staff nothing is noted."""
    return {"ip": ip} if ip else {}


async def _wrong(
    services: Services,
    connection: BaseDBAsyncClient,
    row: Code,
    link: tuple[Signer, CodeFor],
    now: datetime,
) -> Checked:
    signer, purpose = link
    await Code.filter(id=row.id).using_db(connection).update(wrong=F("wrong") + 1)
    await Signer.filter(id=signer.id).using_db(connection).update(wrong_codes=F("wrong_codes") + 1)
    left = services.policy.code_tries - row.wrong - 1
    total = (await Signer.filter(id=signer.id).using_db(connection).get()).wrong_codes
    renewed = total >= services.policy.link_tries and await _renew(connection, signer, purpose, now)
    return Checked(verdict=Verdict.WRONG, left=left, renewed=renewed)


async def _renew(connection: BaseDBAsyncClient, signer: Signer, purpose: CodeFor, now: datetime) -> bool:
    """End the link and have a new one mailed; False where the state allows none.

    While a signature is being made its signer's generation must stay: the consent names it.
    """
    shot = await store.snapshot(connection=connection, id=signer.envelope_id)
    if purpose is CodeFor.SIGN and not permits(shot.state, Event.RENEWED):
        return False
    column = "generation" if purpose is CodeFor.SIGN else "download_generation"
    await Signer.filter(id=signer.id).using_db(connection).update(**{column: F(column) + 1, "wrong_codes": 0})
    ids, actor = {"signer": signer.id, "wrong": 1}, actor_of(signer)
    if purpose is CodeFor.SIGN:
        await store.apply(connection, shot.envelope, Event.RENEWED, By.SIGNER, actor=actor, now=now, ids=ids)
    else:
        # Whoever proved himself by the old link asks for a code again.
        await Proof.filter(signer_id=signer.id).using_db(connection).delete()
        await store.note(connection, signer.envelope_id, "download link renewed", actor=actor, now=now)
        key = f"wrong:{signer.id}:{signer.download_generation + 1}"
        await tasks.enqueue(
            connection, Task.FRESH_DOWNLOAD_MAIL, key, now=now, envelope_id=signer.envelope_id, ids=ids
        )
    return True


# Reading


async def view(services: Services, signer: Signer, document_id: int) -> None:
    """Note, once, that a proved signer had this document before him."""
    now = services.now()
    seen = Viewing.filter(signer_id=signer.id, document_id=document_id, generation=signer.generation)
    if await seen.exists():
        return

    async def work(connection: BaseDBAsyncClient) -> None:
        if await seen.using_db(connection).exists():
            return
        await Viewing.create(
            signer_id=signer.id,
            document_id=document_id,
            generation=signer.generation,
            at=now,
            using_db=connection,
        )
        await store.note(
            connection,
            signer.envelope_id,
            "document shown",
            actor=actor_of(signer),
            now=now,
            payload={"document": document_id},
        )

    await unit(work)


async def seen(signer: Signer) -> frozenset[int]:
    """Which documents (ids) this signer has had before him since his link was issued."""
    rows = await Viewing.filter(signer_id=signer.id, generation=signer.generation)
    return frozenset(row.document_id for row in rows)


_with_texts = Prepared(
    lambda signer_id, generation: Viewing.filter(signer_id=signer_id, generation=generation).select_related(
        "document__text"
    ),
    -1,
    -2,
)


async def shown(signer: Signer) -> Mapping[int, Document]:
    """The same documents by id, each with the row of its text."""
    return {row.document_id: row.document for row in await _with_texts(signer.id, signer.generation)}


# Consent


def party_of(signer: Signer) -> Party:
    """Who consents, in the words of the record."""
    return Party(
        ref=signer.ref,
        position=signer.position,
        company=signer.company,
        office=signer.office,
        person=signer.person,
        registry_revision=signer.registry_revision,
        address_look_up=signer.email_look_up,
    )


async def offered(shot: Snapshot, connection: BaseDBAsyncClient | None = None) -> tuple[Offered, ...]:
    """The documents as they are offered: prepared files and page images. Raises Refused(PAGES_NOT_READY)."""
    found = []
    for document in shot.documents:
        revisions = await store.segments(document.id, connection)
        if not revisions or document.pages_sha256 is None:
            raise Refused(Reason.PAGES_NOT_READY)
        prepared = revisions[0]
        found.append(
            Offered(
                position=document.position,
                title=document.title,
                sha256=prepared.sha256,
                length=prepared.length,
                pages_sha256=document.pages_sha256,
            )
        )
    return tuple(found)


def offer_digest(
    shot: Snapshot, signer: Signer, documents: Sequence[Offered], *, language: str = "ja"
) -> str:
    """The digest that the confirm form carries; *language*: that of the page it is on."""
    return consent.offer_digest(
        envelope=shot.envelope.ref,
        generation=signer.generation,
        documents=documents,
        signer=party_of(signer),
        text_version=consent.text_version(language),
    )


async def give_consent(
    services: Services,
    signer_ref: str,
    *,
    offer: str,
    grants: Sequence[Grant],
    actor: Actor,
    ip: str = "",
    language: str = "ja",
) -> Snapshot:
    """Record the consent, signed by the portal, and let the worker sign.

    *ip*: where a contractor pressed the button; *language*: that of the page with the button.

    A second press of the button finds the first one's consent and changes nothing. Raises Refused: whatever
    `require_open` says, PROOF_MISSING, DOCUMENTS_UNREAD, PAGES_NOT_READY, OFFER_CHANGED if what was shown is not
    what is offered now.
    """
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> Snapshot:
        shot, signer = await store.of_signer(signer_ref, connection=connection)
        if signer.consented_at is not None:
            return shot
        require_open(shot, signer, now=now)
        if not factors.suffice(signer.proof, grants):
            raise Refused(Reason.PROOF_MISSING)
        documents = await offered(shot, connection)
        if offer != offer_digest(shot, signer, documents, language=language):
            raise Refused(Reason.OFFER_CHANGED)
        await _require_read(connection, shot, signer)
        _, head = await history.head(Subject.ENVELOPE, shot.envelope.id, connection)
        said = consent.Consent(
            envelope=shot.envelope.ref,
            certificate_id=shot.envelope.certificate_id,
            generation=signer.generation,
            documents=documents,
            signer=party_of(signer),
            grants=tuple(grants),
            text_version=consent.text_version(language),
            at=consent.instant(now),
            nonce=secrets.token_hex(16),
            chain_head=head,
        )
        row = await _record(services, connection, signer, said, now)
        await store.apply(
            connection,
            shot.envelope,
            Event.CONSENTED,
            By.SIGNER,
            actor=actor,
            now=now,
            payload={
                "consent_sha256": row.sha256,
                "levels": [grant.level for grant in grants],
                **_from(ip),
            },
            ids={"consent": row.id, "signer": signer.id},
        )
        return shot

    return await unit(work)


async def _require_read(connection: BaseDBAsyncClient, shot: Snapshot, signer: Signer) -> None:
    rows = await Viewing.filter(signer_id=signer.id, generation=signer.generation).using_db(connection)
    read = {row.document_id for row in rows}
    unread = [str(document.position) for document in shot.documents if document.id not in read]
    if unread:
        raise Refused(Reason.DOCUMENTS_UNREAD, positions=" ".join(unread))


async def _record(
    services: Services,
    connection: BaseDBAsyncClient,
    signer: Signer,
    said: consent.Consent,
    now: datetime,
) -> Consent:
    data = consent.canonical(said)
    # Whoever pauses the same place at this moment, or asks for another proof there, does not touch the envelope's
    # version: one of the two finds no row.
    place = Signer.filter(
        id=signer.id,
        generation=signer.generation,
        proof=signer.proof,
        consented_at=None,
        paused_at=None,
    )
    if not await place.using_db(connection).update(consented_at=now):
        raise StaleEnvelope
    return await Consent.create(
        envelope_id=signer.envelope_id,
        signer_id=signer.id,
        generation=signer.generation,
        record=base64.b64encode(data).decode(),
        sha256=sha256(data).hexdigest(),
        signature=base64.b64encode(services.keyring.consent.sign(data)).decode(),
        key_id=services.keyring.consent.id,
        at=now,
        using_db=connection,
    )


def mail_code_grant(services: Services, at: datetime) -> Grant:
    """The grant of a code by mail: one channel, and said so."""
    issuer = services.settings.operator.name
    return Grant(method=MAIL_CODE, level=factors.Method.MAIL.value, issuer=issuer, at=consent.instant(at))


# Not signing


class Refusal(StrEnum):
    """差戻し or 辞退."""

    RETURN = "return"
    DECLINE = "decline"


_EVENTS: Final[Mapping[Refusal, Event]] = {Refusal.RETURN: Event.RETURNED, Refusal.DECLINE: Event.DECLINED}


def tidy_reason(reason: str, services: Services) -> str:
    """Return the reason without control characters. Raises Refused(REASON_MISSING | REASON_TOO_LONG)."""
    text = "".join(
        char for char in reason.replace("\r\n", "\n") if char == "\n" or char.isprintable()
    ).strip()
    if not text:
        raise Refused(Reason.REASON_MISSING)
    if len(text) > services.policy.reason_characters:
        raise Refused(Reason.REASON_TOO_LONG, limit=services.policy.reason_characters)
    return text


async def refuse(services: Services, signer_ref: str, refusal: Refusal, reason: str) -> Snapshot:
    """End the envelope with a reason; everybody who was asked is told."""
    text, now = tidy_reason(reason, services), services.now()
    event = _EVENTS[refusal]

    async def work(connection: BaseDBAsyncClient) -> Snapshot:
        shot, signer = await store.of_signer(signer_ref, connection=connection)
        require_open(shot, signer, now=now)
        await store.apply(
            connection,
            shot.envelope,
            event,
            By.SIGNER,
            actor=actor_of(signer),
            now=now,
            changes={"end_reason": text, "ended_on": now},
            payload={"reason": text},
            ids={"signer": signer.id},
        )
        return shot

    return await unit(work)


# Links again


LINK_ASKED: Final = "link asked for"
DOWNLOAD_ASKED: Final = "download asked for"


async def ask_link(services: Services, signer: Signer) -> None:
    """Have the same link mailed once more to the registered address; changes no state. Raises Refused(RESEND_CAP)."""
    await _ask_mail(services, signer, Task.NEW_LINK_MAIL, LINK_ASKED)


async def ask_download(services: Services, signer: Signer) -> None:
    """Have a fresh download link mailed to the registered address. Raises Refused(RESEND_CAP | NOT_PERMITTED)."""
    shot = await store.snapshot(id=signer.envelope_id)
    if shot.envelope.window_ends_at is None:
        raise Refused(Reason.NOT_PERMITTED, state=shot.state, event="download")
    await _ask_mail(services, signer, Task.FRESH_DOWNLOAD_MAIL, DOWNLOAD_ASKED)


async def _ask_mail(services: Services, signer: Signer, task: Task, kind: str) -> None:
    now = services.now()
    name = f"{task}:{signer.ref}"
    if not await counters.allowed(
        name, events=services.policy.new_links_a_day, per=timedelta(days=1), now=now
    ):
        raise Refused(Reason.RESEND_CAP)

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.note(connection, signer.envelope_id, kind, actor=actor_of(signer), now=now)
        n, _ = await history.head(Subject.ENVELOPE, signer.envelope_id, connection)
        key = f"{signer.envelope_id}:fact:{n}"
        await tasks.enqueue(
            connection, task, key, now=now, envelope_id=signer.envelope_id, ids={"signer": signer.id}
        )

    await unit(work)
