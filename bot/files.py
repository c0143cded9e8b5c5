"""The files of a mail → papers that are fit for a draft, and a remark about every other file.

A PDF is taken as it is, Word and Excel files are made into PDFs first; nothing is dropped without a word. What a PDF
must be stands in `envelopes.papers`. Whether there is an order at all is the desk's question.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from bot.parse import Attachment
from envelopes.actions.ordering import Order
from envelopes.actions.worker.drafts import Paper
from envelopes.actions.worker.workshop import Workshop
from envelopes.papers.desk import Papers
from envelopes.papers.office import ENDINGS, Office
from envelopes.rules import exclusions, orders
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.policy import Policy
from envelopes.rules.reading import Remark

# Parts of mailers' own book-keeping: nobody has attached them.
_UNSEEN: Final = frozenset(
    {
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
        "application/applefile",
    }
)
# Logos, maps to the office, business cards, appointments: beside a document they may stay behind, with a word.
ASIDE: Final = ("image/", "text/vcard", "text/x-vcard", "text/directory", "text/calendar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that can become a document. `office` is None for a PDF."""

    file: Attachment
    office: Office | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """The files of a mail: documents as they came, and what is said of the others."""

    documents: tuple[Document, ...]
    problems: tuple[Remark, ...]
    warnings: tuple[Remark, ...]

    @property
    def to_convert(self) -> bool:
        """Whether this will take its time."""
        return any(document.office is not None for document in self.documents)


async def sort(papers: Papers, attachments: Sequence[Attachment]) -> Sorted:
    """Tell documents from other files, by content. Converts nothing yet."""
    documents: list[Document] = []
    others: list[tuple[Attachment, Reason]] = []
    for file in attachments:
        if file.media_type in _UNSEEN:
            continue
        try:
            documents.append(await _document(papers, file))
        except Refused as refused:
            others.append((file, refused.reason))
    aside = [
        _remark(file, Reason.FILE_LEFT_OUT) for file, why in others if documents and _may_stay(file, why)
    ]
    wrong = [_remark(file, why) for file, why in others if not (documents and _may_stay(file, why))]
    # Where files came that cannot be used, that has been said of each.
    nothing = () if documents or wrong else (Remark(reason=Reason.NO_DOCUMENT),)
    return Sorted(documents=tuple(documents), problems=(*wrong, *nothing), warnings=tuple(aside))


async def _document(papers: Papers, file: Attachment) -> Document:
    if file.is_pdf:
        return Document(file=file, office=None)
    if file.problem is not None:
        raise Refused(file.problem)
    office = await papers.examine(file.data, name=file.name)
    if papers.converter is None:
        raise Refused(Reason.OFFICE_UNAVAILABLE)
    return Document(file=file, office=office)


def _may_stay(file: Attachment, reason: Reason) -> bool:
    return reason is Reason.FILE_TYPE and file.media_type.startswith(ASIDE)


def _remark(file: Attachment, reason: Reason) -> Remark:
    return Remark(reason=reason, details={"file": file.name})


async def receive(shop: Workshop, files: Sorted, certificate_id: str, order: Order) -> list[Paper]:
    """Make papers of the documents, in their order; everything that is not fit becomes a problem of *order*."""
    order.problems += files.problems
    order.warnings += files.warnings
    documents = _in_order(files.documents, order)
    limit = shop.services.policy.documents_per_envelope
    if len(documents) > limit:
        details = {"actual": len(documents), "limit": limit}
        order.problems.append(Remark(reason=Reason.TOO_MANY_DOCUMENTS, details=details))
        return []
    received = [
        await _receive(shop, document, position, certificate_id, order)
        for position, document in enumerate(documents, 1)
    ]
    return [paper for paper in received if paper is not None]


def _in_order(documents: Sequence[Document], order: Order) -> list[Document]:
    """Documents that lines 文書N name come first; a line that names none of them is a problem."""
    names = [document.file.name for document in documents]
    places, unknown = orders.in_order(names, order.reading.documents)
    if documents:
        order.problems += [
            Remark.of(line.problem(Reason.DOCUMENT_UNKNOWN, said=line.value)) for line in unknown
        ]
    return [documents[place] for place in places]


async def _receive(
    shop: Workshop, document: Document, position: int, certificate_id: str, order: Order
) -> Paper | None:
    file, policy = document.file, shop.services.policy
    about: dict[str, str | int] = {"file": file.name, "position": position}
    try:
        pdf = await _pdf(shop.papers, document)
        received = await shop.papers.receive(pdf, certificate_id=f"{certificate_id}-{position}")
    except Refused as refused:
        order.problems.append(Remark(reason=refused.reason, details=refused.details | about))
        return None
    warnings = (*_of_making(document), *received.warnings)
    order.warnings += [Remark(reason=reason, details=about) for reason in warnings]
    order.warnings += _exclusions(received.texts, about, policy)
    return Paper(
        title=document_title(file.name, position, limit=policy.title_characters),
        file_name=file.name,
        original=file.data,
        data=received.data,
        pages=received.pages,
        warnings=warnings,
    )


async def _pdf(papers: Papers, document: Document) -> bytes:
    data = document.file.data
    return data if document.office is None else await papers.convert(data, document.office)


def _of_making(document: Document) -> tuple[Reason, ...]:
    """What staff should look at where the PDF was made here."""
    return () if document.office is None else (Reason.OFFICE_CONVERTED, *document.office.warnings)


def _exclusions(texts: Sequence[str], about: Mapping[str, str | int], policy: Policy) -> list[Remark]:
    """What the words on the pages give to ask before the draft is sent."""
    return [
        Remark(
            reason=sign.reason,
            details={
                **about,
                "years": policy.term_years,
                "found": sign.phrase,
                "where": f"{sign.page}ページ「{sign.phrase}」",
            },
        )
        for sign in exclusions.in_pages(texts, policy)
    ]


def document_title(file_name: str, position: int, *, limit: int) -> str:
    """The file's name without its ending, composed (macOS decomposes), at most *limit* characters; never empty."""
    name = PurePath(unicodedata.normalize("NFC", file_name)).name
    stem = name[: -len(ending)] if (ending := _ending(name)) else name
    printable = "".join(char if char.isprintable() else " " for char in stem)
    return " ".join(printable.split())[:limit].rstrip() or f"文書{position}"


def _ending(name: str) -> str:
    """The ending of a document's name with its dot, "" where a dot belongs to the title (第1回.変更契約)."""
    last = name[name.rfind(".") :] if "." in name else ""
    return last if last.lower().removeprefix(".") in {"pdf", *ENDINGS} else ""
