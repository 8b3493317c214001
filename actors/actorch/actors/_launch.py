"""Starting an attempt: its streams, its environment, its process."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

from ._attempt import Attempt
from ._brand import new_brand
from ._context import RunContext
from ._deliver import Addressee, deliver
from ._dispatcher import Dispatcher
from ._events import AgentOutput
from ._input import OpenInput, input_path
from ._isolation import Confinement
from ._messages import LimitReached, ProcessReport, StopReason
from ._output import output_paths
from ._output_limit import OutputLimit
from ._piped_stdio import PipeStdio, PtyStdio
from ._process_events import GroupOrder, ProcessEvent, SpawnOrder
from ._processes import OwnedProcess
from ._spec import AgentSpec
from ._stdio import FileStdio, Stdio, write_stdin

__all__ = ["follow", "launch", "new_attempt"]


def new_attempt(spec: AgentSpec, run: RunContext, number: int, confinement: Confinement) -> Attempt:
    """The attempt that is to come."""
    paths = output_paths(run.directory, spec.name, number, merged=spec.merged)
    output = AgentOutput(run.run_id, spec.name, number, paths.stdout, paths.stderr)
    return Attempt(number, output, new_brand(), confinement.isolation)


def follow(spec: AgentSpec, run: RunContext, attempt: Attempt, agent: Addressee) -> None:
    """Have its output announced, and looked at where there is a limit of it."""
    if spec.output_max is None:
        run.growth.begin(attempt.output)
        return
    keep_tail = spec.on_output_max == "keep-tail"
    limit = attempt.limit = OutputLimit(attempt.paths.each, spec.output_max, keep_tail)
    reached = LimitReached(attempt.number, StopReason.OUTPUT)

    def look() -> None:
        if limit.exceeded():
            deliver(agent, reached)

    run.growth.begin(attempt.output, look)


def launch(
    spec: AgentSpec,
    run: RunContext,
    attempt: Attempt,
    group: GroupOrder | None,
    agent: Addressee,
    dispatcher: Dispatcher,
) -> OwnedProcess:
    """Ask for the attempt's process; what becomes of it is told to `agent`.

    Args:
        spec: the agent's.
        run: what it shares with the other agents.
        attempt: the one that begins.
        group: the cgroup it gets, if it gets one.
        agent: whom to tell.
        dispatcher: whose loop moves what it reads and writes.

    Raises:
        OSError: its streams cannot be made or opened; nothing was started.
    """
    number = attempt.number
    attempt.cgroup = None if group is None else group.path
    environment = _environment(spec, run, number)

    def report(event: ProcessEvent) -> None:
        deliver(agent, ProcessReport(number, event))

    def complain(why: str) -> None:
        attempt.trouble = why
        deliver(agent, LimitReached(number, StopReason.UNWRITTEN))

    stdio: Stdio
    if spec.stdio == "file":
        stdio = FileStdio(attempt.paths)
    elif spec.stdio == "pipe":
        stdio = PipeStdio(dispatcher, attempt.paths, complain)
    else:
        spoken_to = spec.stdin == "open"
        stdio = PtyStdio(dispatcher, attempt.paths, complain, environment, spoken_to)
    attempt.stdio = stdio
    with _input(spec, run.directory, attempt, dispatcher) as stdin, stdio.open(stdin) as files:
        if attempt.input is not None and isinstance(stdio, PtyStdio):
            attempt.input.type_on(stdio.keyboard)
        order = SpawnOrder(
            argv=spec.argv,
            env=environment,
            cwd=spec.cwd or run.cwd,
            stdin=files.stdin,
            stdout=files.stdout,
            stderr=files.stderr,
            keep_descendants=spec.keep_descendants,
            session_only=attempt.isolation == "session",
            apart=attempt.isolation == "pidns",
            brand=attempt.brand,
            group=group,
        )
        return run.host.spawn(order, report)


@contextmanager
def _input(
    spec: AgentSpec, directory: str, attempt: Attempt, dispatcher: Dispatcher
) -> Generator[int | None]:
    """What the attempt reads; closed at the end, since its process has it then."""
    if spec.stdin == "open":
        path = input_path(directory, spec.name, attempt.number)
        attempt.input = OpenInput(dispatcher, path)
        yield attempt.input.reader
        if spec.stdio != "pty":
            attempt.input.hand_over()
        return
    source = spec.stdin_file if spec.stdin is None else _prompt(spec, directory, attempt.number)
    if source is None:
        yield None
        return
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _prompt(spec: AgentSpec, directory: str, attempt: int) -> str:
    path, text = f"{directory}/{spec.name}.in", spec.stdin or b""
    if not os.path.exists(path):
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        write_stdin(path, f"{path}.{attempt}", data)
    return path


def _environment(spec: AgentSpec, run: RunContext, attempt: int) -> dict[str, str]:
    environment = spec.environment(run.env)
    environment["ACTORCH_AGENT"] = spec.name
    environment["ACTORCH_ATTEMPT"] = str(attempt)
    if spec.stdio == "pty":
        environment.setdefault("TERM", "xterm-256color")
    return environment
