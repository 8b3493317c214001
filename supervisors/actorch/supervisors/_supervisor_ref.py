"""What others hold of a supervisor."""

from __future__ import annotations

from typing import Any, Literal, overload

import pykka

from actorch.actors import ActorRef, ChildError, ExitReason, Future
from actorch.actors._here import refuse_to_block
from actorch.actors._shown import one_line

from ._agent_child import AgentChild, CurrentRun
from ._child import ChildSpec
from ._child_info import ChildCounts, ChildInfo
from ._handle import Run
from ._tree_messages import (
    CountChildren,
    DeleteChild,
    Order,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)

__all__ = ["SupervisorRef"]


class SupervisorRef(ActorRef[Any]):
    """A ref that manages children. Each order waits for its outcome, unless ``block=False``.

    With ``block=False``, an order returns a `Future`, which asyncio may await. On a thread that
    must not be blocked, waiting raises `WouldBlockError`.
    """

    @overload
    def start_child(
        self, spec: ChildSpec, *, block: Literal[True] = True, timeout: float | None = 30.0
    ) -> ActorRef[Any]: ...

    @overload
    def start_child(
        self, spec: ChildSpec, *, block: Literal[False], timeout: float | None = 30.0
    ) -> Future[ActorRef[Any]]: ...

    def start_child(
        self, spec: ChildSpec, *, block: bool = True, timeout: float | None = 30.0
    ) -> ActorRef[Any] | Future[ActorRef[Any]]:
        """Take in a child, after all others, and start it.

        Args:
            spec: the child.
            block: whether to wait here until it has started.
            timeout: real seconds to wait at most if blocking; None to wait for ever.

        Returns:
            its ref, which stays the same over restarts.

        Raises:
            ChildStartError: it did not start. It is not kept.
            ChildError: there is a child of that id.
            SpecError: it may not be here.
            TooManyChildrenError: there are `max_children`.
            ActorDeadError: the supervisor has ended, or is about to.
            pykka.Timeout: it did not start in time; it still may.
        """
        answer: ActorRef[Any] | Future[ActorRef[Any]]
        answer = self._order(StartChild(spec), block, timeout)
        return answer

    @overload
    def terminate_child(
        self, child: str, *, block: Literal[True] = True, timeout: float | None = 30.0
    ) -> ExitReason | None: ...

    @overload
    def terminate_child(
        self, child: str, *, block: Literal[False], timeout: float | None = 30.0
    ) -> Future[ExitReason | None]: ...

    def terminate_child(
        self, child: str, *, block: bool = True, timeout: float | None = 30.0
    ) -> ExitReason | Future[ExitReason | None] | None:
        """Stop a child for good, by its shutdown rule. Idempotent; no restart, and none is counted.

        Its spec is kept, for `restart_child`, unless it is temporary or of a `DynamicSupervisor`.

        Args:
            child: its id.
            block: whether to wait here until it has ended and cleaned up.
            timeout: real seconds to wait at most if blocking; None to wait for ever.

        Returns:
            why it ended.

        Raises:
            ChildError: there is no such child.
            ActorDeadError: the supervisor has ended.
            pykka.Timeout: it has not ended in time; it still will.
        """
        answer: ExitReason | Future[ExitReason | None] | None
        answer = self._order(TerminateChild(child), block, timeout)
        return answer

    @overload
    def restart_child(
        self, child: str, *, block: Literal[True] = True, timeout: float | None = 30.0
    ) -> ActorRef[Any]: ...

    @overload
    def restart_child(
        self, child: str, *, block: Literal[False], timeout: float | None = 30.0
    ) -> Future[ActorRef[Any]]: ...

    def restart_child(
        self, child: str, *, block: bool = True, timeout: float | None = 30.0
    ) -> ActorRef[Any] | Future[ActorRef[Any]]:
        """Start a child that has ended for good.

        Args:
            child: its id.
            block: whether to wait here until it has started.
            timeout: real seconds to wait at most if blocking; None to wait for ever.

        Returns:
            a new ref: the old one has had its `Terminated`.

        Raises:
            ChildError: there is no such child, or it has not ended.
            ChildStartError: it did not start. Its spec is kept.
            ActorDeadError: the supervisor has ended, or is about to.
            pykka.Timeout: it did not start in time; it still may.
        """
        answer: ActorRef[Any] | Future[ActorRef[Any]]
        answer = self._order(RestartChild(child), block, timeout)
        return answer

    @overload
    def delete_child(
        self, child: str, *, block: Literal[True] = True, timeout: float | None = 30.0
    ) -> None: ...

    @overload
    def delete_child(
        self, child: str, *, block: Literal[False], timeout: float | None = 30.0
    ) -> Future[None]: ...

    def delete_child(
        self, child: str, *, block: bool = True, timeout: float | None = 30.0
    ) -> Future[None] | None:
        """Forget a child that has ended for good.

        Args:
            child: its id.
            block: whether to wait here until that is done.
            timeout: real seconds to wait at most if blocking; None to wait for ever.

        Raises:
            ChildError: there is no such child, or it has not ended.
            ActorDeadError: the supervisor has ended.
        """
        answer: Future[None] | None = self._order(DeleteChild(child), block, timeout)
        return answer

    @overload
    def which_children(
        self, *, block: Literal[True] = True, timeout: float | None = 30.0
    ) -> tuple[ChildInfo, ...]: ...

    @overload
    def which_children(
        self, *, block: Literal[False], timeout: float | None = 30.0
    ) -> Future[tuple[ChildInfo, ...]]: ...

    def which_children(
        self, *, block: bool = True, timeout: float | None = 30.0
    ) -> tuple[ChildInfo, ...] | Future[tuple[ChildInfo, ...]]:
        """All children as they are now, in the order of their start.

        Args:
            block: whether to wait here for the answer.
            timeout: real seconds to wait at most if blocking; None to wait for ever.

        Raises:
            ActorDeadError: the supervisor has ended.
        """
        answer: tuple[ChildInfo, ...] | Future[tuple[ChildInfo, ...]]
        answer = self._order(WhichChildren(), block, timeout)
        return answer

    @overload
    def count_children(
        self, *, block: Literal[True] = True, timeout: float | None = 30.0
    ) -> ChildCounts: ...

    @overload
    def count_children(
        self, *, block: Literal[False], timeout: float | None = 30.0
    ) -> Future[ChildCounts]: ...

    def count_children(
        self, *, block: bool = True, timeout: float | None = 30.0
    ) -> ChildCounts | Future[ChildCounts]:
        """How many children there are.

        Args:
            block: whether to wait here for the answer.
            timeout: real seconds to wait at most if blocking; None to wait for ever.

        Raises:
            ActorDeadError: the supervisor has ended.
        """
        answer: ChildCounts | Future[ChildCounts]
        answer = self._order(CountChildren(), block, timeout)
        return answer

    def child(self, child: str) -> ActorRef[Any]:
        """The ref of a child, which stays the same over restarts.

        Raises:
            ChildError: there is no such child, or it has ended for good.
        """
        for info in self.which_children():
            if info.id == child and info.ref is not None:
                return info.ref
        raise ChildError(f"{self} has no child {one_line(child, 200)!r} that has not ended")

    def run_of(self, child: str) -> Run:
        """The run of the agent that is this child: its lines, its events, its result so far.

        Raises:
            ChildError: there is no such child, it has ended for good, or it is no agent.
        """
        ref = self.child(child)
        is_agent = issubclass(ref.actor_class, AgentChild)  # others may choke on the question
        run = ref.ask(CurrentRun(), block=True) if is_agent else None
        if not isinstance(run, Run):
            raise ChildError(f"the child {one_line(child, 200)!r} of {self} is no agent")
        return run

    def ended(self) -> Future[ExitReason]:
        """A future of why it ended, done once all of its children and their cleanup are done."""
        future = Future[ExitReason]()
        self.cell.when_ended(future, future.set)
        return future

    def wait(self, timeout: float | None = None) -> ExitReason:
        """Block until it has ended, as `auto_shutdown` brings about, or a budget that is exceeded.

        Args:
            timeout: real seconds to wait at most; None to wait for ever.

        Raises:
            pykka.Timeout: it has not ended in time.
            WouldBlockError: on a thread that must not be blocked; await `ended` there.
        """
        refuse_to_block(f"waiting for {self}")
        return self.ended().get(timeout=timeout)

    def _order(self, order: Order, block: bool, timeout: float | None) -> Any:
        if block:
            refuse_to_block(f"{type(order).__name__} of {self}")
        try:
            self._mailbox.admit(order)
        except pykka.ActorDeadError as error:
            order.fail(error)
        return order.future.get(timeout=timeout) if block else order.future
