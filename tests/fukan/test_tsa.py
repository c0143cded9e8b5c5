"""The embedded authority over HTTP: three independent clients accept it, and nothing else gets an answer."""

import asyncio
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from pyhanko.sign.timestamps import HTTPTimeStamper

from envelopes import keyring
from envelopes.settings import Settings
from envelopes.signing import authority
from fukan import tsa
from fukan.installation import authority_directory
from fukan.tsa import CONNECTIONS, MAX_QUERY, QUERY, REPLY, Server
from tests.patience import PATIENCE
from tests.signing.conftest import TOWN, URL, der_to_pem, now, run

JARS = ":".join(f"/usr/share/java/{name}.jar" for name in ("bcpkix", "bcprov", "bcutil"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(directory=tmp_path)
    keyring.create(made.keys_directory)
    whole = authority.create(
        authority_directory(made),
        town=TOWN,
        public_url=URL,
        now=now(),
        passphrase=keyring.passphrase(made.keys_directory),
        key_type="p256",
    )
    (tmp_path / "root.pem").write_bytes(der_to_pem("x509", whole.root_certificate))
    return made


@pytest.fixture
def served(settings: Settings) -> Iterator[Server]:
    with tsa.server(settings, host="127.0.0.1", port=0) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def sent(served: Server, method: str, body: bytes = b"", **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", served.server_address[1], timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, "/", body=body, headers=named)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response, answer


def test_openssl_and_curl_get_a_token_that_openssl_verifies(served: Server, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"data")
    query, reply = tmp_path / "q.tsq", tmp_path / "r.tsr"
    assert run("openssl", "ts", "-query", "-data", tmp_path / "data", "-cert", "-out", query).returncode == 0
    kind = f"Content-Type: {QUERY}"
    asked = run("curl", "-sf", "-H", kind, "--data-binary", f"@{query}", "-o", reply, served.url)
    assert asked.returncode == 0, asked.stderr
    verify = ("openssl", "ts", "-verify", "-queryfile", query, "-CAfile", tmp_path / "root.pem")
    assert run(*verify, "-in", reply).returncode == 0
    reply.write_bytes(reply.read_bytes()[:-1] + b"\0")
    assert run(*verify, "-in", reply).returncode != 0


def test_pyhanko_accepts_its_tokens(served: Server) -> None:
    stamper = HTTPTimeStamper(served.url)  # type: ignore[no-untyped-call]
    token = asyncio.run(stamper.async_timestamp(hashlib.sha256(b"data").digest(), "sha256"))
    assert token["content_type"].native == "signed_data"


def test_bouncy_castle_accepts_its_tokens(served: Server, settings: Settings) -> None:
    root = authority_directory(settings) / "public" / "root-1.cer"
    source = Path(__file__).parent / "java" / "Ask.java"
    asked = run("java", "-cp", JARS, source, served.url, root)
    assert (asked.returncode, asked.stdout) == (0, "status 0\n"), asked.stderr
    # The same client, shown another root, says no.
    other = authority_directory(settings) / "public" / "signer-1.cer"
    assert run("java", "-cp", JARS, source, served.url, other).returncode != 0


def test_whoever_looks_is_told_that_it_is_not_accredited(served: Server) -> None:
    response, answer = sent(served, "GET")
    assert response.status == 200
    assert "認定を受けたものではありません" in answer.decode()
    assert "NOT accredited" in answer.decode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": QUERY, "Content_Length": "many"}, 411),
        ({"Content_Type": QUERY, "Content_Length": str(MAX_QUERY + 1)}, 413),
        ({"Content_Type": QUERY, "Content_Length": "9" * 5000}, 413),
    ],
)
def test_what_is_no_request_or_too_long_is_not_read(
    served: Server, headers: dict[str, str], status: int
) -> None:
    response, _ = sent(served, "POST", **headers)
    assert (response.status, response.headers["Connection"]) == (status, "close")


def test_junk_gets_a_rejection_of_the_protocol(served: Server) -> None:
    response, answer = sent(served, "POST", b"junk", Content_Type=QUERY)
    assert (response.status, response.headers.get_content_type()) == (200, REPLY)
    assert b"badDataFormat" in answer


def test_one_connection_carries_many_requests(served: Server) -> None:
    connection = HTTPConnection("127.0.0.1", served.server_address[1], timeout=30)
    for _ in range(3):
        connection.request("POST", "/", body=b"junk", headers={"Content-Type": QUERY})
        assert connection.getresponse().read()
    connection.close()


def test_more_connections_than_it_has_threads_are_turned_away(served: Server) -> None:
    place = ("127.0.0.1", served.server_address[1])
    idle = [socket.create_connection(place, timeout=30) for _ in range(CONNECTIONS)]
    with socket.create_connection(place, timeout=30) as late:
        assert late.recv(1) == b""
    for one in idle:
        one.close()


def test_the_command_serves_until_it_is_told_to_stop(settings: Settings) -> None:
    command = [sys.executable, "-m", "fukan", "tsa", "--port", "0", "--directory", str(settings.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert "認定タイムスタンプではありません" in said
        port = int(said.split(":")[2].partition("/")[0])
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
