"""How staff prove who they are: enrolment by a link, password, authenticator, recovery codes; how often one may try."""

import asyncio
import hashlib
import hmac
import math
import secrets
import unicodedata
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyotp
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from envelopes.records import bonds, counters, history
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Credential, Session, Staff
from envelopes.rules import tokens
from envelopes.rules.codes import tidy
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.people import Actor, ActorKind
from envelopes.rules.tokens import Purpose, Ticket
from envelopes.services import Services

PASSWORD: Final = "password"  # noqa: S105 -- a kind of credential
TOTP: Final = "totp"
RECOVERY: Final = "recovery"
REPLY: Final = "reply"  # the seed for commands by reply: see replying

# scrypt with N = 2^15, r = 8, p = 1: 32 MiB and about 0.1 s, the first choice of RFC 7914 for interactive use.
_SCRYPT_N: Final = 2**15
_SCRYPT_R: Final = 8
_SCRYPT_MEMORY: Final = 64 * 1024 * 1024
_NOBODY: Final = f"{'00' * 16}:{'00' * 64}"  # matches no password
STEP: Final = 30  # RFC 6238: seconds
_DRIFT: Final = (0, -1, 1)  # one step either way for clocks that are a little off
SEED: Final = 20  # RFC 4226 4: at least 128 bits, 160 recommended


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A one-time link that was opened: who, and the seed that the authenticator is given."""

    staff: Staff
    seed: str
    uri: str


def enrolment_link(services: Services, staff: Staff) -> tuple[str, datetime]:
    """The one-time link for *staff* and until when it works."""
    expires = services.now() + services.policy.enrolment_lifetime
    ticket = Ticket(ref=staff.ref, generation=staff.enrolment, expires=expires)
    token = tokens.seal(ticket, Purpose.ENROL, tuple(services.keyring.token))
    return services.url("staff", "enrol", token), expires


async def open_enrolment(services: Services, token: str) -> Enrolment:
    """Read a one-time link; changes nothing. Raises Refused(LINK_UNKNOWN | LINK_EXPIRED | LINK_REPLACED)."""
    ticket = services.ticket(Purpose.ENROL, token)
    staff = await Staff.filter(ref=ticket.ref, active=True).select_related("section").first()
    if staff is None:
        raise Refused(Reason.LINK_UNKNOWN)
    if ticket.generation != staff.enrolment:
        raise Refused(Reason.LINK_REPLACED)
    # Derived, not stored: showing the page twice shows the same seed, and GET writes nothing.
    subject = f"enrol:{staff.ref}:{ticket.generation}".encode()
    seed = b32encode(hmac.new(services.code_key, subject, "sha256").digest()[:SEED]).decode()
    issuer = f"{services.settings.town.name} 電子契約"
    return Enrolment(
        staff=staff, seed=seed, uri=pyotp.TOTP(seed).provisioning_uri(name=staff.email, issuer_name=issuer)
    )


async def enrol(services: Services, token: str, *, password: str, code: str) -> tuple[str, ...]:
    """Set password and authenticator and return the recovery codes, which are shown once.

    Raises Refused: PASSWORD_WEAK, AUTHENTICATOR_FORMAT, TOTP_WRONG, and what `open_enrolment` says.
    """
    opened, now = await open_enrolment(services, token), services.now()
    if len(password) < services.policy.password_characters:
        raise Refused(Reason.PASSWORD_WEAK, characters=services.policy.password_characters)
    form = Reason.AUTHENTICATOR_FORMAT
    step = matching_step(opened.seed, tidy(code, empty=form, form=form), now)
    if step is None:
        raise Refused(Reason.TOTP_WRONG)
    recovery = tuple(_recovery_code() for _ in range(services.policy.recovery_codes))
    hashed = await asyncio.to_thread(_hash, password)
    secrets_of = [(PASSWORD, hashed, 0), (TOTP, opened.seed, step)]
    secrets_of += [(RECOVERY, _hash_recovery(item), 0) for item in recovery]

    async def work(connection: BaseDBAsyncClient) -> None:
        mine = Staff.filter(id=opened.staff.id, enrolment=opened.staff.enrolment).using_db(connection)
        if not await mine.update(enrolment=F("enrolment") + 1, enrolled_at=now):
            raise Refused(Reason.LINK_REPLACED)
        await Credential.filter(staff_id=opened.staff.id).using_db(connection).delete()
        for kind, secret, last in secrets_of:
            await Credential.create(
                staff_id=opened.staff.id,
                kind=kind,
                secret=bonds.of_credential(opened.staff.id, kind, secret),
                last_step=last,
                created_at=now,
                using_db=connection,
            )
        # Whoever sits in a session of before has not proved himself with the new password.
        living = Session.filter(staff_id=opened.staff.id, ended_at=None).using_db(connection)
        await living.update(ended_at=now)
        actor = str(Actor(kind=ActorKind.STAFF, ref=opened.staff.ref))
        await history.record(connection, Subject.STAFF, opened.staff.id, "enrolled", actor=actor, at=now)

    await unit(work)
    return recovery


def _recovery_code() -> str:
    text = b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))


def _hash_recovery(code: str) -> str:
    folded = unicodedata.normalize("NFKC", code).lower()
    plain = "".join(char for char in folded if char.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


def _hash(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(password, salt).hex()}"


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=1, maxmem=_SCRYPT_MEMORY)


def _matches(password: str, stored: str) -> bool:
    salt, _, digest = stored.partition(":")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)).hex(), digest)


def matching_step(seed: str, code: str, now: datetime) -> int | None:
    """The time step whose digits *code* are: the present one, or one either way; None where they are of none."""
    current = int(now.timestamp()) // STEP
    totp = pyotp.TOTP(seed)
    matching = [step for step in (current + drift for drift in _DRIFT) if _same(totp, step, code)]
    return matching[0] if matching else None


def _same(totp: pyotp.TOTP, step: int, code: str) -> bool:
    return hmac.compare_digest(totp.generate_otp(step), code)


async def sign_in(services: Services, *, address: str, password: str) -> Staff:
    """First factor. Raises Refused: SIGN_IN_WRONG (the same for an unknown person), SIGN_IN_LOCKED."""
    try:
        look_up = services.address_look_up(address)
    except Refused:
        look_up = ""
    await count_try(services, f"password:{look_up}")
    staff = await Staff.filter(email_look_up=look_up, active=True).select_related("section").first()
    stored = await Credential.filter(staff_id=staff.id if staff else 0, kind=PASSWORD).first()
    # An unknown person costs the same time as a wrong password.
    right = await asyncio.to_thread(
        _matches, password, (bonds.secret_of(stored) if stored else None) or _NOBODY
    )
    if staff is None or stored is None or not right:
        raise Refused(Reason.SIGN_IN_WRONG)
    return staff


async def count_try(services: Services, name: str) -> None:
    """Count one try of *name*. Raises Refused(SIGN_IN_LOCKED) when there were too many."""
    policy = services.policy
    if not await counters.allowed(
        name, events=policy.sign_in_tries, per=policy.sign_in_pause, now=services.now()
    ):
        minutes = math.ceil(policy.sign_in_pause.total_seconds() / 60)
        raise Refused(Reason.SIGN_IN_LOCKED, minutes=minutes)


async def second_factor(services: Services, staff: Staff, typed: str) -> str:
    """Check the authenticator's digits or a recovery code and return which it was. Each works once.

    Raises Refused: TOTP_WRONG, SIGN_IN_LOCKED.
    """
    await count_try(services, f"totp:{staff.ref}")
    now = services.now()
    is_recovery = len([char for char in typed if char.isalnum()]) > tokens.REF_BYTES
    used = await (_recover(staff, typed, now) if is_recovery else totp(services, staff, typed))
    # Wrong digits in mails have closed the replies until somebody who is certainly this person comes.
    await Credential.filter(staff_id=staff.id, kind=REPLY).update(wrong=0)
    return used


async def totp(services: Services, staff: Staff, typed: str) -> str:
    """Check the authenticator's six digits; a time step counts once. Raises Refused(TOTP_WRONG)."""
    now = services.now()
    stored = await Credential.filter(staff_id=staff.id, kind=TOTP).first()
    try:
        seed = bonds.secret_of(stored) if stored else None
        step = matching_step(seed, tidy(typed), now) if seed else None
    except Refused:
        step = None
    if stored is None or step is None:
        raise Refused(Reason.TOTP_WRONG)
    if not await Credential.filter(id=stored.id, last_step__lt=step).update(last_step=step, used_at=now):
        raise Refused(Reason.TOTP_WRONG)
    return TOTP


async def prove_again(services: Services, staff: Staff, typed: str) -> None:
    """Have somebody who is signed in give the authenticator's digits once more.

    Raises Refused(TOTP_WRONG | SIGN_IN_LOCKED).
    """
    await count_try(services, f"totp:{staff.ref}")
    await totp(services, staff, typed)


async def _recover(staff: Staff, typed: str, now: datetime) -> str:
    digest = _hash_recovery(typed)
    for row in await Credential.filter(staff_id=staff.id, kind=RECOVERY, used_at=None):
        if hmac.compare_digest(bonds.secret_of(row) or "", digest) and await Credential.filter(
            id=row.id, used_at=None
        ).update(used_at=now):
            return RECOVERY
    raise Refused(Reason.TOTP_WRONG)
