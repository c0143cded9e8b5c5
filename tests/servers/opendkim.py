"""OpenDKIM judges mails: an independent implementation of RFC 6376, which finds the keys in a test's zone."""

import re
import subprocess
from pathlib import Path

from tests.servers.ports import binary
from tests.servers.zone import Zone

_SETTINGS = """
Mode v
InternalHosts {folder}/nobody
ResolverConfiguration {folder}/unbound.conf
Syslog no
"""
_UNBOUND = """
server:
  do-not-query-localhost: no
  module-config: "iterator"
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{port}
"""
_RESULT = re.compile(r"dkim=(\w+).*?header\.d=(\S+).*?header\.s=(\S+)", re.DOTALL)


def judge(raw: bytes, zone: Zone, folder: Path) -> dict[str, str]:
    """What OpenDKIM says of each signature of *raw*, by selector and domain: {"s1 mihon.example": "pass"}."""
    (folder / "nobody").write_text("192.0.2.1\n")
    (folder / "opendkim.conf").write_text(_SETTINGS.format(folder=folder))
    (folder / "unbound.conf").write_text(_UNBOUND.format(port=zone.port))
    (folder / "mail.eml").write_bytes(raw)
    command = [binary("opendkim"), "-x", f"{folder}/opendkim.conf", "-t", f"{folder}/mail.eml", "-vv"]
    ran = subprocess.run(command, capture_output=True, check=True, timeout=60, text=True)
    found = re.search(r"Authentication-Results.*?'\n", ran.stdout, re.DOTALL)
    assert found, ran.stdout
    return {f"{result[3]} {result[2]}": result[1] for result in _RESULT.finditer(found[0])}
