"""The demo's world: post office, its pages, portal and bot in one process, on loopback only.

Keeps everything in one directory and goes on where it stopped. A directory that holds a real installation is refused:
in here everybody's mail counts as authenticated.
"""

import asyncio
import os
import socket
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from envelopes.actions.credentials import TOTP
from envelopes.papers import convert
from envelopes.rules.errors import FukanError
from envelopes.services import Services
from envelopes.settings import Settings, load
from fukan import installation, serve
from fukan.demo import cast
from fukan.demo.pages import World as PagesWorld
from fukan.demo.pages import create_app
from fukan.demo.phones import Phones
from fukan.demo.post import AUTHSERV_ID, PASSWORD, PostOffice
from fukan.demo.seed import app_seed, authenticator_seed, seed
from fukan.installation import SETTINGS_FILE, toml
from fukan.serve import Door

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the demo listens; 0 takes any free port."""

    portal: int = 8000
    pages: int = 8025
    smtp: int = 8026
    imap: int = 8027


DEFAULT_PORTS: Final = Ports()

_TEMPLATE: Final = f"""\
# 見本の環境の設定です。本番には使えません：どの差出人のメールも本物として扱います。
# 変えたあとは起動し直してください。SMTP・IMAP の行き先とポートは、起動のときに決まります。
demo = true

[town]
name = {toml(cast.TOWN)}
name_english = "Mihon Village"
prefix = "MHN"
phone = {toml(cast.PHONE)}
hours = {toml(cast.HOURS)}
hours_english = "weekdays 8:30–17:15"
section = "総務課 電子契約担当"
section_english = "General Affairs Section, e-contracts"

[operator]
name = {toml(f"{cast.TOWN} 電子契約サービス")}
party = true

[mail]
address = {toml(cast.SENDER)}
intake = {toml(cast.INTAKE)}
trusted_authserv_ids = [{toml(AUTHSERV_ID)}]

[mail.sub_addresses.ukesho]
kind = {toml("請書")}

[mail.sub_addresses.kensetsu]
section = {toml(cast.NAKAMURA.section)}

[smtp]
host = "{LOOPBACK}"
port = {DEFAULT_PORTS.smtp}
tls = "none"

[imap]
host = "{LOOPBACK}"
port = {DEFAULT_PORTS.imap}
tls = false
user = {toml(cast.INTAKE)}
password = {toml(PASSWORD)}
"""


class NotADemo(FukanError):
    """The directory holds a real installation."""


ANY_PORTS: Final = Ports(portal=0, pages=0, smtp=0, imap=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A demo that is running."""

    services: Services
    post: PostOffice
    phones: Phones
    portal_url: str
    pages_url: str

    async def seed(self, address: str, kind: str = TOTP) -> str | None:
        """See `authenticator_seed`."""
        return await authenticator_seed(self.services, address, kind)

    async def app(self, address: str) -> str | None:
        """See `app_seed`."""
        return await app_seed(self.services, address)


@asynccontextmanager
async def world(
    directory: Path,
    ports: Ports,
    *,
    stop: asyncio.Event,
    contractors: Sequence[cast.Contractor] = cast.EVERYBODY,
) -> AsyncIterator[World]:
    """Run the demo in *directory* while the block runs; enters it when everything is ready.

    Raises PortTaken, NotADemo, SettingsFaulty and what the parts raise.
    """
    _require_demo(directory)
    async with AsyncExitStack() as stack:
        portal_place = stack.enter_context(serve.listen(LOOPBACK, ports.portal))
        pages_place = stack.enter_context(serve.listen(LOOPBACK, ports.pages))
        post = PostOffice(directory / "post.sqlite3")
        stack.push_async_callback(post.close)
        await _open_post(post, ports)
        phones = Phones()
        settings = _settings(
            directory, post, phones, portal_port=_port(portal_place), pages_port=_port(pages_place)
        )
        await installation.create(settings)
        services = await stack.enter_async_context(installation.opened(settings, portal=True, bot=True))
        await seed(services, contractors)
        made = World(
            services=services,
            post=post,
            phones=phones,
            portal_url=settings.portal.url,
            pages_url=f"http://{LOOPBACK}:{_port(pages_place)}",
        )
        await stack.enter_async_context(serve.served(create_app(_pages(made)), pages_place))
        doors = serve.running(services, tuple(Door), stop=stop, place=portal_place)
        await stack.enter_async_context(doors)
        yield made


def _require_demo(directory: Path) -> None:
    installation.write_settings(directory, _TEMPLATE)
    try:
        found = tomllib.loads((directory / SETTINGS_FILE).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NotADemo(f"{directory / SETTINGS_FILE}: {error}") from None
    if found.get("demo") is not True:
        raise NotADemo(
            f"{directory} は見本の環境ではありません。別のフォルダーを --directory で選んでください。"
        )


async def _open_post(post: PostOffice, ports: Ports) -> None:
    try:
        await post.start(LOOPBACK, ports.smtp, ports.imap)
    except OSError:
        # asyncio's own words do not say which of the two it was.
        raise serve.PortTaken(
            LOOPBACK, ports.smtp, f"か {ports.imap} はほかのプログラムが使っています。止めてください。"
        ) from None


def _port(place: socket.socket) -> int:
    return int(place.getsockname()[1])


def _settings(
    directory: Path, post: PostOffice, phones: Phones, *, portal_port: int, pages_port: int
) -> Settings:
    """Read the settings with the mail world's own ports. `portal.host` is left as set, so that it can be refused."""
    fixed = {
        "FUKAN_DEMO": "true",
        "FUKAN_PORTAL__PORT": str(portal_port),
        "FUKAN_PORTAL__URL": f"http://{LOOPBACK}:{portal_port}",
        "FUKAN_SMTP__HOST": LOOPBACK,
        "FUKAN_SMTP__PORT": str(post.smtp_port),
        "FUKAN_SMTP__TLS": "none",
        "FUKAN_SMTP__USER": "",
        "FUKAN_IMAP__HOST": LOOPBACK,
        "FUKAN_IMAP__PORT": str(post.imap_port),
        "FUKAN_IMAP__TLS": "false",
        "FUKAN_IMAP__USER": cast.INTAKE,
        "FUKAN_IMAP__PASSWORD": PASSWORD,
        "FUKAN_SMS__URL": f"http://{LOOPBACK}:{pages_port}/sms",
        "FUKAN_SMS__SECRET": phones.secret,
        "FUKAN_SMS__ALLOW_PRIVATE": "true",
    }
    return load(directory, {**os.environ, **fixed})


def _pages(made: World) -> PagesWorld:
    return PagesWorld(
        post=made.post,
        portal_url=made.portal_url,
        intake=made.services.settings.mail.intake,
        seed=made.seed,
        app=made.app,
        now=made.services.now,
        phones=made.phones,
    )


async def run(directory: Path, ports: Ports) -> None:
    """Run the demo until Ctrl-C or SIGTERM."""
    stop = serve.stop_on_signals()
    print("準備しています…", flush=True)
    async with world(directory, ports, stop=stop) as made:
        if not stop.is_set():
            print(f"\n  ここから始めてください：{made.pages_url}/\n", flush=True)
            if convert.installed() is None:
                print(
                    "  WordとExcelのファイルはPDFに変換しません。変換するとき：make setup-office\n",
                    flush=True,
                )
            print("  止めるには Ctrl-C を押します。もう一度起動すると、続きから始まります。", flush=True)
        await stop.wait()
    print("終わりました。", flush=True)
