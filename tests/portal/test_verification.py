"""The public page: uploads, ids, what it holds and what it forgets. The bot's part is played by a plain answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.actions import verification as act
from envelopes.records import tasks
from envelopes.records.models import File, Verification
from envelopes.records.tasks import Lane
from envelopes.rules.findings import Fault, Of, Part, Result
from envelopes.rules.wording import Language, Wording
from envelopes.services import Services
from portal import uploads, verification
from portal.app import create_app
from portal.phrases import tongue
from portal.verification_views import VerificationResult
from tests.engines import Clock, Engine, Town, build_services

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]
SIGNED = Result(
    parts=(
        Part(
            of=Of.SIGNATURE,
            field="Signer1",
            signer="みほん村 署名",
            issuer="みほん村 認証局",
            name="<b>髙橋建設</b>",
            at=datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC),
        ),
    )
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provided(engine: Engine, clock: Clock) -> Services:
    policy = {"verify_hold": 0.4, "verify_waiting": 2, "verify_bytes": 300_000, "verify_an_hour": 6}
    return build_services(engine, clock, policy=policy)


@asynccontextmanager
async def visiting(services: Services) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(services))) as made:
        yield made


@pytest.fixture
async def client(provided: Services) -> AsyncIterator[Client]:
    async with visiting(provided) as made:
        yield made


@asynccontextmanager
async def bot(services: Services, result: Result) -> AsyncIterator[None]:
    """A bot to whom every file is *result*."""

    async def by(_: bytes) -> Result:
        return result

    async def work() -> None:
        while True:
            for task in await tasks.claim(
                Lane.VERIFY, limit=1, now=services.now(), lease=timedelta(minutes=2)
            ):
                await act.judge(services, task.ids["verification"], by)
                await tasks.done(task, now=services.now())
            await asyncio.sleep(0.02)

    working = asyncio.create_task(work())
    yield
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


def upload(data: bytes, name: str = "file") -> FormData:
    form = FormData()
    form.add_field(name, data, filename="契約.pdf", content_type="application/pdf")
    return form


async def send(client: Client, data: bytes, name: str = "file") -> tuple[int, str]:
    async with client.post("/verify", data=upload(data, name)) as answer:
        return answer.status, await answer.text()


async def get(client: Client, path: str) -> tuple[int, str]:
    async with client.get(path) as answer:
        return answer.status, await answer.text()


async def test_a_file_is_judged_shown_and_forgotten(engine: Engine, clock: Clock) -> None:
    services = build_services(engine, clock, policy={"verify_hold": 60})
    async with visiting(services) as client, bot(services, SIGNED):
        # Larger than every other form may be.
        status, text = await send(client, b"%PDF" + b"x" * 200_000)
    assert status == 200
    assert "変更されていません（発行元 みほん村 認証局）" in text
    assert "文書は、この署名が適用されてから変更されていません" in text
    assert "&lt;b&gt;髙橋建設&lt;/b&gt;" in text
    assert not await Verification.all().exists()
    assert not await File.all().exists()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.BYTES_CHANGED, "署名後に内容が変わっています。"),
        (Fault.NO_SIGNATURE, "電子署名がありません。"),
        (Fault.UNREADABLE, "読み取れません。"),
        (Fault.NOT_ANALYSED, "決められた時間の中で調べ終わらなかったため、何も言えません。"),
    ],
)
async def test_what_is_wrong_is_said(engine: Engine, clock: Clock, fault: Fault, words: str) -> None:
    services = build_services(engine, clock, policy={"verify_hold": 60})
    async with visiting(services) as client, bot(services, Result(faults=(fault,))):
        status, text = await send(client, b"x")
    assert status == 200
    assert words in text
    assert "変更されていません（" not in text


async def test_a_result_that_takes_long_is_behind_a_link_which_changes_nothing(
    provided: Services, client: Client, engine: Engine, clock: Clock
) -> None:
    status, text = await send(client, b"%PDF")
    assert status == 202
    row = await Verification.get()
    assert f'href="/verify/{row.ref}"' in text
    assert (await get(client, f"/verify/{row.ref}"))[1].count("確認しています") >= 1
    async with bot(provided, SIGNED), asyncio.timeout(30):
        while await act.found(provided, row.ref) is None:  # noqa: ASYNC110 -- the row is the only sign
            await asyncio.sleep(0.05)
    before = await engine.rows("SELECT * FROM verifications")
    for _ in range(2):
        status, text = await get(client, f"/verify/{row.ref}")
        assert status == 200
        assert "変更されていません（発行元 みほん村 認証局）" in text
    assert await engine.rows("SELECT * FROM verifications") == before
    clock.forward(minutes=10)
    status, text = await get(client, f"/verify/{row.ref}")
    assert status == 410
    assert "確認の結果は消去しました" in text


async def test_an_own_file_is_known_at_once_without_the_bot(town: Town) -> None:
    shot = await town.completed()
    (document,) = shot.documents
    async with visiting(town.services) as client:
        status, text = await send(client, await town.bytes_of(document))
        assert status == 200
        assert "1バイトの違いもなく一致します" in text
        assert f"{shot.envelope.certificate_id}-1" in text
        assert not await Verification.all().exists()
        data = {"certificate_id": shot.envelope.certificate_id}
        async with client.post("/verify", data=data) as answer:
            text = await answer.text()
        assert answer.status == 200
    assert "髙＊＊＊" in text
    for secret in ("髙橋建設", "一郎", shot.envelope.title, str(shot.envelope.amount)):
        assert secret not in text


async def test_an_unknown_id_is_told_beside_its_field(client: Client) -> None:
    async with client.post("/verify", data={"certificate_id": 'x"><script>'}) as answer:
        text = await answer.text()
    assert answer.status == 404
    assert 'id="certificate_id-e"' in text
    assert "<script>" not in text


@pytest.mark.parametrize(
    ("data", "name", "status"),
    [
        (b"", "file", 422),
        (b"%PDF", "other", 422),
        (b"x" * 300_001, "file", 413),
        (b"x" * 900_000, "file", 413),
    ],
)
async def test_no_file_and_too_large_a_file_are_refused(
    client: Client, data: bytes, name: str, status: int
) -> None:
    answered, text = await send(client, data, name)
    assert answered == status
    assert 'id="file-e"' in text
    assert not await File.all().exists()


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "multipart/mixed"]
)
async def test_a_body_that_is_no_form_is_refused(client: Client, kind: str) -> None:
    async with client.post("/verify", data=b"nonsense", headers={"Content-Type": kind}) as answer:
        assert answer.status in (400, 422)


async def test_a_body_that_never_ends_is_cut_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SECONDS", 0.3)

    async def drip() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF'
        await asyncio.sleep(30)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with asyncio.timeout(20), client.post("/verify", data=drip(), headers=headers) as answer:
        assert answer.status == 408
        assert "送信に時間がかかりすぎました" in await answer.text()


async def test_what_waits_and_what_comes_too_often_is_put_off(
    client: Client, provided: Services, clock: Clock
) -> None:
    for number in range(2):
        assert (await send(client, bytes([number])))[0] == 202
    status, text = await send(client, b"3")
    assert status == 429
    assert "ただいま混み合っています" in text
    clock.forward(minutes=10)
    await act.sweep(provided)
    answers = [(await send(client, b""))[0] for _ in range(6)]
    assert answers.count(429) >= 1
    assert answers[-1] == 429


async def test_only_so_many_uploads_are_in_memory_at_once(engine: Engine, clock: Clock) -> None:
    services = build_services(engine, clock, policy={"verify_at_once": 1})
    reading = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF'
        await reading.wait()
        yield b"\r\n--x--\r\n"

    async def first(client: Client) -> int:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        async with client.post("/verify", data=slow(), headers=headers) as answer:
            return answer.status

    async with visiting(services) as client, bot(services, SIGNED), asyncio.timeout(60):
        one = asyncio.create_task(first(client))
        while not client.app[verification.UPLOADS].locked():  # noqa: ASYNC110 -- the turn is the only sign
            await asyncio.sleep(0.02)
        status, text = await send(client, b"%PDF")
        assert status == 429
        assert "ただいま混み合っています" in text
        reading.set()
        assert await one in (200, 202)


async def test_the_authoritys_root_is_offered_with_its_fingerprint(
    client: Client, provided: Services
) -> None:
    assert "ルート証明書" not in await (await client.get("/verify")).text()
    public = provided.settings.public_directory
    public.mkdir(parents=True, exist_ok=True)
    (public / "root-1.cer").write_bytes(b"a root")
    shown = await (await client.get("/verify")).text()
    assert sha256(b"a root").hexdigest() in shown
    assert "認定タイムスタンプではありません" in shown
    assert await (await client.get("/pki/root-1.cer")).read() == b"a root"


async def test_looking_at_the_form_writes_nothing(client: Client, engine: Engine) -> None:
    before = await engine.dump()
    for path in ("/verify", "/verify/" + "a" * 16, "/"):
        for method in ("GET", "HEAD"):
            async with client.request(method, path) as answer:
                assert answer.status in (200, 410)
    assert await engine.dump() == before
    assert "/verify" in (await get(client, "/"))[1]


def in_english(result: Result) -> VerificationResult:
    said = tongue(Wording(language=Language.ENGLISH))
    return said.translate(verification._result(act.Judged(result=result, sha256="0" * 64)))


def test_what_was_found_is_said_in_english_on_an_english_page() -> None:
    page = in_english(SIGNED)
    assert page.headline == "Not changed; issued by みほん村 認証局"
    (part,) = page.parts
    assert [line.text for line in part.lines] == [
        "The document has not been modified since this signature was applied",
        "The signer's identity is valid",
        "The signature includes an embedded timestamp",
    ]
    assert "2026-08-04 05:21:08 UTC" in part.lines[2].means
    spoilt = Result(parts=SIGNED.parts, faults=(Fault.BYTES_CHANGED,))
    assert in_english(spoilt).reasons == ("Its content has changed since it was signed.",)
