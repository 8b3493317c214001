"""One child of a running supervisor: its spec, its life, and what is known of its past."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from actorch.actors import ActorRef, ChildStartError, ExitReason, Timer
from actorch.actors._cell import Cell
from actorch.actors._life import Life

from ._budget import Budget, Restarts
from ._child import ChildKind, ChildSpec, kind_of
from ._child_info import ChildInfo, ChildState
from ._restart_context import RestartContext
from ._tree_messages import Ended, Order, Started

__all__ = ["Child", "First", "Guard"]

First: TypeAlias = Literal["opening", "start_child", "restart_child"]


class Guard:
    """Tells the supervisor what becomes of the incarnations of one child. On any thread.

    Args:
        child: its id.
        supervisor: the supervisor's cell.
    """

    __slots__ = ("_child", "_mailbox")

    def __init__(self, child: str, supervisor: Cell) -> None:
        self._child = child
        self._mailbox = supervisor.mailbox

    def incarnation_started(self, life: Life, number: int) -> None:
        """Tell it."""
        self._mailbox.offer_urgent(Started(self._child, life, number))

    def incarnation_ended(self, life: Life, number: int, reason: ExitReason) -> bool:
        """Tell it; False if it has ended itself."""
        return self._mailbox.offer_urgent(Ended(self._child, life, number, reason))


class Child:
    """What a supervisor keeps of a child.

    Args:
        spec: what it is.
        budget: how often it may be restarted.

    Attributes:
        spec: as given.
        kind: what its spec starts.
        budget: as given.
        life: its ref and mailbox; None once it has ended for good.
        state: "ended", "waiting", "starting", "running" or "stopping".
        wanted: whether it is to run.
        first: what it is being started by for the first time; None once it has run. A failure is
            for that one to handle, then.
        failures: how many there were since it was last healthy.
        ready_since: since when it has been ready; None if it is not.
        last_exit: why its last incarnation ended.
        token: from where to resume.
        due: when its backoff is over; None if it waits for none.
        starters: those who wait until it has started.
        enders: those who wait until it has ended for good.
    """

    __slots__ = (
        "_restarts",
        "_timers",
        "budget",
        "due",
        "enders",
        "failures",
        "first",
        "incarnation",
        "kind",
        "last_exit",
        "life",
        "ready_since",
        "spec",
        "starters",
        "state",
        "token",
        "wanted",
    )

    def __init__(self, spec: ChildSpec, budget: Budget) -> None:
        kind = kind_of(spec.start)
        assert kind is not None  # checked by the spec
        self.spec = spec
        self.kind: ChildKind = kind
        self.budget = budget
        self.life: Life | None = None
        self.incarnation = 0
        self.state: ChildState = "ended"
        self.wanted = True
        self.first: First | None = None
        self.failures = 0
        self.ready_since: float | None = None
        self.last_exit: ExitReason | None = None
        self.token: str | None = None
        self.due: float | None = None
        self.starters: tuple[Order, ...] = ()  # the empty tuple costs nothing
        self.enders: tuple[Order, ...] = ()
        self._timers: tuple[Timer, ...] = ()
        self._restarts: Restarts | None = None

    @property
    def alive(self) -> bool:
        """Whether there is an incarnation."""
        return self.state in ("starting", "running", "stopping")

    @property
    def up(self) -> bool:
        """Whether an incarnation has started, and was not told to stop."""
        return self.state == "running"

    @property
    def ref(self) -> ActorRef[Any] | None:
        """What to speak to it by; None once it has ended for good."""
        return None if self.life is None else self.life.ref

    @property
    def context(self) -> RestartContext:
        """What its next incarnation may know."""
        return RestartContext(
            incarnation=self.incarnation + 1,
            attempt=self.failures + 1,
            last_exit=self.last_exit,
            resume_token=self.token,
        )

    def keep_token(self, token: str) -> None:
        """Hand that on to the next incarnation."""
        self.token = token

    def keep(self, timer: Timer) -> None:
        """A timer that is to be cancelled when the state changes."""
        self._timers += (timer,)

    def change(self, state: ChildState) -> None:
        """Be in another state; no timer of the one before goes off."""
        self.state = state
        self.due = None
        timers, self._timers = self._timers, ()
        for timer in timers:
            timer.cancel()

    def note_health(self, now: float) -> None:
        """An incarnation has ended: if it was healthy, the failures before it are forgotten."""
        healthy = self.spec.backoff.healthy_after
        if self.ready_since is not None and now - self.ready_since >= healthy:
            self.failures = 0
            if self._restarts is not None:
                self._restarts.reset()
        self.ready_since = None

    def spend(self, now: float) -> bool:
        """Charge a restart to its budget. True if that is one too many."""
        if self._restarts is None:  # most children never need one
            self._restarts = Restarts(self.budget)
        return self._restarts.spend(now)

    def finish(self, reason: ExitReason) -> None:
        """End for good."""
        self.change("ended")
        self.wanted = False
        life, self.life = self.life, None
        if life is not None:
            life.end(reason)
        starters, self.starters = self.starters, ()
        for order in starters:
            order.fail(ChildStartError(self.spec.id, reason))
        enders, self.enders = self.enders, ()
        for order in enders:
            order.future.set(reason)

    def tell_starters(self) -> None:
        """It has started: hand out its ref."""
        starters, self.starters = self.starters, ()
        for order in starters:
            order.future.set(self.ref)

    def refuse(self, error: BaseException) -> None:
        """Tell all who wait for something that it will not come."""
        waiting = self.starters + self.enders
        self.starters, self.enders = (), ()
        for order in waiting:
            order.fail(error)

    def info(self, now: float) -> ChildInfo:
        """It, as it is now."""
        return ChildInfo(
            id=self.spec.id,
            kind=self.kind,
            state=self.state,
            ref=self.ref,
            incarnation=self.incarnation,
            restarts=0 if self._restarts is None else self._restarts.count(now),
            last_exit=self.last_exit,
            due=self.due,
        )

    def __repr__(self) -> str:
        return f"<Child {self.spec.id}: {self.state}, incarnation {self.incarnation}>"
