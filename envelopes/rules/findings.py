"""What was found out about a signed PDF, and the words for it, in Japanese and English.

Here are the faults, the verdict that follows from them and the lines that a person reads, close to those of Acrobat's
signature panel. How a file is judged is the business of `envelopes.signing.verify`; where the result is shown, of the
command line and of the portal. Both show these words, so that a file is never sound in one place and odd in another.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from envelopes.rules.wording import jst_datetime


class Fault(StrEnum):
    """What is wrong with a file, a signature or a timestamp. The value is stable: it stands in answers."""

    UNREADABLE = "unreadable"
    ENCRYPTED = "encrypted"
    NOT_ANALYSED = "not-analysed"
    NO_SIGNATURE = "no-signature"
    BYTES_AFTER_END = "bytes-after-end"
    BYTES_CHANGED = "bytes-changed"
    NOT_WHOLE_REVISION = "not-whole-revision"
    CHANGED_AFTERWARDS = "changed-afterwards"
    NO_TIME = "no-time"
    NOT_TRUSTED = "not-trusted"
    SEEN_DIFFERS = "seen-differs"


class Words(NamedTuple):
    """One sentence in both languages."""

    ja: str
    en: str

    def in_(self, language: str) -> str:
        """The sentence in *language*; Japanese where it is neither."""
        return self.en if language == "en" else self.ja


# fmt: off
FAULTS: Final[Mapping[Fault, Words]] = {
    Fault.UNREADABLE: Words("PDFとして読み取れません", "It cannot be read as a PDF"),
    Fault.ENCRYPTED: Words(
        "開くためのパスワードが付いているため、調べられません",
        "It needs a password to be opened, so it cannot be analysed"),
    Fault.NOT_ANALYSED: Words(
        "決められた時間の中で調べ終わらなかったため、何も言えません",
        "It could not be analysed in the time allowed, so nothing is said of it"),
    Fault.NO_SIGNATURE: Words("電子署名がありません", "It has no digital signature"),
    Fault.BYTES_AFTER_END: Words("末尾に余分なデータがあります", "There is surplus data at its end"),
    Fault.BYTES_CHANGED: Words("署名後に内容が変わっています", "Its content has changed since it was signed"),
    Fault.NOT_WHOLE_REVISION: Words(
        "署名の範囲が文書全体ではありません", "The signature does not cover the whole document"),
    Fault.CHANGED_AFTERWARDS: Words(
        "署名後に追記・変更されています", "Something was added or changed after the signature"),
    Fault.NO_TIME: Words("時刻を確かめられません", "Its time cannot be verified"),
    Fault.NOT_TRUSTED: Words(
        "発行元または有効性を確かめられません", "Its issuer or its validity cannot be verified"),
    Fault.SEEN_DIFFERS: Words(
        "署名者が確認した文書と一致しません", "It is not the document that the signer was shown"),
}
# fmt: on

# These say that the bytes are not what was signed; the others, only that nobody can tell.
_ALTERED: Final = frozenset(
    {
        Fault.BYTES_AFTER_END,
        Fault.BYTES_CHANGED,
        Fault.NOT_WHOLE_REVISION,
        Fault.CHANGED_AFTERWARDS,
        Fault.SEEN_DIFFERS,
    }
)


class Verdict(StrEnum):
    """What follows for the whole file."""

    SOUND = "sound"
    ALTERED = "altered"
    UNDECIDED = "undecided"


class Of(StrEnum):
    """What a part of a file is."""

    SIGNATURE = "signature"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One signature or document timestamp, as far as a person or a program wants to know it.

    *signer* and *issuer* are names in the certificate, *name* and *reason* what the signature itself says. *at* is the
    proved time. *seen_sha256* and *seen_length*: the first N bytes of the file, which the signer was shown.
    """

    of: Of
    field: str
    signer: str
    issuer: str
    name: str = ""
    reason: str = ""
    at: datetime | None = None
    certificate_id: str = ""
    consent_sha256: str = ""
    seen_sha256: str = ""
    seen_length: int = 0
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One file: what is wrong with it as a whole, and its parts, oldest first, signatures before timestamps."""

    parts: tuple[Part, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def every_fault(self) -> tuple[Fault, ...]:
        """All faults of the file and its parts, each once, in the order of the table."""
        found = {*self.faults, *(fault for part in self.parts for fault in part.faults)}
        return tuple(fault for fault in Fault if fault in found)

    @property
    def verdict(self) -> Verdict:
        """Sound without any fault; a file without a signature is never sound."""
        found = set(self.every_fault)
        if found & _ALTERED:
            return Verdict.ALTERED
        return Verdict.UNDECIDED if found or not self.parts else Verdict.SOUND

    @property
    def issuer(self) -> str:
        """Who issued the certificate of the last signature; empty where there is none."""
        signers = [part.issuer for part in self.parts if part.of is Of.SIGNATURE]
        return signers[-1] if signers else ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values: for `--json`, and for keeping."""
        parts = [asdict(part) | {"at": part.at.isoformat() if part.at else None} for part in self.parts]
        return {"verdict": self.verdict.value, "faults": list(self.faults), "parts": parts}


