"""The desk: work that keeps failing is offered to be tried again to those who may have that."""

import pytest

from envelopes.records.models import Staff
from envelopes.records.models import Task as TaskRow
from tests.engines import Town
from tests.portal.test_evidence import asked, signed_in

pytestmark = pytest.mark.engines


async def test_an_auditor_sees_what_fails_and_no_button_that_refuses_him(town: Town) -> None:
    shot = await town.out()
    task = await TaskRow.get(envelope_id=shot.envelope.id, kind="request_mail")
    await TaskRow.filter(id=task.id).update(failing_since=town.clock(), state="ready")
    retry = f"/staff/tasks/{task.id}/retry"
    await Staff.filter(id=town.approver.id).update(roles="auditor")
    for person, offered in ((town.drafter, True), (town.approver, False)):
        async with signed_in(town, person) as client:
            said = (await asked(client, "/staff"))[1].decode()
            assert "止まっている処理" in said
            assert (retry in said) is offered
            assert (await asked(client, retry, "POST"))[0] == (303 if offered else 403)
