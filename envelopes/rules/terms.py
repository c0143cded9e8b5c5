"""承諾: what a contractor agrees to before contracts are made electronically, and exactly what was shown.

建設業法19条3項 and 建設業法施行令5条の5 want the kind and the content of the electronic way told before, and the other
party's consent to it, which may be taken back. Whoever changes a word gives the text a new version. The Japanese
counts; whoever reads another language is shown both.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Final

from envelopes.rules.wording import Language

VERSION: Final = "2026-11"
_TRANSLATION: Final = "en-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The text in one language: what for (利用目的), the points, and the words beside the box that is ticked."""

    language: str
    purpose: str
    points: tuple[str, ...]
    agreement: str


def version(language: Language) -> str:
    """What somebody is shown: the Japanese text, or that and its translation (`2026-11+en-1`)."""
    return VERSION if language is Language.JAPANESE else f"{VERSION}+{_TRANSLATION}"


def is_known(version: str) -> bool:
    """Whether *version* is in force."""
    return version in {VERSION, f"{VERSION}+{_TRANSLATION}"}


def texts(version: str, *, town: str, english: str) -> tuple[Terms, ...]:
    """Return what is shown in that version, the Japanese last. *town* and *english*: the town's names."""
    return (_japanese(town),) if version == VERSION else (_english(english), _japanese(town))


def _japanese(town: str) -> Terms:
    return Terms(
        language="ja",
        purpose=f"入力していただいた内容は、{town}が電子契約の相手方を確かめ、署名の依頼と契約書の交付について連絡する"
        "ためだけに使います。ほかの目的には使わず、電子契約に必要な委託先のほかには渡しません。",
        points=(
            f"{town}との契約書・請書を、書面に代えて電子契約で取り交わします。",
            "文書は、ウェブの画面で見て署名し、メールへの添付か、画面からのダウンロードで受け取ります。",
            "文書は、PDFファイル（電子署名とタイムスタンプの付いたもの）で、印刷できます。",
            "登録したアドレスで本人確認をして行った署名は、契約を結ぶ権限のある方の指示によるものとして扱います。",
            "アドレスや担当の方が変わるときは、その前に変更を登録します。",
            "この承諾は、いつでも取りやめられます。取りやめたあとの契約は、書面で行います。",
        ),
        agreement="契約を結ぶ権限のある者として、上の内容で電子契約を行うことを承諾します",
    )


def _english(town: str) -> Terms:
    return Terms(
        language="en",
        purpose=f"{town} uses what you enter only to know who its contractors are and to reach them about requests and "
        "contracts. It serves no other purpose and goes to nobody but those who run this service for the town.",
        points=(
            f"Contracts and acceptances with {town} are made electronically instead of on paper.",
            "Documents are read and signed in the browser, and come by e-mail or as a download.",
            "Documents are PDF files with electronic signatures and timestamps, and can be printed.",
            "What is signed after a proof through the registered address counts as the contracting person's own.",
            "When the address or the person changes, the change is registered first.",
            "This consent can be taken back at any time. Contracts after that are made on paper.",
        ),
        agreement="As a person with authority to contract, I agree to electronic contracts as described above",
    )


def as_shown(version: str, shown: tuple[Terms, ...]) -> str:
    """Return *shown* word for word, in the form that is kept."""
    kept = {"version": version, "texts": [asdict(one) for one in shown]}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_kept(kept: str) -> tuple[Terms, ...]:
    """Return the texts that `as_shown` wrote."""
    return tuple(Terms(**{**one, "points": tuple(one["points"])}) for one in json.loads(kept)["texts"])


def digest(kept: str) -> str:
    """Return the SHA-256 (hex) of what was kept: the history names the text by it."""
    return sha256(kept.encode()).hexdigest()
