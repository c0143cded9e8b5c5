"""Is the history (操作ログ) what it was? Chains, timestamped roots, and the values that mails carried away.

Reads and never mends, needs no signing key, trusts no row. What a chain is, `records.history` knows; what an anchor
is, `records.anchors`. The embedded authority is no independent witness, and the report says so.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from types import MappingProxyType
from typing import Final

from bot import authorities
from envelopes.records import anchors, history
from envelopes.records.anchors import Fault, Judge, Wrong
from envelopes.records.history import Subject
from envelopes.records.models import Anchor, Envelope, Fact
from envelopes.rules.wording import jst_datetime
from envelopes.services import Services
from envelopes.settings import Settings
from envelopes.signing import authority, stamps
from envelopes.signing.certificates import Role
from envelopes.signing.trust import Evidence
from fukan.installation import authority_directory, opened

NO_MAILS: Final[Mapping[str, bytes]] = MappingProxyType({})
LATE: Final = timedelta(hours=3)  # why: anchored hourly; two hours that failed are no sign of anything yet

SKEW: Final = timedelta(minutes=1)  # why: so far may the clocks of two authorities lie apart

NO_WITNESS: Final = (
    "（注）時刻証明は、このシステムに組み込みの認証局のものです。総務大臣の認定を受けたものではなく、独立した"
    "第三者の証明でもありません。認証局の鍵とデータベースの両方を持つ人による書き換えは、これだけでは分かりません。"
    "相手方や職員が保存しているメールの先頭値と、--against で照合してください。"
)

MIXED: Final = (
    "（注）設定した外部の認証局による時刻証明は、その認証局が証明しています。組み込みの認証局によるものは、独立した"
    "第三者の証明ではありません。どちらが何件かは、認証局ごとの件数で確かめてください。"
)

_SUBJECTS: Final[Mapping[str, str]] = {
    Subject.ENVELOPE: "封筒",
    Subject.CONTACT: "台帳",
    Subject.APPLICATION: "登録の申請",
    Subject.STAFF: "職員",
    Subject.SETTINGS: "設定",
}
_CHAIN_FAULTS: Final[Mapping[str, str]] = {
    "missing row before it": "前の行がありません",
    "hash differs": "書き換えられています",
    "payload differs": "内容が書き換えられています",
}
_FAULTS: Final[Mapping[Fault, str]] = {
    Fault.MISSING: "ありません（消されています）",
    Fault.NOT_LINKED: "前の時刻証明とつながりません",
    Fault.TOKEN_UNREADABLE: "トークンが読めません",
    Fault.TOKEN_OVER_OTHER_DATA: "トークンが、いまの記録とは違うものを証明しています",
    Fault.TOKEN_NOT_TRUSTED: "トークンの署名か証明書を信頼できません（失効リストが古いか、取得できない場合もあります）",
    Fault.ROWS_DIFFER: "対象の行が、証明されたときと違います（どの行かは分かりません）",
    Fault.ROW_ALTERED: "証明されたあとで書き換えられています",
    Fault.ROW_DELETED: "証明されたあとで消されています",
    Fault.ROW_INSERTED: "証明されたあとで差し込まれています",
    Fault.ROW_MOVED: "証明されたあとで順序が入れ替えられています",
}

# The label that the mails put before the value; quoting and line ends of mail programs may stand between.
_HEAD: Final = re.compile(r"記録の先頭値[^\n]*\n[>\s]*([0-9a-f]{64})\b")
_ANCHOR: Final = re.compile(r"操作ログの時刻証明の値[^\n]*\n[>\s]*([0-9a-f]{64})\b")
_TAG: Final = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was looked at, line by line, and what is wrong; sound if nothing is."""

    seen: tuple[str, ...]
    wrong: tuple[str, ...]
    note: str

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return not self.wrong

    def words(self) -> str:
        """The lines to print."""
        return "\n".join(
            [*(f"○ {line}" for line in self.seen), *(f"× {line}" for line in self.wrong), self.note]
        )

    def as_json(self) -> str:
        """The same for programs: `sound`, `seen`, `wrong`, `note`."""
        said = {"sound": self.is_sound, "seen": self.seen, "wrong": self.wrong, "note": self.note}
        return json.dumps(said, ensure_ascii=False, indent=1)


