"""What shows a run while it goes on."""

from __future__ import annotations

from typing import Protocol

from actorch.actors import (
    AgentChanged,
    AgentOutput,
    AgentRow,
    AgentState,
    Event,
    HistoryLost,
    LeftoversFound,
)
from actorch.supervisors import RunResult

from ._terminal import say

__all__ = ["Following", "Quiet", "View", "notice"]


class View(Protocol):
    """Shows events as they come, on the main thread.

    Attributes:
        tick: seconds after which it wants to be asked to draw again; None if never.
    """

    tick: float | None

    def show(self, event: Event | None) -> None:
        """Show an event; None: time went by."""
        ...

    def say(self, text: str) -> None:
        """Tell the user something of actorch's own; from a signal handler, too."""
        ...

    def finish(self, result: RunResult | None) -> None:
        """Show the end; None: there was none, since an error came first."""
        ...


def notice(event: Event | None) -> str | None:
    """What concerns actorch itself in an event, in words; None where nothing does."""
    match event:
        case HistoryLost():
            return f"history is not being recorded: {event.reason}"
        case LeftoversFound():
            what = "process is" if event.processes == 1 else "processes are"
            runs = "run" if len(event.runs) == 1 else "runs"
            found = f"{event.processes} {what} left of {len(event.runs)} {runs} that crashed"
            return f"{found}; actorch gc lists what there is, actorch gc -y ends it"
        case _:
            return None


class Quiet:
    """Shows nothing but what concerns actorch itself."""

    tick: float | None = None

    def show(self, event: Event | None) -> None:
        """Even the quiet say what went wrong with actorch itself."""
        if text := notice(event):
            self.say(text)

    def say(self, text: str) -> None:
        """Even the quiet say this."""
        say(text)

    def finish(self, result: RunResult | None) -> None:
        """Nothing."""


class Following(Quiet):
    """Shows what agents print, and what becomes of them, as it happens."""

    def show(self, event: Event | None) -> None:
        """Hand the event to whom it concerns; an attempt's last output comes before its end."""
        match event:
            case AgentOutput():
                self.show_output(event, over=False)
            case AgentChanged():
                if ended := _attempt_over(event):
                    self.show_output(ended, over=True)
                self.show_change(event.agent)
            case _:
                super().show(event)

    def show_output(self, output: AgentOutput, *, over: bool) -> None:
        """The files have grown; with `over`, for the last time."""

    def show_change(self, row: AgentRow) -> None:
        """The agent's row is new."""


def _attempt_over(change: AgentChanged) -> AgentOutput | None:
    """The files of the attempt that this change ends, if it ends one."""
    row, before = change.agent, change.previous
    if before is None or not (row.state.final or row.state is AgentState.BACKOFF):
        return None
    if before.stdout_path is None or before.stderr_path is None:
        return None
    paths = before.stdout_path, before.stderr_path
    return AgentOutput(before.run_id, before.name, before.attempt, *paths)
