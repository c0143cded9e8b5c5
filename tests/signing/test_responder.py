"""The RFC 3161 responder, asked by openssl and by hand."""

import datetime as dt
import hashlib
import subprocess
from pathlib import Path
from typing import Any, ClassVar

import pytest
from asn1crypto import cms, core, tsp  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from envelopes.signing.certificates import Role
from envelopes.signing.responder import Responder
from tests.signing.conftest import Clock, World, now, run


class Response(core.Sequence):  # type: ignore[misc]
    """TimeStampResp; the library's own forgets that a rejection carries no token."""

    _fields: ClassVar = [
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


DIGEST = hashlib.sha256(b"data").digest()


@pytest.fixture
def responder(world: World) -> Responder:
    return Responder(key=world.authority.key(Role.TSA), policy=world.authority.policy, clock=now)


def request(**changes: Any) -> bytes:
    algorithm = changes.pop("algorithm", "sha256")
    imprint = {
        "hash_algorithm": {"algorithm": algorithm},
        "hashed_message": changes.pop("digest", DIGEST),
    }
    return bytes(tsp.TimeStampReq({"version": "v1", "message_imprint": imprint} | changes).dump())


def refusal(answer: bytes) -> tuple[str, set[str]]:
    read = Response.load(answer)
    assert read["time_stamp_token"].native is None
    return read["status"]["status"].native, read["status"]["fail_info"].native


def stated(answer: bytes) -> dict[str, Any]:
    token = Response.load(answer)["time_stamp_token"]["content"]
    return dict(token["encap_content_info"]["content"].parsed.native)


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("options", [["-cert"], ["-cert", "-no_nonce"]])
def test_openssl_accepts_the_answer_and_no_answer_for_other_data(
    responder: Responder, world: World, tmp_path: Path, digest: str, options: list[str]
) -> None:
    data, other, query, answer = (tmp_path / name for name in ("data", "other", "q.tsq", "a.tsr"))
    data.write_bytes(b"data")
    other.write_bytes(b"other")
    asked = run("openssl", "ts", "-query", "-data", data, f"-{digest}", *options, "-out", query)
    assert asked.returncode == 0
    answer.write_bytes(responder.reply(query.read_bytes()))
    verify = ("openssl", "ts", "-verify", "-in", answer, "-CAfile", world.root_pem)
    assert run(*verify, "-data", other).returncode != 0
    assert run(*verify, "-data", data).returncode == 0
    assert run(*verify, "-queryfile", query).returncode == 0
    changed = bytearray(answer.read_bytes())
    changed[-1] ^= 1
    answer.write_bytes(changed)
    assert run(*verify, "-data", data).returncode != 0


def test_nonce_policy_and_certificates_are_given_as_asked(responder: Responder) -> None:
    answer = responder.reply(request(nonce=2**63 + 7, req_policy=responder.policy, cert_req=True))
    assert (stated(answer)["nonce"], stated(answer)["policy"]) == (2**63 + 7, responder.policy)
    assert len(Response.load(answer)["time_stamp_token"]["content"]["certificates"]) == 2
    bare = responder.reply(request())
    assert stated(bare)["nonce"] is None
    assert not Response.load(bare)["time_stamp_token"]["content"]["certificates"].native


def test_time_comes_from_the_clock_within_the_accuracy(aging: World, clock: Clock) -> None:
    clock.forward(days=1)
    responder = Responder(key=aging.authority.key(Role.TSA), policy=aging.authority.policy, clock=clock)
    told = stated(responder.reply(request()))
    assert told["accuracy"]["seconds"] == 1
    assert dt.timedelta(0) <= clock() - told["gen_time"] < dt.timedelta(seconds=1)
    assert not told["ordering"]


def test_serial_numbers_differ_and_fit_160_bits(responder: Responder) -> None:
    numbers = {stated(responder.reply(request()))["serial_number"] for _ in range(8)}
    assert len(numbers) == 8
    assert all(0 < number < 2**160 for number in numbers)


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"algorithm": "sha1", "digest": bytes(20)}, "bad_alg"),
        ({"algorithm": "md5", "digest": bytes(16)}, "bad_alg"),
        ({"digest": bytes(31)}, "bad_data_format"),
        ({"version": "v2"}, "bad_data_format"),
        ({"req_policy": "1.2.3.4"}, "unaccepted_policy"),
        (
            {"extensions": [{"extn_id": "1.2.3.4", "critical": False, "extn_value": b"\x05\x00"}]},
            "unaccepted_extensions",
        ),
    ],
)
def test_what_is_not_accepted_is_refused_by_name(
    responder: Responder, changes: dict[str, Any], failure: str
) -> None:
    assert refusal(responder.reply(request(**changes))) == ("rejection", {failure})


def test_openssl_reads_the_refusal(responder: Responder, tmp_path: Path) -> None:
    query = subprocess.run(
        ["openssl", "ts", "-query", "-digest", "00" * 20, "-sha1"], capture_output=True, check=True
    ).stdout
    (tmp_path / "a.tsr").write_bytes(responder.reply(query))
    text = run("openssl", "ts", "-reply", "-in", tmp_path / "a.tsr", "-text").stdout
    assert "unrecognized or unsupported algorithm" in text


@pytest.mark.parametrize("junk", [b"", b"GET / HTTP/1.1", request() + b"\x00", request()[:-3], b"\x30\x80"])
def test_junk_is_bad_data_format(responder: Responder, junk: bytes) -> None:
    assert refusal(responder.reply(junk)) == ("rejection", {"bad_data_format"})


# Opening the key takes its time, once.
@given(junk=st.binary(max_size=80), at=st.integers(0, 60))
def test_no_bytes_bring_it_down(world: World, junk: bytes, at: int) -> None:
    key = world.authority.key(Role.TSA) if not _KEPT else _KEPT[0]
    _KEPT.append(key)
    responder = Responder(key=key, policy="1.2.3", clock=now)
    good = request()
    for data in (junk, good[:at] + junk + good[at:], good[:at] + junk + good[at + len(junk) :]):
        Response.load(responder.reply(data), strict=True)


_KEPT: list[Any] = []


def test_an_ended_certificate_stamps_nothing(aging: World, clock: Clock) -> None:
    key = aging.authority.key(Role.TSA)
    clock.forward(years=11.1)
    answer = Responder(key=key, policy=aging.authority.policy, clock=clock).reply(request())
    assert refusal(answer) == ("rejection", {"system_failure"})
