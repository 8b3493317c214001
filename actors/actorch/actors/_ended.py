"""pykka's `actor_stopped`: an event that is set when the actor has ended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._cell import Cell

__all__ = ["Ended"]


class Ended(threading.Event):
    """A view on a cell, made when somebody looks, so that an actor need not carry an event."""

    def __init__(self, cell: Cell) -> None:  # the base class would allocate a lock
        self._cell = cell

    def is_set(self) -> bool:
        """Whether the actor has ended and its cleanup has run."""
        return self._cell.reason is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for that.

        Args:
            timeout: real seconds to wait at most; None to wait for ever.

        Returns:
            whether it has come about.
        """
        bell = threading.Lock()
        bell.acquire()
        self._cell.when_ended(bell, lambda _reason: bell.release())
        if timeout is None:
            return bell.acquire()
        try:
            return bell.acquire(timeout=max(0.0, timeout))
        finally:
            self._cell.no_longer(bell)

    def set(self) -> None:
        """Not allowed.

        Raises:
            TypeError: always.
        """
        raise TypeError("end the actor with ActorRef.stop() or .kill()")

    def clear(self) -> None:
        """Not allowed.

        Raises:
            TypeError: always.
        """
        raise TypeError("an actor that has ended does not come back")

    def __repr__(self) -> str:
        return f"<Ended: {self._cell.state}>"
