"""ActorSystem: the front door for an app."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
import pykka

from actorch.actors import (
    ActorRef,
    AgentSpec,
    Clock,
    DeadLetter,
    Dispatcher,
    DispatcherClosedError,
    Events,
    Future,
    Snapshot,
    SpecError,
    SystemClock,
    UnsupportedPlatformError,
)
from actorch.actors._checks import check_seconds
from actorch.actors._deliver import deliver
from actorch.actors._environment import agent_environment
from actorch.actors._here import refuse_to_block
from actorch.actors._messages import TakeSnapshot
from actorch.actors._process import ProcessHost
from actorch.actors._processes import Processes
from actorch.actors._registry import Registry
from actorch.actors._table import AgentTable

from ._at_exit import call_at_exit
from ._board import RunBoard
from ._closing import Closing
from ._fleet import RunSpec
from ._handle import Run
from ._messages import StartRun
from ._places import current_directory, make_run_directory, make_state_directory
from ._root import ROOT_CRASHED, RootSupervisor
from ._sentinel import Sentinel
from ._shutdown import CoordinatedShutdown
from ._subscribers import Subscribers
from ._supervise import start_tree
from ._supervisor_ref import SupervisorRef
from ._supervisor_spec import SupervisorSpec

__all__ = ["ActorSystem"]

ASK: Final = 30.0
"""Seconds until a query is given up."""
START_BOUND: Final = 10.0
"""Seconds that the root has to start; it takes a fraction of a millisecond."""


class ActorSystem(Closing):
    """Everything that runs agents: one loop thread, a registry, a journal, a keeper of processes.

    Several may live in one process. Nothing global is touched: no signal handler, no logging
    set-up, no working directory. Use it as a context manager (``with`` or ``async with``), or call
    `close`. One that is open when the program ends is closed then.

    Example:
        with ActorSystem() as system:
            run = system.run([AgentSpec("lint", ["ruff", "check", "."])])
            result = run.wait(timeout=60)

    Args:
        name: shown in thread names.
        state_dir: where history and output are kept; default ``$ACTORCH_STATE_DIR``, then
            ``$XDG_STATE_HOME/actorch``, then ``~/.local/state/actorch``.
        clock: what time it is; a manual one in tests.
        random: where jitter comes from; a seeded one in tests.
        env: what agents' environments start from; default this process's own.
        processes: what starts agents' processes; `actorch.actors.testing.FakeProcesses` in tests.
        at_exit: seconds that agents have to stop in if the program ends while the system is open;
            then they are killed. None has the program end at once: agents then get 2 s from the
            keeper, and their rows are `interrupted`.

    Raises:
        UnsupportedPlatformError: neither Linux nor macOS.
    """

    def __init__(
        self,
        name: str = "actorch",
        *,
        state_dir: str | None = None,
        clock: Clock | None = None,
        random: random.Random | None = None,
        env: Mapping[str, str] | None = None,
        processes: Callable[[Dispatcher], Processes] | None = None,
        at_exit: float | None = 2.0,
    ) -> None:
        if sys.platform == "win32":
            raise UnsupportedPlatformError("actorch needs Linux or macOS; on Windows, use WSL")
        base = agent_environment(os.environ if env is None else env)
        if at_exit is not None:
            at_exit = check_seconds("at_exit", at_exit, zero=True)
        self.events = Events()
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._trees: list[ActorRef[Any]] = []
        self._boards: set[RunBoard] = set()
        self._state = make_state_directory(state_dir)
        self._table = AgentTable()
        self._dispatcher = Dispatcher(
            name, clock=clock, random=random, on_dead_letter=self._announce_letter
        )
        self._host = (processes or ProcessHost)(self._dispatcher)
        self._machine = self._host.machine()
        self._registry = self._dispatcher.spawn(Registry, self._table, self.events)
        self._root: ActorRef[RootSupervisor] = self._dispatcher.spawn(
            RootSupervisor,
            self._host,
            self._machine,
            self._registry,
            os.path.join(self._state.path, "history.db"),
            self.events,
            base,
            (started := threading.Event()).set,
        )
        args = self._dispatcher, self.events, self._table, self._registry
        self._subscribers = Subscribers(*args)
        self._dispatcher.spawn(Sentinel, self._root, self._on_root_ended)
        self._patience = SystemClock()
        self._closing = False
        self._shutdown = CoordinatedShutdown(self._phases())
        if at_exit is not None:
            call_at_exit(self._close_at_exit, at_exit)
        started.wait(START_BOUND)

    @property
    def clock(self) -> Clock:
        """The system's clock: the one that rows and snapshots speak of."""
        return self._dispatcher.clock

    @property
    def state_dir(self) -> str:
        """Where history and output are kept."""
        return self._state.path

    @property
    def state_problem(self) -> str | None:
        """Why `state_dir` is not the one that was asked for; None if it is."""
        return self._state.problem

    def run(self, agents: RunSpec | Iterable[AgentSpec], **options: Any) -> Run:
        """Start a run; returns at once.

        Args:
            agents: what to run, or a whole `RunSpec`.
            options: fields of `RunSpec`: ``quorum``, ``name``, ``max_concurrent``, ``deadline``, …

        Raises:
            SpecError: the specification is wrong; nothing was started.
            UsageError: the current directory was removed.
            DispatcherClosedError: the system is closed.
        """
        return self._start_run(_run_spec(agents, options))

    def supervise(self, spec: SupervisorSpec, *, timeout: float | None = None) -> SupervisorRef:
        """Start a tree of supervisors; returns once all of its children have started.

        When the system is closed, its trees are stopped first. In an asyncio task, await
        `supervise_soon`.

        Args:
            spec: a `Supervisor` or a `DynamicSupervisor`. Its agents are runs of this system: they
                are in the table, and in the history, by the ids of the children.
            timeout: real seconds to wait at most; None to wait for ever.

        Raises:
            ChildStartError: a child did not start. Those started before it were stopped.
            SpecError: `spec` is no spec of a supervisor.
            DispatcherClosedError: the system is closed.
            pykka.Timeout: they have not all started in time; they still may.
            WouldBlockError: called on the system's own thread, as from a signal's receiver, or
                where an asyncio event loop runs.
        """
        refuse_to_block("supervise")
        return self.supervise_soon(spec).get(timeout=timeout)

    def supervise_soon(self, spec: SupervisorSpec) -> Future[SupervisorRef]:
        """The same, but returns at once: a future, which asyncio may await."""
        self._refuse_in_a_fork()
        with self._lock:
            if self._closing:
                raise DispatcherClosedError("this ActorSystem is closed; make a new one")
            ref, future = start_tree(self._dispatcher, spec, self._start_run)
            self._trees.append(ref)
        ref.cell.when_ended(self, lambda _reason: self._trees.remove(ref))
        return future

    def _start_run(self, spec: RunSpec, on_up: Callable[[], object] | None = None) -> Run:
        self._refuse_in_a_fork()
        self._refuse_what_this_machine_cannot(spec)
        cwd = current_directory()
        run_id, place = make_run_directory(self._state, self.clock.time())
        board = RunBoard(run_id, spec, place.path, cwd, self.clock)
        board.history = place.problem
        board.on_up = on_up
        board.future.add_done_callback(lambda _future: self._on_run_over(board))
        with self._lock:
            if self._closing:
                raise DispatcherClosedError("this ActorSystem is closed; make a new one")
            self._boards.add(board)
            accepted = deliver(self._root, StartRun(board))
        if not accepted:
            self._boards.discard(board)
            raise DispatcherClosedError("this ActorSystem has crashed; make a new one")
        return Run(board, self._root, self._subscribers)

    def _announce_letter(self, letter: DeadLetter) -> None:
        if self.events.wants(DeadLetter):
            self._dispatcher.call_soon(self.events.publish, letter)

    def _on_run_over(self, board: RunBoard) -> None:
        self._boards.discard(board)
        self._subscribers.on_run_over(board)

    def snapshot(self) -> Snapshot:
        """The whole agent table as it is now; cheap enough for every frame of a display."""
        if self._dispatcher.in_thread():
            return self._table.snapshot(self.clock.now())
        try:
            answer: Snapshot = self._registry.ask(TakeSnapshot(), block=True, timeout=ASK)
        except pykka.ActorDeadError:
            return self._table.snapshot(self.clock.now())
        return answer

    def _on_root_ended(self) -> None:
        """Runs that no supervisor has taken on will not be taken on any more."""
        for board in list(self._boards):
            if not board.taken:
                board.crash(ROOT_CRASHED)

    def _refuse_what_this_machine_cannot(self, spec: RunSpec) -> None:
        for agent in spec.agents:
            try:
                self._machine.confine(agent)
            except SpecError as error:
                raise error.within(f"agent.{agent.name}.") from None

    def _refuse_in_a_fork(self) -> None:
        if os.getpid() != self._pid:
            raise DispatcherClosedError("this ActorSystem is the parent process's; make a new one")

    def __repr__(self) -> str:
        state = "closed" if self._shutdown.over else f"{len(self._boards)} runs"
        return f"<ActorSystem {state}, {self._state.path}>"


def _run_spec(agents: RunSpec | Iterable[AgentSpec], options: dict[str, Any]) -> RunSpec:
    if isinstance(agents, RunSpec):
        return msgspec.structs.replace(agents, **options) if options else agents
    return RunSpec(tuple(agents), **options)
