"""Certificates about to end are told of, each notice once; with one that has ended nothing is signed by half."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from bot import health
from bot.health import Use, due
from envelopes.actions.worker.workshop import Workshop
from envelopes.records.models import Segment
from envelopes.records.models import Task as TaskRow
from envelopes.rules.errors import Later, Reason
from envelopes.rules.states import State
from envelopes.signing import authority
from envelopes.signing.certificates import LIFE, Role
from envelopes.signing.keys import SigningKey
from envelopes.signing.seal import Seal
from fukan.demo import cast
from tests.bot.test_worker import confirm, draft, sign_by_mail
from tests.signing.conftest import PASSPHRASE
from tests.world import ACCEPTANCE, World, text_of, world

NOW = datetime(2026, 8, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "notice"),
    [
        (timedelta(days=60, seconds=1), None),
        (timedelta(days=60), 60),
        (timedelta(days=30, seconds=1), 60),
        (timedelta(days=30), 30),
        (timedelta(days=7), 7),
        (timedelta(seconds=1), 7),
        (timedelta(0), 0),
        (timedelta(days=-100), 0),
    ],
)
def test_the_last_notice_that_has_come_is_due(left: timedelta, notice: int | None) -> None:
    assert due(NOW + left, NOW) == notice


def signing_key(folder: Path, *, left: timedelta) -> SigningKey:
    """A signing key of another authority whose certificate ends in *left*."""
    made = datetime.now(UTC) + left - LIFE[Role.SIGNER]
    other = authority.create(
        folder / "other",
        town="みほん村",
        public_url="http://127.0.0.1",
        now=made,
        passphrase=PASSPHRASE,
        key_type="p256",
    )
    return other.key(Role.SIGNER)


def with_key(built: World, key: SigningKey) -> World:
    """The same service with another signing key."""
    shop = built.tools.shop
    seal = replace(shop.seal, key=key)
    return replace(
        built,
        tools=replace(built.tools, shop=Workshop(services=shop.services, seal=seal, papers=shop.papers)),
    )


def told(built: World) -> Iterator[EmailMessage]:
    return (mail for mail in built.mails(cast.MARUYAMA.address) if "証明書の期限" in mail["Subject"])


def seal_of(built: World) -> Seal:
    seal = built.tools.shop.seal
    assert isinstance(seal, Seal)
    return seal


async def test_each_notice_goes_once_to_the_administrators(tmp_path: Path) -> None:
    async with world(tmp_path) as usual:
        built = with_key(usual, signing_key(tmp_path, left=timedelta(days=61)))
        await health.look(built.services, seal_of(built))
        await built.drain()
        assert not list(told(built))
        for days in (2, 0, 20, 9, 2):
            built.clock.forward(days=days)
            await health.look(built.services, seal_of(built))
            await built.drain()
        first, second = told(built)
        assert "電子署名の証明書の期限まで、あと58日です" in text_of(first)
        assert "あと29日です" in text_of(second)
        assert not [mail for mail in built.mails(cast.NAKAMURA.address) if "証明書" in mail["Subject"]]


async def test_nothing_is_signed_with_a_certificate_that_has_ended(tmp_path: Path) -> None:
    async with world(tmp_path) as usual:
        built = with_key(usual, signing_key(tmp_path, left=timedelta(days=-1)))
        envelope = await draft(built, ACCEPTANCE, kind="請書")
        await confirm(built, envelope)
        shot = await sign_by_mail(built, cast.TAKAHASHI.address)
        assert shot.state is State.SIGNING
        task = await TaskRow.get(kind="sign")
        assert (task.state, task.error) == ("ready", "certificate-ended")
        assert not await Segment.filter(kind="signature").exists()
        (mail,) = told(built)
        assert "期限が切れました" in text_of(mail)
        assert "署名は行われません" in text_of(mail)

        # With the new certificate the same order goes on by itself.
        usual.clock.forward(minutes=2)
        await usual.drain()
        assert (await Segment.filter(kind="signature").count(), len(list(told(built)))) == (1, 1)


class _Silent:
    """A key whose holder does not answer."""

    def sign(self, _: bytes) -> bytes:
        raise Later(Reason.KEY_UNAVAILABLE, "HSM: timeout")


async def test_a_key_that_cannot_be_used_is_told_once_a_day_and_a_sound_one_never(tmp_path: Path) -> None:
    async with world(tmp_path) as usual:
        seal = seal_of(usual)
        await health.try_out(usual.services, seal)
        broken = replace(seal, key=replace(seal.key.current(), private=_Silent()))
        for days in (0, 0, 1):
            usual.clock.forward(days=days)
            await health.try_out(usual.services, broken)
        await usual.drain()
        found = [
            mail for mail in usual.mails(cast.MARUYAMA.address) if "署名の鍵を使えません" in mail["Subject"]
        ]
        assert len(found) == 2
        assert "fukan doctor" in text_of(found[0])


async def test_signer_time_and_root_are_all_looked_at(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        built.clock.forward(days=LIFE[Role.ROOT].days - 20)
        await health.look(built.services, seal_of(built))
        ids = [json.loads(row.ids) for row in await TaskRow.filter(kind="health_mail")]
        assert {(one["use"], one["notice"]) for one in ids} == {
            (Use.SIGNATURE, 0),
            (Use.TIME, 0),
            (Use.AUTHORITY, 30),
        }
