"""事業者メールアドレス登録, for contractors: one question a page, then a code to the address, then a number.

What was typed is kept by the browser, sealed (`form_state`); a page whose predecessors are not answered leads to the
first that is not. What may be registered is decided in `envelopes.actions.applications`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from aiohttp import web

from envelopes.actions import registry
from envelopes.actions.applications import doors, proving, steps
from envelopes.records.models import Application, Contact
from envelopes.rules import mobiles
from envelopes.rules import terms as words
from envelopes.rules.addresses import AddressKind, classify, domain_of, likely, mask
from envelopes.rules.applications import (
    Door,
    Stage,
    tidy_address,
    tidy_company,
    tidy_office,
    tidy_person,
    tidy_why,
)
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from portal import codes, form_state, languages
from portal import registry_views as views
from portal.errors import STATUS
from portal.form_state import Form
from portal.phrases import _, reason
from portal.registry_views import Answered, Input
from portal.respond import answer, form, move, network, path, services, told
from portal.views import FieldError

BASE: Final = "register"
_NEEDED: Final = ("company", "person", "address", "terms")
_MOBILE: Final = "mobile"  # asked before the terms where SMS can be sent, and need not be answered


async def start(request: web.Request) -> web.Response:
    """C12: what registering is for."""
    page = views.RegistrationStart(
        begin_url=path(BASE, "company"),
        withdraw_url=path(BASE, "withdraw"),
        purposes=proving.terms(services(request), _version(request)),
        lost="again" in request.query,
    )
    return answer(request, page)


def _version(request: web.Request) -> str:
    return words.version(languages.of(request))


def _order(request: web.Request) -> tuple[str, ...]:
    """The questions, before everything is shown once more."""
    *first, last = _NEEDED
    asked = (_MOBILE,) if services(request).settings.sms is not None else ()
    return (*first, *asked, last)


def _steps(request: web.Request) -> int:
    """How many pages there are up to the one that shows everything."""
    return len(_order(request)) + 1


def _missing(kept: Form) -> str | None:
    """The first question that is not answered and has to be."""
    answered = (kept.company, kept.person, kept.email, kept.version)
    return next((name for name, said in zip(_NEEDED, answered, strict=True) if not said), None)


def _before(request: web.Request, name: str) -> str:
    """The page before the question *name*."""
    order = _order(request)
    place = order.index(name)
    return path(BASE, order[place - 1]) if place else path(BASE)


def _lost(request: web.Request, kept: Form | None, name: str) -> web.Response | None:
    """The way on for a browser that cannot be at *name*: nothing is kept, all is sent, or a question before is open."""
    order = (*_order(request), "check")
    if kept is None:
        return None if name == order[0] else _forgotten()
    missing = _missing(kept)
    if missing is not None and order.index(missing) < order.index(name):
        return move(BASE, "code" if kept.ref else missing)
    return None


def _forgotten() -> web.Response:
    """The page that says that nothing is known of what was typed, and why that may be."""
    return web.Response(status=303, headers={"Location": f"{path(BASE)}?again=1"})


def _onward(request: web.Request, kept: Form, name: str) -> web.Response:
    """Keep what was typed and go to the next question; back to the last page where one answer was changed."""
    changed = "change" in request.query and _missing(kept) is None
    order = (*_order(request), "check")
    response = move(BASE, "check" if changed else order[order.index(name) + 1])
    form_state.keep(request, response, kept)
    return response


def _here(request: web.Request, name: str) -> str:
    return path(BASE, name) + ("?change=1" if "change" in request.query else "")


class _Faults:
    """What is wrong with the fields of one page, gathered so that all of it is said at once."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.errors: list[FieldError] = []

    def tidy(self, field: str, typed: str, rule: Callable[[str], str]) -> str:
        """What *rule* makes of *typed*; where it refuses, the text as typed, and a fault."""
        try:
            return rule(typed)
        except Refused as refused:
            self.errors.append(FieldError(text=told(self._request, refused), field=field))
            return typed


# The questions


async def company(request: web.Request) -> web.Response:
    """1: the company."""
    kept = form_state.read(request) or Form()
    if request.method != "POST":
        return answer(request, _company(request, kept))
    faults, posted = _Faults(request), await form(request)
    kept = replace(kept, company=faults.tidy("company", posted.get("company", ""), tidy_company), ref="")
    if faults.errors:
        return answer(request, replace(_company(request, kept), errors=tuple(faults.errors)), status=422)
    return _onward(request, kept, "company")


