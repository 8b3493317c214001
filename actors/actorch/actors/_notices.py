"""What reaches an actor without being sent: its own timers, and the ends of those it watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._reasons import Terminated
from ._timers import Timer

if TYPE_CHECKING:
    from ._cell import Cell

__all__ = ["ActorTimer", "Death"]


class Death:
    """On the system lane: a watched actor ended."""

    __slots__ = ("message",)

    def __init__(self, message: Terminated) -> None:
        self.message: Final = message


class ActorTimer(Timer):
    """Tells an actor something later.

    Once cancelled it stays silent, even if its message is in the mailbox already.
    """

    __slots__ = ("_cell", "message")

    def __init__(self, when: float, cell: Cell, message: object) -> None:
        super().__init__(when, self._fire, ())
        self._cell = cell
        self.message = message

    def _fire(self) -> None:
        self._cell.timers.pop(self, None)
        self._cell.mailbox.offer(self)

    def cancel(self) -> None:
        """Have it not happen. Without effect if it has; from any thread; idempotent."""
        super().cancel()
        self._cell.timers.pop(self, None)
