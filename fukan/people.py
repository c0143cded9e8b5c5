"""Commands for people: sections, staff, and the registry of contractors' addresses. What the rules are, the verbs know.

The registry's commands note two members of staff, by their addresses, and the number that was called back. How a list
is read is `fukan.lists`' business.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, TypeVar
from zoneinfo import ZoneInfo

import typer

from envelopes.actions import registrar
from envelopes.actions.registry import living
from envelopes.records.models import Contact, Envelope, Section, Staff
from envelopes.rules.errors import FukanError, Reason
from envelopes.rules.people import Role, roles_from
from envelopes.services import Services
from envelopes.settings import load
from envelopes.texts import say
from fukan.installation import opened
from fukan.lists import entry_from, read_list

T = TypeVar("T")

_TOKYO: Final = ZoneInfo("Asia/Tokyo")

Directory = Annotated[
    Path, typer.Option("--directory", envvar="FUKAN_DIRECTORY", help="設定・鍵・データを置くフォルダー。")
]
Registrar = Annotated[str, typer.Option("--registrar", help="登録した職員（台帳）のアドレス。")]
Approver = Annotated[str, typer.Option(help="確認した別の職員のアドレス。")]

staff = typer.Typer(no_args_is_help=True, help="職員。")
section = typer.Typer(no_args_is_help=True, help="課。")
registry = typer.Typer(no_args_is_help=True, help="台帳（相手方のアドレス）。")


class NoSection(FukanError):
    """The section named on the command line does not exist."""


def _at_most(limit: int) -> Callable[[str], str]:
    """Refuse what is longer than its place in the database; the message names the option."""

    def check(typed: str) -> str:
        if len(typed) > limit:
            raise typer.BadParameter(say(Reason.ENTRY_TOO_LONG, limit=limit))
        return typed

    return check


def _with(directory: Path, work: Callable[[Services], Awaitable[T]]) -> T:
    async def run() -> T:
        async with opened(load(directory)) as services:
            return await work(services)

    return asyncio.run(run())


# Sections and staff


@section.command("add", help="課を加えます。同じ符号があれば書き換えます。")
def section_add(
    *,
    code: Annotated[str, typer.Argument(help="短い符号（例：kensetsu）。")],
    name: Annotated[str, typer.Argument(help="名前（例：建設課）。", callback=_at_most(100))],
    email: Annotated[
        str, typer.Option(help="課のアドレス。相手方からの返信先になります。", callback=_at_most(320))
    ],
    phone: Annotated[str, typer.Option(help="電話番号。", callback=_at_most(40))] = "",
    hours: Annotated[str, typer.Option(help="受付時間。", callback=_at_most(100))] = "",
    name_english: Annotated[
        str, typer.Option(help="英語の画面とメールに出る名前。", callback=_at_most(100))
    ] = "",
    hours_english: Annotated[str, typer.Option(help="同じく受付時間。", callback=_at_most(100))] = "",
    directory: Directory = Path("var"),
) -> None:
    """Add a section or bring it up to date."""

    async def work(services: Services) -> None:
        await registrar.add_section(
            services,
            code=code,
            name=name,
            email=email,
            phone=phone,
            hours=hours,
            name_english=name_english,
            hours_english=hours_english,
        )

    _with(directory, work)
    print(f"課を登録しました：{name}（{code}）")


@staff.command("add", help="職員を加え、登録用のリンクをメールで送ります。")
def staff_add(
    *,
    email: Annotated[str, typer.Argument(help="職員のアドレス。ログインにも使います。")],
    name: Annotated[str, typer.Option(help="氏名。")],
    section_code: Annotated[str, typer.Option("--section", help="課の符号。")],
    role: Annotated[
        list[Role],
        typer.Option(
            help="役割。何度でも：drafter 担当、approver 承認者、signer 署名者、"
            "registrar 台帳、auditor 監査、admin 管理。"
        ),
    ],
    office: Annotated[str, typer.Option(help="役職。")] = "",
    directory: Directory = Path("var"),
) -> None:
    """Add a member of staff and have the enrolment link mailed."""

    async def work(services: Services) -> int:
        await registrar.add_staff(
            services,
            name=name,
            office=office,
            email=email,
            section=await _section(section_code),
            roles=frozenset(role),
        )
        return services.policy.enrolment_lifetime.days

    days = _with(directory, work)
    print(f"職員を登録しました：{name}。登録用のリンクを、bot がメールで送ります（有効期間は{days}日です）。")


@staff.command("invite", help="登録用のリンクを、もう一度メールで送ります。前のリンクは使えなくなります。")
def staff_invite(
    *,
    email: Annotated[str, typer.Argument(help="登録してある職員のアドレス。")],
    directory: Directory = Path("var"),
) -> None:
    """Have a new enrolment link mailed to a member of staff."""

    async def work(services: Services) -> tuple[Staff, int]:
        return await registrar.invite_again(services, email), services.policy.enrolment_lifetime.days

    person, days = _with(directory, work)
    print(f"{person.name}に、登録用の新しいリンクを、bot がメールで送ります（有効期間は{days}日です）。")
    print("前のリンクは、もう使えません。")


@staff.command("end", help="職員を名簿から外します。ログインもメールでの指示も、すぐにできなくなります。")
def staff_end(
    *,
    email: Annotated[str, typer.Argument(help="登録してある職員のアドレス。")],
    directory: Directory = Path("var"),
) -> None:
    """Let a member of staff leave, and name the requests that wait for his signature."""

    async def work(services: Services) -> tuple[Staff, list[Envelope]]:
        return await registrar.end_staff(services, email)

    person, waiting = _with(directory, work)
    print(f"名簿から外しました：{person.name}。ログインもメールでの指示も、もうできません。")
    print("この職員の依頼は、課のほかの担当が画面で続けられます。お知らせは課のアドレスに届きます。")
    print("この職員が確かめた台帳の申請は、台帳の担当が差し戻して、もう一度受け付けてください。")
    for envelope in waiting:
        print(
            f"この職員の署名を待っています：{envelope.number}。取り消して、別の署名者で送り直してください。"
        )


async def _section(code: str) -> Section:
    found = await Section.filter(code=code).first()
    if found is None:
        raise NoSection(f"課「{code}」がありません。先に fukan section add で登録してください。")
    return found


@staff.command("list", help="職員の一覧を出します。")
def staff_list(*, directory: Directory = Path("var")) -> None:
    """Print all staff, one a line, columns separated by tabs."""

    async def work(_services: Services) -> list[Staff]:
        return await Staff.all().select_related("section").order_by("id")

    for person in _with(directory, work):
        state = "停止" if not person.active else "登録済み" if person.enrolled_at else "登録待ち"
        roles = ",".join(sorted(roles_from(person.roles)))
        print(person.email, person.name, person.section.code, roles, state, sep="\t")


# The registry


@registry.command(
    "add", help="相手方のアドレスを、二人の職員の名前で登録します。使えるのは待機時間のあとです。"
)
def registry_add(
    *,
    email: Annotated[str, typer.Argument(help="相手方のアドレス。")],
    company: Annotated[str, typer.Option(help="会社名。")],
    person: Annotated[str, typer.Option(help="契約の権限がある人の氏名。")],
    office: Annotated[str, typer.Option(help="役職。")] = "",
    consented_on: Annotated[str, typer.Option(help="電子契約を承諾した日。")],
    consent_note: Annotated[str, typer.Option(help="承諾の方法（例：承諾書を受領）。")],
    call_back: Annotated[str, typer.Option(help="折り返し確かめた番号と、その出どころ。")],
    reason: Annotated[str, typer.Option(help="備考。フリーメールと携帯会社のアドレスでは必要です。")] = "",
    language: Annotated[str, typer.Option(help="メールの言語（ja / en）。")] = "ja",
    mobile: Annotated[str, typer.Option(help="SMSで本人確認をする携帯電話の番号。")] = "",
    registrar_: Registrar,
    approver: Approver,
    directory: Directory = Path("var"),
) -> None:
    """Register one address."""
    row = {
        "会社名": company,
        "役職": office,
        "氏名": person,
        "メールアドレス": email,
        "承諾日": consented_on,
        "承諾の方法": consent_note,
        "折返し": call_back,
        "備考": reason,
        "言語": language,
        "携帯電話": mobile,
    }

    async def work(services: Services) -> Contact:
        today = services.now().astimezone(_TOKYO).date()
        first, second = await _two(services, registrar_, approver)
        return await registrar.add_contact(
            services, entry_from(row, today=today), registrar=first, approver=second
        )

    contact = _with(directory, work)
    print(f"登録しました：{company}。{_local(contact)}から使えます。")


def _local(contact: Contact) -> str:
    return f"{contact.works_from.astimezone(_TOKYO):%Y-%m-%d %H:%M}"


async def _two(services: Services, registrar_: str, approver: str) -> tuple[Staff, Staff]:
    first = await registrar.staff_by_address(services, registrar_)
    return first, await registrar.staff_by_address(services, approver)


@registry.command(
    "import", help="CSV（UTF-8 か Shift_JIS）から登録します。誤りが1つでもあれば、何も登録しません。"
)
def registry_import(
    *,
    file: Annotated[Path, typer.Argument(help="1行目は列の名前です。", exists=True, dir_okay=False)],
    registrar_: Registrar,
    approver: Approver,
    directory: Directory = Path("var"),
) -> None:
    """Register all lines of a CSV file, or none."""

    async def work(services: Services) -> list[Contact]:
        today = services.now().astimezone(_TOKYO).date()
        first, second = await _two(services, registrar_, approver)
        entries = read_list(file.read_bytes(), today=today)
        return await registrar.import_contacts(services, entries, registrar=first, approver=second)

    contacts = _with(directory, work)
    print(f"{len(contacts)}件を登録しました。{_local(contacts[0])}から使えます。")


@registry.command(
    "end", help="相手方のアドレスを、二人の職員の名前で台帳から外します。会社のほかのアドレスはそのままです。"
)
def registry_end(
    *,
    email: Annotated[str, typer.Argument(help="外すアドレス。")],
    registrar_: Registrar,
    approver: Approver,
    directory: Directory = Path("var"),
) -> None:
    """End one address; what was agreed through it stays."""

    async def work(services: Services) -> Contact:
        first, second = await _two(services, registrar_, approver)
        return await registrar.end_contact(services, email, registrar=first, approver=second)

    contact = _with(directory, work)
    print(f"台帳から外しました：{contact.company}。このアドレスには、もう署名を依頼できません。")


@registry.command("list", help="台帳の一覧を出します。")
def registry_list(*, directory: Directory = Path("var")) -> None:
    """Print all working addresses, one a line, columns separated by tabs."""

    async def work(services: Services) -> list[Contact]:
        return await Contact.filter(living(services.now())).order_by("company_search", "id")

    for one in _with(directory, work):
        names = (one.company, one.office, one.person)
        dead = ("不達",) if one.dead_at else ()
        print(one.email, *names, one.kind, one.revision, _local(one), *dead, sep="\t")
