"""What a supervisor owes, whatever happens to it: an answer to each order, a start, and an end."""

from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from actorch.actors import Actor, ChildError, Dispatcher, Future, Killed, Normal
from actorch.actors.testing import ManualClock
from actorch.supervisors import (
    Breaker,
    ChildSpec,
    DynamicSupervisor,
    RestartBackoff,
    Supervisor,
    SupervisorRef,
    start_supervisor,
)
from actorch.supervisors._tree_messages import Ended

LONG = 20.0
AT_ONCE = RestartBackoff(min=0.0, max=0.0)


class Worker(Actor):
    """Does what it is told to."""

    def on_receive(self, message: Any) -> Any:
        return message(self)


class BlockingWorker(Worker):
    blocking = True


class Slow(Worker):
    """Counts as started, and has ended, when the test says so."""

    def __init__(self, up: Future[None], over: Future[None]) -> None:
        super().__init__()
        self.up = up
        self.over = over

    def on_start(self) -> Future[None]:
        return self.up

    def on_stop(self) -> Future[None]:
        return self.over


def crash(_worker: Worker) -> None:
    raise ValueError("crash")


def done() -> Future[None]:
    future = Future[None]()
    future.set()
    return future


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def dispatcher(clock: ManualClock) -> Iterator[Dispatcher]:
    with Dispatcher("tests", clock=clock) as dispatcher:
        yield dispatcher


# Orders.


def test_who_waits_for_a_child_of_a_supervisor_that_is_killed_is_told(
    dispatcher: Dispatcher,
) -> None:
    supervisor = start_supervisor(dispatcher, DynamicSupervisor())
    over = Future[None]()
    supervisor.start_child(ChildSpec("slow to end", Slow, (done(), over)))
    ended = supervisor.terminate_child("slow to end", block=False)
    starting = ChildSpec("slow to start", Slow, (Future(), done()))
    started = supervisor.start_child(starting, block=False)
    assert supervisor.count_children().active == 2
    supervisor.kill()
    for future in (started, ended):
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=LONG)
    over.set()
    assert supervisor.wait(LONG) == Killed()


def test_an_order_that_crashes_the_supervisor_is_answered(dispatcher: Dispatcher) -> None:
    supervisor = start_supervisor(dispatcher, DynamicSupervisor())

    def start(_roster: object) -> None:
        raise MemoryError

    dispatcher.enlist = start  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        supervisor.start_child(ChildSpec("a", Worker))
    assert supervisor.wait(LONG).abnormal


# Sweeps.


@pytest.mark.parametrize("later", [False, True], ids=["opening", "start_child"])
def test_a_child_that_starts_when_a_sibling_fails_is_stopped_and_started_with_it(
    dispatcher: Dispatcher, clock: ManualClock, later: bool
) -> None:
    ups = [Future[None](), done()]

    class Late(Worker):
        def on_start(self) -> Future[None]:
            return ups[self.actor_ref.incarnation - 1]

    first, late = ChildSpec("first", Worker, backoff=AT_ONCE), ChildSpec("late", Late)
    spec = Supervisor([first] if later else [first, late], strategy="one_for_all")
    opening = start_supervisor(dispatcher, spec, block=False)
    clock.advance()
    supervisor = dispatcher.actors()[0]
    assert isinstance(supervisor, SupervisorRef)
    started = supervisor.start_child(late, block=False) if later else opening
    clock.advance()
    supervisor.child("first").tell(crash)
    clock.advance()
    assert started.get(timeout=LONG) in (supervisor, supervisor.child("late"))
    assert [child.incarnation for child in supervisor.which_children()] == [2, 2]


def test_a_child_before_all_that_are_to_be_restarted_can_be_restarted_meanwhile(
    dispatcher: Dispatcher, clock: ManualClock
) -> None:
    children = [ChildSpec(name, Worker) for name in ("a", "b", "c")]
    supervisor = start_supervisor(dispatcher, Supervisor(children, strategy="rest_for_one"))
    supervisor.terminate_child("a")
    supervisor.child("c").tell(crash)
    clock.advance()
    assert supervisor.restart_child("a").is_alive()
    assert [child.state for child in supervisor.which_children()] == [
        "running",
        "running",
        "waiting",
    ]
    clock.advance(1)
    assert supervisor.count_children().active == 3


def test_a_child_in_a_backoff_waits_for_its_end_though_a_sibling_is_restarted_on_the_way_up(
    dispatcher: Dispatcher, clock: ManualClock
) -> None:
    up = Future[None]()
    plain = RestartBackoff(min=1.0, jitter="none")
    children = [ChildSpec(name, Worker, backoff=plain) for name in ("a", "b")]
    spec = Supervisor([*children, ChildSpec("late", Slow, (up, done()))])
    opening = start_supervisor(dispatcher, spec, block=False)
    clock.advance()
    supervisor = dispatcher.actors()[0]
    assert isinstance(supervisor, SupervisorRef)
    supervisor.child("a").tell(crash)
    supervisor.terminate_child("b")
    restarted = supervisor.restart_child("b", block=False)
    clock.advance(0.5)
    assert supervisor.which_children()[0].state == "waiting"
    clock.advance(0.5)
    assert restarted.get(timeout=LONG) == supervisor.child("b")
    assert supervisor.child("a").incarnation == 2
    up.set()
    assert opening.get(timeout=LONG) is supervisor


# Restarts.


def test_a_probe_that_ends_well_before_it_is_ready_is_started_again(
    dispatcher: Dispatcher, clock: ManualClock
) -> None:
    def leave(worker: Worker) -> None:
        worker.leave(Normal())

    slowly = RestartBackoff(jitter="none", ready_after=1.0)
    children = [ChildSpec(name, Worker, restart="permanent", backoff=slowly) for name in "abc"]
    breaker = Breaker(at_least=3, pause=30.0, probation=1.0)
    supervisor = start_supervisor(dispatcher, Supervisor(children, breaker=breaker))
    for name in "abc":
        supervisor.child(name).tell(crash)
    clock.advance(29)
    assert supervisor.count_children().active == 0
    clock.advance(1)
    [probe] = [child.id for child in supervisor.which_children() if child.state == "running"]
    supervisor.child(probe).tell(leave)
    clock.advance(5)
    assert supervisor.count_children().active == 3


# What is no agent.


def test_a_child_that_is_no_agent_is_not_asked_for_its_run(dispatcher: Dispatcher) -> None:
    supervisor = start_supervisor(dispatcher, Supervisor([ChildSpec("a", Worker)]))
    with pytest.raises(ChildError):
        supervisor.run_of("a")
    assert supervisor.child("a").incarnation == 1


def test_an_end_that_is_told_twice_counts_once(dispatcher: Dispatcher, clock: ManualClock) -> None:
    supervisor = start_supervisor(dispatcher, Supervisor([ChildSpec("a", Worker)]))
    ref = supervisor.child("a")
    ref.tell(crash)
    clock.advance()
    supervisor.notify(Ended("a", ref.cell, 1, Killed()))
    clock.advance(1)
    assert supervisor.count_children().active == 1
    assert supervisor.stop(timeout=LONG)
    assert not ref.is_alive()
