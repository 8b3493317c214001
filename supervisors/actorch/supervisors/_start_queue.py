"""Who is to be started next, as far as concurrency and the breaker allow. Pure."""

from __future__ import annotations

from ._breaker import BreakerState

__all__ = ["StartQueue"]


class StartQueue:
    """Children whose backoff is over, in that order.

    Args:
        most: how many may be starting at once; None for no limit.
        breaker: pauses all restarts; None for never.
    """

    def __init__(self, most: int | None, breaker: BreakerState | None) -> None:
        self._most = most
        self._breaker = breaker
        self._new: dict[str, None] = {}
        self._waiting: dict[str, None] = {}
        self._starting: set[str] = set()

    def add(self, child: str) -> None:
        """Its backoff is over."""
        self._waiting[child] = None

    def add_new(self, child: str) -> None:
        """Somebody wants it started, and waits for that: the breaker does not hold it back."""
        self._new[child] = None

    def began(self, child: str) -> None:
        """It is being started, from here or otherwise."""
        self._drop(child)
        self._starting.add(child)

    def ready(self, child: str) -> None:
        """It is starting no longer: it is ready, or it has ended."""
        self._starting.discard(child)

    def forget(self, child: str) -> None:
        """It is not to be started any more."""
        self._drop(child)
        self._starting.discard(child)

    def _drop(self, child: str) -> None:
        self._new.pop(child, None)
        self._waiting.pop(child, None)

    def take(self, now: float) -> str | None:
        """The next one that may be started now; None if none may."""
        if self._most is not None and len(self._starting) >= self._most:
            return None
        child = next(iter(self._new), None) or self._next_to_restart(now)
        if child is not None:
            self._drop(child)
        return child

    def _next_to_restart(self, now: float) -> str | None:
        if not self._waiting:
            return None
        child = next(iter(self._waiting))
        if self._breaker is None:
            return child
        if (probe := self._breaker.probe) in self._waiting:  # it has ended before it was ready
            child = probe
        return child if self._breaker.may_restart(child, now) else None

    def __repr__(self) -> str:
        waiting = len(self._new) + len(self._waiting)
        return f"<StartQueue {waiting} waiting, {len(self._starting)} starting>"
