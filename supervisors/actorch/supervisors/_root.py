"""The RootSupervisor actor: the top of a system, above the registry, the journal and the runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Final

from actorch.actors import (
    Actor,
    ActorRef,
    AgentRow,
    Events,
    HistoryLost,
    LeftoversFound,
    Terminated,
)
from actorch.actors._agent import Agent
from actorch.actors._context import RunContext
from actorch.actors._deliver import deliver
from actorch.actors._growth import Growth
from actorch.actors._identity import own_identity
from actorch.actors._isolation import Machine
from actorch.actors._journal import Journal
from actorch.actors._leftovers import Leftover
from actorch.actors._logs import log_about
from actorch.actors._messages import PutAgents, PutRun, StopReason
from actorch.actors._processes import Processes
from actorch.actors._recorder import Recorder
from actorch.actors._records import Record, agent_record
from actorch.actors._registry import Registry

from ._board import RunBoard, crashed_result
from ._messages import HistoryFailed, SendTo, StartRun, StopRun
from ._rows import run_record, run_row, settled_row
from ._run import RunSupervisor
from ._verdict import Verdict

__all__ = ["ROOT_CRASHED", "RootSupervisor"]

_log = logging.getLogger("actorch.root")

ROOT_CRASHED: Final = "the root supervisor crashed"
PREWARMED: Final = 10
"""Shims that are forked while the run's rows are being written."""


