"""The only file that reads a clock.

A clock is injected everywhere, so that every rule about time is tested without waiting. The manual
clock lives in `actorch.actors.testing`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """What the dispatcher, and everything on it, knows of time."""

    def now(self) -> float:
        """Seconds on a clock that never goes back. Only differences mean anything."""
        ...

    def time(self) -> float:
        """Seconds since the epoch, for people and for files. May jump."""
        ...

    def wait_for(self, deadline: float) -> float | None:
        """How many real seconds to sleep until `deadline`; None to sleep until woken."""
        ...

    def attach(self, wake: Callable[[], None]) -> None:
        """Have `wake` called, from any thread, whenever time moves by itself."""
        ...

    def detach(self, wake: Callable[[], None]) -> None:
        """Undo `attach`."""
        ...


class SystemClock:
    """The machine's clocks: CLOCK_MONOTONIC for durations, the wall clock for people."""

    def now(self) -> float:
        """Seconds of CLOCK_MONOTONIC; time spent suspended does not count."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def wait_for(self, deadline: float) -> float | None:
        """Seconds left until `deadline`, never below 0."""
        return max(0.0, deadline - time.monotonic())

    def attach(self, wake: Callable[[], None]) -> None:
        """Nothing to do: real time moves while the loop sleeps for it."""

    def detach(self, wake: Callable[[], None]) -> None:
        """Nothing to do."""
