"""The table of states, as properties."""

import itertools

import pytest

from envelopes.rules.errors import NotPermitted, Reason
from envelopes.rules.states import FINAL, TABLE, By, Event, State, Task, look_up, permits

EVERYTHING = list(itertools.product(State, Event, By))


def reachable() -> set[State]:
    found, waiting = {State.NONE}, [State.NONE]
    while waiting:
        here = waiting.pop()
        for (state, _), row in TABLE.items():
            if state is here and row.to not in found:
                found.add(row.to)
                waiting.append(row.to)
    return found


def test_every_state_is_reachable() -> None:
    assert reachable() == set(State)


def test_dead_ends_are_exactly_the_final_states() -> None:
    assert {state for state in State if not any(here is state for here, _ in TABLE)} == FINAL


def test_every_state_that_is_not_final_can_still_end() -> None:
    ends = set(FINAL)
    for _ in State:
        ends |= {here for (here, _), row in TABLE.items() if row.to in ends}
    assert ends == set(State)


def test_nothing_returns_to_before_it_existed() -> None:
    assert all(row.to is not State.NONE for row in TABLE.values())


def test_every_event_is_somewhere_in_the_table() -> None:
    assert {event for _, event in TABLE} == set(Event)


@pytest.mark.parametrize(("state", "event", "by"), EVERYTHING)
def test_only_what_stands_in_the_table_may_happen_and_only_by_its_own_verb(
    state: State, event: Event, by: By
) -> None:
    row = TABLE.get((state, event))
    assert permits(state, event) is (row is not None)
    if row is not None and by in row.by:
        assert look_up(state, event, by) is row
        return
    with pytest.raises(NotPermitted) as refused:
        look_up(state, event, by)
    assert refused.value.reason is Reason.NOT_PERMITTED
    assert refused.value.details == {"state": state, "event": event}


def test_signing_and_signed_take_the_workers_events_only() -> None:
    for (state, _), row in TABLE.items():
        if state in (State.SIGNING, State.SIGNED, State.PREPARING):
            assert row.by == {By.WORKER}


def test_only_a_signer_consents_declines_or_returns() -> None:
    for event in (Event.CONSENTED, Event.DECLINED, Event.RETURNED, Event.RENEWED):
        assert [row.by for (_, each), row in TABLE.items() if each is event] == [{By.SIGNER}]


def test_a_signature_is_queued_by_a_consent_and_by_nothing_else() -> None:
    assert [event for (_, event), row in TABLE.items() if Task.SIGN in row.tasks] == [Event.CONSENTED]


def test_completion_mails_come_only_after_the_timestamp() -> None:
    into = [event for (_, event), row in TABLE.items() if row.to is State.COMPLETED]
    assert into == [Event.TIMESTAMPED]
    mails = [event for (_, event), row in TABLE.items() if Task.COMPLETION_MAIL in row.tasks]
    assert mails == [Event.TIMESTAMPED]


def test_whoever_ends_an_envelope_has_the_others_told() -> None:
    ended = {State.DECLINED, State.RETURNED, State.CANCELLED, State.EXPIRED}
    assert all(row.tasks for row in TABLE.values() if row.to in ended)
