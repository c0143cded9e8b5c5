"""Who sent a mail, as far as it is proven. From by itself proves nothing.

Here the proof is the topmost Authentication-Results (RFC 8601) that carries the name of a configured relay: DMARC
passed for the From domain, or a DKIM signature passed whose domain is the From domain or a parent of it. The relay must
remove results that arrive under its own name (RFC 8601 5). Signatures are verified in signatures.py; whether the sender
is on the staff list is asked in authors.py.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from bot.parse import ParsedMail
from envelopes.rules.addresses import domain_of
from envelopes.rules.provenance import PROVING, Level, Why, is_aligned

NAMELESS: Final = "-"
"""As a trusted name: results without any name count, the form that Exchange Online writes."""

MOST_SIGNATURES: Final = (
    5  # honest mail has one to three; more are there to hide one or to keep the reader busy
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The level with its reason; `address` is the proven sender at level 1, else ""."""

    level: Level
    why: Why
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One `method=result` with its properties (`header.d` …), all in lower case."""

    method: str
    result: str
    properties: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One Authentication-Results header; `name` is the relay's authserv-id, "" where none is written."""

    name: str
    results: tuple[Result, ...]


def judge(mail: ParsedMail, *, trusted_authserv_ids: Collection[str], demo: bool) -> Verdict:
    """Say whether *mail* was sent by the owner of its From address.

    *demo*: everything with one sender counts as proven; the caller sees to it that a demo is loopback only.
    """
    if mail.sender is None:
        return _unproven(Why.NOT_ONE_SENDER)
    if demo:
        return Verdict(level=Level.PROVEN, why=Why.DEMO, address=mail.sender.address)
    found = _trusted(mail, {name.strip().lower() for name in trusted_authserv_ids})
    if isinstance(found, Why):
        return _unproven(found)
    why = _weigh(found.results, domain_of(mail.sender.address), _partly_signed(mail))
    return verdict(why, mail.sender.address)


def parse_results(value: str) -> Results | None:
    """Read one header value, tolerantly: comments anywhere, the name missing; `None` where it is ambiguous."""
    sections = _sections(value)
    if sections is None:
        return None
    name = ""
    if sections and not re.match(r"[\w-]+(?:/[0-9]+)?\s*=", sections[0]):
        name = next(iter(sections.pop(0).split()), "").strip('"').lower()
    read = [_result(section) for section in sections if section.lower() != "none"]
    results = tuple(result for result in read if result)
    return Results(name=name, results=results) if len(results) == len(read) else None


def verdict(why: Why, address: str) -> Verdict:
    """What follows from *why* for the one sender that the mail names."""
    return Verdict(level=Level.PROVEN, why=why, address=address) if why in PROVING else _unproven(why)


def _unproven(why: Why) -> Verdict:
    return Verdict(level=Level.UNPROVEN, why=why)


def _trusted(mail: ParsedMail, names: set[str]) -> Results | Why:
    """The topmost results under a trusted name; everything below them may be the sender's own."""
    for header in sorted(mail.authentication_results, key=lambda header: header.position):
        results = parse_results(header.value)
        if results is None and _may_be_trusted(header.value, names):
            return Why.MALFORMED_RESULTS
        if results and (results.name or NAMELESS) in names:
            return results
    return Why.NO_TRUSTED_RESULTS


def _may_be_trusted(value: str, names: set[str]) -> bool:
    """A header that cannot be read and could be the relay's own ends the search: below it all is doubtful."""
    return NAMELESS in names or any(name in value.lower() for name in names)


def _weigh(results: tuple[Result, ...], domain: str, partly_signed: Collection[str]) -> Why:
    dmarc = [result for result in results if result.method == "dmarc"]
    if len(dmarc) > 1:
        return Why.MALFORMED_RESULTS
    if any(is_aligned(domain, signer) for signer in partly_signed):
        # A signature with l= leaves room for text that nobody signed (RFC 6376 8.2), whatever the result.
        return Why.PARTLY_SIGNED
    if dmarc and dmarc[0].result == "pass" and dmarc[0].properties.get("header.from") == domain:
        return Why.DMARC
    if dmarc and dmarc[0].result == "fail":
        return Why.NOT_PASSED
    signatures = [result for result in results if result.method == "dkim"][:MOST_SIGNATURES]
    passed = [_signer(result) for result in signatures if result.result == "pass"]
    if any(is_aligned(domain, signer) for signer in passed):
        return Why.DKIM
    return Why.NOT_ALIGNED if passed or (dmarc and dmarc[0].result == "pass") else Why.NOT_PASSED


def _signer(result: Result) -> str:
    """The signing domain. header.i, which some write alone, lies in it or below it (RFC 6376 3.5)."""
    written = result.properties.get("header.d") or domain_of(result.properties.get("header.i", ""))
    return written.rstrip(".")


def _partly_signed(mail: ParsedMail) -> set[str]:
    """Domains of those signatures in the mail that cover only a part of the body."""
    found: set[str] = set()
    for header in mail.dkim_signatures:
        tags = {
            name.strip().lower(): value.strip().lower()
            for name, _, value in (tag.partition("=") for tag in header.value.split(";"))
        }
        if "l" in tags:
            found.add("".join(tags.get("d", "").split()).rstrip("."))
    return found


# Reading


def _sections(value: str) -> list[str] | None:
    """Split at semicolons outside quotes after comments have gone; `None` for open quotes or comments."""
    out, section, depth, quoted = [], "", 0, False
    for character, escaped in _characters(value):
        if not depth and character == '"' and not escaped:
            quoted = not quoted
        elif not quoted and not escaped and character in "()":
            depth += 1 if character == "(" else -1
            if depth < 0:
                return None
            continue
        if depth:
            continue
        if character == ";" and not quoted and not escaped:
            out.append(section)
            section = ""
        else:
            section += character
    if quoted or depth:
        return None
    return [section.strip() for section in (*out, section) if section.strip()]


def _characters(value: str) -> Iterator[tuple[str, bool]]:
    """Every character, and whether a backslash stands before it."""
    escaped = False
    for character in value:
        yield character, escaped
        escaped = character == "\\" and not escaped


def _result(section: str) -> Result | None:
    found = re.match(r"([\w-]+)(?:\s*/\s*[0-9]+)?\s*=\s*([\w-]+)(?=\s|$)", section)
    if not found:
        return None
    pairs = re.findall(
        r"([\w-]+(?:\s*\.\s*[\w-]+)?)\s*=\s*(\"(?:[^\"\\]|\\.)*\"[^\s]*|[^\s\"]+)", section[found.end() :]
    )
    properties: dict[str, str] = {}
    for name, written in pairs:
        key = re.sub(r"\s", "", name).lower()
        value = written.strip('"').lower()
        if properties.setdefault(key, value) != value:
            return None
    return Result(method=found[1].lower(), result=found[2].lower(), properties=properties)
