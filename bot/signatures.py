"""DKIM signatures (RFC 6376) of a mail that came in: whether one of them proves its sender.

Two pure functions for a killable child, which has no network: `wanted` says which keys could prove, and `proved` judges
with the keys in hand; DNS is asked between the two, outside. Besides dkimpy's own checks a signature has to cover the
whole body (no `l=`) and every field that means something here, its domain has to be aligned with the From domain, and
it must be neither expired nor weak. What dkimpy verifies and what bot.parse reads must be the same fields: else one
could be shown what the other never said.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import dkim
from dkim.util import InvalidTagValueList, parse_tag_value

from bot import tree
from bot.senders import MOST_SIGNATURES
from envelopes.rules.provenance import Why, is_aligned

# RFC 5322 3.6, RFC 2045 3: at most one of each. A second one stands above, unsigned, for who reads the first.
_SINGLE: Final = frozenset(
    {
        b"from",
        b"sender",
        b"reply-to",
        b"to",
        b"cc",
        b"date",
        b"subject",
        b"message-id",
        b"in-reply-to",
        b"references",
        b"mime-version",
        b"content-type",
        b"content-transfer-encoding",
        b"content-disposition",
    }
)
_STRONG: Final = frozenset({b"rsa-sha256", b"ed25519-sha256"})  # RFC 8301 3.1 forbids rsa-sha1
_BITS_OF_ED25519: Final = 256
_NAME: Final = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_DIGITS: Final = re.compile(rb"[0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a signature must do: speak for *domain*, cover *fields*, hold at *at* (Unix time), with *key_bits* of RSA.

    Unless *whole*, the mail's body is not at hand, and the signature is over what the head says and over a body unseen.
    """

    domain: str
    fields: tuple[str, ...]
    at: int
    key_bits: int
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The names of the keys that could prove, in the order of the signatures; without any, why."""

    names: tuple[str, ...] = ()
    why: Why = Why.NOT_SIGNED


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """What was found, and where it proves, the key's name with its record as they stood in DNS."""

    why: Why
    key: str = ""


class _Candidate(NamedTuple):
    """A signature by its place from the top."""

    place: int
    tags: dict[bytes, bytes]

    @property
    def domain(self) -> str:
        return self.tags[b"d"].decode("ascii").lower().rstrip(".")

    @property
    def key_name(self) -> str:
        return f"{self.tags[b's'].decode('ascii').lower()}._domainkey.{self.domain}"


def wanted(raw: bytes, demand: Demand) -> Wanted:
    """Say which keys could prove the sender of *raw*."""
    mail, flaw = _read(raw)
    if mail is None:
        return Wanted(why=flaw)
    fit, why = _sorted(mail, demand)
    return Wanted(names=tuple(dict.fromkeys(one.key_name for one in fit)), why=why)


def proved(raw: bytes, demand: Demand, keys: Mapping[str, Sequence[bytes]]) -> Proved:
    """Judge *raw* with *keys*, the TXT records by name; a name that is missing there has none."""
    mail, flaw = _read(raw)
    if mail is None:
        return Proved(why=flaw)
    fit, why = _sorted(mail, demand)
    for one in fit:
        records = keys.get(one.key_name, ())
        why = _judged(mail, one, records, demand)
        if why in (Why.SIGNATURE, Why.HEAD_SIGNATURE):
            return Proved(why=why, key=f"{one.key_name} {records[0].decode('ascii', 'replace')}")
    return Proved(why=why)


# The head


def _read(raw: bytes) -> tuple[dkim.DKIM | None, Why]:
    """Take the head apart; nothing where two readers see two things, or one field stands twice."""
    try:
        mail = dkim.DKIM(raw)
    except (dkim.DKIMException, IndexError):
        return None, Why.TWO_READINGS
    if [_squeezed(*field) for field in mail.headers] != list(_as_parsed(raw)):
        return None, Why.TWO_READINGS
    if any(count > 1 for name, count in _counted(mail).items() if name in _SINGLE):
        return None, Why.DOUBLE_FIELD
    return mail, Why.NOT_SIGNED


