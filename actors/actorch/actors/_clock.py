"""The only file that reads a clock.

A clock is injected everywhere, so that every rule about time is tested without waiting. The manual
clock lives in `actorch.actors.testing`.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "Sleeper", "SystemClock"]


class Sleeper(Protocol):
    """What a clock that is set by hand knows of a dispatcher."""

    @property
    def turns(self) -> int:
        """How often it found something to do."""
        ...

    @property
    def next_due(self) -> float | None:
        """When its next timer is due."""
        ...

    def settle(self, patience: float) -> bool:
        """Wait, at most `patience` real seconds, until it has done all there is to do by now."""
        ...


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

    def attach(self, sleeper: Sleeper) -> None:
        """Learn of a dispatcher that sleeps by this clock."""
        ...

    def detach(self, sleeper: Sleeper) -> None:
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

    def attach(self, sleeper: Sleeper) -> None:
        """Nothing to do: real time moves while dispatchers sleep for it."""

    def detach(self, sleeper: Sleeper) -> None:
        """Nothing to do."""
