"""Every kind of file that the service gives away, made both ways and with both kinds of key."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from envelopes.signing import authority, seal
from envelopes.signing.authority import Authority
from envelopes.signing.seal import Prepared, Seal
from tests.signing import witnesses
from tests.signing.conftest import PASSPHRASE, TOWN, URL, entry, next_tsa, now, pdf
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
NAMES = tuple(f"{key}, {way}, {kind}" for key, way, kind in product(KEYS, WAYS, KINDS))


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


def outputs(folder: Path) -> dict[str, Output]:
    """Make all of NAMES."""
    return {name: output for key in KEYS for name, output in _with_key(folder / key, key)}


def _with_key(folder: Path, key: str) -> Iterator[tuple[str, Output]]:
    folder.mkdir()
    made = authority.create(
        folder / "a", town=TOWN, public_url=URL, now=now(), passphrase=PASSPHRASE, key_type=key
    )
    finished = {
        (way, kind): _finished(seal.embedded(folder / "a", passphrase=PASSPHRASE, clock=now), way, *counts)
        for way, (kind, counts) in product(WAYS, KINDS.items())
    }
    # Renewals come from the next certificate of the authority.
    next_tsa(folder / "a", now(), key_type=key)
    using = seal.embedded(folder / "a", passphrase=PASSPHRASE, clock=now)
    trusted = witnesses.trust(folder, made)
    for (way, kind), data in finished.items():
        signatures, timestamps = KINDS[kind]
        for number in range(2, timestamps + 1):
            data += using.renew(data, number=number)  # noqa: PLW2901 -- a file grows
        path = folder / f"{way} {kind}.pdf"
        path.write_bytes(data)
        yield (
            f"{key}, {way}, {kind}",
            Output(path, data, signatures, timestamps, using, made, trusted),
        )


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
