"""What is done with a single child: it is begun, stopped, killed, and given up at last."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import pykka

from actorch.actors import Actor, ActorRef, DispatcherClosedError, Future, Killed, Shutdown
from actorch.actors._life import Life
from actorch.actors._logs import log_about

from ._child import BRUTAL_KILL
from ._ends import all_ended
from ._starter import Starter
from ._tree_child import Child
from ._tree_messages import Due, Impatient, Ready

__all__ = ["FENCE", "Caretaker", "leave_all"]

_log = logging.getLogger("actorch.supervisor")

FENCE: Final = 5.0
"""Seconds that an actor has to end once it was killed. One whose handler has not returned by then
is stuck: its thread is abandoned."""


class Caretaker:
    """Acts for one supervisor, with its timers.

    Args:
        supervisor: the actor.
        starter: begins incarnations.
    """

    def __init__(self, supervisor: Actor, starter: Starter) -> None:
        self._supervisor = supervisor
        self._starter = starter

    def begin(self, child: Child) -> None:
        """Start an incarnation."""
        child.change("starting")
        self._starter.begin(child)

    def await_ready(self, child: Child, probation: float) -> bool:
        """Whether a child that has started is ready, too; if not, `Ready` will say so."""
        wait = max(child.spec.backoff.ready_after, probation)
        if wait > 0 and child.life is not None:
            message = Ready(child.spec.id, child.life, child.incarnation)
            child.keep(self._supervisor.call_later(wait, message))
        return wait <= 0

    def back_off(self, child: Child) -> None:
        """Have it wait before its next start; `Due` says when that is over."""
        self._starter.give_life(child)
        dispatcher = self._supervisor.dispatcher
        delay = child.spec.backoff.delay(child.failures, dispatcher.random)
        child.change("waiting")
        child.due = dispatcher.clock.now() + delay
        assert child.life is not None
        message = Due(child.spec.id, child.life, child.incarnation)
        child.keep(self._supervisor.call_later(delay, message))

    def stop(self, child: Child) -> None:
        """Have it end, by its shutdown rule."""
        if child.spec.shutdown is BRUTAL_KILL:
            child.change("stopping")
            self.kill(child)
            return
        patience = self._starter.patience(child)
        child.change("stopping")
        assert child.life is not None
        child.life.stop(Shutdown())
        if patience is not None:
            self._expect_end(child, patience, killed=False)

    def kill(self, child: Child) -> None:
        """Have it end, whatever it is doing."""
        assert child.life is not None
        child.life.kill(Killed())
        if not child.life.sure_to_end:
            self._expect_end(child, FENCE, killed=True)

    def on_impatient(self, child: Child, message: Impatient) -> None:
        """It has not ended in time: kill it; or give it up, if it was killed before."""
        if message.killed:
            _give_up(message.life)
        else:
            self.kill(child)

    def _expect_end(self, child: Child, patience: float, *, killed: bool) -> None:
        assert child.life is not None
        message = Impatient(child.spec.id, child.life, child.incarnation, killed)
        child.keep(self._supervisor.call_later(patience, message))


def leave_all(children: Sequence[Child], supervisor: ActorRef[Any]) -> Future[None] | None:
    """Have all end at once, the last one first, and tell those who wait for one of them.

    For a supervisor that ends without looking after them.

    Returns:
        a future that is done once all have ended; None if they have.
    """
    lives = [child.life for child in children if child.life is not None]
    for child in reversed(children):
        text = f"{supervisor} ended, and its child {child.spec.id!r} too"
        child.refuse(pykka.ActorDeadError(text))
    for life in reversed(lives):
        life.end(Killed())
        if not life.sure_to_end and life.running:
            with suppress(DispatcherClosedError):  # then nothing waits for it any more
                life.dispatcher.call_later(FENCE, _give_up, life)
    return all_ended(lives)


def _give_up(life: Life) -> None:
    """Go on without an incarnation that is stuck, if there is one, and log where it is."""
    if life.running:
        where = life.give_up() or "in a coroutine that swallows its cancellation"
        text = f"{life.ref} is stuck in a handler; its thread is abandoned:\n{where}"
        log_about(_log, logging.ERROR, text)
