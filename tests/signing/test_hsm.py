"""Keys in an HSM: many signers at once, lost sessions, wrong PINs, and the key that the certificate asks for."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pkcs11
import pytest

from envelopes.rules.errors import Later, Reason
from envelopes.signing import certificates, hsm, seal
from envelopes.signing.certificates import KeyType, Role
from envelopes.signing.hsm import HsmKey, Place, Token
from envelopes.signing.keys import SigningKey, is_signed, private_key
from tests.signing import softhsm
from tests.signing.conftest import PASSPHRASE, World, entry, now, pdf
from tests.signing.softhsm import PIN, Softhsm

SIGNERS = 8


@pytest.fixture
def card(hsm_folder: Path, request: pytest.FixtureRequest) -> Softhsm:
    """A token of the test's own."""
    return softhsm.token(hsm_folder, f"{abs(hash(request.node.name)):x}"[:16])


@pytest.fixture
def opening() -> Iterator[Callable[..., Token]]:
    """Opens tokens, and logs out of them at the end: logging in counts for the whole process."""
    made: list[Token] = []

    def opened(place: Place, pin: Callable[[], str] = lambda: PIN) -> Token:
        made.append(Token(place=place, pin=pin))
        return made[-1]

    yield opened
    for one in made:
        one.close()


def on_card(world: World, card: Softhsm, *, label: str = "mihon") -> Place:
    """Put the world's signing key on the card."""
    path = world.authority.directory / "signer-1.key.pem"
    return card.put(private_key(path, passphrase=PASSPHRASE), label=label, number="01")


def from_card(world: World, token: Token) -> SigningKey:
    own = world.authority.key(Role.SIGNER)
    held = HsmKey(token=token, certificate=own.certificate)
    return SigningKey(private=held, certificate=own.certificate, chain=own.chain)


@pytest.fixture(params=["rsa3072", "p256"])
def either(request: pytest.FixtureRequest, world: World, aging: World) -> World:
    return world if request.param == "rsa3072" else aging


def test_eight_signers_at_once_get_what_they_asked_for(
    either: World, card: Softhsm, opening: Callable[..., Token]
) -> None:
    key = from_card(either, opening(on_card(either, card)))

    def signer(number: int) -> list[bool]:
        data = [b"%d %d" % (number, turn) for turn in range(12)]
        return [is_signed(key.certificate, key.sign(one), one) for one in data]

    with ThreadPoolExecutor(SIGNERS) as crowd:
        assert [all(one) for one in crowd.map(signer, range(SIGNERS))] == [True] * SIGNERS


def test_eight_signers_at_once_seal_whole_files(
    world: World, card: Softhsm, opening: Callable[..., Token]
) -> None:
    using = replace(world.seal, key=from_card(world, opening(on_card(world, card))))
    made = seal.prepare_planned(pdf(), fields=["Signer1"], now=now())

    def signer(_: int) -> bytes:
        tail = using.sign(made.data, field="Signer1", entry=entry(made.data), plan=made.plan)
        return made.data + tail

    with ThreadPoolExecutor(SIGNERS) as crowd:
        files = list(crowd.map(signer, range(2 * SIGNERS)))
    assert len(set(files)) == len(files)
    assert all(len(one) == len(files[0]) for one in files)
    assert all(using.verify(one).valid for one in files[::5])


