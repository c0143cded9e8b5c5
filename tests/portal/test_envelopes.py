"""The envelope's page for staff, as it stands between two states."""

import pytest

from envelopes.rules.kinds import Kind
from tests.engines import Town
from tests.portal.test_evidence import signed_in
from tests.portal.test_factor import get

pytestmark = pytest.mark.engines


async def test_who_has_just_signed_is_waited_for_no_more(town: Town) -> None:
    shot = await town.out(kind=Kind.ACCEPTANCE)
    page = f"/staff/envelopes/{shot.envelope.ref}"
    async with signed_in(town, town.drafter) as client:
        assert "署名を待っています" in (await get(client, page))[2]
        await town.consent(shot)
        said = (await get(client, page))[2]
    assert "に署名を受け付け、PDFに付けています" in said
    assert "この画面は自動では変わりません" in said
    assert "署名を待っています" not in said
