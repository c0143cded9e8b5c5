"""Time stamping authorities outside, in fixed order: the first that gives a token fit in every detail is taken.

What makes a token fit stands in `timestamps`; how bytes travel, in `wire`. Here is whose turn it is, who rests after a
failure, and where the certificates and CRLs come from that prove a token for decades: they have to stand in the PDF
before the token exists. So an authority is asked for one token first, and what is fetched are only the CRLs that
certificates below the operator's own roots name. Authorities whose certificates name no CRL cannot be used.
"""

import contextlib
import datetime as dt
import logging
import secrets
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from envelopes.rules.errors import Later, Reason
from envelopes.signing.chains import NoChain, chain_of, chain_of_token
from envelopes.signing.reading import MALFORMED
from envelopes.signing.revocation import DAILY, FRESH, REST, Lists, fetched
from envelopes.signing.seal import Seal
from envelopes.signing.stamps import BadToken, read_time
from envelopes.signing.times import last_token
from envelopes.signing.timestamps import CheckedTimestamper, granted
from envelopes.signing.trust import Evidence, joined
from envelopes.signing.wire import Call, Line

log = logging.getLogger(__name__)

# RFC 3161 3.4.
QUERY: Final = "application/timestamp-query"
REPLY: Final = "application/timestamp-reply"

_MAX_TOKEN: Final = 32 * 1024  # why: tokens with a long chain have 10 kB; this only ends endless answers
_LONG_REST: Final = dt.timedelta(minutes=15)
_STEP: Final = 1024  # why: tokens of one authority differ by some bytes, and room is reserved before
_CHAINS: Final = 8  # why: some authorities answer from several units, each with its certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One authority as the operator has set it. *roots* are DER: what its tokens' chain must end in."""

    name: str
    url: str
    roots: tuple[bytes, ...] = field(repr=False)
    timeout: float
    policy: str | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    retired: bool = False


