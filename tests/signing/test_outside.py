"""Authorities outside: every fault leads to the next in the list, and nothing weaker is ever made of it."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from envelopes.rules.errors import Later, Reason
from envelopes.signing import outside
from envelopes.signing.outside import Authorities, Source
from envelopes.signing.reading import open_pdf, stored_evidence
from envelopes.signing.seal import Seal, prepare
from tests.patience import PATIENCE
from tests.signing import witnesses
from tests.signing.conftest import Clock, World, der_to_pem, entry, now, pdf, run
from tests.signing.tsa import Fault, Tsa, serving

DIGEST = hashlib.sha256(b"data").digest()


@pytest.fixture
def tsa(tmp_path: Path) -> Iterator[Tsa]:
    (tmp_path / "one").mkdir()
    with serving(tmp_path / "one") as one:
        yield one


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Tsa]:
    (tmp_path / "two").mkdir()
    with serving(tmp_path / "two") as two:
        yield two


def source(tsa: Tsa, name: str = "一番", **changes: object) -> Source:
    words: dict[str, object] = {"name": name, "url": tsa.url, "roots": (tsa.root,), "timeout": PATIENCE}
    return Source(**(words | changes))  # type: ignore[arg-type]


Listed = Callable[..., Authorities]


@pytest.fixture
def listed() -> Iterator[Listed]:
    """Make lists whose members have been asked once, and close them."""
    made: list[Authorities] = []

    def make(*sources: Source, clock: Callable[[], dt.datetime] = now) -> Authorities:
        made.append(outside.authorities(sources, clock=clock))
        made[-1].evidence(clock(), fresh=False)
        return made[-1]

    yield make
    for one in made:
        one.close()


def refusal(chosen: Authorities) -> str:
    with pytest.raises(Later) as caught:
        chosen(DIGEST)
    assert caught.value.reason is Reason.TSA_UNAVAILABLE
    return caught.value.note


def test_openssl_gives_a_token_that_passes(listed: Listed, tsa: Tsa, tmp_path: Path) -> None:
    chosen = listed(source(tsa))
    token = chosen(DIGEST)
    (tmp_path / "root.pem").write_bytes(der_to_pem("x509", tsa.root))
    assert witnesses.openssl_ts(token, b"data", tmp_path / "root.pem", tmp_path)
    assert len(token) <= chosen.room
    assert chosen.evidence(now(), fresh=False).certificates[-1] == tsa.root


def test_one_connection_serves_many_tokens(listed: Listed, tsa: Tsa) -> None:
    chosen = listed(source(tsa))
    before = tsa.connections
    for _ in range(4):
        chosen(DIGEST)
    assert (tsa.connections - before, tsa.asked) == (0, 5)


def test_a_connection_that_was_given_up_is_opened_again(listed: Listed, tsa: Tsa) -> None:
    tsa.fault = Fault.HANG_UP
    chosen = listed(source(tsa))
    assert chosen(DIGEST)
    assert chosen(DIGEST)


@pytest.mark.parametrize(
    ("fault", "note"),
    [
        (Fault.BUSY, "HTTP 503"),
        (Fault.REDIRECT, "HTTP 302"),
        (Fault.SILENT, "timeout"),
        (Fault.DRIP, "timeout"),
        (Fault.ENDLESS, "answer too long"),
        (Fault.GARBAGE, "malformed"),
        (Fault.MEDIA_TYPE, "media type"),
        (Fault.NONCE, "nonce"),
        (Fault.IMPRINT, "token hash_failure"),
        (Fault.SHA1, "token"),
    ],
)
def test_a_fault_leads_to_the_next_and_says_why(
    listed: Listed, tsa: Tsa, second: Tsa, fault: Fault, note: str
) -> None:
    chosen = listed(source(tsa, "一番"), source(second, "二番"))
    tsa.fault = fault
    if note == "timeout":
        chosen.members[0]._line._timeout = 1.0  # it has answered once, however long that took
    asked = second.asked
    assert chosen(DIGEST)
    assert second.asked == asked + 1
    assert note in chosen.members[0].note
    second.fault = Fault.BUSY
    said = refusal(chosen)
    assert said.startswith("一番: ")
    assert note in said
    assert "二番: HTTP 503" in said


def test_an_authority_that_is_not_there_leads_to_the_next(listed: Listed, tsa: Tsa, second: Tsa) -> None:
    nobody = source(tsa, "不在", url="http://127.0.0.1:9/")
    chosen = listed(nobody, source(second))
    assert chosen(DIGEST)
    assert tsa.asked == 0
    assert refusal(listed(nobody)) == "不在: connection refused"


def test_tokens_of_an_ended_certificate_are_refused(listed: Listed, tmp_path: Path) -> None:
    with serving(tmp_path, made=now() - dt.timedelta(days=12 * 365.25)) as ended:
        assert "token" in refusal(listed(source(ended)))


def test_a_token_below_another_root_is_refused(listed: Listed, tsa: Tsa, second: Tsa) -> None:
    assert "token" in refusal(listed(source(tsa, roots=(second.root,))))


def test_an_authority_whose_crl_cannot_be_had_is_refused(listed: Listed, tsa: Tsa) -> None:
    tsa.fault = Fault.NO_CRL
    assert "CRL: HTTP 404" in refusal(listed(source(tsa)))


def test_a_revoked_or_foreign_crl_is_not_believed(listed: Listed, tsa: Tsa, second: Tsa) -> None:
    own = tsa.folder / "ca" / "public" / "tsa-1.crl"
    own.write_bytes((second.folder / "ca" / "public" / "tsa-1.crl").read_bytes())
    assert "CRL: malformed" in refusal(listed(source(tsa)))


def test_another_policy_is_refused(listed: Listed, tsa: Tsa) -> None:
    assert listed(source(tsa, policy="1.3.6.1.4.1.32473.1"))(DIGEST)
    assert "refused" in refusal(listed(source(tsa, policy="1.2.3.4")))


def test_name_and_password_are_sent(listed: Listed, tsa: Tsa) -> None:
    listed(source(tsa, user="mihon", password="ひみつ"))
    assert tsa.headers[-1]["Authorization"] == "Basic bWlob246" + "44Gy44G/44Gk"
    assert "ひみつ" not in repr(source(tsa, user="mihon", password="ひみつ"))


def test_one_that_has_failed_rests_while_another_can(
    listed: Listed, tsa: Tsa, second: Tsa, clock: Clock
) -> None:
    clock.at = now()
    chosen = listed(source(tsa), source(second), clock=clock)
    tsa.fault = Fault.BUSY
    chosen(DIGEST)
    failed = tsa.asked
    chosen(DIGEST)
    assert tsa.asked == failed
    tsa.fault = Fault.NONE
    clock.at += dt.timedelta(seconds=31)
    before = second.asked
    chosen(DIGEST)
    assert (tsa.asked, second.asked) == (failed + 1, before)


def test_signature_and_timestamp_from_outside_hold(
    listed: Listed, tsa: Tsa, world: World, tmp_path: Path
) -> None:
    using = outside.sealed_by(world.seal, listed(source(tsa)))
    prepared = prepare(pdf(), fields=["Signer1"], now=now())
    signed = prepared + using.sign(prepared, field="Signer1", entry=entry(prepared))
    whole = signed + using.timestamp(signed)
    report = using.verify(whole)
    assert report.valid
    assert [one.signer for one in report.timestamps] == ["みほん時刻 電子契約 時刻 1"]
    assert not world.seal.verify(whole).valid
    path = tmp_path / "whole.pdf"
    path.write_bytes(whole)
    assert witnesses.qpdf(path)
    assert run("pdfsig", "-nocert", path).returncode == 0
    trust = tmp_path / "root.pem"
    trust.write_bytes(der_to_pem("x509", tsa.root))
    last = witnesses.embedded(whole)[-1]
    assert witnesses.openssl_ts(last.contents, last.content, trust, tmp_path)


def test_nothing_is_signed_while_all_are_silent(listed: Listed, tsa: Tsa, world: World) -> None:
    tsa.fault = Fault.BUSY
    using = outside.sealed_by(world.seal, listed(source(tsa)))
    prepared = prepare(pdf(), fields=["Signer1"], now=now())
    with pytest.raises(Later) as caught:
        using.sign(prepared, field="Signer1", entry=entry(prepared))
    assert str(caught.value) == "tsa-unavailable 一番: HTTP 503"


def contract(using: Seal) -> bytes:
    prepared = prepare(pdf(), fields=["Signer1"], now=now())
    signed = prepared + using.sign(prepared, field="Signer1", entry=entry(prepared))
    return signed + using.timestamp(signed)


def lists_of(data: bytes, tsa: Tsa) -> int:
    """Return how many CRLs of its first certificate are stored in a PDF."""
    address = f":{tsa.port}/pki/tsa-1.crl".encode()
    return sum(address in crl for crl in stored_evidence(open_pdf(data)).crls)


def test_a_renewal_looks_up_what_proves_a_certificate_that_is_used_no_more(
    listed: Listed, tsa: Tsa, world: World
) -> None:
    """After a restart the authority is known by its new certificate alone; the file has the one before."""
    whole = contract(outside.sealed_by(world.seal, listed(source(tsa))))
    tsa.succeed()
    using = outside.sealed_by(world.seal, listed(source(tsa)))
    tsa.authority.refresh_crls(now())
    forgetful = replace(using, meet=lambda _: None)
    assert lists_of(whole + forgetful.renew(whole, number=2), tsa) == 1, "the one from completion"
    renewed = whole + using.renew(whole, number=2)
    assert lists_of(renewed, tsa) == 2
    report = using.verify(renewed)
    assert report.valid
    assert [one.signer[-1] for one in report.timestamps] == ["1", "2"]


def test_one_that_is_retired_is_believed_and_not_asked(
    listed: Listed, tsa: Tsa, second: Tsa, world: World
) -> None:
    whole = contract(outside.sealed_by(world.seal, listed(source(tsa))))
    asked = tsa.asked
    using = outside.sealed_by(world.seal, listed(source(tsa, retired=True), source(second, "二番")))
    renewed = whole + using.renew(whole, number=2)
    assert using.verify(renewed).valid
    assert tsa.asked == asked
    second.fault = Fault.BUSY
    assert refusal(listed(source(tsa, retired=True), source(second, "二番"))) == "二番: HTTP 503"
    gone = outside.sealed_by(world.seal, listed(source(second, "二番")))
    assert not gone.verify(renewed).valid
