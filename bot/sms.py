"""SMS through the operator's hook: sending one that is due, and whether the hook of the settings can be used.

What is due and what becomes of it stands in `envelopes.actions.worker.texting`. The task is tried again while the code
lives, each time with the same id; text and number are put together for the attempt and are in no record or log.
"""

import logging
from collections.abc import Sequence
from typing import Final, assert_never

from tortoise.backends.base.client import BaseDBAsyncClient

from bot import hooks
from bot.hooks import Answer, Hook
from bot.outbox import NotYet
from bot.outcomes import Finding, Outcome
from envelopes.actions.worker import texting
from envelopes.actions.worker.texting import Due
from envelopes.records.tasks import Claimed, Result
from envelopes.rules.hooks import Said
from envelopes.services import Services
from envelopes.settings import Settings, Sms

log = logging.getLogger(__name__)

NAME: Final = "SMSの送信"

_REACH: Final = (
    "設定の sms.url、そのサーバー、ファイアウォールを確かめてください。直るまで、SMSは届きません。"
)
_MEND: Final = {
    hooks.PRIVATE: (
        "名前が、このサーバーか内部のネットワークを指しています",
        "DNSを確かめてください。そこに置くと決めたのなら、設定の [sms] に allow_private = true と書いてください。",
    ),
    hooks.CLEAR: (
        "TLS なしで、外のネットワークへ送ることになります",
        "設定の sms.url を https にしてください。確認コードは、平文では送りません。",
    ),
    hooks.TLS: (
        "証明書が使えません",
        "証明書の期限と名前を直すか、社内の認証局なら、設定の sms.ca_file にその証明書を書いてください。",
    ),
}


def hook_of(sms: Sms) -> Hook:
    """The hook as the settings say."""
    return Hook(
        url=sms.url,
        secret=sms.secret.get_secret_value(),
        timeout=sms.timeout,
        allow_private=sms.allow_private,
        ca_file=sms.ca_file,
    )


async def send(services: Services, task: Claimed) -> Result | None:
    """Hand one code to the hook; returns what is to be noted together with the task's end, or raises NotYet."""
    due = await texting.due(services, task.ids["code"])
    if due is None:
        return None
    answer = await _posted(services, due)
    log.info("sms %s, attempt %d: %s", due.row.ref, due.row.attempts + 1, answer.note)
    match answer.said:
        case Said.TAKEN:
            return Result(_taken, (services, due, answer.note))
        case Said.LATER:
            if wait := await texting.put_off(services, due.row, answer.note):
                raise NotYet(wait)
        case Said.NEVER:
            await texting.failed(services, due.row, answer.note)
        case _:
            assert_never(answer.said)
    return None


async def _posted(services: Services, due: Due) -> Answer:
    settings = services.settings.sms
    if settings is None:
        return Answer(said=Said.NEVER, note="no hook")
    message = {"id": due.row.ref, "to": due.number, "text": due.text}
    if settings.sender:
        message["sender"] = settings.sender
    now = int(services.now().timestamp())
    return await hooks.post(hook_of(settings), message, key=due.row.ref, timestamp=now)


async def _taken(connection: BaseDBAsyncClient, parts: Sequence[tuple[Services, Due, str]]) -> None:
    for services, due, note in parts:
        await texting.taken(services, connection, due.row, note)


async def examine(settings: Settings) -> Outcome:
    """Whether the hook can be reached and is safe. No SMS is sent."""
    sms = settings.sms
    if sms is None:
        return Outcome(
            name=NAME, without="しません。使うときは、設定に [sms] を書いてください（docs/sms.md）。"
        )
    answer = await hooks.reach(hook_of(sms))
    if answer.said is Said.TAKEN:
        return Outcome(name=NAME)
    what, todo = _MEND.get(answer.note, (f"つながりません（{answer.note}）", _REACH))
    return Outcome(name=NAME, findings=(Finding(f"{sms.host} を使えません：{what}", todo),))
