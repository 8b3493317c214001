"""What a supervisor owes, whatever happens to it: an answer to each order, a start, and an end."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from actorch.actors import Actor, ChildError, ChildStartError, Dispatcher, Future, Killed
from actorch.actors.testing import ManualClock
from actorch.supervisors import (
    BRUTAL_KILL,
    Breaker,
    ChildSpec,
    DynamicSupervisor,
    RestartBackoff,
    Supervisor,
    start_supervisor,
)

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