def test_only_one_thread_ever_calls_the_module(
    aging: World, card: Softhsm, opening: Callable[..., Token], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    original = Token._raw

    def noting(self: Token, *words: object) -> bytes:
        seen.add(threading.current_thread().name)
        return original(self, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(Token, "_raw", noting)
    place = on_card(aging, card)
    keys = [from_card(aging, opening(place)) for _ in range(2)]
    with ThreadPoolExecutor(SIGNERS) as crowd:
        list(crowd.map(lambda number: keys[number % 2].sign(b"x"), range(2 * SIGNERS)))
    assert len(seen) == 1
    assert seen.pop().startswith("pkcs11")


def test_a_lost_session_is_opened_anew(aging: World, card: Softhsm, opening: Callable[..., Token]) -> None:
    token = opening(on_card(aging, card))
    key = from_card(aging, token)
    key.try_out()
    # What an HSM that was restarted does to its sessions.
    hsm._THREAD.submit(lambda: pkcs11.lib(str(softhsm.MODULE)).reinitialize()).result()
    key.try_out()


def test_a_wrong_pin_is_tried_once_and_a_new_one_at_once(
    aging: World, card: Softhsm, opening: Callable[..., Token]
) -> None:
    pins, asked = ["0000"], []

    def pin() -> str:
        asked.append(pins[-1])
        return pins[-1]

    key = from_card(aging, opening(on_card(aging, card), pin))
    # SoftHSM does not count wrong PINs; an HSM locks the token after a few. So who is asked is what counts.
    opened: list[object] = []
    original = Token._token
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Token, "_token", lambda self: opened.append(1) or original(self))
        for _ in range(5):
            with pytest.raises(Later) as caught:
                key.sign(b"x")
            assert (caught.value.reason, caught.value.note) == (Reason.KEY_UNAVAILABLE, "HSM: PIN")
    assert len(opened) == 1
    pins.append(PIN)
    key.try_out()


def test_of_keys_under_one_label_the_certificates_own_is_taken(
    aging: World, card: Softhsm, opening: Callable[..., Token]
) -> None:
    for kind, number in ((KeyType.P256, "0a"), (KeyType.RSA3072, "0b")):
        card.put(certificates.new_key(kind), label="mihon", number=number)
    place = on_card(aging, card)
    by_label = Place(module=place.module, token=place.token, label="mihon")
    from_card(aging, opening(by_label)).try_out()
    from_card(aging, opening(Place(module=place.module, token=place.token, id=b"\x01"))).try_out()


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"label": "other"}, "HSM: no key that belongs to the certificate"),
        ({"id": b"\x02"}, "HSM: no key that belongs to the certificate"),
        ({"token": "away"}, "HSM: NoSuchToken"),
        ({"module": Path("/nowhere.so")}, "HSM: PKCS11Error"),
    ],
)
def test_what_cannot_be_reached_is_later_with_its_reason(
    aging: World, card: Softhsm, opening: Callable[..., Token], change: dict[str, object], note: str
) -> None:
    place = on_card(aging, card)
    with pytest.raises(Later) as caught:
        from_card(aging, opening(replace(place, **change))).sign(b"x")  # type: ignore[arg-type]
    assert (caught.value.reason, caught.value.note) == (Reason.KEY_UNAVAILABLE, note)


def test_a_key_of_somebody_else_signs_nothing_for_this_certificate(
    aging: World, card: Softhsm, opening: Callable[..., Token]
) -> None:
    place = card.put(certificates.new_key(KeyType.P256), label="mihon", number="01")
    with pytest.raises(Later):
        from_card(aging, opening(place)).sign(b"x")


def test_a_silent_hsm_is_later(
    aging: World, card: Softhsm, opening: Callable[..., Token], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = from_card(aging, opening(on_card(aging, card)))
    go_on = threading.Event()
    monkeypatch.setattr(hsm, "_SECONDS", 0.05)
    busy = hsm._THREAD.submit(go_on.wait)
    try:
        with pytest.raises(Later) as caught:
            key.sign(b"x")
        assert caught.value.note == "HSM: timeout"
    finally:
        go_on.set()
        busy.result()
    monkeypatch.undo()
    key.try_out()


def test_the_program_ends_though_a_token_is_open(hsm_folder: Path, aging: World, card: Softhsm) -> None:
    place = on_card(aging, card)
    certificate = aging.authority.directory / "public" / "signer-1.cer"
    text = (
        "from pathlib import Path; from envelopes.signing.hsm import Place, Token\n"
        f"place = Place(module=Path({str(place.module)!r}), token={place.token!r}, label='mihon')\n"
        f"print(len(Token(place=place, pin=lambda: {PIN!r})"
        f".sign(b'x', Path({str(certificate)!r}).read_bytes())) > 60)"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "True", "")
