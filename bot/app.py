"""The bot: watcher, worker and clock around one set of services, until it is told to stop."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tortoise.exceptions import BaseORMException

from bot import authorities, clock, custody, dkim_signing, health, mail_examination, pki
from bot.mailbox import Watcher, account
from bot.outbox import Post
from bot.pace import Pace
from bot.smtp import Sender, relay_of
from bot.worker import Tools, Worker
from envelopes import keyring
from envelopes.actions import operating
from envelopes.actions.worker.workshop import Workshop
from envelopes.papers import convert
from envelopes.papers import desk as papers
from envelopes.papers.convert import Converter, OfficeLimits
from envelopes.papers.desk import Papers
from envelopes.papers.limits import PaperLimits
from envelopes.papers.office_door import Remote
from envelopes.rules.addresses import domain_of
from envelopes.rules.errors import FukanError
from envelopes.rules.policy import Policy
from envelopes.sandbox import Sandbox
from envelopes.services import Services
from envelopes.signing import outside, seal

log = logging.getLogger(__name__)

# Imported once before any child is made; a child then starts in milliseconds.
PRELOAD: Final = (
    *papers.PRELOAD,
    "bot.parse",
    "bot.signatures",
    "envelopes.signing.seal",
    "envelopes.signing.rehearsal",
)
PUBLISH: Final = 6 * 3600.0  # why: CRLs are made anew when a day old, so four looks a day are enough
EXAMINE_FIRST: Final = 60.0  # why: servers on one machine start together, and commands end sooner
EXAMINE: Final = 6 * 3600.0  # why: records in DNS change in hours, and a verdict lasts for days
_PAGES_PER_BATCH: Final = 8  # why: page images of one batch are in memory at once, about 2 MB a page
_OPEN_FILES: Final = 64  # why: a child that reads a document opens fonts and little else


async def run(services: Services, *, stop: asyncio.Event, ready: asyncio.Event | None = None) -> None:
    """Run the bot until *stop*; *ready* is set once it works. The database is open and up to date.

    Raises SandboxUnavailable and Later(KEY_UNAVAILABLE) where it cannot start, and any other FukanError that ends it as
    itself; a surprise comes in its group, with every traceback.
    """
    async with open_tools(services) as tools:
        await asyncio.to_thread(_look_after, services, tools.shop.seal)
        await health.look(services, tools.shop.seal)
        await health.try_out(services, tools.shop.seal)
        await operating.note_settings(services)
        try:
            await _work(services, tools, stop, ready)
        except ExceptionGroup as group:
            error = _expected(group)
            if error is None:
                raise
            # Who runs the bot knows what to say of this error; the group would be a page of tracebacks.
            raise error from None


async def _work(services: Services, tools: Tools, stop: asyncio.Event, ready: asyncio.Event | None) -> None:
    watcher = Watcher(services, account(services.settings.imap))
    async with asyncio.TaskGroup() as group:
        group.create_task(watcher.run(stop))
        group.create_task(Worker(tools).run(stop))
        group.create_task(clock.run(services, stop))
        group.create_task(_look_daily(tools, stop))
        group.create_task(_look_at_mail(services, stop))
        if ready is not None:
            ready.set()


def _expected(group: ExceptionGroup[Exception]) -> FukanError | None:
    """The first error in *group*, if all of them are errors that a person can be told of."""
    errors = [_expected(one) if isinstance(one, ExceptionGroup) else one for one in group.exceptions]
    known = [one for one in errors if isinstance(one, FukanError)]
    return known[0] if len(known) == len(errors) else None


@asynccontextmanager
async def open_tools(services: Services) -> AsyncIterator[Tools]:
    """Start the sandbox, load the seal and reach for the relay; take leave of all three at the end."""
    sandbox = Sandbox(preload=PRELOAD)
    # Before the signing key is loaded: what reads foreign bytes has never seen it.
    await sandbox.start()
    relay = relay_of(services.settings.smtp, helo=domain_of(services.settings.mail.address))
    pace = Pace(services.policy)
    post = Post(services=services, mails=Sender(relay), codes=Sender(relay), pace=pace)
    times = None
    try:
        # A key that cannot sign is said now, not with the first mail.
        dkim_signing.keys(services.settings)
        times = authorities.chosen(services.settings, clock=services.clock)
        loaded = await asyncio.to_thread(_seal, services, times)
        converter = await _converter(services)
        paper = Papers(sandbox=sandbox, limits=paper_limits(services.policy), converter=converter)
        yield Tools(shop=Workshop(services=services, seal=loaded, papers=paper), post=post)
    finally:
        await post.close()
        if times is not None:
            times.close()
        await sandbox.close()


def _seal(services: Services, times: outside.Authorities | None) -> seal.Seal:
    keys = services.settings.keys_directory
    own = seal.embedded(
        pki.directory(keys),
        passphrase=keyring.passphrase(keys),
        clock=services.clock,
        held=custody.chosen(services.settings, clock=services.clock),
    )
    if times is None:
        return own
    # Whoever is asked for a time must have been met before: what proves his tokens is written first.
    times.evidence(services.now(), fresh=False)
    return outside.sealed_by(own, times)


def _look_after(services: Services, loaded: seal.Seal) -> None:
    now = services.now()
    pki.look_after(services.settings, now, roots=loaded.roots, crls=loaded.evidence(now).crls)


def paper_limits(policy: Policy) -> PaperLimits:
    """The policy's limits on documents, and what reading one may cost."""
    return PaperLimits(
        max_bytes=policy.pdf_bytes,
        max_pages=policy.pdf_pages,
        min_side_pt=policy.pdf_min_side_pt,
        pages_per_batch=_PAGES_PER_BATCH,
        cpu_seconds=int(policy.parse_seconds),
        memory_bytes=policy.parse_memory,
        wall_seconds=policy.parse_seconds,
        files=_OPEN_FILES,
    )


async def _converter(services: Services) -> Converter | None:
    limits, place = office_limits(services.policy), services.settings.office.socket
    if place is not None:
        return Remote(path=place, limits=limits)
    converter = await convert.found(limits)
    if converter is None:
        log.info("Word and Excel files cannot be converted here; `fukan doctor` says why")
    return converter


def office_limits(policy: Policy) -> OfficeLimits:
    """The policy's limits on making a PDF of an Office file."""
    return OfficeLimits(
        wall_seconds=policy.office_seconds,
        memory_bytes=policy.office_memory,
        pdf_bytes=policy.pdf_bytes,
        at_once=policy.office_at_once,
    )


# Certificates


async def _look_daily(tools: Tools, stop: asyncio.Event) -> None:
    """Have the authority looked after, and see which certificate is about to end."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PUBLISH)
        try:
            services, seal = tools.services, tools.shop.seal
            await asyncio.to_thread(_look_after, services, seal)
            await health.look(services, seal)
            await health.try_out(services, seal)
        except (FukanError, BaseORMException, OSError) as error:
            log.warning("looking after certificates: %s", type(error).__name__)


# Mail


async def _look_at_mail(services: Services, stop: asyncio.Event) -> None:
    """Examine servers, DNS and clock, so that the verdict on which orders by reply rest is a fresh one."""
    wait = EXAMINE_FIRST
    while not await _stops_within(stop, wait):
        wait = EXAMINE
        try:
            for outcome in await mail_examination.look(services):
                if outcome.findings:
                    log.warning(
                        "mail: %s has %d findings; see fukan doctor", outcome.name, len(outcome.findings)
                    )
        except (FukanError, BaseORMException, OSError) as error:
            log.warning("looking at the mail: %s", type(error).__name__)


async def _stops_within(stop: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()
