"""What is left to say when a run is over: a table, the verdict, and why agents failed."""

from __future__ import annotations

import os
from collections.abc import Callable

import click

from actorch.actors import AgentResult, AgentState
from actorch.actors._text import printable
from actorch.supervisors import RunResult

from ._columns import columns, padded
from ._words import STYLES, SYMBOLS, VERDICT_STYLES, duration, sentence

__all__ = ["failures", "table", "verdict_line"]

_HEAD = ("agent", "state", "attempts", "time", "")
_NO_BLAME = (AgentState.SUCCEEDED, AgentState.CANCELLED)
_TAIL = 10


def table(result: RunResult, colour: bool) -> str:
    """One line for each agent."""
    rows = [_HEAD, *(_row(agent) for agent in result.agents)]
    widths = [max(columns(row[column]) for row in rows) for column in range(4)]
    states = [None, *(agent.state for agent in result.agents)]
    return "".join(_line(row, widths, s, colour) for row, s in zip(rows, states, strict=True))


def _row(agent: AgentResult) -> tuple[str, str, str, str, str]:
    state = f"{SYMBOLS[agent.state]} {agent.state.value}"
    tries = str(len(agent.attempts))
    return agent.name, state, tries, duration(agent.duration), printable(agent.note)


def _line(row: tuple[str, ...], widths: list[int], state: AgentState | None, colour: bool) -> str:
    sides = False, False, True, True
    cells = [
        padded(cell, width, right=right)
        for cell, width, right in zip(row, widths, sides, strict=False)
    ]
    if state is None:
        head = "  ".join(cells)
        return (click.style(head, dim=True) if colour else head).rstrip() + "\n"
    cells[1] = _styled(cells[1], STYLES[state], colour)
    return "  ".join([*cells, row[4]]).rstrip() + "\n"


def verdict_line(result: RunResult, colour: bool) -> str:
    """The verdict, and the run's id to find it again."""
    text = sentence(result)
    if colour and result.verdict is not None:
        word, _, rest = text.partition(":")
        text = f"{_styled(word, VERDICT_STYLES[result.verdict], colour, bold=True)}:{rest}"
    return f"{text}  [run {result.run_id}]\n"


def failures(result: RunResult, colour: bool) -> str:
    """Why agents failed, their last words, and where the rest of these is."""
    blamed = [agent for agent in result.failures if agent.state not in _NO_BLAME]
    return "".join(_failure(agent, colour) for agent in blamed)


def _failure(agent: AgentResult, colour: bool) -> str:
    head = f"{agent.name}: {printable(agent.note)}"
    lines = [f"  {line}" for line in agent.tail(_TAIL)]
    named = dict.fromkeys(path for path in (agent.stdout_path, agent.stderr_path) if path)
    paths = [path for path in named if os.path.exists(path)]  # what is empty was removed
    where = f"  [output: {' '.join(paths)}]" if paths and lines else ""
    parts = [_styled(head, STYLES[agent.state], colour), *lines, *([where] if where else [])]
    return "\n".join(parts) + "\n"


def _styled(text: str, style: str, colour: bool, *, bold: bool = False) -> str:
    style_of: Callable[..., str] = click.style
    return style_of(text, fg=style, bold=bold) if colour else text
