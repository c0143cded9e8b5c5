"""The intake's mailbox: every mail in it is taken in once and then moved away.

Theory of operation. "In the mailbox" is the state. A mail is fetched, kept with its task in one transaction, and only
then moved; a crash between the two leaves a known copy, which is only moved. IDLE is a hint: after it, and after every
new connection, the mailbox is searched. One watcher looks after a mailbox, by a lease in the database; that two do so
for a moment does no harm. What a mail says is not looked at here.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final

from tortoise.exceptions import BaseORMException

from bot.digest import digest
from bot.errors import ImapLost, ImapRefused
from bot.imap import Imap, ImapAccount
from envelopes.actions.worker import mails
from envelopes.actions.worker.mails import Copy
from envelopes.records import counters
from envelopes.rules.errors import Reason
from envelopes.services import Services
from envelopes.settings import Imap as ImapSettings

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=20)  # why: how long a mailbox is unwatched after its watcher was killed
BEAT: Final = 5.0  # why: three beats may be missed before the lease is over
TRIES: Final = 5  # why: an error that comes back five times is the mail's own
AGAIN: Final = 30.0  # why: a full disk or a store that is away gets some time before the next try
LOOK: Final = (
    60.0  # why: news that comes with the answer to a search is not repeated in IDLE; RFC 2177 allows 29 min
)
_FIRST_WAIT: Final = 1.0  # seconds before the second attempt to connect; doubled each time
_LONGEST_WAIT: Final = (
    60.0  # why: mail waits on the server meanwhile, and a server that is back is soon found
)


def account(settings: ImapSettings) -> ImapAccount:
    """How to open the mailbox that the settings name."""
    return ImapAccount(
        host=settings.host,
        port=settings.port,
        tls=settings.tls,
        user=settings.user,
        password=settings.password.get_secret_value(),
        ca_file=settings.ca_file,
    )


class Watcher:
    """Watches one mailbox until it is stopped."""

    def __init__(self, services: Services, account: ImapAccount) -> None:
        self._services = services
        self._account = account
        self._folders = services.settings.imap
        self.name = f"mailbox:{account.user}@{account.host}:{account.port}/{self._folders.mailbox}"[:120]
        self._holder = secrets.token_hex(8)
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until *stop*; trouble with server or database is waited out, longer each time."""
        try:
            while not stop.is_set():
                await self._round(stop)
        finally:
            await self._release()

    async def _release(self) -> None:
        try:
            await counters.release(self.name, self._holder)
        except (BaseORMException, OSError) as error:
            log.warning("mailbox: the lease ends by itself: %s", _kind(error))

    async def _round(self, stop: asyncio.Event) -> None:
        try:
            if await self._hold():
                await _first_of(stop.wait(), self._watch(), self._beat())
            else:
                await _pause(stop, BEAT)
        except Exception as error:  # noqa: BLE001 -- the top of the loop: logs, counts and backs off
            self._failures += 1
            log.warning("mailbox: %s", _kind(error))
            wait = min(_FIRST_WAIT * 2 ** (self._failures - 1), _LONGEST_WAIT)
            await _pause(stop, wait * random.uniform(0.8, 1.2))  # noqa: S311 -- spreads load, guards nothing

    async def _hold(self) -> bool:
        return await counters.hold(self.name, self._holder, now=self._services.now(), lasting=LEASE)

    async def _beat(self) -> None:
        """Keep the lease; returns when somebody else has it."""
        while await self._hold():  # noqa: ASYNC110 -- other processes hold leases too: there is no event to wait for
            await asyncio.sleep(BEAT)

    async def _watch(self) -> None:
        imap = Imap(self._account)
        try:
            await imap.connect()
            await imap.login()
            for folder in (self._folders.done, self._folders.failed):
                await imap.create(folder)
            while True:
                uidvalidity = await imap.select(self._folders.mailbox)
                uids = await imap.search()
                done = await self._empty(imap, uidvalidity, uids)
                self._failures = 0
                # Mails may have come while others were taken in, so only an empty mailbox is idled on.
                if not done or not uids:
                    await imap.idle(LOOK if done else AGAIN)
        finally:
            await imap.close()

    async def _empty(self, imap: Imap, uidvalidity: int, uids: Sequence[int]) -> bool:
        """Take in *uids* in the order of arrival; False where something must be tried again."""
        done = True
        for uid, size in (await imap.sizes(uids)).items():
            copy = Copy(mailbox=self.name, uidvalidity=uidvalidity, uid=uid)
            whole = size <= self._services.policy.mail_bytes
            if not whole:
                log.warning(
                    "mailbox: mail uid %d of %d bytes is over the limit and lies in Failed", uid, size
                )
            done &= await self._take(imap, copy, whole=whole)
        return done

    async def _take(self, imap: Imap, copy: Copy, *, whole: bool) -> bool:
        try:
            known = await mails.is_known(copy) or await self._keep(imap, copy, whole=whole)
        except (ImapLost, ImapRefused):
            raise  # the server's trouble, not this mail's
        except Exception as error:  # noqa: BLE001 -- one odd mail must not keep the others from being taken in
            return await self._failed(imap, copy, error)
        if known:
            await imap.move(copy.uid, self._folders.done if whole else self._folders.failed)
        return True

    async def _keep(self, imap: Imap, copy: Copy, *, whole: bool) -> bool:
        """Keep one mail durably, of one that is too big its head; False when it has gone meanwhile."""
        mail = await imap.fetch(copy.uid, whole=whole)
        if mail is None:
            return False
        await mails.take_in(
            self._services,
            copy,
            mail.raw,
            digest=digest(mail.raw),
            arrived_at=mail.internal_date,
            unread=None if whole else Reason.MAIL_TOO_BIG,
        )
        return True

    async def _failed(self, imap: Imap, copy: Copy, error: Exception) -> bool:
        """Count an error for this copy and leave it for the next round, or put it aside for the operator."""
        tries = await mails.count_failure(copy)
        log.warning("mailbox: mail uid %d: %s (%d)", copy.uid, _kind(error), tries)
        if tries < TRIES:
            return False
        log.error("mailbox: mail uid %d could not be taken in and lies in Failed", copy.uid)
        await imap.move(copy.uid, self._folders.failed)
        await mails.give_up(copy, now=self._services.now())
        return True


def _kind(error: Exception) -> str:
    """What an error may tell a log: our own texts hold nothing personal, others' may."""
    known = isinstance(error, ImapLost | ImapRefused)
    return f"{type(error).__name__} {error}" if known else type(error).__name__


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    await _first_of(stop.wait(), asyncio.sleep(seconds))


async def _first_of(*works: Coroutine[Any, Any, Any]) -> None:
    """Run *works* until one of them ends, end the others and raise what the ended ones raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
