"""The RunSupervisor actor: one run, from its queue to its verdict."""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from types import TracebackType

from actorch.actors import (
    Actor,
    AgentResult,
    AgentRow,
    AgentSpec,
    AgentState,
    CancelledError,
    Crashed,
    StartFailed,
    Terminated,
)
from actorch.actors._agent import Agent
from actorch.actors._context import RunContext
from actorch.actors._deliver import deliver
from actorch.actors._logs import log_about
from actorch.actors._messages import (
    AgentEnded,
    AgentReady,
    PutAgents,
    PutRun,
    SendInput,
    SlotFreed,
    StartAgent,
    StopAgent,
    StopReason,
)
from actorch.actors._records import agent_record

from ._board import RunBoard, crashed_result
from ._messages import DeadlineReached, RunRecorded, StopRun
from ._rows import run_record, run_row, settled_row
from ._verdict import Standing, Verdict, standing, verdict_of

__all__ = ["RunSupervisor"]

_log = logging.getLogger("actorch.run")


class RunSupervisor(Actor):
    """Grants slots to its agents in the order of the queue, and decides when the run is over.

    Args:
        board: what is known of the run; this actor writes to it.
        run: what the agents share.
    """

    mailbox_capacity = 0  # the agents bound it: each has few messages under way

    def __init__(self, board: RunBoard, run: RunContext) -> None:
        super().__init__()
        self._board = board
        self._run = run
        self._spec = board.spec
        self._waiting: deque[tuple[int, AgentSpec]] = deque(enumerate(board.spec.agents))
        self._positions = {spec.name: i for i, spec in enumerate(board.spec.agents)}
        self._ready: deque[str] = deque()
        self._preparing: set[str] = set()
        self._slots: set[str] = set()
        self._stopped: StopReason | None = None
        self._error: str | None = None
        self._early_stops: list[StopRun] = []
        self._recorded = False
        self._over = False
        self._early_inputs: list[SendInput] = []

    def on_start(self) -> None:
        """Have the run and its agents recorded before anything starts."""
        records = [
            agent_record(self._run.run_id, position, spec, self._run.cwd)
            for position, spec in enumerate(self._spec.agents)
        ]
        told = partial(deliver, self.actor_ref, RunRecorded())
        first = run_record(self._board, self._run.owner, self.dispatcher.clock, None, None)
        self._run.recorder.write(first, *records, then=told)

    def on_receive(self, message: object) -> None:
        """Handle one message, then start what there is room for, or finish."""
        match message:
            case AgentReady():
                self._preparing.discard(message.agent)
                self._ready.append(message.agent)
            case SlotFreed():
                self._slots.discard(message.agent)
            case AgentEnded():
                self._on_ended(message.result)
            case RunRecorded():
                self._on_recorded()
            case StopRun():
                self._on_stop_request(message)
            case SendInput():
                self._on_input(message)
            case DeadlineReached():
                self._stop_all(StopReason.DEADLINE)
            case Terminated():
                self._on_terminated(message)
            case _:
                super().on_receive(message)
        self._fill()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The same as at any end."""
        self.on_stop()

    def on_stop(self) -> None:
        """Nobody will come whom these could be handed on to."""
        for message in self._early_inputs:
            message.told(False)

    def _on_stop_request(self, message: StopRun) -> None:
        self._error = self._error or message.error
        if not self._recorded:  # the run's start is announced before its agents' ends
            self._early_stops.append(message)
        elif message.agents:
            self._stop_some(message)
        else:
            self._stop_all(message.reason, message.kill)

    def _on_recorded(self) -> None:
        self._recorded = True
        now = self.dispatcher.clock.now()
        rows = tuple(
            AgentRow(
                run_id=self._run.run_id,
                name=spec.name,
                state=AgentState.PENDING,
                max_attempts=spec.retry.max_attempts,
                since=now,
            )
            for spec in self._spec.agents
        )
        deliver(self._run.registry, PutRun(run_row(self._board, self.dispatcher.clock), rows))
        if self._spec.deadline is not None:
            passed = self.dispatcher.clock.now() - self._board.started
            self.call_later(self._spec.deadline - passed, DeadlineReached())
        for stop in self._early_stops:
            self._on_stop_request(stop)

    def _fill(self) -> None:
        if not self._recorded or self._over:
            return
        limit = self._spec.max_concurrent
        while self._waiting and len(self._preparing) + len(self._ready) < limit:
            self._prepare(*self._waiting.popleft())
        while self._ready and len(self._slots) < limit:
            name = self._ready.popleft()
            if name in self._board.agents and name not in self._board.results:
                self._slots.add(name)
                deliver(self._board.agents[name], StartAgent())
        if len(self._board.results) == len(self._spec.agents) and not self._slots:
            self._conclude()

    def _prepare(self, position: int, spec: AgentSpec) -> None:
        self._preparing.add(spec.name)
        ref = self.dispatcher.spawn(Agent, spec, position, self._run, self.actor_ref)
        self._board.agents[spec.name] = ref
        self._board.begun.add(spec.name)
        self.watch(ref)
        self._hand_on_early_inputs()

    def _hand_on_early_inputs(self) -> None:
        waiting, self._early_inputs = self._early_inputs, []
        for message in waiting:
            self._on_input(message)

    def _on_input(self, message: SendInput) -> None:
        """Hand it on; keep it for an agent that is yet to come."""
        ref = self._board.agents.get(message.agent)
        if ref is None and message.agent not in self._board.results and self._stopped is None:
            self._early_inputs.append(message)
        elif ref is None or not deliver(ref, message):
            message.told(False)

    def _on_ended(self, result: AgentResult) -> None:
        self._preparing.discard(result.name)
        self._slots.discard(result.name)
        self._board.put(result)
        self._hand_on_early_inputs()  # what waited for that one, if it never ran, is refused
        if self._stopped is not None:
            return
        if self._spec.fail_fast and not result.ok and result.state is not AgentState.CANCELLED:
            self._stop_all(StopReason.FAIL_FAST)
        elif self._spec.on_impossible == "stop":
            unfinished = len(self._spec.agents) - len(self._board.results)
            now = standing(self._board.required, self._board.succeeded, unfinished)
            if now is Standing.IMPOSSIBLE and unfinished:
                self._stop_all(StopReason.IMPOSSIBLE)

    def _stop_all(self, reason: StopReason, kill: bool = False) -> None:
        self._stopped = self._stopped or reason
        for position, spec in self._waiting:
            self._cancel(position, spec, reason)
        self._waiting.clear()
        for name, ref in self._board.agents.items():
            if name not in self._board.results:
                deliver(ref, StopAgent(reason, kill))

    def _stop_some(self, message: StopRun) -> None:
        for position, spec in list(self._waiting):
            if spec.name in message.agents:
                self._waiting.remove((position, spec))
                self._cancel(position, spec, message.reason)
        for name in message.agents:
            if name in self._board.agents and name not in self._board.results:
                deliver(self._board.agents[name], StopAgent(message.reason, message.kill))

    def _cancel(self, position: int, spec: AgentSpec, reason: StopReason) -> None:
        error = CancelledError(spec.name, reason.value)
        result = AgentResult(name=spec.name, state=AgentState.CANCELLED, error=error)
        self._settle(position, spec, result)

    def _settle(self, position: int, spec: AgentSpec, result: AgentResult) -> None:
        """Record and show the end of an agent that has no actor to do it."""
        clock, run = self.dispatcher.clock, self._run
        row = settled_row(self._board, spec, result, clock.now())
        record = agent_record(run.run_id, position, spec, run.cwd, result, clock.time())
        run.recorder.write(record, then=partial(self._tell_settled, row, result))

    def _tell_settled(self, row: AgentRow, result: AgentResult) -> None:
        deliver(self._run.registry, PutAgents((row,)))
        deliver(self.actor_ref, AgentEnded(result))

    def _on_terminated(self, message: Terminated) -> None:
        name = next((n for n, ref in self._board.agents.items() if ref == message.ref), None)
        if name is None:
            return
        del self._board.agents[name]
        if name in self._board.results:
            return
        why = message.reason
        cause = repr(why.exception) if isinstance(why, Crashed | StartFailed) else repr(why)
        self._slots.discard(name)
        self._preparing.discard(name)
        position = self._positions[name]
        result = crashed_result(name, f"its actor crashed: {cause}")
        self._settle(position, self._spec.agents[position], result)

    def _conclude(self) -> None:
        self._over = True
        board, total = self._board, len(self._spec.agents)
        verdict = verdict_of(board.required, board.succeeded, total, self._stopped)
        record = run_record(board, self._run.owner, self.dispatcher.clock, verdict, self._error)
        self._run.recorder.write(record, then=partial(self._tell_verdict, verdict))

    def _tell_verdict(self, verdict: Verdict) -> None:
        result = self._board.result(verdict, self._error)
        deliver(self._run.registry, PutRun(run_row(self._board, self.dispatcher.clock, verdict)))
        self.stop()
        self._board.future.set(result)
        text = f"run {self._run.run_id}: {verdict.value}"
        log_about(_log, logging.INFO, text, run=self._run.run_id)

    def __repr__(self) -> str:
        return f"<RunSupervisor {self._board!r}, {len(self._slots)} running>"
