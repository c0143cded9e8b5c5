"""Completion certificates for tests: what one says, with everything that a test may want otherwise."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from envelopes.rules.certificate import Certificate, Concluded, Custodian, Proof, Signatory, Times
from envelopes.rules.kinds import Kind

ID = "MHN-7KQ2-M4XV-9ZP0-B3DT-K"
AT = datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC)
HASH = "0123456789abcdef" * 4


def contractor(**changes: Any) -> Signatory:
    values: dict[str, Any] = {
        "of_town": False,
        "company": "髙橋建設株式会社",
        "office": "代表取締役",
        "person": "髙橋 一郎",
        "proofs": (Proof(level="メール1経路", at=AT),),
        "consented_at": AT + timedelta(minutes=3),
        "consent_sha256": HASH,
        "agreed_on": date(2026, 4, 1),
        "registry_revision": 2,
        "ip": "203.0.113.77",
    }
    return Signatory(**(values | changes))


def village(**changes: Any) -> Signatory:
    values: dict[str, Any] = {
        "of_town": True,
        "company": "みほん村",
        "office": "村長",
        "person": "北沢 健",
        "proofs": (Proof(level="職員のパスワード", at=AT), Proof(level="認証アプリ", at=AT)),
        "consented_at": AT + timedelta(days=1),
        "consent_sha256": HASH[::-1],
    }
    return Signatory(**(values | changes))


def document(number: int = 1, *, signers: int = 2, **changes: Any) -> Concluded:
    values: dict[str, Any] = {
        "title": f"文書の{number}",
        "pages": 3,
        "certificate_id": f"{ID}-{number}",
        "seen_sha256": HASH,
        "seen_length": 123_456,
        "sha256": HASH[::-1],
        "length": 234_567,
        "signed_at": tuple(AT + timedelta(days=n, minutes=4) for n in range(signers)),
        "stamped_at": AT + timedelta(days=signers, minutes=5),
    }
    return Concluded(**(values | changes))


def certificate(**changes: Any) -> Certificate:
    values: dict[str, Any] = {
        "certificate_id": ID,
        "number": "MHN-2026-0123",
        "kind": Kind.CONTRACT,
        "title": "令和8年度 村道北城線 舗装補修工事",
        "town": "みほん村",
        "section": "建設課",
        "drafter": "主任 中村 美咲",
        "approver": "係長 小林 直樹",
        "signatories": (contractor(), village()),
        "documents": (document(),),
        "custodian": Custodian(
            name="みほん村 電子契約サービス",
            is_party=True,
            certificate="みほん村 電子契約 署名 1",
            issuer="みほん村 電子契約 認証局 1",
            roots=(("みほん村 電子契約 認証局 1", HASH),),
        ),
        "times": Times(authorities=("みほん村 電子契約 時刻 1",)),
        "history_head": HASH,
        "history_count": 31,
        "made_at": AT + timedelta(days=2),
        "software": "Fukan 0.1.0",
        "verify_url": "https://keiyaku.vill-mihon.example/verify",
    }
    return Certificate(**(values | changes))
