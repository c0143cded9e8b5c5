"""Who sent it: what proves and what forgers write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.parse import parse
from bot.senders import NAMELESS, Level, Verdict, Why, judge, parse_results
from tests.bot.mails import CRLF, headers

RELAY = "mx.mihon.example"
MICROSOFT = (
    "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=mihon.example; dkim=pass (signature was verified) "
    "header.d=mihon.example;dmarc=pass action=none header.from=mihon.example;compauth=pass reason=100"
)
GMAIL = (
    f'{RELAY};\r\n       dkim=pass header.i=@mihon.example header.s=s1 header.b="ab+/c=";\r\n'
    "       spf=pass (google.com: domain of staff@mihon.example designates 192.0.2.1 as permitted sender)"
    " smtp.mailfrom=staff@mihon.example;\r\n       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=mihon.example"
)


def verdict(
    *results: str, sender: str = "staff@mihon.example", more: str = "", names: tuple[str, ...] = (RELAY,)
) -> Verdict:
    trace = "".join(f"Authentication-Results: {value}\r\n" for value in results)
    raw = (trace + more).encode() + headers(sender=sender.encode()) + CRLF + b"x"
    return judge(parse(raw, decoded_limit=10_000), trusted_authserv_ids=names, demo=False)


@pytest.mark.parametrize(
    ("results", "why"),
    [
        (f"{RELAY}; dmarc=pass header.from=mihon.example", Why.DMARC),
        (f"{RELAY} 1; dmarc=pass (p=none) header.from=Mihon.Example", Why.DMARC),
        (f"{RELAY.upper()}; DMARC=PASS header.From=mihon.example", Why.DMARC),
        (f"(c;c) {RELAY} (c(c)c); dmarc (x) = pass header.from (y) = mihon.example", Why.DMARC),
        (f'{RELAY}; spf=none; dmarc/1=pass header.from="mihon.example"', Why.DMARC),
        (GMAIL, Why.DMARC),
        (f"{RELAY}; dkim=pass header.d=mihon.example", Why.DKIM),
        (f"{RELAY}; dkim=pass header.i=@mihon.example", Why.DKIM),
        (f"{RELAY}; dkim=fail header.d=mihon.example; dkim=pass header.d=mihon.example", Why.DKIM),
        (f"{RELAY}; dmarc=none header.from=mihon.example; dkim=pass header.d=mihon.example", Why.DKIM),
    ],
)
def test_the_relays_word_proves(results: str, why: Why) -> None:
    assert verdict(results) == Verdict(level=Level.PROVEN, why=why, address="staff@mihon.example")


@pytest.mark.parametrize(
    ("results", "why"),
    [
        (f"{RELAY}; none", Why.NOT_PASSED),
        (f"{RELAY}", Why.NOT_PASSED),
        (f"{RELAY}; spf=pass smtp.mailfrom=mihon.example", Why.NOT_PASSED),
        (f"{RELAY}; dmarc=fail header.from=mihon.example", Why.NOT_PASSED),
        (f"{RELAY}; dmarc=fail header.from=mihon.example; dkim=pass header.d=mihon.example", Why.NOT_PASSED),
        (f"{RELAY}; dmarc=bestguesspass header.from=mihon.example", Why.NOT_PASSED),
        (f"{RELAY}; dmarc=pass header.from=evil.example", Why.NOT_ALIGNED),
        (f"{RELAY}; dmarc=pass", Why.NOT_ALIGNED),
        (f"{RELAY}; dkim=pass header.d=evil.example", Why.NOT_ALIGNED),
        (f"{RELAY}; dkim=pass header.d=example", Why.NOT_ALIGNED),
        (f"{RELAY}; dkim=pass header.d=evilmihon.example", Why.NOT_ALIGNED),
        (f"{RELAY}; dkim=pass header.d=sub.mihon.example", Why.NOT_ALIGNED),
        (f"{RELAY}; dkim=pass header.d=mihon.example.evil.example", Why.NOT_ALIGNED),
        (f"{RELAY}; dkim=pass header.d=ihon.example", Why.NOT_ALIGNED),
        (f"{RELAY}; dkim=pass header.d=evil.example header.i=@mihon.example", Why.NOT_ALIGNED),
        (f"{RELAY}; dkim=pass", Why.NOT_ALIGNED),
        (f"{RELAY}; dkim=neutral header.d=mihon.example", Why.NOT_PASSED),
        (f"{RELAY}; (dmarc=pass header.from=mihon.example)", Why.NOT_PASSED),
        (f'{RELAY}; x="; dmarc=pass header.from=mihon.example"', Why.MALFORMED_RESULTS),
        (
            f'{RELAY}; spf=pass smtp.mailfrom="a; dmarc=pass header.from=mihon.example"@evil.example',
            Why.NOT_PASSED,
        ),
        (
            f"{RELAY}; spf=pass smtp.mailfrom=a;dmarc=pass header.from=mihon.example; dmarc=fail",
            Why.MALFORMED_RESULTS,
        ),
        (f"{RELAY}; dmarc=pass header.from=mihon.example header.from=evil.example", Why.MALFORMED_RESULTS),
        (
            f"{RELAY}; dmarc=pass header.from=mihon.example; dmarc=pass header.from=mihon.example",
            Why.MALFORMED_RESULTS,
        ),
        (f"{RELAY}; dmarc=pass (header.from=mihon.example", Why.MALFORMED_RESULTS),
        (f"{RELAY}; dmarc=pass) header.from=mihon.example", Why.MALFORMED_RESULTS),
        (f'{RELAY}; dmarc=pass header.from="mihon.example', Why.MALFORMED_RESULTS),
        (
            f"{RELAY}; dkim=fail; dkim=fail; dkim=fail; dkim=fail; dkim=fail; dkim=pass header.d=mihon.example",
            Why.NOT_PASSED,
        ),
        ("mx.evil.example; dmarc=pass header.from=mihon.example", Why.NO_TRUSTED_RESULTS),
        (f"x{RELAY}; dmarc=pass header.from=mihon.example", Why.NO_TRUSTED_RESULTS),
        (f"({RELAY}); dmarc=pass header.from=mihon.example", Why.NO_TRUSTED_RESULTS),
        (MICROSOFT, Why.NO_TRUSTED_RESULTS),
        ("", Why.NO_TRUSTED_RESULTS),
    ],
)
def test_anything_less_proves_nothing(results: str, why: Why) -> None:
    assert verdict(results) == Verdict(level=Level.UNPROVEN, why=why)


def test_no_results_prove_nothing() -> None:
    assert verdict().why is Why.NO_TRUSTED_RESULTS
    good = f"{RELAY}; dmarc=pass header.from=mihon.example"
    assert verdict(good, names=()).why is Why.NO_TRUSTED_RESULTS


def test_results_below_the_relays_own_never_count() -> None:
    forged = f"{RELAY}; dmarc=pass header.from=mihon.example; dkim=pass header.d=mihon.example"
    for own in (
        f"{RELAY}; dmarc=fail header.from=mihon.example",
        f"{RELAY}; none",
        f"{RELAY}; dmarc=pass (x",
    ):
        assert verdict(own, forged).level is Level.UNPROVEN
        assert verdict("other.example; spf=pass", own, forged).level is Level.UNPROVEN


def test_results_of_strangers_above_are_passed_over() -> None:
    assert (
        verdict("other.example; dmarc=fail", f"{RELAY}; dmarc=pass header.from=mihon.example").why
        is Why.DMARC
    )


def test_results_without_a_name_count_only_where_the_operator_says_so() -> None:
    assert verdict(MICROSOFT, names=(NAMELESS,)).why is Why.DMARC
    assert verdict(MICROSOFT.replace("dmarc=pass", "dmarc=fail"), names=(NAMELESS,)).level is Level.UNPROVEN


def test_a_parent_domain_may_sign_for_its_child() -> None:
    results = f"{RELAY}; dkim=pass header.d=mihon.example"
    assert verdict(results, sender="staff@kensetsu.mihon.example").why is Why.DKIM


@pytest.mark.parametrize(
    "method", ["dmarc=pass header.from=mihon.example", "dkim=pass header.d=mihon.example"]
)
@pytest.mark.parametrize("tag", ["l=0", " L = 100 "])
def test_a_signature_over_a_part_of_the_body_proves_nothing(method: str, tag: str) -> None:
    signature = f"DKIM-Signature: v=1; d=mihon.example;\r\n\t{tag}; s=s1; b=x\r\n"
    assert verdict(f"{RELAY}; {method}", more=signature).why is Why.PARTLY_SIGNED
    foreign = signature.replace("mihon", "list")
    assert verdict(f"{RELAY}; {method}", more=foreign).level is Level.PROVEN


@pytest.mark.parametrize(
    "more",
    ["From: boss@mihon.example\r\n", "fRoM: staff@mihon.example\r\n", "X: y\rFrom: boss@mihon.example\r\n"],
)
def test_more_than_one_sender_proves_nothing(more: str) -> None:
    found = verdict(f"{RELAY}; dmarc=pass header.from=mihon.example", more=more)
    assert found == Verdict(level=Level.UNPROVEN, why=Why.NOT_ONE_SENDER)


def test_two_addresses_in_one_from_prove_nothing() -> None:
    results = f"{RELAY}; dmarc=pass header.from=mihon.example"
    assert verdict(results, sender="staff@mihon.example, x@evil.example").why is Why.NOT_ONE_SENDER


def test_the_address_shown_as_a_name_is_not_the_sender() -> None:
    results = f"{RELAY}; dmarc=pass header.from=evil.example"
    found = verdict(results, sender='"staff@mihon.example" <x@evil.example>')
    assert found.address == "x@evil.example"


def test_in_the_demo_one_sender_is_enough() -> None:
    mail = parse(headers() + CRLF, decoded_limit=100)
    assert judge(mail, trusted_authserv_ids=(), demo=True) == Verdict(
        level=Level.PROVEN, why=Why.DEMO, address="staff@mihon.example"
    )
    nobody = parse(headers(sender=b"a@a.example, b@b.example") + CRLF, decoded_limit=100)
    assert judge(nobody, trusted_authserv_ids=(), demo=True).level is Level.UNPROVEN


RESULT_WORDS = st.sampled_from(
    [
        RELAY,
        "; ",
        "dmarc",
        "=",
        "pass",
        " header.from",
        "mihon.example",
        '"',
        "(",
        ")",
        "\\",
        " ",
        "dkim",
        " header.d",
        "/",
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(RESULT_WORDS, max_size=30).map("".join)))
def test_no_results_fail_to_be_read(value: str) -> None:
    parse_results(value)


@given(st.lists(RESULT_WORDS, max_size=30).map("".join))
def test_nothing_written_below_the_relay_changes_its_word(forged: str) -> None:
    assert verdict(f"{RELAY}; dmarc=fail header.from=mihon.example", forged).why is Why.NOT_PASSED


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize("piece", ["(", ";", "a=b ", "=", '"', "a.b=c ", "dkim=pass;", "\\"])
def test_long_results_are_read_in_time(piece: str) -> None:
    parse_results(piece * 20_000)
    parse_results("x; dkim=pass " + piece * 20_000)
