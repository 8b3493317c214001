"""A thread for one actor that blocks."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ._here import here

if TYPE_CHECKING:
    from ._cell import Cell

__all__ = ["OwnThread"]


class OwnThread:
    """Runs a cell's slices, and ends with it. A daemon: it never holds up the interpreter's exit.

    Attributes:
        cell: whose it is; None once it has ended.
        turns: how many slices were run.
        thread: the thread.
    """

    def __init__(self, cell: Cell, name: str) -> None:
        self.cell: Cell | None = cell
        self.turns = 0
        self._owed: deque[None] = deque()
        """One for each time it was told to run a slice and has not done so yet."""
        self._ended = False
        self._bell = threading.Lock()
        self._bell.acquire()
        self._stuck_in: int | None = None
        self._idle: deque[Callable[[], None]] = deque()
        self.thread = threading.Thread(target=self._run, args=(cell,), name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; it sleeps until there is something to do.

        Raises:
            RuntimeError: the system has no thread to give.
        """
        self.thread.start()

    def enqueue(self, _cell: Cell) -> None:
        """Have a slice run soon. From any thread."""
        self._owed.append(None)
        with contextlib.suppress(RuntimeError):  # has been told already
            self._bell.release()

    def _run(self, cell: Cell) -> None:
        here.cell = cell
        while cell.reason is None:
            self._bell.acquire()
            while self._owed and cell.reason is None:
                cell.run()
                self.turns += 1
                self._owed.popleft()
            self._notify_idle()
        self._ended = True
        self.cell = here.cell = None
        self._notify_idle()

    def _notify_idle(self) -> None:
        while self._idle and self.idle:
            self._idle.popleft()()

    @property
    def idle(self) -> bool:
        """Whether the actor has nothing to do."""
        return not self._owed or self._ended

    def settle(self, patience: float) -> bool:
        """Wait until the actor has nothing to do, but not again for a handler that seems stuck.

        Args:
            patience: real seconds to wait at most.

        Returns:
            whether that came about.
        """
        if self._stuck_in == self.turns and not self.idle:
            return False
        bell = threading.Lock()
        bell.acquire()
        self._idle.append(bell.release)
        if self.idle or bell.acquire(timeout=patience):
            return True
        self._stuck_in = self.turns
        return False

    def join(self, timeout: float | None) -> bool:
        """Wait for the thread's end; whether it came within `timeout` real seconds."""
        self.thread.join(timeout)
        return not self.thread.is_alive()

    def is_alive(self) -> bool:
        """Whether the thread is there."""
        return self.thread.is_alive()

    def is_current(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.get_ident() == self.thread.ident and not self._ended

    def __repr__(self) -> str:
        state = "ended" if self._ended else "idle" if self.idle else "running"
        return f"<OwnThread {self.thread.name!r}: {state}>"
