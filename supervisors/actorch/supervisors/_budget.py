"""How often a child may be restarted. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

import msgspec

from actorch.actors._checks import check_int, check_seconds, check_word

__all__ = ["Budget", "Restarts"]

MOST: Final = 1_000_000
"""The largest `restarts`."""


class Budget(msgspec.Struct, frozen=True):
    """So many restarts within so many seconds, and what happens when more are needed.

    Attributes:
        restarts: how many there may be within the last `within` seconds; 0 for none at all.
        within: seconds after which a restart is forgotten.
        then: what happens when one more is needed: "escalate" (the supervisor stops all of its
            children and ends as a failure, as in OTP), or "stop" (this child is given up, and the
            others go on, as in Akka).

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    restarts: int = 5
    within: float = 300.0
    then: Literal["escalate", "stop"] = "escalate"

    def __post_init__(self) -> None:
        check_int("budget.restarts", self.restarts, 0, MOST)
        within = check_seconds("budget.within", self.within)
        msgspec.structs.force_setattr(self, "within", within)
        check_word("budget.then", self.then, ("escalate", "stop"))


class Restarts:
    """The restarts of late of one child, or of one supervisor.

    It works as `add_restart` of OTP's supervisor.erl: a restart is added before it is tried, so
    that one whose start fails counts, too; one exactly as old as the period still counts.

    Args:
        budget: what they are held against.

    Attributes:
        budget: as given.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._times: deque[float] = deque(maxlen=budget.restarts + 1)

    def spend(self, now: float) -> bool:
        """Add a restart. True if that is one too many within the last seconds of the budget."""
        self._times.append(now)
        return self.count(now) > self.budget.restarts

    def count(self, now: float) -> int:
        """How many there are now; at most one more than the budget has."""
        while self._times and now - self._times[0] > self.budget.within:
            self._times.popleft()
        return len(self._times)

    def reset(self) -> None:
        """Forget them all."""
        self._times.clear()

    def __repr__(self) -> str:
        budget = self.budget
        return f"<Restarts {len(self._times)} of {budget.restarts} within {budget.within:g} s>"