def _company(request: web.Request, kept: Form) -> views.RegistrationQuestion:
    name = Input(
        name="company",
        label=_("会社名（屋号）"),
        value=kept.company,
        hint=_("登記や入札参加資格の名簿のとおりに入力してください。例：髙橋建設株式会社"),
        fill="organization",
    )
    return views.RegistrationQuestion(
        number=1,
        heading=_("会社名を入力してください"),
        lead="",
        inputs=(name,),
        steps=_steps(request),
        post_url=_here(request, "company"),
        back_url=_before(request, "company"),
    )


async def person(request: web.Request) -> web.Response:
    """2: the person with authority to contract."""
    kept = form_state.read(request)
    if (lost := _lost(request, kept, "person")) is not None or kept is None:
        return lost or move(BASE)
    if request.method != "POST":
        return answer(request, _person(request, kept))
    faults, posted = _Faults(request), await form(request)
    kept = replace(
        kept,
        office=faults.tidy("office", posted.get("office", ""), tidy_office),
        person=faults.tidy("person", posted.get("person", ""), tidy_person),
    )
    if faults.errors:
        return answer(request, replace(_person(request, kept), errors=tuple(faults.errors)), status=422)
    return _onward(request, kept, "person")


def _person(request: web.Request, kept: Form) -> views.RegistrationQuestion:
    office = Input(
        name="office",
        label=_("役職（あれば）"),
        value=kept.office,
        hint=_("例：代表取締役、支店長"),
        required=False,
        fill="organization-title",
    )
    name = Input(name="person", label=_("氏名"), value=kept.person, fill="name")
    return views.RegistrationQuestion(
        number=2,
        heading=_("契約を結ぶ権限のある方は、どなたですか"),
        lead=_("代表者か、代表者から契約の締結を任されている方です。"),
        inputs=(office, name),
        steps=_steps(request),
        post_url=_here(request, "person"),
        back_url=_before(request, "person"),
    )


async def address(request: web.Request) -> web.Response:
    """3: the address, and why it is a free-mail or a carrier's one."""
    kept = form_state.read(request)
    if (lost := _lost(request, kept, "address")) is not None or kept is None:
        return lost or move(BASE)
    if request.method != "POST":
        return answer(request, _address(request, kept))
    posted = await form(request)
    typed = posted.get("use", "") or posted.get("email", "")
    faults = _Faults(request)
    kept = replace(
        kept,
        email=faults.tidy("email", typed, tidy_address),
        previous=faults.tidy("previous", posted.get("previous", ""), _tidy_previous),
        reason=posted.get("reason", ""),
    )
    suggestion = ""
    if not faults.errors:
        suggestion = await _doubt(request, kept, faults, posted)
    if faults.errors:
        page = replace(
            _address(request, kept),
            errors=tuple(faults.errors),
            suggestion=suggestion,
            as_typed=kept.email if suggestion else "",
        )
        return answer(request, page, status=422)
    return _onward(request, kept, "address")


def _tidy_previous(typed: str) -> str:
    return tidy_address(typed) if typed.strip() else ""


async def _doubt(request: web.Request, kept: Form, faults: _Faults, posted: dict[str, str]) -> str:
    """Look for a slip, a domain that takes no mail, and a reason that is missing; returns what was likely meant."""
    provided = services(request)
    meant = likely(kept.email)
    if meant and posted.get("as_typed", "") != kept.email:
        refused = Refused(Reason.ADDRESS_TYPO, suggestion=meant)
        faults.errors.append(FieldError(text=told(request, refused), field="email"))
        return meant
    if provided.receives is not None and not await provided.receives(domain_of(kept.email)):
        faults.errors.append(FieldError(text=reason(Reason.ADDRESS_DOMAIN), field="email"))
        return ""
    most = provided.policy.reason_characters
    faults.tidy("reason", kept.reason, lambda text: tidy_why(text, kept.email, most=most))
    return ""


def _kind(email: str) -> AddressKind:
    return classify(email) if email else AddressKind.OWN