async def examine(services: Services, mails: Mapping[str, bytes] = NO_MAILS) -> Report:
    """Walk all chains and anchors, and look for the heads of *mails* (by name). The database is open."""
    now, judge = services.now(), await judge_of(services)
    wrong = [line async for line in _broken_chains()]
    wrong += [line async for line in wrong_anchors(judge, now=now)]
    found = [await _head_of(name, raw) for name, raw in mails.items()]
    found += [await _anchor_of(name, value) for name, raw in mails.items() if (value := anchor_in(raw))]
    wrong += [line for is_there, line in found if not is_there]
    seen = await _seen(judge.given) if not wrong else []
    return Report(
        seen=(*seen, *(line for is_there, line in found if is_there)),
        wrong=tuple(wrong),
        note=MIXED if services.settings.tsa else NO_WITNESS,
    )


async def _seen(given: Mapping[str, int]) -> list[str]:
    """How much was looked at, where all of it was found to be right."""
    newest, waiting = await anchors.last(), await anchors.waiting()
    facts = await Fact.all().count()
    chains = len(await Fact.all().distinct().values_list("subject", "subject_id"))
    lines = [f"操作ログのつながり：{chains}本、{facts}行"]
    if newest is not None:
        at = jst_datetime(newest.at, seconds=True)
        lines.append(f"操作ログの時刻証明：{newest.n}件、{facts - waiting}行（最後は{at}）")
        lines += [f"時刻を証明した認証局：{name}（{count}件）" for name, count in sorted(given.items())]
    if waiting:
        lines.append(f"時刻証明を待っている行：{waiting}行（1時間ごと、または契約の完了時に付きます）")
    return lines


# Chains and anchors


async def _broken_chains() -> AsyncIterator[str]:
    async for broken in history.verify():
        where = await place(broken.subject, broken.subject_id, broken.n)
        yield f"操作ログのつながり：{where}：{_CHAIN_FAULTS.get(broken.fault, broken.fault)}"


async def place(subject: str, subject_id: int, n: int) -> str:
    """A row in words: whose history, by the envelope's number where there is one, and which line."""
    name = f"{_SUBJECTS.get(subject, subject)} {subject_id}"
    if subject == Subject.ENVELOPE:
        envelope = await Envelope.filter(id=subject_id).first()
        name += f"（{envelope.number or envelope.draft_number}）" if envelope else "（封筒なし）"
    return f"{name} の {n} 行目"


async def wrong_anchors(judge: Judge, *, now: datetime) -> AsyncIterator[str]:
    """Name every fault of the anchors and of the rows under them, and rows that should be anchored by now."""
    async for wrong in anchors.verify(judge, now=now):
        yield await _words(wrong)
    newest = await anchors.last()
    late = Fact.filter(id__gt=newest.last_id if newest else 0, at__lt=now - LATE)
    if count := await late.count():
        yield (
            f"操作ログの時刻証明：{count}行が、書かれて{LATE // timedelta(hours=1)}時間たっても証明されていません"
            "（fukan serve bot が動いているか、時刻証明が消されていないか）"
        )


async def _words(wrong: Wrong) -> str:
    if wrong.line:
        number, subject, subject_id, n, _ = wrong.line.split(" ")
        where = await place(subject, int(subject_id), int(n))
        return f"操作ログの時刻証明 {wrong.n}：{where}（facts.id {number}）：{_FAULTS[wrong.fault]}"
    anchor = await Anchor.filter(n=wrong.n).first()
    rows = f"（facts.id {anchor.first_id}〜{anchor.last_id}）" if anchor else ""
    return f"操作ログの時刻証明 {wrong.n}{rows}：{_FAULTS[wrong.fault]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenJudge:
    """Judges tokens by *roots* (DER) and *evidence*; `given` counts the sound ones by the authority's name."""

    roots: tuple[bytes, ...] = field(repr=False)
    evidence: Evidence = field(repr=False)
    given: Counter[str] = field(default_factory=Counter)

    async def __call__(self, token: bytes, imprint: bytes, moment: datetime) -> datetime | Fault:
        judge = partial(stamps.judge, roots=self.roots, evidence=self.evidence, moment=moment + SKEW)
        try:
            stamp = await asyncio.to_thread(judge, token, imprint)
        except stamps.BadToken as error:
            return Fault(error.fault.value)
        self.given[stamp.authority] += 1
        return stamp.at


