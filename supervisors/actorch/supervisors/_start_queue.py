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
        self._waiting: dict[str, None] = {}
        self._starting: set[str] = set()

    def add(self, child: str) -> None:
        """Its backoff is over."""
        self._waiting[child] = None

    def began(self, child: str) -> None:
        """It is being started, from here or otherwise."""
        self._waiting.pop(child, None)
        self._starting.add(child)

    def ready(self, child: str) -> None:
        """It is starting no longer: it is ready, or it has ended."""
        self._starting.discard(child)

    def forget(self, child: str) -> None:
        """It is not to be started any more."""
        self._waiting.pop(child, None)
        self._starting.discard(child)

    def take(self, now: float) -> str | None:
        """The next one that may be started now; None if none may."""
        if not self._waiting or (self._most is not None and len(self._starting) >= self._most):
            return None
        child = next(iter(self._waiting))
        if self._breaker is not None:
            if (probe := self._breaker.probe) in self._waiting:  # it has ended before it was ready
                child = probe
            if not self._breaker.may_restart(child, now):
                return None
        del self._waiting[child]
        return child

    def __repr__(self) -> str:
        return f"<StartQueue {len(self._waiting)} waiting, {len(self._starting)} starting>"
