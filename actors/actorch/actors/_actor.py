"""`Actor`: what users subclass."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pykka

from ._cell import Cell
from ._ended import Ended
from ._future import Future
from ._mailbox import Mailbox
from ._notices import ActorTimer
from ._proxied import STOP
from ._reasons import ExitReason
from ._ref import ActorRef
from ._timers import Timer, deadline

if TYPE_CHECKING:
    from ._dispatcher import Dispatcher

__all__ = ["Actor"]


class Actor(pykka.Actor):
    """A pykka actor that a `Dispatcher` runs, together with all the others, on one thread.

    Start one with ``dispatcher.spawn(MyActor, ...)``. An exception in any handler, whether its
    message was told or asked, ends the actor: `on_failure` runs, and its watchers are told.

    Attributes:
        blocking: whether it may block, and so has a (daemon) thread of its own.
        mailbox_capacity: how many messages may wait for it; 0 for no limit. One more is refused
            with `MailboxFullError`, at the sender.
        ref_class: what others hold of it.
        sure_to_end: whether it ends by itself once it was told to, however long that takes, so
            that nobody needs to give it up.
        dispatcher: what runs it; set before `__init__`.
        actor_urn: names this actor; no other has the same.
    """

    blocking: ClassVar[bool] = False
    mailbox_capacity: ClassVar[int] = 100_000
    ref_class: ClassVar[type[ActorRef[Any]]] = ActorRef
    sure_to_end: ClassVar[bool] = False

    dispatcher: Dispatcher
    _cell: Cell
    _actor_ref: ActorRef[Any]  # pyright: ignore[reportIncompatibleVariableOverride]  # as for `start`

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        if not hasattr(self, "_cell"):  # a look at __dict__ would make one, for each actor
            raise TypeError(_how_to_start(type(self)))

    @classmethod
    def start(  # pyright: ignore[reportIncompatibleMethodOverride]  # pykka's refs are invariant
        cls, *args: Any, dispatcher: Dispatcher | None = None, **kwargs: Any
    ) -> ActorRef[Self]:
        """The same as ``dispatcher.spawn(cls, ...)``.

        Args:
            args: for `__init__`.
            dispatcher: what is to run it. Required: there is no global one.
            kwargs: for `__init__`.

        Raises:
            TypeError: `dispatcher` is missing.
            DispatcherClosedError: it is closed.
        """
        if dispatcher is None:
            raise TypeError(_how_to_start(cls))
        return dispatcher.spawn(cls, *args, **kwargs)

    @property
    def actor_ref(self) -> ActorRef[Self]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What others may hold of this actor."""
        return self._actor_ref

    if not TYPE_CHECKING:  # plain attributes of pykka's class, worked out here when asked for

        @property
        def actor_urn(self):
            """Names this actor."""
            return self._actor_ref.actor_urn

        @property
        def actor_inbox(self):
            """The mailbox."""
            return self._cell.mailbox

        @property
        def actor_stopped(self):
            """A `threading.Event` that is set when the cleanup has run."""
            return Ended(self._cell)

    @classmethod
    def prepare(
        cls, dispatcher: Dispatcher, urn: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ActorRef[Self]:
        """Make an actor, complete before its `__init__` runs, but for being started.

        For dispatchers; `start` is for everybody.

        Raises:
            BaseException: what `__init__` raised; whoever got hold of the ref sees a dead actor.
        """
        cell = Cell(cls, Mailbox(cls.mailbox_capacity), dispatcher, urn)
        ref = cls.ref_class(cell, cls, urn)
        try:
            cls.construct(cell, ref, args, kwargs)
        except BaseException as error:
            cell.abort(error)
            raise
        return ref

    @classmethod
    def construct(
        cls, cell: Cell, ref: ActorRef[Self], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Make the actor of a cell. For what starts actors.

        Raises:
            BaseException: what `__init__` raised.
        """
        actor = cls.__new__(cls, *args, **kwargs)
        actor.dispatcher = cell.dispatcher
        actor._cell = cell
        actor._actor_ref = ref
        cell.actor = actor
        cls.__init__(actor, *args, **kwargs)

    def stop(self) -> None:
        """End once the messages that are here already are handled."""
        self._cell.mailbox.offer(STOP)

    def leave(self, reason: ExitReason) -> None:
        """End after the message in hand, for that reason."""
        if self._cell.verdict is None:
            self._cell.verdict = reason

    def watch(self, ref: ActorRef[Any], message: object = None) -> None:
        """Receive one `Terminated` when `ref` has ended and cleaned up; at once if it has already.

        It comes on the system lane. Watching twice is watching once, with the later message. If a
        supervisor starts the actor again, it has not ended; of an agent, its process tree is gone.

        Args:
            ref: whom to watch.
            message: what to receive instead of `Terminated` (Akka's ``watchWith``).
        """
        self._cell.watch(ref, message)

    def unwatch(self, ref: ActorRef[Any]) -> None:
        """Do not receive it, even if it is in the mailbox by now."""
        self._cell.unwatch(ref)

    def call_later(self, delay: float, message: object) -> Timer:
        """Tell oneself something later, however full the mailbox is then.

        Args:
            delay: seconds of the dispatcher's clock.
            message: what to tell.

        Returns:
            what cancels it; the end of the actor does so, too.

        Raises:
            ValueError: `delay` is not a number.
        """
        timer = ActorTimer(deadline(self.dispatcher.clock, delay), self._cell, message)
        self._cell.timers[timer] = None
        self.dispatcher.add_timer(timer)
        return timer

    def on_start(self) -> object:  # type: ignore[override]  # pykka ignores what comes back
        """Called first, before any message.

        It may be an ``async def``: no message is handled before it is over. If it returns a
        `Future`, a supervisor counts the actor as started once that is done; messages are handled
        meanwhile. What it, or the future, raises ends the actor: `StartFailed`.
        """

    def on_stop(self) -> object:  # type: ignore[override]  # pykka ignores what comes back
        """Called when it ends, unless it crashed.

        It may be an ``async def``, or return a `Future`: the actor has ended once that is over.
        """

    def on_stop_request(self, reason: ExitReason) -> bool:
        """Called when it is asked to stop; True to go on, and to `leave` when the work is done.

        `ActorRef.kill` does not ask; nor does a supervisor whose patience is over.
        """
        return False

    def on_drained(self) -> None:
        """Called after one or more messages: the mailbox is empty, or it is somebody else's turn.

        The place to finish together what many messages began. Also called before `on_stop`.
        """

    def on_failure(  # type: ignore[override]
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> object:
        """Called instead of `on_stop` after `on_start` or a handler raised. It has been logged.

        It may be an ``async def``, or return a `Future`, as `on_stop` may.
        """

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox(Actor.mailbox_capacity)

    @staticmethod
    def _create_future() -> Future[Any]:
        return Future()

    def _start_actor_loop(self) -> None:
        raise TypeError(_how_to_start(type(self)))  # pykka's way; nobody here calls it

    def __repr__(self) -> str:
        return f"<{self}: {self._cell.state}>"


def _how_to_start(actor_class: type[Actor]) -> str:
    name = actor_class.__name__
    return f"{name} needs a dispatcher to run it: dispatcher.spawn({name}, ...)"
