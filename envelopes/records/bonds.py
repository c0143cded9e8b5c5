"""Sealed statements that tie a row to what it says, so that only the service can have written it.

Whoever can write to the database but holds no operator key can change a plain column, or copy a sealed value from one
row to another. A bond is a sealed column that repeats what must not be changed or moved, with the row's own reference
in it: a signer's identity and address, a mobile number and who answers for it, a proof in a session, a staff session's
sign-in, a credential's owner.
"""

import json
from datetime import datetime

from envelopes.records.models import Authenticator, Credential, Mobile, Proof, Session, Signer
from envelopes.rules import factors
from envelopes.rules.consent import instant


def _say(*parts: str | int | None) -> str:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def of_signer(signer: Signer) -> str:
    """Who signs in which place, where mail to him goes, and what he has to prove besides."""
    wanted = factors.second(signer.proof)
    return _say(
        signer.ref,
        signer.envelope_id,
        signer.position,
        signer.party,
        signer.contact_id,
        signer.staff_id,
        signer.company,
        signer.office,
        signer.person,
        signer.email,
        signer.email_look_up,
        signer.registry_revision,
        *((wanted.value,) if wanted else ()),
    )


def of_proof(
    session: Session,
    signer: Signer,
    *,
    generation: int,
    method: str,
    at: datetime,
    second: tuple[str, datetime] | None = None,
) -> str:
    """That this browser proved to be this signer, how and when; *second*: by what besides."""
    more = (second[0], instant(second[1])) if second else ()
    return _say(session.digest, signer.ref, generation, method, instant(at), *more)


def of_sign_in(session: Session, at: datetime) -> str:
    """That both factors of this member of staff were right in this browser."""
    return _say(session.digest, session.staff_id, instant(at))


def of_mobile(mobile: Mobile) -> str:
    """Whose number it is, and which two of the staff answer for it from when on."""
    works_from = instant(mobile.works_from) if mobile.works_from else None
    return _say(
        mobile.ref, mobile.contact_id, mobile.number, mobile.registrar_id, mobile.approver_id, works_from
    )


def of_credential(staff_id: int, kind: str, secret: str) -> str:
    """A secret together with whose and what it is: the form in which it is sealed."""
    return _say(staff_id, kind, secret)


def of_authenticator(contact_ref: str, seed: str) -> str:
    """The seed of a contractor's app together with whose it is: the form in which it is sealed."""
    return _say("authenticator", contact_ref, seed)


def seed_of(app: Authenticator, contact_ref: str) -> str | None:
    """The seed of *app*, or None where it was sealed for another entry or for something else."""
    what, ref, seed = json.loads(app.secret)
    return str(seed) if (what, ref) == ("authenticator", contact_ref) else None


def secret_of(credential: Credential) -> str | None:
    """The secret of *credential*, or None where it was sealed for somebody else or for something else."""
    staff_id, kind, secret = json.loads(credential.secret)
    fits = staff_id == credential.staff_id and kind == credential.kind
    return str(secret) if fits else None


def holds(signer: Signer) -> bool:
    """Whether *signer* still says what the service wrote."""
    return signer.bond == of_signer(signer)


def is_approved(mobile: Mobile) -> bool:
    """Whether the service noted in *mobile* that two of the staff answer for it."""
    return mobile.approver_id is not None and mobile.bond == of_mobile(mobile)


def is_proof(proof: Proof, session: Session, signer: Signer) -> bool:
    """Whether *proof* was written by the service, for this browser and this signer."""
    second = (proof.factor, proof.factor_at) if proof.factor and proof.factor_at else None
    said = of_proof(
        session, signer, generation=proof.generation, method=proof.method, at=proof.at, second=second
    )
    return proof.bond == said


def is_sign_in(session: Session) -> bool:
    """Whether the service noted in *session* that both factors were right."""
    return session.proved_at is not None and session.bond == of_sign_in(session, session.proved_at)
