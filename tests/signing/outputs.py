"""Every kind of file that the service gives away, made both ways and with both kinds of key."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path

from envelopes.signing import authority, seal
from envelopes.signing.authority import Authority
from envelopes.signing.certificates import Role
from envelopes.signing.hsm import HsmKey, Token
from envelopes.signing.keys import private_key
from envelopes.signing.seal import Prepared, Seal
from tests.signing import softhsm, witnesses
from tests.signing.conftest import PASSPHRASE, TOWN, URL, entry, next_tsa, now, pdf
from tests.signing.softhsm import PIN
from tests.signing.witnesses import Trust

KEYS = ("rsa3072", "p256")
# By the plan that PREPARE made, or by reading the file with pyHanko.
WAYS = ("plan", "reading")
# For each kind: how many sign, and how many document timestamps there are.
KINDS = {
    "half-signed": (1, 0),
    "acceptance": (1, 1),
    "contract": (2, 1),
    "three parties": (3, 1),
    "renewed": (2, 2),
    "renewed twice": (1, 3),
}
# Whose key never leaves it: what is signed by it is the same in every other way, so one kind is enough.
IN_HSM = "contract by an HSM"
NAMES = tuple(f"{key}, {way}, {kind}" for key, way, kind in product(KEYS, WAYS, (*KINDS, IN_HSM)))


@dataclass(frozen=True)
class Output:
    """One file, and who made it."""

    path: Path
    data: bytes
    signatures: int
    timestamps: int
    seal: Seal
    authority: Authority
    trust: Trust

    @property
    def crls(self) -> tuple[bytes, ...]:
        return self.authority.crls(now())


def outputs(folder: Path, hsm_folder: Path) -> dict[str, Output]:
    """Make all of NAMES. The tokens of a whole run lie in *hsm_folder*."""
    return {name: output for key in KEYS for name, output in _with_key(folder / key, key, hsm_folder)}


def _with_key(folder: Path, key: str, hsm_folder: Path) -> Iterator[tuple[str, Output]]:
    folder.mkdir()
    made = authority.create(
        folder / "a", town=TOWN, public_url=URL, now=now(), passphrase=PASSPHRASE, key_type=key
    )
    using = _opened(folder / "a")
    finished = {
        (way, kind): _finished(using, way, *counts) for way, (kind, counts) in product(WAYS, KINDS.items())
    }
    by_hsm = _with_hsm(using, made, hsm_folder, key)
    finished |= {(way, IN_HSM): _finished(by_hsm, way, *KINDS["contract"]) for way in WAYS}
    # Renewals come from the next certificate of the authority.
    next_tsa(folder / "a", now(), key_type=key)
    using = _opened(folder / "a")
    trusted = witnesses.trust(folder, made)
    for (way, kind), data in finished.items():
        signatures, timestamps = KINDS["contract" if kind == IN_HSM else kind]
        for number in range(2, timestamps + 1):
            data += using.renew(data, number=number)  # noqa: PLW2901 -- a file grows
        path = folder / f"{way} {kind}.pdf"
        path.write_bytes(data)
        yield (
            f"{key}, {way}, {kind}",
            Output(path, data, signatures, timestamps, using, made, trusted),
        )


def _opened(directory: Path) -> Seal:
    """Return the seal, its CRLs all from before this second.

    iText takes a CRL only if it is older than the signature, by a second at least.
    """
    using, began = seal.embedded(directory, passphrase=PASSPHRASE, clock=now), now()
    using.fresh_evidence(began, None)
    time.sleep(1.1)
    return replace(using, fresh_evidence=lambda at, _: using.fresh_evidence(at, began))


def _with_hsm(using: Seal, made: Authority, folder: Path, label: str) -> Seal:
    """Return the same seal with its signing key on a token."""
    own = made.key(Role.SIGNER)
    private = private_key(made.directory / "signer-1.key.pem", passphrase=PASSPHRASE)
    place = softhsm.token(folder, f"outputs {label}").put(private, label="mihon", number="01")
    held = HsmKey(token=Token(place=place, pin=lambda: PIN), certificate=own.certificate)
    return replace(using, key=replace(own, private=held))


def _finished(using: Seal, way: str, signers: int, timestamps: int) -> bytes:
    # A half-signed file has a second signer's field, still empty.
    names = tuple(seal.signer_field(n) for n in range(1, max(signers, 1 if timestamps else 2) + 1))
    made = _prepared(names)
    plan, whole = made.plan if way == "plan" else None, made.data
    for name in names[:signers]:
        whole += using.sign(whole, field=name, entry=entry(made.data), plan=plan)
    return whole + using.timestamp(whole, plan=plan) if timestamps else whole


@cache
def _prepared(names: tuple[str, ...]) -> Prepared:
    return seal.prepare_planned(pdf(), fields=names, now=now())
