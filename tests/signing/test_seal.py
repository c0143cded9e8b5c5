"""The seal before its witnesses: pdfsig, qpdf, openssl, head and sha256sum, and pyHanko through `verify`."""

import hashlib
import threading
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import cms  # type: ignore[import-untyped]

from envelopes.rules.errors import Later, Reason, Refused
from envelopes.signing import seal
from envelopes.signing.timestamps import CheckedTimestamper
from envelopes.signing.writing import WritingFailed
from tests.signing import witnesses
from tests.signing.conftest import Clock, World, entry, pdf, signed

BOTH = ["Signer1", "Signer2"]


def test_signed_attributes_are_those_of_pades(contract: bytes) -> None:
    for one in witnesses.embedded(contract)[:2]:
        info = cms.ContentInfo.load(one.contents)["content"]["signer_infos"][0]
        types = {attribute["type"].native for attribute in info["signed_attrs"]}
        assert {"content_type", "message_digest", "signing_certificate_v2"} <= types
        # EN 319 142-1 6.3: the time claimed by the signer stands in M of the dictionary alone.
        assert "signing_time" not in types
        assert info["digest_algorithm"]["algorithm"].native == "sha256"


def test_each_byte_range_runs_from_0_to_the_end_of_its_own_revision(world: World, prepared: bytes) -> None:
    whole, ends = prepared, []
    for name in BOTH:
        whole += world.seal.sign(whole, field=name, entry=entry(prepared))
        ends.append(len(whole))
    whole += world.seal.timestamp(whole)
    ends.append(len(whole))
    found = witnesses.embedded(whole)
    assert [one.end for one in found] == ends
    assert all(one.byte_range[0] == 0 for one in found)
    assert all(whole[one.end - 6 : one.end].strip() == b"%%EOF" for one in found)


