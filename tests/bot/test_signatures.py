"""DKIM signatures of mails that came in: what proves, and beside each what forgers and accidents make of it."""

import asyncio
import smtplib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.parse import head_of, parse
from bot.signatures import Demand, Proved, proved, wanted
from envelopes.rules.provenance import Why
from tests.bot.conftest import Office
from tests.bot.signed import DOMAIN, NAME, SIGNERS, Key, by_dkimpy, by_openssl, make_key

MAIL = (
    "From: =?utf-8?B?5Lit5p2R?= <nakamura@mihon.example>\r\nTo: uketsuke@keiyaku.mihon.example\r\n"
    "Subject: Fwd: =?utf-8?B?5aWR57SE5pu4?=\r\n =?utf-8?B?44Gu5Lu2?=\r\nDate: Thu, 26 Nov 2026 10:00:00 +0900\r\n"
    "Message-ID: <1@mihon.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n封筒名：舗装補修工事  \r\n金額：なし\r\n\r\n\r\n"
).encode()
NOW = int(time.time())


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key()


def demand(**changes: object) -> Demand:
    known = {"domain": DOMAIN, "fields": ("from", "subject"), "at": NOW, "key_bits": 1024, "whole": True}
    return Demand(**{**known, **changes})  # type: ignore[arg-type]


def judged(
    raw: bytes, key: Key, *, keys: Mapping[str, Sequence[bytes]] | None = None, **changes: object
) -> Why:
    return proved(raw, demand(**changes), {NAME: [key.record]} if keys is None else keys).why


# What proves


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_good_signature_of_the_senders_domain_proves(signer: str, key: Key, tmp_path: Path) -> None:
    raw = SIGNERS[signer](MAIL, key, tmp_path)
    assert wanted(raw, demand()).names == (NAME,)
    found = proved(raw, demand(), {NAME: [key.record]})
    assert found == Proved(why=Why.SIGNATURE, key=f"{NAME} {key.record.decode()}")


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("金額：なし".encode(), "金額：9億円".encode()),
        (b"\r\n\r\n\r\n", b"\r\n\r\n\r\nx"),
        (b"nakamura@", b"kitazawa@"),
        (b"Fwd:", b"Re:"),
        (b"bh=", b"bh=A"),
        (b"b=", b"b=BBBB"),
        (b"s=s1", b"s=s1; z=x"),
    ],
)
def test_what_was_changed_on_the_way_proves_nothing(
    signer: str, old: bytes, new: bytes, key: Key, tmp_path: Path
) -> None:
    raw = SIGNERS[signer](MAIL, key, tmp_path)
    before, _, after = raw.rpartition(old)
    assert judged(before + new + after, key) is Why.SIGNATURE_BROKEN


@pytest.mark.parametrize("signer", SIGNERS)
def test_an_identity_that_was_added_proves_nothing(signer: str, key: Key, tmp_path: Path) -> None:
    """Beside one that is there already the signature is malformed, otherwise it is broken (RFC 6376 3.2)."""
    raw = SIGNERS[signer](MAIL, key, tmp_path)
    before, _, after = raw.rpartition(b"s=s1")
    head = raw.partition(b"\r\n\r\n")[0]
    expected = Why.SIGNATURE_MALFORMED if b" i=" in head else Why.SIGNATURE_BROKEN
    assert judged(before + b"s=s1; i=x@mihon.example" + after, key) is expected


@pytest.mark.parametrize("signer", SIGNERS)
def test_another_key_proves_nothing(signer: str, key: Key, tmp_path: Path) -> None:
    raw = SIGNERS[signer](MAIL, key, tmp_path)
    assert judged(raw, make_key()) is Why.SIGNATURE_BROKEN


def test_what_relays_do_on_the_way_breaks_nothing(key: Key) -> None:
    raw = by_dkimpy(MAIL, key)
    trace = b"Return-Path: <x@y.example>\r\nReceived: from a by b;\r\n\tThu, 26 Nov 2026 10:00:01 +0900\r\n"
    assert judged(trace + raw, key) is Why.SIGNATURE
    assert judged(raw.replace(b"\r\n", b"\n"), key) is Why.SIGNATURE
    assert judged(raw + b"\r\n\r\n", key) is Why.SIGNATURE


# Whose signature


