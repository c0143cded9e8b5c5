"""Whatever is done to a signed file is found: by our own report always, by the other validators where they look."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envelopes.signing.seal import Seal
from tests.signing import attacks, witnesses
from tests.signing.attacks import CHANGES, Attack
from tests.signing.conftest import Clock, World, aging_world, now, pdf, signed

BOTH = ["Signer1", "Signer2"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with small keys."""
    return aging_world(tmp_path_factory.mktemp("small"), Clock(now()))


@pytest.fixture(scope="module")
def renewed(small: World) -> bytes:
    whole = signed(small.seal, small.seal.prepare(pdf(), fields=BOTH), BOTH)
    return whole + small.seal.renew(whole, number=2)


@pytest.fixture(scope="module")
def other(small: World) -> bytes:
    """A contract about something else."""
    return signed(small.seal, small.seal.prepare(pdf(3, title="別の契約"), fields=BOTH), BOTH)


def is_sound(using: Seal, data: bytes) -> bool:
    """Whether the report is valid, and on the file as it was concluded: two signatures, two timestamps."""
    report = using.verify(data)
    return report.valid and (len(report.signatures), len(report.timestamps)) == (2, 2)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_our_report_finds_it(small: World, renewed: bytes, change: Attack) -> None:
    changed = change(renewed)
    assert changed != renewed
    assert not is_sound(small.seal, changed)
    assert is_sound(small.seal, renewed)


def test_signatures_of_another_contract_are_found(small: World, renewed: bytes, other: bytes) -> None:
    for change in (attacks.contents_of(other), attacks.tails_of(other)):
        assert not is_sound(small.seal, change(renewed))


def test_a_file_cut_back_to_a_revision_is_what_it_was_then_and_no_more(small: World, renewed: bytes) -> None:
    """What was added later is not there, and nothing else is said: the records know which is the newest."""
    for count, one in enumerate(witnesses.embedded(renewed)[:-1], 1):
        report = small.seal.verify(renewed[: one.end])
        assert report.valid
        assert len(report.signatures) + len(report.timestamps) == count
        assert not is_sound(small.seal, renewed[: one.end])


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_other_bit_is_found(small: World, renewed: bytes, where: float, bit: int) -> None:
    """All but those in the newest token: it covers everything but itself, and its certificates are not signed by it."""
    at = int(where * len(renewed))
    _, start, end, _ = witnesses.embedded(renewed)[-1].byte_range
    if not start <= at < end:
        changed = bytearray(renewed)
        changed[at] ^= 1 << bit
        assert not is_sound(small.seal, bytes(changed)), (at, bit)


def test_itext_accepts_none_of_them(world: World, contract: bytes, tmp_path: Path) -> None:
    """But bytes before the header, which it counts from there, as ISO 32000-1 Annex H, note 13 lets readers do."""
    root, whole = tmp_path / "root.cer", tmp_path / "whole.pdf"
    root.write_bytes(world.authority.root_certificate)
    whole.write_bytes(contract)
    paths = [tmp_path / f"{number}.pdf" for number in range(len(CHANGES))]
    for path, change in zip(paths, CHANGES.values(), strict=True):
        path.write_bytes(change(contract))
    *told, sound = witnesses.itext(root, *paths, whole)
    accepted = [name for name, content in zip(CHANGES, told, strict=True) if content]
    assert (accepted, sound) == (["bytes are put before"], True)
