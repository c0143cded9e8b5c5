import resource
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from envelopes.papers.desk import PRELOAD, Papers
from envelopes.papers.limits import PaperLimits
from envelopes.papers.pages import Page
from envelopes.rules.errors import Reason, Refused
from envelopes.sandbox import Sandbox
from tests.papers import odd


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    box = Sandbox(preload=PRELOAD)
    await box.start()
    yield box
    await box.close()


def papers(sandbox: Sandbox, limits: PaperLimits = odd.LIMITS) -> Papers:
    return Papers(sandbox=sandbox, limits=limits)


async def test_a_document_comes_back_from_its_child(sandbox: Sandbox) -> None:
    received = await papers(sandbox).receive(odd.saved(odd.plain(2)), certificate_id=odd.ID)
    assert received.pages == 2
    (page,) = await papers(sandbox).render(received.data, first=1, last=1)
    assert page.text.endswith(odd.ID)


async def test_a_refusal_comes_back_with_its_reason(sandbox: Sandbox) -> None:
    with pytest.raises(Refused) as caught:
        await papers(sandbox).receive(odd.saved(odd.plain(size=(595, 60))), certificate_id=odd.ID)
    assert (caught.value.reason, caught.value.details) == (Reason.PDF_TINY_PAGE, {"page": 1})


async def test_a_bomb_is_refused_and_nothing_else_is_harmed(sandbox: Sandbox) -> None:
    # A few kilobytes that unpack to gigabytes of page content.
    pdf = odd.plain()
    pdf.pages[0].obj.Contents = pdf.make_stream(b"q Q " * (25 * odd.MIB))
    data = odd.saved(pdf)
    assert len(data) < 2 * odd.MIB
    with pytest.raises(Refused) as caught:
        await papers(sandbox, replace(odd.LIMITS, cpu_seconds=2, memory_bytes=512 * odd.MIB)).receive(
            data, certificate_id=odd.ID
        )
    assert caught.value.reason in {Reason.PDF_BROKEN, Reason.PDF_TOOK_TOO_LONG}
    assert (await papers(sandbox).receive(odd.saved(odd.plain()), certificate_id=odd.ID)).pages == 1


async def test_a_document_that_takes_too_long_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(Refused) as caught:
        await papers(sandbox, replace(odd.LIMITS, wall_seconds=0.3)).render(
            odd.saved(odd.plain(100)), first=1, last=100
        )
    assert caught.value.reason is Reason.PDF_TOOK_TOO_LONG


BRIEF = replace(odd.LIMITS, cpu_seconds=1)


@pytest.mark.parametrize("page", [0, 1])
async def test_a_document_whose_reading_never_ends_is_refused(sandbox: Sandbox, page: int) -> None:
    pdf = odd.plain(2)
    odd.never_read(pdf, page)
    with pytest.raises(Refused) as caught:
        await papers(sandbox, BRIEF).receive(odd.saved(pdf), certificate_id=odd.ID)
    assert caught.value.reason is Reason.PDF_TOOK_TOO_LONG


async def test_a_page_that_is_never_drawn_is_refused(sandbox: Sandbox) -> None:
    pdf = odd.plain(2)
    odd.never_drawn(pdf, 1)
    received = await papers(sandbox).receive(odd.saved(pdf), certificate_id=odd.ID)
    assert len(await papers(sandbox).render(received.data, first=1, last=1)) == 1
    with pytest.raises(Refused) as caught:
        await papers(sandbox, BRIEF).render(received.data, first=2, last=2)
    assert caught.value.reason is Reason.PDF_TOOK_TOO_LONG


async def test_two_hundred_pages_pass_batch_by_batch(sandbox: Sandbox) -> None:
    data = odd.saved(odd.plain(200, size=(595, 100)))
    received = await papers(sandbox).receive(data, certificate_id=odd.ID)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    numbers: list[int] = []
    async for batch in papers(sandbox).batches(received.data, count=received.pages):
        assert len(batch) <= odd.LIMITS.pages_per_batch
        numbers += [page.number for page in batch]
    assert numbers == list(range(1, 201))
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 64 * 1024


async def test_two_batches_are_drawn_at_once_and_none_for_nobody(sandbox: Sandbox) -> None:
    at_work: set[int] = set()
    together = 0

    class Counting(Papers):
        async def render(self, data: bytes, *, first: int, last: int) -> list[Page]:
            nonlocal together
            at_work.add(first)
            together = max(together, len(at_work))
            try:
                return await super().render(data, first=first, last=last)
            finally:
                at_work.discard(first)

    data, step = odd.saved(odd.plain(40, size=(595, 100))), odd.LIMITS.pages_per_batch
    async with aclosing(Counting(sandbox=sandbox, limits=odd.LIMITS).batches(data, count=40)) as batches:
        assert [page.number for page in await anext(batches)] == list(range(1, step + 1))
    assert (together, at_work) == (2, set())


async def outcome(sandbox: Sandbox, data: bytes) -> Reason | None:
    try:
        await papers(sandbox).receive(data, certificate_id=odd.ID)
    except Refused as refusal:
        return refusal.reason
    return None


async def test_damage_anywhere_is_repaired_or_refused(sandbox: Sandbox) -> None:
    good = odd.saved(odd.plain(3))
    found = set()
    for at in range(0, len(good) - 8, len(good) // 40):
        found.add(await outcome(sandbox, good[:at] + b"\x00/<(\xff]>R" + good[at + 8 :]))
    assert None in found
    assert found - {None} <= {Reason.PDF_BROKEN, Reason.PDF_NO_PAGES, Reason.PDF_UNSTAMPABLE}
    assert found - {None}
