"""Children that depend on each other are stopped in reverse, and started in order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

__all__ = ["Sweep", "Sweepable"]


class Sweepable(Protocol):
    """What a sweep has to know of a child."""

    @property
    def alive(self) -> bool:
        """Whether an incarnation is starting, running or stopping."""
        ...

    @property
    def up(self) -> bool:
        """Whether an incarnation has started, and was not told to stop."""
        ...

    @property
    def wanted(self) -> bool:
        """Whether it is to run."""
        ...


C = TypeVar("C", bound=Sweepable)


class Sweep(Generic[C]):
    """Goes down through the children from the last one to a floor, and then up again.

    Each step waits for the one before: nobody is stopped while one that was started later lives,
    nobody is started before those earlier are up.

    Args:
        children: all, in the order of their start.
        floor: the place of the first one that is concerned.
        down: whether they have to be stopped first.

    Attributes:
        floor: as given, or lower.
        down: whether it is on its way down.
    """

    def __init__(self, children: Sequence[C], floor: int = 0, *, down: bool) -> None:
        self._children: list[C] = list(children)
        self.floor = floor
        self.down = down
        self._place = len(self._children) - 1 if down else floor

    def again(self, floor: int) -> None:
        """Another one has failed: go down anew, from the top.

        On the way down, to the lower of the two floors; on the way up, those that are up already
        stay so, unless they depend on it.
        """
        self.floor = min(floor, self.floor if self.down else self._place)
        self.down = True
        self._place = len(self._children) - 1

    def place_of(self, child: C) -> int:
        """Where it stands in the order of their start."""
        return self._children.index(child)

    def append(self, child: C) -> None:
        """One more has come, after all others."""
        self._children.append(child)

    def revisit(self) -> None:
        """One on the way has changed: on the way up, look at all of them again."""
        if not self.down:
            self._place = self.floor

    def next_to_stop(self) -> C | None:
        """On the way down, the next one that has to end first; None at the floor."""
        while self.down and self._place >= self.floor:
            child = self._children[self._place]
            if child.alive:
                return child
            self._place -= 1
        self._turn()
        return None

    def _turn(self) -> None:
        if self.down:
            self.down = False
            self._place = self.floor

    def next_to_start(self) -> C | None:
        """On the way up, the next one that has to be up first; None at the top."""
        while self._place < len(self._children):
            child = self._children[self._place]
            if child.wanted and not child.up:
                return child
            self._place += 1
        return None

    def __repr__(self) -> str:
        way = "down" if self.down else "up"
        return f"<Sweep {way} at {self._place} of {len(self._children)}, floor {self.floor}>"
