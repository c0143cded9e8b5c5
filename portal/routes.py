"""Every URL on one screen. GET shows, POST acts."""

from aiohttp import web

from portal import download, public, signer, staff

REF = r"[a-z2-7]{16}"
TOKEN = r"[A-Za-z0-9_.-]{20,120}"  # noqa: S105 -- the shape of a link, not a secret
LINK = f"/s/{{token:{TOKEN}}}"
SIGN = f"/sign/{{ref:{REF}}}"
FILES = f"/d/{{token:{TOKEN}}}"
DRAFT = f"/staff/drafts/{{ref:{REF}}}"
ENVELOPE = f"/staff/envelopes/{{ref:{REF}}}"
ENROL = f"/staff/enrol/{{token:{TOKEN}}}"
NUMBER = r"/{number:\d{1,2}}"
IMAGE = NUMBER + r"/{page:\d{1,4}}-{width:\d{3,4}}.webp"

ROUTES = (
    web.get("/", public.home),
    web.get("/healthz", public.health),
    web.get("/robots.txt", public.robots),
    web.get("/static/{name}", public.static),
    web.get("/pki/{name}", public.pki),
    # The contractor, through the link
    web.get(LINK, signer.landing),
    web.get(LINK + "/code", signer.enter_code),
    web.post(LINK + "/code", signer.send_code),
    web.post(LINK + "/verify", signer.verify),
    web.post(LINK + "/link", signer.new_link),
    web.get(LINK + "/wrong", signer.wrong_person),
    web.post(LINK + "/wrong", signer.wrong_person),
    # The contractor, proved
    web.get(SIGN + "/confirm", signer.confirm),
    web.post(SIGN + "/complete", signer.complete),
    web.get(SIGN + "/done", signer.done),
    web.get(SIGN + "/decline", signer.decline),
    web.post(SIGN + "/decline", signer.decline),
    web.post(SIGN + "/decline/edit", signer.edit_decline),
    web.post(SIGN + "/refuse", signer.refuse),
    web.get(SIGN + "/code", signer.resume),
    web.post(SIGN + "/code", signer.resume),
    web.post(SIGN + "/verify", signer.resume),
    web.get(SIGN + NUMBER, signer.viewer),
    web.get(SIGN + NUMBER + "/pdf", signer.pdf),
    web.get(SIGN + IMAGE, signer.image),
    # The signed files
    web.get(FILES, download.show),
    web.post(FILES + "/code", download.send_code),
    web.post(FILES + "/verify", download.verify),
    web.post(FILES + "/fresh", download.fresh),
    web.get(FILES + r"/{number:\d{1,2}}.pdf", download.pdf),
    web.get(FILES + "/all.zip", download.together),
    # Staff
    web.get("/staff", staff.desk),
    web.get("/staff/sign-in", staff.sign_in),
    web.post("/staff/sign-in", staff.sign_in),
    web.get("/staff/code", staff.sign_in_code),
    web.post("/staff/code", staff.sign_in_code),
    web.post("/staff/sign-out", staff.sign_out),
    web.get(ENROL, staff.enrol),
    web.post(ENROL, staff.enrol),
    web.get(ENROL + "/qr.svg", staff.enrol_qr),
    web.post(r"/staff/tasks/{task:\d{1,18}}/retry", staff.retry),
    web.get(DRAFT, staff.draft),
    web.post(DRAFT + "/confirm", staff.confirm),
    web.post(DRAFT + "/discard", staff.discard),
    web.get(ENVELOPE, staff.envelope),
    web.post(ENVELOPE + "/extend", staff.extend),
    web.post(ENVELOPE + "/cancel", staff.cancel),
    web.post(ENVELOPE + "/reissue", staff.reissue),
    web.get(ENVELOPE + "/sign", staff.sign),
    web.post(ENVELOPE + "/sign", staff.sign),
    web.get(ENVELOPE + NUMBER, staff.viewer),
    web.get(ENVELOPE + NUMBER + "/pdf", staff.pdf),
    web.get(ENVELOPE + NUMBER + "/signed.pdf", staff.signed_pdf),
    web.get(ENVELOPE + IMAGE, staff.image),
)
