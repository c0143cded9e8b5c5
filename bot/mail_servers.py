"""Can the mail servers be used as the settings say: TLS, certificate, login, folder, and what the relay would take.

No mail is sent: the relay is told a sender and a recipient, and then that it was nothing. What DNS says of the town's
domain is `bot.mail_domain`'s business.
"""

import asyncio
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from bot.errors import ImapLost, ImapRefused
from bot.imap import Imap
from bot.mailbox import account
from bot.outcomes import Bearing, Finding, Outcome
from bot.relay import relay_of
from bot.smtp_thread import connected
from envelopes.rules.addresses import domain_of
from envelopes.rules.policy import Policy
from envelopes.settings import LOOPBACK, Settings, Tls

SMTP: Final = "メールの送信（SMTP）"
IMAP: Final = "メールの受信（IMAP）"
CERTIFICATE_DAYS: Final = (
    14  # why: certificates of 90 days are renewed when 30 are left; then something has failed
)
CONNECT_SECONDS: Final = 10.0  # why: a mail server that takes longer is as good as down
_DONE: Final = 2  # RFC 5321 4.2.1: the first digit of a yes
_PERMANENT: Final = 500  # RFC 5321 4.2.1
TRIAL: Final = "doctor"  # the sub-address of the intake that stands for a return path

_REACH: Final = "サーバーの名前とポート、ファイアウォールを確かめてください。"
_LOGIN: Final = "user とパスワードを確かめてください。続けて試すと、アカウントが止められることがあります。"
_CLEAR: Final = "契約書が平文で流れます。tls を設定してください。"
_TRUST: Final = "サーバーの証明書を直すか、社内の認証局なら、設定の ca_file にその証明書を書いてください。"
# What OpenSSL's verify codes mean (x509_vfy.h).
_TLS_FAULTS: Final = {
    9: "有効期間がまだ始まっていません",
    10: "有効期間が終わっています",
    18: "自己署名です",
    19: "知らない認証局のものです",
    20: "知らない認証局のものです",
    21: "知らない認証局のものか、中間証明書が足りません",
    62: "ほかの名前のものです",
    64: "ほかのアドレスのものです",
}


# Sending


async def sending(settings: Settings, policy: Policy, now: datetime) -> Outcome:
    """Say hello, log in, name sender and recipient as a mail would, and take leave."""
    findings: list[Finding] = []
    notes: list[str] = []
    if settings.smtp.tls is Tls.NONE and settings.smtp.host not in LOOPBACK:
        findings.append(Finding("[smtp] が TLS なしです", _CLEAR))
    try:
        async with asyncio.timeout(3 * CONNECT_SECONDS):
            certificate, offers = await asyncio.to_thread(_asked, settings)
        findings += _ending(certificate, now, "smtp")
        notes += _offered(offers, policy)
    except (OSError, ValueError) as error:
        findings.append(_smtp_fault(error, settings))
    return Outcome(name=SMTP, findings=tuple(findings), notes=tuple(notes) if not findings else ())


def _asked(settings: Settings) -> tuple[Any, Mapping[str, str]]:
    """Return the relay's certificate, None without TLS, and the extensions that it offers."""
    relay = relay_of(settings.smtp, helo=domain_of(settings.mail.address))
    with closing(connected(replace(relay, connect_seconds=CONNECT_SECONDS))) as client:
        _name(client, settings)
        secured = client.sock if isinstance(client.sock, ssl.SSLSocket) else None
        return secured.getpeercert() if secured else None, dict(client.esmtp_features)


class _NotTaken(smtplib.SMTPResponseException):
    """The relay refuses what stands in our mails as sender or recipient; *who* says which."""

    def __init__(self, answer: tuple[int, bytes], who: str) -> None:
        super().__init__(*answer)
        self.who = who


def _name(client: smtplib.SMTP, settings: Settings) -> None:
    """Have the relay say whether it takes mails from our return path to the intake."""
    path = trial_address(settings)
    for say, who in ((client.mail, "差出人"), (client.rcpt, "宛先")):
        answer = say(path)
        if answer[0] // 100 != _DONE:
            raise _NotTaken(answer, who)
    client.rset()


def trial_address(settings: Settings) -> str:
    """A sub-address of the intake, as return paths are."""
    local, _, domain = settings.mail.intake.rpartition("@")
    return f"{local}+{TRIAL}@{domain}"


def _offered(offers: Mapping[str, str], policy: Policy) -> Iterator[str]:
    size = offers.get("size", "")
    if size.isdecimal() and 0 < int(size) < policy.message_bytes:
        yield f"受け取る大きさは {int(size):,} バイトまでです。これより大きな契約書は、添付せずリンクで送ります。"
    if "dsn" not in offers:
        yield "DSN がありません。届かなかった理由が、相手のサーバーの言葉でしか分からないことがあります。"
    if "8bitmime" not in offers:
        yield "8BITMIME がありません。このサービスのメールは7ビットなので、差し支えありません。"


