"""One attempt while it lasts: what the Agent actor has to remember of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from ._clock import Clock
from ._events import AgentOutput
from ._input import OpenInput
from ._logs import log_about
from ._messages import StopReason
from ._outcome import Outcome, Printed
from ._output import (
    OutputPaths,
    disk_is_full,
    file_size,
    newest,
    remove_empty,
    tail_lines,
)
from ._output_limit import OutputLimit
from ._process_events import Ended, Lost, Spawned, SpawnFailed
from ._processes import OwnedProcess
from ._records import AttemptRecord
from ._results import AttemptResult
from ._spec import AgentSpec
from ._states import AgentEvent, AgentState
from ._stdio import Stdio
from ._table import AgentRow
from ._timers import Timer

__all__ = ["Attempt"]

_log = logging.getLogger("actorch.agent")

_CLOCK_STEP = 1.0
"""Seconds by which the time of day may drift from the monotonic one between two looks."""

_STATE_AFTER = {
    AgentEvent.SUCCEED: AgentState.SUCCEEDED,
    AgentEvent.FAIL: AgentState.FAILED,
    AgentEvent.TIME_OUT: AgentState.TIMED_OUT,
    AgentEvent.CANCEL: AgentState.CANCELLED,
    AgentEvent.LOSE: AgentState.LOST,
}


@dataclass
class Attempt:
    """A number, the files, the process, and what it is being stopped for.

    Attributes:
        number: 1 for the first.
        output: its files, as they are announced.
        recorded: whether its row is on disk.
        due: whether its backoff is over.
        begun: monotonic seconds when its start was asked for.
        begun_at: the same moment in seconds since the epoch.
        process: set from the start until the end.
        pid: the leader's, once it runs.
        start_time: the leader's, in clock ticks since boot.
        shim: the pid of its shim, once it runs.
        brand: what its processes can be told by.
        isolation: what holds them together.
        cgroup: the directory of their cgroup, if they have one.
        stopped: why it is being ended, marked before any signal is sent.
        stdio: where its standard streams lead, from the start on.
        input: its standard input, if that stays open.
        limit: of what it may print, if there is one.
        trouble: why its output could not be written, or could not be given back.
        over: whether its process has ended; its output may still be on the way.
        timers: those that must not outlive it.
    """

    number: int
    output: AgentOutput
    brand: int
    isolation: str
    cgroup: str | None = None
    recorded: bool = False
    due: bool = True
    begun: float | None = None
    begun_at: float = 0.0
    process: OwnedProcess | None = None
    pid: int | None = None
    start_time: int | None = None
    shim: int = 0
    stopped: StopReason | None = None
    stdio: Stdio | None = None
    input: OpenInput | None = None
    limit: OutputLimit | None = None
    trouble: str = ""
    over: bool = False
    timers: list[Timer] = field(default_factory=list[Timer])
    _sizes: tuple[int, int] = (0, 0)
    _looked: float = 0.0
    _offset: float = 0.0
    _active: float = 0.0

    @property
    def paths(self) -> OutputPaths:
        """Where its output goes."""
        return OutputPaths(self.output.stdout_path, self.output.stderr_path)

    def begin(self, clock: Clock) -> None:
        """Take the time."""
        self.begun = self._looked = self._active = clock.now()
        self.begun_at = clock.time()
        self._offset = self.begun_at - self.begun

    def silence(self, clock: Clock) -> float:
        """Seconds since it last printed anything, told from the sizes and times of its files.

        The files' times are of another clock than ours, so they only place the last write between
        the last look and this one; and not even that if the clock was set, or the machine slept.
        """
        now = clock.now()
        offset = clock.time() - now
        sizes = (file_size(self.output.stdout_path), file_size(self.output.stderr_path))
        if sizes != self._sizes:
            self._sizes = sizes
            stepped = abs(offset - self._offset) > _CLOCK_STEP
            written = None if stepped else newest(self.paths.each)
            age = 0.0 if written is None else max(0.0, clock.time() - written[0])
            self._active = max(self._looked, now - age)
        self._looked, self._offset = now, offset
        return now - self._active

    def finish(self, then: Callable[[], object]) -> bool:
        """Its process has ended. Returns whether its output is complete; else `then` is called."""
        was_over, self.over = self.over, True
        return was_over or self.stdio is None or self.stdio.finish(then)

    def close_streams(self) -> None:
        """Give back what of its standard streams is still held."""
        if self.input is not None:
            self.input.close()
        if self.stdio is not None:
            self.stdio.close()

    def printed(
        self, spec: AgentSpec, event: SpawnFailed | Ended | Lost, directory: str
    ) -> Printed:
        """Cut off what is too much, remove what is empty, and say what there is.

        Args:
            spec: the agent's.
            event: the last word about its process.
            directory: of the run.
        """
        exceeded = self.limit is not None and self.limit.settle()
        if _nobody_is_left(spec, event):
            remove_empty(self.paths)
        if not isinstance(event, Ended) or event.code in spec.success_codes:
            return Printed(exceeded=exceeded, trouble=self.trouble)
        tail = "\n".join(tail_lines(self.output.stderr_path, 20))
        return Printed(tail, disk_is_full(directory), exceeded, self.trouble)

    def keep(self, timer: Timer) -> None:
        """Have it cancelled with the attempt."""
        self.timers = [one for one in self.timers if one.active] + [timer]

    def cancel_timers(self) -> None:
        """None of its timers will fire any more."""
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()

    def result(self, outcome: Outcome, duration: float, backoff: float | None) -> AttemptResult:
        """What is left of it."""
        sizes = [file_size(path) for path in self.paths.each]
        heads = self.limit.heads if self.limit else (0, 0)
        return AttemptResult(
            number=self.number,
            state=_STATE_AFTER[outcome.event],
            exit_class=outcome.exit_class,
            started=self.begun_at,
            duration=duration,
            stdout_path=self.output.stdout_path,
            stderr_path=self.output.stderr_path,
            pid=self.pid,
            exit=outcome.exit,
            error_class=outcome.error.kind if outcome.error else None,
            error=outcome.error.message if outcome.error else None,
            stdout_bytes=sizes[0] - heads[0],
            stderr_bytes=sum(sizes[1:]) - sum(heads[1:]),
            truncated=self.limit.truncated if self.limit else 0,
            backoff=backoff,
            survivors=outcome.survivors,
        )

    def log(self, outcome: Outcome) -> None:
        """Say how it ended. A failure is told by the result, so it is no warning here."""
        what = outcome.error.message if outcome.error else "succeeded"
        level = logging.WARNING if outcome.survivors else logging.INFO
        if outcome.survivors:
            what += f"; could not be ended: {', '.join(outcome.survivors)}"
        name, number = self.output.agent, self.number
        text, run = f"{name} attempt {number}: {what}", self.output.run_id
        log_about(_log, level, text, run=run, agent=name, attempt=number, pid=self.pid)

    def row(
        self,
        *,
        state: AgentState,
        max_attempts: int,
        since: float,
        started: float | None,
        finished: float | None,
        retry_at: float | None,
        detail: str,
    ) -> AgentRow:
        """The agent's row in the table while this attempt is the one to come, or goes on."""
        begun = self.begun is not None
        return AgentRow(
            run_id=self.output.run_id,
            name=self.output.agent,
            state=state,
            attempt=self.number if begun else self.number - 1,
            max_attempts=max_attempts,
            pid=self.pid if finished is None else None,
            since=since,
            started=started,
            finished=finished,
            retry_at=retry_at,
            stdout_path=self.output.stdout_path if begun else None,
            stderr_path=self.output.stderr_path if begun else None,
            detail=detail,
        )

    def up(self, event: Spawned) -> None:
        """Its process runs."""
        self.pid, self.start_time, self.shim = event.pid, event.start_time, event.shim

    def record(self, state: AgentState) -> AttemptRecord:
        """Its row while it is not over."""
        return AttemptRecord(
            run_id=self.output.run_id,
            agent=self.output.agent,
            number=self.number,
            state=state.value,
            stdout_path=self.output.stdout_path,
            stderr_path=self.output.stderr_path,
            pid=self.pid,
            start_time=self.start_time,
            started=self.begun_at or None,
            brand=self.brand,
            isolation=self.isolation,
            cgroup=self.cgroup,
        )

    def final_record(self, result: AttemptResult) -> AttemptRecord:
        """Its row when it is over."""
        end = result.exit
        return AttemptRecord(
            run_id=self.output.run_id,
            agent=self.output.agent,
            number=self.number,
            state=result.state.value,
            stdout_path=self.output.stdout_path,
            stderr_path=self.output.stderr_path,
            pid=self.pid,
            start_time=self.start_time,
            started=self.begun_at,
            finished=self.begun_at + result.duration,
            duration=result.duration,
            exit_code=end.code if end else None,
            signal=end.signal if end else None,
            error_class=result.error_class,
            error=result.error,
            user_time=end.user_time if end else None,
            system_time=end.system_time if end else None,
            max_rss=end.max_rss if end else None,
            leftovers=end.leftovers if end else None,
            killed=end.killed if end else None,
            survivors="\n".join(result.survivors) if result.survivors else None,
            stdout_bytes=result.stdout_bytes,
            stderr_bytes=result.stderr_bytes,
            truncated=result.truncated,
            brand=self.brand,
            isolation=self.isolation,
            cgroup=self.cgroup,
        )


def _nobody_is_left(spec: AgentSpec, event: SpawnFailed | Ended | Lost) -> bool:
    """Whether none of its processes might print something yet."""
    if isinstance(event, SpawnFailed):
        return True
    kept = isinstance(event, Ended) and spec.keep_descendants and event.leftovers > 0
    return not (kept or event.survivors)
