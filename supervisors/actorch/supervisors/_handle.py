"""The handle of a run, for threads and for asyncio."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Literal

import pykka

from actorch.actors import (
    AgentSpec,
    DispatcherClosedError,
    Future,
    RunEvent,
    RunTimeoutError,
    UsageError,
)
from actorch.actors._deliver import Addressee, deliver
from actorch.actors._messages import SendInput, StopReason
from actorch.actors._shown import one_line, shown

from ._board import RunBoard
from ._fleet import RunSpec
from ._inbox import EventInbox, LineInbox
from ._lines import Line, Stream, check_lines, read_events, read_lines
from ._messages import SendTo, StopRun
from ._result import RunResult
from ._subscribers import Subscribers
from ._subscription import Subscription

__all__ = ["Run"]

_REASONS = {"cancelled": StopReason.CANCELLED, "interrupted": StopReason.INTERRUPTED}


class Run:
    """A run that goes on, or is over. Made by `ActorSystem.run`; `await` it, or `wait` for it."""

    def __init__(self, board: RunBoard, root: Addressee, subscribers: Subscribers) -> None:
        self._board = board
        self._root = root
        self._subscribers = subscribers
        self._pid = os.getpid()

    @property
    def id(self) -> str:
        """Its id, unique on this machine."""
        return self._board.run_id

    @property
    def spec(self) -> RunSpec:
        """What was asked for."""
        return self._board.spec

    @property
    def directory(self) -> str:
        """Where the output files are."""
        return self._board.directory

    def wait(self, timeout: float | None = None) -> RunResult:
        """Block until the run is over.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            RunTimeoutError: the time ran out. The run goes on.
            WouldBlockError: called on the system's own thread, as from a signal's receiver.
            DispatcherClosedError: called in a forked child, where nothing ends the run.
        """
        self._refuse_in_a_fork()
        try:
            return self._board.future.get(timeout=timeout)
        except pykka.Timeout:
            so_far = self.results()
            raise RunTimeoutError(
                f"run {self.id} is not over after {timeout:g} s; it goes on",
                so_far.successes,
                so_far.failures,
            ) from None

    def __await__(self) -> Generator[Any, Any, RunResult]:
        """Wait for the end of the run without blocking the event loop."""
        return self._board.future.__await__()

    def results(self) -> RunResult:
        """What there is so far; the same as `wait()` once the run is over."""
        return self.wait() if self.done() else self._board.result()

    def done(self) -> bool:
        """Whether the run is over."""
        return self._board.future.done()

    def add_done_callback(self, callback: Callable[[], object]) -> None:
        """Call `callback` once the run is over, at once if it is; on the system's thread.

        It must not block.
        """
        self._board.future.add_done_callback(lambda _future: callback())

    def events(self) -> Subscription[RunEvent]:
        """Iterate over what happens to this run from now on, until after `RunFinished`.

        In the middle of a run it begins with a `RunStarted` that has the agents as they stand: what
        follows is all that changes from there. Of a run that is over, there is nothing to come. A
        consumer that is late finds one `AgentOutput` for each attempt, and all else that came; if
        that is more than 1000 events, several changes of one agent may have become one.

        Raises:
            DispatcherClosedError: called in a forked child, where nothing happens.
        """
        self._refuse_in_a_fork()
        inbox = EventInbox(self._board)
        return Subscription(self._subscribers, inbox, read_events(inbox))

    def lines(
        self, agent: str, *, stream: Stream = "both", attempt: int | None = None
    ) -> Subscription[Line]:
        """Iterate over what an agent has printed, and prints, until it is over.

        Lines come from its files, from the first one on, at the pace of the consumer, who may be
        as late as it likes: nothing is lost. Of two streams, each is in order, but nobody knows
        which of two lines was earlier.

        Args:
            agent: its name.
            stream: "stdout", "stderr" or "both"; what went to one file, by `merge` or a terminal,
                is "stdout".
            attempt: the number of the only attempt that matters; None follows from one to the next.

        Raises:
            UsageError: the run has no agent of that name, or there is no such stream or attempt.
            DispatcherClosedError: called in a forked child, where nothing happens.
        """
        check_lines(stream, attempt)
        spec = self._spec_of(agent)
        self._refuse_in_a_fork()
        inbox = LineInbox(self._board, spec)
        return Subscription(self._subscribers, inbox, read_lines(inbox, stream, attempt))

    def stop(self, *agents: str, reason: Literal["cancelled", "interrupted"] = "cancelled") -> None:
        """Have agents stopped politely, by their own stop steps. Returns at once. Idempotent.

        Args:
            agents: the names of those to be stopped, for good: they are not tried again, and the
                run goes on without them. Without names, the whole run is stopped.
            reason: what the verdict is when the whole run is stopped.

        Raises:
            UsageError: the run has no agent of that name.
        """
        self._tell_stop(agents, _REASONS[reason], kill=False)

    def kill(self, *agents: str) -> None:
        """Have every process of these agents killed, or of the whole run. Returns at once.

        Args:
            agents: as for `stop`.

        Raises:
            UsageError: the run has no agent of that name.
        """
        self._tell_stop(agents, StopReason.CANCELLED, kill=True)

    def send(self, agent: str, data: str | bytes, *, end: bool = False) -> Future[bool]:
        """Write to the standard input of an agent that has ``stdin = "open"``. Returns at once.

        What is sent before the agent runs, or between two attempts, waits for it.

        Args:
            agent: its name.
            data: bytes, or text, which is written as UTF-8. A line ends with a newline: add it.
            end: whether to close its standard input after that.

        Returns:
            a future: whether it was written. False if the agent has closed its standard input, or
            has ended; that is no failure. Wait for it where more is sent than an agent can read.

        Raises:
            UsageError: the run has no such agent, its standard input is not open, or that is
                neither text nor bytes.
        """
        if self._spec_of(agent).stdin != "open":
            raise UsageError(f'{one_line(agent, 100)!r} cannot be sent to: give it stdin = "open"')
        future = Future[bool]()
        message = SendInput(agent, _raw(data), future.set, end)
        if not deliver(self._root, SendTo(self.id, message)):
            future.set(False)
        return future

    def _tell_stop(self, agents: tuple[str, ...], reason: StopReason, *, kill: bool) -> None:
        for name in agents:
            self._spec_of(name)
        deliver(self._root, StopRun(self.id, reason, kill=kill, agents=agents))

    def _spec_of(self, agent: str) -> AgentSpec:
        found = [spec for spec in self.spec.agents if spec.name == agent]
        if not found:
            raise UsageError(f"run {self.id} has no agent named {one_line(agent, 100)!r}")
        return found[0]

    def _refuse_in_a_fork(self) -> None:
        if os.getpid() != self._pid and not self.done():
            raise DispatcherClosedError(f"run {self.id} goes on in the parent process; wait there")

    def __repr__(self) -> str:
        result = self.results()
        state = result.verdict.value if result.verdict else "running"
        return f"<Run {self.id} {state}: {len(result.agents)} of {result.total} ended>"


def _raw(data: object) -> bytes:
    with suppress(UnicodeEncodeError):
        if isinstance(data, str):
            return data.encode("utf-8", "surrogateescape")
        if isinstance(data, bytes | bytearray):
            return bytes(data)
    raise UsageError(f"data: {shown(data, 100)} is not allowed: must be text or bytes")
