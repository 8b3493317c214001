"""Carrying a plan out: one system, one run, one view on it, and an exit code."""

from __future__ import annotations

import os
import sys

from actorch.actors import SystemClock
from actorch.actors._environment import agent_environment
from actorch.supervisors import ActorSystem, Run, RunResult
from actorch.supervisors._places import current_directory

from ._cursor import HiddenCursor
from ._documents import run_document
from ._dry_run import plan_document, plan_text, resolved
from ._exit_codes import NOT_MET, OK, exit_code, lone_exit_code
from ._feed import Feed
from ._interrupts import Interrupts
from ._json import as_json
from ._log_setup import logging_as_asked
from ._options import Options
from ._plan import Plan, make_plan
from ._terminal import can_redraw, wants_colour, write_error
from ._view import Quiet, View

__all__ = ["execute"]


def execute(options: Options) -> int:
    """Do what `actorch run` was asked to do.

    Returns:
        the exit code.

    Raises:
        ActorchError: it cannot be done; nothing was started.
        BrokenPipeError: nobody reads standard output; every agent has been stopped.
    """
    current_directory()
    plan = make_plan(options)
    if options.dry_run:
        return _show_plan(plan, options)
    with logging_as_asked(options), ActorSystem(state_dir=options.state_dir) as system:
        return _carry_out(plan, options, system)


def _show_plan(plan: Plan, options: Options) -> int:
    base = agent_environment(os.environ)
    sys.stdout.write((plan_document if options.json else plan_text)(plan.spec, base))
    return OK if all(resolved(agent, base) for agent in plan.spec.agents) else NOT_MET


def _carry_out(plan: Plan, options: Options, system: ActorSystem) -> int:
    feed = Feed()
    _connect(system, feed, output=_shows_growth(plan, options))
    run = system.run(plan.spec)
    run.add_done_callback(feed.finish)
    view = _view(plan, options, system, run)
    if system.state_problem is not None:
        view.say(f"history and output are not kept where they should be: {system.state_problem}")
    hidden = HiddenCursor(view.tick is not None)
    with Interrupts(run, view.say) as interrupts, hidden:
        result = _watched(run, feed, view, system)
    stopped = None if result.ok else interrupts.exit_code
    try:
        _report(result, plan, options, drawn=view.tick is not None)
    except OSError:
        if stopped is None:  # else the terminal is gone, and that was what stopped the run
            raise
    if stopped is not None:
        return stopped
    return lone_exit_code(result) if plan.lone else exit_code(result)


def _watched(run: Run, feed: Feed, view: View, system: ActorSystem) -> RunResult:
    """Show the run until it is over; if nobody looks any more, end it."""
    result: RunResult | None = None
    try:
        while not feed.over:
            view.show(feed.next(view.tick))
        system.snapshot()  # so that the registry has announced everything
        for event in feed.rest():
            view.show(event)
        result = run.wait()
        return result
    except OSError:
        run.stop()
        run.wait()
        raise
    finally:
        view.finish(result)


def _shows_growth(plan: Plan, options: Options) -> bool:
    """Whether anybody wants to know of output while it grows."""
    if options.events or (plan.lone and not options.json):
        return True
    return not options.quiet and options.output in (None, "prefix")


def _connect(system: ActorSystem, feed: Feed, *, output: bool) -> None:
    events = system.events
    signals = [events.run_started, events.agent_changed, events.run_finished]
    signals += [events.history_lost, events.leftovers_found]
    for signal in [*signals, events.agent_output] if output else signals:
        signal.connect(feed, weak=False)


def _view(plan: Plan, options: Options, system: ActorSystem, run: Run) -> View:
    if options.events:
        from ._event_stream import EventStream

        return EventStream(SystemClock())
    if plan.lone and not options.json:
        from ._pass_through import PassThrough

        return PassThrough(options.quiet)
    if options.quiet:
        return Quiet()
    colour = wants_colour(sys.stderr, options.color, os.environ)
    if options.output is None and can_redraw(sys.stderr, os.environ) and not options.verbose:
        from ._live import LiveTable

        return LiveTable(system.snapshot, system.clock, run.id, colour)
    return _lines(options.output, [agent.name for agent in plan.spec.agents], colour)


def _lines(output: str | None, names: list[str], colour: bool) -> View:
    if output in (None, "prefix"):
        from ._lines import Lines

        return Lines(names, colour)
    from ._pieces import Pieces, States

    return States(names, colour) if output == "none" else Pieces(names, colour, output != "group")


def _report(result: RunResult, plan: Plan, options: Options, *, drawn: bool) -> None:
    if options.events:
        return
    if options.json:
        sys.stdout.write(as_json(run_document(result, plan.spec), pretty=True) + "\n")
        return
    if plan.lone:
        return
    from ._summary import failures, table, verdict_line

    colour = wants_colour(sys.stdout, options.color, os.environ)
    if result.error is not None:
        write_error(f"actorch: {result.error}\n")
    write_error(failures(result, wants_colour(sys.stderr, options.color, os.environ)))
    if not (drawn and sys.stdout.isatty()):
        sys.stdout.write(table(result, colour))
    sys.stdout.write(verdict_line(result, colour))
