"""What shows a run while it goes on."""

from __future__ import annotations

from typing import Protocol

from actorch.actors import AgentChanged, AgentOutput, AgentRow, AgentState, Event
from actorch.supervisors import RunResult

__all__ = ["Quiet", "View", "attempt_over", "output_of"]


class View(Protocol):
    """Shows events as they come, on the main thread.

    Attributes:
        tick: seconds after which it wants to be asked to draw again; None if never.
        wants_output: whether it wants to hear of output.
    """

    tick: float | None
    wants_output: bool

    def show(self, event: Event | None) -> None:
        """Show an event; None: time went by."""
        ...

    def say(self, text: str) -> None:
        """Tell the user something of actorch's own; from a signal handler, too."""
        ...

    def finish(self, result: RunResult | None) -> None:
        """Show the end; None: there was none, since an error came first."""
        ...


class Quiet:
    """Shows nothing but what concerns actorch itself."""

    tick: float | None = None
    wants_output = False

    def show(self, event: Event | None) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Even the quiet say this."""
        from ._terminal import say

        say(text)

    def finish(self, result: RunResult | None) -> None:
        """Nothing."""


def output_of(row: AgentRow) -> AgentOutput | None:
    """The files of the attempt a row is about."""
    if row.stdout_path is None or row.stderr_path is None:
        return None
    return AgentOutput(row.run_id, row.name, row.attempt, row.stdout_path, row.stderr_path)


def attempt_over(change: AgentChanged) -> AgentOutput | None:
    """The files of the attempt that this change ends, if it ends one."""
    row, before = change.agent, change.previous
    if before is None or not (row.state.final or row.state is AgentState.BACKOFF):
        return None
    return output_of(before)
