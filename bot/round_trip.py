"""One mail from the service to its own intake and back by IMAP: the way that every report and every order takes.

Sent only when an operator asks for it (`fukan doctor --mail`). It goes to a sub-address, signed like any mail, and what
the servers made of it on the way is said: how long it took, whether the signature held, what they found of the sender.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import SMTP, compat32
from email.utils import format_datetime
from typing import Final

import dkim

from bot import dkim_signing
from bot.errors import ImapLost, ImapRefused
from bot.imap import Fetched, Imap
from bot.mail_domain import from_domain
from bot.mail_servers import trial_address
from bot.mailbox import account
from bot.outcomes import Finding, Outcome
from bot.resolver import DnsSilent, Resolver
from bot.smtp import Delivered, Sender, relay_of
from bot.time_check import FARTHEST
from envelopes.settings import Settings, SettingsFaulty

NAME: Final = "試しのメール"
PATIENCE: Final = 120.0  # why: a mail that takes longer comes too late for a code of ten minutes
_LOOK: Final = 1.0  # seconds between two looks into the mailbox
_MOST_SIGNATURES: Final = 5  # why: honest mail has one to three
_RESULT: Final = re.compile(r"\b(dmarc|dkim|spf)\s*=\s*(\w+)")
_TEXT: Final = "fukan doctor の試しのメールです。返信は要りません。\nA trial mail of fukan doctor.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Back:
    """A mail that came back: where it lay, and what it had become."""

    fetched: Fetched
    sent: datetime
    found: datetime

    @property
    def head(self) -> Message:
        return BytesHeaderParser(policy=compat32).parsebytes(self.fetched.raw)


async def examine(
    settings: Settings, clock: Callable[[], datetime], *, patience: float = PATIENCE
) -> Outcome:
    """Send the mail, wait for it, and say what became of it."""
    try:
        raw, name = _written(settings, clock())
    except SettingsFaulty as faulty:
        return Outcome(name=NAME, findings=(Finding(str(faulty), "設定の [[dkim]] を直してください。"),))
    sent = clock()
    if (refused := await _send(settings, raw, name)) is not None:
        return Outcome(name=NAME, findings=(refused,))
    try:
        fetched = await _awaited(settings, name, patience)
    except (ImapLost, ImapRefused) as error:
        finding = Finding(
            f"送れましたが、受信を確かめられません（{error}）", "「メールの受信」を直してください。"
        )
        return Outcome(name=NAME, findings=(finding,))
    if fetched is None:
        return Outcome(name=NAME, findings=(_not_back(settings, patience),))
    back = _Back(fetched=fetched, sent=sent, found=clock())
    said = [*_time(back), *_results(back, settings), *await asyncio.to_thread(_signatures, back, settings)]
    findings = tuple(one for one in said if isinstance(one, Finding))
    return Outcome(name=NAME, findings=findings, notes=tuple(one for one in said if isinstance(one, str)))


def _written(settings: Settings, now: datetime) -> tuple[bytes, str]:
    """The mail in bytes, and its Message-ID."""
    name = f"<doctor.{secrets.token_hex(16)}@{from_domain(settings)}>"
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = settings.mail.address, trial_address(settings)
    mail["Subject"] = "fukan doctor"
    mail["Date"], mail["Message-ID"] = format_datetime(now), name
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_TEXT, cte="base64")
    return dkim_signing.signed(mail.as_bytes(), dkim_signing.keys(settings), at=now), name


async def _send(settings: Settings, raw: bytes, name: str) -> Finding | None:
    sender = Sender(relay_of(settings.smtp, helo=from_domain(settings)))
    path = trial_address(settings)
    try:
        answer = await sender.send(sender=path, recipient=path, data=raw, envid=name.strip("<>"))
    finally:
        await sender.close()
    if isinstance(answer, Delivered):
        return None
    code = f"{answer.code} {answer.status}".strip() if answer.code else "返事がありません"
    todo = "「メールの送信」を直し、受付アドレスの + 付きのアドレスが届くようにしてください。"
    return Finding(f"{path} へ送れません（{code}）", todo)


def _not_back(settings: Settings, patience: float) -> Finding:
    todo = (
        f"メールサーバーが {trial_address(settings)} を {settings.imap.user or '受付の利用者'} の受信箱に届けるように"
        "してください（recipient_delimiter = +）。不達の知らせも、この道で届きます。"
    )
    return Finding(f"送れましたが、{patience:.0f}秒たっても届きません", todo)


async def _awaited(settings: Settings, name: str, patience: float) -> Fetched | None:
    """The mail, wherever it came to lie: a bot that runs moves it at once."""
    imap = Imap(account(settings.imap))
    try:
        await imap.connect()
        await imap.login()
        async with asyncio.timeout(patience):
            while (found := await _found(imap, settings, name)) is None:  # noqa: ASYNC110 -- IDLE knows one folder
                await asyncio.sleep(_LOOK)
            return found
    except TimeoutError:
        return None
    finally:
        await imap.close()


async def _found(imap: Imap, settings: Settings, name: str) -> Fetched | None:
    for folder in (settings.imap.mailbox, settings.imap.done, settings.imap.failed):
        try:
            await imap.select(folder)
        except ImapRefused:
            continue  # not made yet
        for uid in await imap.search(f'HEADER Message-ID "{name}"'):
            fetched = await imap.fetch(uid)
            if fetched is not None and folder == settings.imap.mailbox:
                await imap.create(settings.imap.done)
                await imap.move(uid, settings.imap.done)
            if fetched is not None:
                return fetched
    return None


# What became of it

Said = Iterator[Finding | str]


def _time(back: _Back) -> Said:
    yield f"{(back.found - back.sent).total_seconds():.0f}秒で戻りました。"
    arrived = back.fetched.internal_date
    early, late = back.sent - arrived, arrived - back.found
    off = max(early, late, timedelta())
    if off > FARTHEST:
        where = "遅れて" if early > late else "進んで"
        todo = "両方の時計を時刻サーバーに合わせてください。返信の6桁の数字は、届いた時刻で確かめます。"
        yield Finding(f"受信サーバーの時計が、この環境より{off.total_seconds():.0f}秒{where}います", todo)


def _results(back: _Back, settings: Settings) -> Said:
    """Authentication-Results (RFC 8601): whose, and what."""
    lines = [" ".join(str(line).split()) for line in back.head.get_all("Authentication-Results", [])]
    names = [line.partition(";")[0].split(" ")[0] for line in lines]
    trusted = settings.mail.trusted_authserv_ids
    if not lines:
        yield "受信サーバーは、差出人の確かめ（Authentication-Results）を書いていません。"
    elif not any(name in trusted for name in names):
        yield f"受信サーバーは {names[0]} の名で差出人を確かめています。設定の trusted_authserv_ids にありません。"
    for name, line in zip(names, lines, strict=True):
        if name in trusted and (found := dict(_RESULT.findall(line))):
            yield f"{name} の確かめ：{'、'.join(f'{key}={value}' for key, value in found.items())}"
            break


def _signatures(back: _Back, settings: Settings) -> Said:
    """Whether a signature of our own domain arrived whole, whoever made it."""
    resolver, own = Resolver(settings.dns), from_domain(settings)
    mail = dkim.DKIM(back.fetched.raw)
    aligned, held = 0, 0
    for index in range(min(_MOST_SIGNATURES, len(back.head.get_all("DKIM-Signature", [])))):
        held_here, domain = _judged(mail, index, resolver)
        if own == domain or own.endswith(f".{domain}"):
            aligned, held = aligned + 1, held + held_here
    if held:
        yield f"{own} の署名（DKIM）は、届いたあとも確かめられます。"
    elif aligned:
        todo = "「DKIM」を直し、途中のサーバーがメールを書き換えていないか確かめてください。"
        yield Finding(f"{own} の署名（DKIM）が、届いたメールでは確かめられません", todo)
    else:
        yield f"{own} の署名（DKIM）がありません。fukan dkim new で鍵を作るか、中継サーバーに付けさせてください。"


def _judged(mail: dkim.DKIM, index: int, resolver: Resolver) -> tuple[bool, str]:
    def ask(name: bytes, timeout: int = 0) -> bytes | None:  # noqa: ARG001 -- dkimpy's signature
        return next(iter(resolver.texts(name.decode("ascii", "replace").rstrip("."))), None)

    try:
        held = bool(mail.verify(index, dnsfunc=ask))
    except (dkim.DKIMException, DnsSilent):
        held = False
    return held, (mail.domain or b"").decode("ascii", "replace").lower()
