"""A lone command: its bytes go where they would have gone without actorch."""

from __future__ import annotations

import sys
from typing import TextIO

from actorch.actors import AgentChanged, AgentOutput, AgentState, Event, HistoryLost, SpawnError
from actorch.actors import AgentTimeoutError as TimedOut
from actorch.actors._output import file_size
from actorch.supervisors import RunResult

from ._tail import Tail
from ._terminal import say
from ._view import attempt_over
from ._words import duration

__all__ = ["PassThrough"]


class PassThrough:
    """Copies both streams, byte for byte, and says only what the command cannot say itself."""

    tick: float | None = None
    wants_output = True

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._tails: dict[str, Tail] = {}

    def show(self, event: Event | None) -> None:
        """Copy what is new."""
        match event:
            case AgentOutput():
                self._copy(event)
            case AgentChanged():
                if ended := attempt_over(event):
                    self._copy(ended)
                self._tell_retry(event)
            case HistoryLost():
                self.say(f"history is not being recorded: {event.reason}")
            case _:
                pass

    def say(self, text: str) -> None:
        """One line of actorch's own."""
        say(text)

    def finish(self, result: RunResult | None) -> None:
        """Say why it did not end by itself."""
        if result is None:
            return
        if result.error is not None:
            self.say(result.error)
        for agent in result.failures:
            if isinstance(agent.error, SpawnError | TimedOut):
                self.say(f"{agent.name}: {agent.error.message}")

    def _tell_retry(self, change: AgentChanged) -> None:
        row = change.agent
        if row.state is AgentState.BACKOFF and row.retry_at is not None and not self._quiet:
            wait = duration(row.retry_at - row.since)
            self.say(f"{row.name}: {row.detail}; trying again in {wait}")

    def _copy(self, output: AgentOutput) -> None:
        self._pour(output.stdout_path, sys.stdout)
        self._pour(output.stderr_path, sys.stderr)

    def _pour(self, path: str, stream: TextIO) -> None:
        tail = self._tails.setdefault(path, Tail(path))
        end = file_size(path)  # it may grow faster than it can be copied
        while tail.offset < end and (data := tail.read()):
            stream.buffer.write(data)
            stream.flush()
