"""What others hold of an actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import pykka

from ._ended import Ended
from ._errors import MailboxFullError, WouldBlockError
from ._future import Future
from ._here import here, in_asyncio, refuse_to_wait
from ._mailbox import Ask, StopRequest
from ._reasons import ExitReason, Killed, Normal

if TYPE_CHECKING:
    from ._actor import Actor
    from ._cell import Cell
    from ._life import Life

__all__ = ["ActorRef"]

A = TypeVar("A", bound="Actor")


class ActorRef(pykka.ActorRef[A]):
    """A pykka ref that never waits for ever by accident, and that has a system lane.

    Attributes:
        actor_class: the class of the actor.
        actor_urn: names the actor; no other has the same.
        cell: what carries the actor. Not for users.
    """

    def __init__(self, cell: Cell | Life, actor_class: type[A], actor_urn: str) -> None:
        self.cell = cell
        self.actor_class = actor_class
        self.actor_urn = actor_urn
        self._mailbox = cell.mailbox

    if not TYPE_CHECKING:  # plain attributes of pykka's class, worked out here when asked for

        @property
        def actor_inbox(self):
            """The mailbox."""
            return self._mailbox

        @property
        def actor_stopped(self):
            """A `threading.Event` that is set when the actor's cleanup has run."""
            return Ended(self.cell)

        @property
        def _actor_weakref(self):
            return lambda: self.cell.actor

    @property
    def incarnation(self) -> int:
        """How often the actor was started: a supervisor may start it again behind the same ref."""
        return self.cell.incarnation

    def is_alive(self) -> bool:
        """Whether the actor, or its cleanup, is still going on, or it may be started again."""
        return self.cell.reason is None

    def tell(self, message: object) -> None:
        """Send a message and go on.

        Raises:
            ActorDeadError: the actor takes no more messages.
            MailboxFullError: it has too many waiting.
        """
        self._mailbox.admit(message)

    def notify(self, message: object) -> None:
        """Send a message on the system lane: handled before all that were told, never too many.

        Raises:
            ActorDeadError: the actor takes no more messages.
        """
        if not self._mailbox.offer_urgent(message):
            raise self._dead()

    @overload
    def ask(
        self, message: object, *, block: Literal[False], timeout: float | None = 30.0
    ) -> Future[Any]: ...

    @overload
    def ask(
        self, message: object, *, block: bool | None = None, timeout: float | None = 30.0
    ) -> Any: ...

    def ask(  # pyright: ignore[reportIncompatibleMethodOverride]  # pykka's leave `ask(m)` undecided
        self, message: object, *, block: bool | None = None, timeout: float | None = 30.0
    ) -> Any:
        """Send a message and wait for what the actor's handler returns.

        On a thread where an asyncio event loop runs, it does not wait, but returns a future: there,
        write ``await ref.ask(message)``.

        If the handler raises, the actor ends as it would for a message that was told; the
        exception is raised here once it has ended.

        Args:
            message: what to send.
            block: whether to wait here; if not, a future is returned. None for what is right here.
            timeout: real seconds to wait at most if blocking; None to wait for ever.

        Raises:
            ActorDeadError: the actor ended before it handled the message.
            MailboxFullError: it has too many waiting.
            pykka.Timeout: no answer came in time.
            WouldBlockError: waiting here would stop the thread that is to answer.
        """
        if block is None:
            block = not in_asyncio()
        if block:
            self._refuse_to_wait("ask")
        future = Future[Any]()
        try:
            self._mailbox.admit(Ask(message, future))
        except (pykka.ActorDeadError, MailboxFullError) as error:
            future.set_exception((type(error), error, error.__traceback__))
        return self._wait_for(future, timeout, "answer") if block else future

    def _wait_for(self, future: Future[Any], timeout: float | None, verb: str) -> Any:
        try:
            return future.get(timeout=timeout)
        except pykka.Timeout:
            if future.done():  # a timeout that the actor's own handler ran into
                raise
        raise pykka.Timeout(f"{self} did not {verb} within {timeout} seconds")

    @overload
    def stop(
        self,
        *,
        block: Literal[True] = True,
        timeout: float | None = None,
        reason: ExitReason | None = None,
    ) -> bool: ...

    @overload
    def stop(
        self,
        *,
        block: Literal[False],
        timeout: float | None = None,
        reason: ExitReason | None = None,
    ) -> Future[bool]: ...

    @overload
    def stop(
        self,
        *,
        block: bool = True,
        timeout: float | None = None,
        reason: ExitReason | None = None,
    ) -> bool | Future[bool]: ...

    def stop(
        self,
        *,
        block: bool = True,
        timeout: float | None = None,
        reason: ExitReason | None = None,
    ) -> bool | Future[bool]:
        """Have the actor end once it has handled what was sent before.

        Args:
            block: whether to wait here until its cleanup has run; otherwise a future is returned.
            timeout: real seconds to wait at most if blocking; None to wait for ever.
            reason: what its watchers are told; default `Normal`.

        Returns:
            False if it had ended before, else True.

        Raises:
            pykka.Timeout: it has not ended in time; it still will.
            WouldBlockError: waiting here would stop the thread that is to end it.
        """
        if block:
            self._refuse_to_wait("stop")
        future = Future[bool]()
        if not self.is_alive():
            future.set(False)
        elif not self._mailbox.offer(StopRequest(reason or Normal(), future)):
            self.cell.when_ended(future, lambda _reason: future.set(True))
        return self._wait_for(future, timeout, "end") if block else future

    def kill(self, reason: ExitReason | None = None) -> None:
        """Have the actor end before its next message; what waits in its mailbox is refused now.

        A handler that is running is not interrupted, unless it awaits something; `on_stop` runs
        after it. Does not wait. What waits for a supervised actor is left to its next incarnation.

        Args:
            reason: what its watchers are told; default `Killed`.
        """
        self.cell.kill(reason or Killed())

    def _refuse_to_wait(self, what: str) -> None:
        refuse_to_wait(f"{what}(block=True) of {self}")
        if here.cell is not None and here.cell.mailbox is self._mailbox:
            raise WouldBlockError(f"{self} would wait for itself in {what}(block=True)")

    def _dead(self) -> pykka.ActorDeadError:
        return pykka.ActorDeadError(f"{self} not found")

    def __repr__(self) -> str:
        return f"<ActorRef for {self}: {self.cell.state}>"
