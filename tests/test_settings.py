"""fukan.toml and the environment: what counts, and every fault at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from envelopes.rules.policy import Policy
from envelopes.settings import EmbeddedKey, FileKey, Pkcs11Key, SettingsFaulty, Tls, build_policy, load


def written(folder: Path, text: str) -> Path:
    (folder / "fukan.toml").write_text(text, encoding="utf-8")
    return folder


def fault(folder: Path, **environment: str) -> str:
    with pytest.raises(SettingsFaulty) as faulty:
        load(folder, environment)
    assert faulty.value.__cause__ is None
    return str(faulty.value)


def test_nothing_set_gives_sqlite_and_a_folder(tmp_path: Path) -> None:
    settings = load(tmp_path, {})
    assert settings.database_url == f"sqlite:///{tmp_path / 'fukan.sqlite3'}"
    assert settings.files_directory == tmp_path / "files"
    assert settings.keys_directory == tmp_path / "keys"
    assert settings.s3 is None
    assert not settings.demo
    assert settings.smtp.tls is Tls.STARTTLS


def test_the_environment_counts_more_than_the_file(tmp_path: Path) -> None:
    folder = written(tmp_path, '[smtp]\nhost = "relay.example"\nport = 2525\n')
    settings = load(folder, {"FUKAN_SMTP__PORT": "587", "HOME": "/root"})
    assert (settings.smtp.host, settings.smtp.port) == ("relay.example", 587)


def test_lists_come_from_both(tmp_path: Path) -> None:
    folder = written(tmp_path, '[mail]\ntrusted_authserv_ids = ["relay.example"]\n')
    settings = load(folder, {"FUKAN_PORTAL__TRUSTED_PROXIES": "10.0.0.1, 10.0.0.2"})
    assert settings.mail.trusted_authserv_ids == ("relay.example",)
    assert settings.portal.trusted_proxies == ("10.0.0.1", "10.0.0.2")


def test_every_fault_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    folder = written(tmp_path, '[smtp]\nport = "x"\ntls = "maybe"\n[imap]\nhots = "a"\n[twon]\nname = "x"\n')
    said = fault(folder, FUKAN_TOWN__PREFIX="mhn")
    for place in ("smtp.port", "smtp.tls", "imap.hots", "twon", "town.prefix"):
        assert place in said


@pytest.mark.parametrize("name", ["FUKAN_SMPT__PORT", "FUKAN_SMTP__PROT", "FUKAN_DATABSE"])
def test_a_misspelt_variable_is_a_fault(tmp_path: Path, name: str) -> None:
    assert name.removeprefix("FUKAN_").lower().split("__")[0] in fault(tmp_path, **{name: "25"})


def test_a_part_and_its_settings_cannot_both_be_texts(tmp_path: Path) -> None:
    assert "FUKAN_SMTP" in fault(tmp_path, FUKAN_SMTP="x", FUKAN_SMTP__PORT="25")
    assert "FUKAN_SMTP" in fault(tmp_path, FUKAN_SMTP__PORT="25", FUKAN_SMTP="x")


def test_a_broken_file_is_a_fault_that_names_it(tmp_path: Path) -> None:
    assert "fukan.toml" in fault(written(tmp_path, "[smtp\n"))
    (tmp_path / "fukan.toml").write_bytes(b"\xff")
    assert "fukan.toml" in fault(tmp_path)


def test_passwords_come_from_files_and_show_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("himitsu-no-kotoba\n", encoding="utf-8")
    settings = load(
        tmp_path,
        {
            "FUKAN_SMTP__PASSWORD_FILE": str(tmp_path / "secret"),
            "FUKAN_IMAP__PASSWORD": "betsu-no-kotoba",
            "FUKAN_DATABASE": "postgres://fukan:db-no-kotoba@db/fukan",
        },
    )
    assert settings.smtp.password.get_secret_value() == "himitsu-no-kotoba"
    for secret in ("himitsu", "betsu", "db-no-kotoba"):
        assert secret not in repr(settings) + str(settings)


def test_a_missing_password_file_is_a_fault(tmp_path: Path) -> None:
    assert "smtp.password_file" in fault(tmp_path, FUKAN_SMTP__PASSWORD_FILE=str(tmp_path / "none"))


def test_a_fault_does_not_repeat_a_password(tmp_path: Path) -> None:
    said = fault(tmp_path, FUKAN_SMTP__PASSWORD="himitsu", FUKAN_SMTP__PORT="himitsu")
    assert "himitsu" not in said


def test_name_servers_are_addresses_with_or_without_a_port(tmp_path: Path) -> None:
    folder = written(
        tmp_path, '[dns]\nservers = ["192.0.2.53", "127.0.0.1:5353", "2001:db8::53", "[::1]:54"]\n'
    )
    places = [f"{place.address} {place.port}" for place in load(folder, {}).dns.places]
    assert places == ["192.0.2.53 53", "127.0.0.1 5353", "2001:db8::53 53", "::1 54"]
    assert load(tmp_path, {"FUKAN_DNS__SERVERS": "192.0.2.1"}).dns.servers == ("192.0.2.1",)


@pytest.mark.parametrize("server", ["ns.mihon.example", "192.0.2.53:x", "", "192.0.2.300", "1.2.3.4:99999"])
def test_a_name_server_that_is_no_address_is_a_fault(tmp_path: Path, server: str) -> None:
    assert "no address of a name server" in fault(written(tmp_path, f'[dns]\nservers = ["{server}"]\n'))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "fukan.example", "::"])
def test_the_demo_stays_on_loopback(tmp_path: Path, host: str) -> None:
    assert "127.0.0.1" in fault(tmp_path, FUKAN_DEMO="true", FUKAN_PORTAL__HOST=host)
    assert load(tmp_path, {"FUKAN_PORTAL__HOST": host}).portal.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_the_demo_runs_there(tmp_path: Path, host: str) -> None:
    assert load(tmp_path, {"FUKAN_DEMO": "true", "FUKAN_PORTAL__HOST": host}).demo


def test_rules_can_be_changed_and_keep_their_units(tmp_path: Path) -> None:
    folder = written(tmp_path, "[policy]\naddress_wait = 3600\nattachment_bytes = 5000000\n")
    policy = build_policy(load(folder, {"FUKAN_POLICY__CODE_TRIES": "3"}).policy)
    assert policy.address_wait == timedelta(hours=1)
    assert (policy.attachment_bytes, policy.code_tries) == (5_000_000, 3)
    assert policy.link_tries == Policy().link_tries


@pytest.mark.parametrize("line", ["code_trys = 3", 'code_tries = "many"', 'address_wait = "soon"'])
def test_an_unknown_or_wrong_rule_is_a_fault(tmp_path: Path, line: str) -> None:
    assert line.partition(" ")[0] in fault(written(tmp_path, f"[policy]\n{line}\n"))


def test_settings_do_not_change(tmp_path: Path) -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError):
        load(tmp_path, {}).demo = True


TSA = '[[tsa]]\nurl = "https://tsa.example/"\nca_file = "root.pem"\n'


def test_authorities_keep_their_order_and_their_secrets(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("himitsu-no-kotoba\n", encoding="utf-8")
    second = TSA.replace("tsa.", "tsb.") + f'user = "mihon"\npassword_file = "{tmp_path / "secret"}"\n'
    settings = load(written(tmp_path, TSA + second), {})
    assert [one.label for one in settings.tsa] == ["tsa.example", "tsb.example"]
    assert settings.tsa[1].password.get_secret_value() == "himitsu-no-kotoba"
    assert "himitsu" not in repr(settings)
    assert load(tmp_path / "none", {}).tsa == ()


def test_a_fingerprint_may_be_written_as_programs_print_it(tmp_path: Path) -> None:
    printed = ":".join(["AB"] * 32)
    pin = f'[[tsa.accreditation]]\nfingerprint = "{printed}"\nnumber = "第1号"\n'
    days = "since = 2026-04-01\nuntil = 2028-03-31\n"
    (pinned,) = load(written(tmp_path, TSA + pin + days), {}).tsa[0].accreditation
    assert (pinned.fingerprint, pinned.since.year) == ("ab" * 32, 2026)
    assert "fingerprint" in fault(written(tmp_path, TSA + pin.replace("AB", "A", 1) + days))
    assert "until" in fault(written(tmp_path, TSA + pin + "since = 2026-04-01\n"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('url = "ftp://tsa.example/"', "tsa.0.url"),
        ('url = "http://tsa.example/"\nuser = "mihon"', "in the clear"),
        ('url = "http://tsa.example/"\nclient_certificate = "c.pem"', "needs https"),
        ('url = "https://mihon:himitsu@tsa.example/"', "password_file"),
        ('url = "https://tsa.example/"\ntimeout = 0', "tsa.0.timeout"),
        ('url = "https://tsa.example/"\npolicy = "himitsu"', "tsa.0.policy"),
        ('url = "https://tsa.example/"\npassword_file = "/none/himitsu"', "tsa.0.password_file"),
    ],
)
def test_an_authority_that_cannot_be_meant_is_a_fault(tmp_path: Path, line: str, said: str) -> None:
    found = fault(written(tmp_path, f'[[tsa]]\nca_file = "root.pem"\n{line}\n'))
    assert said in found
    assert "himitsu" not in found


SMS = '[sms]\nurl = "https://sms.example/send"\n'


def test_a_hook_for_sms_has_a_secret_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("himitsu-" * 4 + "\n", encoding="utf-8")
    sms = load(written(tmp_path, SMS + f'secret_file = "{tmp_path / "secret"}"\n'), {}).sms
    assert sms is not None
    assert (sms.secret.get_secret_value(), sms.host) == ("himitsu-" * 4, "sms.example")
    assert "himitsu" not in repr(sms)
    assert load(tmp_path / "none", {}).sms is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('url = "https://sms.example/"', "at least 32 characters"),
        ('url = "https://sms.example/"\nsecret = "himitsu"', "at least 32 characters"),
        ('url = "https://sms.example/"\nsecret_file = "/none/himitsu"', "sms.secret_file"),
        ('url = "http://127.0.0.1:1/"\nsecret = "KEY"', "in the clear"),
        ('url = "https://mura:himitsu@sms.example/"\nsecret = "KEY"', "a name or password"),
        ('url = "ftp://sms.example/"\nsecret = "KEY"', "sms.url"),
        ('url = "https://"\nsecret = "KEY"', "sms.url"),
        ('url = "https://sms.example/"\nsecret = "KEY"\ntimeout = 61\nport = 1', "sms.timeout"),
    ],
)
def test_a_hook_that_cannot_be_meant_is_a_fault(tmp_path: Path, lines: str, said: str) -> None:
    found = fault(written(tmp_path, "[sms]\n" + lines.replace("KEY", "himitsu-" * 4) + "\n"))
    assert said in found
    assert "himitsu" not in found.replace("/none/himitsu", "")


def test_a_hook_nearby_may_do_without_tls_where_that_is_said(tmp_path: Path) -> None:
    lines = f'[sms]\nurl = "http://127.0.0.1:1/"\nsecret = "{"x" * 32}"\nallow_private = true\n'
    sms = load(written(tmp_path, lines), {}).sms
    assert sms is not None
    assert sms.allow_private


def test_without_a_word_the_signing_key_is_the_authoritys_own(tmp_path: Path) -> None:
    assert load(tmp_path, {}).signing_key == EmbeddedKey()
    folder = written(tmp_path, '[signing_key]\nalgorithm = "p256"\n')
    assert load(folder, {}).algorithm == "p256"


def test_a_signing_key_in_a_file_or_an_hsm_is_set_by_names_and_places_alone(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        '[signing_key]\nkind = "pkcs11"\nmodule = "/lib/hsm.so"\ntoken_label = "mihon"\nkey_id = "0A:0b"\n'
        'pin_file = "/pin"\ncertificate_file = "/c.pem"\nchain_file = "/chain.pem"\n',
    )
    key = load(folder, {}).signing_key
    assert isinstance(key, Pkcs11Key)
    assert key.key_id == "0a0b"
    environment = {"KIND": "file", "KEY_FILE": "/k.p12", "PASSPHRASE_FILE": "/p"}
    named = {f"FUKAN_SIGNING_KEY__{name}": value for name, value in environment.items()}
    (tmp_path / "fukan.toml").unlink()
    assert isinstance(load(tmp_path, named).signing_key, FileKey)


def test_every_fault_of_the_signing_key_is_reported_at_once(tmp_path: Path) -> None:
    said = fault(written(tmp_path, '[signing_key]\nkind = "pkcs11"\npin = "1234"\n[smtp]\nport = "x"\n'))
    for place in ("module", "token_label", "pin_file", "certificate_file", "pkcs11.pin:", "smtp.port"):
        assert place in said
    assert "1234" not in said
    assert "key_label or key_id" in fault(
        written(
            tmp_path,
            '[signing_key]\nkind = "pkcs11"\nmodule = "/m"\ntoken_label = "t"\npin_file = "/p"\n'
            'certificate_file = "/c"\nchain_file = "/h"\n',
        )
    )
    assert "signing_key" in fault(written(tmp_path, '[signing_key]\nkind = "kms"\n'))


def test_ed25519_is_refused_with_its_reason(tmp_path: Path) -> None:
    said = fault(written(tmp_path, '[signing_key]\nalgorithm = "ed25519"\n'))
    assert "pdfsig" in said
    assert "p256" in said
