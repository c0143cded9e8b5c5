"""Commands for the keys that sign outgoing mail (DKIM): making one, and what DNS has to say of each."""

from pathlib import Path
from typing import Annotated

import typer

from bot import dkim_signing
from envelopes.settings import Dkim, DkimAlgorithm, Settings, load
from fukan.people import Directory

section = typer.Typer(no_args_is_help=True, help="送るメールに付ける署名（DKIM）の鍵。")


@section.command(
    "new",
    help="鍵を作り、DNSに公開するレコードと、設定に加える行を表示します。設定は変えません。"
    "レコードが見えるようになったことを fukan doctor で確かめてから使ってください。",
)
def new(
    selector: Annotated[str, typer.Argument(help="セレクター。鍵ごとに別の名前（例 fukan2026）。")],
    *,
    algorithm: Annotated[
        DkimAlgorithm, typer.Option(help="ed25519 は読めない受信側があるので、rsa2048 と並べて使います。")
    ] = DkimAlgorithm.RSA2048,
    directory: Directory = Path("var"),
) -> None:
    """Make a key for *selector*."""
    settings = load(directory)
    path = (settings.keys_directory / "bot" / "dkim" / f"{selector}.pem").absolute()
    one = _named(selector, path)
    try:
        dkim_signing.new_key(path, algorithm)
    except FileExistsError:
        raise typer.BadParameter(f"{path} はもうあります。別の名前にしてください。") from None
    print(f"鍵を作りました：{path}\n")
    _say(one, path, settings)
    print(
        f'設定に加える行（そのあと bot を再起動）：\n\n[[dkim]]\nselector = "{selector}"\nkey_file = "{path}"'
    )


def _named(selector: str, path: Path) -> Dkim:
    try:
        return Dkim(selector=selector, key_file=path)
    except ValueError:
        raise typer.BadParameter("英数字とハイフンで書いてください。", param_hint="SELECTOR") from None


@section.command("show", help="設定にある鍵について、DNSに公開するレコードを表示します。")
def show(*, directory: Directory = Path("var")) -> None:
    """Print one record a key."""
    settings = load(directory)
    dkim_signing.keys(settings)
    for one in settings.dkim:
        if one.key_file is not None:
            _say(one, one.key_file, settings)


def _say(one: Dkim, path: Path, settings: Settings) -> None:
    line = dkim_signing.zone_line(dkim_signing.key(one, path, settings))
    print(f"DNSに公開するレコード：\n\n{line}\n")
