"""Entry point of the command line: every command on one screen. What a command does is in the module it calls."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from envelopes.rules.errors import FukanError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # it would print local variables, and with them secrets
    add_completion=False,
    help="封緘（Fukan）：メールで結ぶ電子契約。",
)

Directory = Annotated[
    Path, typer.Option("--directory", envvar="FUKAN_DIRECTORY", help="設定・鍵・データを置くフォルダー。")
]


@app.command(help="設定ファイル、鍵、認証局、データベースを作ります。あるものには触れません。")
def init(
    directory: Directory = Path("var"),
    town: Annotated[str, typer.Option(help="自治体の名前。認証局の証明書に入ります。")] = "みほん村",
    url: Annotated[str, typer.Option(help="相手方がブラウザーで開くアドレス。")] = "http://127.0.0.1:8000",
) -> None:
    """Make an installation, or what is missing of it."""
    from envelopes.settings import load
    from fukan import installation

    if installation.write_settings(directory, installation.first_settings(town=town, url=url)):
        print(f"設定ファイルを書きました：{directory / installation.SETTINGS_FILE}")
    asyncio.run(installation.create(load(directory)))
    print(f"準備ができました：{directory}")
    print("鍵（keys）は、データとは別に、必ず控えを取ってください。失うと文書を開けません。")


@app.command(help="見本の村で、契約をひとつ結んでみます。何も外へは出ません。")
def demo(
    directory: Directory = Path("var"),
    port: Annotated[int, typer.Option(help="電子契約の画面のポート。")] = 8000,
    mail_port: Annotated[int, typer.Option(help="見本のメールの画面のポート。")] = 8025,
) -> None:
    """Run the local mail world with portal and bot."""
    from fukan import serve
    from fukan.demo import run

    serve.log_to_terminal(logging.WARNING)
    asyncio.run(run.run(directory, run.Ports(portal=port, pages=mail_port)))


def explain(error: FukanError) -> str:
    """What went wrong and what to do, for the terminal."""
    from envelopes.rules.errors import Refused
    from envelopes.texts import say

    return say(error.reason, "ja", **error.details) if isinstance(error, Refused) else str(error)


def main() -> None:
    """Run the command line; what cannot be done is said in one line on standard error, with exit status 1."""
    try:
        app()
    except FukanError as error:
        print(f"× {explain(error)}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
