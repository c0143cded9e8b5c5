"""How far this machine's clock is from a time server's (SNTP, RFC 4330). Six digits count only in their half minute.

What is said of a difference holds for every clock that ours is compared with, a time stamping authority's too.
"""

import asyncio
import secrets
import socket
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.outcomes import Finding, Outcome
from envelopes.settings import Clock

NAME: Final = "時計"
FARTHEST: Final = timedelta(seconds=10)  # why: a third of a step of the authenticator's digits
SECONDS: Final = 5.0  # why: an answer that takes longer tells no time
_EPOCH: Final = datetime(1900, 1, 1, tzinfo=UTC)
_ASK: Final = 0x23  # version 4, mode 3: client
_SERVER: Final = 4  # the mode of an answer
_UNSYNCHRONISED: Final = 3  # the leap indicator of a server that does not know the time itself
_HIGHEST_STRATUM: Final = 15
_PACKET: Final = struct.Struct("!BBBb11I")
_FRACTION: Final = 2**32


class NoTime(ValueError):
    """The answer is none, or its server does not know the time."""


async def examine(settings: Clock, clock: Callable[[], datetime]) -> Outcome:
    """Compare, and say the difference."""
    if not settings.server:
        without = (
            "比べていません。設定の clock.server に時刻サーバー（例 ntp.nict.jp）を書くと、ずれを調べます。"
        )
        return Outcome(name=NAME, without=without)
    try:
        ahead = await asyncio.to_thread(difference, settings, clock)
    except (OSError, NoTime) as error:
        # No fault: many a network lets no such question out, and mail does not suffer from that.
        kind = type(error).__name__
        without = f"{settings.server} から時刻を取得できず（{kind}）、比べていません（UDP 123番の通信です）。"
        return Outcome(name=NAME, without=without)
    note, findings = compared(settings.server, ahead)
    return Outcome(name=NAME, notes=note, findings=findings)


def compared(who: str, ahead: timedelta) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """What to say where our clock is *ahead* of the clock of *who* (negative: behind): a note, or a finding."""
    said = f"{who} との差は {ahead.total_seconds():+.2f} 秒です"
    if abs(ahead) <= FARTHEST:
        return (said,), ()
    todo = "時刻の同期（systemd-timesyncd、chrony など）を動かしてください。6桁の数字と時刻印が合わなくなります。"
    return (), (Finding(said, todo),)


def difference(settings: Clock, clock: Callable[[], datetime]) -> timedelta:
    """How far *clock* is ahead of the server's (negative: behind). Blocks. Raises OSError, NoTime."""
    token = secrets.token_bytes(8)  # RFC 9109: a random number in the place of our time tells it to nobody
    ask = _PACKET.pack(_ASK, *([0] * 12), *struct.unpack("!II", token))
    family, kind, protocol, _, place = socket.getaddrinfo(
        settings.server, settings.port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, protocol) as line:
        line.settimeout(SECONDS)
        line.connect(place)
        sent = clock()
        line.send(ask)
        answer = line.recv(512)
    received = clock()
    first, second = _read(answer, token)
    return ((sent - first) + (received - second)) / 2


def _read(answer: bytes, token: bytes) -> tuple[datetime, datetime]:
    """When the server got the question, and when it answered."""
    if len(answer) < _PACKET.size:
        raise NoTime
    (
        head,
        stratum,
        *_,
    ) = _PACKET.unpack(answer[: _PACKET.size])
    known = 1 <= stratum <= _HIGHEST_STRATUM and head >> 6 != _UNSYNCHRONISED
    if head & 7 != _SERVER or not known or answer[24:32] != token:
        raise NoTime
    return _instant(answer[32:40]), _instant(answer[40:48])


def _instant(raw: bytes) -> datetime:
    seconds, fraction = struct.unpack("!II", raw)
    # RFC 4330 3: a clear highest bit means the era that begins in 2036.
    era = 0 if seconds & 0x80000000 else _FRACTION
    return _EPOCH + timedelta(seconds=era + seconds + fraction / _FRACTION)
