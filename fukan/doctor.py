"""Is this installation sound? Every check says ○, × with what is wrong and what to do, or － for what is not needed.

Reads and never mends; all it writes is the verdict on the mail, on which orders by reply rest. It trusts no state:
consents are verified with the portal's public key, files are hashed again, and every use of the signing key must have
its consent and its signature. Names things by number and reference; no personal data is printed.
"""

import asyncio
import base64
import json
import os
import stat
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tortoise.exceptions import BaseORMException

from bot import authorities, mail_examination, round_trip, sms, time_check
from bot.app import office_limits
from bot.outcomes import Finding, Outcome
from envelopes.actions import operating, renewing
from envelopes.actions.signer import party_of
from envelopes.actions.worker.signing import verified_order
from envelopes.papers import convert
from envelopes.papers.office_door import answers
from envelopes.records import bonds, history, store
from envelopes.records.models import (
    CERTIFICATE,
    CertificateUse,
    Consent,
    Document,
    Envelope,
    File,
    KeyUse,
    Mobile,
    Proof,
    Segment,
    Session,
    Signer,
)
from envelopes.records.models import Task as TaskRow
from envelopes.rules import consent as consents
from envelopes.rules import renewal
from envelopes.rules.errors import FukanError, Later, Refused
from envelopes.rules.policy import ReplyCommands
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import State, Task
from envelopes.services import Services
from envelopes.settings import Settings, SettingsFaulty, build_policy
from envelopes.signing.outside import Member
from fukan import key_checks
from fukan.history import judge_of, wrong_anchors
from fukan.installation import opened

_PRIVATE: Final = 0o077
_WITH_FILES: Final = (State.OUT, State.SIGNING, State.SIGNED, State.COMPLETED)


Check = Callable[[Services], AsyncIterator[Finding]]


async def examine(settings: Settings, *, send: bool = False) -> list[Outcome]:
    """Run every check that can be run; with *send* also send a mail to the intake and wait for it.

    Raises nothing that a fault of the installation causes.
    """
    mail = await _mail(settings)
    outcomes = [
        Outcome(name="鍵の置き場所", findings=tuple(_keys(settings.keys_directory))),
        Outcome(name="署名の鍵", findings=_said(await asyncio.to_thread(key_checks.signing_key, settings))),
        Outcome(
            name="証明書の期限", findings=_said(await asyncio.to_thread(key_checks.certificates, settings))
        ),
        await asyncio.to_thread(_times, settings),
        *mail,
        _senders(settings),
        *(await _sent(settings) if send else ()),
        Outcome(name="Word・Excelの変換", without=await _office(settings)),
        *(await _sms(settings)),
    ]
    archive = (settings.keys_directory / "bot" / "archive").exists()
    try:
        async with opened(settings, bot=archive) as services:
            if archive and not settings.demo:
                await mail_examination.keep(services, mail)
            outcomes.append(await _replies(services))
            outcomes += [await _outcome(name, check, services) for name, check in CHECKS]
    except FukanError as error:
        todo = "設定の database と、データベースが動いているかを確かめ、fukan init を実行してください。"
        outcomes.append(Outcome(name="データベース", findings=(Finding(str(error), todo),)))
    return outcomes


async def _outcome(name: str, check: Check, services: Services) -> Outcome:
    try:
        found = tuple([finding async for finding in check(services)])
    except (FukanError, BaseORMException) as error:
        # A row that cannot even be read is a finding; the other checks still run.
        todo = "データベースの控えと比べてください。直るまで署名は止めてください。"
        found = (Finding(f"調べられません（{type(error).__name__}：{_plain(error)}）", todo),)
    return Outcome(name=name, findings=found)


def _plain(error: Exception) -> str:
    return str(error) if isinstance(error, FukanError) else "表がないか、読めません"


# Keys, certificates, mail


def _keys(directory: Path) -> Iterator[Finding]:
    if not directory.exists():
        yield Finding(f"{directory} がありません", "fukan init を実行してください。")
        return
    for path in sorted(directory.rglob("*")):
        if path.parent.name == "public" or path.name in {"public", ".lock"}:
            continue
        info = path.stat()
        if info.st_mode & _PRIVATE:
            mode = stat.filemode(info.st_mode)
            yield Finding(
                f"{path} をほかの利用者が読めます（{mode}）", f"chmod go= '{path}' を実行してください。"
            )
        if info.st_uid != os.getuid():
            yield Finding(f"{path} の持ち主が違います", "fukan を動かす利用者の持ち物にしてください。")