class Member:
    """One authority: asked through kept connections, its chain and CRLs remembered. Safe to share between threads."""

    def __init__(self, source: Source, clock: Callable[[], dt.datetime]) -> None:
        self.name = source.name
        self.roots = source.roots
        self.retired = source.retired
        self._clock = clock
        self._line = Line(
            source.url, timeout=source.timeout, user=source.user, password=source.password, tls=source.tls
        )
        self._lock = threading.Lock()
        self._known: dict[bytes, Lists] = {}
        self._longest = 0
        self._failures = 0
        self._rests_until: dt.datetime | None = None
        self.note = ""
        self.told: dt.datetime | None = None
        """The time that its last answer said, whether or not the answer was fit: our own clock may be why it is not."""
        self._stamper = CheckedTimestamper(
            ask=self._ask,
            room=_MAX_TOKEN,
            policy=source.policy,
            roots=source.roots,
            evidence=lambda _: self._evidence(),
            clock=clock,
        )

    @property
    def longest(self) -> int:
        """The length in bytes of its longest token so far, 0 before the first."""
        return self._longest

    def rests(self, now: dt.datetime) -> bool:
        """Whether it is left alone because it has just failed."""
        return self._rests_until is not None and now < self._rests_until

    def token(self, imprint: bytes, *, room: int) -> bytes:
        """Return a token that the evidence already proves, or raise Later(TSA_UNAVAILABLE)."""
        return self._attempt(lambda: self._proved(imprint, room))

    def probe(self) -> None:
        """Ask for one token, learn what proves it, and throw it away. Raises Later(TSA_UNAVAILABLE)."""
        self._attempt(lambda: self._stamper(sha256(secrets.token_bytes(32)).digest()))

    def close(self) -> None:
        """Give up the kept connections; asking again opens new ones."""
        self._line.close()

    def evidence(self, now: dt.datetime, *, age: dt.timedelta) -> Evidence:
        """Return what is known, its CRLs fetched anew when older than *age*; nothing while it cannot be reached."""
        with self._lock:
            self._probe_once(now)
            for leaf, known in list(self._known.items()):
                if not known.may_wait(now, age):
                    self._renew(leaf, known, now)
        return self._evidence()

    def meet(self, token: bytes) -> None:
        """Learn the chain of an earlier token of this authority, and what proves it now; of another's, nothing.

        Raises Later(TSA_UNAVAILABLE) where its CRLs are not to be had.
        """
        with contextlib.suppress(NoChain):
            chain = chain_of_token(token, self.roots)
            with self._lock:
                self._probe_once(self._clock())
                if chain[0].public_bytes(Encoding.DER) not in self._known:
                    self._remember(chain)

    def _probe_once(self, now: dt.datetime) -> None:
        if self._known or self.retired or self.rests(now):
            return
        with contextlib.suppress(Later):  # the note says why
            self.probe()

    def _renew(self, leaf: bytes, known: Lists, now: dt.datetime) -> None:
        try:
            self._known[leaf] = fetched(known.chain, now)
        except Later as error:
            log.warning("timestamp authority %s: CRL: %s", self.name, error.note)
            # Lists that have not run out yet are still true; without them no token can be proved.
            if now >= known.ends:
                self._known.pop(leaf, None)
            else:
                self._known[leaf] = replace(known, tried=now)

    def _evidence(self) -> Evidence:
        found = tuple(self._known.values())
        return Evidence(
            certificates=tuple(
                dict.fromkeys(one.public_bytes(Encoding.DER) for known in found for one in known.chain)
            ),
            crls=tuple(dict.fromkeys(crl for known in found for crl in known.crls)),
        )

    def _attempt(self, work: Callable[[], bytes]) -> bytes:
        try:
            made = work()
        except Later as error:
            self._failures += 1
            rest = min(REST * 2 ** min(self._failures - 1, 8), _LONG_REST)
            self._rests_until, self.note = self._clock() + rest, error.note
            log.warning("timestamp authority %s: %s", self.name, error.note)
            raise
        self._failures, self._rests_until, self.note = 0, None, ""
        self._longest = max(self._longest, len(made))
        return made

    def _proved(self, imprint: bytes, room: int) -> bytes:
        known = tuple(self._known)
        made = self._stamper(imprint)
        if not any(leaf in made for leaf in known):
            # The PDF already holds what proves the earlier certificate's tokens; the next attempt knows this one.
            raise _unavailable("certificate changed")
        if len(made) > room:
            raise _unavailable("length")
        return made

    def _ask(self, request: bytes) -> bytes:
        call = Call(body=request, sends=QUERY, accept=REPLY, limit=_MAX_TOKEN)
        response = self._line.exchange(call)
        self.told = _time_told(response)
        if not any(leaf in response for leaf in tuple(self._known)):
            self._learn(response)
        return response

    def _learn(self, response: bytes) -> None:
        try:
            chain = chain_of(response, self.roots)
        except NoChain:
            return  # the full check, which follows, says what is wrong
        self._remember(chain)

    def _remember(self, chain: tuple[x509.Certificate, ...]) -> None:
        known = fetched(chain, self._clock())
        for oldest in tuple(self._known)[: 1 - _CHAINS]:
            self._known.pop(oldest, None)
        self._known[chain[0].public_bytes(Encoding.DER)] = known


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorities:
    """The operator's list, a Timestamper. Its order is fixed; a member that has just failed rests while others can."""

    members: tuple[Member, ...]
    clock: Callable[[], dt.datetime] = field(repr=False)

    @property
    def active(self) -> tuple[Member, ...]:
        """Those that are asked for the time."""
        return tuple(member for member in self.members if not member.retired)

    @property
    def room(self) -> int:
        """The greatest length in bytes that a token may have, of which enough is reserved in the PDF."""
        longest = max(member.longest for member in self.active)
        return _STEP * (longest // _STEP + 2)

    def __call__(self, imprint: bytes) -> bytes:
        """Return the first token that is fit, or raise Later(TSA_UNAVAILABLE) that says of each what was wrong."""
        room, now = self.room, self.clock()
        awake = [member for member in self.active if not member.rests(now)]
        # Where all have failed, waiting is the task's own: it is tried again later.
        for member in awake or self.active:
            try:
                return member.token(imprint, room=room)
            except Later:
                continue
        raise _unavailable("; ".join(f"{member.name}: {member.note}" for member in self.active))

    def evidence(self, now: dt.datetime, *, fresh: bool) -> Evidence:
        """Return what proves the members' tokens; *fresh*: with CRLs fetched right now."""
        age = FRESH if fresh else DAILY
        return joined(member.evidence(now, age=age) for member in self.members)

    def meet(self, token: bytes) -> None:
        """Have the member whose token this was learn what proves it now. Raises Later(TSA_UNAVAILABLE)."""
        for member in self.members:
            member.meet(token)

    def close(self) -> None:
        """Give up all kept connections."""
        for member in self.members:
            member.close()


def authorities(sources: Sequence[Source], *, clock: Callable[[], dt.datetime]) -> Authorities:
    """Return the list of *sources*, in their order, with nobody asked yet."""
    return Authorities(members=tuple(Member(source, clock) for source in sources), clock=clock)


def sealed_by(seal: Seal, chosen: Authorities) -> Seal:
    """Return *seal* with its times from *chosen* instead of the embedded authority, which it goes on to know."""
    theirs = tuple(root for member in chosen.members for root in member.roots)
    return replace(
        seal,
        timestamper=chosen,
        evidence=lambda now: joined((seal.evidence(now), chosen.evidence(now, fresh=False))),
        fresh_evidence=lambda now, since: joined(
            (seal.fresh_evidence(now, since), chosen.evidence(now, fresh=True))
        ),
        trusts=lambda: tuple(dict.fromkeys((*seal.roots, *theirs))),
        meet=lambda data: chosen.meet(last_token(data)),
    )


def _time_told(response: bytes) -> dt.datetime | None:
    try:
        return read_time(granted(response))
    except (Later, BadToken, *MALFORMED):
        return None  # the full check, which follows, says what is wrong


def _unavailable(note: str) -> Later:
    return Later(Reason.TSA_UNAVAILABLE, note)