def test_anyone_can_compare_the_seen_file_with_head_and_sha256sum(
    contract: bytes, prepared: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(contract)
    said = seal.read_entries(contract)
    assert [one.field for one in said] == BOTH
    for one in said:
        assert one.seen_length == len(prepared)
        assert witnesses.head_sha256(path, one.seen_length) == one.seen_sha256
        assert witnesses.head_sha256(path, one.seen_length - 1) != one.seen_sha256


def test_the_dictionary_can_be_read_with_plain_tools(contract: bytes, prepared: bytes) -> None:
    assert contract.count(b"/FUKN_SeenSHA256 (%s)" % hashlib.sha256(prepared).hexdigest().encode()) == 2
    assert contract.count(b"/FUKN_SeenLength %d" % len(prepared)) == 2
    assert contract.count(b"/FUKN_ConsentSHA256 (%s)" % entry(prepared).consent_sha256.encode()) == 2


def test_words_come_back_as_they_were_written(contract: bytes, prepared: bytes, tmp_path: Path) -> None:
    wanted = entry(prepared)
    for one in seal.read_entries(contract):
        for word in (
            "name",
            "reason",
            "location",
            "contact",
            "envelope_ref",
            "certificate_id",
            "consent_sha256",
        ):
            assert getattr(one, word) == getattr(wanted, word)
    with pikepdf.open(BytesIO(contract)) as opened:
        values = [field.V for field in opened.Root.AcroForm.Fields if "/V" in field]
        assert [str(value.Reason) for value in values if "/Reason" in value] == [wanted.reason] * 2
        assert [str(value.Name) for value in values if "/Name" in value] == [wanted.name] * 2
    path = tmp_path / "a.pdf"
    path.write_bytes(contract)
    assert [one["Signer Certificate Common Name"] for one in witnesses.pdfsig(path)][:2] == [
        "みほん村 電子契約 署名 1"
    ] * 2


def test_an_uke_sho_has_one_signature(world: World, tmp_path: Path) -> None:
    prepared = world.seal.prepare(pdf(1, title="請書"), fields=["Signer1"])
    whole = signed(world.seal, prepared, ["Signer1"])
    path = tmp_path / "a.pdf"
    path.write_bytes(whole)
    assert witnesses.pdfsig_is_content(path, 1)
    assert witnesses.qpdf(path)
    report = world.seal.verify(whole)
    assert report.valid
    assert (len(report.signatures), len(report.timestamps)) == (1, 1)


def test_preparing_uses_no_key_of_the_service(prepared: bytes, world: World) -> None:
    plain = pdf()
    again = seal.prepare(plain, fields=BOTH, now=world.seal.clock())
    assert again.startswith(plain)
    assert not seal.read_entries(again)


def test_fields_are_invisible_and_nothing_is_certified(prepared: bytes) -> None:
    with pikepdf.open(BytesIO(prepared)) as opened:
        assert "/Perms" not in opened.Root
        for field, name in zip(opened.Root.AcroForm.Fields, BOTH, strict=True):
            assert (str(field.T), str(field.FT)) == (name, "/Sig")
            assert [float(part) for part in field.get("/Rect", [0])] in ([0.0], [0.0] * 4)
            assert "/V" not in field


@pytest.mark.parametrize(
    "data",
    [b"", b"%PDF-1.7\n%%EOF\n", b"not a pdf", pdf()[:-60], pdf()[:300]],
    ids=["empty", "header", "text", "no-end", "torn"],
)
def test_what_cannot_be_sealed_is_refused_before_anybody_is_asked(world: World, data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        world.seal.prepare(data, fields=BOTH)
    assert caught.value.reason is Reason.PDF_UNSEALABLE


def test_a_prepared_or_signed_file_is_not_prepared_again(
    world: World, prepared: bytes, contract: bytes
) -> None:
    for data in (prepared, contract):
        with pytest.raises(Refused):
            world.seal.prepare(data, fields=BOTH)


def test_other_bytes_than_were_seen_are_not_signed(world: World, prepared: bytes) -> None:
    swapped = world.seal.prepare(pdf(3), fields=BOTH)
    for wrong in (
        entry(swapped),
        entry(prepared, seen_length=len(prepared) - 1),
        entry(prepared, seen_length=0, seen_sha256=hashlib.sha256(b"").hexdigest()),
        entry(prepared, seen_length=len(prepared) + 1),
    ):
        with pytest.raises(Refused) as caught:
            world.seal.sign(prepared, field="Signer1", entry=wrong)
        assert caught.value.reason is Reason.BYTES_DIFFER


def test_a_field_is_signed_once_and_only_where_it_exists(world: World, prepared: bytes) -> None:
    once = prepared + world.seal.sign(prepared, field="Signer1", entry=entry(prepared))
    for field in ("Signer1", "Signer3"):
        with pytest.raises(WritingFailed):
            world.seal.sign(once, field=field, entry=entry(prepared))


def test_a_silent_tsa_means_waiting_and_never_a_weaker_signature(world: World, prepared: bytes) -> None:
    def silent(_: bytes) -> bytes:
        raise ConnectionRefusedError

    kept = world.seal.timestamper
    assert isinstance(kept, CheckedTimestamper)
    broken = replace(world.seal, timestamper=replace(kept, ask=silent))
    with pytest.raises(Later) as caught:
        broken.sign(prepared, field="Signer1", entry=entry(prepared))
    assert caught.value.reason is Reason.TSA_UNAVAILABLE
    with pytest.raises(Later):
        broken.timestamp(prepared)


def test_an_ended_certificate_signs_nothing(aging: World, clock: Clock) -> None:
    prepared = aging.seal.prepare(pdf(), fields=BOTH)
    assert aging.seal.days_left() == 1826
    clock.forward(years=5.01)
    with pytest.raises(Refused) as caught:
        aging.seal.sign(prepared, field="Signer1", entry=entry(prepared))
    assert caught.value.reason is Reason.CERTIFICATE_ENDED


def test_many_threads_sign_at_once(world: World, prepared: bytes) -> None:
    made: list[bytes] = []

    def sign() -> None:
        whole = prepared + world.seal.sign(prepared, field="Signer1", entry=entry(prepared))
        made.append(whole + world.seal.timestamp(whole))

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(threads)
    assert all(world.seal.verify(one).valid for one in made)


def odd_pdfs() -> dict[str, bytes]:
    return {
        "pages": pdf(40),
        "unicode": pdf(title="𠮷野家 髙橋 ①㈱ 🖋"),
        "object streams": pdf(object_streams=True),
        "annotations": annotated(direct=True),
        "shared annotations": annotated(direct=False),
        "incremental": appended(),
    }


def annotated(*, direct: bool) -> bytes:
    with pikepdf.open(BytesIO(pdf())) as opened:
        note = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9], Border=[0, 0, 0]
        )
        array = pikepdf.Array([note])
        opened.pages[0].obj.Annots = array if direct else opened.make_indirect(array)
        if not direct:
            opened.pages[1].obj.Annots = opened.pages[0].obj.Annots
        out = BytesIO()
        opened.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
        return out.getvalue()


def appended() -> bytes:
    """A file with trailing line ends, as some writers leave them."""
    return pdf() + b"\r\n\r\n"


@pytest.mark.parametrize("kind", list(odd_pdfs()))
def test_odd_but_sound_files_are_sealed(world: World, tmp_path: Path, kind: str) -> None:
    prepared = world.seal.prepare(odd_pdfs()[kind], fields=BOTH)
    whole = signed(world.seal, prepared, BOTH)
    path = tmp_path / "a.pdf"
    path.write_bytes(whole)
    assert world.seal.verify(whole).valid
    assert witnesses.pdfsig_is_content(path, 2)
    assert witnesses.qpdf(path)


def test_thirty_megabytes_are_sealed_in_seconds(world: World, tmp_path: Path) -> None:
    began = time.process_time()
    prepared = world.seal.prepare(pdf(300, filler=30_000_000), fields=BOTH)
    whole = signed(world.seal, prepared, BOTH)
    assert time.process_time() - began < 30
    assert len(whole) > 30_000_000
    path = tmp_path / "a.pdf"
    path.write_bytes(whole)
    assert witnesses.pdfsig_is_content(path, 2)
    assert world.seal.verify(whole).valid


def test_tails_stay_small(world: World, prepared: bytes) -> None:
    tail = world.seal.sign(prepared, field="Signer1", entry=entry(prepared))
    assert len(tail) < 30_000
    assert len(world.seal.timestamp(prepared + tail)) < 20_000
