"""Time that moves only when told to."""

from __future__ import annotations

import threading

import pykka

from .._clock import Sleeper
from .._here import refuse_to_wait

__all__ = ["ManualClock"]


class ManualClock:
    """A clock that stands still until `advance` is called.

    As in::

        clock = ManualClock()
        dispatcher = Dispatcher(clock=clock)
        ...
        clock.advance(60)       # everything due within that minute has happened, in order

    Args:
        start: what `now` says at first, in seconds.
        epoch: what `time` says at first, in seconds since 1970; default a day in 2024.
    """

    def __init__(self, start: float = 0.0, epoch: float = 1_704_067_200.0) -> None:
        self._now = start
        self._offset = epoch - start
        self._sleepers: list[Sleeper] = []
        self._turn = threading.Lock()

    def now(self) -> float:
        """Seconds since some moment; moves only in `advance`."""
        return self._now

    def time(self) -> float:
        """Seconds since the epoch; moves only in `advance`."""
        return self._now + self._offset

    def wait_for(self, deadline: float) -> float | None:
        """0 if `deadline` has come; else None, to sleep until woken."""
        return 0.0 if deadline <= self._now else None

    def attach(self, sleeper: Sleeper) -> None:
        """Have `advance` take a dispatcher along. Dispatchers do this themselves."""
        self._sleepers = [*self._sleepers, sleeper]

    def detach(self, sleeper: Sleeper) -> None:
        """Undo `attach`."""
        self._sleepers = [other for other in self._sleepers if other is not sleeper]

    def advance(self, seconds: float = 0.0, *, patience: float = 10.0) -> None:
        """Move time on, from one timer to the next, and see to it that each has had its effect.

        Returns when every timer due by then has run, those set meanwhile included, and no actor
        has a message left. What the operating system has yet to report is not waited for.

        Args:
            seconds: how far; 0 only lets all actors come to rest.
            patience: real seconds to wait at most for any one. A blocking actor that is in one
                handler for longer is left be.

        Raises:
            ValueError: `seconds` is negative or not a number.
            pykka.Timeout: the actors did not come to rest.
            WouldBlockError: called on a dispatcher's own thread.
        """
        if not seconds >= 0:
            raise ValueError(f"time cannot move by {seconds} seconds")
        refuse_to_wait("advance")
        with self._turn:
            end = self._now + seconds
            self._settle(patience)
            while (due := self._next_due()) <= end:
                self._now = max(self._now, due)
                self._settle(patience)
            self._now = end
            self._settle(patience)

    def _next_due(self) -> float:
        times = [sleeper.next_due for sleeper in self._sleepers]
        return min((time for time in times if time is not None), default=float("inf"))

    def _settle(self, patience: float) -> None:
        """Wait until all dispatchers are at rest at once: for a round in which none did a thing."""
        before: list[int] | None = None
        while before != (now := [sleeper.turns for sleeper in self._sleepers]):
            before = now
            for sleeper in self._sleepers:
                if not sleeper.settle(patience):
                    raise pykka.Timeout(f"the actors have not come to rest: {sleeper}")

    def __repr__(self) -> str:
        return f"<ManualClock at {self._now:g} s>"
