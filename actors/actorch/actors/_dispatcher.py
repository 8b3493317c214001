"""The thread that many actors share, and the list of them."""

from __future__ import annotations

import logging
import os
import random as random_module
import uuid
import weakref
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ._actor import Actor
from ._clock import Clock, SystemClock
from ._errors import DispatcherClosedError, WouldBlockError
from ._here import refuse_to_wait
from ._loop import Loop
from ._roster import Roster
from ._timers import Timer, deadline

if TYPE_CHECKING:
    from ._cell import Cell
    from ._ref import ActorRef

__all__ = ["Dispatcher"]

A = TypeVar("A", bound=Actor)

_log = logging.getLogger("actorch.dispatcher")
_LAST_GRACE = 1.0
"""Real seconds that threads get to end in, once all that can be stopped has been."""


class Dispatcher:
    """Runs many actors on one thread, and each blocking actor on a thread of its own.

    It is also their timer, their selector and their registry. Nothing of it is global: a process
    may have several. All threads are daemons. Use it as a context manager, or call `close`. In a
    forked child it counts as closed.

    Args:
        name: shown in thread names.
        clock: what time it is; a manual one in tests.
        random: where actors take chance from; a seeded one in tests.

    Attributes:
        name: as given.
        clock: as given.
        random: as given.
    """

    def __init__(
        self,
        name: str = "actorch",
        *,
        clock: Clock | None = None,
        random: random_module.Random | None = None,
    ) -> None:
        self.name = name
        self.clock: Clock = clock or SystemClock()
        self.random = random or random_module.Random()
        self._roster = Roster()
        self._urns = _unique_names()
        self._loop = Loop(name, self.clock, keeps=self)
        self._enqueue = self._loop.enqueue  # one bound method for all cells
        self.clock.attach(self)
        _all.add(self)

    def spawn(self, actor_class: type[A], /, *args: Any, **kwargs: Any) -> ActorRef[A]:
        """Start an actor. From any thread; its `__init__` runs here, all else on its own.

        Args:
            actor_class: what to make.
            args: for its `__init__`.
            kwargs: for its `__init__`.

        Raises:
            DispatcherClosedError: the dispatcher is closed.
            BaseException: what `__init__` raised.
        """
        self._loop.refuse_if_closed()
        ref = actor_class.prepare(self, next(self._urns), args, kwargs)
        try:
            if not self._roster.enlist(ref):
                raise DispatcherClosedError(f"the dispatcher {self.name!r} is closed")
            enqueue = self._runner(ref)
        except (DispatcherClosedError, RuntimeError) as error:
            ref.cell.abort(error)
            raise
        ref.cell.begin(enqueue)
        return ref

    def _runner(self, ref: ActorRef[Any]) -> Callable[[Cell], object]:
        """What has the actor run soon: on the shared thread, or on one of its own."""
        if not ref.actor_class.blocking:
            return self._enqueue
        name = f"{self.name}-{ref.actor_class.__name__}"
        return self._roster.give_thread(ref, name).enqueue

    def forget(self, urn: str) -> None:
        """Take an actor that has ended off the list. Called by what ended it."""
        self._roster.strike(urn)

    def actors(self) -> list[ActorRef[Any]]:
        """All actors that have not ended, in the order in which they were started."""
        return self._roster.all()

    def get(self, urn: str) -> ActorRef[Any] | None:
        """The actor of that name, unless it has ended."""
        return self._roster.get(urn)

    def in_thread(self) -> bool:
        """Whether the caller is on the thread that non-blocking actors share."""
        return self._loop.in_thread()

    def call_soon(self, function: Callable[..., object], *args: object) -> None:
        """Call a function on the dispatcher's thread, after what waits there. From any thread.

        What it raises is logged.

        Raises:
            DispatcherClosedError: the dispatcher is closed.
        """
        self._loop.call(function, *args)

    def call_later(self, delay: float, function: Callable[..., object], *args: object) -> Timer:
        """Call a function on the dispatcher's thread after a while. From any thread.

        Args:
            delay: seconds of this dispatcher's clock; what is below 0 counts as 0.
            function: what to call; what it raises is logged.
            args: what to call it with.

        Returns:
            what cancels it.

        Raises:
            ValueError: `delay` is not a number.
            DispatcherClosedError: the dispatcher is closed.
        """
        timer = Timer(deadline(self.clock, delay), function, args)
        self._loop.add_timer(timer)
        return timer

    def add_timer(self, timer: Timer) -> None:
        """Have a timer run when it is due. From any thread.

        Raises:
            DispatcherClosedError: the dispatcher is closed.
        """
        self._loop.add_timer(timer)

    def add_reader(self, fd: int, function: Callable[[], None]) -> None:
        """Call `function` whenever `fd` is readable, until `remove_reader`.

        What it raises is logged. On the dispatcher's thread only, as are the three below.

        Raises:
            RuntimeError: called on another thread.
        """
        self._refuse_elsewhere("add_reader")
        self._loop.descriptors.set_reader(fd, function)

    def remove_reader(self, fd: int) -> None:
        """Undo `add_reader`. Do it before closing `fd`. Without effect if there is none."""
        self._refuse_elsewhere("remove_reader")
        self._loop.descriptors.set_reader(fd, None)

    def add_writer(self, fd: int, function: Callable[[], None]) -> None:
        """Call `function` whenever `fd` is writable, until `remove_writer`."""
        self._refuse_elsewhere("add_writer")
        self._loop.descriptors.set_writer(fd, function)

    def remove_writer(self, fd: int) -> None:
        """Undo `add_writer`. Without effect if there is none."""
        self._refuse_elsewhere("remove_writer")
        self._loop.descriptors.set_writer(fd, None)

    def stop_all(self, timeout: float | None = None) -> list[ActorRef[Any]]:
        """Stop all actors, the last started first, each after the one before has ended.

        One that does not end within half of the time that is left, or 5 s, no longer holds up the
        others; it is waited for at the end.

        Args:
            timeout: real seconds for all of them; None to wait for ever.

        Returns:
            those that had not ended when the time ran out. They still will, once they can.

        Raises:
            WouldBlockError: called on a thread of this dispatcher.
        """
        self._refuse_to_wait("stop_all")
        return self._roster.stop_all(timeout)

    def close(self, timeout: float | None = 10.0) -> None:
        """Stop all actors, then end the threads and give the descriptors back. Idempotent.

        Actors that have not ended in time are killed. One whose handler never returns keeps its
        daemon thread; that is logged.

        Args:
            timeout: real seconds for the actors to end in; None to wait for ever.

        Raises:
            WouldBlockError: called on a thread of this dispatcher.
        """
        self._refuse_to_wait("close")
        if self._loop.closed:
            return
        self.stop_all(timeout)
        self._roster.close()
        for ref in reversed(self.actors()):
            ref.kill()
        self._end_threads()
        self.clock.detach(self)
        _all.discard(self)

    def _end_threads(self) -> None:
        stuck: list[object] = [] if self._loop.end(_LAST_GRACE) else [self._loop]
        stuck += self._roster.join(_LAST_GRACE)
        if stuck:
            _log.warning("closed %s, but a handler is stuck in %s", self, stuck)

    @property
    def turns(self) -> int:
        """How often its threads found something to do."""
        return self._loop.turns + self._roster.turns

    @property
    def wakeups(self) -> int:
        """How often the shared thread woke up. An idle dispatcher does not."""
        return self._loop.wakeups

    @property
    def next_due(self) -> float | None:
        """When the next timer is due, as of when the shared thread last went to sleep."""
        return self._loop.next_due

    def settle(self, patience: float) -> bool:
        """Wait until no actor has anything to do and no timer is due. For clocks that are set.

        Args:
            patience: real seconds to wait at most for any one; a blocking actor that takes longer
                is left be.

        Returns:
            whether the shared thread came to rest.
        """
        self._refuse_to_wait("settle")
        settled = self._loop.settle(patience)
        self._roster.settle(patience)
        return settled

    def _refuse_elsewhere(self, what: str) -> None:
        if not self._loop.in_thread():
            raise RuntimeError(f"{what} is for the dispatcher's own thread: use call_soon")

    def _refuse_to_wait(self, what: str) -> None:
        refuse_to_wait(what)
        if self._roster.is_here():
            raise WouldBlockError(f"{what} on an actor's own thread would wait for that actor")

    def abandon(self) -> None:
        """In a forked child, which has none of the threads: be closed, and tell nobody."""
        self._loop.abandon()
        self._roster.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._loop.closed else f"{len(self._roster)} actors"
        return f"<Dispatcher {self.name!r}: {state}>"


def _unique_names() -> Iterator[str]:
    """URNs as pykka makes them, but from one random number for each dispatcher."""
    prefix = uuid.uuid4().urn[:-12]
    return (f"{prefix}{number:012x}" for number in count(1))


_all: weakref.WeakSet[Dispatcher] = weakref.WeakSet()


def _abandon_all() -> None:
    for dispatcher in list(_all):
        dispatcher.abandon()


os.register_at_fork(after_in_child=_abandon_all)
