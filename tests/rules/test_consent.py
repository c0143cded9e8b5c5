"""Consents: one spelling each, and only for the bytes that were seen."""

import hashlib
import json
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules import consent as rules
from envelopes.rules.consent import Consent, Grant, Offered, Party, canonical, read, require_fit
from envelopes.rules.errors import Reason, Refused

SEEN = b"%PDF-1.7 what was shown"
TAIL = b" first signature"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def offered(position: int = 1, data: bytes = SEEN) -> Offered:
    return Offered(
        position=position,
        title="工事請負契約書",
        sha256=digest(data),
        length=len(data),
        pages_sha256=digest(b"pages"),
    )


def party() -> Party:
    return Party(
        ref="abcdefghijklmnop",
        position=1,
        company="髙橋建設株式会社",
        office="代表取締役",
        person="髙橋 一郎",
        registry_revision=2,
        address_look_up=digest(b"address"),
    )


def consent(**changes: Any) -> Consent:
    values: dict[str, Any] = {
        "envelope": "qrstuvwxyzabcdef",
        "certificate_id": "MHN-0000-0000-0000-0000-0",
        "generation": 1,
        "documents": (offered(), offered(2, b"specification")),
        "signer": party(),
        "grants": (Grant(method="mail-code", level="mail", issuer="みほん村", at="2026-04-01T00:00:00Z"),),
        "text_version": rules.TEXT_VERSION,
        "at": "2026-04-01T00:01:00.000000Z",
        "nonce": "0" * 32,
        "chain_head": "f" * 64,
    }
    return Consent(**(values | changes))


texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers(-(2**53), 2**53)
consents = st.builds(
    Consent,
    envelope=texts,
    generation=numbers,
    documents=st.lists(
        st.builds(Offered, position=numbers, title=texts, sha256=texts, length=numbers, pages_sha256=texts),
        max_size=3,
    ).map(tuple),
    signer=st.builds(
        Party,
        ref=texts,
        position=numbers,
        company=texts,
        office=texts,
        person=texts,
        registry_revision=numbers,
        address_look_up=texts,
    ),
    grants=st.lists(
        st.builds(Grant, method=texts, level=texts, issuer=texts, at=texts, since=texts), max_size=3
    ).map(tuple),
    text_version=texts,
    at=texts,
    nonce=texts,
    chain_head=texts,
)


@given(consents)
def test_a_consent_is_read_as_it_was_written(said: Consent) -> None:
    assert read(canonical(said)) == said


def test_the_bytes_are_pinned() -> None:
    # A change here is a change of format: earlier consents would no longer be read.
    assert digest(canonical(consent())) == "6e86dbd97e6308406bb44bd6e9ef3f7ee810392ae43411526de7e094b0b8c57b"


def test_the_form_is_sorted_compact_json_in_utf_8() -> None:
    data = canonical(consent())
    assert json.loads(data)["format"] == "fukan-consent-1"
    assert data.startswith(b'{"at":"2026-04-01T00:01:00.000000Z","certificate_id":')
    assert "髙橋".encode() in data
    assert b": " not in data


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves(value[key], (*path, key))]
    if isinstance(value, list | tuple):
        return [leaf for n, item in enumerate(value) for leaf in leaves(item, (*path, n))]
    return [path]


FULL = consent(
    grants=(
        Grant(
            method="authenticator",
            level="authenticator",
            issuer="みほん村",
            at="2026-04-01T00:00:00Z",
            since="2026-03-01T00:00:00Z",
        ),
    )
)


def test_what_says_nothing_of_a_grant_is_not_in_the_bytes() -> None:
    assert b"since" in canonical(FULL)
    assert b"since" not in canonical(consent())
    assert read(canonical(consent())) == consent()


@pytest.mark.parametrize("path", leaves(asdict(FULL)))
def test_every_single_field_is_in_the_signed_bytes(path: tuple[Any, ...]) -> None:
    loaded = json.loads(canonical(FULL))
    place = loaded
    for step in path[:-1]:
        place = place[step]
    old = place[path[-1]]
    place[path[-1]] = old + 1 if isinstance(old, int) else old + "x"
    changed = json.dumps(loaded, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    assert read(changed) != FULL
    assert canonical(read(changed)) == changed != canonical(FULL)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b'{"format":"fukan-consent-1"}',
        canonical(consent()) + b"\n",
        canonical(consent()).replace(b",", b", ", 1),
        canonical(consent()).replace(b"fukan-consent-1", b"fukan-consent-2"),
        canonical(consent()).replace(b'"nonce":', b'"nonce":"1","nonce":'),
        canonical(consent()).replace(b'"generation":1,', b""),
        canonical(consent()).replace(b'"generation":1,', b'"generation":1,"hidden":1,'),
        canonical(consent()).replace(b'"documents":[', b'"documents":[1,'),
        canonical(consent()).replace("髙".encode(), b"\\u9ad9"),
        b"[" * 100_000,
    ],
)
def test_any_other_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read(data)
    assert refused.value.reason is Reason.CONSENT_INVALID
    assert refused.value.__cause__ is None


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused_and_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(Refused):
        read(data)


def offer(**changes: Any) -> str:
    values: dict[str, Any] = {
        "envelope": "qrstuvwxyzabcdef",
        "generation": 1,
        "documents": [offered()],
        "signer": party(),
        "text_version": rules.TEXT_VERSION,
    }
    return rules.offer_digest(**(values | changes))


def test_an_offer_changes_with_everything_that_is_offered() -> None:
    others = [
        offer(envelope="x"),
        offer(generation=2),
        offer(documents=[offered(), offered(2)]),
        offer(documents=[]),
        offer(text_version="2027-01"),
        *(offer(signer=replace(party(), **{item.name: 9})) for item in fields(Party)),
        *(offer(documents=[replace(offered(), **{item.name: 9})]) for item in fields(Offered)),
    ]
    assert len({offer(), *others}) == len(others) + 1


def test_what_was_seen_fits_alone_and_under_earlier_signatures() -> None:
    assert require_fit(consent(), position=1, data=SEEN, revisions=[digest(SEEN)]) == offered()
    whole = SEEN + TAIL
    known = [digest(SEEN), digest(whole)]
    assert require_fit(consent(), position=1, data=whole, revisions=known) == offered()


@pytest.mark.parametrize(
    ("position", "data", "revisions"),
    [
        (3, SEEN, [digest(SEEN)]),
        (2, SEEN, [digest(SEEN)]),
        (1, b"specification", [digest(b"specification")]),
        (1, SEEN[:-1], [digest(SEEN[:-1])]),
        (1, b"x" + SEEN[1:], [digest(b"x" + SEEN[1:])]),
        (1, b"x" + SEEN[1:], [digest(SEEN)]),
        (1, SEEN, []),
        (1, SEEN, [digest(b"other")]),
        (1, SEEN + TAIL, [digest(SEEN)]),
        (1, SEEN + b" other tail", [digest(SEEN), digest(SEEN + TAIL)]),
        (1, SEEN, [digest(SEEN), digest(SEEN + TAIL)]),
        (1, SEEN + TAIL, [digest(SEEN + TAIL)]),
        (1, b"", [digest(b"")]),
    ],
)
def test_any_swap_is_refused(position: int, data: bytes, revisions: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        require_fit(consent(), position=position, data=data, revisions=revisions)
    assert refused.value.reason is Reason.BYTES_DIFFER


@given(st.binary(max_size=60))
def test_no_other_bytes_ever_fit(data: bytes) -> None:
    if data != SEEN:
        with pytest.raises(Refused):
            require_fit(consent(), position=1, data=data, revisions=[digest(SEEN)])
