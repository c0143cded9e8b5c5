"""`fukan renew`: which files are due for their next archive timestamp, and giving it to them at once.

When a file is due stands in `rules.renewal`, how it is renewed in `actions.renewing`. The bot does the same by itself,
an hour's share at a time; this may run beside it.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import typer

from bot import app
from envelopes.actions import renewing
from envelopes.actions.renewing import Step
from envelopes.records.models import Document
from envelopes.rules import renewal
from envelopes.rules.errors import FukanError, Later, Refused
from envelopes.rules.policy import Policy
from envelopes.rules.schedule import jst_day
from envelopes.services import Services
from envelopes.settings import load
from envelopes.texts import say
from fukan.installation import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a run: the steps that were taken, and what ended it before all were."""

    steps: Sequence[Step]
    stopped: Later | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is left to do."""
        return self.stopped is None and all(step.error is None for step in self.steps)


def dry_run(directory: Path) -> str:
    """Return the lines that say what is due. Raises KeyMissing, DatabaseUnreachable, SettingsFaulty."""

    async def run() -> str:
        async with opened(load(directory), bot=True) as services:
            return _plan(services, await renewing.due(services), await renewing.next_due())

    return asyncio.run(run())


def _plan(services: Services, due: Sequence[Document], following: Document | None) -> str:
    policy = services.policy
    if due:
        share = policy.renewals_an_hour
        last = (
            f"{len(due)}件が対象です。bot が1時間に{share}件ずつ自動で延長します。"
            "いますぐ行うには、--dry-run を付けずに実行してください。"
        )
        return "\n".join([*(_line(document, policy) for document in due), last])
    standing = renewing.standing_of(following) if following else None
    if standing is None:
        return "延長する文書はありません。"
    begins = jst_day(renewal.stands_until(standing, policy) - policy.renew_before)
    return f"いま延長する文書はありません。次は {begins} からです。"


def _line(document: Document, policy: Policy) -> str:
    standing = renewing.standing_of(document)
    if standing is None:
        return f"{_name(document)}　期限をまだ調べていません"
    ends = renewal.stands_until(standing, policy)
    why = (
        "時刻認証局の証明書の期限"
        if ends == standing.until
        else f"{_weak(standing.algorithms, policy)}の利用期限"
    )
    return f"{_name(document)}　{jst_day(ends)} まで（{why}）"


def _weak(algorithms: Sequence[str], policy: Policy) -> str:
    return min((day, name) for name, day in policy.algorithms_until if name in algorithms)[1]


def _name(document: Document) -> str:
    envelope = document.envelope
    return f"{envelope.number or envelope.draft_number}「{document.title}」"


def run(directory: Path) -> Done:
    """Renew all that is due, with a progress bar. Raises as `dry_run`, and Later(KEY_UNAVAILABLE)."""

    async def work() -> Done:
        async with opened(load(directory), bot=True) as services, app.open_tools(services) as tools:
            ids = [int(document.id) for document in await renewing.due(services)]
            steps: list[Step] = []
            try:
                with typer.progressbar(length=len(ids), label="延長中", file=sys.stderr) as bar:
                    async with aclosing(renewing.steps(tools.shop, ids)) as made:
                        async for step in made:
                            steps.append(step)
                            bar.update(1)
            except Later as later:
                return Done(steps=steps, stopped=later)
            return Done(steps=steps)

    return asyncio.run(work())


def report(done: Done) -> str:
    """Return the lines that say what was done, what was not, and why."""
    failed = [step for step in done.steps if step.error is not None]
    lines = [f"× {_name(step.document)}：{_why(step.error)}" for step in failed if step.error]
    if done.stopped is not None:
        lines.append(f"× 途中で止まりました：{_why(done.stopped)}")
    lines.append(f"{len(done.steps) - len(failed)}件を延長しました。できなかったもの {len(failed)}件。")
    return "\n".join(lines)


def _why(error: FukanError) -> str:
    match error:
        case Refused():
            return say(error.reason, "ja", **error.details)
        case Later():
            return f"{say(error.reason)}{f'（{error.note}）' if error.note else ''}"
        case _:
            return f"ファイルを読めません（{error}）"