def _said(pairs: Iterable[tuple[str, str]]) -> tuple[Finding, ...]:
    return tuple(Finding(*pair) for pair in pairs)


def _times(settings: Settings) -> Outcome:
    """Ask each authority of the list for one token and compare our clock; the embedded one needs no asking."""
    name = "時刻認証局（TSA）"
    if not (settings.keys_directory / "bot").exists():
        return Outcome(name=name)  # a host that only serves the portal
    try:
        listed = authorities.chosen(settings, clock=_clock)
    except SettingsFaulty as error:
        return Outcome(name=name, findings=(Finding(str(error), "設定の [[tsa]] を直してください。"),))
    if listed is None:
        return Outcome(name=name)
    with closing(listed):
        said = [_time_of(member) for member in listed.active]
    notes, findings = (tuple(one for part in parts for one in part) for parts in zip(*said, strict=True))
    return Outcome(name=name, notes=notes, findings=findings)


def _time_of(member: Member) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """How far our clock is from the authority's, or why it gives no time."""
    before = _clock()
    failed: tuple[Finding, ...] = ()
    try:
        member.probe()
    except Later as error:
        todo = (
            "局の状態、利用の契約、設定の [[tsa]]、ファイアウォールを確かめてください。ほかの局が使われます。"
        )
        what = f"{member.name} から時刻を取得できません：{authorities.in_words(error.note)}"
        failed = (Finding(what, todo),)
    if member.told is None:
        return (), failed
    # The token was made at some moment between; many authorities say whole seconds (RFC 3161 2.4.2).
    early = max(before - member.told - timedelta(seconds=1), timedelta())
    notes, findings = time_check.compared(member.name, early or min(_clock() - member.told, timedelta()))
    return notes, (*findings, *failed)


async def _mail(settings: Settings) -> Sequence[Outcome]:
    if not (settings.keys_directory / "bot").exists():
        return ()  # a host that only serves the portal
    return await mail_examination.examine(settings, _clock)


async def _sent(settings: Settings) -> Sequence[Outcome]:
    return () if settings.demo else (await round_trip.examine(settings, _clock),)


def _senders(settings: Settings) -> Outcome:
    """Whether there is any proof of who sent a mail."""
    name, mail = "差出人の確認", settings.mail
    if settings.demo:
        return Outcome(
            name=name, without="しません。見本の村では、どの差出人のメールも本人のものとみなします。"
        )
    if mail.trusted_authserv_ids or mail.verify_dkim:
        return Outcome(name=name)
    what = "差出人を確かめる方法がないため、受付に届くメールはすべて保留されます"
    todo = "設定の [mail] で、trusted_authserv_ids に中継サーバーの名前を書くか、verify_dkim を true にしてください。"
    return Outcome(name=name, findings=(Finding(what, todo),))


async def _replies(services: Services) -> Outcome:
    """Whether staff can order things by reply, and why not."""
    name = "返信での操作（送信・取消など）"
    if services.policy.reply_commands is ReplyCommands.OFF:
        return Outcome(name=name, without="設定で止めています（reply_commands）。")
    if await operating.mail_is_sound(services):
        return Outcome(name=name)
    without = (
        "止めています。メールについての × を直し、もう一度 fukan doctor を実行すると、使えるようになります。"
    )
    return Outcome(name=name, without=without)


async def _sms(settings: Settings) -> Sequence[Outcome]:
    """Only the bot sends; a host that only serves the portal need not reach the hook."""
    return (await sms.examine(settings),) if (settings.keys_directory / "bot").exists() else ()


def _clock() -> datetime:
    return datetime.now(UTC)


