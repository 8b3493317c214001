"""What those who hold a supervisor's ref may have it do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pykka

from actorch.actors import ChildError, SpecError, TooManyChildrenError
from actorch.actors._shown import one_line

from ._child_info import ChildCounts
from ._tree_child import Child
from ._tree_messages import (
    CountChildren,
    DeleteChild,
    Order,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)

if TYPE_CHECKING:
    from ._supervisor import SupervisorActor

__all__ = ["Orders"]


class Orders:
    """Carries orders out, for one supervisor. What cannot be done is told to who wanted it.

    Args:
        supervisor: the actor.
    """

    def __init__(self, supervisor: SupervisorActor) -> None:
        self._supervisor = supervisor

    def handle(self, order: Order) -> None:
        """Do it, or say why not."""
        try:
            self._do(order)
        except (ChildError, SpecError, TooManyChildrenError, pykka.ActorDeadError) as error:
            order.fail(error)
        except BaseException as error:  # such as that of a dispatcher that has been closed
            order.fail(error)
            raise

    def _do(self, order: Order) -> None:
        match order:
            case StartChild():
                self._start(order)
            case TerminateChild():
                self._terminate(order)
            case RestartChild():
                self._restart(order)
            case DeleteChild():
                self._supervisor.forget(self._ended(order.child))
                order.future.set(None)
            case WhichChildren():
                now = self._supervisor.dispatcher.clock.now()
                order.future.set(tuple(one.info(now) for one in self._children()))
            case CountChildren():
                order.future.set(self._counts())
            case _:
                raise AssertionError(order)

    def _children(self) -> list[Child]:
        return list(self._supervisor.children.values())

    def _start(self, order: StartChild) -> None:
        supervisor, spec = self._supervisor, order.spec
        self._refuse_if_closing()
        supervisor.spec.check_child(spec)
        if spec.id in supervisor.children:
            state = supervisor.children[spec.id].state
            raise ChildError(f"{self._name(spec.id)} is there already: it is {state}")
        most = supervisor.spec.max_children
        if most is not None and len(supervisor.children) >= most:
            raise TooManyChildrenError(
                f"{supervisor.actor_ref} has {most} children, and may not have more"
            )
        child = supervisor.take_in(spec, "start_child")
        child.starters += (order,)

    def _terminate(self, order: TerminateChild) -> None:
        child = self._child(order.child)
        if child.state == "ended":
            order.future.set(child.last_exit)
            return
        child.enders += (order,)
        self._supervisor.end(child)

    def _restart(self, order: RestartChild) -> None:
        self._refuse_if_closing()
        child = self._ended(order.child)
        child.starters += (order,)
        self._supervisor.want(child, "restart_child")

    def _counts(self) -> ChildCounts:
        children = self._children()
        supervisors = sum(child.kind == "supervisor" for child in children)
        return ChildCounts(
            specs=len(children),
            active=sum(child.alive for child in children),
            supervisors=supervisors,
            workers=len(children) - supervisors,
        )

    def _child(self, child: str) -> Child:
        found = self._supervisor.children.get(child)
        if found is None:
            raise ChildError(f"{self._name(child)} is not there")
        return found

    def _ended(self, child: str) -> Child:
        found = self._child(child)
        if found.state != "ended":
            raise ChildError(f"{self._name(child)} is {found.state}: terminate it first")
        return found

    def _name(self, child: str) -> str:
        return f"the child {one_line(child, 200)!r} of {self._supervisor.spec.name!r}"

    def _refuse_if_closing(self) -> None:
        if self._supervisor.closing is not None:
            raise pykka.ActorDeadError(f"{self._supervisor.actor_ref} is about to end")
