"""Judging what a stranger handed in on the public page: in a child, without keys or network, and not for long.

What becomes of the file and the result stands in `envelopes.actions.verification`.
"""

import asyncio
from functools import partial

from envelopes.actions import verification
from envelopes.actions.worker.workshop import Workshop
from envelopes.signing.inspection import Inspector, Trusted


async def judge(shop: Workshop, verification_id: int) -> None:
    """Judge one upload as of now, by our own roots and today's CRLs."""
    services, seal = shop.services, shop.seal
    now = services.now()
    evidence = await asyncio.to_thread(seal.evidence, now)
    inspector = Inspector(
        sandbox=shop.papers.sandbox,
        seconds=services.policy.verify_seconds,
        memory=services.policy.parse_memory,
    )
    trusted = Trusted(roots=seal.roots, crls=evidence.crls)
    await verification.judge(
        services, verification_id, by=partial(inspector.inspect, trusted=trusted, now=now)
    )
