"""When many children fail alike, none is restarted for a while. Pure."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from fractions import Fraction
from typing import Final

import msgspec

from actorch.actors import SpecError
from actorch.actors._checks import check_int, check_number, check_seconds, is_number
from actorch.actors._shown import shown, unless_container

__all__ = ["Breaker", "BreakerState"]

MOST: Final = 1_000_000
"""The largest `at_least`, and the largest factor."""


class Breaker(msgspec.Struct, frozen=True):
    """How many children must fail alike, and how long all restarts then pause.

    Attributes:
        share: the part of all children that it takes; more than 0, at most 1.
        at_least: how many children it takes, whatever the share is.
        within: seconds within which they must have failed.
        pause: seconds without restarts; after them, one child is restarted as a probe.
        max_pause: the longest pause, in seconds.
        factor: what each further pause is multiplied by when the probe fails in the same way.
        probation: seconds that the probe must be up, or as long as its `ready_after` says if that
            is longer, for the others to be restarted, too.

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    share: float = 0.5
    at_least: int = 3
    within: float = 30.0
    pause: float = 30.0
    max_pause: float = 300.0
    factor: float = 2.0
    probation: float = 10.0

    def __post_init__(self) -> None:
        set_field = msgspec.structs.force_setattr
        if not is_number(self.share) or not 0 < self.share <= 1:
            found = unless_container(self.share)
            raise SpecError("breaker.share", found, "a number more than 0, at most 1")
        set_field(self, "share", float(self.share))
        check_int("breaker.at_least", self.at_least, 1, MOST)
        for key in ("within", "pause", "max_pause"):
            set_field(self, key, check_seconds(f"breaker.{key}", getattr(self, key)))
        probation = check_seconds("breaker.probation", self.probation, zero=True)
        set_field(self, "probation", probation)
        if self.max_pause < self.pause:
            allowed = f"at least breaker.pause, {self.pause:g}"
            raise SpecError("breaker.max_pause", self.max_pause, allowed)
        set_field(self, "factor", check_number("breaker.factor", self.factor, 1, MOST))


class BreakerState:
    """One breaker at work: closed, open (it pauses), or half-open (a probe may run).

    Each failure takes the same time, however many children there are. Those older than `within`
    are not kept.

    Args:
        breaker: its rules.

    Attributes:
        paused_until: when the pause ends, or ended if it is half-open; None while it is closed.
        probe: the child that was restarted to see whether the outage is over.
    """

    def __init__(self, breaker: Breaker) -> None:
        self.paused_until: float | None = None
        self._breaker = breaker
        self._share = Fraction(repr(breaker.share))  # as written: 0.07 of 100 are 7, not 8
        self._failures: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._children: Counter[str] = Counter()
        self._likeness = ""
        self._pause = breaker.pause
        self.probe: str | None = None

    def failed(self, child: str, likeness: str, now: float, children: int) -> bool:
        """Note the failure of a child. True if that opens the breaker, or opens it again.

        While it is open or half-open, only the probe's failure matters.

        Args:
            child: its id.
            likeness: in what way it failed; outages are told by this being the same.
            now: when.
            children: how many there are in all.
        """
        if self.paused_until is not None:
            return self._probe_failed(child, likeness, now)
        self._note(child, likeness, now)
        if self._children[likeness] < self._needed(children):
            return False
        self._open(likeness, now, self._breaker.pause)
        return True

    def may_restart(self, child: str, now: float) -> bool:
        """Whether this child may be restarted now; the first to ask after a pause is the probe."""
        if self.paused_until is None:
            return True
        if not self._is_half_open(now):
            return False
        self.probe = child if self.probe is None else self.probe
        return child == self.probe

    def recovered(self, child: str, now: float) -> None:
        """A child is ready, or ended well. After the pause, that closes the breaker."""
        if self.paused_until is not None and (child == self.probe or self._is_half_open(now)):
            self.paused_until = None
            self.probe = None

    def probation_of(self, child: str) -> float:
        """Seconds that this child must be up; 0 unless it is the probe."""
        return self._breaker.probation if child == self.probe else 0.0

    def forget(self, child: str) -> None:
        """The child was removed, or will not be restarted: if it is the probe, another may be.

        Its failures so far still tell of an outage.
        """
        if child == self.probe:
            self.probe = None

    def counts(self, child: str) -> bool:
        """Whether a failure of this child is charged to its budget. Ask before `failed`.

        That of a probe is not: an outage must not burn the budget of every child in turn.
        """
        return child != self.probe

    def __repr__(self) -> str:
        if self.paused_until is None:
            return f"<BreakerState closed, {len(self._failures)} failures>"
        if self.probe is not None:
            return f"<BreakerState half-open, {shown(self.probe, 60)} is the probe>"
        return f"<BreakerState open until {self.paused_until:g}: {shown(self._likeness, 60)}>"

    def _is_half_open(self, now: float) -> bool:
        return self.paused_until is not None and now >= self.paused_until

    def _needed(self, children: int) -> int:
        return max(self._breaker.at_least, math.ceil(self._share * children))

    def _note(self, child: str, likeness: str, now: float) -> None:
        key = (likeness, child)
        if key not in self._failures:
            self._children[likeness] += 1
        self._failures[key] = now
        self._failures.move_to_end(key)
        self._prune(now)

    def _prune(self, now: float) -> None:
        """Drop what is too old, the oldest first."""
        while now - next(iter(self._failures.values()), now) > self._breaker.within:
            (likeness, _child), _time = self._failures.popitem(last=False)
            self._children[likeness] -= 1
            if not self._children[likeness]:
                del self._children[likeness]

    def _probe_failed(self, child: str, likeness: str, now: float) -> bool:
        if child != self.probe:
            return False
        longer = min(self._pause * self._breaker.factor, self._breaker.max_pause)
        same = likeness == self._likeness
        self._open(likeness, now, longer if same else self._breaker.pause)
        return True

    def _open(self, likeness: str, now: float, pause: float) -> None:
        self._likeness = likeness
        self._pause = pause
        self.paused_until = now + pause
        self.probe = None
        self._failures.clear()
        self._children.clear()
