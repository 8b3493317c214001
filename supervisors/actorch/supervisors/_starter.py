"""How the incarnations of each kind of child are started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
import pykka

from actorch.actors import Actor, ActorRef, AgentSpec, Dispatcher, SpecError, StopPlan, StopStep
from actorch.actors._cell import Cell
from actorch.actors._hosted import hosted
from actorch.actors._life import Life

from ._agent_child import AgentChild, AgentRunner
from ._child import Resolved, ShutdownRule, what_to_start
from ._supervisor_spec import SupervisorSpec
from ._tree_child import Child, Guard

__all__ = ["ACTOR_GRACE", "Starter"]

ACTOR_GRACE: Final = 5.0
"""Seconds that an actor has to end, unless its spec says otherwise; OTP's, too."""

TERM: Final = 15

Begun = tuple[type[Actor], tuple[Any, ...], Mapping[str, Any]]


class Starter:
    """Begins incarnations for one supervisor.

    Args:
        dispatcher: runs the actors.
        supervisor: the supervisor's cell.
        stash: how many messages wait for a child while it is restarted.
        runner: starts the runs of agents; None where there is no `ActorSystem`.
    """

    def __init__(
        self, dispatcher: Dispatcher, supervisor: Cell, stash: int, runner: AgentRunner | None
    ) -> None:
        self._dispatcher = dispatcher
        self._supervisor = supervisor
        self._stash = stash
        self._runner = runner

    def give_life(self, child: Child) -> Life:
        """The ref and the mailbox of a child, made if it has none."""
        if child.life is None:
            child.life = Life(
                self._dispatcher,
                Guard(child.spec.id, self._supervisor),
                stash=self._stash,
                incarnation=child.incarnation,
                ref_class=_ref_class(child),
            )
        return child.life

    def begin(self, child: Child) -> None:
        """Start an incarnation. What goes wrong ends it."""
        life = self.give_life(child)
        context = child.context
        child.incarnation = context.incarnation
        try:
            actor_class, args, kwargs = self._what(child, what_to_start(child.spec, context))
        except BaseException as error:  # of the factory, which is the user's
            life.fail(error)
        else:
            life.begin(actor_class, args, kwargs)

    def _what(self, child: Child, what: Resolved) -> Begun:
        if isinstance(what, SupervisorSpec):
            from ._supervisor import SupervisorActor  # here, since it makes use of this file

            return SupervisorActor, (what, self._runner), {}
        if isinstance(what, AgentSpec):
            return self._agent(child, what)
        found, args, kwargs = what
        if issubclass(found, Actor):
            return found, args, kwargs
        return hosted(cast("type[pykka.ThreadingActor]", found)), args, kwargs

    def _agent(self, child: Child, spec: AgentSpec) -> Begun:
        if self._runner is None:
            allowed = "under ActorSystem.supervise: a dispatcher alone runs no agents"
            raise SpecError(f"child.{child.spec.id}.start", f"the agent {spec.name}", allowed)
        spec = msgspec.structs.replace(spec, stop=_stop_plan(spec, child.spec.shutdown))
        args = spec, child.spec.id, self._runner, child.spec.resume, child.keep_token
        return AgentChild, args, {}

    def patience(self, child: Child) -> float | None:
        """Seconds that a child has to end when it was asked to; None for as long as it takes."""
        rule = child.spec.shutdown
        started = child.life.ref.actor_class if child.life is not None else Actor
        if isinstance(rule, StopPlan | ShutdownRule) or issubclass(started, AgentChild):
            return None  # an agent has stop steps of its own
        if rule is None:
            return None if started.sure_to_end else ACTOR_GRACE
        return rule


def _stop_plan(spec: AgentSpec, rule: float | StopPlan | ShutdownRule | None) -> StopPlan:
    if isinstance(rule, StopPlan):
        return rule
    if rule is None or isinstance(rule, ShutdownRule):
        return spec.stop
    return StopPlan((StopStep(TERM, rule),))


def _ref_class(child: Child) -> type[ActorRef[Any]]:
    from ._supervisor_ref import SupervisorRef  # here, since it makes use of supervisors

    return SupervisorRef if child.kind == "supervisor" else ActorRef