async def _office(settings: Settings) -> str:
    """Why Word and Excel files are not converted here, "" if they are. No fault: then staff are asked for PDFs."""
    if not (settings.keys_directory / "bot").exists():
        return ""  # a host that only serves the portal
    place = settings.office.socket
    if place is not None:
        return (
            ""
            if await answers(place)
            else f"いまはしません。{place} で変換する側が動いているか確かめてください。"
        )
    if convert.installed() is None:
        packages = "libreoffice-writer-nogui、libreoffice-calc-nogui、bubblewrap"
        return f"しません（職員にはPDFで送るよう返信します）。使うときは {packages} を入れてください。"
    if await convert.found(office_limits(build_policy(settings.policy))) is None:
        return "しません。bubblewrap がここでは隔離した環境を作れません（コンテナの中など）。外では変換しません。"
    return ""


# History and files


async def _chains(_services: Services) -> AsyncIterator[Finding]:
    todo = "控えと比べ、だれがいつ書き換えたかを調べてください。"
    async for broken in history.verify():
        where = f"{broken.subject} {broken.subject_id} の {broken.n} 行目"
        yield Finding(f"操作ログのつながりが切れています：{where}（{broken.fault}）", todo)


async def _anchors(services: Services) -> AsyncIterator[Finding]:
    todo = "fukan verify --history で詳しく調べ、控えや保存したメールと比べてください。"
    async for words in wrong_anchors(await judge_of(services), now=services.now()):
        yield Finding(words, todo)


async def _files(services: Services) -> AsyncIterator[Finding]:
    if services.keyring.archive is None:
        return  # the portal may read only what is on offer; the bot's host checks the rest
    todo = "ファイルの控えから戻してください。"
    for envelope in await Envelope.filter(state__in=[state.value for state in _WITH_FILES]):
        for file in await File.filter(envelope_ref=envelope.ref).order_by("id"):
            try:
                await services.blobs.get(file)
            except FukanError as error:
                yield Finding(f"{_name(envelope)} の文書が読めません（{error}）", todo)


def _name(envelope: Envelope | None) -> str:
    return (envelope.number or envelope.draft_number) if envelope else "（封筒なし）"


async def _revisions(services: Services) -> AsyncIterator[Finding]:
    """Every revision's hash and length are those of the whole file up to and including it."""
    if services.keyring.archive is None:
        return
    todo = "文書の控えと比べてください。この文書を使わないでください。"
    for document in await Document.all().order_by("id"):
        async for number in _wrong_revisions(services, document):
            what = f"{await _paper(document.id)} の版{number}のハッシュ値が、記録と違います"
            yield Finding(what, todo)


async def _paper(document_id: int) -> str:
    """A document by its envelope's number and its place; whatever of them is still there."""
    document = await Document.filter(id=document_id).first()
    envelope = await Envelope.filter(id=document.envelope_id).first() if document else None
    if document is not None and document.position == CERTIFICATE:
        return f"{_name(envelope)} 締結証明書"
    return f"{_name(envelope)} 文書{document.position if document else '？'}"


async def _wrong_revisions(services: Services, document: Document) -> AsyncIterator[int]:
    digest, length = sha256(), 0
    for expected, segment in enumerate(await store.segments(document.id)):
        try:
            data = await services.blobs.get(segment.file)
        except FukanError:
            yield segment.number
            return
        digest.update(data)
        length += len(data)
        if (segment.number, segment.sha256, segment.length) != (expected, digest.hexdigest(), length):
            yield segment.number


# Consents, orders and uses of the key


async def _consents(services: Services) -> AsyncIterator[Finding]:
    for consent_id in await Consent.all().order_by("id").values_list("id", flat=True):
        if fault := await _fault(services, consent_id):
            yield Finding(f"同意の記録 {consent_id} は本物ではありません（{fault}）", _FORGED)


_FORGED: Final = (
    "データベースが書き換えられた疑いがあります。署名は行われません。記録を残して調べてください。"
)


async def _fault(services: Services, consent_id: Any) -> str | None:
    """Why this consent does not count, or None if the portal signed it for this envelope and these files."""
    try:
        row = await Consent.get(id=consent_id)
        data, signature = base64.b64decode(row.record), base64.b64decode(row.signature)
        if not services.keyring.consent.verifies(data, signature):
            return "ポータルの署名が違います"
        said = consents.read(data)
    except (FukanError, ValueError):
        return "記録が読めません"
    if sha256(data).hexdigest() != row.sha256:
        return "ハッシュ値が違います"
    if not await _same(said, row):
        return "封筒か署名者が違います"
    return await _unlike_files(said, row.envelope_id)


