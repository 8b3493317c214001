"""The actors of one dispatcher that have not ended, and the threads of those that block."""

from __future__ import annotations

import math
import threading
import uuid
from collections.abc import Collection, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import pykka

from ._clock import SystemClock
from ._own_thread import OwnThread
from ._reasons import Shutdown
from ._stuck import stack_of

if TYPE_CHECKING:
    from ._cell import Cell
    from ._future import Future
    from ._ref import ActorRef

__all__ = ["Roster", "unique_names"]

_real_now = SystemClock().now

_PATIENCE = 5.0
"""Real seconds for which one actor that does not end holds up those started before it."""


class Roster:
    """Who there is. From any thread.

    The lock is reentrant: a signal handler may start or stop actors while its own thread does.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._refs: dict[str, ActorRef[Any]] = {}
        self._threads: list[OwnThread] = []
        self._full = False

    def __len__(self) -> int:
        return len(self._refs)

    def enlist(self, ref: ActorRef[Any]) -> bool:
        """Add an actor; False if the roster is closed."""
        with self._lock:
            if not self._full:
                self._refs[ref.actor_urn] = ref
            return not self._full

    def strike(self, urn: str) -> None:
        """Take an actor off."""
        with self._lock:
            self._refs.pop(urn, None)

    def close(self) -> None:
        """Let nobody in any more."""
        with self._lock:
            self._full = True

    def all(self) -> list[ActorRef[Any]]:
        """All, in the order in which they were started."""
        with self._lock:
            return list(self._refs.values())

    def get(self, urn: str) -> ActorRef[Any] | None:
        """The one of that name."""
        return self._refs.get(urn)

    def give_thread(self, cell: Cell, name: str) -> OwnThread:
        """Start a thread for an actor.

        Raises:
            RuntimeError: the system has no thread to give.
        """
        thread = OwnThread(cell, name)
        thread.start()
        with self._lock:
            self._threads = [other for other in self._threads if other.is_alive()]
            self._threads.append(thread)
        return thread

    def stack_of(self, cell: Cell) -> str:
        """Where the thread of an actor is, as a traceback; "" if it has none."""
        return next((stack_of(one.thread) for one in self._threads if one.cell is cell), "")

    def is_here(self) -> bool:
        """Whether the caller is on one of the threads."""
        return any(thread.is_current() for thread in self._threads)

    @property
    def turns(self) -> int:
        """How often the threads found something to do."""
        return sum(thread.turns for thread in self._threads)

    def settle(self, patience: float) -> None:
        """Wait until no thread has anything to do; for each at most `patience` real seconds."""
        for thread in list(self._threads):
            thread.settle(patience)

    def leave_behind(
        self, timeout: float, refs: Collection[ActorRef[Any]] | None = None
    ) -> list[OwnThread]:
        """Wait for threads to end, and strand the actors of those that do not.

        Args:
            timeout: real seconds for all of them.
            refs: whose threads; None for everybody's.

        Returns:
            the threads that have not ended. They are daemons, and nobody's concern from now on.
        """
        deadline = _real_now() + timeout
        whose = None if refs is None else {ref.cell.mailbox for ref in refs}
        stuck = [
            thread
            for thread in list(self._threads)
            if whose is None or (thread.cell is not None and thread.cell.mailbox in whose)
            if not thread.join(max(0.0, deadline - _real_now()))
        ]
        for thread in stuck:
            if thread.cell is not None:
                thread.cell.strand()
        with self._lock:
            self._threads = [thread for thread in self._threads if thread not in stuck]
        return stuck

    def stop_all(
        self, timeout: float | None, but: Collection[ActorRef[Any]]
    ) -> list[ActorRef[Any]]:
        """Stop all, the last started first; see `Dispatcher.stop_all`."""
        deadline = math.inf if timeout is None else _real_now() + timeout
        asked: dict[ActorRef[Any], Future[bool]] = {}
        seen = set(but)
        while fresh := [ref for ref in reversed(self._unsupervised()) if ref not in seen]:
            seen.update(fresh)
            for ref in fresh:
                asked[ref] = ref.stop(block=False, reason=Shutdown())
                _wait(asked[ref], min(_PATIENCE, (deadline - _real_now()) / 2))
        for future in asked.values():
            _wait(future, deadline - _real_now())
        return [ref for ref in asked if ref.is_alive()]

    def _unsupervised(self) -> list[ActorRef[Any]]:
        return [ref for ref in self.all() if not ref.cell.supervised]

    def abandon(self) -> None:
        """In a forked child, which has none of the threads: be empty, and tell nobody."""
        self._lock = threading.RLock()
        self._full = True
        for ref in self._refs.values():
            ref.cell.abandon()
        self._refs.clear()
        self._threads.clear()


def _wait(future: Future[bool], timeout: float) -> None:
    try:
        future.get(timeout=max(0.0, timeout))
    except pykka.Timeout:
        return


def unique_names() -> Iterator[str]:
    """URNs as pykka makes them, but from one random number for each dispatcher."""
    prefix = uuid.uuid4().urn[:-12]
    return (f"{prefix}{number:012x}" for number in count(1))
