"""Whether, and when, a child that has failed is restarted: budgets, the fuse, and the breaker."""

from __future__ import annotations

from actorch.actors import BudgetExceeded, ExitReason

from ._breaker import BreakerState
from ._budget import Budget, Restarts
from ._start_queue import StartQueue
from ._supervisor_spec import SupervisorSpec
from ._tree_child import Child

__all__ = ["Restarter"]


class Restarter:
    """Applies the rules of one supervisor over its children. Pure: time is handed in.

    Args:
        spec: the supervisor's.

    Attributes:
        breaker: pauses all restarts; None for never.
        queue: those whose backoff is over.
    """

    def __init__(self, spec: SupervisorSpec) -> None:
        self.breaker = BreakerState(spec.breaker) if spec.breaker is not None else None
        self.queue = StartQueue(spec.max_concurrent_starts, self.breaker)
        self._fuse = Restarts(spec.budget) if spec.budget is not None else None

    def judge(
        self, child: Child, reason: ExitReason, now: float, children: int
    ) -> tuple[BudgetExceeded | None, bool]:
        """Charge the restart of a child that has failed.

        Args:
            child: the one.
            reason: why its incarnation ended.
            now: when.
            children: how many there are in all.

        Returns:
            what is to be said if it is not restarted, and whether all others go down with it; None
            and False if it is.
        """
        charged = self.breaker is None or self.breaker.counts(child.spec.id)
        if self.breaker is not None and reason.abnormal:
            self.breaker.failed(child.spec.id, reason.likeness, now, children)
        child.failures += 1
        if reason.hopeless or (charged and child.spend(now)):
            return _exceeded(child, child.budget, reason), child.budget.then == "escalate"
        if charged and self._fuse is not None and self._fuse.spend(now):
            return _exceeded(child, self._fuse.budget, reason), True
        return None, False

    @property
    def paused_until(self) -> float | None:
        """When the breaker's pause ends, or ended; None if there is none."""
        return None if self.breaker is None else self.breaker.paused_until

    def probation_of(self, child: str) -> float:
        """Seconds that it must be up before it counts as ready, whatever its spec says."""
        return 0.0 if self.breaker is None else self.breaker.probation_of(child)

    def ready(self, child: str, now: float) -> None:
        """It has been up for long enough."""
        self.queue.ready(child)
        if self.breaker is not None:
            self.breaker.recovered(child, now)

    def ended(self, child: str, now: float, *, well: bool) -> None:
        """It has ended for good, well or not."""
        self.queue.forget(child)
        if self.breaker is not None:
            if well:
                self.breaker.recovered(child, now)
            self.breaker.forget(child)

    def __repr__(self) -> str:
        return f"<Restarter: {self.queue!r}, {self.breaker!r}>"


def _exceeded(child: Child, budget: Budget, reason: ExitReason) -> BudgetExceeded:
    return BudgetExceeded(child.spec.id, budget.restarts, budget.within, reason)
