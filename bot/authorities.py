"""The time stamping authorities that the settings name, their certificates read, and their faults in words.

Asking them, in which order and what is believed, is `envelopes.signing.outside`.
"""

import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from envelopes.settings import Settings, SettingsFaulty, Tsa
from envelopes.signing.outside import Authorities, Source, authorities

# What `signing.wire` and `signing.timestamps` note, for people. What is not here is said as it is.
_WORDS: Final[Mapping[str, str]] = {
    "connection refused": "接続を断られました",
    "connection lost": "接続が切れました",
    "timeout": "時間内に返事がありません",
    "TLS": "通信の証明書を確かめられません",
    "name unknown": "サーバーの名前が見つかりません",
    "no answer": "返事がありません",
    "no HTTP": "返事がHTTPではありません",
    "media type": "返事の種類が違います",
    "answer too long": "返事が長すぎます",
    "malformed": "返事を読めません",
    "refused": "発行を断られました",
    "nonce": "別の要求への返事です",
    "policy": "ポリシーが違います",
    "key purpose": "証明書がタイムスタンプ専用ではありません",
    "signing certificate": "トークンが証明書を特定していません",
    "length": "トークンが大きすぎます",
    "no CRL": "証明書に失効リスト（CRL）の置き場所がありません",
    "CRL": "失効リスト（CRL）を取得できません",
    "certificate changed": "証明書が変わりました。次の回から使います",
    "token": "トークンの検証に失敗しました",
    "HTTP": "サーバーがエラーを返しました",
}


def in_words(note: str) -> str:
    """Return what a note of a failed authority means, the note itself behind it."""
    known = _WORDS.get(note) or next((said for key, said in _WORDS.items() if note.startswith(key)), "")
    return f"{known}（{note}）" if known else note


def chosen(settings: Settings, *, clock: Callable[[], datetime]) -> Authorities | None:
    """Return the operator's list, nobody asked yet; None where the embedded authority is meant.

    Raises SettingsFaulty where a certificate or key cannot be read.
    """
    if not settings.tsa:
        return None
    if all(tsa.retired for tsa in settings.tsa):
        raise SettingsFaulty("tsa: all are retired; one has to give the time")
    sources = [_source(tsa, f"tsa.{number}") for number, tsa in enumerate(settings.tsa)]
    return authorities(sources, clock=clock)


def _source(tsa: Tsa, place: str) -> Source:
    return Source(
        name=tsa.label,
        url=tsa.url,
        roots=_roots(tsa.ca_file, f"{place}.ca_file"),
        timeout=tsa.timeout,
        policy=tsa.policy,
        user=tsa.user,
        password=tsa.password.get_secret_value(),
        tls=_tls(tsa, place),
        retired=tsa.retired,
    )


def _roots(path: Path, place: str) -> tuple[bytes, ...]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise SettingsFaulty(f"{place}: {error.strerror}") from None
    except ValueError:
        raise SettingsFaulty(f"{place}: no certificate in PEM form") from None
    return tuple(one.public_bytes(Encoding.DER) for one in found)


def _tls(tsa: Tsa, place: str) -> ssl.SSLContext | None:
    if not tsa.url.startswith("https://"):
        return None
    try:
        context = ssl.create_default_context(cafile=tsa.tls_ca_file)
        if tsa.client_certificate is not None:
            # Never None: OpenSSL would ask for the password at the terminal.
            password = tsa.client_key_password.get_secret_value()
            context.load_cert_chain(tsa.client_certificate, tsa.client_key, lambda: password)
    except (OSError, ValueError) as error:
        # The library's words may quote what it could not read, so only the kind of fault is said.
        raise SettingsFaulty(f"{place}: TLS certificates or key ({type(error).__name__})") from None
    return context
