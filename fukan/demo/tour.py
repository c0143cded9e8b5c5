"""One contract from beginning to end, all roles played against a real world of its own.

The roles speak SMTP, IMAP and HTTP and nothing else; what they press is found on the pages as a person finds it. What
is left in the directory: the signed PDFs, every mail, and `transcript.json`. The first thing that is not as it should
be ends the tour and is said with its step.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import aiosmtplib
import pyotp

from envelopes.rules.addresses import AddressKind, classify
from envelopes.rules.consent import instant
from envelopes.rules.errors import FukanError
from envelopes.rules.kinds import Kind
from fukan.demo import cast
from fukan.demo.browser import Browser, Page, UnexpectedPage
from fukan.demo.forwarding import Document, Order, compose, default_deadline
from fukan.demo.letterbox import Letter, Letterbox, NoMail
from fukan.demo.pages import STORIES
from fukan.demo.reading import content, file_name, leaves
from fukan.demo.run import ANY_PORTS, World, world
from fukan.demo.samples.build import HERE as SAMPLES

TRANSCRIPT: Final = "transcript.json"
_MAIL_SECONDS: Final = 60.0  # why: no mail of a sample takes a tenth of it
_PAPER_SECONDS: Final = 200.0  # why: images of a thousand pages, and still under four minutes in all
_PAUSE: Final = 0.2  # why: as often as an impatient person looks again
_PERIOD: Final = 30  # RFC 6238 5.2
_TITLE: Final = 60  # why: the policy's longest title
_TOKYO: Final = ZoneInfo("Asia/Tokyo")
_IMAGES_AT_ONCE: Final = 4  # why: as many as a browser loads side by side
_CADES: Final = b"ETSI.CAdES.detached"  # ETSI EN 319 142-1: SubFilter of a PAdES signature
_CERTIFICATE: Final = "締結証明書"
_CERTIFICATES: Final = (f"{_CERTIFICATE}.pdf", "-certificate.pdf")  # how its name ends; ASCII for carriers
_REFUSED_MAILS: Final = ("下書きを作れませんでした", "確認してください", "送れませんでした", "要確認")


class TourFailed(FukanError):
    """A step did not go as it should; the message names the step and what was seen."""


class NotEmpty(FukanError):
    """The directory holds something that no tour has left there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be played."""

    directory: Path
    kind: Kind
    contractor: cast.Contractor
    title: str
    amount: str
    documents: tuple[Document, ...]


class Signed(NamedTuple):
    """A signed PDF as one of the parties got it."""

    name: str
    content: bytes


@dataclass(slots=True)
class Transcript:
    """What happened, as it is written down."""

    kind: str
    contractor: str
    began: str
    documents: list[dict[str, Any]]
    steps: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    mails: int = 0
    seconds: float = 0.0
    failed: str | None = None


class Authenticator:
    """A phone that shows each code once: a step that was used is not offered again."""

    def __init__(self, seed: str) -> None:
        self._totp = pyotp.TOTP(seed)
        self._last = 0

    async def code(self, now: float) -> str:
        """Return the present digits, or the next ones (clocks may differ by one step, RFC 6238 5.2)."""
        present = int(now) // _PERIOD
        self._last = max(present, self._last + 1)
        if self._last > present + 1:
            await asyncio.sleep((self._last - 1) * _PERIOD - now)
        return self._totp.generate_otp(self._last)


def plan(
    directory: Path, *, documents: Sequence[Path] = (), kind: Kind = Kind.CONTRACT, contractor: str = ""
) -> Plan:
    """Return what the command line asks for; samples where it names no documents. Raises OSError."""
    story = next(one for one in STORIES if one.kind is kind)
    paths = documents or [SAMPLES / name for name in story.files]
    return Plan(
        directory=directory,
        kind=kind,
        contractor=_contractor(contractor),
        title=documents[0].stem[:_TITLE] if documents else story.title,
        amount=story.amount,
        documents=tuple(Document(path.name, path.read_bytes()) for path in paths),
    )


def _contractor(address: str) -> cast.Contractor:
    known = {person.address: person for person in cast.CONTRACTORS}
    if not address or address in known:
        return known.get(address, cast.TAKAHASHI)
    own = classify(address) is AddressKind.OWN
    return cast.Contractor(
        company="南沢工業株式会社",
        office="代表取締役",
        name="南沢 誠",
        address=address,
        address_class=cast.AddressClass.COMPANY if own else cast.AddressClass.FREE,
        reason="" if own else "会社のアドレスがないため",
    )


async def run(wanted: Plan) -> None:
    """Play *wanted*. Raises TourFailed, NotEmpty and what starting a world raises."""
    _make_room(wanted.directory)
    began = asyncio.get_running_loop().time()
    contractors = (*cast.CONTRACTORS, wanted.contractor)
    stop = asyncio.Event()
    async with world(
        wanted.directory / "world", ANY_PORTS, stop=stop, contractors=tuple(dict.fromkeys(contractors))
    ) as made:
        tour = Tour(wanted, made, began)
        try:
            await tour.play()
        finally:
            tour.keep()


def _make_room(directory: Path) -> None:
    """Remove what an earlier tour has left; refuse a directory that holds anything else."""
    directory.mkdir(parents=True, exist_ok=True)
    transcript = directory / TRANSCRIPT
    if not transcript.exists():
        if any(directory.iterdir()):
            raise NotEmpty(f"{directory} は空ではありません。空のフォルダーを選んでください。")
        transcript.write_text("{}\n", encoding="utf-8")
    for name in _left(transcript):
        (directory / name).unlink(missing_ok=True)
    for folder in ("world", "mails"):
        shutil.rmtree(directory / folder, ignore_errors=True)


def _left(transcript: Path) -> list[str]:
    with suppress(ValueError, KeyError, TypeError):
        return [PurePath(one["name"]).name for one in json.loads(transcript.read_text("utf-8"))["files"]]
    return []


class Tour:
    """The play in one world."""

    def __init__(self, wanted: Plan, made: World, began: float) -> None:
        self._plan = wanted
        self._world = made
        self._began = began
        self._clerk = Letterbox(cast.NAKAMURA.address, made.post.imap_port)
        self._mayor = Letterbox(cast.KITAZAWA.address, made.post.imap_port)
        self._contractor = Letterbox(wanted.contractor.address, made.post.imap_port)
        self._phones: dict[str, Authenticator] = {}
        self._envelope_url = ""
        self._seen: list[bytes] = []
        documents = [
            {"name": one.name, "size": len(one.content), "sha256": sha256(one.content).hexdigest()}
            for one in wanted.documents
        ]
        self._transcript = Transcript(
            kind=wanted.kind.value,
            contractor=wanted.contractor.address,
            began=instant(made.services.now()),
            documents=documents,
        )

    async def play(self) -> None:
        """All steps in turn."""
        async with AsyncExitStack() as stack:
            clerk = await stack.enter_async_context(Browser("clerk"))
            outside = await stack.enter_async_context(Browser("contractor"))
            mayor = await stack.enter_async_context(Browser("mayor"))
            await self._draft(clerk)
            await self._sign_outside(clerk, outside)
            if self._plan.kind is Kind.CONTRACT:
                await self._sign_for_village(clerk, mayor)
            # Weeks may lie between signing and saving, so the link is opened in a browser that has proved nothing.
            later = await stack.enter_async_context(Browser("contractor, later"))
            await self._complete(clerk, later)

    # The clerk

    async def _draft(self, clerk: Browser) -> None:
        async with self._step("職員：文書を受付アドレスへ転送しました"):
            await self._forward()
        async with self._step("職員：下書きができたという返事が届きました"):
            mail = await self._clerk.expect(
                "受け付けました（下書き）", seconds=_PAPER_SECONDS, alarms=_REFUSED_MAILS
            )
            self._envelope_url = mail.link(self._world.portal_url)
        async with self._step("職員：ログインして下書きを開きました", clerk):
            await self._sign_in(clerk, cast.NAKAMURA, self._envelope_url)
        async with self._step("職員：文書の画像を確認しました", clerk):
            page = await self._with_images(clerk)
        async with self._step("職員：内容を確認して送信しました", clerk):
            await self._confirm(clerk, page)

    async def _forward(self) -> None:
        order = Order(
            clerk=cast.NAKAMURA,
            contractor=self._plan.contractor,
            kind=self._plan.kind.value,
            title=self._plan.title,
            amount=self._plan.amount,
            deadline=default_deadline(self._world.services.now().astimezone(_TOKYO).date()),
            documents=self._plan.documents,
        )
        await aiosmtplib.send(
            compose(order, intake=cast.INTAKE, now=self._world.services.now()),
            sender=cast.NAKAMURA.address,
            recipients=[cast.INTAKE],
            hostname="127.0.0.1",
            port=self._world.post.smtp_port,
            start_tls=False,
        )

    async def _sign_in(self, browser: Browser, person: cast.StaffMember, url: str) -> Page:
        """Open *url*, sign in where asked to, and return the page behind it."""
        page = await browser.open(url)
        if not page.has_form(having="password"):
            return page
        form = page.form(having="password")
        page = await browser.submit(page, form, address=person.address, password=person.password)
        page = await browser.submit(page, page.form(having="code"), code=await self._digits(person))
        if page.has_form(having="code") or page.has_form(having="password"):
            raise page.unexpected("ログインできません")
        return await browser.open(url)

    async def _digits(self, person: cast.StaffMember) -> str:
        if person.address not in self._phones:
            seed = await self._world.seed(person.address)
            if seed is None:
                raise UnexpectedPage(f"{person.name}さんの認証アプリが登録されていません")
            self._phones[person.address] = Authenticator(seed)
        return await self._phones[person.address].code(self._world.services.now().timestamp())

    async def _with_images(self, clerk: Browser) -> Page:
        """Look again until the page of the draft shows every document, as a careful clerk does."""
        end = asyncio.get_running_loop().time() + _PAPER_SECONDS
        while True:
            page = await clerk.open(self._envelope_url)
            if page.images and "ページの画像を準備しています" not in page.words:
                return page
            if asyncio.get_running_loop().time() > end:
                raise page.unexpected("文書の画像ができません")
            await asyncio.sleep(_PAUSE)

    async def _confirm(self, clerk: Browser, page: Page) -> None:
        form = page.form(button="内容を確認して送信する")
        chosen: dict[str, str] = {}
        for choice in form.choices:
            if choice.name == "acknowledged" or cast.KITAZAWA.name in choice.words:
                chosen[choice.name] = choice.value
        if self._plan.kind is Kind.CONTRACT and "village_signer" not in chosen:
            raise page.unexpected(f"署名者に{cast.KITAZAWA.name}さんを選べません")
        page = await clerk.submit(page, form, **chosen)
        if page.has_form(button="内容を確認して送信する"):
            raise page.unexpected("送信できません")

    # The contractor

    async def _sign_outside(self, clerk: Browser, outside: Browser) -> None:
        async with self._step("相手方：署名依頼のメールが届きました", clerk):
            mail = await self._expect(self._contractor, "署名依頼が届いています", _PAPER_SECONDS)
        async with self._step("相手方：リンクを開き、確認コードをメールで受け取りました", clerk):
            page = await outside.open(mail.link(self._world.portal_url))
            page = await outside.submit(page, page.form(button="確認コードをメールで受け取る"))
            code = await self._code(page)
        async with self._step("相手方：確認コードを入力しました", clerk):
            page = await outside.submit(page, page.form(having="code"), code=code)
        async with self._step("相手方：すべての文書を読みました", clerk):
            page = await self._read_all(outside, page)
        async with self._step("相手方：署名手続きを完了しました", clerk):
            page = await outside.go(page, page.link("完了する"))
            page = await outside.submit(page, page.form(having="offer"))
            self._require_done(page)

    async def _expect(self, box: Letterbox, words: str, seconds: float = _MAIL_SECONDS) -> Letter:
        return await box.expect(words, seconds=seconds, alarms=_REFUSED_MAILS[2:])

    async def _code(self, page: Page) -> str:
        """Take the code from its mail, and see that page and mail show the same word (符号)."""
        mail = await self._expect(self._contractor, "確認コードのお知らせ")
        words = mail.reading.text.split()
        word = words[words.index("符号") + 1] if "符号" in words else ""
        if not word or word not in page.words:
            raise page.unexpected("画面とメールの符号が違います")
        return mail.code()

    async def _read_all(self, browser: Browser, page: Page) -> Page:
        """Open every document with all its images and its PDF; return the last page."""
        tabs = [link for link in page.links if link.words.startswith("文書") and "表示" in link.words]
        if len({link.href for link in tabs}) < len(self._plan.documents):
            raise page.unexpected("文書がそろっていません")
        for href in dict.fromkeys(link.href for link in tabs):
            page = await browser.go(page, next(link for link in tabs if link.href == href))
            await self._look_at(browser, page)
        return page

    async def _look_at(self, browser: Browser, page: Page) -> None:
        gate = asyncio.Semaphore(_IMAGES_AT_ONCE)
        sheets = [src for src in page.images if "/static/" not in src]
        if not sheets:
            raise page.unexpected("文書の画像がありません")

        async def load(src: str) -> None:
            async with gate:
                sheet = await browser.save(page, src)
            if not sheet.kind.startswith("image/"):
                raise page.unexpected(f"画像のはずが {sheet.kind} です")

        await asyncio.gather(*(load(src) for src in sheets))
        pdf = (await browser.save(page, page.link("PDFを保存").href)).content
        if not pdf.startswith(b"%PDF-"):
            raise page.unexpected("署名前のPDFを保存できません")
        self._seen.append(pdf)

    def _require_done(self, page: Page) -> None:
        expected = {
            Kind.CONTRACT: "契約はまだ成立していません",
            Kind.ACCEPTANCE: "請書の提出が完了しました",
        }[self._plan.kind]
        if expected not in page.words:
            raise page.unexpected(f"「{expected}」がありません")

    # The village's signer

    async def _sign_for_village(self, clerk: Browser, mayor: Browser) -> None:
        async with self._step("村長：署名待ちのメールが届きました", clerk):
            mail = await self._expect(self._mayor, "【署名待ち】")
        async with self._step("村長：ログインして文書を読みました", clerk):
            page = await self._sign_in(mayor, cast.KITAZAWA, mail.link(self._world.portal_url))
            if any(link.words.startswith("文書を確認して署名する") for link in page.links):
                page = await mayor.go(page, page.link("文書を確認して署名する"))
            page = await self._read_all(mayor, page)
        async with self._step("村長：村として署名しました", clerk):
            page = await mayor.go(page, page.link("署名へ進む"))
            form = page.form(having="offer")
            page = await mayor.submit(page, form, code=await self._digits(cast.KITAZAWA))
            if page.has_form(having="offer"):
                raise page.unexpected("署名できません")

    # Both

    async def _complete(self, clerk: Browser, later: Browser) -> None:
        async with self._step("相手方：完了のお知らせが届きました", clerk):
            to_contractor = await self._expect(self._contractor, "電子署名完了のお知らせ")
        async with self._step("職員：完了のお知らせが届きました", clerk):
            to_clerk = await self._expect(self._clerk, "電子署名完了のお知らせ")
        async with self._step(f"双方：署名済みのPDFと{_CERTIFICATE}を保存しました", clerk):
            theirs = await self._files(later, to_contractor)
            ours = _attached(to_clerk)
            if ours and {one.content for one in ours} != {one.content for one in theirs}:
                raise NoMail("双方に届いたPDFが違います")
            self._check(theirs)

    async def _files(self, later: Browser, mail: Letter) -> list[Signed]:
        """Return the signed PDFs and their certificate: attached, or behind the link."""
        if attached := _attached(mail):
            return attached
        page = await later.open(mail.link(self._world.portal_url))
        if page.has_form(having="code"):
            page = await later.submit(page, page.form(button="コードを送る"))
            code = await self._code(page)
            page = await later.submit(page, page.form(having="code"), code=code)
        links = [link for link in page.links if link.href.endswith(".pdf")]
        saved = [await later.save(page, link.href) for link in links]
        return [Signed(one.name or "document.pdf", one.content) for one in saved]

    def _check(self, files: Sequence[Signed]) -> None:
        """Keep *files*: every document as it was read and with a signature of every party, and their certificate."""
        *signed, certificate = files
        if len(signed) != len(self._plan.documents):
            raise NoMail(f"署名済みのPDFが{len(signed)}件です（文書は{len(self._plan.documents)}件）")
        signatures = 2 if self._plan.kind is Kind.CONTRACT else 1
        for number, one in enumerate(signed, 1):
            if not any(one.content.startswith(seen) for seen in self._seen):
                raise NoMail(f"{number}件目のPDFの先頭が、読んだ文書と違います")
            if (found := one.content.count(_CADES)) != signatures:
                raise NoMail(f"{number}件目のPDFの署名が{found}個です（{signatures}個のはず）")
            self._keep_file(number, one)
        if not certificate.name.endswith(_CERTIFICATES) or certificate.content.count(_CADES) != 1:
            raise NoMail(f"{_CERTIFICATE}がありません（最後のPDFは {certificate.name}）")
        self._keep_file(len(files), certificate, what=_CERTIFICATE)

    def _keep_file(self, number: int, one: Signed, *, what: str = "文書") -> None:
        name = f"{number}-{PurePath(one.name).name}"
        (self._plan.directory / name).write_bytes(one.content)
        digest = sha256(one.content).hexdigest()
        self._transcript.files.append(
            {"name": name, "what": what, "size": len(one.content), "sha256": digest}
        )
        print(f"         {digest}  {name}", flush=True)

    # Writing down

    @asynccontextmanager
    async def _step(self, what: str, clerk: Browser | None = None) -> AsyncIterator[None]:
        """Time a step and say it; whatever goes wrong in it is raised as TourFailed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
            state = await self._state(clerk)
        except (UnexpectedPage, NoMail, aiosmtplib.SMTPException, OSError) as error:
            seen = str(error) if isinstance(error, FukanError) else type(error).__name__
            self._transcript.failed = what
            raise TourFailed(f"できなかったこと：{what}\n  見えたもの：{seen}") from None
        since = round(loop.time() - self._began, 2)
        at = instant(self._world.services.now())
        taken = round(loop.time() - began, 2)
        self._transcript.steps.append(
            {"step": what, "state": state, "at": at, "seconds": taken, "since": since}
        )
        print(f"{since:6.1f}秒  {what}{f'［{state}］' if state else ''}", flush=True)

    async def _state(self, clerk: Browser | None) -> str:
        """The state of the envelope as the clerk's page says it."""
        return (await clerk.open(self._envelope_url)).chip if clerk is not None else ""

    def keep(self) -> None:
        """Write all mails and the transcript, also after a failure."""
        for box in self._world.post.mailboxes():
            folder = self._plan.directory / "mails" / box.address.replace("/", "_")
            folder.mkdir(parents=True, exist_ok=True)
            for number, mail in enumerate(reversed(self._world.post.mails(box.address)), 1):
                (folder / f"{number:02}.eml").write_bytes(self._world.post.mail(mail.id) or b"")
                self._transcript.mails += 1
        self._transcript.seconds = round(asyncio.get_running_loop().time() - self._began, 2)
        text = json.dumps(asdict(self._transcript), ensure_ascii=False, indent=2)
        (self._plan.directory / TRANSCRIPT).write_text(text + "\n", encoding="utf-8")


def _attached(mail: Letter) -> list[Signed]:
    parts = [part for part in leaves(mail.raw) if part.get_content_type() == "application/pdf"]
    return [Signed(file_name(part) or "document.pdf", content(part)) for part in parts]