async def _same(said: consents.Consent, row: Consent) -> bool:
    envelope = await Envelope.filter(id=row.envelope_id).first()
    signer = await Signer.filter(id=row.signer_id, envelope_id=row.envelope_id).first()
    return (
        envelope is not None
        and signer is not None
        and said.envelope == envelope.ref
        and said.generation == row.generation
        and said.signer == party_of(signer)
    )


async def _unlike_files(said: consents.Consent, envelope_id: int) -> str | None:
    seen = {item.position: (item.sha256, item.length) for item in said.documents}
    segments = (
        Segment.filter(document__envelope_id=envelope_id, number=0)
        .exclude(document__position=CERTIFICATE)
        .select_related("document")
    )
    prepared: dict[int, tuple[str, int]] = {}
    for segment in await segments:
        document: Any = segment.document
        prepared[document.position] = (segment.sha256, segment.length)
    return None if seen == prepared else "見た文書と、いまの文書が違います"


async def _addresses(services: Services) -> AsyncIterator[Finding]:
    """Every signer is who and where the service wrote, and his address is the one that the registry had."""
    for signer_id in await Signer.all().order_by("id").values_list("id", flat=True):
        if not await _is_own_address(services, signer_id):
            what = f"署名者 {signer_id} の名前・順番・アドレスのどれかが、記録されたものと違います"
            yield Finding(what, _FORGED)


async def _is_own_address(services: Services, signer_id: Any) -> bool:
    try:
        signer = await Signer.get(id=signer_id).select_related("contact")
        own = bonds.holds(signer) and services.address_look_up(signer.email) == signer.email_look_up
    except FukanError:
        return False
    contact: Any = signer.contact
    return own and (contact is None or contact.email_look_up == signer.email_look_up)


async def _mobiles(_services: Services) -> AsyncIterator[Finding]:
    """Every mobile number that counts as approved was approved by two people through the service."""
    for mobile_id in await Mobile.exclude(approver_id=None).order_by("id").values_list("id", flat=True):
        if not await _is_approved(mobile_id):
            what = f"携帯電話の番号 {mobile_id} は、このサービスで承認されたものではありません"
            yield Finding(what, _FORGED)


async def _is_approved(mobile_id: Any) -> bool:
    try:
        return bonds.is_approved(await Mobile.get(id=mobile_id))
    except FukanError:
        return False


async def _browsers(_services: Services) -> AsyncIterator[Finding]:
    """Every sign-in and every proof in a browser was written by the service."""
    for session_id in await Session.exclude(proved_at=None).order_by("id").values_list("id", flat=True):
        if not await _is_sign_in(session_id):
            yield Finding(f"ログイン {session_id} は、このサービスが記録したものではありません", _FORGED)
    for proof_id in await Proof.all().order_by("id").values_list("id", flat=True):
        if not await _is_proof(proof_id):
            yield Finding(f"本人確認 {proof_id} は、このサービスが記録したものではありません", _FORGED)


async def _is_sign_in(session_id: Any) -> bool:
    try:
        return bonds.is_sign_in(await Session.get(id=session_id))
    except FukanError:
        return False


async def _is_proof(proof_id: Any) -> bool:
    try:
        row = await Proof.get(id=proof_id)
        session, signer = await Session.get(id=row.session_id), await Signer.get(id=row.signer_id)
        return bonds.is_proof(row, session, signer)
    except FukanError:
        return False


async def _orders(services: Services) -> AsyncIterator[Finding]:
    """Every order to sign stands on a consent that verifies, and every envelope in SIGNING has such an order."""
    ordered: set[int] = set()
    for task in await TaskRow.filter(kind=Task.SIGN.value).exclude(state="done").order_by("id"):
        envelope = await Envelope.filter(id=task.envelope_id).first()
        if envelope is None or not await _is_sound(services, envelope, task):
            yield Finding(f"署名の指示 {task.id}（{_name(envelope)}）に、有効な同意がありません", _FORGED)
        elif envelope.state == State.SIGNING:
            ordered.add(envelope.id)
    for envelope in await Envelope.filter(state=State.SIGNING.value).exclude(id__in=list(ordered) or [0]):
        yield Finding(f"{_name(envelope)} は署名中なのに、有効な指示がありません", _FORGED)


