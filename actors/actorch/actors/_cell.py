"""What carries an actor through its life: starts it, feeds it, ends it, and tells who asked.

The actor is what users write; the cell is what outlives its mistakes.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ._future import Future
from ._handlers import HANDLERS
from ._mailbox import Ask, Mailbox
from ._notices import ActorTimer, Opening
from ._pending import COROUTINE, Pending, is_coroutine, is_future
from ._reasons import Crashed, ExitReason, Killed, StartFailed
from ._report import report
from ._waiter import Waiter

if TYPE_CHECKING:
    from ._actor import Actor
    from ._dispatcher import Dispatcher

__all__ = ["Cell"]

_log = logging.getLogger("actorch.actor")

_SLICE = 64
"""Messages that an actor may handle before the next actor has its turn."""

_LONG_SLICE = 1024
"""The same where there is no next actor."""


class Cell(Waiter):
    """The life of one actor.

    Attributes:
        actor: the actor; None before it was made, and once it has ended.
        reason: why it ended; None until its cleanup has run.
        asked: the question that it is answering, if it is.
        timers: those it set and that are yet to come (a dict, since an empty one is small).
    """

    __slots__ = (
        "_enqueue",
        "_limit",
        "_started",
        "_urn",
        "actor",
        "asked",
        "timers",
    )

    def __init__(
        self, actor_class: type[Actor], mailbox: Mailbox, dispatcher: Dispatcher, urn: str
    ) -> None:
        super().__init__(mailbox, dispatcher)
        self.actor: Actor | None = None
        self.asked: Ask | None = None
        self.timers: dict[ActorTimer, None] = {}
        self._enqueue: Callable[[Cell], object] = _nowhere
        self._limit = _LONG_SLICE if actor_class.blocking else _SLICE
        self._started = False
        self._urn = urn
        mailbox.belongs_to(self, actor_class.__name__, urn, dispatcher.bury)

    @property
    def incarnation(self) -> int:
        """How often the actor was started: once, without a supervisor."""
        return 1

    def begin(self, enqueue: Callable[[Cell], object]) -> None:
        """Start the actor's life.

        Args:
            enqueue: has `run` called soon, on the thread that the actor shall run on.
        """
        self._enqueue = enqueue
        enqueue(self)

    def enqueue(self) -> None:
        """Have `run` called soon."""
        self._enqueue(self)

    def run(self) -> None:
        """Handle a slice of what is waiting. Never raises."""
        actor = self.actor
        if actor is None:  # scheduled by somebody who was late
            return
        try:
            if self.pending is not None:
                self.resume(self.pending)
            if self.pending is None and self.reason is None:
                self._work(actor)
        except BaseException as error:
            self._crash(actor, error)
            return
        if self.pending is None and self.actor is not None:  # else it goes on when that is over
            self._rest_or_stop(actor)

    def _work(self, actor: Actor) -> None:
        if not self._started:
            self._start(actor)
        urgent, lane = self.mailbox.urgent, self.mailbox.lane
        special = HANDLERS
        left = self._limit
        while left and self.verdict is None and self.pending is None:
            try:
                item = (urgent or lane).popleft()
            except IndexError:
                break
            left -= 1
            if type(item) in special:
                special[type(item)](self, actor, item)
            else:
                answer = actor.on_receive(item)
                if type(answer) is COROUTINE:  # is_coroutine, without a call for each message
                    self.park(cast("Coroutine[Any, Any, Any]", answer))
        if left < self._limit and self.pending is None:
            actor.on_drained()

    def hand(self, actor: Actor, message: object) -> None:
        """Have the actor handle a message that nobody waits for an answer to."""
        if is_coroutine(answer := actor.on_receive(message)):
            self.park(answer)

    def _start(self, actor: Actor) -> None:
        if self.verdict is not None:  # it was killed before it began
            return
        begun: object = actor.on_start()
        if begun is not None and is_coroutine(begun):
            self.park(begun, self._begun)
        else:
            self._begun(begun)

    def _begun(self, value: object) -> None:
        self._started = True
        if value is not None and is_future(value):
            value.add_done_callback(self._say_opened)
        else:
            self._opened()

    def _say_opened(self, future: Future[Any]) -> None:
        self.mailbox.offer_urgent(Opening(self, future))

    def open(self, future: Future[Any]) -> None:
        """Count as started; or end, if what `on_start` returned a future of has failed."""
        try:
            future.get(timeout=0)
        except BaseException as error:
            self.verdict = StartFailed(error)
        else:
            self._opened()

    def _opened(self) -> None:
        """It has started: for those whom a supervisor waits for."""

    def accept_stop(self, actor: Actor, reason: ExitReason) -> None:
        """End, unless the actor itself sees to that."""
        if not actor.on_stop_request(reason):
            self.verdict = reason

    def _rest_or_stop(self, actor: Actor) -> None:
        """End, or go on in the next turn, or be quiet until a sender schedules the mailbox."""
        if self.verdict is not None:
            self._stop(actor, self.verdict)
            return
        mailbox = self.mailbox
        if not mailbox.lane and not mailbox.urgent:
            mailbox.scheduled = False
            if not mailbox.lane and not mailbox.urgent and self.verdict is None:
                return
            mailbox.scheduled = True
        self._enqueue(self)

    def kill(self, reason: ExitReason) -> None:
        """End the actor before its next message. From any thread.

        Nothing waits for a handler that never returns: the mailbox closes now.
        """
        if self.verdict is None:
            self.verdict = reason
        self._shut()
        self.mailbox.settle()
        if self.reason is None:
            self._enqueue(self)

    def strand(self) -> None:
        """Count as ended, though a handler does not return. From any thread.

        Whoever waits for it is told now. Its `on_stop` runs if the handler returns after all.
        """
        actor = self.actor
        self.kill(Killed())
        self._finish(Killed())
        self.actor = actor
        self._refuse_asked()

    def _refuse_asked(self) -> None:
        """Tell who asked what it does not come back from."""
        asked, self.asked = self.asked, None
        if asked is not None:
            with suppress(queue.Full):  # it came back just now
                asked.refuse(self.mailbox.name)

    def abort(self, error: BaseException) -> None:
        """End an actor whose `__init__` raised."""
        self._shut()
        self._finish(StartFailed(error))

    def abandon(self) -> None:
        """In a forked child, which has no thread for it: have ended, and tell nobody."""
        self.mailbox.abandon()
        self.verdict = self.reason = Killed()
        self.actor = None
        self.forget_mourners()

    def _shut(self) -> None:
        """Take no more messages."""
        self.mailbox.closed = True

    def _stop(self, actor: Actor, reason: ExitReason) -> None:
        self._shut()
        left: object = None
        if self._started:
            try:
                left = actor.on_stop()
            except BaseException as error:
                report(_log, error, "%s raised in on_stop", self.mailbox.name)
                reason = Crashed(error)
        self._depart(left, reason)

    def _crash(self, actor: Actor, error: BaseException) -> None:
        self._shut()
        report(_log, error, "%s crashed", self.mailbox.name)
        left: object = None
        try:
            left = actor.on_failure(type(error), error, error.__traceback__)
        except BaseException as second:
            report(_log, second, "%s raised in on_failure", self.mailbox.name)
        self._depart(left, Crashed(error) if self._started else StartFailed(error))

    def _depart(self, left: object, reason: ExitReason) -> None:
        """Finish, once what `on_stop` or `on_failure` left to be done is done."""
        if left is None:
            self._finish(reason)
            return
        then, on_error = partial(self._depart_well, reason), partial(self._depart_badly, reason)
        try:
            self.wait_for(Pending(left, self.dispatcher.coroutines, then, on_error, last=True))
        except BaseException as error:  # there is no event loop to be had
            self._depart_badly(reason, error)

    def _depart_well(self, reason: ExitReason, _value: object) -> None:
        self._finish(reason)

    def _depart_badly(self, reason: ExitReason, error: BaseException) -> None:
        report(_log, error, "%s raised when it ended", self.mailbox.name)
        self._finish(reason if reason.abnormal else Crashed(error))

    def _finish(self, reason: ExitReason) -> None:
        if self.reason is not None:  # it was stranded before
            self.actor = None
            return
        for timer in list(self.timers):
            timer.cancel()
        self.unwatch_all()
        self._release(reason)

    def _release(self, reason: ExitReason) -> None:
        self.dispatcher.forget(self._urn)
        self.reason = reason
        self.actor = None
        self.mailbox.owner = None
        self.mailbox.settle()
        self.tell_mourners(reason)

    def __repr__(self) -> str:
        return f"<Cell of {self.mailbox.name}: {self.state}>"

    @property
    def state(self) -> str:
        """For people: what the actor is doing, or why it does nothing any more."""
        if self.reason is not None:
            return repr(self.reason)
        if self.mailbox.closed:
            return "ending"
        if not self._started:
            return "starting"
        return f"running, {len(self.mailbox)} waiting"


def _nowhere(_cell: Cell) -> None:
    """Until its life begins, nobody runs it."""