@pytest.mark.parametrize(
    ("signer", "sender", "why"),
    [
        ("mihon.example", "kensetsu.mihon.example", Why.SIGNATURE),
        ("kensetsu.mihon.example", "mihon.example", Why.NOT_ALIGNED),
        ("evil.example", "mihon.example", Why.NOT_ALIGNED),
        ("evilmihon.example", "mihon.example", Why.NOT_ALIGNED),
        ("example", "mihon.example", Why.NOT_ALIGNED),
    ],
)
def test_a_domain_speaks_for_itself_and_its_children(signer: str, sender: str, why: Why, key: Key) -> None:
    raw = by_dkimpy(
        MAIL.replace(b"nakamura@mihon.example", b"nakamura@" + sender.encode()), key, domain=signer
    )
    name = f"s1._domainkey.{signer}"
    assert judged(raw, key, keys={name: [key.record]}, domain=sender) is why
    assert (wanted(raw, demand(domain=sender)).names == (name,)) is (why is Why.SIGNATURE)


def test_a_foreign_signature_beside_the_own_does_no_harm(key: Key) -> None:
    list_key = make_key(1024)
    raw = by_dkimpy(by_dkimpy(MAIL, key), list_key, domain="list.example")
    assert judged(raw, key) is Why.SIGNATURE
    assert wanted(raw, demand()).names == (NAME,)


def test_only_the_first_five_signatures_are_looked_at(key: Key) -> None:
    forged = b"DKIM-Signature: v=1; a=rsa-sha256; d=mihon.example; s=x%d; h=from:subject; bh=AAAA; b=AAAA\r\n"
    raw = by_dkimpy(MAIL, key)
    assert judged(b"".join(forged % n for n in range(4)) + raw, key) is Why.SIGNATURE
    more = b"".join(forged % n for n in range(9)) + raw
    assert judged(more, key) is Why.KEY_MISSING
    assert len(wanted(more, demand()).names) == 5


# What a signature covers


def test_a_signature_over_a_part_of_the_body_proves_nothing(key: Key) -> None:
    raw = by_dkimpy(MAIL, key, length=True)
    assert b"l=" in raw
    assert judged(raw, key) is Why.PARTLY_SIGNED
    assert judged(raw + b"more", key) is Why.PARTLY_SIGNED


@pytest.mark.parametrize("fields", [("to", "subject"), ("from", "to")])
def test_a_field_that_is_not_signed_proves_nothing(fields: tuple[str, ...], key: Key, tmp_path: Path) -> None:
    assert judged(by_openssl(MAIL, key, tmp_path, fields=fields), key) is Why.UNSIGNED_FIELD


def test_the_operator_may_want_more_fields_signed(key: Key) -> None:
    raw = by_dkimpy(MAIL, key, fields=("from", "subject"))
    assert judged(raw, key) is Why.SIGNATURE
    assert judged(raw, key, fields=("from", "subject", "content-type")) is Why.UNSIGNED_FIELD
    assert judged(raw, key, fields=("from", "subject", "references")) is Why.SIGNATURE


@pytest.mark.parametrize("name", [b"Subject", b"sUBJECT", b"To", b"Content-Type", b"References"])
def test_a_field_put_above_its_twin_proves_nothing(name: bytes, key: Key) -> None:
    raw = by_dkimpy(MAIL.replace(b"Date:", b"References: <0@x>\r\nDate:"), key)
    assert judged(raw, key) is Why.SIGNATURE
    assert judged(name + b": other\r\n" + raw, key) is Why.DOUBLE_FIELD


def test_a_subject_added_to_a_mail_without_one_is_unsigned(key: Key) -> None:
    bare = MAIL.replace(b"Subject: Fwd: =?utf-8?B?5aWR57SE5pu4?=\r\n =?utf-8?B?44Gu5Lu2?=\r\n", b"")
    raw = by_dkimpy(bare, key, fields=("from", "to"))
    assert judged(raw, key) is Why.SIGNATURE
    assert judged(b"Subject: other\r\n" + raw, key) is Why.UNSIGNED_FIELD


@pytest.mark.parametrize(
    "above",
    [
        b"X: y\rFrom: nakamura@mihon.example\rSubject: other\r\rother words\r\n",
        b"X: y\r\rother words\r\n",
        b"no field at all\r\n",
        b" folded into nothing\r\n",
        b"X : y\r\n",
    ],
)
def test_two_readers_must_see_the_same_mail(above: bytes, key: Key) -> None:
    """A bare CR ends a line for Python's parser and not for DKIM: what is read would not be what was signed."""
    assert judged(above + by_dkimpy(MAIL, key), key) is Why.TWO_READINGS


# When, and how strong


