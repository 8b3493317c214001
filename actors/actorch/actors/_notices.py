"""What reaches an actor without being sent: its own timers, and the ends of those it watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._mailbox import Notice
from ._reasons import ExitReason, Terminated
from ._timers import Timer

if TYPE_CHECKING:
    from ._cell import Cell
    from ._future import Future

__all__ = ["ActorTimer", "Death", "EndRequest", "Opening"]


class Death(Notice):
    """On the system lane: a watched actor ended."""

    __slots__ = ("message",)

    def __init__(self, message: Terminated) -> None:
        self.message: Final = message


class Opening(Notice):
    """On the system lane: what `on_start` returned a future of has come about, or failed."""

    __slots__ = ("cell", "future")

    def __init__(self, cell: Cell, future: Future[Any]) -> None:
        self.cell: Final = cell
        self.future: Final = future


class EndRequest(Notice):
    """On the system lane: a supervisor wants this incarnation to end, and none after it."""

    __slots__ = ("cell", "reason")

    def __init__(self, cell: Cell, reason: ExitReason) -> None:
        self.cell: Final = cell
        self.reason: Final = reason


class ActorTimer(Notice, Timer):
    """Tells an actor something later.

    Once cancelled it stays silent, even if its message is in the mailbox already.

    Attributes:
        cell: whose it is.
        message: what it tells.
    """

    __slots__ = ("cell", "message")

    def __init__(self, when: float, cell: Cell, message: object) -> None:
        super().__init__(when, ActorTimer._fire, ())
        self.cell = cell
        self.message = message

    def run(self) -> None:
        """Put it into the actor's mailbox, once, unless it was cancelled."""
        function, self._function = self._function, None
        if function is not None:
            function(self)

    def _fire(self) -> None:
        self.cell.timers.pop(self, None)
        self.cell.mailbox.offer(self)

    def cancel(self) -> None:
        """Have it not happen. Without effect if it has; from any thread; idempotent."""
        super().cancel()
        self.cell.timers.pop(self, None)
