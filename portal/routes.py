"""Every URL on one screen. GET shows, POST acts."""

from aiohttp import web

from portal import (
    declining,
    desk,
    download,
    drafts,
    envelopes,
    evidence,
    link,
    proved,
    public,
    sign_in,
    signer,
    verification,
    village,
)

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
    # Everybody who has a signed PDF or a certificate id
    web.get("/verify", verification.show),
    web.post("/verify", verification.ask),
    web.get(f"/verify/{{ref:{REF}}}", verification.look),
    # The contractor, through the link
    web.get(LINK, link.landing),
    web.get(LINK + "/code", link.enter_code),
    web.post(LINK + "/code", link.send_code),
    web.post(LINK + "/verify", link.verify),
    web.post(LINK + "/link", link.new_link),
    web.get(LINK + "/wrong", link.wrong_person),
    web.post(LINK + "/wrong", link.wrong_person),
    # The contractor, proved
    web.get(SIGN + "/confirm", signer.confirm),
    web.post(SIGN + "/complete", signer.complete),
    web.get(SIGN + "/done", signer.done),
    web.get(SIGN + "/decline", declining.decline),
    web.post(SIGN + "/decline", declining.decline),
    web.post(SIGN + "/decline/edit", declining.edit_decline),
    web.post(SIGN + "/refuse", declining.refuse),
    web.get(SIGN + "/code", proved.resume),
    web.post(SIGN + "/code", proved.resume),
    web.post(SIGN + "/verify", proved.resume),
    web.get(SIGN + NUMBER, signer.viewer),
    web.get(SIGN + NUMBER + "/pdf", signer.pdf),
    web.get(SIGN + IMAGE, signer.image),
    # The signed files
    web.get(FILES, download.show),
    web.post(FILES + "/code", download.send_code),
    web.post(FILES + "/verify", download.verify),
    web.post(FILES + "/fresh", download.fresh),
    web.get(FILES + r"/{number:\d{1,2}}.pdf", download.pdf),
    web.get(FILES + "/certificate.pdf", download.certificate),
    web.get(FILES + "/all.zip", download.together),
    # Staff
    web.get("/staff", desk.desk),
    web.get("/staff/sign-in", sign_in.sign_in),
    web.post("/staff/sign-in", sign_in.sign_in),
    web.get("/staff/code", sign_in.sign_in_code),
    web.post("/staff/code", sign_in.sign_in_code),
    web.post("/staff/sign-out", sign_in.sign_out),
    web.get(ENROL, sign_in.enrol),
    web.post(ENROL, sign_in.enrol),
    web.get(ENROL + "/qr.svg", sign_in.enrol_qr),
    web.post(r"/staff/tasks/{task:\d{1,18}}/retry", desk.retry),
    web.get(DRAFT, drafts.draft),
    web.post(DRAFT + "/confirm", drafts.confirm),
    web.post(DRAFT + "/revise", drafts.revise),
    web.post(DRAFT + "/discard", drafts.discard),
    web.get(ENVELOPE, envelopes.envelope),
    web.post(ENVELOPE + "/extend", envelopes.extend),
    web.post(ENVELOPE + "/cancel", envelopes.cancel),
    web.post(ENVELOPE + "/reissue", envelopes.reissue),
    web.get(ENVELOPE + "/evidence", evidence.show),
    web.post(ENVELOPE + "/evidence", evidence.ask),
    web.get(ENVELOPE + "/evidence.zip", evidence.take),
    web.get(ENVELOPE + "/sign", village.sign),
    web.post(ENVELOPE + "/sign", village.sign),
    web.get(ENVELOPE + NUMBER, village.viewer),
    web.get(ENVELOPE + NUMBER + "/pdf", envelopes.pdf),
    web.get(ENVELOPE + NUMBER + "/signed.pdf", envelopes.signed_pdf),
    web.get(ENVELOPE + "/certificate.pdf", envelopes.certificate),
    web.get(ENVELOPE + IMAGE, envelopes.image),
)