def _address(request: web.Request, kept: Form) -> views.RegistrationQuestion:
    email = Input(
        name="email",
        label=_("メールアドレス"),
        value=kept.email,
        hint=_("署名の依頼と契約書が届きます。例：taro@example.co.jp"),
        shape="email",
        fill="email",
    )
    previous = Input(
        name="previous",
        label=_("前に登録したアドレス（変更のときだけ）"),
        value=kept.previous,
        hint=_("変更をお知らせするメールを、前のアドレスにも送ります。"),
        required=False,
        shape="email",
    )
    why = Input(
        name="reason",
        label=_("このアドレスを使う理由"),
        value=kept.reason,
        hint=_("会社のアドレスがあれば、そちらを登録してください。"),
        rows=3,
        limit=services(request).policy.reason_characters,
    )
    kind = _kind(kept.email)
    return views.RegistrationQuestion(
        number=3,
        heading=_("契約に使うメールアドレスを入力してください"),
        lead=_("契約を結ぶ権限のある方が、ご自分で読めるアドレスです。"),
        inputs=(email, *((why,) if kind is not AddressKind.OWN else ()), previous),
        steps=_steps(request),
        post_url=_here(request, "address"),
        back_url=_before(request, "address"),
        carrier=kind is AddressKind.CARRIER,
    )


async def mobile(request: web.Request) -> web.Response:
    """A mobile phone for codes by SMS, where the town can send them. It may be left empty."""
    kept = form_state.read(request)
    if _MOBILE not in _order(request):
        return move(BASE, "terms")
    if (lost := _lost(request, kept, _MOBILE)) is not None or kept is None:
        return lost or move(BASE)
    if request.method != "POST":
        return answer(request, _mobile(request, kept))
    faults, posted = _Faults(request), await form(request)
    kept = replace(kept, mobile=faults.tidy("mobile", posted.get("mobile", ""), _tidy_mobile))
    if faults.errors:
        return answer(request, replace(_mobile(request, kept), errors=tuple(faults.errors)), status=422)
    return _onward(request, kept, _MOBILE)


def _tidy_mobile(typed: str) -> str:
    return mobiles.written(mobiles.normalise(typed)) if typed.strip() else ""


def _mobile(request: web.Request, kept: Form) -> views.RegistrationQuestion:
    number = Input(
        name="mobile",
        label=_("携帯電話の番号（あれば）"),
        value=kept.mobile,
        hint=_("例：090-1234-5678"),
        required=False,
        shape="tel",
        fill="tel",
    )
    return views.RegistrationQuestion(
        number=_order(request).index(_MOBILE) + 1,
        steps=_steps(request),
        heading=_("SMSを受け取れる携帯電話はありますか"),
        lead=_(
            "署名のとき、本人確認の数字をSMSでお送りすることがあります。契約を結ぶ権限のある方が、ご自分で使っている番号です。"
            "ほかのことには使いません。入力しなくても登録できます。"
        ),
        inputs=(number,),
        post_url=_here(request, _MOBILE),
        back_url=_before(request, _MOBILE),
    )


async def terms(request: web.Request) -> web.Response:
    """承諾."""
    kept = form_state.read(request)
    if (lost := _lost(request, kept, "terms")) is not None or kept is None:
        return lost or move(BASE)
    page = _terms(request, path(BASE, "terms"))
    steps = _steps(request)
    page = replace(
        page,
        number=steps - 1,
        steps=steps,
        back_url=_before(request, "terms"),
        agreed=kept.version == page.version,
    )
    if request.method != "POST":
        return answer(request, page)
    error = _agreed(await form(request))
    if error is not None:
        return answer(request, replace(page, agreed=False, errors=(error,)), status=422)
    return _onward(request, replace(kept, version=page.version), "terms")


def _terms(request: web.Request, post_url: str) -> views.RegistrationTerms:
    version = _version(request)
    return views.RegistrationTerms(
        terms=proving.terms(services(request), version), version=version, post_url=post_url, back_url=None
    )


def _agreed(posted: dict[str, str]) -> FieldError | None:
    """What is wrong with the tick: it is missing, or beside a text that is shown no more."""
    if not words.is_known(posted.get("version", "")):
        return FieldError(text=reason(Reason.TERMS_CHANGED), field="agree")
    return None if posted.get("agree") else FieldError(text=reason(Reason.TERMS_UNTICKED), field="agree")


async def check(request: web.Request) -> web.Response:
    """Everything once more; then the code is mailed."""
    kept = form_state.read(request)
    if (lost := _lost(request, kept, "check")) is not None or kept is None:
        return lost or move(BASE)
    if request.method != "POST":
        return answer(request, _check(request, kept))
    language = languages.of(request)
    try:
        row = await doors.apply(
            services(request), kept.wish(language), version=kept.version, network=network(request)
        )
    except Refused as refused:
        error = FieldError(text=told(request, refused))
        page = replace(_check(request, kept), errors=(error,))
        return answer(request, page, status=STATUS.get(refused.reason, 422))
    response = move(BASE, "code")
    form_state.keep(request, response, Form(ref=row.ref))
    return response


