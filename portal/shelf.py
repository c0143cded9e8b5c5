"""The envelopes that signers have open, each as it lies at one version: who signs, which papers, their pages.

All of that changes only with the envelope's version, so a page that has read the version need not read the rest again.
Not here: how the envelope and this signer stand, what he has proved and seen, and every text and file; those are read
from the database for each page.
"""

from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from aiohttp import web

from envelopes.actions import signer as act
from envelopes.records import store
from envelopes.records.models import Signer
from envelopes.records.store import Snapshot
from envelopes.rules.consent import Offered
from envelopes.rules.errors import Reason, Refused
from portal import papers
from portal.papers import Leaf

ROOM: Final = 200  # envelopes; each of some kilobytes, or a hundred more where it has thousands of pages
_FIGURES: Final = len(Leaf._fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What lies in an envelope at one version. *offered* is None until every paper is prepared."""

    shot: Snapshot
    offered: Sequence[Offered] | None
    _leaves: "dict[int, array[int]]" = field(default_factory=dict)

    def seen_by(self, signer: Signer) -> Snapshot:
        """The envelope with *signer*, his envelope and its section as they stand now."""
        others = [signer if other.id == signer.id else other for other in self.shot.signers]
        envelope = signer.envelope
        return replace(
            self.shot, envelope=envelope, section=envelope.section, drafter=envelope.drafter, signers=others
        )

    async def leaves(self, document_id: int) -> Sequence[Leaf]:
        """The images of a document's pages, by page and width."""
        kept = self._leaves.get(document_id)
        if kept is None:
            found = await papers.leaves(document_id)
            if self.offered is not None:
                # Bare figures: twelve thousand rows of an envelope would be megabytes.
                self._leaves[document_id] = array("H", chain.from_iterable(found))
            return found
        return [Leaf(*kept[at : at + _FIGURES]) for at in range(0, len(kept), _FIGURES)]

    @property
    def lengths(self) -> Mapping[int, int]:
        """Octets of the file that signers see, by the document's position."""
        return {one.position: one.length for one in self.offered or ()}


class Shelf:
    """Keeps the envelopes looked at last."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._kept: OrderedDict[int, tuple[int, Contents]] = OrderedDict()

    async def contents(self, signer: Signer) -> Contents:
        """What lies in the envelope of *signer*, who was read together with it. Raises Refused(RECORD_ALTERED)."""
        envelope = signer.envelope
        version, found = self._kept.get(envelope.id, (None, None))
        if found is None or version != envelope.version:
            found = await _read(envelope.id)
            self._keep(found)
        else:
            self._kept.move_to_end(envelope.id)
        return found

    def _keep(self, found: Contents) -> None:
        # What is still being made changes without a new version.
        if found.offered is not None:
            envelope = found.shot.envelope
            self._kept[envelope.id] = (envelope.version, found)
            self._kept.move_to_end(envelope.id)
            if len(self._kept) > self._room:
                self._kept.popitem(last=False)


async def _read(envelope_id: int) -> Contents:
    shot = await store.snapshot(id=envelope_id)
    try:
        return Contents(shot=shot, offered=await act.offered(shot))
    except Refused as refused:
        if refused.reason is not Reason.PAGES_NOT_READY:
            raise
        return Contents(shot=shot, offered=None)


SHELF: Final = web.AppKey("shelf", Shelf)
