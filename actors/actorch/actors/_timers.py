"""Things to do later, in the order of their time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count

from ._clock import Clock

__all__ = ["Timer", "TimerQueue", "deadline"]

_SPARSE = 64
"""Cancelled timers are swept out once there are more of them than this, and than of the others."""


def deadline(clock: Clock, delay: float) -> float:
    """The time in `delay` seconds from now; what is below 0 counts as 0.

    Raises:
        ValueError: `delay` is not a number.
    """
    if math.isnan(delay):
        raise ValueError("a delay must be a number of seconds, not nan")
    return clock.now() + max(0.0, delay)


class Timer:
    """One call at one time. Made by `call_later`.

    Attributes:
        when: the time it is due, in seconds of the dispatcher's clock.
    """

    __slots__ = ("_args", "_function", "_queue", "cancelled", "when")

    def __init__(
        self, when: float, function: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        self.when = when
        self.cancelled = False
        self._function: Callable[..., object] | None = function
        self._args = args
        self._queue: TimerQueue | None = None

    @property
    def active(self) -> bool:
        """Whether it is still going to happen."""
        return self._function is not None

    def cancel(self) -> None:
        """Have it not happen. Without effect if it has; from any thread; idempotent."""
        self.cancelled = True
        if self._function is not None:
            self._function = None
            self._args = ()
            if self._queue is not None:
                self._queue.note_cancelled()

    def run(self) -> None:
        """Do it, once, unless it was cancelled."""
        function, args = self._function, self._args
        self._function = None
        self._args = ()
        if function is not None:
            function(*args)

    def queued_in(self, queue: TimerQueue) -> None:
        """Have `queue` know when this is cancelled."""
        self._queue = queue

    def __repr__(self) -> str:
        state = "active" if self.active else "cancelled" if self.cancelled else "done"
        return f"<{type(self).__name__} at {self.when:.3f}, {state}>"


class TimerQueue:
    """A heap of timers. Of one thread only, but for `note_cancelled`."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, timer: Timer) -> None:
        """Add one; those due at the same time keep the order in which they came."""
        timer.queued_in(self)
        if self._cancelled > _SPARSE and self._cancelled * 2 > len(self._heap):
            self._sweep()
        heapq.heappush(self._heap, (timer.when, next(self._numbers), timer))

    def note_cancelled(self) -> None:
        """Count one that lies here for nothing. The count may be off: it only times the sweep."""
        self._cancelled += 1

    def take_due(self, now: float) -> list[Timer]:
        """Remove and return those due by `now`, in order."""
        heap = self._heap
        due: list[Timer] = []
        while heap and heap[0][0] <= now:
            due.append(heapq.heappop(heap)[2])
        return due

    def next_time(self) -> float | None:
        """When the next one is due; None if there is none."""
        heap = self._heap
        while heap:
            when, _number, timer = heap[0]
            if timer.active:
                return when
            heapq.heappop(heap)
        return None

    def clear(self) -> None:
        """Cancel all."""
        while self._heap:
            self._heap.pop()[2].cancel()

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2].active]
        heapq.heapify(self._heap)
        self._cancelled = 0

    def __repr__(self) -> str:
        return f"<TimerQueue {len(self._heap)} timers, next at {self.next_time()}>"
