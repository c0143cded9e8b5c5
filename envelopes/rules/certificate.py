"""締結証明書: what a completion certificate says, and in which words. How it looks is `papers.certificate`'s business.

Frozen: the words are chosen once, at the completion, from what was true then. Addresses on the network are shortened
here, because the certificate is mailed to all parties.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from ipaddress import ip_address, ip_network
from typing import Any, Final

from envelopes.rules.kinds import Kind
from envelopes.rules.schedule import jst_day
from envelopes.rules.wording import jst_date, jst_datetime

TITLE: Final = "締結証明書"
Row = tuple[str, str]
_IPV4_BITS: Final = 24  # what is left of an address says the provider's network, not the household
_IPV6_BITS: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One proof of who was there: its level in words, and when it was given."""

    level: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """A place that went from one person to another of the same party, by leave of two of the town's people (無権代理).

    `number` is that of the application by which the registry approved the new person.
    """

    before: str
    after: str
    at: datetime
    entered_by: str
    approved_by: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherProof:
    """By what a contractor was to prove who he is, changed while the request was out: in words, and by whom.

    `approved_by` is empty where more was asked for, which one person may.
    """

    before: str
    after: str
    at: datetime
    entered_by: str
    approved_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """One party as its consent names it. `agreed_on`: the contractor's 承諾 of the electronic way (建設業法19条3項).

    `hand_overs` and `other_proofs` are those of its place, oldest first. `ip` is given for contractors only, and whole.
    """

    of_town: bool
    company: str
    office: str
    person: str
    proofs: tuple[Proof, ...]
    consented_at: datetime
    consent_sha256: str
    agreed_on: date | None = None
    registry_revision: int = 0
    hand_overs: tuple[HandOver, ...] = ()
    other_proofs: tuple[OtherProof, ...] = ()
    ip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """One document. `seen` is the prepared file, before any signature; times are those of timestamp tokens.

    `signed_at` is in the order of the signatories.
    """

    title: str
    pages: int
    certificate_id: str
    seen_sha256: str
    seen_length: int
    sha256: str
    length: int
    signed_at: tuple[datetime, ...]
    stamped_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodian:
    """Who holds the signing key (事業者), and with which certificate he signed. Names are common names.

    `roots`: what signatures and timestamps go back to, by name and SHA-256 (hexadecimal).
    """

    name: str
    is_party: bool
    certificate: str
    issuer: str
    roots: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Who gave the times. `accreditations` are numbers of 認定, and there only if every token is covered."""

    authorities: tuple[str, ...]
    accreditations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """All that is certified. `history_head` is the last of `history_count` facts before the certificate was made."""

    certificate_id: str
    number: str
    kind: Kind
    title: str
    town: str
    section: str
    drafter: str
    approver: str
    signatories: tuple[Signatory, ...]
    documents: tuple[Concluded, ...]
    custodian: Custodian
    times: Times
    history_head: str
    history_count: int
    made_at: datetime
    software: str
    verify_url: str

    @property
    def concluded_on(self) -> date:
        """契約締結日 (地方自治法234条5項), of an acceptance 提出日: the day in Japan of the last party's timestamp."""
        return jst_day(max(at for document in self.documents for at in document.signed_at))

    @property
    def consented_on(self) -> date:
        """The day in Japan on which the last party consented; seldom another one."""
        return jst_day(max(one.consented_at for one in self.signatories))


