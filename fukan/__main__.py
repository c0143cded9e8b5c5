"""Entry point of the command line: every command on one screen. What a command does is in the module it calls."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from envelopes.rules.errors import FukanError, Refused
from envelopes.texts import say
from fukan import dkim, keys, people
from fukan.people import Directory

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # it would print local variables, and with them secrets
    add_completion=False,
    help="封緘（Fukan）：メールで結ぶ電子契約。",
)

app.add_typer(people.section, name="section")
app.add_typer(people.staff, name="staff")
app.add_typer(people.registry, name="registry")
app.add_typer(keys.section, name="keys")
app.add_typer(dkim.section, name="dkim")


@app.command(help="設定ファイル、鍵、認証局、データベースを作ります。あるものには触れません。")
def init(
    *,
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
    *,
    directory: Directory = Path("var"),
    port: Annotated[int, typer.Option(help="電子契約の画面のポート。")] = 8000,
    mail_port: Annotated[int, typer.Option(help="見本のメールの画面のポート。")] = 8025,
    smtp_port: Annotated[int, typer.Option(help="見本の郵便局のポート（SMTP）。")] = 8026,
    imap_port: Annotated[int, typer.Option(help="見本の郵便局のポート（IMAP）。")] = 8027,
    tour: Annotated[
        Path | None, typer.Option(help="全員の役を自動で演じ、結果をこのフォルダーに残します。")
    ] = None,
    document: Annotated[
        list[Path] | None,
        typer.Option(help="--tour で使う文書（PDF）。何度でも。", exists=True, dir_okay=False),
    ] = None,
    kind: Annotated[str, typer.Option(help="--tour の種別：契約書 か 請書。")] = "契約書",
    contractor: Annotated[str, typer.Option(help="--tour の相手方のアドレス。台帳に加えます。")] = "",
) -> None:
    """Run the local mail world with portal and bot, or play a whole contract in one of its own."""
    from fukan import serve
    from fukan.demo import run

    serve.log_to_terminal(logging.WARNING)
    if tour is not None:
        _tour(tour, documents=document or [], kind=kind, contractor=contractor)
    else:
        ports = run.Ports(portal=port, pages=mail_port, smtp=smtp_port, imap=imap_port)
        asyncio.run(run.run(directory, ports))


def _tour(directory: Path, *, documents: list[Path], kind: str, contractor: str) -> None:
    from envelopes.rules.addresses import normalise
    from envelopes.rules.kinds import Kind
    from fukan.demo import tour

    if kind not in {one.value for one in Kind}:
        raise typer.BadParameter("契約書 か 請書 のどちらかです。", param_hint="--kind")
    address = normalise(contractor) if contractor else ""
    asyncio.run(tour.run(tour.plan(directory, documents=documents, kind=Kind(kind), contractor=address)))


@app.command(help="画面（portal）、メール（bot）、または両方（all）を動かします。")
def serve(
    *,
    door: Annotated[str, typer.Argument(help="portal か bot か all。")] = "all",
    directory: Directory = Path("var"),
) -> None:
    """Run portal, bot or both until a signal comes."""
    from envelopes.settings import load
    from fukan import serve as server

    doors = {"all": tuple(server.Door), "portal": (server.Door.PORTAL,), "bot": (server.Door.BOT,)}
    if door not in doors:
        raise typer.BadParameter("portal か bot か all です。", param_hint="DOOR")
    server.log_to_terminal()
    asyncio.run(server.serve(load(directory), doors[door]))


@app.command(help="この環境に悪いところがないか調べます。あれば終了コードが1になります。")
def doctor(
    *,
    mail: Annotated[
        bool,
        typer.Option("--mail", help="受付アドレスに試しのメールを送り、届くまでを確かめます（2分以内）。"),
    ] = False,
    directory: Directory = Path("var"),
) -> None:
    """Print one line a check and what to do."""
    from envelopes.settings import load
    from fukan import doctor as checks

    outcomes = asyncio.run(checks.examine(load(directory), send=mail))
    print(checks.report(outcomes))
    if not checks.is_sound(outcomes):
        raise typer.Exit(1)


@app.command(
    help="署名済みPDFを確かめます。ファイルを並べるか、--from と --to で取引年月日の期間を選びます（一括検証）。"
    "--history では操作ログを確かめます。"
    "すべてが確かなときだけ終了コードが0になります。"
)
def verify(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE…", help="確かめるPDF。", exists=True, dir_okay=False)
    ] = None,
    *,
    json_: Annotated[bool, typer.Option("--json", help="結果をJSONで出します。")] = False,
    root: Annotated[
        Path | None,
        typer.Option(help="信頼する認証局の証明書。なければこの環境のもの。", exists=True, dir_okay=False),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE", help="この取引年月日から。"),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], metavar="DATE", help="この取引年月日まで。"),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="期間の結果を、このCSVファイルにも書きます。")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="操作ログが書き換えられていないか確かめます。")
    ] = False,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="--history で使う、保存しておいたメール（.eml）。「記録の先頭値」が操作ログにあるか。何度でも。",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    directory: Directory = Path("var"),
) -> None:
    """Judge files, everything concluded in a period, or the history."""
    from fukan import verifying

    by_period = since is not None or until is not None
    if [bool(files), by_period, history].count(True) != 1:
        raise typer.BadParameter(
            "ファイル、期間（--from、--to）、--history のどれかひとつを指定してください。"
        )
    if against and not history:
        raise typer.BadParameter("--history と使います。", param_hint="--against")
    if csv is not None and not by_period:
        raise typer.BadParameter("期間を選んだときに使えます。", param_hint="--csv")
    if history:
        _verify_history(directory, against or [], as_json=json_)
        return
    if by_period:
        first, last = (day.date() if day else None for day in (since, until))
        kept = verifying.verify_period(first, last, directory=directory, root=root)
        if csv is not None:
            verifying.write_csv(csv, kept)
        seen: Sequence[verifying.Seen] = kept
    else:
        seen = verifying.verify_files(files or [], directory=directory, root=root)
    print(verifying.as_json(seen) if json_ else verifying.as_text(seen))
    if not verifying.is_sound(seen):
        raise typer.Exit(1)


@app.command(
    help="契約ひとつの証拠一式を、ZIPファイルに書き出します。"
    "入っている README.txt の手順で、このシステムなしに確かめられます。"
)
def evidence(
    id_: Annotated[str, typer.Argument(metavar="ID", help="締結証明書ID、契約番号、または封筒の参照。")],
    *,
    out: Annotated[Path | None, typer.Option(help="書き出すファイル。なければ evidence-ID.zip。")] = None,
    directory: Directory = Path("var"),
) -> None:
    """Write everything that proves a contract, and how, into one ZIP."""
    from envelopes.settings import load
    from fukan import evidence as bundles

    print(f"書き出しました：{bundles.write(load(directory), id_, out)}")
    print("氏名やIPアドレスなど、個人に関する情報が入っています。必要な人だけに渡してください。")


def _verify_history(directory: Path, mails: Sequence[Path], *, as_json: bool) -> None:
    from envelopes.settings import load
    from fukan import history

    report = asyncio.run(history.verify(load(directory), {str(path): path.read_bytes() for path in mails}))
    print(report.as_json() if as_json else report.words())
    if not report.is_sound:
        raise typer.Exit(1)


@app.command(
    help="内蔵の時刻認証局（TSA）をHTTPで動かします（RFC 3161）。"
    "このタイムスタンプは、総務大臣の認定を受けたものではありません（認定タイムスタンプではありません）。"
)
def tsa(
    *,
    host: Annotated[str, typer.Option(help="待ち受けるアドレス。")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="待ち受けるポート。0なら空いているもの。")] = 3161,
    directory: Directory = Path("var"),
) -> None:
    """Serve the embedded authority until a signal comes."""
    from envelopes.settings import load
    from fukan import tsa as authority

    try:
        served = authority.server(load(directory), host=host, port=port)
    except OSError as error:
        raise typer.BadParameter(f"{host}:{port} で待ち受けられません（{error.strerror}）。") from None
    print(f"{served.url} で受け付けます。認定タイムスタンプではありません。", flush=True)
    authority.run(served)


@app.command(
    help="WordとExcelのファイルをPDFにする役だけを動かします。鍵もネットワークもないコンテナで使います（compose.yaml）。"
)
def office(
    socket: Annotated[
        Path, typer.Argument(metavar="SOCKET", help="待ち受けるソケット。botの設定の office.socket。")
    ],
) -> None:
    """Convert for the bot until a signal comes."""
    from fukan import office as service

    asyncio.run(service.run(socket))


@app.command(
    help="期限の近い時刻証明を延長します。bot も自動で行います。--dry-run では対象を表示するだけです。"
    "できない文書が残ったときは終了コードが1になります。"
)
def renew(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="対象の文書と期限を表示するだけ。")] = False,
    directory: Directory = Path("var"),
) -> None:
    """Say which files are due for their next timestamp, or give it to them."""
    from fukan import renewing

    if dry_run:
        print(renewing.dry_run(directory))
        return
    done = renewing.run(directory)
    print(renewing.report(done))
    if not done.is_sound:
        raise typer.Exit(1)


def explain(error: FukanError) -> str:
    """What went wrong and what to do, for the terminal."""
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
