"""An installation: its directory, settings file, keys, embedded authority and database. Making it, and opening it.

Everything here may be run again: what is there is left as it is, what is missing is made. Which settings exist and
what they mean is `envelopes.settings`' business; which keys lie where, `envelopes.keyring`'s.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from tortoise.exceptions import BaseORMException

from bot import pki
from envelopes import keyring
from envelopes.records.database import Database, upgrade
from envelopes.records.models import Section
from envelopes.rules.errors import FukanError
from envelopes.services import Services, build
from envelopes.settings import Settings
from envelopes.signing import authority

SETTINGS_FILE: Final = "fukan.toml"
_PRIVATE: Final = 0o700

# Kept short on purpose: what is not set here has its default, and the file stays readable for ten years.
TEMPLATE: Final = """\
# 封緘（Fukan）の設定です。変えたあとは起動し直してください。
# 同じ値は環境変数でも渡せます（例：FUKAN_SMTP__PORT=587）。環境変数が優先されます。
# パスワードはこのファイルに書かず、password_file に置き場所を書いてください。

[town]
# 画面とメールに出る名前です。name は認証局の証明書にも入り、あとから変わりません。
name = {town}
prefix = "MHN"                      # 契約番号の頭の英大文字（2〜6字）
phone = "0261-00-0000"
hours = "平日 8時30分〜17時15分"
section = "総務課 電子契約担当"
# name_english = "Mihon Village"    # 英語の画面とメールに出る名前
# hours_english = "weekdays 8:30–17:15"
# section_english = "General Affairs Section, e-contracts"
# dates = "both"                    # western 2026年 | wareki 令和8年 | both 2026年（令和8年）
# colour = "#7a1f3d"                # 画面とメールの色。薄すぎて読めない色は起動のときに断ります
# mark = "/etc/fukan/mark.svg"      # 紋章など。SVG か PNG、32KB まで

[operator]
# 署名の鍵を預かる事業者です。署名の「理由」に名前が入ります。
name = {operator}
party = true                        # 事業者が契約の当事者（村）でもあるとき true

[portal]
url = {url}       # 相手方がブラウザーで開くアドレス
host = "127.0.0.1"                  # 待ち受けるアドレス。リバースプロキシを前に置いてください
port = 8000
# trusted_proxies = ["127.0.0.1"]   # X-Forwarded-For を信じるプロキシ
# staff_networks = ["10.20.0.0/16"]  # 職員の画面を使えるネットワーク。書かなければ、どこからでも使えます

[mail]
address = {address}     # 差出人。画面のアドレスと同じドメインにします
intake = {intake}     # 職員が文書を転送する受付アドレス
# 差出人が本物かどうかの判定（Authentication-Results）を信じるメールサーバーの名前。判定がないメールは、DKIM署名を
# ここで確かめます（DNSに問い合わせます。しないときは verify_dkim = false）。どちらでも証明されないメールは保留します。
trusted_authserv_ids = []
verify_dkim = true

[smtp]
host = "127.0.0.1"
port = 25
tls = "starttls"                    # none | starttls | implicit
# user = ""
# password_file = "/etc/fukan/smtp-password"
# ca_file = "/etc/fukan/mail-ca.pem"                # 社内の認証局が証明書を出しているとき。[imap] も同じ
# sends_from = ["203.0.113.25"]                     # 中継サーバーが外へ送るときのアドレス。SPFと逆引きを確かめます

[imap]
host = "127.0.0.1"
port = 993
tls = true
user = ""
# password_file = "/etc/fukan/imap-password"

# 送るメールに付ける署名（DKIM）。fukan dkim new が鍵を作ります。中継サーバーが署名するときは selector だけ
# [[dkim]]
# selector = "fukan2026"
# key_file = "/var/lib/fukan/keys/bot/dkim/fukan2026.pem"

# 外から見えるDNSを引けるサーバー。書かなければ、このサーバーの設定に従います。
# [dns]
# servers = ["192.0.2.53"]

# 時計を比べる時刻サーバー（日本標準時）。返信の6桁の数字には、正しい時計が要ります
[clock]
server = "ntp.nict.jp"

