"""What stays of a supervised actor while its incarnations come and go: its ref and its mailbox."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import pykka

from ._actor import Actor
from ._cell import Cell
from ._errors import DispatcherClosedError
from ._mailbox import Mailbox
from ._mortal import Mortal
from ._notices import EndRequest
from ._reasons import ExitReason, Killed, Normal, StartFailed
from ._ref import ActorRef
from ._report import report
from ._stash import StashingMailbox

if TYPE_CHECKING:
    from ._dispatcher import Dispatcher

__all__ = ["Guardian", "Life"]

_log = logging.getLogger("actorch.actor")


class Guardian(Protocol):
    """Who decides what follows the end of an incarnation. Told on the threads of the actors."""

    def incarnation_started(self, life: Life, number: int) -> None:
        """`on_start` has returned, and what it returned a future of has come about."""
        ...

    def incarnation_ended(self, life: Life, number: int, reason: ExitReason) -> bool:
        """Its cleanup has run. False if nobody decides any more: then the life ends, too."""
        ...


class Incarnation(Cell):
    """One of the actors that have the same ref after each other. It is made on its own thread."""

    __slots__ = ("_args", "_class", "_kwargs", "_life", "_number")

    def __init__(
        self,
        life: Life,
        actor_class: type[Actor],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        super().__init__(actor_class, life.mailbox, life.dispatcher, life.urn)
        self._life = life
        self._class = actor_class
        self._args = args
        self._kwargs = kwargs
        self._number = life.incarnation

    @property
    def incarnation(self) -> int:
        """Its number; the first is 1."""
        return self._number

    def run(self) -> None:
        """Make the actor if there is none yet; then handle a slice of what is waiting."""
        if self.actor is None and self.reason is None:
            self._make()
        super().run()

    def _make(self) -> None:
        if self.verdict is not None:  # killed before it was made
            self._finish(self.verdict)
            return
        try:
            self._class.construct(self, self._life.ref, self._args, self._kwargs)
        except BaseException as error:
            report(_log, error, "%s could not be made", self.mailbox.name)
            self.abort(error)

    def _opened(self) -> None:
        self._life.on_started(self)

    def _shut(self) -> None:
        mailbox = self.mailbox
        if isinstance(mailbox, StashingMailbox) and mailbox.owner is self:  # else it is another's
            mailbox.suspend()

    def _release(self, reason: ExitReason) -> None:
        self.reason = reason
        self.actor = None
        if self.mailbox.owner is self:
            self.mailbox.owner = None
        self.tell_mourners(reason)
        self._life.on_ended(self, reason)

    def give_up(self) -> None:
        """Its handler never returns: from now on, whatever comes of it reaches nobody."""
        self._refuse_asked()
        self.mailbox = Mailbox(0)
        self.mailbox.closed = True
        self.tell_mourners(Killed())


class Life(Mortal):
    """One ref, for as many incarnations as a supervisor starts.

    Args:
        dispatcher: runs the actors.
        guardian: hears of the incarnations.
        stash: how many messages may wait while none runs.
        incarnation: how many there were before, under another ref.
        ref_class: what others are to hold.

    Attributes:
        reason: why the life ended for good; None until then.
        incarnation: the number of the last one started; the first is 1.
    """

    __slots__ = (
        "_cell",
        "_guardian",
        "_in_pykka",
        "dispatcher",
        "incarnation",
        "mailbox",
        "ref",
        "urn",
    )

    supervised: ClassVar[bool] = True

    def __init__(
        self,
        dispatcher: Dispatcher,
        guardian: Guardian,
        *,
        stash: int,
        incarnation: int = 0,
        ref_class: type[ActorRef[Any]] = ActorRef,
    ) -> None:
        super().__init__()
        self.dispatcher = dispatcher
        self.incarnation = incarnation
        self.mailbox = StashingMailbox(stash)
        self.urn = dispatcher.new_urn()
        self.mailbox.belongs_to(None, "Actor", self.urn, dispatcher.bury)
        self.ref: ActorRef[Any] = ref_class(self, Actor, self.urn)
        self._cell: Incarnation | None = None
        self._guardian: Guardian | None = guardian
        self._in_pykka = False
        self.dispatcher.enlist(self.ref)

    def begin(
        self, actor_class: type[Actor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Start an incarnation. There must be none. What goes wrong is told to the guardian."""
        self.incarnation += 1
        self.ref.actor_class = actor_class
        self._show_to_pykka(actor_class)
        cell = self._cell = Incarnation(self, actor_class, args, kwargs)
        try:
            enqueue = self.dispatcher.runner(cell, actor_class)
        except (DispatcherClosedError, RuntimeError) as error:
            cell.abort(error)
            return
        self.mailbox.resume(cell, actor_class.mailbox_capacity)
        cell.begin(enqueue)

    def _show_to_pykka(self, actor_class: type[Actor]) -> None:
        """Those who use pykka's own actors look for them in its registry."""
        if issubclass(actor_class, pykka.ThreadingActor) and not self._in_pykka:
            self._in_pykka = True
            pykka.ActorRegistry.register(self.ref)

    def fail(self, error: BaseException) -> None:
        """The same as a `begin` that goes wrong at once: nobody knows what to start."""
        self.incarnation += 1
        self.tell_guardian(self.incarnation, StartFailed(error))

    def on_started(self, cell: Incarnation) -> None:
        """That incarnation has started."""
        if cell is self._cell and self._guardian is not None:
            self._guardian.incarnation_started(self, cell.incarnation)

    def on_ended(self, cell: Incarnation, reason: ExitReason) -> None:
        """That incarnation has ended."""
        if cell is self._cell:  # else it was given up before
            self._cell = None
            self.tell_guardian(cell.incarnation, reason)

    def tell_guardian(self, number: int, reason: ExitReason) -> None:
        """Have it decided what follows."""
        guardian = self._guardian
        if guardian is None or not guardian.incarnation_ended(self, number, reason):
            self.end(reason)

    def stop(self, reason: ExitReason) -> None:
        """Have the incarnation end after the message in hand; its backlog waits for the next."""
        if (cell := self._cell) is not None:  # another thread may end it just now
            self.mailbox.offer_urgent(EndRequest(cell, reason))

    def kill(self, reason: ExitReason) -> None:
        """Have the incarnation end before its next message. Its backlog waits for the next."""
        if (cell := self._cell) is not None:
            cell.kill(reason)

    def give_up(self) -> str:
        """Go on without an incarnation whose handler never returns; its thread is abandoned.

        Returns:
            where it is stuck, for people.
        """
        cell = self._cell
        if cell is None:
            return ""
        where = self.dispatcher.stack_of(cell)
        cell.give_up()
        self.mailbox.owner = None
        self.mailbox.suspend()
        self.on_ended(cell, Killed())
        return where

    def end(self, reason: ExitReason) -> None:
        """There will be no other incarnation: refuse what waits, and tell those who watch."""
        if self.reason is not None:
            return
        self._guardian = None
        if (cell := self._cell) is not None:
            cell.kill(reason)
            return
        self.dispatcher.forget(self.urn)
        if self._in_pykka:
            pykka.ActorRegistry.unregister(self.ref)
        self.reason = reason
        self.mailbox.closed = True
        self.mailbox.owner = None
        self.mailbox.settle()
        self.tell_mourners(reason)

    def strand(self) -> None:
        """Count as ended, though a handler does not return. From any thread."""
        self._guardian = None
        if (cell := self._cell) is not None:
            cell.strand()
        self.end(Killed())

    def abandon(self) -> None:
        """In a forked child, which has no thread for it: have ended, and tell nobody."""
        if self._cell is not None:
            self._cell.abandon()
        self.mailbox.abandon()
        self.reason = self.reason or Normal()
        self.forget_mourners()

    @property
    def actor(self) -> Actor | None:
        """The actor of the incarnation that runs; None if there is none."""
        return None if (cell := self._cell) is None else cell.actor

    @property
    def sure_to_end(self) -> bool:
        """Whether nobody needs to give it up, however long its end takes."""
        started: type[Actor] = self.ref.actor_class
        return started.sure_to_end

    @property
    def running(self) -> bool:
        """Whether there is an incarnation."""
        return self._cell is not None

    @property
    def state(self) -> str:
        """For people: what it does, or why it does nothing any more."""
        if self.reason is not None:
            return repr(self.reason)
        if (cell := self._cell) is None:
            return f"between incarnations, {len(self.mailbox)} waiting"
        return cell.state

    def __repr__(self) -> str:
        return f"<Life of {self.mailbox.name}: incarnation {self.incarnation}, {self.state}>"
