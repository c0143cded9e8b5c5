"""A timestamping authority may be absent, wrong or hostile: nothing it says passes unchecked."""

import datetime as dt
import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from asn1crypto import tsp  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from envelopes.rules.errors import Later, Reason
from envelopes.signing import authority
from envelopes.signing.certificates import Role
from envelopes.signing.cms import room_for
from envelopes.signing.responder import Responder
from envelopes.signing.timestamps import CheckedTimestamper
from envelopes.signing.trust import Evidence
from tests.signing.conftest import PASSPHRASE, TOWN, URL, Clock, World

DIGEST = hashlib.sha256(b"data").digest()


@pytest.fixture
def responder(aging: World, clock: Clock) -> Responder:
    return Responder(key=aging.authority.key(Role.TSA), policy=aging.authority.policy, clock=clock)


@pytest.fixture
def asking(aging: World, clock: Clock, responder: Responder) -> CheckedTimestamper:
    return CheckedTimestamper(
        ask=responder.reply,
        room=room_for(responder.key),
        policy=responder.policy,
        roots=(aging.authority.root_certificate,),
        evidence=lambda at: Evidence(crls=aging.authority.crls(at)),
        clock=clock,
    )


def refused(asking: CheckedTimestamper, note: str) -> None:
    with pytest.raises(Later) as caught:
        asking(DIGEST)
    assert caught.value.reason is Reason.TSA_UNAVAILABLE
    assert note in str(caught.value)


def _same(answer: bytes, _: bytes) -> bytes:
    return answer


def changed(der: bytes, change: Callable[[tsp.TimeStampReq], None]) -> bytes:
    request = tsp.TimeStampReq.load(der)
    _ = request.native
    change(request)
    return bytes(request.dump(force=True))


def test_a_good_token_passes(asking: CheckedTimestamper) -> None:
    assert DIGEST in asking(DIGEST)
    assert len(asking(DIGEST)) <= asking.room


def test_silence_and_junk_are_no_tokens(asking: CheckedTimestamper) -> None:
    def silent(_: bytes) -> bytes:
        raise TimeoutError

    refused(replace(asking, ask=silent), "no answer")
    for junk in (b"", b"<html>busy</html>", b"\x30\x03\x02\x01\x00"):
        refused(replace(asking, ask=partial(_same, junk)), "malformed")


def test_a_refusal_is_no_token(asking: CheckedTimestamper) -> None:
    refused(replace(asking, policy="1.2.3.4"), "refused")


def test_a_token_for_another_request_is_refused(asking: CheckedTimestamper, responder: Responder) -> None:
    def other_digest(der: bytes) -> bytes:
        def change(request: tsp.TimeStampReq) -> None:
            request["message_imprint"]["hashed_message"] = bytes(32)

        return responder.reply(changed(der, change))

    def other_nonce(der: bytes) -> bytes:
        return responder.reply(changed(der, lambda request: request.__setitem__("nonce", 7)))

    def no_nonce(der: bytes) -> bytes:
        return responder.reply(changed(der, lambda request: request.__setitem__("nonce", None)))

    refused(replace(asking, ask=other_digest), "token")
    refused(replace(asking, ask=other_nonce), "nonce")
    refused(replace(asking, ask=no_nonce), "nonce")


def test_a_token_under_another_policy_is_refused(asking: CheckedTimestamper, responder: Responder) -> None:
    other = replace(responder, policy="1.2.3.4")

    def ask(der: bytes) -> bytes:
        return other.reply(changed(der, lambda request: request.__setitem__("req_policy", "1.2.3.4")))

    refused(replace(asking, ask=ask), "policy")
    assert replace(asking, ask=other.reply, policy=None)(DIGEST)


def test_a_token_altered_on_the_way_is_refused(asking: CheckedTimestamper, responder: Responder) -> None:
    def late(der: bytes) -> bytes:
        answer = responder.reply(der)
        return answer.replace(b"20260401", b"20260402")

    refused(replace(asking, ask=late), "token")


def test_a_certificate_not_for_stamping_is_refused(
    asking: CheckedTimestamper, responder: Responder, aging: World
) -> None:
    signer = replace(responder, key=aging.authority.key(Role.SIGNER))
    refused(replace(asking, ask=signer.reply), "key purpose")


def test_a_token_without_certificates_is_refused(asking: CheckedTimestamper, responder: Responder) -> None:
    def bare(der: bytes) -> bytes:
        return responder.reply(changed(der, lambda request: request.__setitem__("cert_req", None)))

    refused(replace(asking, ask=bare), "malformed")


def test_a_foreign_authority_is_refused(
    asking: CheckedTimestamper, responder: Responder, tmp_path_factory: pytest.TempPathFactory, clock: Clock
) -> None:
    other = authority.create(
        tmp_path_factory.mktemp("other") / "a",
        town=TOWN,
        public_url=URL,
        now=clock(),
        passphrase=PASSPHRASE,
        key_type="p256",
    )
    foreign = replace(responder, key=other.key(Role.TSA))
    refused(replace(asking, ask=foreign.reply), "token")


def test_a_revoked_or_unknown_status_is_refused(
    asking: CheckedTimestamper, aging: World, clock: Clock
) -> None:
    refused(replace(asking, evidence=lambda _: Evidence()), "token")
    crl = revoking(aging, "tsa-1", clock())
    refused(replace(asking, evidence=lambda _: Evidence(crls=(crl,))), "token")
    old = aging.authority.crls(clock())
    clock.forward(days=8)
    refused(replace(asking, evidence=lambda _: Evidence(crls=old)), "token")


def test_a_token_longer_than_its_room_is_refused(asking: CheckedTimestamper) -> None:
    refused(replace(asking, room=100), "length")


def test_an_ended_stamping_certificate_is_refused(asking: CheckedTimestamper, clock: Clock) -> None:
    clock.forward(years=11.1)
    refused(asking, "refused")


def test_threads_share_one_timestamper(asking: CheckedTimestamper) -> None:
    tokens: list[bytes] = []
    threads = [threading.Thread(target=lambda: tokens.append(asking(DIGEST))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(tokens)) == 8


def revoking(world: World, name: str, at: dt.datetime) -> bytes:
    """Return a CRL like the authority's own that revokes *name*."""
    files = authority.published(world.authority.directory)
    like = x509.load_der_x509_crl(files[f"{name}.crl"])
    gone = x509.load_der_x509_certificate(files[f"{name}.cer"]).serial_number
    builder = x509.CertificateRevocationListBuilder().issuer_name(like.issuer).last_update(at)
    builder = builder.next_update(at + dt.timedelta(days=7))
    for extension in like.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    revoked = x509.RevokedCertificateBuilder().serial_number(gone).revocation_date(at).build()
    signed = builder.add_revoked_certificate(revoked).sign(world.authority.root.key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)
