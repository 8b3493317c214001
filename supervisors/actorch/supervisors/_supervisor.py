"""The Supervisor actor: it starts, stops and restarts its children, and never waits for one."""

from __future__ import annotations

from types import TracebackType
from typing import Any, ClassVar

import pykka

from actorch.actors import (
    Actor,
    ActorRef,
    BudgetExceeded,
    ChildStartError,
    ExitReason,
    Future,
    Shutdown,
    StartFailed,
)

from ._agent_child import AgentRunner
from ._caretaker import Caretaker, leave_all
from ._child import ChildSpec
from ._orders import Orders
from ._restarter import Restarter
from ._siblings import Siblings
from ._starter import Starter
from ._strategy import wants_restart
from ._supervisor_ref import SupervisorRef
from ._supervisor_spec import SupervisorSpec
from ._tree import DynamicSupervisor
from ._tree_child import Child, First
from ._tree_messages import BreakerOver, Due, Ended, Impatient, Order, Ready, Started

__all__ = ["SupervisorActor"]


class SupervisorActor(Actor):
    """Carries out a `Supervisor` or a `DynamicSupervisor`.

    Its children tell it that they have started or ended; whatever it decides, it goes on to listen.

    Args:
        spec: its rules, and the children it starts with.
        runner: starts the runs of agents; None where there is no `ActorSystem`.
        opened: done once all of these have started, or failed with why they have not.
    """

    mailbox_capacity = 0  # its children bound it
    ref_class: ClassVar[type[ActorRef[Any]]] = SupervisorRef
    sure_to_end: ClassVar[bool] = True

    def __init__(
        self, spec: SupervisorSpec, runner: AgentRunner | None, opened: Future[None] | None = None
    ) -> None:
        super().__init__()
        self.spec = spec
        self.closing: ExitReason | None = None
        self._runner = runner
        self._opened: Future[None] = opened or Future()
        self._alive = 0
        self._working: set[str] = set()
        self._given_up: BudgetExceeded | None = None
        self._paused_until: float | None = None
        self._siblings = Siblings(spec.strategy)
        self._restarter = Restarter(spec)
        self._orders = Orders(self)

    @property
    def children(self) -> dict[str, Child]:
        """All that it knows, in the order of their start."""
        return self._siblings.children

    def on_start(self) -> Future[None]:  # type: ignore[override]
        """Start the children, each after the one before has started."""
        starter = Starter(self.dispatcher, self._cell, self.spec.stash, self._runner)
        self._caretaker = Caretaker(self, starter)
        self._starter = starter
        for spec in self.spec.children:
            self.take_in(spec, "opening")
        self._siblings.open()
        self._advance()
        return self._opened

    def on_receive(self, message: object) -> object:
        """Handle one message, then do what can be done next."""
        match message:
            case Order():
                self._orders.handle(message)
            case BreakerOver():
                pass
            case Started() | Ended() | Ready() | Due() | Impatient():
                self._on_news(message)
            case _:
                return super().on_receive(message)
        self._advance()
        return None

    def _on_news(self, message: Started | Ended | Ready | Due | Impatient) -> None:
        child = self.children.get(message.child)
        if child is None or child.life is not message.life or child.incarnation != message.number:
            return  # about an incarnation before
        match message:
            case Started() if child.state == "starting":
                self._on_started(child)
            case Ended() if child.alive:
                self._on_ended(child, message.reason)
            case Ready():
                self._on_ready(child)
            case Due():
                child.due = None
                if not self._siblings.in_order:
                    self._restarter.queue.add(child.spec.id)
            case Impatient() if child.state == "stopping":
                self._caretaker.on_impatient(child, message)
            case _:
                return

    def take_in(self, spec: ChildSpec, first: First) -> Child:
        """Have a child that is to be started."""
        child = self.children[spec.id] = Child(spec, spec.budget or self.spec.child_budget)
        self.want(child, first)
        return child

    def want(self, child: Child, first: First) -> None:
        """Have a child started: now, or when it is its turn on the way up."""
        child.wanted = True
        child.first = first
        child.failures = 0
        if child.spec.significant:
            self._working.add(child.spec.id)
        self._starter.give_life(child)
        child.change("waiting")
        if first != "opening" and not self._siblings.join(child, first):
            self._restarter.queue.add_new(child.spec.id)

    def end(self, child: Child) -> None:
        """Have a child end for good."""
        child.wanted = False
        if not child.alive:
            self._finish(child, Shutdown())
        elif child.state != "stopping":
            self._caretaker.stop(child)

    def forget(self, child: Child) -> None:
        """Know it no longer."""
        self.children.pop(child.spec.id, None)

    def _begin(self, child: Child) -> None:
        self._alive += 1
        self._restarter.queue.began(child.spec.id)
        self._caretaker.begin(child)

    def _on_started(self, child: Child) -> None:
        child.change("running")
        child.first = None
        child.tell_starters()
        if self._caretaker.await_ready(child, self._restarter.probation_of(child.spec.id)):
            self._on_ready(child)

    def _on_ready(self, child: Child) -> None:
        child.ready_since = self.dispatcher.clock.now()
        self._restarter.ready(child.spec.id, child.ready_since)

    def _on_ended(self, child: Child, reason: ExitReason) -> None:
        self._alive -= 1
        self._restarter.queue.ready(child.spec.id)
        child.last_exit = reason
        child.note_health(self.dispatcher.clock.now())
        told = child.state == "stopping"
        restarts = child.wanted and (told or wants_restart(child.spec.restart, reason))
        if self.closing is not None or (told and not self._comes_back(child)):
            self._finish(child, reason)
        elif child.first is not None and not told:
            self._on_first_failure(child, reason, child.first)
        elif not restarts:
            self._on_work_done(child, reason)
        elif told or self._siblings.is_bystander(child):
            child.change("waiting")
        else:
            self._on_failure_of(child, reason)

    def _comes_back(self, child: Child) -> bool:
        return child.wanted and child.spec.restart != "temporary"

    def _on_first_failure(self, child: Child, reason: ExitReason, first: First) -> None:
        if first == "opening":
            error = ChildStartError(child.spec.id, reason)
            self._finish(child, reason)
            self.close(StartFailed(error))
            return
        self._finish(child, reason)
        if first == "start_child":
            self.forget(child)

    def _on_work_done(self, child: Child, reason: ExitReason) -> None:
        """It has ended by itself, and is not to come back."""
        self._finish(child, reason)
        if child.spec.significant and self.closing is None:
            rule = self.spec.auto_shutdown
            if rule == "any_significant" or (rule == "all_significant" and not self._working):
                self.close(self._given_up or Shutdown())

    def _on_failure_of(self, child: Child, reason: ExitReason) -> None:
        now = self.dispatcher.clock.now()
        exceeded, escalates = self._restarter.judge(child, reason, now, len(self.children))
        self._arm_breaker(now)
        if exceeded is None:
            self._caretaker.back_off(child)
            self._siblings.restart_with(child)
        elif escalates:
            self._finish(child, exceeded)
            self.close(exceeded)
        else:
            if child.spec.significant:
                self._given_up = self._given_up or exceeded
            self._on_work_done(child, exceeded)

    def _arm_breaker(self, now: float) -> None:
        until = self._restarter.paused_until
        if until is not None and until > now and until != self._paused_until:
            self._paused_until = until
            self.call_later(until - now, BreakerOver())

    def _finish(self, child: Child, reason: ExitReason) -> None:
        self._working.discard(child.spec.id)
        now = self.dispatcher.clock.now()
        self._restarter.ended(child.spec.id, now, well=not reason.abnormal)
        child.finish(reason)
        if child.spec.restart == "temporary" or isinstance(self.spec, DynamicSupervisor):
            self.forget(child)

    def close(self, reason: ExitReason) -> None:
        """Stop all children, and end for that reason."""
        if self.closing is not None:
            return
        self.closing = reason
        for child in reversed(list(self.children.values())):
            if not child.alive:
                self._finish(child, Shutdown())
            elif not self._siblings.in_order and child.state != "stopping":
                self._caretaker.stop(child)
        self._siblings.close()

    def _advance(self) -> None:
        if self.closing is not None:
            self._siblings.go_on(self._caretaker.stop, None)
            if self._alive == 0:
                self._on_closed(self.closing)
            return
        self._siblings.go_on(self._caretaker.stop, self._begin)
        if not self._siblings.sweeping and not self._opened.done():
            self._opened.set(None)
        self._start_those_due()

    def _start_those_due(self) -> None:
        queue, now = self._restarter.queue, self.dispatcher.clock.now()
        while (child := queue.take(now)) is not None:
            self._begin(self.children[child])

    def _on_closed(self, reason: ExitReason) -> None:
        self.leave(reason)
        self._fail_opening(reason.exception if isinstance(reason, StartFailed) else None)

    def _fail_opening(self, error: BaseException | None) -> None:
        if not self._opened.done():
            text = f"{self.actor_ref} ended before its children had started"
            error = error or pykka.ActorDeadError(text)
            self._opened.set_exception((type(error), error, None))

    def on_stop_request(self, reason: ExitReason) -> bool:
        """Stop the children first."""
        self.close(reason)
        self._advance()
        return True

    def on_stop(self) -> Future[None] | None:  # type: ignore[override]
        """End with the children that are left: none, unless it was killed or has crashed."""
        self._fail_opening(None)
        return leave_all(list(self.children.values()), self.actor_ref)

    def on_failure(  # type: ignore[override]
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Future[None] | None:
        """Whatever went wrong here, leave no child behind."""
        return self.on_stop()

    def __repr__(self) -> str:
        state = "closing" if self.closing is not None else "open"
        return f"<Supervisor {self.spec.name} {state}: {self._alive} of {len(self.children)} alive>"