async def _is_sound(services: Services, envelope: Envelope, task: TaskRow) -> bool:
    ids = json.loads(task.ids)
    if envelope.state != State.SIGNING:
        # Signed already, and the worker died before it could say so: the consent must still be a true one.
        row = await Consent.filter(id=ids.get("consent", 0), envelope_id=envelope.id).first()
        return row is not None and await _fault(services, row.id) is None
    try:
        await verified_order(services, await store.snapshot(id=envelope.id), ids.get("consent", 0))
    except Refused:
        return False
    return True


async def _signatures(services: Services) -> AsyncIterator[Finding]:
    """Every party's signature stands on a true consent and on a use of the key that was written down."""
    signatures = Segment.filter(kind="signature").exclude(document__position=CERTIFICATE)
    for segment in await signatures.order_by("id"):
        what = f"{await _paper(segment.document_id)} の署名（版{segment.number}）"
        row = await _true_consent(services, segment)
        if row is None:
            yield Finding(f"{what}に、有効な同意がありません", _FORGED)
        elif not await KeyUse.filter(
            document_id=segment.document_id, consent_id=row.id, done_at__isnull=False
        ).exists():
            yield Finding(f"{what}に、鍵の使用記録がありません", _FORGED)
    for envelope in await Envelope.filter(state__in=(State.SIGNED.value, State.COMPLETED.value)):
        if await _unsigned(envelope):
            yield Finding(f"{_name(envelope)} は署名済みなのに、署名のない文書があります", _FORGED)


async def _true_consent(services: Services, segment: Segment) -> Consent | None:
    """The newest consent of the segment's signer that counts."""
    for row in await Consent.filter(signer_id=segment.signer_id or 0).order_by("-id"):
        if await _fault(services, row.id) is None:
            return row
    return None


async def _unsigned(envelope: Envelope) -> bool:
    signers = await Signer.filter(envelope_id=envelope.id).count()
    documents = await Document.filter(envelope_id=envelope.id).exclude(position=CERTIFICATE).count()
    signatures = Segment.filter(document__envelope_id=envelope.id, kind="signature")
    signed = await signatures.exclude(document__position=CERTIFICATE).count()
    return signed != signers * documents


async def _uses(services: Services) -> AsyncIterator[Finding]:
    """Every use of the signing key led to a committed signature, or is being retried."""
    long_ago = services.now() - 2 * services.policy.lease
    for use in await KeyUse.all().order_by("id"):
        consent = await Consent.filter(id=use.consent_id).first()
        if consent is not None and (
            await _was_signed(use, consent) or (use.done_at is None and await _waits(services, use, long_ago))
        ):
            continue
        what = f"{await _paper(use.document_id)}：鍵の使用 {use.id} に、署名か同意がありません"
        yield Finding(what, _FORGED)


async def _was_signed(use: KeyUse, consent: Consent) -> bool:
    return await Segment.filter(
        document_id=use.document_id, kind="signature", signer_id=consent.signer_id
    ).exists()


async def _waits(services: Services, use: KeyUse, long_ago: datetime) -> bool:
    """Whether the signature of this use may still come: it is fresh, or its order stands and is tried again."""
    if use.at > long_ago:
        return True
    try:
        document = await Document.get(id=use.document_id)
        shot = await store.snapshot(id=document.envelope_id)
        await verified_order(services, shot, use.consent_id)
    except Refused:
        return False
    return shot.state is State.SIGNING


