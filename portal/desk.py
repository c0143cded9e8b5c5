"""The desk: what needs doing, by what needs doing."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from aiohttp import web
from tortoise.expressions import Q

from envelopes.actions import staff as act
from envelopes.records import store
from envelopes.records.models import Delivery as DeliveryRow
from envelopes.records.models import Envelope, Signer, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason
from envelopes.rules.people import Role, roles_from
from envelopes.rules.schedule import day_over
from envelopes.rules.states import State, Task
from envelopes.texts import say, say_trouble
from portal import views
from portal.phrases import _
from portal.respond import answer, move, path, services
from portal.staff import money, nav, phase, require_staff
from portal.views import Phase
from portal.visit import kind_of

_NEAR: Final = timedelta(days=3)
_ROWS: Final = 200  # of one list; older envelopes are found by searching


async def desk(request: web.Request) -> web.Response:
    """What needs doing, by what needs doing."""
    staff = await require_staff(request)
    rows = await _shots(staff)
    now = services(request).now()
    by_phase: dict[Phase, list[Snapshot]] = {}
    for shot in rows:
        by_phase.setdefault(phase(shot), []).append(shot)
    contractor = by_phase.get(Phase.CONTRACTOR, [])
    ended = (Phase.COMPLETED, Phase.RETURNED, Phase.DECLINED, Phase.EXPIRED, Phase.CANCELLED)
    page = views.Desk(
        nav=nav(staff),
        intake_address=services(request).settings.mail.intake,
        drafts=_rows(by_phase.get(Phase.DRAFT, []) + by_phase.get(Phase.PREPARING, [])),
        village=_rows(by_phase.get(Phase.VILLAGE, [])),
        contractor=_rows(contractor),
        near=_rows([one for one in contractor if day_over(one.envelope.deadline_on) - now < _NEAR]),
        undelivered=_rows(await _undelivered(contractor)),
        recent=_rows([one for name in ended for one in by_phase.get(name, [])]),
        stuck=await _stuck(rows),
    )
    return answer(request, page)


async def _shots(staff: Staff) -> list[Snapshot]:
    """The envelopes this person may see: the own section's and those to sign; all for an auditor."""
    query = Envelope.exclude(state=State.DISCARDED.value)
    if Role.AUDITOR not in roles_from(staff.roles):
        to_sign = [seat.envelope_id for seat in await Signer.filter(staff_id=staff.id)]
        query = query.filter(Q(section_id=staff.section_id) | Q(id__in=to_sign))
    rows = await query.order_by("-id").limit(_ROWS).only("id")
    return [await store.snapshot(id=row.id) for row in rows]


def _rows(shots: Sequence[Snapshot]) -> tuple[views.DeskRow, ...]:
    return tuple(_row(shot) for shot in shots)


def _row(shot: Snapshot) -> views.DeskRow:
    envelope, now = shot.envelope, phase(shot)
    where = "drafts" if now in (Phase.DRAFT, Phase.PREPARING) else "envelopes"
    return views.DeskRow(
        number=shot.number,
        title=envelope.title,
        party=envelope.party,
        money=money(envelope),
        phase=now,
        kind=kind_of(shot),
        url=path("staff", where, envelope.ref),
        deadline_on=envelope.deadline_on,
        drafter=shot.drafter.name,
        note=say_trouble(envelope.trouble) if envelope.trouble else "",
    )


async def _undelivered(shots: Sequence[Snapshot]) -> list[Snapshot]:
    ids = [shot.envelope.id for shot in shots]
    failed = {row.envelope_id for row in await DeliveryRow.filter(envelope_id__in=ids, state="failed")}
    return [shot for shot in shots if shot.envelope.id in failed]


_WORK: Final = {
    Task.PREPARE: _("署名用の文書の作成"),
    Task.SIGN: _("電子署名"),
    Task.TIMESTAMP: _("時刻の付与（署名済・時刻付与待ち）"),
    Task.PAGES: _("ページ画像の作成"),
}


async def _stuck(shots: Sequence[Snapshot]) -> tuple[views.Stuck, ...]:
    ids = {shot.envelope.id: shot for shot in shots}
    failing = TaskRow.filter(envelope_id__in=list(ids), failing_since__isnull=False).exclude(state="done")
    return tuple(
        views.Stuck(
            what=_(
                "{number} {work}",
                number=ids[row.envelope_id].number,
                work=_WORK.get(Task(row.kind), _("メールの送信")),
            ),
            since=row.failing_since,
            trouble=_trouble(row.error or ""),
            retry_url=path("staff", "tasks", str(row.id), "retry"),
            key=secrets.token_hex(8),
        )
        for row in await failing
        if row.envelope_id is not None and row.failing_since is not None
    )


def _trouble(error: str) -> str:
    code = error.partition(" ")[0]
    known = code in set(Reason)
    return say(Reason(code)) if known else _("処理の途中で問題が起きました。自動でもう一度試みます。")


async def retry(request: web.Request) -> web.Response:
    """Try failing work again now."""
    staff = await require_staff(request)
    await act.retry(services(request), act.actor_of(staff), int(request.match_info["task"]))
    return move("staff")
