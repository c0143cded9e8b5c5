"""Reading papers without touching them: every call goes to a sandbox. Knows no PDF itself."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from envelopes.papers import certificate, intake, office, pages
from envelopes.papers.certificate import Typeset
from envelopes.papers.convert import Converter
from envelopes.papers.intake import Received
from envelopes.papers.limits import PaperLimits
from envelopes.papers.office import Office
from envelopes.papers.pages import Page
from envelopes.rules.certificate import Certificate
from envelopes.rules.errors import Later, Reason, Refused
from envelopes.sandbox import Limits, Sandbox

T = TypeVar("T")

# What a sandbox for papers imports before it forks: these bring pikepdf, pdfium, Pillow and typst.
PRELOAD = (
    "envelopes.papers.certificate",
    "envelopes.papers.intake",
    "envelopes.papers.office",
    "envelopes.papers.pages",
    "PIL.WebPImagePlugin",
)
_BATCHES: Final = 2  # why: drawing is bound by processors, and the smallest server has two


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """The door to this package for the service. Refused is the only error of a bad document.

    `converter` is None where Word and Excel files cannot be made into PDFs.
    """

    sandbox: Sandbox
    limits: PaperLimits
    converter: Converter | None = None

    async def receive(self, data: bytes, *, certificate_id: str) -> Received:
        """Return the kept form of a PDF that came in, stamped with its certificate id."""
        return await self.run(
            partial(intake.receive, data, certificate_id=certificate_id, limits=self.limits)
        )

    async def examine(self, data: bytes, *, name: str) -> Office:
        """Return what kind of Office file *data* is; refuses what is none, or cannot be opened."""
        work = partial(office.examine, data, name)
        return await self.run(work, on_crash=Reason.OFFICE_BROKEN, on_timeout=Reason.OFFICE_TOOK_TOO_LONG)

    async def convert(self, data: bytes, kind: Office) -> bytes:
        """Return an Office file as a PDF, or refuse it."""
        if self.converter is None:
            raise Refused(Reason.OFFICE_UNAVAILABLE)
        return await self.converter.pdf(data, kind.format)

    async def render(self, data: bytes, *, first: int, last: int) -> list[Page]:
        """Return pages `first` to `last`, from 1, both included; all their images are in memory at once."""
        return await self.run(partial(pages.render, data, first=first, last=last))

    async def batches(self, data: bytes, *, count: int) -> AsyncGenerator[list[Page]]:
        """Give all `count` pages in order, a batch of the limits' size at a time. Close it where it is not used up.

        A second batch is drawn beside the first, and goes on being drawn while the first is dealt with.
        """
        step = self.limits.pages_per_batch
        drawn: deque[asyncio.Task[list[Page]]] = deque()
        try:
            for first in range(1, count + 1, step):
                work = self.render(data, first=first, last=min(first + step - 1, count))
                drawn.append(asyncio.create_task(work))
                if len(drawn) == _BATCHES:
                    yield await drawn.popleft()
            while drawn:
                yield await drawn.popleft()
        finally:
            for task in drawn:
                task.cancel()
            await asyncio.gather(*drawn, return_exceptions=True)

    async def typeset(self, said: Certificate) -> Typeset:
        """Return the paper of a completion certificate. Raises Later(CERTIFICATE_NOT_MADE)."""
        try:
            return await self.run(partial(certificate.typeset, said), threads=True)
        except Refused as refused:
            # No document is at fault: fonts are missing, or the machine has no memory.
            raise Later(Reason.CERTIFICATE_NOT_MADE, refused.reason) from None

    async def run(
        self,
        work: Callable[[], T],
        *,
        on_crash: Reason = Reason.PDF_BROKEN,
        on_timeout: Reason = Reason.PDF_TOOK_TOO_LONG,
        threads: bool = False,
    ) -> T:
        """Compute *work* (a function at the top of a module, or a partial of one) in a child."""
        given = self.limits
        limits = Limits(
            cpu_seconds=given.cpu_seconds,
            memory_bytes=given.memory_bytes,
            wall_seconds=given.wall_seconds,
            files=given.files,
            threads=threads,
        )
        return await self.sandbox.run(work, limits=limits, on_crash=on_crash, on_timeout=on_timeout)
