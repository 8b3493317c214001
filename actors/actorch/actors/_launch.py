"""Starting an attempt: its files, its environment, its process."""

from __future__ import annotations

import os

from ._attempt import Attempt
from ._context import RunContext
from ._deliver import Addressee, deliver
from ._messages import ProcessReport
from ._output import open_attempt, write_stdin
from ._process import Process
from ._process_events import GroupOrder, ProcessEvent, SpawnOrder
from ._spec import AgentSpec

__all__ = ["launch"]


def launch(
    spec: AgentSpec,
    run: RunContext,
    attempt: Attempt,
    group: GroupOrder | None,
    agent: Addressee,
) -> Process:
    """Ask for the attempt's process; what becomes of it is told to `agent`.

    Args:
        spec: the agent's.
        run: what it shares with the other agents.
        attempt: the one that begins.
        group: the cgroup it gets, if it gets one.
        agent: whom to tell.

    Raises:
        OSError: its files cannot be made or opened; nothing was started.
    """
    number = attempt.number
    stdin = _stdin(spec, run.directory, number)
    attempt.cgroup = None if group is None else group.path

    def report(event: ProcessEvent) -> None:
        deliver(agent, ProcessReport(number, event))

    with open_attempt(attempt.paths, stdin) as files:
        order = SpawnOrder(
            argv=spec.argv,
            env=_environment(spec, run, number),
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


def _stdin(spec: AgentSpec, directory: str, attempt: int) -> str | None:
    if spec.stdin is None:
        return spec.stdin_file
    path = f"{directory}/{spec.name}.in"
    if not os.path.exists(path):
        write_stdin(path, f"{path}.{attempt}", spec.stdin.encode("utf-8", "surrogateescape"))
    return path


def _environment(spec: AgentSpec, run: RunContext, attempt: int) -> dict[str, str]:
    environment = spec.environment(run.env)
    environment["ACTORCH_AGENT"] = spec.name
    environment["ACTORCH_ATTEMPT"] = str(attempt)
    return environment