def test_an_expired_signature_proves_nothing(key: Key, tmp_path: Path) -> None:
    raw = by_openssl(MAIL, key, tmp_path, tags=f" t={NOW - 100}; x={NOW + 50};")
    assert judged(raw, key) is Why.SIGNATURE
    assert judged(raw, key, at=NOW + 51) is Why.SIGNATURE_EXPIRED
    odd = by_openssl(MAIL, key, tmp_path, tags=" x=soon;")
    assert judged(odd, key) is Why.SIGNATURE_EXPIRED


def test_a_weak_algorithm_or_key_proves_nothing(key: Key) -> None:
    assert judged(by_dkimpy(MAIL, key, algorithm=b"rsa-sha1"), key) is Why.SIGNATURE_WEAK
    raw = by_dkimpy(MAIL, key)
    assert judged(raw, key, key_bits=2048) is Why.SIGNATURE
    assert judged(raw, key, key_bits=3072) is Why.KEY_UNUSABLE


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda record: [], Why.KEY_MISSING),
        (lambda record: [record, record], Why.KEY_UNUSABLE),
        (lambda record: [b"v=DKIM1; k=rsa; p="], Why.KEY_UNUSABLE),
        (lambda record: [record.replace(b"k=rsa", b"k=rsa; t=s:y")], Why.KEY_UNUSABLE),
        (lambda record: [record.replace(b"k=rsa", b"k=rsa; t=s")], Why.SIGNATURE),
        (lambda record: [record.replace(b"k=rsa", b"k=ed25519")], Why.KEY_UNUSABLE),
        (lambda record: [record.replace(b"DKIM1", b"DKIM2")], Why.KEY_UNUSABLE),
        (lambda record: [b"nonsense"], Why.KEY_UNUSABLE),
        (lambda record: [record[:60]], Why.KEY_UNUSABLE),
        (lambda record: [b"\xff;p=\xff"], Why.KEY_UNUSABLE),
    ],
)
def test_what_the_key_record_says_counts(change: Callable[[bytes], list[bytes]], why: Why, key: Key) -> None:
    assert judged(by_dkimpy(MAIL, key), key, keys={NAME: change(key.record)}) is why


# Of a mail that was too big


def test_the_head_of_a_mail_too_big_is_proven_by_itself(key: Key) -> None:
    raw = by_dkimpy(MAIL, key)
    head = raw[: raw.index(b"\r\n\r\n") + 4]
    assert judged(head, key, whole=False) is Why.HEAD_SIGNATURE
    assert judged(head, key) is Why.SIGNATURE_BROKEN
    assert judged(head.replace(b"nakamura@", b"kitazawa@"), key, whole=False) is Why.SIGNATURE_BROKEN
    assert judged(head.replace(b"bh=", b"bh=A"), key, whole=False) is Why.SIGNATURE_BROKEN
    assert parse(head_of(head), decoded_limit=100).sender == parse(raw, decoded_limit=10_000).sender


# Anything at all

PIECES = st.sampled_from(
    [
        b"DKIM-Signature: ",
        b"From: nakamura@mihon.example",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"v=1; ",
        b"a=rsa-sha256; ",
        b"d=mihon.example; ",
        b"s=s1; ",
        b"h=from:subject; ",
        b"bh=AAAA; ",
        b"b=AAAA; ",
        b"l=",
        b"x=1",
        b";",
        b"=",
        b"\x00",
        b"\xff",
        b"c=relaxed/x; ",
    ]
)


@settings(max_examples=150)
@given(st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=25).map(b"".join)))
def test_whatever_comes_is_judged_without_an_exception(raw: bytes) -> None:
    asked = wanted(raw, demand())
    record = b"v=DKIM1; p=MCwwDQYJKoZIhvcNAQEBBQADGwAwGAIRAK"
    found = proved(raw, demand(), {name: [record] for name in asked.names})
    assert found.why not in {Why.SIGNATURE, Why.HEAD_SIGNATURE}


# Through real servers


async def test_a_signature_survives_the_way_through_the_mail_servers(
    office: Office, key: Key, tmp_path: Path
) -> None:
    """Postfix and Dovecot, and the demo's own, add their lines and keep the rest."""
    who = f"signed-{tmp_path.name}@mihon.example"
    mails = [sign(MAIL, key, tmp_path) for sign in SIGNERS.values()]
    await asyncio.to_thread(_send, office.smtp, who, mails)
    arrived = await office.arrived(who, len(mails))
    assert [judged(raw, key) for raw in arrived] == [Why.SIGNATURE] * len(mails)
    assert judged(arrived[0].replace("なし".encode(), "あり".encode()), key) is Why.SIGNATURE_BROKEN


def _send(port: int, who: str, mails: Sequence[bytes]) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        for raw in mails:
            client.sendmail("nakamura@mihon.example", [who], raw)
