"""The Agent actor: it owns one OS process at a time, one attempt at a time."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Final

import pykka

from ._actor import Actor
from ._context import RunContext
from ._deliver import deliver
from ._errors import AgentError, CancelledError
from ._inputs import Inputs
from ._launch import follow, launch, new_attempt
from ._limits import MEMORY_LOOK, seconds_left
from ._messages import (
    AgentEnded,
    AgentReady,
    BackoffOver,
    LimitReached,
    ProcessReport,
    PutAgents,
    Recorded,
    SendInput,
    SlotFreed,
    StartAgent,
    StopAgent,
    StopReason,
    StopStepOver,
)
from ._outcome import Outcome, outcome_of
from ._process_events import Ended, Lost, ProcessEvent, Spawned, SpawnFailed, Survivor
from ._reasons import Terminated
from ._records import agent_record
from ._ref import ActorRef
from ._results import AgentResult, AttemptResult
from ._retries import Retries
from ._spec import AgentSpec
from ._states import AgentEvent, AgentState, next_state
from ._steps import take_step
from ._table import AgentRow

__all__ = ["Agent"]

AT_ONCE: Final = (StopReason.MEMORY, StopReason.OUTPUT)
"""What is no reason to be polite: it would only take more."""


class Agent(Actor):
    """Runs one `AgentSpec` to its end, in as many attempts as its retry policy allows.

    It reports to its supervisor (`AgentReady`, `SlotFreed`, `AgentEnded`) and to the registry. If
    the supervisor dies, it kills its process tree and ends.

    Args:
        spec: what to run.
        position: its place in the fleet.
        run: what it shares with the other agents.
        supervisor: who grants slots and hears of the end.
    """

    mailbox_capacity = 0  # one slice of its supervisor may bring any number of words to pass on

    def __init__(
        self, spec: AgentSpec, position: int, run: RunContext, supervisor: ActorRef[Actor]
    ) -> None:
        super().__init__()
        self._spec = spec
        self._position = position
        self._run = run
        self._supervisor = supervisor
        self._state = AgentState.PENDING
        self._since = self.dispatcher.clock.now()
        self._started: float | None = None
        self._results: list[AttemptResult] = []
        self._inputs = Inputs()
        self._stopped: StopReason | None = None
        self._retries = Retries(spec, run.seed)
        self._confinement = run.machine.confine(spec)
        self._attempt = new_attempt(spec, run, 1, self._confinement)

    def on_start(self) -> None:
        """Have the first attempt's row written."""
        self.watch(self._supervisor)
        self._write_attempt()

    def on_receive(self, message: object) -> None:
        """Handle one message; those about an earlier attempt are dropped."""
        if getattr(message, "attempt", self._attempt.number) != self._attempt.number:
            return
        match message:
            case ProcessReport():
                self._on_process(message.event)
            case StartAgent():
                self._on_start()
            case Recorded() | BackoffOver():
                self._ask_for_slot(message)
            case StopAgent():
                self._on_stop_request(message.reason, message.kill)
            case LimitReached():
                self._on_limit(message.reason)
            case SendInput():
                self._inputs.send(message)
            case StopStepOver():
                self._run_stop_step(message.step)
            case Terminated():
                self._on_stop_request(StopReason.CRASHED, kill=True)
            case _:
                super().on_receive(message)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Whatever went wrong here, leave no process behind."""
        if (process := self._attempt.process) is not None:
            process.kill()
        self._run.growth.end(self._attempt.output)
        self.on_stop()

    def on_stop(self) -> None:
        """Hold nothing."""
        self._inputs.close()
        self._attempt.close_streams()

    def _write_attempt(self) -> None:
        told = partial(deliver, self.actor_ref, Recorded(self._attempt.number))
        self._run.recorder.write(self._attempt.record(AgentState.QUEUED), then=told)

    def _ask_for_slot(self, message: Recorded | BackoffOver) -> None:
        self._attempt.recorded |= isinstance(message, Recorded)
        self._attempt.due |= isinstance(message, BackoffOver)
        if self._attempt.recorded and self._attempt.due:
            self._move(AgentEvent.QUEUE)
            deliver(self._supervisor, AgentReady(self._spec.name, self._attempt.number))

    def _on_start(self) -> None:
        attempt = self._attempt
        if self._state is not AgentState.QUEUED:
            return
        attempt.begin(self.dispatcher.clock)
        if self._started is None:
            self._started = attempt.begun
        self._move(AgentEvent.START)
        follow(self._spec, self._run, attempt, self.actor_ref)
        self._arm(self._spec.timeout, LimitReached(attempt.number, StopReason.TIMEOUT))
        self._arm(self._spec.idle_timeout, LimitReached(attempt.number, StopReason.IDLE))
        try:
            group = self._run.machine.group_order(self._spec, self._confinement)
            args = self._spec, self._run, attempt, group, self.actor_ref, self.dispatcher
            attempt.process = launch(*args)
            self._inputs.begin(attempt.input)
        except OSError as error:
            event = SpawnFailed("files", error.errno or 0, str(error.filename or ""))
            self._on_process(event)

    def _arm(self, delay: float | None, message: object) -> None:
        if delay is not None:
            self._attempt.keep(self.call_later(delay, message))

    def _on_process(self, event: ProcessEvent) -> None:
        if isinstance(event, Spawned):
            self._attempt.up(event)
            if self._confinement.watched:
                self._arm(MEMORY_LOOK, LimitReached(self._attempt.number, StopReason.MEMORY))
            self._move(AgentEvent.UP)
            self._run.recorder.write(self._attempt.record(self._state))
            if self._run.on_up is not None:
                self._run.on_up()
        else:
            self._on_last(event)

    def _on_last(self, event: SpawnFailed | Ended | Lost) -> None:
        """Its process has ended; it is told again once all it has printed is in its files."""
        again = ProcessReport(self._attempt.number, event)
        if self._attempt.finish(partial(deliver, self.actor_ref, again)):
            self._on_end(event)

    def _on_limit(self, reason: StopReason) -> None:
        if self._attempt.stopped is not None or self._attempt.over:
            return
        left = seconds_left(self._spec, self._attempt, reason, self.dispatcher.clock)
        if left is None:
            self._begin_stop(reason, kill=reason in AT_ONCE)
        else:
            self._arm(left, LimitReached(self._attempt.number, reason))

    def _on_stop_request(self, reason: StopReason, kill: bool) -> None:
        self._stopped = self._stopped or reason
        if self._attempt.over:
            return
        if self._attempt.process is not None:
            self._begin_stop(reason, kill)
        elif not self._state.final:
            error = CancelledError(self._spec.name, reason.value)
            self._conclude(AgentEvent.CANCEL, error)

    def _begin_stop(self, reason: StopReason, kill: bool) -> None:
        first = self._attempt.stopped is None
        self._attempt.stopped = self._attempt.stopped or reason
        if first:
            self._move(AgentEvent.STOP, self._attempt.stopped.value)
        if kill:
            self._run_stop_step(len(self._spec.stop.steps))
        elif first:
            self._run_stop_step(0)

    def _run_stop_step(self, number: int) -> None:
        attempt = self._attempt
        if attempt.process is None or attempt.over:
            return
        wait = take_step(self._spec.stop, number, attempt.process)
        if wait is None:
            left = Survivor(attempt.pid or 0, "may live: its shim does not answer")
            self._on_last(Lost("its shim does not answer", 0, (left,)))
        else:
            self._arm(wait, StopStepOver(attempt.number, number + 1))

    def _on_end(self, event: SpawnFailed | Ended | Lost) -> None:
        if self._state.final or self._attempt.begun is None:
            return
        attempt, begun = self._attempt, self._attempt.begun
        attempt.process = None
        attempt.cancel_timers()
        self._inputs.pause()
        attempt.close_streams()
        printed = attempt.printed(self._spec, event, self._run.directory)
        self._run.growth.end(attempt.output)
        outcome = outcome_of(self._spec, event, attempt.stopped, printed)
        backoff = None if self._stopped else self._retries.delay(outcome, attempt.number)
        result = attempt.result(outcome, self.dispatcher.clock.now() - begun, backoff)
        self._results.append(result)
        attempt.log(outcome)
        self._run.recorder.write(attempt.final_record(result))
        deliver(self._supervisor, SlotFreed(self._spec.name, attempt.number))
        if backoff is None:
            self._conclude(outcome.event, outcome.error)
        else:
            self._retry(backoff, outcome)

    def _retry(self, backoff: float, outcome: Outcome) -> None:
        number = self._attempt.number + 1
        self._attempt = new_attempt(self._spec, self._run, number, self._confinement)
        self._attempt.due = False
        now = self.dispatcher.clock.now()
        detail = outcome.error.message if outcome.error else ""
        self._move(AgentEvent.RETRY, detail, retry_at=now + backoff)
        self._write_attempt()
        self.call_later(backoff, BackoffOver(self._attempt.number))

    def _conclude(self, event: AgentEvent, error: AgentError | None) -> None:
        clock, run = self.dispatcher.clock, self._run
        self._state = next_state(self._state, event)
        self._since = clock.now()
        result = AgentResult(
            name=self._spec.name,
            state=self._state,
            attempts=tuple(self._results),
            error=error,
            duration=0.0 if self._started is None else self._since - self._started,
        )
        if self._attempt.begun is None:
            run.recorder.write(self._attempt.record(self._state))
        row = self._row(result.note, finished=self._since)
        record = agent_record(run.run_id, self._position, self._spec, run.cwd, result, clock.time())
        run.recorder.write(record, then=partial(self._tell_end, row, result))

    def _tell_end(self, row: AgentRow, result: AgentResult) -> None:
        deliver(self._run.registry, PutAgents((row,)))
        deliver(self._supervisor, AgentEnded(result))
        with suppress(pykka.ActorDeadError):
            self.stop()

    def _move(self, event: AgentEvent, detail: str = "", retry_at: float | None = None) -> None:
        state = next_state(self._state, event)
        if state is self._state:
            return
        self._state, self._since = state, self.dispatcher.clock.now()
        deliver(self._run.registry, PutAgents((self._row(detail, retry_at=retry_at),)))

    def _row(
        self, detail: str, *, finished: float | None = None, retry_at: float | None = None
    ) -> AgentRow:
        return self._attempt.row(
            state=self._state,
            max_attempts=self._spec.retry.max_attempts,
            since=self._since,
            started=self._started,
            finished=finished,
            retry_at=retry_at,
            detail=detail,
        )

    def __repr__(self) -> str:
        return f"<Agent {self._spec.name} {self._state.value} attempt {self._attempt.number}>"
