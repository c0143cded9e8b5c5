"""`fukan office`: makes PDFs of Word and Excel files, in a container of its own without keys or network."""

from pathlib import Path

from bot.app import office_limits
from envelopes.papers import convert, office_door
from envelopes.rules.errors import FukanError
from envelopes.rules.policy import Policy
from fukan import serve


class NoOffice(FukanError):
    """LibreOffice is not here."""


async def run(path: Path) -> None:
    """Answer at *path* until a signal comes. Raises NoOffice, and NetworkInReach where there is a network."""
    policy = Policy()
    programs = convert.installed()
    if programs is None:
        packages = "libreoffice-writer-nogui と libreoffice-calc-nogui"
        raise NoOffice(f"LibreOffice がありません。{packages} を入れてください。")
    converter = office_door.contained(programs, office_limits(policy))
    stop = serve.stop_on_signals()
    async with office_door.served(path, converter, most=policy.mail_bytes):
        print(f"{path} で待っています。", flush=True)
        await stop.wait()
