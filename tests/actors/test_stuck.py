"""A handler that never returns: who is told, what goes on, and what if it does return."""

import logging
import os
import threading
from collections.abc import Callable, Iterator

import pykka
import pytest

from actorch.actors import Actor, ActorRef, Dispatcher, DispatcherClosedError, Killed, Terminated

LONG = 20.0


class Snare:
    """Something to be stuck in, until the test is over."""

    def __init__(self) -> None:
        self.held = threading.Event()
        self.release = threading.Event()

    def never_returns(self) -> str:
        self.held.set()
        self.release.wait(3 * LONG)
        return "late"


class Runner(Actor):
    """Calls what it is sent."""

    def __init__(self, on_end: Callable[[], object] = bool) -> None:
        super().__init__()
        self._on_end = on_end

    def on_receive(self, message: Callable[[], object]) -> object:
        return message()

    def on_stop(self) -> None:
        self._on_end()


class OnItsOwn(Runner):
    blocking = True


class Mourner(Actor):
    """On a thread of its own, so that it hears of what befalls the shared one."""

    blocking = True

    def __init__(self, ref: ActorRef[Actor], heard: list[Terminated]) -> None:
        super().__init__()
        self._ref = ref
        self._heard = heard

    def on_start(self) -> None:
        self.watch(self._ref)

    def on_receive(self, message: object) -> None:
        if isinstance(message, Terminated):
            self._heard.append(message)
            self.stop()


@pytest.fixture
def snare() -> Iterator[Snare]:
    snare = Snare()
    yield snare
    snare.release.set()


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher("tests") as dispatcher:
        yield dispatcher


def ended(thread: threading.Thread) -> bool:
    thread.join(LONG)
    return not thread.is_alive()


def test_whoever_waits_for_a_stuck_actor_is_told_that_it_is_dead_once_it_is_given_up(
    dispatcher: Dispatcher, snare: Snare, caplog: pytest.LogCaptureFixture
) -> None:
    ref = dispatcher.spawn(OnItsOwn)
    heard: list[Terminated] = []
    mourner = dispatcher.spawn(Mourner, ref, heard)
    handled, waiting = (ref.ask(snare.never_returns, block=False) for _ in range(2))
    assert snare.held.wait(LONG)
    stopping = ref.stop(block=False)
    dispatcher.give_up([ref])
    for future in (handled, waiting):
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=LONG)
    assert stopping.get(timeout=LONG) is True
    assert mourner.actor_stopped.wait(LONG)
    assert heard == [Terminated(ref, Killed())]
    assert not ref.is_alive()
    assert ref not in dispatcher.actors()
    assert "stuck in OnItsOwn" in caplog.text
    assert "in never_returns" in caplog.text


def test_an_actor_that_was_given_up_and_returns_after_all_cleans_up_and_does_nothing_more(
    dispatcher: Dispatcher, snare: Snare
) -> None:
    cleaned, more = threading.Event(), threading.Event()
    ref = dispatcher.spawn(OnItsOwn, cleaned.set)
    ref.tell(snare.never_returns)
    ref.tell(more.set)
    assert snare.held.wait(LONG)
    (thread,) = (one for one in threading.enumerate() if one.name == "tests-OnItsOwn")
    dispatcher.give_up([ref])
    assert thread.daemon
    assert not cleaned.is_set()
    snare.release.set()
    assert ended(thread)
    assert cleaned.is_set()
    assert not more.is_set()


def test_giving_up_an_actor_that_is_not_stuck_ends_it_in_order(dispatcher: Dispatcher) -> None:
    cleaned = threading.Event()
    ref = dispatcher.spawn(OnItsOwn, cleaned.set)
    assert ref.ask(lambda: 1) == 1
    dispatcher.give_up([ref])
    assert cleaned.is_set()
    assert not ref.is_alive()


def test_the_others_can_be_stopped_while_some_go_on(dispatcher: Dispatcher) -> None:
    first, second, third = (dispatcher.spawn(Runner) for _ in range(3))
    assert dispatcher.stop_all(LONG, but=[second]) == []
    assert [ref.is_alive() for ref in (first, second, third)] == [False, True, False]
    assert second.ask(lambda: "here") == "here"


def test_a_loop_responds_unless_something_on_it_is_stuck(
    dispatcher: Dispatcher, snare: Snare
) -> None:
    assert dispatcher.responds(LONG)
    dispatcher.call_soon(snare.never_returns)
    assert snare.held.wait(LONG)
    assert not dispatcher.responds(0.01)
    snare.release.set()
    assert dispatcher.responds(LONG)
    dispatcher.close()
    assert dispatcher.responds(LONG)


@pytest.mark.parametrize("way", ["message", "call", "timer"])
def test_closing_leaves_a_stuck_loop_behind_and_tells_everybody(
    dispatcher: Dispatcher, snare: Snare, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    other, dispatcher = dispatcher, Dispatcher("stuck")
    ends: list[str] = []
    refs = [dispatcher.spawn(Runner, lambda name=name: ends.append(name)) for name in "ab"]
    heard: list[Terminated] = []
    mourner = other.spawn(Mourner, refs[1], heard)
    assert refs[1].ask(lambda: 1) == 1
    if way == "message":
        refs[0].tell(snare.never_returns)
    elif way == "call":
        dispatcher.call_soon(snare.never_returns)
    else:
        dispatcher.call_later(0.0, snare.never_returns)
    assert snare.held.wait(LONG)
    (thread,) = (one for one in threading.enumerate() if one.name == "stuck-loop")
    late = threading.Event()
    dispatcher.call_soon(late.set)
    waiting = refs[1].ask(late.set, block=False)
    dispatcher.close(timeout=0.1)
    dispatcher.close()
    with pytest.raises(pykka.ActorDeadError):
        waiting.get(timeout=LONG)
    with pytest.raises(DispatcherClosedError):
        dispatcher.spawn(Runner)
    assert mourner.actor_stopped.wait(LONG)
    assert thread.daemon
    assert not any(ref.is_alive() for ref in refs)
    assert [one.ref for one in heard] == [refs[1]]
    records = [one for one in caplog.records if "stuck in" in one.getMessage()]
    assert [one.levelno for one in records] == [logging.WARNING]
    assert "in never_returns" in caplog.text
    assert ("stuck in Runner" in caplog.text) == (way == "message")
    assert ends == []
    snare.release.set()
    assert ended(thread)
    assert sorted(ends) == ["a", "b"]
    assert not late.is_set()


def test_a_descriptor_is_not_looked_at_by_a_loop_that_was_given_up(snare: Snare) -> None:
    dispatcher = Dispatcher("stuck")
    reading, writing = os.pipe()
    read = threading.Event()
    dispatcher.call_soon(dispatcher.add_reader, reading, read.set)
    dispatcher.call_soon(snare.never_returns)
    assert snare.held.wait(LONG)
    os.write(writing, b"x")
    (thread,) = (one for one in threading.enumerate() if one.name == "stuck-loop")
    dispatcher.fence()
    snare.release.set()
    assert ended(thread)
    assert not read.is_set()
    dispatcher.close()
    os.close(reading)
    os.close(writing)