def read_result(text: str) -> Result:
    """Return the result that was kept as JSON. Raises ValueError, KeyError or TypeError for anything else."""
    kept = json.loads(text)
    return Result(
        parts=tuple(_part(one) for one in kept["parts"]),
        faults=tuple(Fault(one) for one in kept["faults"]),
    )


def _part(kept: Mapping[str, Any]) -> Part:
    at = datetime.fromisoformat(kept["at"]) if kept["at"] else None
    faults = tuple(Fault(one) for one in kept["faults"])
    return Part(**{**kept, "of": Of(kept["of"]), "at": at, "faults": faults})


# Words


class Line(NamedTuple):
    """One line of the panel: whether it is good, what it says, and what that means."""

    good: bool
    text: str
    means: str = ""


# fmt: off
_HEADS: Final[Mapping[Verdict, Words]] = {
    # A root that is not in the viewers' own lists proves that nothing has changed, and who issued it; no more.
    Verdict.SOUND: Words("変更されていません（発行元 {issuer}）", "Not changed; issued by {issuer}"),
    Verdict.ALTERED: Words("変更されています", "It has been changed"),
    Verdict.UNDECIDED: Words("判断できません", "Nothing can be said for certain"),
}
_MARKS: Final[Mapping[Verdict, str]] = {Verdict.SOUND: "✔", Verdict.ALTERED: "✖", Verdict.UNDECIDED: "▲"}

_SAME: Final = Words(
    "文書は、この署名が適用されてから変更されていません",
    "The document has not been modified since this signature was applied")
_SAME_MEANS: Final = Words(
    "署名したときの内容のままです。あとに加わったのは、次の署名や時刻の証明だけです。",
    "It still reads as it was signed. All that was added is further signatures and proofs of time.")
_CHANGED: Final = Words(
    "文書は、この署名が適用されてから変更されたか、破損しています",
    "The document has been altered or corrupted since this signature was applied")
_CHANGED_MEANS: Final = Words(
    "この文書を契約の内容として使わず、相手の持つ文書と見比べてください。",
    "Do not rely on this file; compare it with the other party's.")
_KNOWN: Final = Words("署名者のIDは有効です", "The signer's identity is valid")
_KNOWN_MEANS: Final = Words(
    "発行元「{issuer}」の証明書を根拠にしています。お使いのAcrobatがこの発行元を知らないときは「不明」と表示されます。",
    "It rests on a certificate issued by “{issuer}”. A viewer that does not know this issuer says “unknown”.")
_UNKNOWN: Final = Words("署名者のIDは不明です", "The signer's identity is unknown")
_UNKNOWN_MEANS: Final = Words(
    "発行元「{issuer}」の証明書か、失効していないことを確かめられませんでした。",
    "The certificate issued by “{issuer}”, or that it was not revoked, could not be verified.")
_TIMED: Final = Words("署名には埋め込みタイムスタンプが含まれています", "The signature includes an embedded timestamp")
_TIMED_MEANS: Final = Words(
    "{at}には、この署名がありました。認定タイムスタンプかどうかは、ここでは確かめていません。",
    "The signature existed on {at}. Whether the timestamp is an accredited one is not verified here.")