def _smtp_fault(error: Exception, settings: Settings) -> Finding:
    place = f"{settings.smtp.host}:{settings.smtp.port}"
    if (fault := _tls_fault(error)) is not None:
        return Finding(f"{place} の証明書が使えません：{fault}", _TRUST)
    match error:
        case smtplib.SMTPAuthenticationError(smtp_code=code):
            return Finding(f"{place} がログインを拒みました（{code}）", _LOGIN, _bearing(code))
        case _NotTaken(smtp_code=code, who=who):
            todo = "この差出人と、受付アドレスの + 付きのアドレスを、サーバーが受け付けるようにしてください。"
            what = f"{place} が{who} {trial_address(settings)} を拒みました（{code}）"
            return Finding(what, todo, _bearing(code))
        case smtplib.SMTPResponseException(smtp_code=code):
            return Finding(
                f"{place} が断りました（{code}）", "サーバーの記録を見てください。", Bearing.SILENCE
            )
        case smtplib.SMTPNotSupportedError() | ValueError():
            todo = "設定の smtp.tls（none、starttls、implicit）とポートの組合せ、サーバーの設定を確かめてください。"
            return Finding(f"{place} では、STARTTLS かログインができません", todo)
    return Finding(f"{place} につながりません（{type(error).__name__}）", _REACH, Bearing.SILENCE)


def _bearing(code: int) -> Bearing:
    """A refusal for now is as good as silence."""
    return Bearing.FAULT if code >= _PERMANENT else Bearing.SILENCE


# Receiving


async def receiving(settings: Settings, now: datetime) -> Outcome:
    """Log in, open the folder, and see how mails will be noticed and moved."""
    findings: list[Finding] = []
    notes: list[str] = []
    if not settings.imap.tls and settings.imap.host not in LOOPBACK:
        findings.append(Finding("[imap] が TLS なしです", _CLEAR))
    try:
        async with asyncio.timeout(3 * CONNECT_SECONDS):
            findings += _ending(await _certificate(settings), now, "imap")
            findings += await _opened(settings, notes)
    except (OSError, ImapLost, ImapRefused) as error:
        findings.append(_imap_fault(error, settings))
    return Outcome(name=IMAP, findings=tuple(findings), notes=tuple(notes) if not findings else ())


async def _certificate(settings: Settings) -> Any:
    """The server's certificate, verified; None without TLS."""
    imap = settings.imap
    context = ssl.create_default_context(cafile=imap.ca_file) if imap.tls else None
    async with asyncio.timeout(CONNECT_SECONDS):
        _, writer = await asyncio.open_connection(imap.host, imap.port, ssl=context)
    try:
        return _peer(writer.transport)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def _opened(settings: Settings, notes: list[str]) -> list[Finding]:
    imap = Imap(account(settings.imap))
    try:
        await imap.connect()
        await imap.login()
        await imap.select(settings.imap.mailbox)
        if not imap.can("IDLE"):
            notes.append("IDLE がありません。届いたメールに気付くまで、30秒ほどかかります。")
        if not (imap.can("MOVE") or imap.can("UIDPLUS")):
            todo = "どちらかのあるサーバーを使ってください。読んだメールを移せないと、受付が止まります。"
            return [Finding("MOVE も UIDPLUS もありません", todo)]
    finally:
        await imap.close()
    return []


def _imap_fault(error: Exception, settings: Settings) -> Finding:
    place = f"{settings.imap.host}:{settings.imap.port}"
    if (fault := _tls_fault(error)) is not None:
        return Finding(f"{place} の証明書が使えません：{fault}", _TRUST)
    match error:
        case ImapRefused(command="LOGIN"):
            return Finding(f"{place} がログインを拒みました（{error.code or 'NO'}）", _LOGIN)
        case ImapRefused(command="SELECT"):
            todo = "設定の imap.mailbox を直してください。"
            return Finding(f"{place} にフォルダー {settings.imap.mailbox} がありません", todo)
        case ImapRefused():
            return Finding(
                f"{place} が断りました（{error}）", "サーバーの記録を見てください。", Bearing.SILENCE
            )
    return Finding(f"{place} につながりません（{type(error).__name__}）", _REACH, Bearing.SILENCE)


# Certificates


def _peer(transport: asyncio.BaseTransport | None) -> Any:
    found = transport.get_extra_info("ssl_object") if transport is not None else None
    return found.getpeercert() if found is not None else None


def _ending(certificate: Any, now: datetime, section: str) -> Iterator[Finding]:
    if not certificate:
        return
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - now.timestamp()) // 86_400)
    if days < CERTIFICATE_DAYS:
        todo = "サーバーの証明書を新しくしてください。終わると、メールが止まります。"
        yield Finding(f"[{section}] のサーバーの証明書はあと{days}日です", todo, Bearing.NOTICE)


def _tls_fault(error: BaseException | None) -> str | None:
    """What is wrong with the server's certificate, if that is what *error* comes from."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _TLS_FAULTS.get(error.verify_code, error.verify_message)
        error = error.__cause__ or error.__context__
    return None