# 署名の鍵。書かなければ、内蔵の認証局が作り、期限の前に自動で替えます。
# [signing_key]
# kind = "embedded"                 # embedded | file（商用の証明書） | pkcs11（HSM）。書き方は docs/operating.md に
# algorithm = "rsa3072"             # rsa3072 | p256。これから作る鍵の種類です

# SMSで本人確認をするとき。送り先のフックの作り方は docs/sms.md にあります。
# [sms]
# url = "https://sms.example.jp/send"
# secret_file = "/etc/fukan/sms-secret"              # 32文字以上（openssl rand -hex 32）
# allow_private = true                              # フックがこのサーバーか内部のネットワークにあるとき

# データベース。書かなければ、このフォルダーの SQLite を使います。
# database = "postgres://fukan@localhost/fukan"      # ファイルの先頭（[town] より上）に書いてください

# 文書の置き場所をバケットにするとき
# [s3]
# bucket = "fukan"
# endpoint = "https://s3.example.jp"

# 決まり（期限、試行回数、添付の上限など）を変えるとき。名前と意味は docs/policy.md にあります。
# [policy]
# deadline_days = 14
"""


class DatabaseUnreachable(FukanError):
    """The database does not answer; the message names the kind of fault, never the address with its password."""

    def __init__(self, fault: str) -> None:
        super().__init__(
            f"データベースを使えません（{fault}）。動いているか確かめ、fukan init を実行してください。"
        )


def write_settings(directory: Path, text: str) -> bool:
    """Write the settings file unless there is one; say whether it was written."""
    directory.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    try:
        with (directory / SETTINGS_FILE).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def first_settings(*, town: str, url: str) -> str:
    """Return the text of a new settings file. Mails come from the portal's own domain, as receivers expect."""
    host = urlsplit(url).hostname or ""
    domain = "localhost.example" if host.replace(".", "").isdigit() or "." not in host else host
    return TEMPLATE.format(
        town=toml(town),
        operator=toml(f"{town} 電子契約サービス"),
        url=toml(url),
        address=toml(f"keiyaku@{domain}"),
        intake=toml(f"uketsuke@{domain}"),
    )


def toml(text: str) -> str:
    """Quote *text* as a TOML string (TOML 1.0, basic strings)."""
    plain = "".join(char for char in text if char.isprintable())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


async def create(settings: Settings) -> None:
    """Make directories, keys, authority and tables that are not there yet. Blocks for seconds the first time."""
    for place in (settings.directory, settings.keys_directory):
        place.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    keyring.create(settings.keys_directory)
    authority.create(
        authority_directory(settings),
        town=settings.town.name,
        public_url=settings.portal.url,
        now=datetime.now(UTC),
        passphrase=keyring.passphrase(settings.keys_directory),
        key_type=settings.algorithm,
    )
    await bring_up_to_date(settings)


def authority_directory(settings: Settings) -> Path:
    """Where the embedded authority lies."""
    return pki.directory(settings.keys_directory)


async def bring_up_to_date(settings: Settings) -> None:
    """Bring the tables to this version. Raises DatabaseUnreachable."""
    try:
        await upgrade(settings.database_url)
    except (OSError, BaseORMException, asyncpg.PostgresError) as error:
        raise DatabaseUnreachable(type(error).__name__) from None


@asynccontextmanager
async def opened(settings: Settings, *, portal: bool = False, bot: bool = False) -> AsyncIterator[Services]:
    """Open keys, files and database for one process. Raises KeyMissing, DatabaseUnreachable."""
    services = build(settings, portal=portal, bot=bot)
    database = Database(settings.database_url)
    try:
        await _connect(database)
        yield services
    finally:
        await database.close()


async def _connect(database: Database) -> None:
    try:
        await database.open()
        # Opening connects to nothing yet; this also shows that there are tables.
        await Section.all().exists()
    except (OSError, BaseORMException, asyncpg.PostgresError) as error:
        raise DatabaseUnreachable(type(error).__name__) from None
