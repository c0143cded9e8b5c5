"""What was read from an order, as it is kept: one shape for the draft's page, the draft mail and the answer.

Plain values with a JSON form that must stay readable for as long as an envelope is kept. How a mail is read stands in
`orders`, the words for a reason in `envelopes.texts`.

The JSON of a `Record`: {"lines": [{"label", "value", "line", "source", "mail"}], "warnings": [{"reason", "details",
"line", "source", "mail"}], "subject", "received_at", "statements", "note", "village_signer", "copies", "hand_over",
"revision"};
that of an `Answered` has "problems" (like "warnings"), "attachments" and "refused" besides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from envelopes.rules.consent import instant
from envelopes.rules.errors import Reason
from envelopes.rules.exclusions import QUESTIONS
from envelopes.rules.lines import ON_ADDRESS, ON_PAGE, Problem, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was read, in words. `line` counts from 1; 0: not from a line of a mail's text.

    `mail` tells which mail: 0 the first, then the replies to it.
    """

    label: str
    value: str
    line: int = 0
    source: str = ""
    mail: int = 0

    @property
    def where(self) -> str:
        """Where it was said, in words for the mails."""
        return self.place()

    def place(self, language: str = "ja") -> str:
        """Where it was said, in words."""
        english = language == "en"
        if self.mail == ON_PAGE:
            return "corrected on the draft’s page" if english else "下書きの画面で直しました"
        if not self.source:
            return "not said, so the default" if english else "指定がないため、既定の値です"
        return _quoted(self, language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing that is wrong or odd. `details` fill the text of `reason` and may quote the mail."""

    reason: Reason
    details: Mapping[str, str | int] = field(default_factory=dict)
    line: int = 0
    source: str = ""
    mail: int = 0

    @property
    def where(self) -> str:
        """The line that it is about, in words for the mails; "" where it is about none."""
        return self.place()

    def place(self, language: str = "ja") -> str:
        """The line that it is about, in words; "" where it is about none."""
        return _quoted(self, language) if self.line else ""

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """The remark that *problem* becomes: it quotes the line."""
        return cls(
            reason=problem.reason,
            details=problem.details,
            line=problem.line or 0,
            source=str(problem.details.get("text", "")),
            mail=problem.mail,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is kept with a draft: `envelopes.reading`.

    `statements` are what was written, so that a correction can be put in their place and all be read anew; `note` is
    the message to the contractor. `village_signer` (proposed) and `copies` are references of staff. `hand_over`: the
    contractor may name another person to sign. `revision` counts the corrections from 1, the draft as it was first
    read.
    """

    lines: Sequence[Line]
    warnings: Sequence[Remark]
    subject: str
    received_at: datetime
    statements: Sequence[Statement] = ()
    note: str = ""
    village_signer: str = ""
    copies: Sequence[str] = ()
    hand_over: bool = False
    revision: int = 1

    @property
    def questions(self) -> tuple[Remark, ...]:
        """The warnings that staff answer before the draft is sent (対象外の確認)."""
        return tuple(remark for remark in self.warnings if remark.reason in QUESTIONS)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return {
            "lines": [_line(item) for item in self.lines],
            "warnings": [_remark(item) for item in self.warnings],
            "subject": self.subject,
            "received_at": instant(self.received_at),
            "statements": [item.to_json() for item in self.statements],
            "note": self.note,
            "village_signer": self.village_signer,
            "copies": list(self.copies),
            "hand_over": self.hand_over,
            "revision": self.revision,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**_record(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What is kept with a mail that led to no draft: `mails.answer`.

    `problems` are to be mended; `refused`: nothing could be made of the mail, else something is only missing.
    """

    record: Record
    problems: Sequence[Remark]
    attachments: Sequence[str]
    refused: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return self.record.to_json() | {
            "problems": [_remark(item) for item in self.problems],
            "attachments": list(self.attachments),
            "refused": self.refused,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            record=Record.from_json(data),
            problems=_remarks(data["problems"]),
            attachments=tuple(data["attachments"]),
            refused=bool(data["refused"]),
        )


def _quoted(item: Line | Remark, language: str) -> str:
    """Its place with what is written there, unless nobody can read that."""
    if language == "en":
        place, quote = _english_place(item.mail, item.line), f" “{item.source}”"
    else:
        place, quote = _place(item.mail, item.line), f"「{item.source}」"
    return place + quote if item.source else place


def _place(mail: int, line: int) -> str:
    if not line:
        return "受付アドレス" if mail == ON_ADDRESS else "メールの題名"
    return f"返信の{line}行目" if mail else f"{line}行目"


def _english_place(mail: int, line: int) -> str:
    if not line:
        return "intake address" if mail == ON_ADDRESS else "subject of the mail"
    return f"line {line} of the reply" if mail else f"line {line}"


def _line(item: Line) -> dict[str, Any]:
    return {"label": item.label, "value": item.value, **_source(item)}


def _remark(item: Remark) -> dict[str, Any]:
    return {"reason": item.reason.value, "details": dict(item.details), **_source(item)}


def _source(item: Line | Remark) -> dict[str, Any]:
    return {"line": item.line, "source": item.source, "mail": item.mail}


def _record(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "lines": tuple(Line(**item) for item in data["lines"]),
        "warnings": _remarks(data["warnings"]),
        "subject": data["subject"],
        "received_at": datetime.fromisoformat(data["received_at"]),
        "statements": tuple(Statement.from_json(item) for item in data.get("statements", ())),
        "note": data.get("note", ""),
        "village_signer": data.get("village_signer", ""),
        "copies": tuple(data.get("copies", ())),
        "hand_over": data.get("hand_over", False),
        "revision": data.get("revision", 1),
    }


def _remarks(items: Sequence[Mapping[str, Any]]) -> tuple[Remark, ...]:
    return tuple(Remark(**{**item, "reason": Reason(item["reason"])}) for item in items)
