"""What DNS says of the town's mail: a sound zone has no finding, and each fault in it is named with what to do."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import dkim_signing, mail_domain
from bot.mail_domain import DKIM, DMARC, EXCHANGES, REVERSE, SPF
from bot.outcomes import Bearing, Outcome
from bot.resolver import Resolver
from envelopes.settings import Dkim, DkimAlgorithm, Dns, Mail, Portal, Settings, Smtp
from tests.patience import PATIENCE
from tests.servers.zone import Zone, serving

OWN = "keiyaku.mihon.example"
RELAY = "192.0.2.9"
KEY = f"s1._domainkey.{OWN}"

Change = Callable[[Zone], None]


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dkim") / "s1.pem"
    dkim_signing.new_key(path, DkimAlgorithm.RSA2048)
    return path


def settings(key_file: Path, **changes: Any) -> Settings:
    values = {
        "directory": key_file.parent,
        "portal": Portal(url=f"https://{OWN}"),
        "mail": Mail(address=f"keiyaku@{OWN}", intake=f"uketsuke@{OWN}"),
        "smtp": Smtp(host="relay.example", sends_from=(RELAY,)),
        "dkim": (Dkim(selector="s1", key_file=key_file),),
    }
    return Settings.model_validate(values | changes)


@pytest.fixture
def zone(key_file: Path) -> Iterator[Zone]:
    """Everything as it should be."""
    sound = Zone()
    sound.put(OWN, "MX", f"10 mx.{OWN}.")
    sound.txt(OWN, "v=spf1 include:_spf.relay.example -all", "some other text")
    sound.txt("_spf.relay.example", "v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::/32 -all")
    sound.txt(f"_dmarc.{OWN}", f"v=DMARC1; p=quarantine; rua=mailto:dmarc@{OWN}")
    (key,) = dkim_signing.keys(settings(key_file))
    sound.txt(KEY, key.record)
    sound.put("9.2.0.192.in-addr.arpa", "PTR", "out.relay.example.")
    sound.put("out.relay.example", "A", RELAY)
    with serving(sound) as one:
        yield one


def examined(zone: Zone, key_file: Path, *, seconds: float = PATIENCE, **changes: Any) -> dict[str, Outcome]:
    resolver = Resolver(Dns(servers=(zone.server,)), seconds=seconds)
    return {one.name: one for one in mail_domain.examine(settings(key_file, **changes), resolver)}


def found(zone: Zone, key_file: Path, **changes: Any) -> dict[str, list[str]]:
    """What was found wrong, by check; checks without a finding are left out."""
    outcomes = examined(zone, key_file, **changes)
    assert all(finding.todo for one in outcomes.values() for finding in one.findings)
    return {name: [each.what for each in one.findings] for name, one in outcomes.items() if one.findings}


def test_a_sound_zone_has_no_finding(zone: Zone, key_file: Path) -> None:
    assert found(zone, key_file) == {}
    notes = {name: " ".join(one.notes) for name, one in examined(zone, key_file).items()}
    assert "1回" in notes[SPF]
    assert "この環境が署名します" in notes[DKIM]
    assert notes[DMARC] == ""


def txt(name: str, *texts: str) -> Change:
    return lambda zone: zone.txt(name, *texts)


def put(name: str, kind: str, *values: str) -> Change:
    return lambda zone: zone.put(name, kind, *values)


MANY = " ".join(["a:out.relay.example"] * 11)

FAULTS: dict[str, tuple[Change, str, str]] = {
    "no way to answer": (put(OWN, "MX"), EXCHANGES, "MXもAもありません"),
    "a domain that takes no mail": (put(OWN, "MX", "0 ."), EXCHANGES, "メールを受け取らない"),
    "no SPF": (txt(OWN, "some other text"), SPF, "SPFレコードがありません"),
    "two SPF records": (txt(OWN, "v=spf1 -all", "v=spf1 ~all"), SPF, "2つ以上あります"),
    "SPF without the relay": (txt(OWN, "v=spf1 ip4:198.51.100.1 -all"), SPF, f"{RELAY} が"),
    "SPF that stops before the relay": (
        txt(OWN, "v=spf1 -all include:_spf.relay.example"),
        SPF,
        f"{RELAY} が",
    ),
    "SPF for everybody": (txt(OWN, "v=spf1 +all"), SPF, "だれにでも"),
    "SPF with a misspelt word": (txt(OWN, "v=spf1 ipv4:192.0.2.9 -all"), SPF, "使えません"),
    "SPF with a broken address": (txt(OWN, "v=spf1 ip4:192.0.2.999 -all"), SPF, "使えません"),
    "SPF over ten lookups": (txt(OWN, f"v=spf1 {MANY} ip4:{RELAY} -all"), SPF, "10回を超えます"),
    "SPF with a match before too many lookups": (
        txt(OWN, f"v=spf1 ip4:{RELAY} {MANY} -all"),
        SPF,
        "10回を超えます",
    ),
    "SPF that includes nothing": (txt("_spf.relay.example"), SPF, "使えません"),
    "SPF with names that are not there": (
        txt(OWN, "v=spf1 a:x.example a:y.example a:z.example -all"),
        SPF,
        "ない名前",
    ),
    "no DKIM record": (txt(KEY), DKIM, "レコードがありません"),
    "two DKIM records": (txt(KEY, "v=DKIM1; p=AA", "v=DKIM1; p=BB"), DKIM, "2つ以上"),
    "a DKIM key that was taken back": (txt(KEY, "v=DKIM1; p="), DKIM, "取り消されています"),
    "a DKIM record that is none": (txt(KEY, "v=DKIM1; k=rsa; p=!!"), DKIM, "読めません"),
    "a DKIM record of nothing": (txt(KEY, "hello"), DKIM, "読めません"),
    "no DMARC": (txt(f"_dmarc.{OWN}"), DMARC, "DMARCレコードがありません"),
    "two DMARC records": (txt(f"_dmarc.{OWN}", "v=DMARC1; p=none", "v=DMARC1; p=reject"), DMARC, "2つ以上"),
    "DMARC without a policy": (txt(f"_dmarc.{OWN}", "v=DMARC1; rua=mailto:a@b.example"), DMARC, "p= が"),
    "no reverse name": (put("9.2.0.192.in-addr.arpa", "PTR"), REVERSE, "逆引きがありません"),
    "a reverse name that leads elsewhere": (
        put("out.relay.example", "A", "192.0.2.8"),
        REVERSE,
        "元のアドレスに戻れません",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_by_its_own_check_alone(zone: Zone, key_file: Path, fault: str) -> None:
    change, name, words = FAULTS[fault]
    change(zone)
    said = found(zone, key_file)
    assert said.keys() == {name}
    assert words in " ".join(said[name])


def test_another_key_in_dns_is_found(zone: Zone, key_file: Path, tmp_path: Path) -> None:
    for algorithm in DkimAlgorithm:
        other = tmp_path / f"{algorithm}.pem"
        dkim_signing.new_key(other, algorithm)
        (key,) = dkim_signing.keys(settings(key_file, dkim=(Dkim(selector="s1", key_file=other),)))
        zone.txt(KEY, key.record)
        assert found(zone, key_file) == {DKIM: [f"{KEY} のレコードは、設定の鍵のものではありません"]}


def test_a_record_may_be_written_in_other_ways(zone: Zone, key_file: Path) -> None:
    (key,) = dkim_signing.keys(settings(key_file))
    head, _, public = key.record.partition("p=")
    zone.txt(KEY, f"{head}t=s; p={public[:100]} {public[100:]};")
    zone.txt(OWN, "v=spf1 redirect=_spf.relay.example")
    zone.txt(f"_dmarc.{OWN}", "v=DMARC1;p=REJECT ; rua = mailto:a@b.example;")
    zone.put(OWN, "MX")
    zone.put(OWN, "AAAA", "2001:db8::1")
    assert found(zone, key_file) == {}


def test_where_the_relay_signs_only_the_record_is_looked_for(zone: Zone, key_file: Path) -> None:
    relay = {"dkim": (Dkim(selector="s1"),)}
    assert found(zone, key_file, **relay) == {}
    assert "中継サーバーが署名します" in examined(zone, key_file, **relay)[DKIM].notes[0]
    zone.txt(KEY)
    assert found(zone, key_file, **relay).keys() == {DKIM}
    assert found(zone, key_file, dkim=()) == {}
    assert "fukan dkim new" in examined(zone, key_file, dkim=())[DKIM].notes[0]


def test_a_key_that_cannot_be_read_is_found(zone: Zone, key_file: Path) -> None:
    gone = Dkim(selector="s1", key_file=key_file.with_name("gone.pem"))
    assert "gone.pem" in found(zone, key_file, dkim=(gone,))[DKIM][0]


def test_a_parents_policy_counts_where_there_is_none_below(zone: Zone, key_file: Path) -> None:
    zone.txt(f"_dmarc.{OWN}")
    zone.txt("_dmarc.mihon.example", "v=DMARC1; p=reject; sp=none; rua=mailto:a@b.example")
    assert found(zone, key_file) == {}
    assert "p=none" in " ".join(examined(zone, key_file)[DMARC].notes)


ELSEWHERE = Mail(address=f"keiyaku@{OWN}", intake="uketsuke@vill.example")


def test_the_return_path_or_the_signature_must_be_of_the_senders_domain(zone: Zone, key_file: Path) -> None:
    zone.put("vill.example", "A", "192.0.2.1")
    zone.txt("vill.example", f"v=spf1 ip4:{RELAY} -all")
    assert found(zone, key_file, mail=ELSEWHERE) == {}
    assert "DKIMの署名だけが頼り" in " ".join(examined(zone, key_file, mail=ELSEWHERE)[DMARC].notes)
    assert found(zone, key_file, mail=ELSEWHERE, dkim=()).keys() == {DMARC}


def test_spf_is_asked_of_the_return_path_and_of_the_sender(zone: Zone, key_file: Path) -> None:
    zone.put("vill.example", "A", "192.0.2.1")
    assert "vill.example にSPF" in found(zone, key_file, mail=ELSEWHERE)[SPF][0]
    zone.txt("vill.example", f"v=spf1 ip4:{RELAY} -all")
    zone.txt(OWN)
    assert f"{OWN} にSPF" in found(zone, key_file, mail=ELSEWHERE)[SPF][0]


def test_an_open_end_of_spf_is_remarked(zone: Zone, key_file: Path) -> None:
    zone.txt(OWN, f"v=spf1 ip4:{RELAY} ?all")
    assert found(zone, key_file) == {}
    assert "なりすまし" in examined(zone, key_file)[SPF].notes[0]


def test_strict_alignment_wants_the_very_domain(zone: Zone, key_file: Path) -> None:
    zone.put("mihon.example", "MX", "10 mx.mihon.example.")
    zone.txt("mihon.example", f"v=spf1 ip4:{RELAY} -all")
    above = {"mail": Mail(address=f"keiyaku@{OWN}", intake="uketsuke@mihon.example"), "dkim": ()}
    assert found(zone, key_file, **above) == {}
    zone.txt(f"_dmarc.{OWN}", "v=DMARC1; p=reject; aspf=s; rua=mailto:a@b.example")
    assert found(zone, key_file, **above).keys() == {DMARC}


def test_the_relays_address_is_looked_up_where_it_is_the_worlds(zone: Zone, key_file: Path) -> None:
    zone.put("relay.example", "A", "9.9.9.9")
    said = found(zone, key_file, smtp=Smtp(host="relay.example"))
    assert "9.9.9.9" in said[SPF][0]
    assert "9.9.9.9" in said[REVERSE][0]
    zone.put("relay.example", "A", "10.0.0.9")
    assert found(zone, key_file, smtp=Smtp(host="relay.example")) == {}
    notes = examined(zone, key_file, smtp=Smtp(host="relay.example"))[SPF].notes
    assert "smtp.sends_from" in " ".join(notes)


def test_silence_is_said_and_may_pass(zone: Zone, key_file: Path) -> None:
    zone.txt(OWN, "v=spf1 include:silent.example -all")
    (finding,) = examined(zone, key_file, seconds=2)[SPF].findings
    assert "silent.example" in finding.what
    assert finding.bearing is Bearing.SILENCE
    zone.txt(OWN, "v=spf1 -all")
    assert [one.bearing for one in examined(zone, key_file)[SPF].findings] == [Bearing.FAULT]
