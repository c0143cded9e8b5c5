"""Letters about the signed files: attached, or behind a link and why. What fits is `rules.delivery`'s business."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from bot import letters
from bot.case import (
    Case,
    Outgoing,
    Recipient,
    addressed,
    concerned,
    copied,
    document_line,
    document_lines,
    each_once,
    seat,
)
from bot.letters import DocumentLine, Letter
from bot.render import Attachment
from envelopes.records import anchors, history, store
from envelopes.records.history import Subject
from envelopes.records.models import CERTIFICATE, Delivery, Document
from envelopes.rules.addresses import domain_of
from envelopes.rules.delivery import Decision, WhyLink, decide
from envelopes.rules.kinds import Kind
from envelopes.rules.schedule import jst_day, window_end

_PARTY_IN_NAME: Final = 40  # characters; longer names of joint ventures break file systems
_UNSAFE_IN_NAME: Final = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')


async def completion(case: Case) -> list[Outgoing]:
    """To all who took part and those under 写し; or, after a refusal for size, to that one with the link."""
    people = each_once([*concerned(case), *await copied(case)])
    again = case.task.ids.get("delivery")
    if again is not None:
        refused = await Delivery.filter(id=again).get()
        people = [one for one in people if one.look_up == refused.recipient_look_up]
    documents = await document_lines(case.shot, revision=-1)
    certificate = await document_line(_certificate(case), revision=-1)
    _, head = await history.head(Subject.ENVELOPE, case.shot.envelope.id)
    anchor = await anchors.newest_value()
    accredited = await store.was_accredited(case.shot.envelope.id)
    files: list[bytes] = []
    mails = []
    for recipient in people:
        decision = _decide(case, recipient, (*documents, certificate), again=again is not None)
        if decision.attach and not files:
            files = [await _content(case, paper) for paper in case.shot.papers]
        attached = _attachments(case, files) if decision.attach else ()
        values = {
            "documents": documents,
            "certificate": certificate,
            "history_head": head,
            "anchor": anchor,
            "accredited": accredited,
        }
        letter = _completed(case, recipient, decision, attached=attached, values=values)
        mails.append(addressed(case, recipient, letter, attachments=attached, why_link=decision.why))
    return mails


def _completed(
    case: Case,
    recipient: Recipient,
    decision: Decision,
    *,
    attached: Sequence[Attachment],
    values: Mapping[str, Any],
) -> Letter:
    envelope = case.shot.envelope
    consents = [signer.consented_at for signer in case.shot.signers if signer.consented_at]
    consented_on = jst_day(max(consents))
    assert envelope.window_ends_at is not None
    return letters.CompletionMail(
        **case.foot,
        to=recipient.addressee,
        reader=recipient.reader,
        kind=Kind(envelope.kind),
        title=envelope.title,
        party=envelope.party,
        concluded_on=_concluded(case),
        consented_on=consented_on if consented_on != _concluded(case) else None,
        certificate_id=envelope.certificate_id,
        attached=tuple(item.ascii_name if recipient.plain_only else item.name for item in attached),
        why_link=decision.why,
        actual=decision.actual,
        limit=decision.limit,
        url=case.download(recipient),
        window_ends=envelope.window_ends_at,
        **values,
    )


def _certificate(case: Case) -> Document:
    """The 締結証明書: made with the completion, before its mail can be asked for."""
    assert case.shot.certificate is not None
    return case.shot.certificate


# The files


def _decide(case: Case, recipient: Recipient, papers: Sequence[DocumentLine], *, again: bool) -> Decision:
    sizes = [paper.size for paper in papers]
    if again:
        return Decision(attach=False, why=WhyLink.REFUSED_AS_TOO_BIG, actual=sum(sizes))
    return decide(
        sizes,
        domain=domain_of(recipient.address),
        carrier=recipient.plain_only,
        policy=case.services.policy,
    )


async def _content(case: Case, paper: Document) -> bytes:
    return await store.content(case.services.blobs, await store.segments(paper.id))


def _attachments(case: Case, files: Sequence[bytes]) -> tuple[Attachment, ...]:
    """The files under the names the town's procedure asks for; ASCII names for carriers."""
    envelope, papers = case.shot.envelope, case.shot.papers
    names = [_file_name(case, paper.title) for paper in papers]
    attached = []
    for place, (paper, name, content) in enumerate(zip(papers, names, files, strict=True), 1):
        unique = f"{name}_{place}" if names.count(name) > 1 else name
        which = "certificate" if paper.position == CERTIFICATE else str(paper.position)
        plain = f"{_concluded(case):%Y%m%d}_{envelope.amount or 0}_{envelope.number}-{which}.pdf"
        attached.append(Attachment(f"{unique}.pdf", plain, content))
    return tuple(attached)


def _file_name(case: Case, title: str) -> str:
    envelope = case.shot.envelope
    amount = "単価契約" if envelope.amount is None else str(envelope.amount)
    parts = (f"{_concluded(case):%Y%m%d}", amount, envelope.party[:_PARTY_IN_NAME], title)
    joined = _UNSAFE_IN_NAME.sub("_", "_".join(parts))
    return "".join(char for char in joined if unicodedata.category(char)[0] != "C")


def _concluded(case: Case) -> date:
    """契約締結日: set with the completion, before its mail can be asked for."""
    concluded = case.shot.envelope.transaction_on
    assert concluded is not None
    return concluded


# After the window


async def fresh_download(case: Case) -> list[Outgoing]:
    """The letter promises the window that the outbox opens with it."""
    signer, now = case.signer(), case.services.now()
    recipient = seat(signer)
    letter = letters.FreshDownloadMail(
        **case.foot,
        to=recipient.addressee,
        kind=Kind(case.shot.envelope.kind),
        title=case.shot.envelope.title,
        at=now,
        certificate_id=case.shot.envelope.certificate_id,
        url=case.download(recipient),
        window_ends=window_end(now, case.services.policy),
    )
    return [addressed(case, recipient, letter)]