_UNTIMED: Final = Words("署名の時刻は確かめられません", "The time of the signature cannot be verified")
_UNTIMED_MEANS: Final = Words(
    "信頼できるタイムスタンプがありません。", "There is no timestamp that can be relied on.")
_STAMP: Final = Words("文書にタイムスタンプが付いています（LTV対応）", "The document has a timestamp (LTV enabled)")
_STAMP_MEANS: Final = Words(
    "{at}には、文書と署名の全体がこの形でありました。証明書の期限が過ぎても確かめられます。",
    "On {at} the document with its signatures was as it is. It can be verified after the certificates end.")
_BAD_STAMP: Final = Words("文書のタイムスタンプを確かめられません", "The document's timestamp cannot be verified")
_BAD_STAMP_MEANS: Final = Words(
    "時刻の証明としては使えません。", "It is of no use as a proof of time.")
_FAULT: Final = Words("{fault}。", "{fault}.")
# fmt: on


def mark(result: Result) -> str:
    """✔, ✖ or ▲: a shape, not a colour."""
    return _MARKS[result.verdict]


def headline(result: Result, language: str = "ja") -> str:
    """The verdict in words."""
    return _HEADS[result.verdict].in_(language).format(issuer=result.issuer)


def reasons(result: Result, language: str = "ja") -> tuple[str, ...]:
    """What is wrong, a sentence for each fault."""
    return tuple(said(fault, language) for fault in result.every_fault)


def said(fault: Fault, language: str = "ja") -> str:
    """What is wrong, as a sentence."""
    return _FAULT.in_(language).format(fault=FAULTS[fault].in_(language))


def title(part: Part, language: str = "ja") -> str:
    """Who signed, or who stamped: what the signature says of itself, else its certificate."""
    return part.name or part.signer or {"en": "(no name)"}.get(language, "（名前なし）")


def lines(part: Part, language: str = "ja") -> tuple[Line, ...]:
    """What the panel says of one signature or timestamp, and what each line means."""
    made = _of_signature(part, language) if part.of is Of.SIGNATURE else _of_timestamp(part, language)
    return tuple(made)


def _of_signature(part: Part, language: str) -> Iterator[Line]:
    changed = [fault for fault in part.faults if fault in _ALTERED]
    if changed:
        what = "".join(said(fault, language) for fault in changed)
        yield Line(good=False, text=_CHANGED.in_(language), means=what + _CHANGED_MEANS.in_(language))
    else:
        yield Line(good=True, text=_SAME.in_(language), means=_SAME_MEANS.in_(language))
    known = Fault.NOT_TRUSTED not in part.faults
    text, means = (_KNOWN, _KNOWN_MEANS) if known else (_UNKNOWN, _UNKNOWN_MEANS)
    yield Line(good=known, text=text.in_(language), means=means.in_(language).format(issuer=part.issuer))
    yield _time(part, language, good=(_TIMED, _TIMED_MEANS), bad=(_UNTIMED, _UNTIMED_MEANS))


def _of_timestamp(part: Part, language: str) -> Iterator[Line]:
    line = _time(part, language, good=(_STAMP, _STAMP_MEANS), bad=(_BAD_STAMP, _BAD_STAMP_MEANS))
    what = "".join(said(fault, language) for fault in part.faults)
    yield line if line.good else line._replace(means=what + line.means)


def _time(part: Part, language: str, *, good: tuple[Words, Words], bad: tuple[Words, Words]) -> Line:
    stamped = part.of is Of.TIMESTAMP
    if part.at is None or Fault.NO_TIME in part.faults or (stamped and part.faults):
        return Line(good=False, text=bad[0].in_(language), means=bad[1].in_(language))
    at = jst_datetime(part.at, seconds=True) if language != "en" else f"{part.at:%Y-%m-%d %H:%M:%S} UTC"
    return Line(good=True, text=good[0].in_(language), means=good[1].in_(language).format(at=at))
