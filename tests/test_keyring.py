"""Who may hold which key, and what becomes of files that are missing or wrong."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from envelopes import keyring
from envelopes.keyring import ConsentKey, KeyMissing, Keyring, KeySet

FILES = ("shared/operator", "shared/consent.pub", "portal/consent.pem", "bot/archive", "bot/passphrase")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    keyring.create(tmp_path / "keys")
    return tmp_path / "keys"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_keys_are_made_once(made: Path) -> None:
    before = contents(made)
    keyring.create(made)
    assert contents(made) == before


def test_only_a_missing_file_is_made_again(made: Path) -> None:
    before = contents(made)
    (made / "bot" / "archive").unlink()
    keyring.create(made)
    assert [name for name in FILES if contents(made)[name] != before[name]] == ["bot/archive"]


def test_nobody_else_on_the_machine_may_read_them(made: Path) -> None:
    for name in FILES:
        assert stat.S_IMODE((made / name).stat().st_mode) == 0o600
        assert stat.S_IMODE((made / name).parent.stat().st_mode) == 0o700


def test_several_processes_at_once_go_on_with_the_same_keys(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from envelopes import keyring; p = Path(sys.argv[1]);"
        "keyring.create(p); print(keyring.Keyring.open(p, portal=True, bot=True).field.newest[1].hex())"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "keys")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate(timeout=60)[0] for process in processes}) == 1


def test_every_purpose_has_a_key_of_its_own(made: Path) -> None:
    ring = Keyring.open(made, portal=True, bot=True)
    assert ring.archive is not None
    sets = (ring.field, ring.look_up, ring.token, ring.code, ring.view, ring.archive)
    assert len({each.newest[1] for each in sets}) == 6
    operator = bytes.fromhex((made / "shared" / "operator").read_text().split(":")[1])
    assert operator not in {each.newest[1] for each in sets}


def test_the_portal_opens_nothing_of_the_bots(made: Path) -> None:
    for name in ("bot/archive", "bot/passphrase"):
        (made / name).unlink()
    ring = Keyring.open(made, portal=True, bot=False)
    assert ring.archive is None
    assert ring.consent.verifies(b"said", ring.consent.sign(b"said"))


def test_the_bot_verifies_consents_and_cannot_make_one(made: Path) -> None:
    signature = Keyring.open(made, portal=True, bot=False).consent.sign(b"said")
    (made / "portal" / "consent.pem").unlink()
    bot = Keyring.open(made, portal=False, bot=True).consent
    assert bot.verifies(b"said", signature)
    assert not bot.verifies(b"Said", signature)
    assert not bot.verifies(b"said", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not bot.verifies(b"said", b"")
    with pytest.raises(KeyMissing):
        bot.sign(b"said")


@pytest.mark.parametrize(
    "name", ["shared/operator", "shared/consent.pub", "portal/consent.pem", "bot/archive"]
)
@pytest.mark.parametrize("content", [None, b"", b"x", b"a:zz\n", b":" + b"00" * 32, b"a:" + b"00" * 31])
def test_a_missing_or_wrong_file_is_named_and_its_content_is_not(
    made: Path, name: str, content: bytes | None
) -> None:
    path = made / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyMissing) as missing:
        Keyring.open(made, portal=True, bot=True)
    assert name.rpartition("/")[2] in str(missing.value)
    assert "00" * 31 not in str(missing.value)


def test_halves_of_two_consent_keys_do_not_open(made: Path, tmp_path: Path) -> None:
    keyring.create(tmp_path / "other")
    (made / "shared" / "consent.pub").write_bytes((tmp_path / "other/shared/consent.pub").read_bytes())
    with pytest.raises(KeyMissing, match="belong together"):
        Keyring.open(made, portal=True, bot=False)


def test_a_new_first_line_rotates_and_the_old_key_stays(made: Path) -> None:
    before = Keyring.open(made, portal=True, bot=True)
    path = made / "shared" / "operator"
    path.write_text(f"new1:{'ab' * 32}\n{path.read_text()}", encoding="ascii")
    after = Keyring.open(made, portal=True, bot=True)
    assert after.token.newest[0] == "new1"
    assert after.token.get(before.token.newest[0]) == before.token.newest[1]
    assert after.look_up.oldest == before.look_up.oldest
    assert list(after.token)[1] == before.token.newest[1]
    with pytest.raises(KeyMissing, match="nobody"):
        after.token.get("nobody")


def test_no_key_shows_when_it_is_printed(made: Path) -> None:
    ring = Keyring.open(made, portal=True, bot=True)
    shown = repr(ring) + repr(ring.field) + str(ring.consent)
    for each in (ring.field, ring.look_up, ring.token, ring.code, ring.view):
        assert repr(each.newest[1])[2:-1] not in shown
        assert each.newest[1].hex() not in shown


def test_a_key_set_gives_newest_first() -> None:
    keys = KeySet((("b", b"2"), ("a", b"1")))
    assert (keys.newest, keys.oldest, list(keys)) == (("b", b"2"), b"1", [b"2", b"1"])


def test_a_consent_keys_id_is_of_its_public_half(made: Path) -> None:
    portal = Keyring.open(made, portal=True, bot=False).consent
    assert ConsentKey(portal.public).id == portal.id
    assert len(portal.id) == 16
