"""Progress where nothing can be drawn again: one line for each thing that happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from actorch.actors import AgentOutput, AgentRow, AgentState

from ._columns import prefix, prefix_width
from ._tail import LineTails
from ._terminal import write_error
from ._view import Following
from ._words import STYLES, duration

__all__ = ["Lines"]

_SHOWN = frozenset(AgentState) - {AgentState.PENDING, AgentState.QUEUED, AgentState.STARTING}


class Lines(Following):
    """Prefixed lines on standard error: states, and what the agents print.

    Args:
        names: of the agents; the longest makes the prefix's width.
        colour: whether to use colours.
        write: where lines go.
    """

    def __init__(
        self, names: Iterable[str], colour: bool, write: Callable[[str], object] = write_error
    ) -> None:
        self._width = prefix_width(names)
        self._colour = colour
        self._write = write
        self._tails = LineTails(colour)

    def show_output(self, output: AgentOutput, *, over: bool) -> None:
        """Whole lines, each with its agent's name; ║ tells what is standard error."""
        for error, lines in self._tails.lines(output, over=over):
            before = self._prefix(output.agent, "║" if error else "│")
            self._write("".join(f"{before} {line}\n" for line in lines))

    def show_change(self, row: AgentRow) -> None:
        """A line for each state that is worth one."""
        if row.state in _SHOWN:
            word = row.state.value
            if self._colour:
                word = click.style(word, fg=STYLES[row.state])
            self._write(f"{self._prefix(row.name, '●')} {word}{self._detail(row)}\n")

    def _detail(self, row: AgentRow) -> str:
        parts: list[str] = []
        if row.max_attempts > 1 and row.attempt > 1:
            parts.append(f"attempt {row.attempt} of {row.max_attempts}")
        if row.state is AgentState.RUNNING and row.pid:
            parts.append(f"pid {row.pid}")
        if row.finished is not None and row.started is not None:
            parts.append(f"in {duration(row.finished - row.started)}")
        if row.retry_at is not None:
            parts.append(f"again in {duration(row.retry_at - row.since)}")
        if row.detail:
            parts.append(row.detail)
        return f" ({'; '.join(parts)})" if parts else ""

    def _prefix(self, name: str, mark: str) -> str:
        return prefix(name, self._width, mark, self._colour)