def _check(request: web.Request, kept: Form) -> views.RegistrationCheck:
    def change(name: str) -> str:
        return f"{path(BASE, name)}?change=1"

    rows = (
        (_("会社名"), kept.company, "company"),
        (_("役職"), kept.office, "person"),
        (_("氏名"), kept.person, "person"),
        (_("メールアドレス"), kept.email, "address"),
        (_("理由"), kept.reason, "address"),
        (_("前のアドレス"), kept.previous, "address"),
        (_("携帯電話"), kept.mobile, _MOBILE),
    )
    return views.RegistrationCheck(
        answers=tuple(
            Answered(label=label, value=value, url=change(name)) for label, value, name in rows if value
        ),
        carrier=_kind(kept.email) is AddressKind.CARRIER,
        steps=_steps(request),
        post_url=path(BASE, "check"),
        back_url=path(BASE, "terms"),
    )


# The code


async def _mine(request: web.Request) -> tuple[Application, tuple[str, ...]] | web.Response:
    """The application of this page and the beginning of its addresses: by the invitation's link, or by the browser.

    A browser that has kept nothing, as one that takes no cookies, is told so.
    """
    token = request.match_info.get("token")
    if token is not None:
        return await proving.invited(services(request), token), ("r", token)
    kept = form_state.read(request)
    if kept is None or not kept.ref:
        return _forgotten()
    return await steps.find(kept.ref), (BASE,)


async def _mine_to_prove(request: web.Request) -> tuple[Application, tuple[str, ...]] | web.Response:
    """The same for a page about the code; who was invited and has not agreed yet is led to the terms."""
    mine = await _mine(request)
    return move(*mine[1]) if isinstance(mine, tuple) and proving.has_to_agree(mine[0]) else mine


async def enter_code(request: web.Request) -> web.Response:
    """Where the code is typed."""
    mine = await _mine_to_prove(request)
    if isinstance(mine, web.Response):
        return mine
    row, base = mine
    if row.stage != Stage.UNPROVED:
        return move(*base, "done")
    out = proving.sent_code(services(request), row) is not None
    mail = await proving.code_mail(row) if out else None
    errors = codes.fate(request, mail, lost=Reason.CODE_UNREACHED_HERE)
    page = _code(request, row, base, *errors, resent="sent" in request.query and not errors)
    return answer(request, page)


def _code(
    request: web.Request,
    row: Application,
    base: tuple[str, ...],
    *errors: FieldError,
    resent: bool = False,
    typed: str = "",
) -> views.RegistrationCode:
    provided = services(request)
    sent = proving.sent_code(provided, row)
    wait = (sent.resend_at - provided.now()).total_seconds() if sent else 0
    return views.RegistrationCode(
        masked_address=mask(row.email),
        verify_url=path(*base, "verify"),
        resend_url=path(*base, "code"),
        valid_until=sent.valid_until if sent else None,
        word=sent.word if sent else None,
        resend_wait=max(0, int(wait)),
        again_url=_beginning(row) if base == (BASE,) else None,
        codes_a_day=provided.policy.registration_codes_a_day,
        withdrawal=row.door == Door.WITHDRAWAL,
        resent=resent,
        typed=typed,
        errors=errors,
    )


def _beginning(row: Application) -> str:
    """Where the address was typed."""
    return path(BASE, "withdraw") if row.door == Door.WITHDRAWAL else path(BASE)


async def send_code(request: web.Request) -> web.Response:
    """Another code."""
    mine = await _mine_to_prove(request)
    if isinstance(mine, web.Response):
        return mine
    row, base = mine
    try:
        await proving.send_code(services(request), row, network=network(request))
    except Refused as refused:
        if refused.reason is Reason.STALE:
            return move(*base, "done")
        page = _code(request, row, base, FieldError(text=told(request, refused)))
        return answer(request, page, status=STATUS.get(refused.reason, 422))
    return web.Response(status=303, headers={"Location": f"{path(*base, 'code')}?sent=1"})


async def verify(request: web.Request) -> web.Response:
    """Check what was typed; a right code gives the number."""
    mine = await _mine_to_prove(request)
    if isinstance(mine, web.Response):
        return mine
    row, base = mine
    typed = (await form(request)).get("code", "")
    try:
        checked = await proving.check_code(services(request), row, typed)
    except Refused as refused:
        return _typed_wrong(request, row, base, told(request, refused), typed)
    row = await steps.find(row.ref)
    if row.stage != Stage.UNPROVED:
        return move(*base, "done")
    match checked.verdict:
        case Verdict.WRONG if checked.left:
            text = reason(Reason.CODE_WRONG, n=checked.left)
        case Verdict.LATE:
            return await _late(request, row, base)
        case _:
            text = reason(Reason.CODE_SPENT)
    return _typed_wrong(request, row, base, text, "")


