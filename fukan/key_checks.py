"""doctor's checks of keys and certificates: can the key sign, is it the certificate's, who will mind, until when.

Each finding is a pair: what is wrong, and what to do. The trial signs a text that is no document.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from bot import custody, pki
from envelopes.keyring import KeyMissing
from envelopes.rules.errors import Later, Refused
from envelopes.settings import EmbeddedKey, Settings, SettingsFaulty
from envelopes.signing.authority import Authority
from envelopes.signing.certificates import Role, parsed
from envelopes.signing.custody import warnings_of
from envelopes.signing.keys import KeySource
from envelopes.texts import say

Pair = tuple[str, str]

DAYS: Final = (
    90  # why: a new certificate wants a decision in a town hall; the embedded ones are renewed before that
)
_USES: Final = {Role.ROOT: "認証局", Role.SIGNER: "署名", Role.TSA: "時刻証明"}
_RESTORE: Final = "鍵の控えを戻すか、新しい環境なら fukan init を実行してください。"
_SETTINGS: Final = "設定の [signing_key] を直してください。"
_RENEW: Final = (
    "自動の更新が行われていません。fukan serve bot が動いているか確かめ、"
    "fukan keys renew を実行してください。"
)
_ORDER: Final = (
    "新しい証明書を用意し、設定の [signing_key] のファイルを置き換えてください。bot は止めずに使い始めます。"
)


def signing_key(settings: Settings) -> tuple[Pair, ...]:
    """Try the signing key out."""
    if not _has_bot(settings):
        return ()
    try:
        key = _source(settings)
    except SettingsFaulty as error:
        return tuple((line, _SETTINGS) for line in str(error).splitlines())
    except (Later, KeyMissing) as error:
        return ((f"署名の鍵が開けません（{error}）", _RESTORE),)
    return tuple(_unfit(key, datetime.now(UTC)))


def certificates(settings: Settings) -> tuple[Pair, ...]:
    """Say which certificate is about to end."""
    if not _has_bot(settings):
        return ()
    try:
        own = pki.opened(settings)
        key = _source(settings).current()
    except (SettingsFaulty, Later, KeyMissing):
        return ()  # said by the check before
    todo = _RENEW if isinstance(settings.signing_key, EmbeddedKey) else _ORDER
    found = [*_ending("署名", (key.certificate, *key.chain[:-1]), todo)]
    found += _ending(_USES[Role.TSA], [own.key(Role.TSA).certificate], _RENEW)
    roots = dict.fromkeys((key.chain[-1], own.root_certificate))
    return (*found, *_ending(_USES[Role.ROOT], list(roots), "認証局を新しくする準備を始めてください。"))


def _has_bot(settings: Settings) -> bool:
    return (settings.keys_directory / "bot").exists()  # else a host that only serves the portal


def _source(settings: Settings) -> KeySource:
    own: Authority = pki.opened(settings)
    return custody.chosen(settings, clock=lambda: datetime.now(UTC)) or own.newest(Role.SIGNER)


def _unfit(source: KeySource, now: datetime) -> Iterator[Pair]:
    try:
        source.current().try_out()
    except Later as error:
        yield (
            f"署名を試せません（{error.note}）",
            "鍵と証明書が組か確かめてください。HSM なら、つながるか、トークンと鍵の名前、PIN も確かめてください。",
        )
    try:
        source.fit(now)
    except Refused as error:
        yield (say(error.reason, "ja", **error.details), _ORDER)
    except Later as error:
        yield (
            f"{say(error.reason)}（{error.note}）",
            "認証局のCRLをこのホストから取得できるか、時計が合っているかを確かめてください。",
        )
    for warning in warnings_of(parsed(source.current().certificate)):
        yield (
            f"署名の証明書：{warning}",
            "認証局に、電子署名用（emailProtection と documentSigning）の証明書を頼んでください。",
        )


def _ending(use: str, found: Sequence[bytes], todo: str) -> Iterator[Pair]:
    for one in map(parsed, found):
        days = (one.not_valid_after_utc - datetime.now(UTC)).days
        if days < DAYS:
            yield f"証明書（{use}）はあと{days}日です", todo
