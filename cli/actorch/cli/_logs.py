"""Carrying `actorch logs` out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from actorch.actors._errors import UsageError
from actorch.supervisors._history import History, KnownAttempt, KnownRun

from ._log_choice import Choice, chosen_agents, find_run
from ._log_options import EVERY, LAST, LogOptions
from ._log_printer import LinePrinter, RawPrinter
from ._terminal import wants_colour, write_all

__all__ = ["show_logs"]


def show_logs(options: LogOptions) -> None:
    """Show what was asked for.

    Raises:
        UsageError: there is no such run, agent or attempt.
        HistoryError: the history cannot be read.
        BrokenPipeError: nobody reads standard output.
    """
    history = History(options.state_dir)
    run = find_run(history, options.run)
    names = chosen_agents(run, history.agents(run.id), options.agents)
    attempts = history.attempts(run.id)
    choice = Choice(options, names)
    if options.attempt > LAST and not options.follow:
        _check_attempt(run, options.attempt, [one for one in attempts if one.agent in names])
    printer = _printer(options, names, attempts)
    sys.stdout.flush()
    if options.follow:
        from ._log_follow import LogFollow

        LogFollow(history, run, names, choice, printer).go_on(sys.stdout.fileno())
        return
    for source in choice.new_sources(attempts):
        printer.show(source)
        printer.end(source)


def _check_attempt(run: KnownRun, number: int, attempts: Iterable[KnownAttempt]) -> None:
    last = max((one.number for one in attempts), default=0)
    if number > last:
        there_are = f"there are {last}" if last else "there is none"
        raise UsageError(f"run {run.id} has no attempt {number} of these agents; {there_are}")


def _printer(
    options: LogOptions, names: list[str], attempts: Iterable[KnownAttempt]
) -> LinePrinter | RawPrinter:
    def write(data: bytes) -> None:
        write_all(sys.stdout.fileno(), data)

    if options.raw:
        return RawPrinter(write)
    labels = names if len(names) > 1 else []
    if options.attempt == EVERY:
        numbers = dict.fromkeys(names, 1) | {one.agent: one.number for one in attempts}
        labels = [f"{name}.{numbers[name]}" for name in names]
    return LinePrinter(
        write,
        labels,
        colour=wants_colour(sys.stdout, options.color, os.environ),
        timestamps=options.timestamps,
        encoding=sys.stdout.encoding or "utf-8",
    )
