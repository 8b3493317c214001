"""Progress in pieces: what an agent has printed is shown when it has ended, all of it at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

from actorch.actors import AgentOutput, AgentRow
from actorch.supervisors import RunResult

from ._lines import Lines
from ._log_printer import LinePrinter
from ._log_source import Source
from ._terminal import write_error, write_error_bytes

__all__ = ["Pieces", "States"]


class States(Lines):
    """What becomes of the agents, and nothing that they print."""

    def show_output(self, output: AgentOutput, *, over: bool) -> None:
        """Nothing."""


class Pieces(Lines):
    """States as they come; at an agent's last one, what it has printed, below that line.

    A piece is copied from the agent's files: nothing is held in memory.

    Args:
        names: of the agents, in the order of the fleet.
        colour: whether to use colours.
        ordered: whether an agent's piece waits for those of the agents before it.
        write: where lines go.
        copy: where pieces go; the same place.
    """

    def __init__(
        self,
        names: Sequence[str],
        colour: bool,
        ordered: bool,
        write: Callable[[str], object] = write_error,
        copy: Callable[[bytes], object] = write_error_bytes,
    ) -> None:
        super().__init__(names, colour, write)
        self._waiting = list(names) if ordered else []
        self._attempts: dict[str, list[AgentOutput]] = {}
        self._ended: dict[str, AgentRow] = {}
        encoding = sys.stderr.encoding or "utf-8"
        self._printer = LinePrinter(copy, (), colour=colour, encoding=encoding)

    def show_output(self, output: AgentOutput, *, over: bool) -> None:
        """Remember the files of an attempt that is over."""
        if over:
            self._attempts.setdefault(output.agent, []).append(output)

    def show_change(self, row: AgentRow) -> None:
        """A line for a state; with the last one, what the agent printed, if it is its turn."""
        if not row.state.final:
            super().show_change(row)
        elif not self._waiting:
            self._show_piece(row)
        else:
            self._ended[row.name] = row
            while self._waiting and self._waiting[0] in self._ended:
                self._show_piece(self._ended.pop(self._waiting.pop(0)))

    def finish(self, result: RunResult | None) -> None:
        """Show what still waits for agents that have come to no end."""
        waiting, self._waiting = self._waiting, []
        for name in waiting:
            if name in self._ended:
                self._show_piece(self._ended.pop(name))

    def _show_piece(self, row: AgentRow) -> None:
        super().show_change(row)
        attempts = self._attempts.pop(row.name, [])
        for output in attempts:
            if len(attempts) > 1:
                self._write(f"{self._prefix(row.name, '●')} attempt {output.attempt}:\n")
            for source in _sources(output):
                self._printer.show(source)
                self._printer.end(source)


def _sources(output: AgentOutput) -> Iterable[Source]:
    for path in dict.fromkeys((output.stdout_path, output.stderr_path)):
        error = path == output.stderr_path
        yield Source((output.agent, output.attempt), path, output.agent, error)
