"""Sub-addresses of the intake choose kind and section where the mail says neither."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.case import Case, copied
from bot.intakes import chosen, delivered_to, sub_address
from envelopes.actions import revising, staff
from envelopes.records import store
from envelopes.records.models import Envelope, Section, Staff
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.keys import Key
from envelopes.rules.kinds import Kind
from envelopes.rules.lines import scan
from envelopes.rules.schedule import jst_day
from envelopes.settings import Intake
from fukan.demo import cast
from tests.bot.test_desk import read
from tests.world import CONTRACT, World, order, text_of, world

INTAKE = "uketsuke@vill-mihon.example"
TODAY = date(2026, 8, 4)
KNOWN = {"ukesho": Intake(kind=Kind.ACCEPTANCE), "kankyo": Intake(section="環境課")}


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"Delivered-To: a+x@b.example\r\nReceived: by b", ("a+x@b.example",)),
        (
            b"Return-Path: <c@d>\nX-Original-To: a+x@b.example\nDelivered-To: a@b.example\nReceived: x",
            ("a+x@b.example", "a@b.example"),
        ),
        (b"Received: by b\r\nDelivered-To: forged+x@b.example", ()),
        (b"Envelope-to:\r\n <a+x@b.example>\r\nReceived: by b", ("a+x@b.example",)),
        (b"Subject: x\r\n\r\nDelivered-To: body+x@b.example", ()),
        (b"", ()),
    ],
)
def test_only_what_our_own_server_wrote_is_believed(head: bytes, found: tuple[str, ...]) -> None:
    assert delivered_to(head) == found


@pytest.mark.parametrize(
    ("addresses", "name"),
    [
        (["uketsuke+ukesho@vill-mihon.example"], "ukesho"),
        (["UKETSUKE+Ukesho@Vill-Mihon.example"], "ukesho"),
        ([INTAKE, "uketsuke+a@vill-mihon.example"], "a"),
        ([INTAKE], ""),
        (["uketsuke+@vill-mihon.example"], ""),
        (["uketsuke+ukesho@elsewhere.example"], ""),
        (["other+ukesho@vill-mihon.example"], ""),
    ],
)
def test_a_sub_address_is_one_of_the_intake(addresses: list[str], name: str) -> None:
    assert sub_address(addresses, INTAKE)[1] == name


def test_the_sub_address_speaks_like_a_line_of_the_mail() -> None:
    said, warnings = chosen(["uketsuke+ukesho@vill-mihon.example"], INTAKE, KNOWN, TODAY)
    assert [(one.key, one.value) for one in said] == [(Key.KIND, "請書")]
    assert warnings == ()


def test_an_unknown_sub_address_is_told() -> None:
    said, [warning] = chosen(["uketsuke+ukesyo@vill-mihon.example"], INTAKE, KNOWN, TODAY)
    assert said == ()
    assert warning.reason is Reason.INTAKE_UNKNOWN


@given(st.binary(max_size=400), st.lists(st.text(max_size=30), max_size=5))
def test_no_head_is_too_odd(raw: bytes, addresses: list[str]) -> None:
    delivered_to(raw)
    chosen(addresses, INTAKE, KNOWN, TODAY)


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        await made.drain()
        mail = made.services.settings.mail.model_copy(update={"sub_addresses": KNOWN})
        object.__setattr__(
            made.services, "settings", made.services.settings.model_copy(update={"mail": mail})
        )
        yield made


def sent_to(name: str, raw: bytes) -> bytes:
    address = cast.INTAKE.replace("@", f"+{name}@")
    return f"Delivered-To: {address}\r\nReceived: by mx.example\r\n".encode() + raw


async def test_kind_comes_from_the_sub_address_unless_the_mail_says_another(built: World) -> None:
    mail = await read(built, sent_to("ukesho", order(CONTRACT, kind="")))
    assert (await Envelope.get(mail_id=mail.id)).kind == Kind.ACCEPTANCE.value
    said = await read(built, sent_to("ukesho", order(CONTRACT, kind="契約書")))
    assert (await Envelope.get(mail_id=said.id)).kind == Kind.CONTRACT.value


async def test_a_section_elsewhere_checks_and_sends_what_was_drafted_for_it(built: World) -> None:
    other = await Section.create(
        code="kankyo", name="環境課", phone="0261", hours="平日", email="kankyo@vill-mihon.example"
    )
    mail = await read(built, sent_to("kankyo", order(CONTRACT, more=["写し：北沢健"])))
    shot = await store.snapshot(mail_id=mail.id)
    assert shot.envelope.section_id == other.id
    await built.drain()
    for address in (cast.NAKAMURA.address, other.email):
        words = text_of(built.last(address))
        assert "受付アドレス「uketsuke+kankyo@" in words
        assert cast.KITAZAWA.name in words
    clerk = staff.actor_of(await Staff.get(id=built.clerk.id))
    ref, version = shot.envelope.ref, shot.envelope.version
    with pytest.raises(Refused) as refusal:
        await staff.confirm(built.services, clerk, ref, version=version, village_signer=built.headman.ref)
    assert refusal.value.reason is Reason.ROLE_MISSING
    said = scan("備考：急ぎます", day=jst_day(built.clock())).statements
    assert await revising.revise(built.services, clerk, ref, version=version, statements=said) == ()
    case = Case(services=built.services, shot=await store.snapshot(ref=ref), task=None)  # type: ignore[arg-type]
    assert [one.address for one in await copied(case)] == [cast.KITAZAWA.address]
