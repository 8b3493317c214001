"""The live table on a terminal: every agent's state, drawn again when something happened."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from actorch.actors import AgentRow, AgentState, Clock, Event, Snapshot
from actorch.supervisors import RunResult

from ._cursor import SHOW
from ._terminal import write_error
from ._view import notice
from ._words import STYLES, SYMBOLS, duration

__all__ = ["LiveTable", "chosen_rows"]

_FRAME = 0.08
"""Seconds between two frames at least."""
_RANK = {
    AgentState.STOPPING: 0,
    AgentState.RUNNING: 0,
    AgentState.STARTING: 0,
    AgentState.BACKOFF: 1,
}


class LiveTable:
    """Draws the agents of one run on standard error.

    Args:
        snapshot: gives the agent table as it is now.
        clock: what its times speak of.
        run_id: the run to show.
        colour: whether to use colours.
        console: where to draw; default standard error.
    """

    tick: float | None = 1.0

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        clock: Clock,
        run_id: str,
        colour: bool,
        console: Console | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._clock = clock
        self._run_id = run_id
        self._console = console or Console(
            file=sys.stderr, force_terminal=True, no_color=not colour, highlight=False
        )
        self._notices: list[str] = []
        self._drawn = 0.0
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()

    def show(self, event: Event | None) -> None:
        """Draw, unless that was done a moment ago: then the next event or tick will."""
        if text := notice(event):
            self._notices.append(text)
        now = self._clock.now()
        wait = self._drawn + _FRAME - now
        self.tick = max(0.01, wait) if wait > 0 else 1.0
        if wait <= 0:
            self._drawn = now
            self._draw(self._console.height - 2)

    def say(self, text: str) -> None:
        """Shown below the table from the next frame on."""
        self._notices.append(text)

    def finish(self, result: RunResult | None) -> None:
        """Draw the last frame, which stays, and give the terminal back."""
        try:
            if result is not None:
                self._draw(10_000, result)
        except OSError:
            pass  # the terminal is gone
        finally:
            self._stop()

    def _stop(self) -> None:
        try:
            self._live.stop()
        except OSError:
            write_error(SHOW)

    def _draw(self, lines: int, result: RunResult | None = None) -> None:
        taken = self._snapshot()
        rows = taken.of(self._run_id)
        shown, rest = chosen_rows(rows, lines - 2 - len(self._notices))
        parts: list[RenderableType] = [self._table(shown, taken.now)]
        if rest:
            parts.append(Text(_rest(rest), style="bright_black"))
        if result is None:
            parts.append(_progress(rows))
        parts += [Text(notice, style="yellow") for notice in self._notices]
        self._live.update(Group(*parts), refresh=True)

    def _table(self, rows: Sequence[AgentRow], now: float) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
        table.add_column("agent", no_wrap=True, max_width=max(12, self._console.width // 4))
        table.add_column("state", no_wrap=True, min_width=11)
        table.add_column("try", no_wrap=True, justify="right")
        table.add_column("time", no_wrap=True, justify="right", min_width=5)
        table.add_column("quiet", no_wrap=True, justify="right", min_width=5)
        table.add_column("last line", no_wrap=True, ratio=1, overflow="ellipsis")
        for row in rows:
            table.add_row(*self._cells(row, now))
        return table

    def _cells(self, row: AgentRow, now: float) -> list[Text]:
        style = STYLES[row.state]
        tries = f"{row.attempt}/{row.max_attempts}" if row.attempt else ""
        printed = None if row.state.final else row.last_output
        quiet = "" if printed is None else duration(max(0.0, self._clock.time() - printed))
        text = row.detail if row.state.final and row.detail else row.last_line
        if row.retry_at is not None:
            text = f"again in {duration(row.retry_at - now)}: {row.detail}"
        return [
            Text(row.name),
            Text(f"{SYMBOLS[row.state]} {row.state.value}", style=style),
            Text(tries),
            Text(duration(row.elapsed(now)) if row.started is not None else ""),
            Text(quiet),
            Text(text, style="" if row.state.final else "bright_black"),
        ]


def chosen_rows(
    rows: Sequence[AgentRow], room: int
) -> tuple[Sequence[AgentRow], Sequence[AgentRow]]:
    """The rows there is room for, and the others: what runs comes first, then what has failed.

    Args:
        rows: all, in the order of the fleet.
        room: how many lines there are.
    """
    if len(rows) <= room:
        return rows, ()
    ranked = sorted(range(len(rows)), key=lambda index: (_rank(rows[index]), index))
    kept = set(ranked[: max(1, room - 1)])
    shown = [row for index, row in enumerate(rows) if index in kept]
    return shown, [row for index, row in enumerate(rows) if index not in kept]


def _rank(row: AgentRow) -> int:
    if row.state.final:
        return 4 if row.state is AgentState.SUCCEEDED else 2
    return _RANK.get(row.state, 3)


def _rest(rows: Sequence[AgentRow]) -> str:
    counts = Counter(row.state.value for row in rows)
    return f"… and {len(rows)} more: " + ", ".join(f"{n} {word}" for word, n in counts.items())


def _progress(rows: Sequence[AgentRow]) -> Text:
    done = sum(row.state.final for row in rows)
    good = sum(row.state is AgentState.SUCCEEDED for row in rows)
    return Text(f"{done} of {len(rows)} ended, {good} succeeded", style="bright_black")
