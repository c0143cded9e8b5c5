"""Tokens that were kept: sound ones say their time, and every altered one is refused with the reason."""

import datetime as dt
from hashlib import sha256
from pathlib import Path

import pytest

from envelopes.signing import authority, seal, stamps
from envelopes.signing.stamps import BadToken, Stamp, Unfit
from envelopes.signing.trust import Evidence
from tests.signing.conftest import PASSPHRASE, TOWN, URL, Clock, World, now

IMPRINT = sha256(b"what was anchored").digest()


@pytest.fixture
def token(world: World) -> bytes:
    return world.seal.timestamper(IMPRINT)


def judge(world: World, token: bytes, imprint: bytes = IMPRINT, moment: dt.datetime | None = None) -> Stamp:
    evidence = Evidence(crls=world.authority.crls(now()))
    roots = (world.authority.root_certificate,)
    return stamps.judge(token, imprint, roots=roots, evidence=evidence, moment=moment or now())


def test_a_sound_token_says_when_and_by_whom(world: World, token: bytes) -> None:
    stamp = judge(world, token)
    assert abs(stamp.at - now()) < dt.timedelta(seconds=30)
    assert stamp.at == stamps.read_time(token)
    assert TOWN in stamp.authority


def test_a_token_over_other_data_is_refused(world: World, token: bytes) -> None:
    with pytest.raises(BadToken) as refused:
        judge(world, token, sha256(b"other").digest())
    assert refused.value.fault is Unfit.OTHER_DATA


def test_no_flipped_byte_goes_unnoticed(world: World, token: bytes) -> None:
    for place in range(60, len(token), 97):
        altered = bytearray(token)
        altered[place] ^= 0x04
        if _is_in_certificates(token, place):
            continue  # a certificate beside the signer's own proves nothing and harms nothing
        with pytest.raises(BadToken):
            judge(world, bytes(altered))


def _is_in_certificates(token: bytes, place: int) -> bool:
    from asn1crypto import cms  # type: ignore[import-untyped]

    certificates = cms.ContentInfo.load(token)["content"]["certificates"].dump()
    start = token.index(certificates)
    return start <= place < start + len(certificates)


@pytest.mark.parametrize("token", [b"", b"0", b"\x30\x80", b"no token" * 20])
def test_what_is_no_token_is_unreadable(world: World, token: bytes) -> None:
    with pytest.raises(BadToken) as refused:
        judge(world, token)
    assert refused.value.fault is Unfit.UNREADABLE
    with pytest.raises(BadToken):
        stamps.read_time(token)


def test_a_token_of_another_authority_is_refused(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    authority.create(folder, town=TOWN, public_url=URL, now=now(), passphrase=PASSPHRASE, key_type="p256")
    other = seal.embedded(folder, passphrase=PASSPHRASE, clock=now)
    with pytest.raises(BadToken) as refused:
        judge(world, other.timestamper(IMPRINT))
    assert refused.value.fault is Unfit.NOT_TRUSTED


def test_a_token_from_the_future_is_refused(world: World, token: bytes) -> None:
    with pytest.raises(BadToken) as refused:
        judge(world, token, moment=now() - dt.timedelta(days=1))
    assert refused.value.fault is Unfit.NOT_TRUSTED


def test_a_token_outlives_its_certificate_when_a_later_one_covers_it(tmp_path: Path) -> None:
    clock = Clock(now() - dt.timedelta(days=1))
    folder = tmp_path / "old"
    made = authority.create(
        folder, town=TOWN, public_url=URL, now=clock(), passphrase=PASSPHRASE, key_type="p256"
    )
    token = seal.embedded(folder, passphrase=PASSPHRASE, clock=clock).timestamper(IMPRINT)
    covered = clock() + dt.timedelta(hours=1)
    clock.forward(years=12)
    last = Evidence(crls=made.refresh_crls(clock() - dt.timedelta(days=365 * 2)))
    given = {"roots": (made.root_certificate,), "evidence": last}
    with pytest.raises(BadToken):
        stamps.judge(token, IMPRINT, moment=clock(), **given)  # type: ignore[arg-type]
    assert stamps.judge(token, IMPRINT, moment=covered, **given).at < covered  # type: ignore[arg-type]
