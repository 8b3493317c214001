"""How long a child waits before it is restarted. Pure."""

from __future__ import annotations

import random
from typing import Final, Literal

import msgspec

from actorch.actors import Backoff, SpecError
from actorch.actors._checks import check_number, check_seconds, check_word

__all__ = ["RestartBackoff"]

MOST: Final = 1_000_000
"""The largest factor."""
HEALTHY: Final = 10.0
"""The fewest seconds of being ready that count as health, unless the spec says otherwise."""


class RestartBackoff(msgspec.Struct, frozen=True):
    """Waits that grow with each failure and begin anew after good health. The terms are Akka's.

    Attributes:
        min: seconds to wait after the first failure; 0 restarts at once, always.
        max: the longest wait, in seconds.
        factor: what each further wait is multiplied by; 1 or more.
        jitter: "full" draws evenly from 0 to the wait, so that children that failed together do
            not come back together; "none" waits exactly that long.
        reset_after: seconds that a child must have been ready for its failures so far to be
            forgotten; None for half of `min` and `max` together, as in Akka, but 10 at least: else
            a child without waits would be well as soon as it runs.
        ready_after: seconds that a child must be up to count as ready, as supervisord's startsecs.

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    min: float = 1.0
    max: float = 60.0
    factor: float = 2.0
    jitter: Literal["full", "none"] = "full"
    reset_after: float | None = None
    ready_after: float = 0.0

    def __post_init__(self) -> None:
        set_field = msgspec.structs.force_setattr
        for key in ("min", "max", "ready_after"):
            set_field(self, key, check_seconds(f"backoff.{key}", getattr(self, key), zero=True))
        if self.max < self.min:
            raise SpecError("backoff.max", self.max, f"at least backoff.min, {self.min:g}")
        set_field(self, "factor", check_number("backoff.factor", self.factor, 1, MOST))
        check_word("backoff.jitter", self.jitter, ("full", "none"))
        if self.reset_after is not None:
            reset_after = check_seconds("backoff.reset_after", self.reset_after, zero=True)
            set_field(self, "reset_after", reset_after)

    @property
    def healthy_after(self) -> float:
        """Seconds of being ready after which the failures so far are forgotten."""
        if self.reset_after is not None:
            return self.reset_after
        return max(HEALTHY, (self.min + self.max) / 2)

    def delay(self, failures: int, source: random.Random) -> float:
        """Seconds to wait before a restart; draws once from `source` for jitter.

        Args:
            failures: how many there were in a row, the last one included; 1 or more.
            source: where the jitter comes from.
        """
        return Backoff(self.min, self.factor, self.max, self.jitter).delay(failures, source)
