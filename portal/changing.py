"""C7, proved: telling that another person or address is to be asked, after one more question; and taking that back."""

import json
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from envelopes.actions import changing, notes
from envelopes.rules.changes import Change, Wish
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.notes import About
from envelopes.rules.reading import Record
from portal import signer_views
from portal.errors import STATUS
from portal.link import ABOUT_CHANGE, CHANGES, to_told, told_staff
from portal.phrases import _
from portal.proved import mailed, reading, reading_or
from portal.respond import answer, form, move, told
from portal.views import FieldError
from portal.visit import Visit, is_paused, request_of

_FIELDS: Final = ("choice", "person", "office", "email", "note")
_DECIDED: Final = frozenset({Reason.CHANGE_DECIDED, Reason.CHANGE_GONE})
_AT: Final = {Reason.PERSON_MISSING: "person", Reason.REASON_TOO_LONG: "note", Reason.NOTES_SPENT: ""}


async def ask(request: web.Request) -> web.Response:
    """The form, and after it the question whether that is meant."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return visit
    if request.method != "POST":
        return answer(request, await told_staff(request, visit, ABOUT_CHANGE) or _form(visit, {}))
    posted = await form(request)
    wish = _wish(posted)
    if wish is None:
        error = FieldError(text=_("どれかを選んでください。"), field="choice")
        return answer(request, _form(visit, posted, error), status=422)
    pauses = _pauses(visit, wish)
    try:
        made = changing.tidy_wish(visit.services, visit.signer, wish, only_told=not pauses)
    except Refused as refused:
        return _again(request, visit, posted, refused)
    page = signer_views.ConfirmChange(
        request=request_of(visit),
        choice=made.change,
        person=made.person,
        office=made.office,
        email=made.email,
        note=made.note,
        pauses=pauses,
        ask_url=visit.at("wrong", "ask"),
        edit_url=visit.at("wrong", "edit"),
    )
    return answer(request, page)


def _wish(posted: Mapping[str, str]) -> Wish | None:
    choice, *texts = (posted.get(name, "") for name in _FIELDS)
    if choice not in set(Change):
        return None
    person, office, email, note = texts
    return Wish(change=Change(choice), person=person, office=office, email=email, note=note)


def _may_hand_over(visit: Visit) -> bool:
    return Record.from_json(json.loads(visit.shot.envelope.reading)).hand_over


def _pauses(visit: Visit, wish: Wish) -> bool:
    """Whether this is more than a note: another person needs the town's leave, given with the request."""
    return wish.change is not Change.PERSON or _may_hand_over(visit)


def _chosen(wish: Wish) -> str:
    """What staff are told before the note where nothing is paused."""
    who = " ".join(part for part in (wish.office, wish.person, wish.email) if part)
    return "　".join(part for part in (CHANGES[wish.change], who) if part)


def _again(request: web.Request, visit: Visit, posted: Mapping[str, str], refused: Refused) -> web.Response:
    """The form once more, with what is wrong with it."""
    error = FieldError(text=told(request, refused), field=_field(refused, posted))
    return answer(request, _form(visit, posted, error), status=STATUS.get(refused.reason, 422))


def _field(refused: Refused, posted: Mapping[str, str]) -> str:
    if refused.reason is Reason.ENTRY_TOO_LONG:
        person = " ".join(posted.get("person", "").split())
        return "person" if len(person) > int(refused.details["limit"]) else "office"
    return _AT.get(refused.reason, "email")


def _form(visit: Visit, posted: Mapping[str, str], *errors: FieldError) -> signer_views.AskChange:
    texts = {name: posted.get(name, "") for name in _FIELDS}
    return signer_views.AskChange(
        request=request_of(visit),
        next_url=visit.at("wrong"),
        back_url=visit.at("1"),
        may_hand_over=_may_hand_over(visit),
        note_limit=visit.services.policy.reason_characters,
        errors=errors,
        **texts,
    )


async def edit(request: web.Request) -> web.Response:
    """Back from the question with what was written."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return visit
    return answer(request, _form(visit, await form(request)))


async def tell(request: web.Request) -> web.Response:
    """Pause the request, or where no other person may sign have staff told; a second press changes nothing."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return visit
    posted = await form(request)
    wish = _wish(posted)
    if wish is None:
        return answer(request, _form(visit, posted), status=422)
    if _pauses(visit, wish):
        try:
            await changing.ask(visit.services, visit.signer, wish)
        except Refused as refused:
            return await reading_or(request, refused)
        return move("sign", visit.signer.ref, "wrong")
    try:
        made = changing.tidy_wish(visit.services, visit.signer, wish, only_told=True)
        await notes.tell(
            visit.services,
            visit.signer,
            About.WRONG_PERSON,
            note=made.note,
            proved=True,
            chosen=_chosen(made),
        )
    except Refused as refused:
        return _again(request, visit, posted, refused)
    return to_told(visit, "wrong")


async def take_back(request: web.Request) -> web.Response:
    """Let the request go on as before. It takes no second proof to be asked again.

    What was decided in this very moment is not taken back; the next page says how it stands.
    """
    visit = await mailed(request)
    if isinstance(visit, web.Response):
        return visit
    if is_paused(visit):
        try:
            await changing.take_back(visit.services, visit.signer)
        except Refused as refused:
            if refused.reason not in _DECIDED:
                raise
    return move("sign", visit.signer.ref, "1")
