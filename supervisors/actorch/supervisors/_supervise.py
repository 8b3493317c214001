"""How the top of a tree is started."""

from __future__ import annotations

from typing import Literal, overload

import pykka

from actorch.actors import Dispatcher, Future
from actorch.actors._checks import check_type
from actorch.actors._here import refuse_to_block

from ._agent_child import AgentRunner
from ._supervisor import SupervisorActor
from ._supervisor_ref import SupervisorRef
from ._supervisor_spec import SupervisorSpec

__all__ = ["start_supervisor", "start_tree"]


@overload
def start_supervisor(
    dispatcher: Dispatcher,
    spec: SupervisorSpec,
    *,
    runner: AgentRunner | None = None,
    block: Literal[True] = True,
    timeout: float | None = None,
) -> SupervisorRef: ...


@overload
def start_supervisor(
    dispatcher: Dispatcher,
    spec: SupervisorSpec,
    *,
    runner: AgentRunner | None = None,
    block: Literal[False],
    timeout: float | None = None,
) -> Future[SupervisorRef]: ...


def start_supervisor(
    dispatcher: Dispatcher,
    spec: SupervisorSpec,
    *,
    runner: AgentRunner | None = None,
    block: bool = True,
    timeout: float | None = None,
) -> SupervisorRef | Future[SupervisorRef]:
    """Start a supervisor on a dispatcher alone; `ActorSystem.supervise` can run agents, too.

    Args:
        dispatcher: runs it, and its children.
        spec: a `Supervisor` or a `DynamicSupervisor`.
        runner: starts the runs of agents.
        block: whether to wait here until all of its children have started.
        timeout: real seconds to wait at most if blocking; None to wait for ever.

    Returns:
        its ref; or, without `block`, a future of it.

    Raises:
        ChildStartError: a child did not start. Those started before it were stopped.
        SpecError: `spec` is no spec of a supervisor.
        DispatcherClosedError: the dispatcher is closed.
        pykka.Timeout: they have not all started in time; they still may.
    """
    if block:
        refuse_to_block("starting a supervisor")
    _ref, future = start_tree(dispatcher, spec, runner)
    return future.get(timeout=timeout) if block else future


def start_tree(
    dispatcher: Dispatcher, spec: SupervisorSpec, runner: AgentRunner | None
) -> tuple[SupervisorRef, Future[SupervisorRef]]:
    """The ref of a supervisor that is starting, and a future of it that has started."""
    check_type("supervisor", spec, SupervisorSpec)
    opened = Future[None]()
    ref = dispatcher.spawn(SupervisorActor, spec, runner, opened)
    assert isinstance(ref, SupervisorRef)
    return ref, _ref_once_opened(ref, opened)


def _ref_once_opened(ref: SupervisorRef, opened: Future[None]) -> Future[SupervisorRef]:
    """Done once it has opened; or, if it has not, once it has ended."""
    future = Future[SupervisorRef]()

    def tell(done: Future[None]) -> None:
        try:
            done.get(timeout=0)
        except BaseException as error:
            info = (type(error), error, error.__traceback__)
            ref.cell.when_ended(future, lambda _reason: future.set_exception(info))
        else:
            ref.cell.no_longer(opened)
            future.set(ref)

    opened.add_done_callback(tell)
    ref.cell.when_ended(opened, lambda _reason: _fail_unless_opened(ref, opened))
    return future


def _fail_unless_opened(ref: SupervisorRef, opened: Future[None]) -> None:
    """It has ended. Had it begun, it would have said itself that it did not open."""
    if not opened.done():
        error = pykka.ActorDeadError(f"{ref} ended before its children had started")
        opened.set_exception((type(error), error, None))
