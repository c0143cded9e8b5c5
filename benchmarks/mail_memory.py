"""Take mails in and send mails for long, and print by how many MiB the process has grown since it was warm."""

import asyncio
import sys
from pathlib import Path

from benchmarks import post
from bot.app import open_tools
from bot.mailbox import Watcher, account
from bot.worker import Worker
from envelopes.records.models import Mail
from tests.servers.dovecot_postfix import RealPostOffice

EACH_WAY = 5_000
WARM = 1_000  # each way: by then everything is loaded and every pool is filled
BATCH = 500


async def _run(folder: Path, office: RealPostOffice, user: str) -> float:
    async with post.installed(folder, office, user=user) as services, open_tools(services) as tools:
        watcher, warm = Watcher(services, account(services.settings.imap)), 0.0
        async with post.at_work(Worker(tools).run), post.at_work(watcher.run):
            for done in range(BATCH, EACH_WAY + 1, BATCH):
                await post.queue(services, BATCH, 3_000)
                await post.all_sent()
                await _all_read(done)
                if done == WARM:
                    warm = _resident()
        return _resident() - warm


async def _all_read(count: int) -> None:
    while await Mail.filter(read_at__isnull=False).count() < count:
        await asyncio.sleep(0.1)


def _resident() -> float:
    """Return what the process holds at this moment, in MiB."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    folder, user, smtp, imap = sys.argv[1:]
    office = RealPostOffice(
        folder=Path(folder), imap=int(imap), imaps=0, smtp=int(smtp), smtps=0, submission=0
    )
    print(asyncio.run(_run(Path(folder), office, user)))


if __name__ == "__main__":
    main()
