"""The fast way before the same witnesses as the reference way, and that it steps back wherever it must."""

import hashlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest

from envelopes.rules.errors import Later, Reason, Refused
from envelopes.signing import authority, planned, plans, seal, tails, writing
from envelopes.signing.plans import Plan
from envelopes.signing.seal import Prepared
from envelopes.signing.timestamps import CheckedTimestamper
from envelopes.signing.writing import WritingFailed
from tests.signing import witnesses
from tests.signing.conftest import (
    PASSPHRASE,
    TOWN,
    URL,
    Clock,
    World,
    entry,
    now,
    pdf,
    write_trust,
)
from tests.signing.test_seal import odd_pdfs

BOTH = ["Signer1", "Signer2"]


@pytest.fixture(scope="module")
def elliptic(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with P-256 keys, under the real clock."""
    directory = tmp_path_factory.mktemp("elliptic")
    made = authority.create(
        directory / "a", town=TOWN, public_url=URL, now=now(), passphrase=PASSPHRASE, key_type="p256"
    )
    write_trust(directory / "root.pem", made)
    return World(directory, made, seal.embedded(directory / "a", passphrase=PASSPHRASE, clock=now))


@pytest.fixture(params=["rsa3072", "p256"])
def either(request: pytest.FixtureRequest, world: World, elliptic: World) -> World:
    return world if request.param == "rsa3072" else elliptic


@pytest.fixture(scope="session")
def drawn(world: World) -> Prepared:
    made = seal.prepare_planned(pdf(), fields=BOTH, now=now())
    assert made.plan is not None
    return made


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a PDF to write into it fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("the PDF was read")

    monkeypatch.setattr(writing, "_open", refuse)


def by_plan(using: World, made: Prepared, fields: list[str] = BOTH) -> bytes:
    whole = made.data
    for name in fields:
        whole += using.seal.sign(whole, field=name, entry=entry(made.data), plan=made.plan)
    return whole + using.seal.timestamp(whole, plan=made.plan)


def start_of(data: bytes, made: Prepared) -> tails.Start | None:
    assert made.plan is not None
    return tails.begin(data, Plan.of(made.plan))


@pytest.mark.usefixtures("unread")
def test_no_pdf_is_read_to_sign_by_plan(either: World, drawn: Prepared) -> None:
    assert by_plan(either, drawn).startswith(drawn.data)


def test_both_ways_say_the_same_words(world: World, drawn: Prepared) -> None:
    said = entry(
        drawn.data,
        name="𠮷野 (株) \\ 髙﨑",
        reason="ends in a backslash \\",
        location="",
        contact="two\nlines (and) a tab\t",
        envelope_ref="(((",
    )
    fast = world.seal.sign(drawn.data, field="Signer1", entry=said, plan=drawn.plan)
    slow = world.seal.sign(drawn.data, field="Signer1", entry=said)
    (one,), (other,) = seal.read_entries(drawn.data + fast), seal.read_entries(drawn.data + slow)
    assert replace(one, byte_range=()) == replace(other, byte_range=())
    assert (one.name, one.contact, one.envelope_ref) == (said.name, said.contact, said.envelope_ref)


def test_anyone_can_read_the_seen_hash_with_plain_tools(world: World, drawn: Prepared) -> None:
    tail = world.seal.sign(drawn.data, field="Signer1", entry=entry(drawn.data), plan=drawn.plan)
    assert b"/FUKN_SeenSHA256 (%s)" % hashlib.sha256(drawn.data).hexdigest().encode() in tail
    assert b"/FUKN_SeenLength %d" % len(drawn.data) in tail


@pytest.mark.parametrize("kind", list(odd_pdfs()))
def test_odd_but_sound_files_are_sealed_with_or_without_a_plan(
    world: World, tmp_path: Path, kind: str
) -> None:
    made = seal.prepare_planned(odd_pdfs()[kind], fields=BOTH, now=now())
    # Cross-reference streams are left to the reference way.
    assert (made.plan is None) == (kind == "object streams")
    whole, path = by_plan(world, made), tmp_path / "a.pdf"
    path.write_bytes(whole)
    assert world.seal.verify(whole).valid
    assert witnesses.pdfsig_is_content(path, 2)
    assert witnesses.qpdf(path)


def test_revisions_of_both_ways_stand_in_one_file(world: World, drawn: Prepared, tmp_path: Path) -> None:
    first, second = (None, drawn.plan), (drawn.plan, None)
    for number, (one, two) in enumerate((first, second)):
        whole = drawn.data
        whole += world.seal.sign(whole, field="Signer1", entry=entry(drawn.data), plan=one)
        whole += world.seal.sign(whole, field="Signer2", entry=entry(drawn.data), plan=two)
        whole += world.seal.timestamp(whole, plan=drawn.plan)
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(whole)
        assert world.seal.verify(whole).valid
        assert witnesses.pdfsig_is_content(path, 2)
        assert witnesses.qpdf(path)


def test_a_plan_that_does_not_fit_is_not_used(world: World, drawn: Prepared) -> None:
    other = seal.prepare_planned(pdf(3), fields=BOTH, now=now())
    signed = drawn.data + world.seal.sign(drawn.data, field="Signer1", entry=entry(drawn.data))
    assert start_of(drawn.data, drawn) is not None
    for data, made in ((drawn.data, other), (signed, drawn), (drawn.data[:-1], drawn), (b"", drawn)):
        assert start_of(data, made) is None
    for wrong in (other.plan, "", "{}", "[]", "null", '{"format":2}'):
        whole = drawn.data + world.seal.sign(drawn.data, field="Signer1", entry=entry(drawn.data), plan=wrong)
        assert start_of(whole, drawn) is None
        assert world.seal.verify(whole).valid


def test_a_tail_is_read_back_wholly_or_not_at_all(world: World, drawn: Prepared) -> None:
    once = drawn.data + world.seal.sign(drawn.data, field="Signer1", entry=entry(drawn.data), plan=drawn.plan)
    twice = once + world.seal.sign(once, field="Signer2", entry=entry(drawn.data), plan=drawn.plan)
    assert start_of(twice, drawn) is not None
    whole = {len(drawn.data), len(once), len(twice)}
    for length in range(len(drawn.data), len(twice) + 1, 97):
        assert (start_of(twice[:length], drawn) is not None) == (length in whole)
    for extra in (b"\n", b" ", b"%", twice[len(once) :]):
        assert start_of(twice + extra, drawn) is None
    assert start_of(drawn.data + b"\n" + twice[len(drawn.data) :], drawn) is None
    assert start_of(drawn.data + twice[len(once) :], drawn) is None


def test_other_bytes_than_were_seen_are_not_signed_by_plan_either(world: World, drawn: Prepared) -> None:
    swapped = seal.prepare_planned(pdf(3), fields=BOTH, now=now())
    altered = drawn.data.replace(b"(0) Tj", b"(9) Tj", 1)
    cases = (
        (drawn.data, entry(swapped.data)),
        (drawn.data, entry(drawn.data, seen_length=len(drawn.data) - 1)),
        (altered, entry(drawn.data)),
    )
    for data, said in cases:
        for plan in (drawn.plan, swapped.plan):
            with pytest.raises(Refused) as caught:
                world.seal.sign(data, field="Signer1", entry=said, plan=plan)
            assert caught.value.reason is Reason.BYTES_DIFFER


def test_a_field_is_signed_once_and_a_timestamp_put_once(world: World, drawn: Prepared) -> None:
    once = drawn.data + world.seal.sign(drawn.data, field="Signer1", entry=entry(drawn.data), plan=drawn.plan)
    for name in ("Signer1", "Signer3"):
        with pytest.raises(WritingFailed):
            world.seal.sign(once, field=name, entry=entry(drawn.data), plan=drawn.plan)
    once += world.seal.timestamp(once, plan=drawn.plan)
    with pytest.raises(WritingFailed):
        world.seal.timestamp(once, plan=drawn.plan)


def test_validation_data_is_stored_once_and_refreshed_when_the_crl_has_changed(
    aging: World, clock: Clock
) -> None:
    made = seal.prepare_planned(pdf(), fields=[*BOTH, "Signer3"], now=clock())
    lengths, whole = [], made.data
    for name in (*BOTH, "Signer3"):
        if name == "Signer3":
            clock.forward(days=2)
        tail = aging.seal.sign(whole, field=name, entry=entry(made.data), plan=made.plan)
        lengths.append(tail.count(b"/Length"))
        whole += tail
    # Three certificates and two CRLs; nothing; two CRLs.
    assert lengths == [5, 0, 2]
    start = start_of(whole, made)
    assert start is not None
    assert set(start.crls.values()) >= set(aging.authority.crls(clock()))
    assert len(start.certificates) == 3
    assert aging.seal.verify(whole + aging.seal.timestamp(whole, plan=made.plan)).valid


def test_crls_are_made_once_for_all_documents_that_were_signed_before(aging: World, clock: Clock) -> None:
    made = seal.prepare_planned(pdf(), fields=["Signer1"], now=clock())
    whole = made.data + aging.seal.sign(made.data, field="Signer1", entry=entry(made.data), plan=made.plan)
    before, at = aging.authority.crls(clock()), clock()
    clock.forward(days=0.1)
    aging.seal.timestamp(whole, plan=made.plan, since=at)
    assert aging.authority.crls(clock()) == before
    aging.seal.timestamp(whole, plan=made.plan, since=clock())
    after = aging.authority.crls(clock())
    assert after != before
    aging.seal.timestamp(whole, plan=made.plan, since=clock())
    assert aging.authority.crls(clock()) == after
    aging.seal.timestamp(whole, plan=made.plan)
    assert aging.authority.crls(clock()) != after


def test_a_silent_tsa_means_waiting_by_plan_too(world: World, drawn: Prepared) -> None:
    def silent(_: bytes) -> bytes:
        raise ConnectionRefusedError

    kept = world.seal.timestamper
    assert isinstance(kept, CheckedTimestamper)
    broken = replace(world.seal, timestamper=replace(kept, ask=silent))
    for act in (
        lambda: broken.sign(drawn.data, field="Signer1", entry=entry(drawn.data), plan=drawn.plan),
        lambda: broken.timestamp(drawn.data, plan=drawn.plan),
    ):
        with pytest.raises(Later) as caught:
            act()
        assert caught.value.reason is Reason.TSA_UNAVAILABLE


def test_an_ended_certificate_signs_nothing_by_plan(aging: World, clock: Clock) -> None:
    made = seal.prepare_planned(pdf(), fields=BOTH, now=clock())
    clock.forward(years=5.01)
    with pytest.raises(Refused) as caught:
        aging.seal.sign(made.data, field="Signer1", entry=entry(made.data), plan=made.plan)
    assert caught.value.reason is Reason.CERTIFICATE_ENDED


def test_a_signature_longer_than_its_room_is_never_written(drawn: Prepared) -> None:
    start = start_of(drawn.data, drawn)
    assert start is not None
    draft = planned._Draft(start)
    draft.put_signature(99, b"/Type/Sig", 10)
    with pytest.raises(planned.SignatureTooLong):
        draft.finish(bytes(11))


def test_what_cannot_be_planned_is_rehearsed_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = plans.draw(seal.prepare(pdf(), fields=BOTH, now=now()))
    assert shown is not None
    # A plan whose result does not verify: page 1's annotations would be lost.
    monkeypatch.setattr(plans, "draw", _wrong)
    made = seal.prepare_planned(pdf(), fields=BOTH, now=now())
    assert made.plan is None


def _wrong(data: bytes) -> Plan:
    reference = _draw(data)
    assert reference is not None
    return replace(reference, annotations=reference.root)


_draw = plans.draw


def test_a_specification_with_hundreds_of_bookmarks_can_be_sealed() -> None:
    out = BytesIO()
    with pikepdf.open(BytesIO(pdf(2))) as file:
        with file.open_outline() as outline:
            outline.root += [pikepdf.OutlineItem(f"第{n}条", 0) for n in range(600)]
        file.save(out)
    assert seal.prepare_planned(out.getvalue(), fields=BOTH, now=now()).plan is not None
