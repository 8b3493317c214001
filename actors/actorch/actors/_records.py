"""What the journal writes: one record for each run, agent and attempt, replaced as it goes on."""

from __future__ import annotations

import json
from typing import TypeAlias

import msgspec

from ._results import AgentResult
from ._spec import AgentSpec
from ._states import AgentState

__all__ = ["AgentRecord", "AttemptRecord", "Record", "RunRecord", "agent_record"]


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of table `runs`. Times are seconds since the epoch, durations seconds.

    Attributes:
        id: the run's id.
        state: "running", or the verdict.
        required: how many agents must succeed.
        total: how many agents it has.
        owner_pid: the process that owns the run, with its start time and boot.
        directory: where the output files are.
        error: why actorch itself gave up, if it did.
        pid_namespace: the one that `owner_pid` is a number of.
        collected: when it was seen to that nothing of an interrupted run is left.
    """

    id: str
    name: str
    spec_id: str
    stage: str
    state: str
    quorum: str
    required: int
    total: int
    started: float
    directory: str
    owner_pid: int
    owner_start_time: int
    boot_id: str
    finished: float | None = None
    duration: float | None = None
    error: str | None = None
    pid_namespace: int | None = None
    collected: float | None = None


class AgentRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of table `agents`.

    Attributes:
        position: its place in the fleet, from 0.
        state: a word of `AgentState`.
        command: the argument list, as JSON.
        attempts: how many were started.
    """

    run_id: str
    name: str
    position: int
    state: str
    command: str
    cwd: str
    attempts: int = 0
    finished: float | None = None
    duration: float | None = None
    error_class: str | None = None
    error: str | None = None


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of table `attempts`. Exit code and signal are two fields; one of them is null.

    Attributes:
        number: 1 for the first.
        start_time: of the process `pid`, in clock ticks since boot.
        survivors: processes that could not be ended, one "pid: reason" a line.
        brand: the number that its processes can be told by.
        isolation: what held them together.
        cgroup: the directory of their cgroup, if they had one.
        truncated: bytes that were printed and are not kept.
    """

    run_id: str
    agent: str
    number: int
    state: str
    stdout_path: str
    stderr_path: str
    pid: int | None = None
    start_time: int | None = None
    started: float | None = None
    finished: float | None = None
    duration: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    error_class: str | None = None
    error: str | None = None
    user_time: float | None = None
    system_time: float | None = None
    max_rss: int | None = None
    leftovers: int | None = None
    killed: int | None = None
    survivors: str | None = None
    stdout_bytes: int | None = None
    stderr_bytes: int | None = None
    brand: int | None = None
    isolation: str | None = None
    cgroup: str | None = None
    truncated: int | None = None


Record: TypeAlias = RunRecord | AgentRecord | AttemptRecord


def agent_record(
    run_id: str,
    position: int,
    spec: AgentSpec,
    cwd: str,
    result: AgentResult | None = None,
    now: float | None = None,
) -> AgentRecord:
    """An agent's row: as it waits, or with its result as it ended at `now`."""
    error = result.error if result else None
    return AgentRecord(
        run_id=run_id,
        name=spec.name,
        position=position,
        state=(result.state if result else AgentState.PENDING).value,
        command=_as_json(spec.argv),
        cwd=spec.cwd or cwd,
        attempts=len(result.attempts) if result else 0,
        finished=now,
        duration=result.duration if result else None,
        error_class=error.kind if error else None,
        error=error.message if error else None,
    )


def _as_json(argv: tuple[str, ...]) -> str:
    try:
        return msgspec.json.encode(argv).decode()
    except UnicodeEncodeError:  # surrogates, which stand for bytes that are no UTF-8
        return json.dumps(argv)
