"""The settings in the history: a row for each change, none without, and no secret in it; the verdict on the mail."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from envelopes.actions.operating import (
    IN_FORCE,
    INSTALLATION,
    MAIL_EXAMINED,
    mail_is_sound,
    note_mail,
    note_settings,
)
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import FactDetail, MailVerdict
from envelopes.services import Services
from envelopes.settings import Imap, Mail, Smtp, Tsa
from tests.engines import Clock, Engine, build_services

pytestmark = pytest.mark.engines


def services(engine: Engine, **settings: Any) -> Services:
    return build_services(engine, Clock(), **settings)


async def rows() -> list[dict[str, Any]]:
    found = await history.payloads(Subject.SETTINGS, INSTALLATION)
    assert {fact.kind for fact, _ in found} <= {IN_FORCE}
    return [payload for _, payload in found]


async def test_a_rule_that_was_bent_and_put_back_leaves_both_rows(engine: Engine) -> None:
    await note_settings(services(engine))
    await note_settings(services(engine))
    assert len(await rows()) == 1
    await note_settings(services(engine, policy={"signer_apart_from_drafter": False}))
    await note_settings(services(engine))
    first, bent, back = await rows()
    assert (first, bent["policy"]["signer_apart_from_drafter"]) == (back, False)
    assert {name: value for name, value in bent.items() if name != "policy"} == {
        name: value for name, value in first.items() if name != "policy"
    }
    assert [broken async for broken in history.verify()] == []


async def test_what_is_in_force_holds_no_secret_and_no_place(engine: Engine, tmp_path: Path) -> None:
    listed = Tsa(
        url="https://tsa.example/", ca_file=tmp_path / "ca.pem", user="mura", password=SecretStr("himitsu-3")
    )
    secret = {
        "smtp": Smtp(user="mura", password=SecretStr("himitsu-1")),
        "imap": Imap(user="mura", password=SecretStr("himitsu-2")),
        "tsa": (listed,),
    }
    await note_settings(services(engine, **secret))
    (detail,) = await FactDetail.all()
    for word in ("himitsu", "****", str(tmp_path), engine.url, '"mura"'):
        assert word not in detail.payload
    assert "https://tsa.example/" in detail.payload


async def test_a_row_that_cannot_be_read_any_more_is_followed_by_a_new_one(engine: Engine) -> None:
    await note_settings(services(engine))
    await FactDetail.all().delete()
    await note_settings(services(engine))
    assert len(await rows()) == 2


# Whether mail can be believed


async def test_mail_is_believed_only_after_an_examination_that_found_nothing(engine: Engine) -> None:
    town = services(engine)
    assert not await mail_is_sound(town)
    await note_mail(town, ["DKIM: no record"])
    assert not await mail_is_sound(town)
    await note_mail(town, [])
    assert await mail_is_sound(town)
    assert await MailVerdict.all().count() == 1


async def test_a_verdict_grows_old(engine: Engine) -> None:
    clock = Clock()
    town = build_services(engine, clock)
    await note_mail(town, [])
    clock.forward(days=3)
    assert await mail_is_sound(town)
    clock.forward(seconds=1)
    assert not await mail_is_sound(town)


async def test_a_verdict_is_about_the_settings_it_was_found_with(engine: Engine) -> None:
    await note_mail(services(engine), [])
    changed = (
        {"mail": Mail(address="keiyaku@other.example")},
        {"smtp": Smtp(host="relay.other.example")},
        {"imap": Imap(tls=False)},
    )
    for one in changed:
        assert not await mail_is_sound(services(engine, **one))
    assert await mail_is_sound(services(engine))


async def test_a_verdict_that_was_not_written_by_the_service_counts_for_nothing(engine: Engine) -> None:
    town = services(engine)
    await note_mail(town, ["SPF"])
    for said in ('{"faults": []}', "\x1fx.AAAA", ""):
        await engine.run(f"UPDATE mail_verdicts SET said = '{said}'")
        assert not await mail_is_sound(town)


async def test_the_demo_counts_as_sound(engine: Engine) -> None:
    assert await mail_is_sound(services(engine, demo=True))


async def test_only_a_changed_verdict_leaves_a_row_in_the_history(engine: Engine) -> None:
    town = services(engine)
    for faults in ([], [], ["SPF"], ["SPF"], []):
        await note_mail(town, faults)
    found = await history.payloads(Subject.SETTINGS, INSTALLATION)
    assert [(fact.kind, payload["faults"]) for fact, payload in found] == [
        (MAIL_EXAMINED, []),
        (MAIL_EXAMINED, ["SPF"]),
        (MAIL_EXAMINED, []),
    ]
    assert [broken async for broken in history.verify()] == []
