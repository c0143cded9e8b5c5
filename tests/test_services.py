"""What every action is given."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from envelopes import services
from envelopes.keyring import KeyMissing
from envelopes.records.blobs import Reader
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.policy import Policy
from envelopes.rules.tokens import Purpose
from envelopes.services import Services
from tests.engines import Clock, Engine, build_services

pytestmark = pytest.mark.engines
NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)


@pytest.fixture
def provided(engine: Engine) -> Services:
    return build_services(engine, Clock(NOW), policy={"code_tries": 3})


async def test_a_link_opens_what_it_was_made_for(provided: Services) -> None:
    ref = provided.ref()
    token = provided.link(Purpose.REQUEST, ref, 2)
    ticket = provided.ticket(Purpose.REQUEST, token)
    assert (ticket.ref, ticket.generation) == (ref, 2)
    assert ticket.expires == NOW + timedelta(days=800)
    with pytest.raises(Refused) as refused:
        provided.ticket(Purpose.DOWNLOAD, token)
    assert refused.value.reason is Reason.LINK_UNKNOWN


async def test_references_are_random(provided: Services) -> None:
    assert len({provided.ref() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Taro@Mihon.example", "taro@mihon.example"),
        ("ｔａｒｏ@mihon.example", "taro@mihon.example"),
        ("yamada..zouen.@docomo.ne.jp", "YAMADA..zouen.@DOCOMO.ne.jp"),
    ],
)
async def test_an_address_is_found_however_it_is_written(provided: Services, one: str, other: str) -> None:
    assert provided.address_look_up(one) == provided.address_look_up(other)
    assert provided.address_look_up(one) != provided.address_look_up("x" + other)


async def test_the_policy_is_kept_as_text_that_can_be_read_back(provided: Services) -> None:
    kept = TypeAdapter(Policy).validate_json(provided.policy_text())
    assert kept == provided.policy
    assert kept.code_tries == 3


async def test_urls_have_one_slash(provided: Services) -> None:
    assert provided.url("s", "abc") == "http://127.0.0.1:8000/s/abc"


async def test_services_show_no_key_when_they_are_printed(provided: Services) -> None:
    assert repr(provided.code_key)[2:-1] not in repr(provided)


async def test_a_portal_starts_without_the_bots_keys(engine: Engine, tmp_path: Path) -> None:
    from envelopes import keyring

    keys = tmp_path / "portal-keys"
    keyring.create(keys)
    (keys / "bot" / "archive").unlink()
    settings = engine.settings(keys=keys)
    portal = services.build(settings, portal=True, bot=False)
    stored = await portal.blobs.put(b"x", purpose="base", readers=(Reader.VIEW,))
    assert stored.archive_wrap is None
    with pytest.raises(KeyMissing):
        await portal.blobs.put(b"x", purpose="base", readers=(Reader.ARCHIVE,))
    with pytest.raises(KeyMissing):
        services.build(settings, portal=False, bot=True)
