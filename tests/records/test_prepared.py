"""A query whose SQL was made once answers what the query itself answers, whatever it is asked for."""

import pytest

from envelopes.records.models import Signer
from envelopes.records.prepared import Prepared
from tests.engines import Town

pytestmark = pytest.mark.engines


async def test_it_answers_like_the_query_and_brings_what_was_joined(town: Town) -> None:
    first, second = await town.out(), await town.out(contractors=2)
    seat = Prepared(
        lambda envelope, place: Signer.filter(position=place, envelope_id=envelope).select_related(
            "envelope__section"
        ),
        -1,
        -2,
    )
    for shot in (first, second, first):
        for one in shot.signers:
            (found,) = await seat(shot.envelope.id, one.position)
            assert (found.id, found.ref, found.email, found.bond) == (one.id, one.ref, one.email, one.bond)
            assert found.envelope.title == shot.envelope.title
            assert found.envelope.section.name == town.section.name
    assert await seat(first.envelope.id, 9) == []


async def test_an_example_that_is_not_the_only_one_is_refused(town: Town) -> None:
    twice = Prepared(lambda ref: Signer.filter(ref=ref, email_look_up=ref), "x")
    with pytest.raises(ValueError, match="more than once"):
        await twice("abc")
    never = Prepared(lambda _ref: Signer.filter(ref="y"), "x")
    with pytest.raises(ValueError, match="not at all"):
        await never("abc")
