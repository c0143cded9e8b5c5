"""Who is not concerned sees nothing: strangers, other companies, the next signer, other sections.

Beside each of them stands his twin, who is concerned and does see it.
"""

import pytest

from tests.journeys import cast
from tests.journeys.people import Phone, Roles
from tests.journeys.world import World

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

READING = ("/1", "/1/pdf", "/1/1-828.webp", "/confirm", "/done", "/decline", "/wrong")
ACTING = (
    "/complete",
    "/decline",
    "/decline/edit",
    "/refuse",
    "/code",
    "/verify",
    "/wrong",
    "/wrong/ask",
    "/wrong/back",
)
FILES = ("/1.pdf", "/certificate.pdf", "/all.zip")
NOTHING = {303, 404}


def sees(phone: Phone, base: str, paths: tuple[str, ...]) -> set[int]:
    return {phone.status(base + path) for path in paths}


def acts(phone: Phone, base: str) -> set[int]:
    form: dict[str, str | float | bool] = {
        "offer": "0" * 64,
        "choice": "decline",
        "reason": "よその者",
        "code": "123456",
    }
    return {phone.status(base + path, "POST", form) for path in ACTING}


def test_only_the_signer_who_proved_himself_sees_the_documents(
    world: World, roles: Roles, title: str
) -> None:
    _, first = roles.out(title, cast.TAKAHASHI, cast.MINAMI)
    first.prove()
    second = roles.contractor(title, cast.MINAMI, scripts=False)
    _, other = roles.out(f"{title}よそ", cast.YOSO)
    other.prove()
    ref = first.base.rpartition("/")[2]

    assert sees(first, first.base, READING) == {200, 303}
    assert sees(other, other.base, READING) == {200, 303}
    strangers = (roles.stranger(), other, second)
    world.quiet()
    before = world.dump()
    for phone in strangers:
        assert sees(phone, first.base, READING) == {404}
        assert acts(phone, first.base) == {404}
        assert phone.status(f"/staff/envelopes/{ref}") in NOTHING
    assert world.dump() == before
    # The page for what is not there and for what one may not see is the same.
    stranger = roles.stranger()
    stranger.open(f"{first.base}/1")
    hidden = stranger.text
    stranger.open(f"/sign/{'a' * 16}/1")
    assert stranger.text == hidden

    first.complete()
    second.asked()
    second.prove()
    assert sees(second, second.base, READING) == {200, 303}
    assert sees(second, first.base, READING) == {404}
    assert sees(first, second.base, READING) == {404}


def test_drafter_and_registrar_do_not_sign_for_the_village(world: World, roles: Roles, title: str) -> None:
    clerk, contractor = roles.out(title)
    contractor.prove()
    contractor.complete()
    ref = world.one(f"SELECT ref FROM envelopes WHERE title = '{title}'")
    village = roles.clerk(title, cast.KITAZAWA)
    village.letter("【署名待ち】")
    assert clerk.status(f"/staff/envelopes/{ref}/sign") == 403
    form: dict[str, str | float | bool] = {"offer": "0" * 64, "code": clerk.digits()}
    assert clerk.status(f"/staff/envelopes/{ref}/sign", "POST", form) == 403
    village.sign_in(next_to=f"/staff/envelopes/{ref}/1")
    village.press("署名へ進む")
    village.submit("000000" if village.digits() != "000000" else "000001")
    assert "認証コードが違います" in village.text
    assert world.state(title) == "out"
    village.submit(village.digits())
    world.wait_state(title, "completed")


def test_download_link_of_one_company_opens_nothing_for_another(
    world: World, roles: Roles, title: str
) -> None:
    _, contractor = roles.out(title, kind="請書")
    contractor.prove()
    contractor.complete()
    link = contractor.letter("電子署名完了").link
    # The files were attached to this person's mail, so the link alone is enough.
    assert sees(contractor, link, FILES) == {200}
    token = link.rpartition("/")[2]
    stranger = roles.stranger()
    for forged in (token[:-1] + ("A" if token[-1] != "A" else "B"), token[::-1], "A" * 60):
        assert stranger.status(f"/d/{forged}") == 404
        assert sees(stranger, f"/d/{forged}", FILES) == {404}
    # A link for one purpose is none for another.
    assert stranger.status(f"/s/{token}") == 404
    assert stranger.status(f"/d/{contractor.link.rpartition('/')[2]}") == 404
