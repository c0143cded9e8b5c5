"""SoftHSM2, an HSM in software: tokens in a folder of the test's own, keys put in from the outside."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from envelopes.signing.certificates import PrivateKey
from envelopes.signing.hsm import Place

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "5678"


@dataclass(frozen=True)
class Softhsm:
    """A token in *folder*, with PIN."""

    folder: Path
    label: str

    def run(self, *words: str) -> None:
        command = ["softhsm2-util", *words, "--token", self.label, "--pin", PIN]
        subprocess.run(command, check=True, capture_output=True)

    def put(self, key: PrivateKey, *, label: str, number: str) -> Place:
        """Put *key* on the token; return where it is."""
        pem = self.folder / "key.pem"
        plain = serialization.NoEncryption()
        pem.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        )
        self.run("--import", str(pem), "--label", label, "--id", number, "--no-public-key")
        pem.unlink()
        return Place(module=MODULE, token=self.label, label=label, id=bytes.fromhex(number))


def token(folder: Path, label: str) -> Softhsm:
    """Make a token. The module reads its settings once a process, so all tokens of a run lie in *folder*."""
    (folder / "tokens").mkdir(parents=True, exist_ok=True)
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    made = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "1234", "--pin", PIN]
    subprocess.run(made, check=True, capture_output=True)
    return Softhsm(folder, label)
