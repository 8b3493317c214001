"""The table of states and events is total, and final means final."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors._states import (
    IMPOSSIBLE,
    TRANSITIONS,
    AgentEvent,
    AgentState,
    ImpossibleTransitionError,
    next_state,
)


def test_every_pair_of_state_and_event_has_an_entry():
    for state in AgentState:
        assert set(TRANSITIONS[state]) == set(AgentEvent), state


@pytest.mark.parametrize("event", AgentEvent)
@pytest.mark.parametrize("state", [state for state in AgentState if state.final])
def test_a_final_state_never_changes(state, event):
    assert next_state(state, event) is state


@pytest.mark.parametrize("state", [state for state in AgentState if not state.final])
def test_every_open_state_can_be_cancelled(state):
    assert next_state(state, AgentEvent.CANCEL) is AgentState.CANCELLED


def test_what_is_being_stopped_can_not_succeed_any_more():
    with pytest.raises(ImpossibleTransitionError, match="stopping cannot succeed"):
        next_state(AgentState.STOPPING, AgentEvent.SUCCEED)


def test_no_process_starts_without_waiting_for_a_slot():
    for state in AgentState:
        if TRANSITIONS[state][AgentEvent.START] is AgentState.STARTING:
            assert state is AgentState.QUEUED


def test_a_retry_goes_through_backoff_and_the_queue():
    path = [AgentEvent.RETRY, AgentEvent.QUEUE, AgentEvent.START, AgentEvent.UP]
    state = AgentState.RUNNING
    seen = []
    for event in path:
        state = next_state(state, event)
        seen.append(state.value)
    assert seen == ["backoff", "queued", "starting", "running"]


@given(st.lists(st.sampled_from(AgentEvent)))
def test_no_history_leads_out_of_a_final_state_or_into_success_without_a_running_process(events):
    state = AgentState.PENDING
    ran = False
    for event in events:
        before = state
        if TRANSITIONS[state][event] is IMPOSSIBLE:
            continue
        state = next_state(state, event)
        ran = ran or state is AgentState.RUNNING
        assert not before.final or state is before
        assert state is not AgentState.SUCCEEDED or ran
