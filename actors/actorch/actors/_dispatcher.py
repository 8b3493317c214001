"""The thread that many actors share, and the list of them."""

from __future__ import annotations

import logging
import os
import random as random_module
import weakref
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ._actor import Actor
from ._cell import Cell
from ._clock import Clock, SystemClock
from ._coroutines import Coroutines
from ._dead_letters import DeadLetter
from ._errors import DispatcherClosedError, WouldBlockError
from ._here import refuse_to_wait
from ._loop_services import LoopServices
from ._mailbox import Bury
from ._report import report
from ._roster import Roster, unique_names
from ._stuck import report_stuck

if TYPE_CHECKING:
    from ._ref import ActorRef

__all__ = ["Dispatcher"]

A = TypeVar("A", bound=Actor)

_log = logging.getLogger("actorch.dispatcher")
_LAST_GRACE = 1.0
"""Real seconds that threads get to end in, once all that can be stopped has been."""


class Dispatcher(LoopServices):
    """Runs many actors on one thread, and each blocking actor on a thread of its own.

    It is also their timer, their selector and their registry. Nothing of it is global: a process
    may have several. All threads are daemons. Use it as a context manager, or call `close`. In a
    forked child it counts as closed.

    Args:
        name: shown in thread names.
        clock: what time it is; a manual one in tests.
        random: where actors take chance from; a seeded one in tests.
        on_dead_letter: called, on any thread, with each `DeadLetter`; it must be quick.

    Attributes:
        name: as given.
        clock: as given.
        random: as given.
        coroutines: runs the ``async def`` handlers. For cells.
        bury: announces a dead letter. For mailboxes.
    """

    def __init__(
        self,
        name: str = "actorch",
        *,
        clock: Clock | None = None,
        random: random_module.Random | None = None,
        on_dead_letter: Bury | None = None,
    ) -> None:
        super().__init__(name, clock or SystemClock())
        self.random = random or random_module.Random()
        self.coroutines = Coroutines(name)
        self.bury = partial(self._bury, on_dead_letter)
        self._roster = Roster()
        self._urns = unique_names()
        self._ended = False
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
        ref = actor_class.prepare(self, self.new_urn(), args, kwargs)
        assert isinstance(ref.cell, Cell)
        try:
            self.enlist(ref)
            enqueue = self.runner(ref.cell, actor_class)
        except (DispatcherClosedError, RuntimeError) as error:
            ref.cell.abort(error)
            raise
        ref.cell.begin(enqueue)
        return ref

    def new_urn(self) -> str:
        """A name that no other actor has."""
        return next(self._urns)

    def enlist(self, ref: ActorRef[Any]) -> None:
        """Put an actor on the list. For what starts actors.

        Raises:
            DispatcherClosedError: the dispatcher is closed.
        """
        if not self._roster.enlist(ref):
            raise DispatcherClosedError(f"the dispatcher {self.name!r} is closed")

    def runner(self, cell: Cell, actor_class: type[Actor]) -> Callable[[Cell], object]:
        """What has an actor run soon: on the shared thread, or on one of its own.

        Raises:
            RuntimeError: the system has no thread to give.
            DispatcherClosedError: the dispatcher is closed.
        """
        self._loop.refuse_if_closed()
        if not actor_class.blocking:
            return self._enqueue
        name = f"{self.name}-{actor_class.__name__}"
        return self._roster.give_thread(cell, name).enqueue

    def stack_of(self, cell: Cell) -> str:
        """Where the thread of a blocking actor is, as a traceback; "" if it has none."""
        return self._roster.stack_of(cell)

    def _bury(self, on_dead_letter: Bury | None, letter: DeadLetter) -> None:
        if on_dead_letter is not None:
            try:
                on_dead_letter(letter)
            except BaseException as error:
                report(_log, error, "%r raised when it heard of a dead letter", on_dead_letter)

    def forget(self, urn: str) -> None:
        """Take an actor that has ended off the list. Called by what ended it."""
        self._roster.strike(urn)

    def actors(self) -> list[ActorRef[Any]]:
        """All actors that have not ended, in the order in which they were started."""
        return self._roster.all()

    def get(self, urn: str) -> ActorRef[Any] | None:
        """The actor of that name, unless it has ended."""
        return self._roster.get(urn)

    def stop_all(
        self, timeout: float | None = None, but: Collection[ActorRef[Any]] = ()
    ) -> list[ActorRef[Any]]:
        """Stop all actors, the last started first, each after the one before has ended.

        One that does not end within half of the time that is left, or 5 s, no longer holds up the
        others; it is waited for at the end.

        Args:
            timeout: real seconds for all of them; None to wait for ever.
            but: who is to go on.

        Returns:
            those that had not ended when the time ran out. They still will, once they can.

        Raises:
            WouldBlockError: called on a thread of this dispatcher.
        """
        self.refuse_to_wait("stop_all")
        return self._roster.stop_all(timeout, but)

    def close(self, timeout: float | None = 10.0) -> None:
        """Stop all actors, then end the threads and give the descriptors back. Idempotent.

        Actors that have not ended in time are killed. One whose handler never returns is fenced: it
        counts as killed, whoever waits for it is told, and its daemon thread is left behind. Where
        that thread is stuck is logged.

        Args:
            timeout: real seconds for the actors to end in; None to wait for ever.

        Raises:
            WouldBlockError: called on a thread of this dispatcher.
        """
        self.refuse_to_wait("close")
        if self._ended or (self._loop.closed and not self._loop.fenced):
            return
        self.stop_all(timeout)
        self._roster.close()
        for ref in reversed(self.actors()):
            ref.kill()
        if (left := self.coroutines.end(_LAST_GRACE)) is not None:
            report_stuck(self, left)
        if not self._loop.fenced and not self._loop.end(_LAST_GRACE):
            self.fence()
        self._leave_behind()
        for ref in reversed(self.actors()):  # those that waited for what is left behind
            ref.cell.strand()
        self._ended = True
        self.clock.detach(self)
        _all.discard(self)

    def give_up(self, refs: Collection[ActorRef[Any]]) -> None:
        """Kill actors, and fence those that are stuck in a handler on a thread of their own."""
        for ref in refs:
            ref.kill()
        self._leave_behind(refs)

    def _leave_behind(self, refs: Collection[ActorRef[Any]] | None = None) -> None:
        for thread in self._roster.leave_behind(_LAST_GRACE, refs):
            report_stuck(self, thread.thread)

    def responds(self, patience: float) -> bool:
        """Whether the shared thread goes on; False once it has done nothing for that long, twice.

        Args:
            patience: real seconds.
        """
        return self._loop.responds(patience)

    def fence(self) -> None:
        """Give the shared thread up, which is stuck: log where, and count its actors as killed.

        Should it come back after all, the `on_stop` of these actors runs, and nothing else.
        """
        if not self._loop.fenced:
            self._loop.fence()
            report_stuck(self, self._loop.thread)
        for ref in reversed(self.actors()):
            if not ref.actor_class.blocking:
                ref.cell.strand()

    @property
    def turns(self) -> int:
        """How often its threads found something to do."""
        return self._loop.turns + self._roster.turns

    def settle(self, patience: float) -> bool:
        """Wait until no actor has anything to do and no timer is due. For clocks that are set.

        Args:
            patience: real seconds to wait at most for any one; a blocking actor that takes longer
                is left be.

        Returns:
            whether the shared thread came to rest.
        """
        self.refuse_to_wait("settle")
        settled = self._loop.settle(patience)
        self._roster.settle(patience)
        return settled

    def refuse_to_wait(self, what: str) -> None:
        """Raise where waiting for this dispatcher's actors would wait for oneself.

        Raises:
            WouldBlockError: this is the thread of a dispatcher, or of one of these actors.
        """
        refuse_to_wait(what)
        if self._roster.is_here():
            raise WouldBlockError(f"{what} on an actor's own thread would wait for that actor")

    def abandon(self) -> None:
        """In a forked child, which has none of the threads: be closed, and tell nobody."""
        self._loop.abandon()
        self.coroutines.abandon()
        self._roster.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._loop.closed else f"{len(self._roster)} actors"
        return f"<Dispatcher {self.name!r}: {state}>"


_all: weakref.WeakSet[Dispatcher] = weakref.WeakSet()


def _abandon_all() -> None:
    for dispatcher in list(_all):
        dispatcher.abandon()


os.register_at_fork(after_in_child=_abandon_all)
