"""What carries an actor through its life: starts it, feeds it, ends it, and tells who asked.

The actor is what users write; the cell is what outlives its mistakes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ._mailbox import Ask, Mailbox, StopRequest
from ._notices import ActorTimer, Death
from ._proxied import PROXIED, PykkaStop
from ._reasons import Crashed, ExitReason, Killed, Normal, StartFailed, Terminated
from ._report import report

if TYPE_CHECKING:
    from ._actor import Actor
    from ._dispatcher import Dispatcher
    from ._ref import ActorRef

__all__ = ["Cell"]

_log = logging.getLogger("actorch.actor")

_SLICE = 64
"""Messages that an actor may handle before the next actor has its turn."""

_LONG_SLICE = 1024
"""The same where there is no next actor."""


def _receive(actor: Actor, message: object) -> object:
    return actor.on_receive(message)


def _proxied(handle: Callable[[Any, Any], object]) -> Callable[[Cell, Actor, Any], object]:
    return lambda _cell, actor, message: handle(actor, message)


class Cell:
    """The life of one actor.

    Attributes:
        mailbox: what it has yet to handle.
        actor: the actor; None once it has ended.
        reason: why it ended; None until its cleanup has run.
        timers: those it set and that are yet to come (a dict, since an empty one is small).
    """

    __slots__ = (
        "_dispatcher",
        "_enqueue",
        "_limit",
        "_mourners",
        "_started",
        "_urn",
        "_verdict",
        "_watched",
        "actor",
        "mailbox",
        "reason",
        "timers",
    )

    def __init__(self, actor: Actor, mailbox: Mailbox, dispatcher: Dispatcher, urn: str) -> None:
        self.actor: Actor | None = actor
        self.mailbox = mailbox
        self.reason: ExitReason | None = None
        self.timers: dict[ActorTimer, None] = {}
        self._enqueue: Callable[[Cell], object] = _nowhere
        self._dispatcher = dispatcher
        self._urn = urn
        self._limit = _LONG_SLICE if actor.blocking else _SLICE
        self._started = False
        self._verdict: ExitReason | None = None
        self._mourners: dict[object, Callable[[ExitReason], object]] = {}
        self._watched: dict[ActorRef[Any], None] = {}
        mailbox.belongs_to(self, type(actor).__name__, urn)

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
            self._work(actor)
        except BaseException as error:
            self._crash(actor, error)
            return
        if self._verdict is not None:
            self._stop(actor, self._verdict)
        else:
            self._rest()

    def _work(self, actor: Actor) -> None:
        if not self._started:
            self._start(actor)
        urgent, lane = self.mailbox.urgent, self.mailbox.lane
        special = self._special
        left = self._limit
        while left and self._verdict is None:
            try:
                item = (urgent or lane).popleft()
            except IndexError:
                break
            left -= 1
            if type(item) in special:
                special[type(item)](self, actor, item)
            else:
                actor.on_receive(item)
        if left < self._limit:
            actor.on_drained()

    def _start(self, actor: Actor) -> None:
        if self._verdict is None:  # else it was killed before it began
            actor.on_start()
            self._started = True

    def _rest(self) -> None:
        """Go on in the next turn, or be quiet until a sender schedules the mailbox again."""
        mailbox = self.mailbox
        if not mailbox.lane and not mailbox.urgent:
            mailbox.scheduled = False
            if not mailbox.lane and not mailbox.urgent and self._verdict is None:
                return
            mailbox.scheduled = True
        self._enqueue(self)

    def _answer(self, actor: Actor, ask: Ask) -> None:
        if type(ask.message) is PykkaStop:
            self._accept_pykka_stop(actor, ask.message)
            self.when_ended(ask.future, lambda _reason: ask.future.set(None))
            return
        try:
            proxied = PROXIED.get(type(ask.message))
            answer = (proxied or _receive)(actor, ask.message)
        except BaseException as error:
            info = (type(error), error, error.__traceback__)
            self.when_ended(ask.future, lambda _reason: ask.future.set_exception(info))
            raise
        ask.future.set(answer)

    def _accept_stop(self, _actor: Actor, request: StopRequest) -> None:
        self._verdict = request.reason
        self.when_ended(request.future, lambda _reason: request.future.set(True))

    def _accept_pykka_stop(self, _actor: Actor, _message: object) -> None:
        self._verdict = Normal()

    def _mourn(self, actor: Actor, death: Death) -> None:
        ref = death.message.ref
        if ref in self._watched:  # else unwatched meanwhile
            del self._watched[ref]
            actor.on_receive(death.message)

    def _tick(self, actor: Actor, timer: ActorTimer) -> None:
        if not timer.cancelled:
            actor.on_receive(timer.message)

    _special: ClassVar[Mapping[type, Callable[..., object]]] = {
        Ask: _answer,
        StopRequest: _accept_stop,
        PykkaStop: _accept_pykka_stop,
        Death: _mourn,
        ActorTimer: _tick,
        **{kind: _proxied(handle) for kind, handle in PROXIED.items()},
    }
    """What is not simply handed to `on_receive`."""

    def kill(self, reason: ExitReason) -> None:
        """End the actor before its next message. From any thread.

        Nothing waits for a handler that never returns: the mailbox closes now.
        """
        if self._verdict is None:
            self._verdict = reason
        self.mailbox.closed = True
        self.mailbox.settle()
        if self.reason is None:
            self._enqueue(self)

    def abort(self, error: BaseException) -> None:
        """End an actor whose `__init__` raised."""
        self.mailbox.closed = True
        self._finish(StartFailed(error))

    def abandon(self) -> None:
        """In a forked child, which has no thread for it: have ended, and tell nobody."""
        self.mailbox.abandon()
        self._verdict = self.reason = Killed()
        self.actor = None
        self._mourners.clear()

    def _stop(self, actor: Actor, reason: ExitReason) -> None:
        self.mailbox.closed = True
        if self._started:
            try:
                actor.on_stop()
            except BaseException as error:
                report(_log, error, "%s raised in on_stop", self.mailbox.name)
                reason = Crashed(error)
        self._finish(reason)

    def _crash(self, actor: Actor, error: BaseException) -> None:
        self.mailbox.closed = True
        report(_log, error, "%s crashed", self.mailbox.name)
        try:
            actor.on_failure(type(error), error, error.__traceback__)
        except BaseException as second:
            report(_log, second, "%s raised in on_failure", self.mailbox.name)
        self._finish(Crashed(error) if self._started else StartFailed(error))

    def _finish(self, reason: ExitReason) -> None:
        while self.timers:
            self.timers.popitem()[0].cancel()
        for ref in list(self._watched):
            self.unwatch(ref)
        self._dispatcher.forget(self._urn)
        self.reason = reason
        self.actor = None
        self.mailbox.owner = None
        self.mailbox.settle()
        self._tell_mourners(reason)

    def when_ended(self, key: object, function: Callable[[ExitReason], object]) -> None:
        """Have `function` called with the reason, once, after the end; at once if that was before.

        Args:
            key: names this wish, for `no_longer`; a second wish by that name replaces it.
            function: called on the actor's thread, or on this one if the actor has ended.
        """
        self._mourners[key] = function
        if self.reason is not None:
            self._tell_mourners(self.reason)

    def no_longer(self, key: object) -> None:
        """Take a wish back, if it has not come true already."""
        self._mourners.pop(key, None)

    def _tell_mourners(self, reason: ExitReason) -> None:
        for key in list(self._mourners):
            function = self._mourners.pop(key, None)
            if function is not None:  # else another thread was quicker
                try:
                    function(reason)
                except Exception as error:
                    report(_log, error, "telling of the end of %s", self.mailbox.name)

    def watch(self, ref: ActorRef[Any]) -> None:
        """Have the actor receive one `Terminated` when `ref` has ended."""
        if ref not in self._watched:
            self._watched[ref] = None
            ref.cell.when_ended(self, partial(self._hear_of, ref))

    def _hear_of(self, ref: ActorRef[Any], reason: ExitReason) -> None:
        self.mailbox.offer_urgent(Death(Terminated(ref, reason)))

    def unwatch(self, ref: ActorRef[Any]) -> None:
        """Have it not receive that."""
        self._watched.pop(ref, None)
        ref.cell.no_longer(self)

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
