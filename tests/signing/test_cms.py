"""Signatures of every length are written at once."""

import hashlib
import time

from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped]

from envelopes.signing import cms, der
from envelopes.signing.certificates import Role
from tests.signing.conftest import World


def test_no_length_takes_long(aging: World) -> None:
    """A length that ends in the octet 0x80 once cost twenty seconds; 256 sizes pass each such length."""
    key = aging.authority.key(Role.SIGNER)
    began = time.process_time()
    for size in range(256):
        filler = der.octets(bytes(size))
        made = cms.signature(hashlib.sha256(b"").digest(), key, lambda _, filler=filler: filler)  # type: ignore[misc]
        assert len(made) <= cms.room_for(key) + len(filler)
    assert time.process_time() - began < 5


def test_what_is_written_is_der(aging: World) -> None:
    key = aging.authority.key(Role.SIGNER)
    made = cms.signature(hashlib.sha256(b"").digest(), key, lambda _: der.NULL)
    read = asn1_cms.ContentInfo.load(made, strict=True)
    signed = read["content"]
    assert signed["version"].native == "v1"
    assert {one.chosen.dump() for one in signed["certificates"]} == {key.certificate, *key.chain}
    (info,) = signed["signer_infos"]
    assert [one["type"].native for one in info["signed_attrs"]] == [
        "content_type",
        "message_digest",
        "signing_certificate_v2",
    ]
