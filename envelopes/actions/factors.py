"""The second proof of a signer: asked for after the code by mail, where staff chose one for this place.

One dispatch to the methods, and one home for what a browser has proved: which proof is missing, and what a consent is
told of those that were given. Signing, reading and refusing wait for all of them. The signed files and the receipt,
which go to the mailbox anyway, need the code by mail alone.
"""

from dataclasses import dataclass
from typing import assert_never

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import access_codes, authenticators, sms_codes
from envelopes.actions import signer as signing
from envelopes.records import sessions, store
from envelopes.records.database import unit
from envelopes.records.models import Proof, Session, Signer
from envelopes.rules import consent, factors
from envelopes.rules.codes import Verdict
from envelopes.rules.consent import Grant
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of an entry. `left`: tries that remain."""

    verdict: Verdict
    left: int = 0


def missing(proof: Proof, signer: Signer) -> Method | None:
    """What the browser of *proof* has yet to prove before it may read and sign, or None."""
    wanted = factors.second(signer.proof)
    return wanted if wanted is not None and proof.factor not in factors.enough(wanted) else None


async def asked(signer: Signer) -> Method | None:
    """The proof that this signer gives after the code by mail as things stand, or None."""
    wanted = factors.second(signer.proof)
    return await authenticators.asked_of(signer) if wanted is Method.AUTHENTICATOR else wanted


async def grants(services: Services, proof: Proof, signer: Signer) -> list[Grant]:
    """The proofs given in this browser, as the consent names them. An app that has ended since proves nothing."""
    given = [signing.mail_code_grant(services, proof.at)]
    if proof.factor is None or proof.factor_at is None:
        return given
    since = ""
    if proof.factor == Method.AUTHENTICATOR:
        app = await authenticators.of(signer.contact_id)
        if app is None or app.lost_at is not None or not authenticators.counts_for(app, signer):
            return given
        since = consent.instant(app.set_up_at)
    issuer, at = services.settings.operator.name, consent.instant(proof.factor_at)
    return [*given, Grant(method=proof.factor, level=proof.factor, issuer=issuer, at=at, since=since)]


async def check(services: Services, signer: Signer, session: Session, typed: str, *, ip: str = "") -> Tried:
    """Judge the second proof in a browser that has proved the mailbox; a right one stands in its session.

    Raises Refused: PROOF_MISSING without that, and what the method says about the form of an entry.
    """
    proof = await sessions.proof(session, signer)
    method = await asked(signer)
    if proof is None or method is None:
        raise Refused(Reason.PROOF_MISSING)
    tried = await _judge(services, signer, method, typed)
    if tried.verdict is Verdict.OK:
        await _proved(services, signer, session, proof, method=method, ip=ip)
    return tried


async def _judge(services: Services, signer: Signer, method: Method, typed: str) -> Tried:
    match method:
        case Method.ACCESS_CODE:
            verdict, left = await access_codes.check(services, signer, typed)
            return Tried(verdict=verdict, left=left)
        case Method.SMS:
            verdict, left = await sms_codes.check(services, signer, typed)
            return Tried(verdict=verdict, left=left)
        case Method.AUTHENTICATOR:
            return Tried(verdict=await authenticators.check(services, signer, typed))
        case Method.MAIL:
            raise Refused(Reason.PROOF_MISSING)
    assert_never(method)


async def _proved(
    services: Services, signer: Signer, session: Session, proof: Proof, *, method: Method, ip: str
) -> None:
    now = services.now()
    await sessions.prove_more(session, signer, proof, factor=method, now=now)
    payload = {"method": method.value, "for": signing.CodeFor.SIGN.value}
    if ip:
        payload["ip"] = ip

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.note(
            connection,
            signer.envelope_id,
            "proved",
            actor=signing.actor_of(signer),
            now=now,
            payload=payload,
        )

    await unit(work)
