"""What is shown and recorded of a run, and of agents that have no actor to tell it."""

from __future__ import annotations

from actorch.actors import AgentResult, AgentRow, AgentSpec, Clock, RunRow
from actorch.actors._identity import Identity
from actorch.actors._records import RunRecord

from ._board import RunBoard
from ._verdict import Verdict

__all__ = ["run_record", "run_row", "settled_row"]


def run_record(
    board: RunBoard, owner: Identity, clock: Clock, verdict: Verdict | None, error: str | None
) -> RunRecord:
    """The run's row in the history: while it goes on, or with its verdict."""
    spec = board.spec
    return RunRecord(
        id=board.run_id,
        name=spec.name,
        spec_id=spec.spec_id,
        stage=spec.stage,
        state=verdict.value if verdict else "running",
        quorum=str(spec.quorum),
        required=board.required,
        total=len(spec.agents),
        started=board.started_at,
        directory=board.directory,
        owner_pid=owner.pid,
        owner_start_time=owner.start_time,
        boot_id=owner.boot_id,
        finished=clock.time() if verdict else None,
        duration=clock.now() - board.started if verdict else None,
        error=error,
        pid_namespace=owner.pid_namespace,
    )


def run_row(board: RunBoard, clock: Clock, verdict: Verdict | None = None) -> RunRow:
    """The run's row in the table."""
    return RunRow(
        run_id=board.run_id,
        name=board.spec.name,
        verdict=verdict.value if verdict else None,
        started=board.started,
        finished=clock.now() if verdict else None,
        required=board.required,
        total=len(board.spec.agents),
    )


def settled_row(board: RunBoard, spec: AgentSpec, result: AgentResult, now: float) -> AgentRow:
    """The row of an agent that ended without an actor."""
    return AgentRow(
        run_id=board.run_id,
        name=spec.name,
        state=result.state,
        max_attempts=spec.retry.max_attempts,
        since=now,
        finished=now,
        detail=result.note,
    )
