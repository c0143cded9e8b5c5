"""A row that something else than the service wrote proves nothing."""

from datetime import datetime
from typing import Any

import pytest

from envelopes.actions import credentials
from envelopes.records import sessions
from envelopes.records.bonds import is_sign_in, secret_of
from envelopes.records.fields import FieldUnreadable
from envelopes.records.models import Credential, Proof, Session, Signer
from tests.engines import Town

pytestmark = pytest.mark.engines


def stored(town: Town, at: datetime) -> Any:
    """An instant as SQL wants it on this engine."""
    return f"'{at.isoformat(sep=' ')}'"


async def signer_of(town: Town) -> Signer:
    return (await town.out()).signers[0]


async def test_a_proof_written_by_the_service_counts(town: Town) -> None:
    one = await signer_of(town)
    _, here = await sessions.start(now=town.clock())
    await sessions.prove(here, one, generation=one.generation, method="mail-code", now=town.clock())
    assert await sessions.proof(here, one) is not None


async def test_a_proof_in_plain_text_is_found_out(town: Town) -> None:
    one = await signer_of(town)
    _, here = await sessions.start(now=town.clock())
    await town.engine.run(
        "INSERT INTO proofs (session_id, signer_id, generation, method, bond, at) "
        f"VALUES ({here.id}, {one.id}, {one.generation}, 'mail-code', 'x', {stored(town, town.clock())})"
    )
    with pytest.raises(FieldUnreadable):
        await sessions.proof(here, one)


async def test_a_proof_moved_to_another_browser_or_signer_counts_for_nobody(town: Town) -> None:
    one, other = await signer_of(town), await signer_of(town)
    _, here = await sessions.start(now=town.clock())
    _, there = await sessions.start(now=town.clock())
    await sessions.prove(here, one, generation=one.generation, method="mail-code", now=town.clock())
    await Proof.all().update(session_id=there.id)
    assert await sessions.proof(there, one) is None
    await Proof.all().update(session_id=here.id, signer_id=other.id)
    assert await sessions.proof(here, other) is None


async def test_a_sign_in_counts_only_in_the_browser_that_made_it(town: Town) -> None:
    _, mine = await sessions.start(now=town.clock(), staff_id=town.village.id)
    _, other = await sessions.start(now=town.clock(), staff_id=town.village.id)
    await sessions.prove_staff(mine, now=town.clock())
    proved = await Session.get(id=mine.id)
    assert is_sign_in(proved)
    await town.engine.run(
        "UPDATE sessions SET proved_at = (SELECT proved_at FROM sessions s WHERE s.id = "
        f"{mine.id}), bond = (SELECT bond FROM sessions s WHERE s.id = {mine.id}) WHERE id = {other.id}"
    )
    copied = await Session.get(id=other.id)
    assert copied.proved_at == proved.proved_at
    assert not is_sign_in(copied)


async def test_a_credential_copied_to_somebody_else_opens_nothing(town: Town) -> None:
    await town.enrol(town.drafter)
    await town.enrol(town.village)
    for kind in (credentials.PASSWORD, credentials.TOTP):
        mine = await Credential.filter(staff_id=town.drafter.id, kind=kind).get()
        assert secret_of(mine)
        await town.engine.run(
            "UPDATE credentials SET secret = (SELECT secret FROM credentials c WHERE c.id = "
            f"{mine.id}) WHERE staff_id = {town.village.id} AND kind = '{kind}'"
        )
        assert secret_of(await Credential.filter(staff_id=town.village.id, kind=kind).get()) is None


async def test_plain_text_in_a_sealed_column_is_not_believed(town: Town) -> None:
    one = await signer_of(town)
    await town.engine.run(f"UPDATE signers SET email = 'mallory@example.net' WHERE id = {one.id}")
    with pytest.raises(FieldUnreadable):
        await Signer.get(id=one.id)
