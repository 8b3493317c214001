"""A lone command: its bytes go where they would have gone without actorch."""

from __future__ import annotations

import sys

from actorch.actors import (
    AgentOutput,
    AgentResult,
    AgentRow,
    AgentState,
    CancelledError,
    NonZeroExitError,
    SignalExitError,
)
from actorch.supervisors import RunResult

from ._tail import Tail
from ._terminal import write_all
from ._view import Following
from ._words import duration

__all__ = ["PassThrough"]


class PassThrough(Following):
    """Copies both streams, byte for byte, and says only what the command cannot say itself."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._tails: dict[str, Tail] = {}

    def show_output(self, output: AgentOutput, *, over: bool) -> None:
        """Copy what is new."""
        self._pour(output.stdout_path, sys.stdout.fileno())
        if output.stderr_path != output.stdout_path:  # else it would get what came meanwhile
            self._pour(output.stderr_path, sys.stderr.fileno())

    def show_change(self, row: AgentRow) -> None:
        """Tell of retries."""
        if row.state is AgentState.BACKOFF and row.retry_at is not None and not self._quiet:
            wait = duration(row.retry_at - row.since)
            self.say(f"{row.name}: {row.detail}; trying again in {wait}")

    def finish(self, result: RunResult | None) -> None:
        """Say why it did not end by itself."""
        if result is None:
            return
        if result.error is not None:
            self.say(result.error)
        for agent in result.agents:
            if any(attempt.survivors for attempt in agent.attempts):
                self.say(f"{agent.name}: {agent.note}")
        for agent in result.failures:
            if agent.error is not None and not _says_it_itself(agent):
                self.say(str(agent.error))

    def _pour(self, path: str, descriptor: int) -> None:
        tail = self._tails.setdefault(path, Tail(path))
        for data in tail.pieces():
            write_all(descriptor, data)


def _says_it_itself(agent: AgentResult) -> bool:
    """Whether its exit code, or its signal, tells why it did not succeed."""
    if isinstance(agent.error, NonZeroExitError):
        return agent.error.message == str(agent.exit)  # else there is a cause, as a full disk
    return isinstance(agent.error, SignalExitError | CancelledError)
