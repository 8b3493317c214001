"""`RecordedEvents`: all that is announced, in order, and a wait that says what came instead."""

import threading
from collections.abc import Iterator

import pykka
import pytest

from actorch.actors import (
    Actor,
    AgentChanged,
    AgentRow,
    AgentState,
    Dispatcher,
    Event,
    Events,
    HistoryLost,
    LeftoversFound,
    WouldBlockError,
)
from actorch.actors.testing import RecordedEvents

LOST = HistoryLost("the disk is full")
FOUND = LeftoversFound(("one",), 3)


def changed(name: str, state: AgentState) -> AgentChanged:
    row = AgentRow(
        run_id="run",
        name=name,
        state=state,
        attempt=1,
        max_attempts=1,
        pid=None,
        since=0.0,
        started=None,
        finished=None,
        retry_at=None,
        stdout_path=None,
        stderr_path=None,
        detail="",
    )
    return AgentChanged(row, None)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def recorded(events: Events) -> Iterator[RecordedEvents]:
    with RecordedEvents(events) as recorded:
        yield recorded


def test_events_are_kept_in_their_order(events: Events, recorded: RecordedEvents) -> None:
    for event in (LOST, FOUND, LOST):
        events.publish(event)
    assert recorded.all == (LOST, FOUND, LOST)
    assert recorded.of(LeftoversFound) == (FOUND,)
    assert recorded.of(AgentChanged) == ()
    assert repr(recorded) == "<RecordedEvents: 3 have come>"


def test_what_has_come_already_is_not_waited_for(events: Events, recorded: RecordedEvents) -> None:
    events.publish(LOST)
    events.publish(FOUND)
    assert recorded.wait_for(LeftoversFound, timeout=0) is FOUND
    assert recorded.wait_for(lambda event: event == LOST, timeout=0) is LOST


def test_what_is_to_come_is_waited_for(events: Events, recorded: RecordedEvents) -> None:
    events.publish(LOST)
    asked = threading.Event()

    def is_found(event: Event) -> bool:
        asked.set()
        return event == FOUND

    def publish_once_asked() -> None:
        asked.wait(10)
        events.publish(LOST)
        events.publish(FOUND)

    thread = threading.Thread(target=publish_once_asked)
    thread.start()
    assert recorded.wait_for(is_found) is FOUND
    thread.join()


def test_a_wait_in_vain_names_what_came_instead(events: Events, recorded: RecordedEvents) -> None:
    with pytest.raises(pykka.Timeout, match=r"^no HistoryLost within 0 s; there came nothing$"):
        recorded.wait_for(HistoryLost, timeout=0)
    events.publish(FOUND)
    events.publish(changed("lint", AgentState.RUNNING))
    came = r"LeftoversFound, AgentChanged \(lint running\)"
    with pytest.raises(pykka.Timeout, match=rf"^no such event within 0.01 s; there came {came}$"):
        recorded.wait_for(lambda event: event is LOST, timeout=0.01)


def test_of_very_many_events_the_last_ones_are_named(
    events: Events, recorded: RecordedEvents
) -> None:
    for _ in range(1000):
        events.publish(FOUND)
    with pytest.raises(pykka.Timeout) as caught:
        recorded.wait_for(HistoryLost, timeout=0)
    assert "there came 990 others, LeftoversFound, " in str(caught.value)
    assert str(caught.value).count("LeftoversFound") == 10


def test_what_is_forgotten_does_not_match(events: Events, recorded: RecordedEvents) -> None:
    events.publish(LOST)
    recorded.clear()
    assert recorded.all == ()
    with pytest.raises(pykka.Timeout):
        recorded.wait_for(HistoryLost, timeout=0)
    events.publish(FOUND)
    assert recorded.all == (FOUND,)


def test_nothing_is_heard_after_the_end(events: Events) -> None:
    with RecordedEvents(events) as recorded:
        events.publish(LOST)
    events.publish(FOUND)
    recorded.close()
    assert recorded.all == (LOST,)
    assert not events.wants(LeftoversFound)


def test_no_receiver_waits_for_what_it_holds_up(recorded: RecordedEvents) -> None:
    class Waits(Actor):
        def on_receive(self, message: object) -> object:
            return recorded.wait_for(HistoryLost)

    with Dispatcher("tests") as dispatcher, pytest.raises(WouldBlockError):
        dispatcher.spawn(Waits).ask("wait")
