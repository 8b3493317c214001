"""What an actor has yet to handle: a system lane before a bounded user lane, and a lid.

There is no lock on the way in. A sender appends, and then looks whether the mailbox is
`scheduled`; the one thread that takes from it unsets `scheduled` only to look at the lanes once
more. Whichever comes second sees the other, so no message waits unseen. Who closes the mailbox
unsets `scheduled`, too, and then empties it; a sender that was late finds it unset and empties it
again, so no question stays unanswered.
"""

from __future__ import annotations

import queue
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pykka
from pykka._envelope import Envelope  # pykka's inboxes speak it, and it is nowhere else

from ._dead_letters import DeadLetter, LetterReason
from ._errors import MailboxFullError
from ._proxied import PykkaStop

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._cell import Cell
    from ._future import Future
    from ._reasons import ExitReason

__all__ = ["Ask", "Awaited", "Bury", "Mailbox", "Notice", "StopRequest"]

Bury: TypeAlias = "Callable[[DeadLetter], object]"
"""Announces a dead letter. Called on any thread."""


class Notice:
    """What nobody sent: if it comes too late, it is no dead letter."""

    __slots__ = ()


class Awaited:
    """A message whose sender hears of it also if nobody is going to handle it."""

    __slots__ = ()

    def refuse(self, name: str) -> None:
        """Say that the actor of that name ended first. On any thread."""
        raise NotImplementedError


class Ask(Awaited):
    """A message whose sender waits for an answer."""

    __slots__ = ("future", "message")

    def __init__(self, message: object, future: Future[Any]) -> None:
        self.message: Final = message
        self.future: Final = future

    def refuse(self, name: str) -> None:
        """Answer that the actor ended first."""
        error = pykka.ActorDeadError(f"{name} stopped before handling the message")
        self.future.set_exception((type(error), error, None))


class StopRequest(Notice):
    """Handled in its turn, it ends the actor; `future` hears of the end, whatever its cause."""

    __slots__ = ("future", "reason")

    def __init__(self, reason: ExitReason, future: Future[bool]) -> None:
        self.reason: Final = reason
        self.future: Final = future


class Mailbox:
    """See the module. Also a pykka inbox: `put`, `get`, `empty`.

    Attributes:
        lane: user messages, oldest first.
        urgent: system messages, handled before any of `lane`.
        capacity: how many user messages there may be; 0 for no limit.
        closed: whether nothing more is taken in.
        scheduled: whether the owner is going to look here without being told to.
        owner: who handles what is in here; None once that has ended.
    """

    __slots__ = ("_bury", "_whose", "capacity", "closed", "lane", "owner", "scheduled", "urgent")

    def __init__(self, capacity: int) -> None:
        self.lane: deque[object] = deque()
        self.urgent: deque[object] = deque()
        self.capacity = capacity
        self.closed = False
        self.scheduled = True  # until its owner has started
        self.owner: Cell | None = None
        self._whose = ("an actor", "not started")
        self._bury: Bury | None = None

    @property
    def name(self) -> str:
        """Whose it is, for errors: class and URN."""
        return "{} ({})".format(*self._whose)

    def belongs_to(self, owner: Cell | None, class_name: str, urn: str, bury: Bury) -> None:
        """Set whose it is, and who hears of what is left in it."""
        self.owner = owner
        self._whose = (class_name, urn)
        self._bury = bury

    def __len__(self) -> int:
        return len(self.lane) + len(self.urgent)

    def admit(self, item: object) -> None:
        """Take in what a user sent.

        Raises:
            ActorDeadError: the actor takes no more messages.
            MailboxFullError: it has too many already.
        """
        if self.closed:
            raise pykka.ActorDeadError(f"{self.name} not found")
        lane = self.lane
        if len(lane) >= self.capacity > 0:
            raise MailboxFullError(f"{self.name} has {len(lane)} messages waiting")
        try:
            lane.append(item)
        finally:  # even when a signal handler raises just here
            if not self.scheduled:
                self.settle()

    def offer(self, item: object) -> bool:
        """Take in what actorch itself sends, however full the lane is.

        Returns:
            whether it was taken; False once closed.
        """
        return not self.closed and self._put(self.lane, item)

    def offer_urgent(self, item: object) -> bool:
        """Like `offer`, on the system lane."""
        return not self.closed and self._put(self.urgent, item)

    def _put(self, lane: deque[object], item: object) -> bool:
        lane.append(item)
        if not self.scheduled:
            self.settle()
        return True

    def settle(self) -> None:
        """Have the owner look here; or, if it will not any more, answer what has come too late."""
        self.scheduled = True  # first: by the time that it is told, an owner may have a successor
        owner = self.owner
        if not self.closed and owner is not None:
            try:
                owner.enqueue()
            except BaseException:  # a signal handler raised just here: let the next sender do it
                self.scheduled = False
                raise
        if self.closed:
            self.scheduled = False
            self.refuse_all()

    def refuse_all(self) -> None:
        """Answer everybody whose message is not going to be handled. From any thread."""
        for lane in (self.urgent, self.lane):
            while lane:
                try:
                    item = lane.popleft()
                except IndexError:  # another thread does the same
                    break
                self._refuse(item)

    def _refuse(self, item: object) -> None:
        if isinstance(item, Awaited):
            item.refuse(self.name)
        elif isinstance(item, StopRequest):
            owner = self.owner
            if owner is None:
                item.future.set(True)
            else:
                owner.when_ended(item.future, lambda _reason: item.future.set(True))
        elif not isinstance(item, Notice) and type(item) is not PykkaStop:
            self.bury(item, "ended")

    def bury(self, message: object, reason: LetterReason) -> None:
        """Announce that nobody is going to handle a message."""
        if self._bury is not None:
            self._bury(DeadLetter(self.name, self._whose[1], message, reason))

    def abandon(self) -> None:
        """Be closed and empty, and answer nobody."""
        self.closed = True
        self.owner = None
        self.lane.clear()
        self.urgent.clear()

    def put(self, envelope: Envelope[Any], /) -> None:
        """Take in pykka's kind of message.

        Raises:
            ActorDeadError: the actor takes no more messages.
            MailboxFullError: it has too many already.
        """
        future: Any = envelope.reply_to
        self.admit(envelope.message if future is None else Ask(envelope.message, future))

    def get(self) -> Envelope[Any]:
        """Take out the next message, in pykka's kind. Does not wait.

        Raises:
            queue.Empty: there is none.
        """
        try:
            item = (self.urgent or self.lane).popleft()
        except IndexError:
            raise queue.Empty from None
        if isinstance(item, Ask):
            return Envelope(item.message, reply_to=item.future)
        return Envelope(item)

    def empty(self) -> bool:
        """Whether there is no message."""
        return not self.urgent and not self.lane

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<Mailbox of {self.name}: {state}, {len(self)} waiting>"
