"""Chance that is the same each time."""

from __future__ import annotations

import random
from collections import deque
from typing import Final

__all__ = ["ScriptedRandom", "SeededRandom"]

_SEED_OF_BITS: Final = 0
_TOO_OFTEN: Final = "random() was called more often than the {} times that are scripted"


class SeededRandom(random.Random):
    """A `random.Random` that shows its seed, so that what a test came across can be had again.

    As in ``ActorSystem(random=SeededRandom(7))``.

    Attributes:
        given: the seed.
    """

    def __init__(self, seed: int | str) -> None:
        super().__init__(seed)
        self.given = seed

    def __repr__(self) -> str:
        return f"SeededRandom({self.given!r})"


class ScriptedRandom(random.Random):
    """A `random.Random` whose `random` returns given values, one after the other.

    So does what is made of it, as `uniform` is. `getrandbits`, from which a system takes the seed
    of each run, uses up no value; it is the same each time.

    Args:
        values: from 0 up to 1, but not 1.

    Raises:
        ValueError: a value that `random` never returns.
    """

    def __init__(self, *values: float) -> None:
        wrong = [value for value in values if not 0 <= value < 1]
        if wrong:
            raise ValueError(f"random() is never {wrong[0]!r}: 0 <= value < 1")
        super().__init__(_SEED_OF_BITS)
        self._given = len(values)
        self._left = deque(values)

    def random(self) -> float:
        """The next value.

        Raises:
            LookupError: there is none left.
        """
        try:
            return self._left.popleft()
        except IndexError:
            raise LookupError(_TOO_OFTEN.format(self._given)) from None

    @property
    def left(self) -> tuple[float, ...]:
        """The values that are still to come."""
        return tuple(self._left)

    def __repr__(self) -> str:
        return f"<ScriptedRandom: {len(self._left)} of {self._given} values left>"