def _as_parsed(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The fields as bot.parse sees them."""
    for name, value in tree.read_head(raw).raw_items():
        yield _squeezed(*(str(part).encode("utf-8", "surrogateescape") for part in (name, value)))


def _squeezed(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    return name.strip().lower(), b"".join(value.split())


def _counted(mail: dkim.DKIM) -> Counter[bytes]:
    return Counter(name.strip().lower() for name, _ in mail.headers)


# One signature


def _sorted(mail: dkim.DKIM, demand: Demand) -> tuple[list[_Candidate], Why]:
    """The signatures that could prove; and of the others, what the first had against it that speaks for the domain."""
    fit: list[_Candidate] = []
    flaws: list[Why] = []
    written = [value for name, value in mail.headers if name.lower() == b"dkim-signature"]
    for place, value in enumerate(written[:MOST_SIGNATURES]):
        tags = _tags(value)
        flaw = Why.SIGNATURE_MALFORMED if tags is None else _flaw(mail, _Candidate(place, tags), demand)
        if tags is not None and flaw is None:
            fit.append(_Candidate(place, tags))
        elif flaw is not None:
            flaws.append(flaw)
    flaws.sort(key=lambda flaw: flaw is Why.NOT_ALIGNED)
    return fit, next(iter(flaws), Why.NOT_SIGNED)


def _tags(value: bytes) -> dict[bytes, bytes] | None:
    try:
        tags: dict[bytes, bytes] = parse_tag_value(value)
    except InvalidTagValueList:
        return None
    names = all(_NAME.fullmatch(tags.get(tag, b"")) for tag in (b"d", b"s"))
    return tags if names and b"h" in tags else None


def _flaw(mail: dkim.DKIM, one: _Candidate, demand: Demand) -> Why | None:
    """What keeps a signature from proving, whatever its key says."""
    if not is_aligned(demand.domain, one.domain):
        return Why.NOT_ALIGNED
    if b"l" in one.tags:
        # RFC 6376 8.2: text that nobody signed may stand behind the signed part.
        return Why.PARTLY_SIGNED
    if one.tags.get(b"a", b"").lower() not in _STRONG:
        return Why.SIGNATURE_WEAK
    if _is_expired(one.tags, demand.at):
        return Why.SIGNATURE_EXPIRED
    return None if _covers(mail, one, demand.fields) else Why.UNSIGNED_FIELD


def _is_expired(tags: Mapping[bytes, bytes], at: int) -> bool:
    end = tags.get(b"x")
    return end is not None and not (_DIGITS.fullmatch(end) and int(end) >= at)


def _covers(mail: dkim.DKIM, one: _Candidate, fields: Sequence[str]) -> bool:
    """Whether From is signed, and as many of each field as there are: signatures count from below (RFC 6376 5.4.2)."""
    signed = Counter(name.strip().lower() for name in one.tags[b"h"].split(b":"))
    there = _counted(mail)
    return signed[b"from"] > 0 and all(there[name] <= signed[name] for name in (f.encode() for f in fields))


def _judged(mail: dkim.DKIM, one: _Candidate, records: Sequence[bytes], demand: Demand) -> Why:
    if not records:
        return Why.KEY_MISSING
    if len(records) > 1 or not _is_usable(records[0], demand.key_bits):
        # RFC 6376 3.6.2.2: of several records none is the right one.
        return Why.KEY_UNUSABLE
    good = Why.SIGNATURE if demand.whole else Why.HEAD_SIGNATURE
    return good if _verifies(mail, one, records[0], whole=demand.whole) else Why.SIGNATURE_BROKEN


def _is_usable(record: bytes, key_bits: int) -> bool:
    """Whether the record holds a key that is strong enough and not only there for trial (RFC 6376 3.6.1, t=y)."""
    try:
        flags = parse_tag_value(record).get(b"t", b"").split(b":")
        _, bits, kind, _ = dkim.evaluate_pk("key", record)
    except (dkim.DKIMException, InvalidTagValueList, ValueError, IndexError):
        return False
    enough = _BITS_OF_ED25519 if kind == b"ed25519" else key_bits
    return bool(bits) and bits >= enough and b"y" not in [flag.strip() for flag in flags]


def _verifies(mail: dkim.DKIM, one: _Candidate, record: bytes, *, whole: bool) -> bool:
    try:
        tags, names, fields = mail.verify_headerprep(one.place)
        if not whole:
            # The signature stands over bh= as written; only the comparison with a body falls away.
            del tags[b"bh"]
        key = lambda _name, timeout=0: record  # noqa: ARG005, E731 -- dkimpy's form of a look-up
        return bool(mail.verify_sig(tags, names, fields[one.place], key))
    except (dkim.DKIMException, ValueError):
        return False