async def _seals(services: Services) -> AsyncIterator[Finding]:
    """Every seal on a completion certificate and every use of the key for one belong together, one by one."""
    sealed = Segment.filter(kind="signature", document__position=CERTIFICATE).select_related("document")
    envelopes: set[int] = set()
    for segment in await sealed.order_by("id"):
        document: Any = segment.document
        first = await Segment.filter(document_id=document.id, number=0).first()
        uses = CertificateUse.filter(envelope_id=document.envelope_id, done_at__isnull=False)
        if first is None or await uses.filter(sha256=first.sha256).count() != 1:
            yield Finding(f"{await _paper(document.id)} に、鍵の使用記録がありません", _FORGED)
        else:
            envelopes.add(document.envelope_id)
    async for finding in _loose_uses(services, envelopes):
        yield finding
    completed = Envelope.filter(state=State.COMPLETED.value)
    for envelope in await completed.exclude(id__in=list(envelopes) or [0]).order_by("id"):
        if not await Document.filter(envelope_id=envelope.id, position=CERTIFICATE).exists():
            yield Finding(f"{_name(envelope)} は完了しているのに、締結証明書がありません", _FORGED)


async def _loose_uses(services: Services, sealed: Collection[int]) -> AsyncIterator[Finding]:
    """Uses for certificates that are not there, and will not come. A worker that died may have left one undone."""
    long_ago = services.now() - 2 * services.policy.lease
    for use in await CertificateUse.all().order_by("id").select_related("envelope"):
        waits = use.done_at is None and (use.at > long_ago or use.envelope.state == State.SIGNED)
        if use.envelope_id not in sealed and not waits:
            what = f"{_name(use.envelope)} 締結証明書：鍵の使用 {use.id} に、証明書がありません"
            yield Finding(what, _FORGED)


async def _standing(services: Services) -> AsyncIterator[Finding]:
    """Every file's last timestamp still proves it, and goes on to do so for long enough."""
    policy, now = services.policy, services.now()
    for document in await renewing.late(services):
        standing = renewing.standing_of(document)
        if standing is None:
            continue  # the bot looks within the hour
        ends = renewal.stands_until(standing, policy)
        what = f"{await _paper(document.id)} の時刻証明は {jst_day(ends)} "
        if ends <= now:
            yield Finding(f"{what}に終わりました", "文書とその控えを残し、専門家に相談してください。")
        else:
            todo = "fukan renew を実行し、できない理由があれば直してください。"
            yield Finding(f"{what}で終わるのに、延長されていません", todo)


async def _failing(_services: Services) -> AsyncIterator[Finding]:
    rows = TaskRow.filter(failing_since__isnull=False).exclude(state="done").order_by("failing_since")
    for task in await rows:
        since = task.failing_since.strftime("%Y-%m-%d %H:%M UTC") if task.failing_since else ""
        what = f"処理 {task.kind}（{task.id}）が {since} から失敗しています：{task.error or '理由なし'}"
        yield Finding(what, "理由を直してください。作業は残っていて、自動で試し続けます。")


async def _late(services: Services) -> AsyncIterator[Finding]:
    late = services.now() - timedelta(hours=1)
    count = await TaskRow.filter(state="ready", run_at__lt=late, failing_since=None).count()
    if count:
        yield Finding(
            f"1時間以上待っている処理が{count}件あります", "fukan serve bot が動いているか確かめてください。"
        )


CHECKS: Final[Sequence[tuple[str, Check]]] = (
    ("操作ログ", _chains),
    ("操作ログの時刻証明", _anchors),
    ("文書のファイル", _files),
    ("文書の版", _revisions),
    ("同意の記録", _consents),
    ("署名者", _addresses),
    ("携帯電話の番号", _mobiles),
    ("ログインと本人確認", _browsers),
    ("署名の指示", _orders),
    ("署名", _signatures),
    ("鍵の使用記録", _uses),
    ("締結証明書", _seals),
    ("時刻証明の延長", _standing),
    ("失敗している処理", _failing),
    ("待っている処理", _late),
)


def report(outcomes: Sequence[Outcome]) -> str:
    """Return the lines to print."""
    return "\n".join(line for outcome in outcomes for line in _lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    if outcome.without:
        yield f"－ {outcome.name}：{outcome.without}"
    elif not outcome.findings:
        yield f"○ {outcome.name}"
    for note in outcome.notes:
        yield f"    ・{note}"
    for finding in outcome.findings:
        yield f"× {outcome.name}：{finding.what}\n    → {finding.todo}"


def is_sound(outcomes: Sequence[Outcome]) -> bool:
    """Whether nothing was found."""
    return not any(outcome.findings for outcome in outcomes)
