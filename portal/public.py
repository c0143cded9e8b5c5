"""What everybody may see: the front page, static files, the authority's public files, health."""

import re
from typing import Final

from aiohttp import web
from tortoise.exceptions import BaseORMException

from envelopes.records.models import Number
from envelopes.rules.errors import Reason, Refused
from portal.face import FACE
from portal.pages import static_files
from portal.phrases import _
from portal.respond import answer, services, town
from portal.views import Message

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}\.(crl|cer)")
# RFC 2585 4.1 and 4.2
_TYPES: Final = {"crl": "application/pkix-crl", "cer": "application/pkix-cert"}


async def home(request: web.Request) -> web.Response:
    """Says what this address is for. Contractors come through the link in their mail."""
    name = town(services(request))
    page = Message(
        title=_("{town} 電子契約", town=name),
        paragraphs=(
            _("{town}の契約書や請書を、電子署名で取り交わすための画面です。", town=name),
            _("署名の依頼を受けた方は、届いたメールの中のボタンから開いてください。"),
        ),
        also=(
            ("/register", _("契約に使うメールアドレスを登録する（事業者の方）")),
            ("/verify", _("電子署名を確認する")),
        ),
        next_url="/staff",
        next_label=_("職員の方はこちら"),
    )
    return answer(request, page)


async def static(request: web.Request) -> web.Response:
    """A static file under its hashed name."""
    name = request.match_info["name"]
    found = static_files().get(name) or request.app[FACE].files.get(name)
    if found is None:
        raise web.HTTPNotFound
    headers = {"Content-Type": found.content_type, "Cache-Control": "public, max-age=31536000, immutable"}
    return web.Response(body=found.body, headers=headers)


async def pki(request: web.Request) -> web.Response:
    """A CRL or the CA certificate, as the bot published it."""
    name = request.match_info["name"]
    file = services(request).settings.public_directory / name
    if not _NAME.fullmatch(name) or not file.is_file():
        raise Refused(Reason.LINK_UNKNOWN)
    kind = name.rpartition(".")[2]
    headers = {"Cache-Control": "public, max-age=3600"}
    return web.Response(body=file.read_bytes(), content_type=_TYPES[kind], headers=headers)


async def health(_request: web.Request) -> web.Response:
    """For the reverse proxy: whether this process can answer."""
    try:
        await Number.all().count()
    except (BaseORMException, OSError):
        return web.json_response({"status": "database"}, status=503)
    return web.json_response({"status": "ok"})


async def robots(_request: web.Request) -> web.Response:
    """Nothing here is for search engines."""
    return web.Response(text="User-agent: *\nDisallow: /\n")
