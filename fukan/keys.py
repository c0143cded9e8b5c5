"""Commands for the signing keys: which there are and until when, and a successor before its time."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bot import custody, pki
from envelopes.rules.wording import jst_date, local
from envelopes.settings import load
from envelopes.signing.authority import Authority, generation
from envelopes.signing.certificates import Role, parsed
from fukan.people import Directory

section = typer.Typer(no_args_is_help=True, help="署名と時刻証明の鍵。")

_USES: Final = {Role.ROOT: "認証局", Role.SIGNER: "署名", Role.TSA: "時刻証明"}


@section.command("show", help="鍵と証明書の一覧。＊はいま使っているものです。")
def show(*, directory: Directory = Path("var")) -> None:
    """Print one line a certificate."""
    settings, now = load(directory), datetime.now(UTC)
    own = custody.chosen(settings, clock=lambda: now)
    if own is not None:
        print(_line("＊", "署名 [signing_key]", parsed(own.current().certificate), now))
    print("\n".join(_lines(pki.opened(settings), (Role.ROOT, *pki.used(settings)), now)))


@section.command(
    "renew",
    help="新しい鍵と証明書を作ります。動いている bot は、止めずに次の署名から使います。"
    "期限の前には自動で行われるので、鍵が漏れたおそれのあるときや、鍵の種類を変えたときに使います。",
)
def renew(
    *,
    roles: Annotated[
        list[Role] | None, typer.Argument(metavar="ROLE…", help="signer か tsa。なければ両方。")
    ] = None,
    directory: Directory = Path("var"),
) -> None:
    """Make the next generation now."""
    if Role.ROOT in (roles or ()):
        raise typer.BadParameter("認証局そのものは替えられません。", param_hint="ROLE")
    settings, now = load(directory), datetime.now(UTC)
    if not set(roles or ()) <= set(pki.used(settings)):
        words = "署名の鍵は [signing_key] のものです。そのファイルを置き換えてください（docs/operating.md）。"
        raise typer.BadParameter(words, param_hint="ROLE")
    own = pki.opened(settings)
    made = pki.renew(settings, own, now=now, roles=tuple(dict.fromkeys(roles or pki.used(settings))))
    pki.publish(settings, own, now=now)
    print(f"作りました：{'、'.join(made)}")


def _lines(own: Authority, used: Collection[Role], now: datetime) -> Iterator[str]:
    for role in Role:
        newest = own.newest_certificate(role)
        for name, one in _generations(own, role):
            mark = "＊" if one == newest and role in used else "　"
            yield _line(mark, f"{_USES[role]} {name}", one, now)


def _line(mark: str, name: str, one: x509.Certificate, now: datetime) -> str:
    left, until = (one.not_valid_after_utc - now).days, jst_date(local(one.not_valid_after_utc))
    return f"{mark} {name} {_kind(one)} {until}まで（あと{left}日） SHA-256 {_print(one)}"


def _generations(own: Authority, role: Role) -> Sequence[tuple[str, x509.Certificate]]:
    found = [
        (path.stem, x509.load_der_x509_certificate(path.read_bytes()))
        for path in (own.directory / "public").glob(f"{role}-*.cer")
    ]
    return sorted(found, key=lambda one: generation(one[0]))


def _kind(one: x509.Certificate) -> str:
    public = one.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA-{public.key_size}"
    return f"P-{public.key_size}" if isinstance(public, ec.EllipticCurvePublicKey) else "？"


def _print(one: x509.Certificate) -> str:
    return one.fingerprint(hashes.SHA256()).hex()
