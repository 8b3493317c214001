"""What a system does in each phase of its end."""

from __future__ import annotations

import math
from typing import Any, Final

import pykka

from actorch.actors import ActorRef, Clock, Dispatcher, Future, Shutdown
from actorch.actors._deliver import deliver
from actorch.actors._isolation import Machine
from actorch.actors._journal import Journal
from actorch.actors._messages import StopReason
from actorch.actors._processes import Processes
from actorch.actors._registry import Registry

from ._board import RunBoard
from ._messages import StopRun
from ._root import RootSupervisor
from ._sentinel import Sentinel
from ._shutdown import Pace, Phase
from ._subscribers import Subscribers

__all__ = ["Ending"]

TREES: Final = 60.0
"""Seconds that supervision trees have to stop, unless the caller says otherwise."""
KILL: Final = 20.0
"""Seconds until a run whose agents were killed is waited for no longer."""
STOP: Final = 30.0
"""Seconds that all other actors have to end; the journal may wait for a lock."""
LOOK: Final = 5.0
"""Seconds of waiting after which it is time to see whether the loop is stuck."""
PATIENCE: Final = 2.5
"""Seconds that the loop may do nothing in, twice, before it counts as stuck."""

STUCK: Final = "the system was closed while its loop was stuck"
OWN: Final = (RootSupervisor, Registry, Journal, Sentinel)
"""The actors that outlive the runs."""


class Ending:
    """The steps, each of which may be taken again if it was interrupted.

    A loop that is stuck, as in a receiver that never returns, cannot end agents. It is fenced then,
    and their processes are ended from the thread that closes.
    """

    _dispatcher: Dispatcher
    _host: Processes
    _machine: Machine
    _root: ActorRef[RootSupervisor]
    _boards: set[RunBoard]
    _subscribers: Subscribers
    _patience: Clock
    _trees: list[ActorRef[Any]]

    def _phases(self) -> list[Phase]:
        return [
            Phase("drain"),
            Phase("supervisors", self._end_trees),
            Phase("runs", self._end_runs),
            Phase("actors", self._end_actors),
            Phase("flush"),
            Phase("history", self._end_history),
            Phase("processes", self._end_processes),
            Phase("end"),
        ]

    def _hurry(self) -> None:
        """Have killed what still runs."""
        for ref in list(self._trees):  # those that end leave it
            ref.kill()
        deliver(self._root, StopRun(None, StopReason.CANCELLED, kill=True))

    def _end_trees(self, pace: Pace) -> None:
        self._stop_trees(self._until(TREES if pace.timeout is None else pace.timeout))

    def _stop_trees(self, deadline: float) -> None:
        """Stop all supervision trees at once; those that take too long are killed."""
        trees = list(reversed(self._trees))
        stopping = [(ref, ref.stop(block=False, reason=Shutdown())) for ref in trees]
        for ref, future in stopping:
            if not self._wait(future, deadline):
                ref.kill()

    def _end_runs(self, pace: Pace) -> None:
        deliver(self._root, StopRun(None, StopReason.CANCELLED))
        if not self._wait_for_runs(self._until(pace.timeout)) and not self._loop_is_lost():
            self._hurry()
            self._wait_for_runs(self._until(min(KILL, pace.cap)))

    def _wait_for_runs(self, deadline: float) -> bool:
        return all(self._wait(board.future, deadline) for board in list(self._boards))

    def _end_actors(self, pace: Pace) -> None:
        self._loop_is_lost()
        limit = STOP if pace.timeout is None else max(1.0, pace.timeout)
        own = [ref for ref in self._dispatcher.actors() if ref.actor_class in OWN]
        left = self._dispatcher.stop_all(min(limit, pace.cap), but=own)
        if left:
            self._loop_is_lost()
            self._dispatcher.give_up(left)

    def _end_history(self, pace: Pace) -> None:
        self._loop_is_lost()
        self._dispatcher.stop_all(min(STOP, pace.cap))

    def _end_processes(self, pace: Pace) -> None:
        if not self._loop_is_lost():
            self._host.close()
        self._machine.close()
        self._dispatcher.close(min(STOP, pace.cap))
        for board in list(self._boards):
            board.crash("the system was closed")
        self._subscribers.close()

    def _until(self, timeout: float | None) -> float:
        return math.inf if timeout is None else self._patience.now() + timeout

    def _wait(self, future: Future[Any], deadline: float) -> bool:
        """Wait until it is done; False if it is too late, or if it never will be."""
        while not future.done():
            left = deadline - self._patience.now()
            try:
                future.get(timeout=min(left, LOOK))
            except pykka.Timeout:
                if left <= LOOK or self._loop_is_lost():
                    return future.done()
        return True

    def _loop_is_lost(self) -> bool:
        """See to it that no process depends on a loop that is stuck."""
        if self._dispatcher.responds(PATIENCE):
            return False
        self._dispatcher.fence()
        self._host.sever()
        for board in list(self._boards):
            board.crash(STUCK)
        return True
