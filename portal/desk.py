"""The desk: what needs doing, by what needs doing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from aiohttp import web

from envelopes.actions import access_codes, aside, factors, identity, reachable, searching
from envelopes.actions import staff as act
from envelopes.actions.applications import deciding
from envelopes.records import store
from envelopes.records.models import Envelope, Signer, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason
from envelopes.rules.factors import Method
from envelopes.rules.people import Actor, Role, roles_from
from envelopes.rules.schedule import day_over
from envelopes.rules.states import FINAL, State, Task
from envelopes.services import Services
from portal import staff_views
from portal.phrases import _, reason, trouble
from portal.respond import answer, move, path, services
from portal.staff import money, nav, phase, require_staff
from portal.staff_views import Phase
from portal.visit import kind_of

_NEAR: Final = timedelta(days=3)
_ENDED: Final = 200  # the newest of those at which nothing is left to do; older ones are found by searching


async def desk(request: web.Request) -> web.Response:
    """What needs doing, by what needs doing."""
    staff = await require_staff(request)
    rows = await _shots(staff)
    now = services(request).now()
    by_phase: dict[Phase, list[Snapshot]] = {}
    for shot in rows:
        by_phase.setdefault(phase(shot), []).append(shot)
    contractor = by_phase.get(Phase.CONTRACTOR, [])
    operates = Role.ADMIN in roles_from(staff.roles)
    ended = (Phase.COMPLETED, Phase.RETURNED, Phase.DECLINED, Phase.EXPIRED, Phase.CANCELLED)
    page = staff_views.Desk(
        nav=nav(staff),
        search_url=path("staff", "search"),
        intake_address=services(request).settings.mail.intake,
        drafts=_rows(by_phase.get(Phase.DRAFT, []) + by_phase.get(Phase.PREPARING, [])),
        village=_rows(by_phase.get(Phase.VILLAGE, [])),
        contractor=_rows(contractor),
        near=_rows([one for one in contractor if day_over(one.envelope.deadline_on) - now < _NEAR]),
        undelivered=_rows(await _undelivered(contractor)),
        changes=(
            *(_change(one) for one in contractor if one.turn is not None and one.turn.paused_at),
            *(_other_identity(shot, one) for shot, one in await identity.to_approve(rows)),
        ),
        spent=tuple(
            replace(row(one), note=_("新しいコードを発行し、電話で伝えてください"))
            for one in await _spent(services(request), contractor)
        ),
        recent=_rows([one for name in ended for one in by_phase.get(name, [])]),
        stuck=await _stuck(act.actor_of(staff), rows),
        asides=await aside.count() if operates else 0,
        asides_url=path("staff", "mails") if operates else None,
        applications=await deciding.to_decide(act.actor_of(staff)),
    )
    return answer(request, page)


async def _shots(staff: Staff) -> list[Snapshot]:
    """The envelopes on this person's lists, the newest first: all that are open, and some that have ended."""
    over = [state.value for state in (*FINAL, State.EXPIRED)]
    mine = Envelope.filter(searching.visible_to(staff)).exclude(state=State.DISCARDED.value)
    ended = await mine.filter(state__in=over).order_by("-id").limit(_ENDED).only("id")
    rows = [*await mine.exclude(state__in=over).only("id"), *ended]
    return [await store.snapshot(id=row.id) for row in sorted(rows, key=lambda row: -row.id)]


def _rows(shots: Sequence[Snapshot]) -> tuple[staff_views.DeskRow, ...]:
    return tuple(row(shot) for shot in shots)


def row(shot: Snapshot) -> staff_views.DeskRow:
    """One envelope in a list."""
    envelope, now = shot.envelope, phase(shot)
    where = "drafts" if now in (Phase.DRAFT, Phase.PREPARING) else "envelopes"
    return staff_views.DeskRow(
        number=shot.number,
        title=envelope.title,
        party=envelope.party,
        money=money(envelope),
        phase=now,
        kind=kind_of(shot),
        url=path("staff", where, envelope.ref),
        deadline_on=envelope.deadline_on,
        concluded_on=envelope.transaction_on,
        drafter=shot.drafter.name,
        note=trouble(envelope.trouble) if envelope.trouble else "",
    )


def _change(shot: Snapshot) -> staff_views.DeskRow:
    """A request that is on hold, with the page on which that is decided."""
    return replace(row(shot), url=path("staff", "envelopes", shot.envelope.ref, "change"))


def _other_identity(shot: Snapshot, signer: Signer) -> staff_views.DeskRow:
    """A request for which somebody has put forward that less be proved, with the page on which that is decided."""
    here = path("staff", "envelopes", shot.envelope.ref, "identity", str(signer.position))
    return replace(row(shot), url=here, note=_("本人確認の方法の変更が、別の職員の承認を待っています"))


async def _spent(provided: Services, shots: Sequence[Snapshot]) -> list[Snapshot]:
    """The requests whose access code was mistyped too often: they stand still until staff issue a new one."""
    turns = {shot.turn.id: shot for shot in shots if shot.turn is not None}
    found = await access_codes.spent(provided, [shot.turn for shot in shots if shot.turn is not None])
    return [
        shot
        for id_, shot in turns.items()
        if id_ in found and shot.turn and await factors.asked(shot.turn) is Method.ACCESS_CODE
    ]


async def _undelivered(shots: Sequence[Snapshot]) -> list[Snapshot]:
    turns = {shot.turn.id: shot for shot in shots if shot.turn is not None}
    missed = await reachable.unreached(turns)
    return [shot for turn, shot in turns.items() if turn in missed]


_WORK: Final = {
    Task.PREPARE: _("署名用の文書の作成"),
    Task.SIGN: _("電子署名"),
    Task.TIMESTAMP: _("時刻の付与（署名済・時刻付与待ち）"),
    Task.PAGES: _("ページ画像の作成"),
}


async def _stuck(actor: Actor, shots: Sequence[Snapshot]) -> tuple[staff_views.Stuck, ...]:
    ids = {shot.envelope.id: shot for shot in shots}
    failing = TaskRow.filter(envelope_id__in=list(ids), failing_since__isnull=False).exclude(state="done")
    return tuple(
        staff_views.Stuck(
            what=_(
                "{number} {work}",
                number=ids[row.envelope_id].number,
                work=_WORK.get(Task(row.kind), _("メールの送信")),
            ),
            since=row.failing_since,
            trouble=_why(row.error or ""),
            retry_url=path("staff", "tasks", str(row.id), "retry")
            if act.may_retry(actor, ids[row.envelope_id])
            else None,
        )
        for row in await failing
        if row.envelope_id is not None and row.failing_since is not None
    )


def _why(error: str) -> str:
    code = error.partition(" ")[0]
    known = code in set(Reason)
    return reason(Reason(code)) if known else _("処理の途中で問題が起きました。自動でもう一度試みます。")


async def retry(request: web.Request) -> web.Response:
    """Try failing work again now."""
    staff = await require_staff(request)
    await act.retry(services(request), act.actor_of(staff), int(request.match_info["task"]))
    return move("staff")
