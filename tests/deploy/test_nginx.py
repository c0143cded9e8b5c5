"""The reverse proxy, as Debian's nginx runs it: what it passes on, and that no token reaches a log."""

import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer

from tests.servers.ports import accepts, binary, free_ports, stop, wait_until

ROOT = Path(__file__).parents[2]
TOKEN = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWeJq8"
TOKENS = (f"/s/{TOKEN}", f"/s/{TOKEN}/code", f"/d/{TOKEN}/all.zip", f"/staff/enrol/{TOKEN}/qr.svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A running proxy; `log` has everything it wrote anywhere."""

    folder: Path
    http: int
    https: int

    @property
    def log(self) -> str:
        """What nginx has written: of a request when its answer is out, so the first line may be yet to come."""
        ends = time.monotonic() + 10
        while not (text := "".join(path.read_text() for path in self.folder.glob("*.log"))):
            assert time.monotonic() < ends, "nginx has written nothing"
            time.sleep(0.01)
        return text


@pytest.fixture
async def portal() -> AsyncIterator[TestServer]:
    """Answers every request with the headers that it got."""

    async def echo(request: web.Request) -> web.Response:
        return web.json_response(dict(request.headers))

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", echo)
    async with TestServer(app, host="127.0.0.1") as server:
        yield server


@pytest.fixture
def proxy(portal: TestServer, tmp_path: Path) -> Iterator[Proxy]:
    http, https = free_ports(2)
    place = Proxy(folder=tmp_path, http=http, https=https)
    write(place, portal.port or 0)
    command = [binary("nginx"), "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off; master_process off;"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: accepts(https), process, "nginx")
        yield place
    finally:
        stop(process)


def write(place: Proxy, portal: int, *, changed: tuple[str, str] = ("", "")) -> None:
    """Write deploy/nginx.conf for this machine: other ports and paths, and nothing else."""
    folder = place.folder
    command = [binary("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += [
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-keyout",
        f"{folder}/key.pem",
        "-out",
        f"{folder}/cert.pem",
    ]
    subprocess.run(command, check=True, capture_output=True)
    text = (ROOT / "deploy/nginx.conf").read_text()
    for old, new in (
        ("listen 80 ", f"listen 127.0.0.1:{place.http} "),
        ("listen 443 ", f"listen 127.0.0.1:{place.https} "),
        ("http://portal:8000", f"http://127.0.0.1:{portal}"),
        ("/run/secrets/tls-certificate", f"{folder}/cert.pem"),
        ("/run/secrets/tls-key", f"{folder}/key.pem"),
        ("/tmp/nginx.pid", f"{folder}/nginx.pid"),
        ("error_log stderr", f"error_log {folder}/error.log"),
        ("/dev/stdout", f"{folder}/access.log"),
        changed,
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)


async def get(url: str, **headers: str) -> tuple[ClientResponse, bytes]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with (
        ClientSession(connector=TCPConnector(ssl=context)) as session,
        session.get(url, headers=headers, allow_redirects=False) as answer,
    ):
        return answer, await answer.read()


def judged(folder: Path) -> int:
    command = [binary("nginx"), "-t", "-q", "-c", str(folder / "nginx.conf")]
    return subprocess.run(command, check=False, capture_output=True).returncode


def test_nginx_accepts_the_file(tmp_path: Path) -> None:
    write(Proxy(folder=tmp_path, http=8081, https=8443), 8000)
    assert judged(tmp_path) == 0


def test_nginx_finds_a_fault(tmp_path: Path) -> None:
    write(Proxy(folder=tmp_path, http=8081, https=8443), 8000, changed=("proxy_pass", "proxy_past"))
    assert judged(tmp_path) != 0


@pytest.mark.parametrize("path", TOKENS)
async def test_no_token_reaches_a_log(proxy: Proxy, path: str) -> None:
    url = f"https://127.0.0.1:{proxy.https}{path}"
    await get(f"{url}?again={TOKEN}", Referer=url)
    assert "(token)" in proxy.log
    assert TOKEN[:20] not in proxy.log


@pytest.mark.parametrize("path", [f"//s/{TOKEN}", f"/./s/{TOKEN}", f"/%73/{TOKEN}", f"/x/../d/{TOKEN}"])
async def test_no_spelling_brings_a_token_into_a_log(proxy: Proxy, path: str) -> None:
    request = f"GET {path} HTTP/1.0\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", proxy.http), timeout=5) as connection:
        connection.sendall(request)
        assert connection.recv(100)
    assert proxy.log
    assert TOKEN[:20] not in proxy.log


@pytest.mark.parametrize("path", TOKENS)
async def test_no_token_reaches_a_log_when_the_portal_is_away(
    proxy: Proxy, portal: TestServer, path: str
) -> None:
    await portal.close()
    answer, _ = await get(f"https://127.0.0.1:{proxy.https}{path}")
    assert answer.status == 502
    assert TOKEN[:20] not in proxy.log


async def test_without_the_map_the_token_would_be_there(proxy: Proxy) -> None:
    await get(f"https://127.0.0.1:{proxy.https}/other/{TOKEN}")
    assert TOKEN in proxy.log


async def test_log_names_a_network_and_no_person(proxy: Proxy) -> None:
    await get(f"https://127.0.0.1:{proxy.https}/healthz")
    assert " 127.0.0.0 GET /healthz 200 " in proxy.log
    assert "127.0.0.1" not in proxy.log


async def test_what_a_client_says_of_its_address_is_dropped(proxy: Proxy) -> None:
    _, body = await get(f"https://127.0.0.1:{proxy.https}/", **{"X-Forwarded-For": "203.0.113.9"})
    assert b'"X-Forwarded-For": "127.0.0.1"' in body


async def test_revocation_lists_come_by_plain_http(proxy: Proxy) -> None:
    answer, _ = await get(f"http://127.0.0.1:{proxy.http}/pki/signer-1.crl")
    assert answer.status == 200


async def test_everything_else_moves_to_https(proxy: Proxy) -> None:
    answer, _ = await get(f"http://127.0.0.1:{proxy.http}/s/{TOKEN}")
    assert answer.status == 308
    assert answer.headers["Location"].startswith("https://")