def shortened(ip: str) -> str:
    """The network that *ip* lies in: /24 or /48; empty where it is no address."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ""
    bits = _IPV4_BITS if address.version == 4 else _IPV6_BITS  # noqa: PLR2004 -- IPv4
    return str(ip_network(f"{address}/{bits}", strict=False))


def words(said: Certificate) -> dict[str, Any]:
    """Return everything the paper shows as plain JSON: texts, rows of (label, text), lists of them."""
    return {
        "title": TITLE,
        "certificate_id": said.certificate_id,
        "statement": _statement(said),
        "envelope": list(_envelope(said)),
        "signatories": [_signatory(said, one) for one in said.signatories],
        "documents": [_document(one) for one in said.documents],
        "records": list(_records(said)),
        "checks": list(_checks(said)),
        "notes": list(_notes(said)),
        "made": jst_datetime(said.made_at, seconds=True),
        "issuer": said.custodian.name,
    }


def _statement(said: Certificate) -> str:
    what = "契約が締結された" if said.kind is Kind.CONTRACT else "請書が提出された"
    return f"次の{what}ことを、電子署名、タイムスタンプ及び操作ログの記録に基づいて証明します。"


def _envelope(said: Certificate) -> Iterator[Row]:
    yield "件名", said.title
    day = jst_date(said.concluded_on)
    if said.consented_on != said.concluded_on:
        day += f"（最後の署名の手続きは{jst_date(said.consented_on)}）"
    yield "契約締結日" if said.kind is Kind.CONTRACT else "提出日", day
    yield "受付番号", said.number
    yield "担当", f"{said.town} {said.section}"
    yield "起案", said.drafter
    yield "送信前の確認", said.approver


def _signatory(said: Certificate, one: Signatory) -> dict[str, Any]:
    return {
        "role": said.town if one.of_town else "相手方",
        "company": one.company,
        "person": " ".join(part for part in (one.office, one.person) if part),
        "rows": list(_of_signatory(one)),
        "hashes": [("同意の記録", one.consent_sha256)],
    }


def _of_signatory(one: Signatory) -> Iterator[Row]:
    if one.agreed_on is not None:
        yield "電子契約の承諾", f"{jst_date(one.agreed_on)}（登録簿 第{one.registry_revision}版）"
    for went in one.hand_overs:
        people = f"{went.before} 様から {went.after} 様へ"
        leave = f"届出 {went.entered_by}、承認 {went.approved_by}、受付番号 {went.number}"
        yield "担当者の引継ぎ", f"{jst_datetime(went.at, seconds=True)}に、{people}（{leave}）"
    for other in one.other_proofs:
        leave = (
            f"申出 {other.entered_by}、承認 {other.approved_by}" if other.approved_by else other.entered_by
        )
        change = f"「{other.before}」から「{other.after}」へ（{leave}）"
        yield "本人確認の変更", f"{jst_datetime(other.at, seconds=True)}に、{change}"
    yield "本人確認", ("と" if one.of_town else "＋").join(proof.level for proof in one.proofs)
    times = dict.fromkeys(jst_datetime(proof.at, seconds=True) for proof in one.proofs)
    yield "本人確認の日時", "、".join(times)
    yield "署名への同意", jst_datetime(one.consented_at, seconds=True)
    if network := shortened(one.ip):
        yield "接続元", f"{network}（一部を伏せています）"


def _document(one: Concluded) -> dict[str, Any]:
    return {
        "title": one.title,
        "pages": f"{one.pages}ページ",
        "certificate_id": one.certificate_id,
        "hashes": [
            ("署名した人が見た文書", one.seen_sha256, f"先頭の{one.seen_length}バイト"),
            ("署名の済んだ文書", one.sha256, f"全{one.length}バイト"),
        ],
        "times": [
            *((f"署名{n}", jst_datetime(at, seconds=True)) for n, at in enumerate(one.signed_at, 1)),
            ("文書全体", jst_datetime(one.stamped_at, seconds=True)),
        ],
    }


def _records(said: Certificate) -> Iterator[tuple[str, str, str]]:
    """Rows of label, text and a hash that stands below; empty where there is none."""
    key = said.custodian
    yield "署名の方式", "事業者署名型（立会人型）　PAdES B-LTA（ETSI EN 319 142-1）　SHA-256", ""
    yield "署名鍵の管理者", f"{key.name}（{_party(key)}）", ""
    yield "署名の証明書", f"{key.certificate}（発行者 {key.issuer}）", ""
    for name, fingerprint in key.roots:
        yield "ルート証明書", f"{name}（SHA-256フィンガープリント）", fingerprint
    yield "タイムスタンプ", f"{'、'.join(said.times.authorities)}（{accreditation(said.times)}）", ""
    yield "操作ログ", f"この証明書を作るまでの{said.history_count}件の、最後の値", said.history_head
    yield "ソフトウェア", said.software, ""


def _party(key: Custodian) -> str:
    return "契約の当事者が運営しています" if key.is_party else "契約の当事者ではない事業者です"


def accreditation(times: Times) -> str:
    """Whether the times are 認定タイムスタンプ, in true words."""
    if not times.accreditations:
        return "認定タイムスタンプではありません"
    return f"認定タイムスタンプ、総務大臣の認定 {'、'.join(times.accreditations)}"


def _checks(said: Certificate) -> Iterator[tuple[str, str, str]]:
    """Ways to verify: what with, how, and a command to type; empty where there is none."""
    yield (
        "変わっていないこと",
        "次のコマンドの値が、上の「署名の済んだ文書」の値と一致します。",
        "sha256sum 文書.pdf　　Windowsでは certutil -hashfile 文書.pdf SHA256",
    )
    # A renewed file is longer. What is certified here is then its beginning.
    yield (
        "長くなった文書",
        "あとから時刻証明を延長した文書は、末尾に加わって長くなります。そのときは「全」のバイト数を N とします。",
        "head -c N 文書.pdf | sha256sum",
    )
    yield (
        "見た文書であること",
        "次のコマンドの値が、上の「署名した人が見た文書」の値と一致します。N は上の「先頭の」バイト数です。",
        "head -c N 文書.pdf | sha256sum",
    )
    yield (
        "Acrobat Reader",
        "PDFを開いて「署名パネル」を見ます。発行元を信頼するには、上の値と比べてからルート証明書を加えてください。",
        "",
    )
    yield "ウェブ", "PDFを選ぶか、締結証明書IDを入力すると、結果が表示されます。", said.verify_url
    yield (
        "ソフトウェア",
        "発行元のサービスがなくても、公開されている Fukan で検証できます。",
        "fukan verify --root 証明書.cer 文書.pdf",
    )


def _notes(said: Certificate) -> Iterator[str]:
    yield (
        "この証明書は、署名と同じ事業者の電子署名とタイムスタンプを付けて、締結のときに一度だけ作られたものです。"
        if said.kind is Kind.CONTRACT
        else "この証明書は、署名と同じ事業者の電子署名とタイムスタンプを付けて、提出のときに一度だけ作られたものです。"
    )
    yield "PDFのまま、文書のPDFと一緒に保存してください。紙に印刷したものは写しです。"
    yield "この証明書は、電子署名法第3条の推定を保証するものではありません。"
    if not said.times.accreditations:
        yield "文書のタイムスタンプは、認定タイムスタンプ（総務大臣の認定を受けた業務によるもの）ではありません。"
