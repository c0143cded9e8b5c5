"""Letters about a change of the addressee (変更の申出): to whoever told of it, also after the request has left him."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from bot import letters
from bot.case import Case, Outgoing, addressed, registered, seat
from bot.letters import ChangeNews
from envelopes.actions import changing
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Contact
from envelopes.rules.changes import Change
from envelopes.rules.notes import About
from envelopes.rules.states import State

_ENDS: Final = {
    State.COMPLETED: ChangeNews.COMPLETED,
    State.CANCELLED: ChangeNews.CANCELLED,
    State.DECLINED: ChangeNews.DECLINED,
    State.RETURNED: ChangeNews.RETURNED,
    State.EXPIRED: ChangeNews.EXPIRED,
}


async def change(case: Case) -> list[Outgoing]:
    """Tell of a change that was received or refused, or tell whoever had the place that it went over."""
    if "from" in case.task.ids:
        return await _handed_over(case)
    facts = await history.payloads(Subject.ENVELOPE, case.shot.envelope.id)
    fact, said = next((fact, said) for fact, said in facts if fact.n == case.task.ids["fact"])
    received, signer = fact.kind == About.CHANGE, case.signer()
    letter = letters.ChangeMail(
        **case.foot,
        to=seat(signer).addressee,
        news=ChangeNews.RECEIVED if received else ChangeNews.REFUSED,
        title=case.shot.envelope.title,
        at=fact.at,
        change=Change(said.get("change", Change.PERSON)),
        person=said.get("person", ""),
        reason=said.get("reason", ""),
        url=case.link(signer),
    )
    return [addressed(case, seat(signer), letter)]


async def _handed_over(case: Case) -> list[Outgoing]:
    before = registered(await Contact.get(id=case.task.ids["from"]))
    done = (await changing.hand_overs(case.shot.envelope.id))[-1]
    letter = letters.ChangeMail(
        **case.foot,
        to=before.addressee,
        news=ChangeNews.HANDED_OVER,
        title=case.shot.envelope.title,
        at=done.at,
        person=done.said["to"]["person"],
    )
    return [addressed(case, before, letter)]


async def ended(case: Case, told: Collection[str]) -> list[Outgoing]:
    """Tell everybody who once had a place that the request has ended, but those who are *told* already (look-ups)."""
    news = _ENDS.get(case.shot.state)
    if (
        news is None or "delivery" in case.task.ids
    ):  # one mail that is sent again concerns its recipient alone
        return []
    refs = [one.contact for one in await changing.hand_overs(case.shot.envelope.id)]
    people = {row.email_look_up: registered(row) for row in await Contact.filter(ref__in=refs).order_by("id")}
    return [
        addressed(
            case,
            person,
            letters.ChangeMail(
                **case.foot,
                to=person.addressee,
                news=news,
                title=case.shot.envelope.title,
                at=_when(case),
            ),
        )
        for look_up, person in people.items()
        if look_up not in told
    ]


def _when(case: Case) -> datetime:
    envelope = case.shot.envelope
    return envelope.completed_at or envelope.ended_on or case.services.now()