class RootSupervisor(Actor):
    """Starts the journal and one supervisor for each run, and acts on their deaths.

    Without a journal the runs go on unrecorded. Without the registry nobody could see them, so they
    are ended. A run whose supervisor died gets a verdict as soon as its agents are gone.

    Args:
        host: starts and owns the processes.
        machine: what there is to hold them together.
        registry: owns the agent table.
        journal_path: the history file.
        events: where changes are announced.
        env: what agents' environments start from.
        on_started: called once the journal has its thread, or has none: Python gives no new one to
            a program whose main thread has ended.
    """

    mailbox_capacity = 0  # the agents bound it: each has few messages under way

    def __init__(
        self,
        host: Processes,
        machine: Machine,
        registry: ActorRef[Registry],
        journal_path: str,
        events: Events,
        env: dict[str, str],
        on_started: Callable[[], None],
    ) -> None:
        super().__init__()
        self._on_started = on_started
        self._journal_path = journal_path
        self._events = events
        self._env = env
        self._recorder = Recorder(self.dispatcher.call_soon)
        self._growth = Growth(self.dispatcher, events)
        self._host = host
        self._machine = machine
        self._owner = own_identity()
        self._registry = registry
        self._runs: dict[ActorRef[RunSupervisor], RunBoard] = {}
        self._orphans: dict[ActorRef[Agent], RunBoard] = {}
        self._history: str | None = None
        self._broken: str | None = None
        self._leftovers: LeftoversFound | None = None

    def on_start(self) -> None:
        """Start the journal."""
        told = self._recorder.committed, self._on_history_lost, self._on_leftovers
        try:
            self._journal = self.dispatcher.spawn(Journal, self._journal_path, *told)
        finally:
            self._on_started()
        self._recorder.attach(self._journal)
        self.watch(self._registry)
        self.watch(self._journal)

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case StartRun():
                self._start_run(message.board)
            case StopRun():
                self._stop_runs(message)
            case SendTo():
                self._send(message)
            case HistoryFailed():
                self._on_history_failed(message.reason)
            case Terminated():
                self._on_terminated(message)
            case _:
                return super().on_receive(message)
        return None

    def on_stop(self) -> None:
        """End the registry, and the journal, which writes what is left."""
        self._growth.close()
        self._recorder.flush()
        self._registry.stop(block=False)
        self._journal.stop(block=False)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Without a root nothing may go on: end every run, which then gives its verdict."""
        stop = StopRun(None, StopReason.CRASHED, kill=True, error=ROOT_CRASHED)
        for ref in self._runs:
            deliver(ref, stop)
        for board in set(self._orphans.values()):
            board.crash(ROOT_CRASHED)

    def _start_run(self, board: RunBoard) -> None:
        if self._broken is not None:
            board.crash(self._broken)
            return
        spec = board.spec
        self._host.prewarm(min(spec.max_concurrent, len(spec.agents), PREWARMED))
        board.history = board.history or self._history
        run = RunContext(
            run_id=board.run_id,
            directory=board.directory,
            cwd=board.cwd,
            env={
                **self._env,
                "ACTORCH_RUN_ID": board.run_id,
                **({"SPEC_ID": spec.spec_id} if spec.spec_id else {}),
                **({"STAGE": spec.stage} if spec.stage else {}),
            },
            owner=self._owner,
            seed=self.dispatcher.random.getrandbits(64),
            host=self._host,
            machine=self._machine,
            recorder=self._recorder,
            registry=self._registry,
            growth=self._growth,
            on_up=board.on_up,
        )
        ref = self.dispatcher.spawn(RunSupervisor, board, run)
        self._runs[ref] = board
        board.taken = True
        self.watch(ref)
        self._announce_leftovers()

    def _on_leftovers(self, found: list[Leftover]) -> None:
        runs = tuple(dict.fromkeys(one.attempt.run_id for one in found))
        self._leftovers = LeftoversFound(runs, len(found))
        self._announce_leftovers()

    def _announce_leftovers(self) -> None:
        """Not before there is a run: by then, whoever wants to hear of it is connected."""
        if self._leftovers is not None and self._runs:
            found, self._leftovers = self._leftovers, None
            names = ", ".join(found.runs)
            text = f"{found.processes} processes of runs that crashed are still there: {names}"
            log_about(_log, logging.WARNING, text)
            self._events.publish(found)

    def _stop_runs(self, message: StopRun) -> None:
        for ref, board in self._runs.items():
            if message.run_id in (None, board.run_id):
                deliver(ref, message)

    def _send(self, message: SendTo) -> None:
        found = [ref for ref, board in self._runs.items() if board.run_id == message.run_id]
        if not found or not deliver(found[0], message.message):
            message.message.told(False)

    def _on_history_lost(self, reason: str | None) -> None:
        deliver(self.actor_ref, HistoryFailed(reason))

    def _on_history_failed(self, reason: str | None) -> None:
        if reason is None:
            self._history = None
        elif self._history is None:
            self._history = reason
            log_about(_log, logging.WARNING, f"history is not being recorded: {reason}")
            for board in [*self._runs.values(), *self._orphans.values()]:
                board.history = board.history or reason
            self._events.publish(HistoryLost(reason))

    def _on_terminated(self, message: Terminated) -> None:
        if message.ref in self._runs:
            self._on_run_ended(message, self._runs.pop(message.ref))
        elif message.ref in self._orphans:
            self._on_orphan_ended(self._orphans.pop(message.ref))
        elif message.ref == self._journal:
            self._recorder.detach()
            if message.reason.abnormal:
                self._on_history_failed(f"the journal crashed: {message.reason!r}")
        elif message.ref == self._registry and message.reason.abnormal:
            self._broken = f"the registry crashed: {message.reason!r}"
            self._stop_runs(StopRun(None, StopReason.CRASHED, kill=True, error=self._broken))

    def _on_run_ended(self, message: Terminated, board: RunBoard) -> None:
        if not message.reason.abnormal:
            return
        board.error = f"the supervisor of the run crashed: {message.reason!r}"
        log_about(_log, logging.ERROR, board.error, run=board.run_id)
        for ref in board.agents.values():
            self._orphans[ref] = board
            self.watch(ref)
        self._on_orphan_ended(board)

    def _on_orphan_ended(self, board: RunBoard) -> None:
        """The agents of a dead supervisor end themselves; with the last one comes the verdict."""
        if board in self._orphans.values():
            return
        clock, error = self.dispatcher.clock, board.error or "its supervisor crashed"
        settled: list[AgentRow] = []
        records: list[Record] = [run_record(board, self._owner, clock, Verdict.FAILED, error)]
        for position, spec in enumerate(board.spec.agents):
            if spec.name not in board.results and spec.name not in board.begun:
                result = crashed_result(spec.name, error)
                args = board.run_id, position, spec, board.cwd, result, clock.time()
                records.append(agent_record(*args))
                settled.append(settled_row(board, spec, result, clock.now()))
        then = partial(self._tell_crash, board, tuple(settled), error)
        self._recorder.write(*records, then=then)

    def _tell_crash(self, board: RunBoard, settled: tuple[AgentRow, ...], error: str) -> None:
        deliver(self._registry, PutAgents(settled))
        deliver(self._registry, PutRun(run_row(board, self.dispatcher.clock, Verdict.FAILED)))
        board.crash(error)

    def __repr__(self) -> str:
        return f"<RootSupervisor of {len(self._runs)} runs>"
