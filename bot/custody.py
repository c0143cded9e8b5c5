"""The signing key that the settings name: nothing for the embedded authority's own, else the file or HSM, read once.

What is wrong with it is said like every other fault of the settings, all at once and with its place. How it is used
stands in `envelopes.signing.custody`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from envelopes.settings import EmbeddedKey, FileKey, Pkcs11Key, Settings, SettingsFaulty
from envelopes.signing import custody
from envelopes.signing.custody import Custody, Keeping, Unfit


def chosen(settings: Settings, *, clock: Callable[[], datetime]) -> Custody | None:
    """Return the operator's own key, or None where the embedded authority's is meant. Raises SettingsFaulty."""
    keeping = _keeping(settings.signing_key)
    if keeping is None:
        return None
    try:
        return Custody(keeping, clock=clock)
    except Unfit as error:
        raise SettingsFaulty("\n".join(f"signing_key.{line}" for line in str(error).splitlines())) from None


def _keeping(key: EmbeddedKey | FileKey | Pkcs11Key) -> Keeping | None:
    match key:
        case EmbeddedKey():
            return None
        case FileKey():
            return custody.InFile(
                key_file=key.key_file,
                passphrase_file=key.passphrase_file,
                certificate_file=key.certificate_file,
                chain_file=key.chain_file,
            )
        case Pkcs11Key():
            # PKCS#11 is loaded by who has an HSM, and by nobody else.
            from envelopes.signing import hsm

            place = hsm.Place(
                module=key.module, token=key.token_label, label=key.key_label, id=bytes.fromhex(key.key_id)
            )
            return hsm.in_hsm(
                place,
                pin_file=key.pin_file,
                certificate_file=key.certificate_file,
                chain_file=key.chain_file,
            )
        case _:
            assert_never(key)
