"""What a dispatcher's loop does for anybody: calls, timers, descriptors."""

from __future__ import annotations

from collections.abc import Callable

from ._clock import Clock
from ._loop import Loop
from ._timers import Timer, deadline

__all__ = ["LoopServices"]


class LoopServices:
    """The part of a dispatcher that has to do with no actor.

    Attributes:
        name: shown in thread names.
        clock: what time it is.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self._loop = Loop(name, clock, keeps=self)

    def in_thread(self) -> bool:
        """Whether the caller is on the thread that non-blocking actors share."""
        return self._loop.in_thread()

    def call_soon(self, function: Callable[..., object], *args: object) -> None:
        """Call a function on the dispatcher's thread, after what waits there. From any thread.

        What it raises is logged.

        Raises:
            DispatcherClosedError: the dispatcher is closed.
        """
        self._loop.call(function, *args)

    def call_later(self, delay: float, function: Callable[..., object], *args: object) -> Timer:
        """Call a function on the dispatcher's thread after a while. From any thread.

        Args:
            delay: seconds of this dispatcher's clock; what is below 0 counts as 0.
            function: what to call; what it raises is logged.
            args: what to call it with.

        Returns:
            what cancels it.

        Raises:
            ValueError: `delay` is not a number.
            DispatcherClosedError: the dispatcher is closed.
        """
        timer = Timer(deadline(self.clock, delay), function, args)
        self._loop.add_timer(timer)
        return timer

    def add_timer(self, timer: Timer) -> None:
        """Have a timer run when it is due. From any thread.

        Raises:
            DispatcherClosedError: the dispatcher is closed.
        """
        self._loop.add_timer(timer)

    def add_reader(self, fd: int, function: Callable[[], None]) -> None:
        """Call `function` whenever `fd` is readable, until `remove_reader`.

        What it raises is logged. On the dispatcher's thread only, as are the three below.

        Raises:
            RuntimeError: called on another thread.
        """
        self._refuse_elsewhere("add_reader")
        self._loop.descriptors.set_reader(fd, function)

    def remove_reader(self, fd: int) -> None:
        """Undo `add_reader`. Do it before closing `fd`. Without effect if there is none."""
        self._refuse_elsewhere("remove_reader")
        self._loop.descriptors.set_reader(fd, None)

    def add_writer(self, fd: int, function: Callable[[], None]) -> None:
        """Call `function` whenever `fd` is writable, until `remove_writer`."""
        self._refuse_elsewhere("add_writer")
        self._loop.descriptors.set_writer(fd, function)

    def remove_writer(self, fd: int) -> None:
        """Undo `add_writer`. Without effect if there is none."""
        self._refuse_elsewhere("remove_writer")
        self._loop.descriptors.set_writer(fd, None)

    @property
    def wakeups(self) -> int:
        """How often the shared thread woke up. An idle dispatcher does not."""
        return self._loop.wakeups

    @property
    def next_due(self) -> float | None:
        """When the next timer is due, as of when the shared thread last went to sleep."""
        return self._loop.next_due

    def _refuse_elsewhere(self, what: str) -> None:
        if not self._loop.in_thread():
            raise RuntimeError(f"{what} is for the dispatcher's own thread: use call_soon")