async def judge_of(services: Services) -> TokenJudge:
    """Return the judge that trusts this installation's authority, by its public files, and those of its settings.

    Authorities outside are asked for one token each: only so it is known which lists speak of them.
    """
    files = public_files(services.settings)
    roots = tuple(data for name, data in files.items() if _is_root(name))
    crls = tuple(data for name, data in files.items() if name.endswith(".crl"))
    times = authorities.chosen(services.settings, clock=services.clock)
    if times is None:
        return TokenJudge(roots=roots, evidence=Evidence(crls=crls))
    with closing(times):
        outside = await asyncio.to_thread(partial(times.evidence, services.now(), fresh=False))
    return TokenJudge(
        roots=(*roots, *(root for member in times.members for root in member.roots)),
        evidence=Evidence(certificates=outside.certificates, crls=(*crls, *outside.crls)),
    )


def _is_root(name: str) -> bool:
    return name.startswith(Role.ROOT) and name.endswith(".cer")


def public_files(settings: Settings) -> Mapping[str, bytes]:
    """Certificates and CRLs that were published; of the authority its own newest where this host has them."""
    published = {path.name: path.read_bytes() for path in settings.public_directory.glob("*.c[er][rl]")}
    own = authority_directory(settings)
    return {**published, **authority.published(own)} if (own / "public").is_dir() else published


# Mails


async def _head_of(name: str, raw: bytes) -> tuple[bool, str]:
    value = head_in(raw)
    if value is None:
        return (
            False,
            f"{name}：記録の先頭値がありません。署名受付か完了のお知らせのメールを選んでください",
        )
    fact = await Fact.filter(hash=value).first()
    if fact is None:
        return (
            False,
            f"{name}：記録の先頭値 {value[:16]}… が操作ログにありません（書き換えられています）",
        )
    return (
        True,
        f"{name}：記録の先頭値は {await place(fact.subject, fact.subject_id, fact.n)} のものです",
    )


async def _anchor_of(name: str, value: str) -> tuple[bool, str]:
    anchor = await anchors.find(value)
    if anchor is None:
        return False, f"{name}：操作ログの時刻証明の値 {value[:16]}… がありません（作り直されています）"
    return True, f"{name}：操作ログの時刻証明の値は {anchor.n} 件目のものです"


def head_in(raw: bytes) -> str | None:
    """Return the head of the history that the mail *raw* names, or None."""
    return _value_in(raw, _HEAD)


def anchor_in(raw: bytes) -> str | None:
    """Return the value of an anchor that the mail *raw* names, or None."""
    return _value_in(raw, _ANCHOR)


def _value_in(raw: bytes, label: re.Pattern[str]) -> str | None:
    mail = message_from_bytes(raw, policy=policy.default)
    for text in _texts(mail):
        if found := label.search(text):
            return found[1]
    return None


def _texts(mail: EmailMessage) -> Iterator[str]:
    """The texts of a mail; of HTML the words, each element on its line."""
    for part in mail.walk():
        kind = part.get_content_type()
        if kind not in {"text/plain", "text/html"}:
            continue
        try:
            text = str(part.get_content())
        except (LookupError, UnicodeError, KeyError):
            continue
        yield _TAG.sub("\n", text) if kind == "text/html" else text


async def verify(settings: Settings, mails: Mapping[str, bytes] = NO_MAILS) -> Report:
    """Open the database of *settings* and examine it. Raises DatabaseUnreachable, KeyMissing."""
    async with opened(settings) as services:
        return await examine(services, mails)
