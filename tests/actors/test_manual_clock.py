"""Time that moves only when told to, one timer after the other."""

import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from actorch.actors._actor import Actor
from actorch.actors._clock import Clock, SystemClock
from actorch.actors._dispatcher import Dispatcher
from actorch.actors._errors import WouldBlockError
from actorch.actors._ref import ActorRef
from actorch.actors.testing import ManualClock

LONG = 20.0


class Pacer(Actor):
    """Notes the time of each message, and tells itself the same again after a while."""

    def __init__(self, pause: float) -> None:
        super().__init__()
        self.pause = pause
        self.times: list[float] = []

    def on_receive(self, message: object) -> None:
        self.times.append(self.dispatcher.clock.now())
        self.call_later(self.pause, message)


class BlockingPacer(Pacer):
    blocking = True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def dispatcher(clock: ManualClock) -> Iterator[Dispatcher]:
    with Dispatcher("tests", clock=clock) as dispatcher:
        yield dispatcher


def test_time_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(start=5, epoch=1000)
    assert (clock.now(), clock.time()) == (5, 1000)
    clock.advance(2.5)
    assert (clock.now(), clock.time()) == (7.5, 1002.5)
    assert repr(clock) == "<ManualClock at 7.5 s>"


def test_both_clocks_are_clocks() -> None:
    clocks: list[Clock] = [ManualClock(), SystemClock()]
    for clock in clocks:
        assert clock.wait_for(clock.now()) == 0.0
        assert clock.time() > 1_600_000_000
        clock.detach(clock)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Pacer, BlockingPacer])
def test_timers_that_timers_set_run_at_their_own_time_within_one_advance(
    clock: ManualClock, dispatcher: Dispatcher, kind: type[Pacer]
) -> None:
    ref = dispatcher.spawn(kind, 10.0)
    times = ref._actor_weakref().times
    ref.tell("tick")
    clock.advance(35)
    assert times == [0, 10, 20, 30]
    clock.advance(4.999)
    assert times == [0, 10, 20, 30]
    clock.advance(0.001)
    assert times == [0, 10, 20, 30, 40]
    assert clock.now() == pytest.approx(40)


def test_all_messages_have_had_their_effect_when_advance_returns(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    """Over two dispatchers and actors of both kinds, each handing on to the next."""

    class Link(Actor):
        def __init__(self, following: ActorRef[Any] | None, done: list[object]) -> None:
            super().__init__()
            self.following, self.done = following, done

        def on_receive(self, message: int) -> None:
            if self.following is None:
                self.done.append(message)
            else:
                self.following.tell(message)

    class BlockingLink(Link):
        blocking = True

    done: list[object] = []
    with Dispatcher("other", clock=clock) as other:
        following: ActorRef[Any] | None = None
        for number in range(12):
            where = dispatcher if number % 2 else other
            following = where.spawn(BlockingLink if number % 3 else Link, following, done)
        assert following is not None
        for number in range(100):
            dispatcher.call_later(number % 5, following.tell, number)
            clock.advance(0)
        for step in range(1, 6):
            clock.advance(1)
            assert len(done) == 20 * min(5, step + 1)


def test_dispatchers_that_share_a_clock_run_their_timers_in_common_order(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    order: list[float] = []
    with Dispatcher("other", clock=clock) as other:
        for delay in (5, 3, 1):
            dispatcher.call_later(delay, order.append, delay)
        for delay in (4, 2, 6):
            other.call_later(delay, order.append, delay)
        clock.advance(10)
    assert order == [1, 2, 3, 4, 5, 6]


def test_a_timer_set_from_the_test_counts_from_the_time_of_the_call(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    came: list[float] = []
    for _ in range(200):
        dispatcher.call_later(1, lambda: came.append(clock.now()))
        due = clock.now() + 1
        clock.advance(1)
        assert came.pop() == due


def test_advance_by_nothing_only_lets_the_actors_come_to_rest(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    ref = dispatcher.spawn(Pacer, 1.0)
    ref.tell("tick")
    clock.advance()
    assert ref._actor_weakref().times == [0]
    assert clock.now() == 0


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_does_not_go_back(clock: ManualClock, seconds: float) -> None:
    with pytest.raises(ValueError, match="cannot move"):
        clock.advance(seconds)


def test_advance_on_a_dispatchers_own_thread_is_refused(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    class Hasty(Actor):
        def on_receive(self, message: object) -> None:
            clock.advance(1)

    with pytest.raises(WouldBlockError):
        dispatcher.spawn(Hasty).ask("go")


def test_actors_that_never_come_to_rest_are_reported(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    class Restless(Actor):
        def on_receive(self, message: object) -> None:
            self.actor_ref.tell(message)

    ref = dispatcher.spawn(Restless)
    ref.tell("again")
    with pytest.raises(pykka.Timeout, match="'tests'"):
        clock.advance(1, patience=0.1)
    ref.kill()
    clock.advance(1)


def test_a_blocking_actor_that_is_stuck_delays_advance_once_and_stops_no_timer(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    release = threading.Event()

    class Stuck(Actor):
        blocking = True

        def on_receive(self, message: object) -> None:
            release.wait(LONG)

    dispatcher.spawn(Stuck).tell("block")
    ref = dispatcher.spawn(Pacer, 1.0)
    ref.tell("tick")
    begun = SystemClock().now()
    clock.advance(3, patience=0.2)
    clock.advance(3, patience=LONG)
    assert ref._actor_weakref().times == [0, 1, 2, 3, 4, 5, 6]
    assert SystemClock().now() - begun < LONG / 2
    release.set()


def test_a_closed_dispatcher_is_not_waited_for(clock: ManualClock) -> None:
    dispatcher = Dispatcher("tests", clock=clock)
    dispatcher.call_later(5, lambda: None)
    dispatcher.close()
    clock.advance(10)
    assert clock.now() == 10


def test_real_time_does_not_run_timers(clock: ManualClock, dispatcher: Dispatcher) -> None:
    happened = threading.Event()
    dispatcher.call_later(0.0001, happened.set)
    assert not happened.wait(0.05)
    clock.advance(0.0001)
    assert happened.is_set()