async def _late(request: web.Request, row: Application, base: tuple[str, ...]) -> web.Response:
    # Entering a code that is over counts as asking for a new one.
    try:
        await proving.send_code(services(request), row, network=network(request))
    except Refused as refused:
        return _typed_wrong(request, row, base, told(request, refused), "")
    return _typed_wrong(request, await steps.find(row.ref), base, reason(Reason.CODE_LATE), "")


def _typed_wrong(
    request: web.Request, row: Application, base: tuple[str, ...], text: str, typed: str
) -> web.Response:
    error = FieldError(text=text, field="code")
    return answer(request, _code(request, row, base, error, typed=typed), status=422)


async def done(request: web.Request) -> web.Response:
    """7: the number, and what happens next."""
    mine = await _mine(request)
    if isinstance(mine, web.Response):
        return mine
    row, base = mine
    if row.proved_at is None:
        return move(*base, "code")
    entry = await Contact.filter(registry.living(services(request).now()), id=row.contact_id or 0).first()
    page = views.RegistrationDone(
        number=row.number or "",
        company=row.company,
        masked_address=mask(row.email),
        at=row.proved_at,
        hours=int(services(request).policy.address_wait.total_seconds() // 3600),
        stage=Stage(row.stage),
        works_from=entry.works_from if entry else None,
        answer=_answer(request, row),
        again_url=None if row.answer in set(Reason) else path(BASE),
        elsewhere=row.answer == Reason.ADDRESS_ELSEWHERE.value,
        withdrawal=row.door == Door.WITHDRAWAL,
        unknown=row.answer == Reason.ADDRESS_UNKNOWN.value,
    )
    return answer(request, page)


def _answer(request: web.Request, row: Application) -> str:
    """Why an application came back, in words: the town's own, or those of a reason."""
    return told(request, Refused(Reason(row.answer))) if row.answer in set(Reason) else row.answer or ""


# Taking the consent back


async def withdraw(request: web.Request) -> web.Response:
    """Which address; then the code is mailed, and a right one takes the consent back."""
    if request.method != "POST":
        return answer(request, _withdraw(""))
    typed = (await form(request)).get("email", "")
    try:
        row = await doors.ask_to_withdraw(services(request), typed, network=network(request))
    except Refused as refused:
        error = FieldError(text=told(request, refused), field="email")
        page = replace(_withdraw(typed), errors=(error,))
        return answer(request, page, status=STATUS.get(refused.reason, 422))
    response = move(BASE, "code")
    form_state.keep(request, response, Form(ref=row.ref))
    return response


def _withdraw(typed: str) -> views.RegistrationQuestion:
    email = Input(
        name="email",
        label=_("登録したメールアドレス"),
        value=typed,
        hint=_("このアドレスに、6けたの確認コードをお送りします。"),
        shape="email",
        fill="email",
    )
    return views.RegistrationQuestion(
        number=None,
        heading=_("電子契約の承諾を取りやめます"),
        lead=_(
            "取りやめると、これからの契約は書面で行います。すでに届いている署名の依頼は、そのまま続けられます。"
        ),
        inputs=(email,),
        post_url=path(BASE, "withdraw"),
        back_url=path(BASE),
    )


# An address that staff have entered


async def invited(request: web.Request) -> web.Response:
    """What the address is registered for, and 承諾; then the code is mailed."""
    mine = await _mine(request)
    if isinstance(mine, web.Response):
        return mine
    row, base = mine
    if row.stage != Stage.UNPROVED:
        return move(*base, "done")
    page = replace(
        _terms(request, path(*base)),
        facts=((_("会社名"), row.company), (_("アドレス"), mask(row.email))),
    )
    if request.method != "POST":
        return answer(request, page)
    error = _agreed(await form(request))
    if error is not None:
        return answer(request, replace(page, errors=(error,)), status=422)
    try:
        await proving.agree(services(request), row, version=page.version, network=network(request))
    except Refused as refused:
        if refused.reason is not Reason.RESEND_EARLY:
            error = FieldError(text=told(request, refused))
            page = replace(page, agreed=True, errors=(error,))
            return answer(request, page, status=STATUS.get(refused.reason, 422))
    return move(*base, "code")
